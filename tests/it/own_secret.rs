//! A folder knows the secret that its files were made with: a lost or another one founds no second cluster unseen.

use crate::support::{SECRET, SERVER_AND_AGENT, Workshop, assert_snapshot, listing, oracle, text};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

const OTHER: &str = "5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a";

/// The files that open the nodes of a cluster.
const KEYS: [&str; 4] = ["id_ed25519", "id_ed25519.pub", "known_hosts", "kubeconfig"];

/// A cluster that was built with the fixed secret, which lies beside nodes.yaml.
fn built() -> Workshop {
    let workshop = Workshop::with_nodes(SERVER_AND_AGENT);
    put_secret(&workshop, SECRET);
    let output = run(&workshop, &["build"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    workshop
}

fn put_secret(workshop: &Workshop, secret: &str) {
    use std::os::unix::fs::PermissionsExt as _;
    let path = workshop.path("cluster.secret");
    fs::write(&path, format!("{secret}\n")).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}

/// Runs the program without a secret in the environment.
fn run(workshop: &Workshop, arguments: &[&str]) -> Output {
    workshop.command().args(arguments).output().unwrap()
}

fn files(workshop: &Workshop) -> [BTreeMap<String, Vec<u8>>; 2] {
    ["", "images"].map(|folder| listing(&workshop.path(folder)))
}

/// Runs the program, which has to fail and to change nothing; returns what was said.
#[track_caller]
fn refused(workshop: &Workshop, command: &mut Command) -> String {
    let before = files(workshop);
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    assert!(files(workshop) == before, "something changed: {}", text(&output.stderr));
    text(&output.stderr)
}

const COMMANDS: [&[&str]; 6] = [
    &["build"],
    &["build", "--output", "images"],
    &["plan"],
    &["verify", "images/north.img.xz"],
    &["verify", "--all"],
    &["flash", "north", "--to", "/dev/sdX", "--yes"],
];

#[test]
fn without_its_secret_nothing_is_made_or_compared() {
    let workshop = built();
    fs::remove_file(workshop.path("cluster.secret")).unwrap();
    let said = refused(&workshop, workshop.command().arg("build"));
    assert_snapshot!("own_secret__lost", said);
    for arguments in COMMANDS {
        assert_eq!(refused(&workshop, workshop.command().args(arguments)), said, "{arguments:?}");
    }
    // A secret that is made for other results would be that of these, too.
    refused(&workshop, workshop.command().args(["build", "--output", "elsewhere"]));
    // The way in stays.
    assert!(run(&workshop, &["kubeconfig"]).status.success());
    put_secret(&workshop, SECRET);
    for arguments in [&["build"][..], &["plan"], &["verify", "--all"]] {
        assert!(run(&workshop, arguments).status.success(), "{arguments:?}");
    }
}

#[test]
fn with_another_secret_nothing_is_made_or_compared() {
    let workshop = built();
    put_secret(&workshop, OTHER);
    let said = refused(&workshop, workshop.command().arg("build"));
    assert_snapshot!("own_secret__other", said);
    for arguments in COMMANDS {
        assert_eq!(refused(&workshop, workshop.command().args(arguments)), said, "{arguments:?}");
    }
    fs::remove_file(workshop.path("cluster.secret")).unwrap();
    let by_variable = |arguments: &[&str]| {
        let mut command = workshop.command();
        command.env("CARDWRIGHT_SECRET", OTHER).args(arguments);
        command
    };
    for arguments in COMMANDS {
        assert_eq!(refused(&workshop, &mut by_variable(arguments)), said, "{arguments:?}");
    }
    // Other results are another cluster's, and an image elsewhere only differs.
    assert!(by_variable(&["build", "--output", "elsewhere"]).output().unwrap().status.success());
    assert!(by_variable(&["verify", "elsewhere/north.img.xz"]).output().unwrap().status.success());
}

#[test]
fn a_variable_that_differs_from_the_file_is_an_error() {
    let workshop = built();
    let mut command = workshop.command();
    command.env("CARDWRIGHT_SECRET", OTHER).arg("build");
    assert_snapshot!("own_secret__two", refused(&workshop, &mut command));
    workshop.succeed(["build"]);
}

/// Takes away what versions before did not write.
fn without_fingerprints(workshop: &Workshop) {
    fs::remove_file(workshop.path("images/secret.fingerprint")).unwrap();
    let path = workshop.path("images/build.json");
    let mut statement: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    let parameters = &mut statement["predicate"]["buildDefinition"]["externalParameters"];
    assert_eq!(
        parameters.as_object_mut().unwrap().remove("secretFingerprint").unwrap().as_str().unwrap().len(),
        32
    );
    fs::write(path, statement.to_string()).unwrap();
}

#[test]
fn results_of_the_version_before_are_known_by_their_keys() {
    let workshop = built();
    without_fingerprints(&workshop);
    put_secret(&workshop, OTHER);
    let said = refused(&workshop, workshop.command().arg("build"));
    for name in KEYS {
        assert!(said.contains(&format!("  images/{name}: with another\n")), "{said}");
    }
    // Also where build.json is gone.
    fs::remove_file(workshop.path("images/build.json")).unwrap();
    refused(&workshop, workshop.command().arg("build"));
    put_secret(&workshop, SECRET);
    assert!(run(&workshop, &["build"]).status.success());
    // No false alarm.
    without_fingerprints(&workshop);
    for arguments in [&["plan"][..], &["verify", "--all"], &["build"]] {
        let output = run(&workshop, arguments);
        assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
    }
}

#[test]
fn cards_say_which_secret_they_were_written_with() {
    let workshop = built();
    fs::remove_dir_all(workshop.path("images")).unwrap();
    let fingerprint =
        |secret: &str| cardwright::identity::ClusterSecret::from_hex(secret).unwrap().fingerprint();
    let log = |cluster: &str, secret: Option<String>| {
        let mut card = json!({
            "cluster": cluster, "node": "north", "device": "/dev/sdb", "size": 1000, "time": 0, "date": "1970-01-01",
            "written": 10, "sha256": "0".repeat(64),
        });
        if let Some(secret) = secret {
            card["secret"] = secret.into();
        }
        fs::write(workshop.path("cards.json"), json!({ "cards": [card] }).to_string()).unwrap();
    };
    log("compass", Some(fingerprint(OTHER).to_string()));
    let said = refused_without_images(&workshop);
    assert!(said.contains(&format!("  cards.json: with {}\n", fingerprint(OTHER).short())), "{said}");
    for (cluster, secret) in [("compass", Some(SECRET)), ("compass", None), ("other", Some(OTHER))] {
        log(cluster, secret.map(|secret| fingerprint(secret).to_string()));
        let output = run(&workshop, &["plan"]);
        assert!(output.status.success(), "{cluster}: {}", text(&output.stderr));
    }
    log("compass", None);
    fs::remove_file(workshop.path("cluster.secret")).unwrap();
    assert!(refused_without_images(&workshop).contains("with one:\n  cards.json\n"));
    // The cards are set aside as the keys are.
    let output = run(&workshop, &["build", "--new-cluster"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(fs::read_to_string(workshop.path("images/old-cluster-1/cards.json")).unwrap().contains("north"));
    assert!(!fs::read_to_string(workshop.path("cards.json")).unwrap().contains("north"));
}

fn refused_without_images(workshop: &Workshop) -> String {
    let output = run(workshop, &["build"]);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    assert!(!workshop.path("images").exists());
    text(&output.stderr)
}

/// Returns what `ssh` makes of an ssh_config for a node; `None` without ssh.
fn understood(workshop: &Workshop, config: &str) -> Option<String> {
    let output =
        oracle("ssh")?.args(["-G", "-F", config, "north"]).current_dir(workshop.path("")).output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    Some(text(&output.stdout))
}

#[test]
fn a_new_cluster_moves_what_is_of_the_old_one_aside() {
    let workshop = built();
    let old = listing(&workshop.path("images"));
    // In CI and with `--locked` no secret is made, and then nothing is moved.
    fs::remove_file(workshop.path("cluster.secret")).unwrap();
    refused(&workshop, workshop.command().args(["build", "--new-cluster", "--locked"]));
    let output = run(&workshop, &["build", "--new-cluster"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert_snapshot!(
        "own_secret__new_cluster",
        text(&output.stderr).lines().take(2).collect::<Vec<_>>().join("\n")
    );
    let (aside, new) = (listing(&workshop.path("images/old-cluster-1")), listing(&workshop.path("images")));
    for name in KEYS {
        assert!(aside[name] == old[name] && new[name] != old[name], "{name}");
    }
    assert_eq!(aside["build.json"], old["build.json"]);
    // The last source of cards for nodes that run.
    let images: Vec<_> = old.keys().filter(|name| name.contains(".img") && !name.contains(".bmap")).collect();
    assert!(!images.is_empty());
    for name in images {
        assert!(aside[name] == old[name], "{name}");
    }
    assert_eq!(mode(&workshop.path("images/old-cluster-1")), 0o700);
    for folder in ["images", "images/old-cluster-1"] {
        let Some(understood) = understood(&workshop, &format!("{folder}/ssh_config")) else { break };
        for line in
            [format!("identityfile {folder}/id_ed25519"), format!("userknownhostsfile {folder}/known_hosts")]
        {
            assert!(understood.lines().any(|found| found == line), "{line} is not in {understood}");
        }
    }
    // Once more, the secret is that of the cluster, and no other one is begun with it.
    let output = run(&workshop, &["build", "--new-cluster"]);
    let said = text(&output.stderr);
    assert!(!output.status.success() && said.contains("cluster.secret away first"), "{said}");
    assert!(!workshop.path("images/old-cluster-2").exists());
    // A third one, in which the move was cut off before.
    put_secret(&workshop, OTHER);
    let second = listing(&workshop.path("images"));
    fs::create_dir(workshop.path("images/old-cluster-2")).unwrap();
    fs::rename(workshop.path("images/known_hosts"), workshop.path("images/old-cluster-2/known_hosts"))
        .unwrap();
    let output = run(&workshop, &["build", "--new-cluster"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    for (name, folder) in [("known_hosts", 2), ("id_ed25519", 3), ("kubeconfig", 3)] {
        let aside = fs::read(workshop.path(&format!("images/old-cluster-{folder}/{name}"))).unwrap();
        assert!(aside == second[name], "{name}");
    }
    assert!(run(&workshop, &["verify", "--all"]).status.success());
}

#[test]
fn what_is_somebodys_own_stops_a_new_cluster_before_anything_is_moved() {
    let workshop = built();
    put_secret(&workshop, OTHER);
    fs::write(workshop.path("images/kubeconfig"), "mine").unwrap();
    let said = refused(&workshop, workshop.command().args(["build", "--new-cluster"]));
    assert!(said.contains("images/kubeconfig was not written by cardwright"), "{said}");
}

#[test]
fn shards_of_another_secret_are_not_merged_over_the_cluster() {
    let workshop = built();
    for number in ["1", "2"] {
        let (shard, folder) = (format!("{number}/2"), format!("shard-{number}"));
        let mut command = workshop.command();
        put_secret(&workshop, OTHER);
        command.args(["build", "--shard", &shard, "--output", &folder]);
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", text(&output.stderr));
    }
    put_secret(&workshop, SECRET);
    let said = refused(&workshop, workshop.command().args(["merge", "shard-1", "shard-2"]));
    assert!(said.contains("the one at hand is ec71699f"), "{said}");
}

fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt as _;
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}
