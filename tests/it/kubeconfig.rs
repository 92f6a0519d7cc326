//! `cardwright kubeconfig`: what becomes of the user's own file, as kubectl reads it.

#![cfg(unix)]

use crate::support::{Workshop, assert_snapshot, content, listing, oracle, text};
use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::process::Output;

/// A file of somebody with two clusters, with what this program does not know.
const THEIRS: &str = "\
# mine
apiVersion: v1
clusters:
- cluster:
    extensions:
    - extension: {last-update: \"0755\", provider: minikube.sigs.k8s.io}
      name: cluster_info
    insecure-skip-tls-verify: yes
    server: https://127.0.0.1:6443
  name: zebra
- cluster: {server: \"https://10.0.0.1:6443\", certificate-authority: /etc/ca.crt}
  name: ant
contexts:
- context: {cluster: zebra, user: zebra, namespace: \"on\"}
  name: zebra
- context: {cluster: ant, user: ant}
  name: ant
current-context: ant
kind: Config
preferences: {colors: true}
users:
- name: zebra
  user:
    exec:
      apiVersion: client.authentication.k8s.io/v1
      args: [token, \"--id=1e3\", \"\"]
      command: kubelogin
      env: null
      interactiveMode: IfAvailable
- name: ant
  user: {token: \"0123\"}
";

/// A cluster that was built, in the home of somebody.
struct Home(Workshop);

impl Home {
    fn built() -> Self {
        let workshop = Workshop::with_example();
        workshop.succeed(["build", "--image", "demo", "--only", "north", "--format", "img"]);
        Self(workshop)
    }

    /// Writes the user's own kubeconfig.
    fn write(&self, text: &str) {
        fs::create_dir_all(self.0.path(".kube")).unwrap();
        fs::write(self.0.path(".kube/config"), text).unwrap();
    }

    fn read(&self, file: &str) -> String {
        fs::read_to_string(self.0.path(file)).unwrap()
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let mut command = self.0.command();
        command.env("HOME", self.0.path("")).env_remove("KUBECONFIG").arg("kubeconfig").args(arguments);
        command.output().unwrap()
    }

    fn merge(&self, arguments: &[&str]) -> String {
        let output = self.run(&[&["--merge"], arguments].concat());
        assert!(output.status.success(), "{}", text(&output.stderr));
        self.0.seen(&output)
    }
}

/// What kubectl makes of a kubeconfig.
fn view(file: &Path) -> Option<Value> {
    let mut kubectl = oracle("kubectl")?;
    kubectl.arg("--kubeconfig").arg(file).args(["config", "view", "--raw", "-o", "json"]);
    Some(serde_json::from_str(&content(kubectl)).unwrap())
}

/// Takes the entries of a name out of a list.
fn take(config: &mut Value, list: &str, name: &str) -> Vec<Value> {
    let entries = config[list].as_array_mut().unwrap();
    let (taken, left) = entries.drain(..).partition(|entry| entry["name"] == name);
    *entries = left;
    taken
}

#[test]
fn the_path_is_printed_where_there_is_a_kubeconfig() {
    let home = Home(Workshop::with_example());
    assert_snapshot!("kubeconfig__not_built", home.0.seen(&home.run(&[])));
    let home = Home::built();
    let said = text(&home.run(&[]).stdout);
    assert_eq!(said, format!("{}\n", home.0.path("images/kubeconfig").display()));
    let single = "cluster: single\nimage: demo\nnetwork: {prefix: 24, gateway: 10.1.1.1}\n\
                  nodes:\n  - {name: alone, address: 10.1.1.2}\n";
    let home = Home(Workshop::with_nodes(single));
    let output = home.run(&["--merge"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("has no k3s"), "{}", text(&output.stderr));
    assert!(!home.0.path(".kube").exists());
}

#[test]
fn a_first_kubeconfig_is_ours_and_private() {
    let home = Home::built();
    assert_snapshot!("kubeconfig__first", home.merge(&[]));
    let mode = fs::metadata(home.0.path(".kube/config")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(listing(&home.0.path(".kube")).keys().collect::<Vec<_>>(), ["config"]);
    let Some(merged) = view(&home.0.path(".kube/config")) else { return };
    assert_eq!(merged, view(&home.0.path("images/kubeconfig")).unwrap());
    assert!(home.merge(&[]).contains("was already in"));
    assert_eq!(listing(&home.0.path(".kube")).len(), 1, "a backup of what did not change");
}

#[test]
fn what_others_have_in_it_stays() {
    let home = Home::built();
    home.write(THEIRS);
    assert_snapshot!("kubeconfig__merged", home.merge(&[]));
    assert_eq!(home.read(".kube/config.bak"), THEIRS);
    let mode = fs::metadata(home.0.path(".kube/config.bak")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(listing(&home.0.path(".kube")).len(), 2, "the lock stayed");
    // The order is what kubectl shows, too.
    let merged = home.read(".kube/config");
    assert!(merged.find("name: zebra").unwrap() < merged.find("name: ant").unwrap());
    let Some(mut merged) = view(&home.0.path(".kube/config")) else { return };
    let mut ours = view(&home.0.path("images/kubeconfig")).unwrap();
    for (list, name) in [("clusters", "compass"), ("users", "compass-admin"), ("contexts", "compass")] {
        let found = take(&mut merged, list, name);
        assert_eq!(found.len(), 1);
        assert_eq!(found, take(&mut ours, list, name));
    }
    assert_eq!(merged, view(&home.0.path(".kube/config.bak")).unwrap());
    assert_eq!(merged["current-context"], "ant");
    home.merge(&["--use"]);
    assert_eq!(view(&home.0.path(".kube/config")).unwrap()["current-context"], "compass");
    assert!(home.0.path(".kube/config.bak1").exists());
}

#[test]
fn what_the_user_added_to_ours_stays_when_it_is_merged_again() {
    let home = Home::built();
    home.merge(&[]);
    let own = home.0.path(".kube/config");
    let Some(mut kubectl) = oracle("kubectl") else { return };
    kubectl.arg("--kubeconfig").arg(&own);
    content({
        kubectl.args(["config", "set-context", "compass", "--namespace", "web"]);
        kubectl
    });
    // A build with another address of the same cluster.
    let source = home.read("images/kubeconfig");
    fs::write(home.0.path("images/kubeconfig"), source.replace("192.168.50.11", "192.168.50.99")).unwrap();
    home.merge(&[]);
    let merged = view(&own).unwrap();
    let context = json!({"cluster": "compass", "user": "compass-admin", "namespace": "web"});
    assert_eq!(merged["contexts"], json!([{"name": "compass", "context": context}]));
    assert_eq!(merged["clusters"][0]["cluster"]["server"], "https://192.168.50.99:6443");
}

#[test]
fn another_cluster_of_the_same_name_is_replaced_on_demand_only() {
    let home = Home::built();
    let other = Home(Workshop::with_example());
    let mut build = other.0.command();
    build.env("CARDWRIGHT_SECRET", "5a".repeat(32)).args(["build", "--image", "demo", "--format", "img"]);
    content(build);
    let theirs = other.read("images/kubeconfig");
    home.write(&theirs);
    assert_snapshot!("kubeconfig__other_cluster", home.0.seen(&home.run(&["--merge"])));
    // A user, and a context, of that name alone are another's as well.
    let alone = "apiVersion: v1\nkind: Config\nusers: [{name: compass-admin, user: {token: x}}]\n";
    home.write(alone);
    assert!(text(&home.run(&["--merge"]).stderr).contains("has a user `compass-admin` already"));
    let dangling = "contexts: [{name: compass, context: {cluster: gone, user: gone}}]\n";
    home.write(dangling);
    assert!(text(&home.run(&["--merge"]).stderr).contains("has a context `compass` already"));
    assert_eq!(home.read(".kube/config"), dangling);
    assert_eq!(listing(&home.0.path(".kube")).len(), 1);

    home.write(&theirs);
    home.merge(&["--force"]);
    assert_eq!(home.read(".kube/config.bak"), theirs);
    let Some(merged) = view(&home.0.path(".kube/config")) else { return };
    assert_eq!(merged, view(&home.0.path("images/kubeconfig")).unwrap());
}

#[test]
fn the_file_is_the_one_that_is_meant() {
    let home = Home::built();
    let merge = |variable: String, arguments: &[&str]| {
        let mut command = home.0.command();
        command.env("HOME", home.0.path("")).env("KUBECONFIG", variable).args(["kubeconfig", "--merge"]);
        command.args(arguments).output().unwrap()
    };
    assert!(merge(":deep/first:second".to_owned(), &[]).status.success());
    assert!(home.0.path("deep/first").is_file() && !home.0.path("second").exists());
    assert!(merge("second".to_owned(), &["--into", "third"]).status.success());
    assert!(home.0.path("third").is_file() && !home.0.path("second").exists());
    // A link stays one, and what it leads to is changed.
    fs::write(home.0.path("dotfile"), THEIRS).unwrap();
    symlink(home.0.path("dotfile"), home.0.path("link")).unwrap();
    assert!(merge("link".to_owned(), &[]).status.success());
    assert!(home.0.path("link").is_symlink() && home.read("dotfile").contains("compass"));

    let before = home.read("images/kubeconfig");
    let output = merge("images/kubeconfig".to_owned(), &[]);
    assert!(text(&output.stderr).contains("is the cluster's own kubeconfig"), "{}", text(&output.stderr));
    assert_eq!(home.read("images/kubeconfig"), before);
    assert!(!home.0.path(".kube").exists());
}

#[test]
fn a_file_that_is_none_or_in_use_is_left_alone() {
    let home = Home::built();
    for (broken, reason) in [
        ("- a\n", "it holds no keys and values"),
        ("clusters: {}\n", "`clusters` is no list"),
        ("users: [\n", "line"),
        ("kind: Config\nkind: Config\n", "duplicate"),
    ] {
        home.write(broken);
        let output = home.run(&["--merge"]);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1));
        assert!(said.contains("is not a kubeconfig: ") && said.contains(reason), "{said}");
        assert_eq!(home.read(".kube/config"), broken);
    }
    home.write(THEIRS);
    fs::write(home.0.path(".kube/config.lock"), "").unwrap();
    let said = text(&home.run(&["--merge"]).stderr);
    assert!(said.contains("another program is changing the kubeconfig"), "{said}");
    assert_eq!(home.read(".kube/config"), THEIRS);
    // Empty files and empty lists are kubeconfigs to kubectl, too.
    fs::remove_file(home.0.path(".kube/config.lock")).unwrap();
    for empty in [
        "",
        "apiVersion: v1\nclusters: null\ncontexts: []\ncurrent-context: \"\"\nkind: Config\nusers: null\n",
    ] {
        home.write(empty);
        home.merge(&[]);
        let Some(merged) = view(&home.0.path(".kube/config")) else { return };
        assert_eq!(merged["current-context"], "compass");
    }
}
