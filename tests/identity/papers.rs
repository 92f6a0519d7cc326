//! The papers beside the images.

use crate::support::{Workshop, content, judge, text};
use std::fs;
use std::path::Path;

/// Compares with what is in tests/identity/vectors, which never changes for the fixed secret.
fn assert_vector(workshop: &Workshop, name: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/identity/vectors").join(name);
    let found = fs::read_to_string(workshop.path(&format!("images/{name}"))).unwrap();
    if std::env::var_os("CARDWRIGHT_WRITE_VECTORS").is_some() {
        fs::write(&path, &found).unwrap();
    }
    assert_eq!(found, fs::read_to_string(path).unwrap(), "{name}");
}

/// A build at a fixed time, of the example and the fixed secret.
fn built() -> Workshop {
    let workshop = Workshop::with_example();
    let mut command = workshop.command();
    command.env("CARDWRIGHT_SECRET", crate::support::SECRET).env("SOURCE_DATE_EPOCH", "1791244800");
    content({
        command.args(["build", "--format", "img", "--image", "demo"]);
        command
    });
    workshop
}

#[test]
fn the_papers_of_a_fixed_secret_never_change() {
    let workshop = built();
    for name in ["known_hosts", "ssh_config", "kubeconfig", "id_ed25519", "id_ed25519.pub"] {
        assert_vector(&workshop, name);
    }
}

#[cfg(unix)]
#[test]
fn papers_with_secrets_are_their_owners_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let workshop = built();
    for (name, expected) in [("kubeconfig", 0o600), ("id_ed25519", 0o600), ("north.img", 0o600)] {
        let mode = fs::metadata(workshop.path(&format!("images/{name}"))).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, expected, "{name}");
    }
}

#[test]
fn a_fresh_clone_with_the_secret_gives_the_same_papers_and_cards() {
    let first = Workshop::with_example();
    content({
        let mut command = first.command();
        command.args(["build", "--format", "img", "--image", "demo"]);
        command
    });
    let second = Workshop::with_example();
    fs::copy(first.path("cluster.secret"), second.path("cluster.secret")).unwrap();
    content({
        let mut command = second.command();
        command.args(["build", "--format", "img", "--image", "demo", "--locked"]);
        command
    });
    let names = |workshop: &Workshop| {
        let mut names: Vec<_> = fs::read_dir(workshop.path("images"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    };
    let found = names(&first);
    assert_eq!(found.len(), 11, "{found:?}");
    assert_eq!(found, names(&second));
    for name in found {
        let read = |workshop: &Workshop| fs::read(workshop.path(&format!("images/{name}"))).unwrap();
        assert!(read(&first) == read(&second), "{name} differs");
    }
}

#[test]
fn ssh_keygen_finds_every_node_by_name_and_address() {
    let workshop = built();
    let known_hosts = workshop.path("images/known_hosts");
    for (name, address) in [("north", "192.168.50.11"), ("west", "192.168.50.14")] {
        let mut keys = Vec::new();
        for host in [name, address] {
            let Some(mut keygen) = judge("ssh-keygen") else { return };
            keygen.args(["-l", "-F", host, "-f"]).arg(&known_hosts);
            let found = content(keygen);
            let line = found.lines().find(|line| !line.starts_with('#')).unwrap();
            keys.push(line.split(' ').nth(2).unwrap().to_owned());
        }
        let Some(public) = crate::card_file(
            &workshop.path(&format!("images/{name}.img")),
            "/etc/ssh/cardwright_host_ed25519_key.pub",
        ) else {
            return;
        };
        fs::write(workshop.path("host.pub"), public).unwrap();
        let mut keygen = judge("ssh-keygen").unwrap();
        keygen.args(["-l", "-f"]).arg(workshop.path("host.pub"));
        let fingerprint = content(keygen).split(' ').nth(1).unwrap().to_owned();
        assert_eq!(keys, [fingerprint.clone(), fingerprint], "{name}");
    }
    let mut stranger = judge("ssh-keygen").unwrap();
    stranger.args(["-F", "192.168.50.15", "-f"]).arg(&known_hosts);
    assert!(!stranger.output().unwrap().status.success());
}

#[test]
fn ssh_reads_the_configuration_from_the_folder_of_nodes_yaml() {
    let workshop = built();
    for host in ["north", "192.168.50.11"] {
        let Some(mut ssh) = judge("ssh") else { return };
        ssh.current_dir(workshop.path("")).args(["-G", "-F", "images/ssh_config", host]);
        let settings = content(ssh);
        for line in [
            "hostname 192.168.50.11",
            "user pi",
            "identityfile images/id_ed25519",
            "userknownhostsfile images/known_hosts",
            "hostkeyalgorithms ssh-ed25519",
            "stricthostkeychecking true",
        ] {
            assert!(settings.lines().any(|found| found == line), "{line} is not in\n{settings}");
        }
    }
}

#[test]
fn another_folder_for_the_results_is_named_as_it_is_seen_from_nodes_yaml() {
    let workshop = Workshop::with_example();
    let config = |output: &str| {
        workshop.succeed(["build", "--format", "img", "--image", "demo", "--output", output]);
        fs::read_to_string(workshop.path(output).join("ssh_config")).unwrap()
    };
    assert!(config("./my results").contains("    UserKnownHostsFile \"my results/known_hosts\"\n"));
    let elsewhere = tempfile::tempdir().unwrap();
    let folder = elsewhere.path().to_str().unwrap();
    assert!(config(folder).contains(&format!("    UserKnownHostsFile {folder}/known_hosts\n")));

    // From another folder than that of nodes.yaml, the advice goes there first.
    fs::create_dir(workshop.path("below")).unwrap();
    fs::rename(workshop.path("nodes.yaml"), workshop.path("below/nodes.yaml")).unwrap();
    let output = workshop.run(["build", "--format", "img", "--image", "demo", "below/nodes.yaml"]);
    let advice = text(&output.stderr);
    assert!(advice.contains("\n  cd below && ssh -F images/ssh_config north\n"), "{advice}");
    assert!(advice.contains("\n  kubectl --kubeconfig below/images/kubeconfig get nodes\n"), "{advice}");
    let config = fs::read_to_string(workshop.path("below/images/ssh_config")).unwrap();
    assert!(config.contains("    UserKnownHostsFile images/known_hosts\n"), "{config}");
}

#[test]
fn without_k3s_there_is_no_kubeconfig() {
    let workshop = Workshop::with_nodes(
        "cluster: single\nimage: demo\nnetwork: {prefix: 24, gateway: 10.1.1.1}\nnodes: [{name: alone, address: 10.1.1.2}]\n",
    );
    workshop.succeed(["build", "--format", "img"]);
    assert!(workshop.path("images/known_hosts").exists());
    assert!(!workshop.path("images/kubeconfig").exists());
}
