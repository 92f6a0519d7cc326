//! `cardwright upgrade`, with an `ssh` that runs what the nodes would run here, each in a folder.

#![cfg(unix)]

use crate::support::{Workshop, assert_snapshot, text};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Output};

/// An `ssh` to a node whose `/usr/local/bin` and `/srv` are in the folder of its name, and whose other programs are in `bin`.
const SSH: &str = r#"#!/bin/sh
node=$3
for command; do :; done
[ ! -e "$PWD/$node.unreachable" ] || { echo "ssh: connect to host $node port 22: No route to host" >&2; exit 255; }
export NODE="$PWD/$node" CLUSTER="$PWD" NAME="$node"
exec sh -c "$(printf %s "$command" | sed "s#/usr/local/bin#$PWD/$node/bin#g; s#/srv/k3s#$PWD/$node/data#g; s#/var/lib/cardwright#$PWD/$node/state#g")"
"#;

/// The k3s of a version: says which it is, and shows every node with what it has, ready once it was restarted.
fn k3s(version: &str) -> String {
    format!(
        "#!/bin/sh\nif [ \"$1\" = --version ]; then echo 'k3s version {version} (abcdef12)'; echo 'go version go1.25'; exit; fi\n\
         state=NotReady; [ \"$(cat \"$CLUSTER/$4/restarted\" 2>/dev/null)\" = \"$(cksum <\"$CLUSTER/$4/bin/k3s\")\" ] && state=Ready\n\
         set -- \"$4\" $(\"$CLUSTER/$4/bin/k3s\" --version)\necho \"$1 $state <none> 5d $4\"\n"
    )
}

fn write_program(workshop: &Workshop, path: &str, script: &str) {
    let path = workshop.path(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, script).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// A cluster of a server and two agents with these versions, and a nodes.yaml that bundles v1.36.4+k3s1.
fn cluster(versions: [&str; 3]) -> Workshop {
    let workshop = Workshop::with_example();
    write_program(&workshop, "k3s-arm64", &k3s("v1.36.4+k3s1"));
    fs::write(workshop.path("images.tar"), "images").unwrap();
    let nodes = "cluster: compass\nimage: demo\nnetwork: {gateway: 192.168.50.1, prefix: 24}\nk3s:\n\
                 \x20 version: v1.36.4+k3s1\n  install: {bundled: {binary: {arm64: k3s-arm64}, images: [images.tar]}}\n\
                 \x20 config: {data-dir: /srv/k3s}\n\
                 nodes:\n  - {name: east, address: 192.168.50.12, k3s: agent}\n\
                 \x20 - {name: north, address: 192.168.50.11, k3s: server}\n\
                 \x20 - {name: west, address: 192.168.50.14, k3s: agent}\n";
    fs::write(workshop.path("nodes.yaml"), nodes).unwrap();
    workshop.succeed(["build", "--format", "img"]);
    for (name, version) in ["north", "east", "west"].into_iter().zip(versions) {
        write_program(&workshop, &format!("{name}/bin/k3s"), &k3s(version));
    }
    ready(&workshop, "east");
    ready(&workshop, "west");
    write_program(&workshop, "bin/ssh", SSH);
    write_program(&workshop, "bin/dpkg", "#!/bin/sh\necho arm64\n");
    write_program(&workshop, "bin/sudo", "#!/bin/sh\n[ \"$1\" = -n ] || exit 9\nshift\nexec \"$@\"\n");
    let systemctl = "#!/bin/sh\necho \"$NAME: $*\" >>\"$CLUSTER/restarts\"\ncksum <\"$NODE/bin/k3s\" >\"$NODE/restarted\"\n";
    write_program(&workshop, "bin/systemctl", systemctl);
    workshop
}

/// Has a node be ready with the k3s that it has.
fn ready(workshop: &Workshop, name: &str) {
    let sum = "cksum <\"$0/bin/k3s\" >\"$0/restarted\"";
    let node = workshop.path(name);
    assert!(Command::new("sh").args(["-c", sum]).arg(node).status().unwrap().success());
}

fn run(workshop: &Workshop, arguments: &[&str]) -> Output {
    let mut command: Command = workshop.command();
    let path = std::env::var("PATH").unwrap();
    command.env("PATH", format!("{}:{path}", workshop.path("bin").display()));
    command.arg("upgrade").args(arguments).output().unwrap()
}

fn restarts(workshop: &Workshop) -> String {
    fs::read_to_string(workshop.path("restarts")).unwrap_or_default()
}

#[test]
fn nodes_are_upgraded_one_after_another_and_what_is_done_is_not_done_again() {
    let workshop = cluster(["v1.35.6+k3s1", "v1.36.4+k3s1", "v1.35.6+k3s1"]);
    assert_snapshot!("upgrade__dry_run", workshop.seen(&run(&workshop, &["--dry-run"])));
    assert_eq!(restarts(&workshop), "");
    let done = run(&workshop, &["--yes"]);
    assert_eq!(done.status.code(), Some(0), "{}", text(&done.stderr));
    assert!(text(&done.stdout).contains("north        ready after 0 s\n"), "{}", text(&done.stdout));
    assert_eq!(restarts(&workshop), "north: restart k3s.service\nwest: restart k3s-agent.service\n");
    for name in ["north", "west"] {
        let bin = workshop.path(name).join("bin");
        assert_eq!(fs::read(bin.join("k3s")).unwrap(), k3s("v1.36.4+k3s1").as_bytes());
        assert_eq!(fs::read(bin.join("k3s.old")).unwrap(), k3s("v1.35.6+k3s1").as_bytes());
        assert_eq!(fs::metadata(bin.join("k3s")).unwrap().permissions().mode() & 0o777, 0o755);
        assert_eq!(fs::read(workshop.path(name).join("data/agent/images/images.tar")).unwrap(), b"images");
        assert_eq!(fs::read_dir(&bin).unwrap().count(), 2);
    }
    assert!(!workshop.path("east/data").exists());
    assert_snapshot!("upgrade__nothing_left", workshop.seen(&run(&workshop, &["--yes"])));
    assert_eq!(restarts(&workshop).lines().count(), 2);
    let json: serde_json::Value =
        serde_json::from_slice(&run(&workshop, &["--yes", "--json"]).stdout).unwrap();
    assert_eq!(
        json["nodes"][0],
        serde_json::json!({"node": "north", "from": "v1.36.4+k3s1", "to": "v1.36.4+k3s1", "upgraded": false, "seconds": null})
    );
}

#[test]
fn what_must_not_be_upgraded_is_refused_before_anything_is_touched() {
    let said = |versions, arguments: &[&str]| {
        let workshop = cluster(versions);
        let output = run(&workshop, arguments);
        assert_eq!(restarts(&workshop), "");
        workshop.seen(&output)
    };
    let same = "v1.36.4+k3s1";
    assert_snapshot!("upgrade__leaves_out", said([same, same, "v1.34.1+k3s1"], &["--yes"]));
    assert_snapshot!("upgrade__goes_back", said(["v1.37.0+k3s1", same, same], &["--yes"]));
    assert_snapshot!(
        "upgrade__servers_first",
        said(["v1.35.6+k3s1", "v1.35.6+k3s1", same], &["--yes", "east"])
    );
    assert_snapshot!("upgrade__nobody_there", said(["v1.35.6+k3s1", same, same], &[]));
    assert_snapshot!("upgrade__no_such_node", said([same; 3], &["nroth"]));
}

#[test]
fn it_ends_at_the_first_node_that_does_not_come_back_and_goes_on_when_run_again() {
    let workshop = cluster(["v1.35.6+k3s1", "v1.35.6+k3s1", "v1.35.6+k3s1"]);
    let systemctl = fs::read_to_string(workshop.path("bin/systemctl")).unwrap();
    write_program(
        &workshop,
        "bin/systemctl",
        "#!/bin/sh\n[ \"$NAME\" = north ] || exit 0\ncksum <\"$NODE/bin/k3s\" >\"$NODE/restarted\"\n",
    );
    let output = run(&workshop, &["--yes", "--patience", "1"]);
    assert_snapshot!("upgrade__not_ready", workshop.seen(&output));
    assert_eq!(fs::read(workshop.path("west/bin/k3s")).unwrap(), k3s("v1.35.6+k3s1").as_bytes());

    write_program(&workshop, "bin/systemctl", &systemctl);
    ready(&workshop, "east");
    let output = run(&workshop, &["--yes"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert_eq!(restarts(&workshop), "west: restart k3s-agent.service\n");
}

#[test]
fn a_restart_that_was_cut_off_is_made_up_for() {
    let workshop = cluster(["v1.35.6+k3s1", "v1.36.4+k3s1", "v1.36.4+k3s1"]);
    let systemctl = fs::read_to_string(workshop.path("bin/systemctl")).unwrap();
    write_program(&workshop, "bin/systemctl", "#!/bin/sh\nexit 1\n");
    assert_eq!(run(&workshop, &["--yes"]).status.code(), Some(1));
    write_program(&workshop, "bin/systemctl", &systemctl);
    let output = run(&workshop, &["--yes"]);
    let first = text(&output.stdout);
    assert!(
        first.starts_with("north        v1.36.4+k3s1 is there, and waits for its restart  server\n"),
        "{first}"
    );
    assert_eq!(restarts(&workshop), "north: restart k3s.service\n");
    assert_eq!(fs::read(workshop.path("north/bin/k3s.old")).unwrap(), k3s("v1.35.6+k3s1").as_bytes());
    let again = run(&workshop, &["--yes"]);
    assert!(text(&again.stdout).starts_with("north        v1.36.4+k3s1 already"), "{}", text(&again.stdout));
}

#[test]
fn a_node_that_was_left_broken_is_not_followed_by_the_next() {
    let workshop = cluster(["v1.36.4+k3s1", "v1.35.6+k3s1", "v1.35.6+k3s1"]);
    // It has the version, and never became ready.
    let output = run(&workshop, &["--yes", "--patience", "1"]);
    assert!(text(&output.stderr).contains("node `north` is not ready"), "{}", text(&output.stderr));
    assert_eq!(restarts(&workshop), "");
}

#[test]
fn a_program_that_does_not_run_replaces_nothing() {
    let workshop = cluster(["v1.35.6+k3s1"; 3]);
    write_program(&workshop, "k3s-arm64", "#!/bin/sh\nexit 1\n");
    let output = run(&workshop, &["--yes"]);
    assert!(
        text(&output.stderr).contains("the program does not run on this node"),
        "{}",
        text(&output.stderr)
    );
    assert_eq!(fs::read(workshop.path("north/bin/k3s")).unwrap(), k3s("v1.35.6+k3s1").as_bytes());
    assert_eq!(restarts(&workshop), "");
    write_program(&workshop, "north/bin/k3s", "#!/bin/sh\nexit 1\n");
    assert_snapshot!("upgrade__broken", workshop.seen(&run(&workshop, &["--yes"])));
}

#[test]
fn a_node_that_cannot_be_reached_or_asks_for_a_password_is_named() {
    let workshop = cluster(["v1.35.6+k3s1"; 3]);
    fs::write(workshop.path("east.unreachable"), "").unwrap();
    assert_snapshot!("upgrade__unreachable", workshop.seen(&run(&workshop, &["--yes"])));
    fs::remove_file(workshop.path("east.unreachable")).unwrap();
    write_program(&workshop, "bin/sudo", "#!/bin/sh\necho 'sudo: a password is required' >&2\nexit 1\n");
    assert_snapshot!("upgrade__password", workshop.seen(&run(&workshop, &["--yes"])));
    assert_eq!(restarts(&workshop), "");
}

#[test]
fn the_manifest_has_servers_before_agents() {
    let workshop = cluster(["v1.35.6+k3s1"; 3]);
    let output = run(&workshop, &["--manifest", "--agents-at-once", "5"]);
    assert_snapshot!("upgrade__manifest", workshop.seen(&output));
}
