//! `cardwright ssh` and `cardwright logs`, with an `ssh` that shows how it was called.

#![cfg(unix)]

use crate::support::{Workshop, assert_snapshot, text};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

const SHOW: &str = "#!/bin/sh\npwd -P\nfor argument; do echo \"<$argument>\"; done\nexit 7\n";

/// Writes a program into the folder `bin`.
fn write_program(workshop: &Workshop, name: &str, script: &str) {
    fs::create_dir_all(workshop.path("bin")).unwrap();
    let path = workshop.path("bin").join(name);
    fs::write(&path, script).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// The example, built, with this `ssh`.
fn built(ssh: &str) -> Workshop {
    let workshop = Workshop::with_example();
    workshop.succeed(["build", "--image", "demo", "--only", "north", "--format", "img"]);
    write_program(&workshop, "ssh", ssh);
    workshop
}

/// The program, which finds what is in `bin` first.
fn command(workshop: &Workshop) -> Command {
    let mut command = workshop.command();
    let path = std::env::var("PATH").unwrap();
    command.env("PATH", format!("{}:{path}", workshop.path("bin").display()));
    command
}

#[test]
fn ssh_is_called_in_the_folder_of_nodes_yaml_with_all_that_follows_the_node() {
    let workshop = built(SHOW);
    let folder = fs::canonicalize(workshop.path("")).unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    let whole = workshop.path("nodes.yaml").display().to_string();
    for (place, file) in [(workshop.path("").as_path(), "nodes.yaml"), (elsewhere.path(), &whole)] {
        let mut command = command(&workshop);
        command
            .current_dir(place)
            .args(["ssh", "-f", file, "north", "-L", "1:a:2", "-v", "-f", "ls", "-l", "a b"]);
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(7), "{}", text(&output.stderr));
        let said = text(&output.stdout);
        let lines: Vec<_> = said.lines().collect();
        assert_eq!(lines[0], folder.display().to_string());
        assert_eq!(lines[1], "<-F>");
        let config = Path::new(lines[2].trim_matches(['<', '>']));
        assert!(config.is_absolute() && config.is_file(), "{said}");
        assert_eq!(lines[3..], ["<north>", "<-L>", "<1:a:2>", "<-v>", "<-f>", "<ls>", "<-l>", "<a b>"]);
    }
}

#[test]
fn what_keeps_ssh_from_being_called_is_said_with_what_to_do() {
    let workshop = Workshop::with_example();
    write_program(&workshop, "ssh", SHOW);
    let run = |workshop: &Workshop, node: &str| {
        workshop.seen(&command(workshop).args(["ssh", node]).output().unwrap())
    };
    assert_snapshot!("ssh__not_built", run(&workshop, "north"));
    let workshop = built(SHOW);
    assert_snapshot!("ssh__no_such_node", run(&workshop, "nroth"));
    // A node that came into nodes.yaml after the build.
    let nodes =
        fs::read_to_string(workshop.path("nodes.yaml")).unwrap().replace("name: west", "name: newest");
    fs::write(workshop.path("nodes.yaml"), nodes).unwrap();
    assert_snapshot!("ssh__newer_node", run(&workshop, "newest"));
    let mut without = workshop.command();
    without.env("PATH", workshop.path("empty")).args(["ssh", "north"]);
    assert_snapshot!("ssh__no_ssh", workshop.seen(&without.output().unwrap()));
}

/// An `ssh` that runs the command of its last argument on this machine, as the login shell of a user, with the files of
/// the card in a folder.
const HERE: &str = r#"#!/bin/sh
for command; do :; done
exec sh -c "$(printf %s "$command" | sed "s#/boot/#card/boot/#; s#/var/#card/var/#")"
"#;

#[test]
fn the_logs_are_asked_for_with_sudo_where_that_asks_nothing() {
    let workshop = built(HERE);
    write_program(&workshop, "journalctl", "#!/bin/sh\necho \"journalctl $*\"\nexit 3\n");
    write_program(&workshop, "id", "#!/bin/sh\necho 1000\n");
    write_program(
        &workshop,
        "sudo",
        "#!/bin/sh\n[ \"$1\" = -n ] || exit 9\nshift\necho \"as root: $*\" >&2\nexec \"$@\"\n",
    );
    for (folder, name) in
        [("boot/firmware", "cardwright-status.txt"), ("var/log", "cardwright-first-boot.log")]
    {
        let folder = workshop.path("card").join(folder);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(name), format!("what is in {name}\n")).unwrap();
    }
    let logs = |arguments: &[&str]| {
        let output = command(&workshop).args(["logs", "north"]).args(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(3));
        output
    };
    assert_snapshot!("ssh__logs", workshop.seen(&logs(&[])));
    let followed = "journalctl --no-pager -u cardwright-* -u k3s* --lines=200 --follow\n";
    assert!(text(&logs(&["--follow"]).stdout).ends_with(followed));
    assert!(text(&logs(&["--all"]).stdout).ends_with("journalctl --no-pager -u cardwright-* -u k3s*\n"));
    write_program(&workshop, "sudo", "#!/bin/sh\necho \"a password is required\" >&2\nexit 1\n");
    assert_snapshot!("ssh__logs_password", workshop.seen(&logs(&[])));
}
