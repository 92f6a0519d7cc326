//! A real sshd with the keys and settings of a card, and a real ssh with the access files.

#![cfg(unix)]

use crate::identity::card_file;
use crate::support::{Workshop, oracle, text};
use std::fs;
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Output, Stdio};

/// An sshd with the host key, settings and login keys of the card of `node`.
struct Sshd {
    settings: std::path::PathBuf,
    sshd: std::path::PathBuf,
}

fn sshd(workshop: &Workshop, node: &str) -> Option<Sshd> {
    let sshd = oracle("sshd")?;
    let image = workshop.path(&format!("images/{node}.img"));
    let folder = workshop.path(&format!("card-{node}"));
    fs::create_dir_all(&folder).unwrap();
    let mut settings = String::new();
    for name in ["10-cardwright.conf", "10-cardwright-host-key.conf"] {
        settings.push_str(&card_file(&image, &format!("/etc/ssh/sshd_config.d/{name}"))?);
    }
    // The files are not at their places; everything else is as on the card.
    let settings = settings.replace("/etc/ssh", &folder.display().to_string());
    let key = folder.join("cardwright_host_ed25519_key");
    fs::write(&key, card_file(&image, "/etc/ssh/cardwright_host_ed25519_key")?).unwrap();
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    let authorized = folder.join("authorized_keys");
    fs::write(&authorized, card_file(&image, "/home/pi/.ssh/authorized_keys")?).unwrap();
    let path = folder.join("sshd_config");
    let own = format!("{settings}AuthorizedKeysFile {}\nStrictModes no\nUsePAM no\n", authorized.display());
    fs::write(&path, own).unwrap();
    Some(Sshd { settings: path, sshd: sshd.get_program().into() })
}

/// Logs in with the access files and nothing else, and never with a question asked. The connection is not over
/// the network but straight to sshd: so the address may be the card's own.
fn ssh(workshop: &Workshop, sshd: &Sshd, host: &str) -> Output {
    // sshd separates its privileges into this folder when root starts it.
    if nobody_but_root() {
        fs::create_dir_all("/run/sshd").unwrap();
    }
    let home = workshop.path("home");
    fs::create_dir_all(&home).unwrap();
    let mut ssh = oracle("ssh").unwrap();
    ssh.current_dir(workshop.path("")).env("HOME", home).env_remove("SSH_AUTH_SOCK");
    ssh.args(["-F", "images/ssh_config", "-o", "BatchMode=yes", "-o"]);
    ssh.arg(format!("ProxyCommand={} -i -f {}", sshd.sshd.display(), sshd.settings.display()));
    // The user of the card is none of this machine.
    ssh.arg("-E").arg(workshop.path("ssh.log")).args(["-l", &user(), host, "echo in"]);
    // Its own messages: what else comes is said by the start-up files of this machine's shell.
    let log = workshop.path("ssh.log");
    fs::write(&log, "").unwrap();
    let output = ssh.output().unwrap();
    Output { stderr: fs::read(log).unwrap(), ..output }
}

fn user() -> String {
    text(&std::process::Command::new("id").arg("-un").output().unwrap().stdout).trim_end().to_owned()
}

fn nobody_but_root() -> bool {
    user() == "root"
}

#[test]
fn ssh_gets_in_with_the_access_files_and_asks_nothing() {
    let workshop = Workshop::with_example();
    workshop.succeed(["build", "--format", "img", "--image", "demo"]);
    let Some(north) = sshd(&workshop, "north") else { return };
    for host in ["north", "192.168.50.11"] {
        let output = ssh(&workshop, &north, host);
        assert!(output.status.success(), "{}", text(&output.stderr));
        assert_eq!(text(&output.stdout), "in\n");
        assert_eq!(text(&output.stderr), "");
    }
    assert!(!Path::new(&workshop.path("home/.ssh")).exists(), "ssh took a note of its own");

    // The same card written again from a build of its own is the same to ssh.
    workshop.succeed(["build", "--format", "img", "--image", "demo"]);
    let again = sshd(&workshop, "north").unwrap();
    assert!(ssh(&workshop, &again, "north").status.success());
}

/// By way of an `ssh` that is led to the sshd here, and is the real one otherwise.
#[test]
fn cardwright_ssh_and_logs_get_in() {
    let workshop = Workshop::with_example();
    workshop.succeed(["build", "--format", "img", "--image", "demo"]);
    let (Some(north), Some(real)) = (sshd(&workshop, "north"), oracle("ssh")) else { return };
    if nobody_but_root() {
        fs::create_dir_all("/run/sshd").unwrap();
    }
    let there = format!("ProxyCommand={} -i -f {}", north.sshd.display(), north.settings.display());
    let real = real.get_program().display();
    let script = format!("#!/bin/sh\nexec {real} -o BatchMode=yes -o '{there}' -l {} \"$@\"\n", user());
    fs::create_dir_all(workshop.path("bin")).unwrap();
    fs::write(workshop.path("bin/ssh"), script).unwrap();
    fs::set_permissions(workshop.path("bin/ssh"), fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:{}", workshop.path("bin").display(), std::env::var("PATH").unwrap());
    let run = |arguments: &[&str]| {
        let mut command = workshop.command();
        command.env("PATH", &path).env_remove("SSH_AUTH_SOCK").env("HOME", workshop.path("home"));
        command.args(arguments).stdin(Stdio::null()).output().unwrap()
    };
    let output = run(&["ssh", "north", "echo in; exit 5"]);
    assert_eq!(
        (output.status.code(), text(&output.stdout).as_str()),
        (Some(5), "in\n"),
        "{}",
        text(&output.stderr)
    );
    // This machine need not have a journal.
    let output = run(&["logs", "north"]);
    assert!(
        text(&output.stdout).contains("==> journal of cardwright and k3s <==\n"),
        "{}",
        text(&output.stderr)
    );
}

#[test]
fn ssh_turns_away_from_any_other_machine() {
    let workshop = Workshop::with_example();
    workshop.succeed(["build", "--format", "img", "--image", "demo"]);
    let Some(east) = sshd(&workshop, "east") else { return };
    let output = ssh(&workshop, &east, "north");
    assert_eq!(output.status.code(), Some(255));
    assert!(text(&output.stderr).contains("Host key verification failed"), "{}", text(&output.stderr));
}

#[test]
fn sshd_shows_the_derived_key_and_no_other() {
    let workshop = Workshop::with_example();
    workshop.succeed(["build", "--format", "img", "--image", "demo"]);
    let Some(north) = sshd(&workshop, "north") else { return };
    if nobody_but_root() {
        fs::create_dir_all("/run/sshd").unwrap();
    }
    let mut test = oracle("sshd").unwrap();
    let output = test.arg("-T").arg("-f").arg(&north.settings).output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    let said = text(&output.stdout);
    let keys: Vec<_> = said.lines().filter(|line| line.starts_with("hostkey ")).collect();
    let folder = workshop.path("card-north");
    assert_eq!(keys, [format!("hostkey {}/cardwright_host_ed25519_key", folder.display())]);
    assert!(said.contains("\npasswordauthentication no\n"), "{said}");
}

/// Whether a real sshd lets the holder of a key in that has these lines in its authorized_keys.
fn lets_in(workshop: &Workshop, lines: &str) -> bool {
    let path = |name: &str| workshop.path(name).display().to_string();
    fs::write(workshop.path("authorized_keys"), lines).unwrap();
    // Over the network, as `from=` goes by the address that is there.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let mut sshd = oracle("sshd").unwrap();
    sshd.args(["-i", "-f", &path("sshd_config")]).stderr(Stdio::null());
    let served = std::thread::spawn(move || {
        let (connection, _) = listener.accept().unwrap();
        let other_end = OwnedFd::from(connection.try_clone().unwrap());
        sshd.stdin(OwnedFd::from(connection)).stdout(other_end).status().unwrap()
    });
    let mut ssh = oracle("ssh").unwrap();
    ssh.args(["-v", "-F", "none", "-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes", "-i", &path("key")]);
    ssh.args(["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-p", &port]);
    let output = ssh.args(["-l", &user(), "127.0.0.1", "true"]).env_remove("SSH_AUTH_SOCK").output().unwrap();
    let said = text(&output.stderr);
    assert!(said.contains("Authentications that can continue"), "sshd was not asked: {said}");
    served.join().unwrap();
    said.contains("Authenticated to 127.0.0.1")
}

#[test]
fn a_key_with_options_is_accepted_exactly_where_sshd_accepts_it() {
    use cardwright::cluster::AuthorizedKey;
    let workshop = Workshop::with_example();
    let (Some(mut keygen), Some(_)) = (oracle("ssh-keygen"), oracle("sshd")) else { return };
    if nobody_but_root() {
        fs::create_dir_all("/run/sshd").unwrap();
    }
    let made = keygen.args(["-q", "-t", "ed25519", "-N", "", "-C", "ann", "-f"]).arg(workshop.path("key"));
    assert!(made.status().unwrap().success());
    let folder = workshop.path("");
    fs::write(
        workshop.path("sshd_config"),
        format!(
            "HostKey {0}/key\nAuthorizedKeysFile {0}/authorized_keys\nStrictModes no\nUsePAM no\n\
             PermitRootLogin yes\nPasswordAuthentication no\n",
            folder.display()
        ),
    )
    .unwrap();
    let key = fs::read_to_string(workshop.path("key.pub")).unwrap();
    for before in [
        "",
        "# ",
        "garbage ",
        "no-such-option ",
        "no-restrict ",
        "NO-pty,Restrict ",
        "restrict, ",
        ",pty ",
        "restrict pty ",
        "restricted ",
        "command=true ",
        "command=\"true\" ",
        "command=\"true\",command=\"true\" ",
        "command=\"echo \\\"a b\\\"\" ",
        "command=\"true ",
        "command=\"true\"x ",
        "environment=\"A=b\" ",
        "environment=\"A-B=c\" ",
        "environment=\"A\" ",
        "expiry-time=\"20991231\" ",
        "expiry-time=\"soon\" ",
        "permitopen=\"8080\" ",
        "permitopen=\"[fd00::1]:22\" ",
        "expiry-time=\"20200101\" ",
        "expiry-time=\"20991301\" ",
        "permitopen=\"a:no-such-service\" ",
        "permitlisten=\"8080\" ",
        "permitlisten=\"x\" ",
        "permitlisten=\"localhost/22\" ",
        "from=\"\" ",
        "from=\"*,\" ",
        "from=\"!10.0.0.9\" ",
        "from=\"*,!10.0.0.9\" ",
        "from=\"*,192.168.50.7/24\" ",
        "from=\"*,192.168.50.0/33\" ",
        "from=\"*,192.168.50.0/24,fd00::/8\" ",
        "from=\"127.0.0.0/8\" ",
        "from=\"127.0.0.1/8\" ",
        "principals=\"ann\" ",
        "tunnel=\"0\" ",
        "tunnel=\"tun0\" ",
        "no-touch-required,no-user-rc,no-x11-forwarding,no-agent-forwarding,no-port-forwarding ",
        "\u{a0}",
    ] {
        let line = format!("{before}{key}");
        assert_eq!(AuthorizedKey::parse(&line).is_ok(), lets_in(&workshop, &line), "{line}");
    }
    // Of a CA the line is right, and lets in who has a certificate: a warning says so.
    let authority = format!("cert-authority {key}");
    assert!(AuthorizedKey::parse(&authority).is_ok() && !lets_in(&workshop, &authority));
    // The same key on two terms: the first line that fits is the one that counts.
    assert!(lets_in(&workshop, &format!("expiry-time=\"20200101\" {key}restrict {key}")));
}
