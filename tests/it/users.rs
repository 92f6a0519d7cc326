//! Users beside the first one, passwords from files, and keys that GitHub lists, on the demo image.

use crate::support::release_server::{ReleaseServer, Reply};
use crate::support::{
    Workshop, all_here, assert_oracles_accept, assert_snapshot, content, oracle, root_file, skipped, stat,
    text,
};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

const ANN: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOVEedS6/61Ls+hMGjUJ2gRXUcryrhpRGRO8NNW/QYgS";
const FINGERPRINT_OF_ANN: &str = "SHA256:wjfibfW0gXUK5ZzzwVyS7xKxEPIlGR0FAfalXuT2afc";
const BOB: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILM+rvN+ot98qgEN796jTiQfZfG1KaT0PtFDJ/XFSqti";
const FINGERPRINT_OF_BOB: &str = "SHA256:UCUiLr7Pjs9wFFJMDByLgc3NrtdU344OgUM45wZPcIQ";

fn workshop(users: &str) -> Workshop {
    let workshop = Workshop::with_nodes(&format!(
        "cluster: compass\nimage: demo\noutput: {{format: img}}\nnetwork: {{prefix: 24, gateway: 192.168.50.1}}\n\
         {users}\nnodes: [{{name: north, address: 192.168.50.11}}, {{name: east, address: 192.168.50.12}}]\n"
    ));
    fs::write(workshop.path("bob.pub"), format!("{BOB} bob\n")).unwrap();
    fs::write(workshop.path("bob.password"), "hunter2 äöü\r\n").unwrap();
    fs::set_permissions(workshop.path("bob.password"), fs::Permissions::from_mode(0o600)).unwrap();
    workshop
}

/// The files of accounts on a card.
fn accounts(image: &Path) -> Option<String> {
    let mut all = String::new();
    for name in ["passwd", "shadow", "group", "gshadow", "subuid", "subgid"] {
        let content = root_file(image, &format!("/etc/{name}"))?;
        all.extend(["## ", name, "\n", &content]);
    }
    Some(all)
}

const THREE_USERS: &str = "\
user: {name: ann, groups: [gpio]}
users:
  - {name: bob, uid: 1005, password_file: bob.password, ssh_authorized_keys: [bob.pub], groups: [gpio, video], sudo: password}
  - {name: eve, shell: /bin/sh, ssh_authorized_keys: [bob.pub], sudo: nopasswd}
  - {name: robot, login: false}";

#[test]
fn users_are_on_the_card_as_useradd_adds_them() {
    if !all_here(&["debugfs", "pwck", "grpck"]) {
        return;
    }
    let workshop = workshop(THREE_USERS);
    workshop.succeed(["build"]);
    workshop.succeed(["verify", "images/north.img"]);
    let image = workshop.path("images/north.img");
    assert_oracles_accept(&image);
    let accounts = accounts(&image).unwrap();
    let is_theirs = |line: &&str| ["ann", "bob", "eve", "robot", "##"].iter().any(|name| line.contains(name));
    let shown: Vec<&str> = accounts.lines().filter(is_theirs).collect();
    assert_snapshot!("users__accounts", shown.join("\n"));

    // What Debian's own programs for checking these files find. They look into a folder as root alone.
    fs::create_dir(workshop.path("etc")).unwrap();
    for name in ["passwd", "shadow", "group", "gshadow", "login.defs"] {
        let content = root_file(&image, &format!("/etc/{name}")).unwrap();
        fs::write(workshop.path("etc").join(name), content).unwrap();
    }
    for program in ["pwck", "grpck"] {
        let mut check = oracle(program).unwrap();
        check.args(["-r", "-q", "--root"]).arg(workshop.path(""));
        let output = check.output().unwrap();
        let said = text(&output.stdout) + &text(&output.stderr);
        if said.contains("unable to chroot") {
            skipped("only root may have `pwck` look into a folder");
        } else {
            assert!(output.status.success(), "{program}: {said}");
        }
    }

    for (path, mode, owner) in [
        ("/home/bob", "0700", 1005),
        ("/home/bob/.bashrc", "0644", 1005),
        ("/home/bob/.ssh", "0700", 1005),
        ("/home/bob/.ssh/authorized_keys", "0600", 1005),
        ("/home/eve", "0700", 1001),
        ("/home/robot", "0700", 1002),
    ] {
        let said = stat(&image, path).unwrap();
        assert!(said.contains(&format!("Mode:  {mode}")), "{path}: {said}");
        assert!(said.contains(&format!("User:{owner:>6}   Group:{owner:>6}")), "{path}: {said}");
    }
    let skel = root_file(&image, "/etc/skel/.bashrc").unwrap();
    assert_eq!(root_file(&image, "/home/eve/.bashrc").unwrap(), skel);
    assert_eq!(root_file(&image, "/home/bob/.ssh/authorized_keys").unwrap(), format!("{BOB} bob\n"));
    assert_eq!(
        root_file(&image, "/etc/sudoers.d/010_eve-nopasswd").unwrap(),
        "eve ALL=(ALL) NOPASSWD: ALL\n"
    );
    assert_eq!(root_file(&image, "/etc/sudoers.d/010_bob-nopasswd").unwrap(), "");
}

#[test]
fn a_password_is_on_the_card_only_as_its_hash_and_as_the_same_one_every_time() {
    if !all_here(&["debugfs", "openssl"]) {
        return;
    }
    let workshop = workshop(THREE_USERS);
    let plan = workshop.succeed(["plan"]) + &workshop.succeed(["plan", "--json"]);
    assert!(!plan.contains("hunter2") && !plan.contains("$6$"), "{plan}");
    let hash = |name: &str| {
        let shadow = root_file(&workshop.path(&format!("images/{name}.img")), "/etc/shadow").unwrap();
        let bob = shadow.lines().find(|line| line.starts_with("bob:")).unwrap();
        bob.split(':').nth(1).unwrap().to_owned()
    };
    workshop.succeed(["build"]);
    let (north, east) = (hash("north"), hash("east"));
    assert_ne!(north, east, "the salt is that of the node");
    let salt = north.split('$').nth(3).unwrap();
    let mut openssl = oracle("openssl").unwrap();
    openssl.args(["passwd", "-6", "-salt", salt, "hunter2 äöü"]);
    assert_eq!(content(openssl).trim(), north.replace("rounds=5000$", ""));

    let before = fs::read(workshop.path("images/north.img")).unwrap();
    assert!(memchr::memmem::find(&before, b"hunter2").is_none());
    fs::remove_dir_all(workshop.path("images")).unwrap();
    workshop.succeed(["build", "--only", "north"]);
    assert!(fs::read(workshop.path("images/north.img")).unwrap() == before);

    // A hash is taken as it is.
    fs::write(workshop.path("bob.password"), format!("{east}\n")).unwrap();
    fs::remove_dir_all(workshop.path("images")).unwrap();
    workshop.succeed(["build", "--only", "north"]);
    assert_eq!(hash("north"), east);
}

#[test]
fn where_the_first_user_may_not_log_in_another_one_does() {
    let workshop = workshop(
        "user: {login: false}\nusers: [{name: robot, login: false}, {name: bob, ssh_authorized_keys: [bob.pub], sudo: nopasswd}]",
    );
    workshop.succeed(["build"]);
    let config = fs::read_to_string(workshop.path("images/ssh_config")).unwrap();
    assert!(config.contains("\n    User bob\n") && !config.contains("User pi"), "{config}");
    assert!(!config.contains("IdentityFile"), "{config}");
    assert!(!workshop.path("images/id_ed25519").exists(), "nobody gets in by it");
    let image = workshop.path("images/north.img");
    let Some(passwd) = root_file(&image, "/etc/passwd") else { return };
    assert!(passwd.contains("\npi:x:1000:1000:,,,:/home/pi:/usr/sbin/nologin\n"), "{passwd}");
    let shadow = root_file(&image, "/etc/shadow").unwrap();
    assert!(shadow.contains("\npi:!:") && shadow.contains("\nrobot:!:"), "{shadow}");
    assert!(
        !root_file(&image, "/etc/group")
            .unwrap()
            .lines()
            .any(|line| line.starts_with("sudo:") && line.contains("pi"))
    );
    assert_eq!(root_file(&image, "/home/pi/.ssh/authorized_keys").unwrap(), "");
}

#[test]
fn what_the_image_does_not_have_is_shown_where_it_is_asked_for() {
    let workshop = workshop(
        "user: {groups: [gpoi]}\nusers:\n  - {name: bob, ssh_authorized_keys: [bob.pub], groups: [docker]}\n  \
         - {name: eve, shell: /bin/fish, login: true, ssh_authorized_keys: [bob.pub]}\n  - {name: man-db, login: false}",
    );
    assert_snapshot!("users__missing", workshop.seen(&workshop.run(["check"])));
}

/// GitHub, as far as it is asked.
fn github(keys: &'static [(&'static str, &'static str)]) -> ReleaseServer {
    ReleaseServer::start(move |_, request| {
        let found = keys.iter().find(|(account, _)| request.path == format!("/{account}.keys"));
        found.map_or(Reply::Missing, |(_, keys)| Reply::Whole(keys.as_bytes().to_vec()))
    })
}

fn run_with(workshop: &Workshop, github: &str, arguments: &[&str]) -> std::process::Output {
    let mut command = workshop.command();
    command
        .env("CARDWRIGHT_SECRET", crate::support::SECRET)
        .env("CARDWRIGHT_GITHUB", format!("http://{github}"));
    for proxy in ["ALL_PROXY", "HTTPS_PROXY", "HTTP_PROXY", "all_proxy", "https_proxy", "http_proxy"] {
        command.env_remove(proxy);
    }
    command.args(arguments).output().unwrap()
}

#[test]
fn keys_on_github_are_fetched_once_and_only_those_that_are_pinned() {
    let server = github(&[(
        "ann",
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOVEedS6/61Ls+hMGjUJ2gRXUcryrhpRGRO8NNW/QYgS\nssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILM+rvN+ot98qgEN796jTiQfZfG1KaT0PtFDJ/XFSqti\n",
    )]);
    let workshop = workshop(&format!(
        "user: {{ssh_authorized_keys: [bob.pub, {{github: ann, fingerprints: \"{FINGERPRINT_OF_ANN}\"}}]}}"
    ));
    // `check` asks nobody.
    let checked = run_with(&workshop, &server.address(), &["check"]);
    assert!(checked.status.success() && server.requests().is_empty(), "{}", workshop.seen(&checked));

    let built = run_with(&workshop, &server.address(), &["build"]);
    assert!(built.status.success(), "{}", workshop.seen(&built));
    let said = text(&built.stderr);
    assert!(
        said.contains(&format!("further SSH keys of `ann`, which may not log in: `{FINGERPRINT_OF_BOB}`")),
        "{said}"
    );
    assert_eq!(server.requests().len(), 1);
    let image = workshop.path("images/north.img");
    if let Some(keys) = root_file(&image, "/home/pi/.ssh/authorized_keys") {
        assert_eq!(keys, format!("{BOB} bob\n{ANN} github:ann\n"));
    }
    assert!(!workshop.path("images/id_ed25519").exists());

    // From then on GitHub is not asked, and what it has changes nothing.
    drop(server);
    let before = fs::read(&image).unwrap();
    fs::remove_dir_all(workshop.path("images")).unwrap();
    let nobody = ReleaseServer::unused_address();
    for arguments in [["build"].as_slice(), &["verify", "images/north.img"]] {
        let output = run_with(&workshop, &nobody, arguments);
        assert!(output.status.success(), "{}", workshop.seen(&output));
    }
    assert!(fs::read(&image).unwrap() == before);
}

#[test]
fn a_pinned_key_that_is_not_listed_is_an_error() {
    let server = github(&[(
        "ann",
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILM+rvN+ot98qgEN796jTiQfZfG1KaT0PtFDJ/XFSqti\n<html>\n",
    )]);
    let mut seen = String::new();
    for account in ["ann", "nobody"] {
        let workshop = workshop(&format!(
            "user: {{ssh_authorized_keys: [{{github: {account}, fingerprints: [\"{FINGERPRINT_OF_ANN}\"]}}]}}"
        ));
        let output = run_with(&workshop, &server.address(), &["plan"]);
        seen += &workshop.seen(&output).replace(&server.address(), "SERVER");
    }
    assert_snapshot!("users__github", seen);
}
