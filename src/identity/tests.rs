//! The key schedule, held against the vectors of its documentation and against OpenSSH.

use super::*;
use std::io::Write as _;
use std::process::Command;

const SECRET: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

/// The public half of the login key of `SECRET`, as Python's cryptography package makes it.
const LOGIN_KEY: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIElsthtLi5iW5zgyrJ5cmvHVoNKsUc0CEiV827/ctZcK cardwright-compass";

fn secret() -> ClusterSecret {
    ClusterSecret::from_hex(SECRET).unwrap()
}

#[test]
fn the_key_schedule_never_changes() {
    let secret = secret();
    let derived = [
        ("k3s/server-token", secret.server_token()),
        ("k3s/agent-token", secret.agent_token()),
        ("k3s/node-password/north", secret.node_password("north")),
        ("k3s/node-password/west", secret.node_password("west")),
    ];
    let documentation = include_str!("mod.rs");
    for (label, key) in derived {
        let row = format!("//! | `{label}` | `{}` |", *key);
        assert!(documentation.lines().any(|line| line == row), "{row}");
    }
    assert_eq!(secret.login_key("cardwright-compass").unwrap().public, LOGIN_KEY);
}

#[test]
fn ssh_keygen_reads_the_login_key() {
    let key = secret().login_key("cardwright-compass").unwrap();
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(key.private.as_bytes()).unwrap();
    let run = Command::new("ssh-keygen").args(["-y", "-P", "", "-f"]).arg(file.path()).output();
    let judged_by_duty = std::env::var_os("CARDWRIGHT_JUDGES").is_some();
    let output = match run {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && !judged_by_duty => {
            eprintln!("skipped: ssh-keygen is not installed");
            return;
        }
        output => output.unwrap(),
    };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(String::from_utf8(output.stdout).unwrap().trim_end(), key.public);
    let list = Command::new("ssh-keygen").arg("-l").arg("-f").arg(file.path()).output().unwrap();
    let line = String::from_utf8(list.stdout).unwrap();
    assert!(line.starts_with("256 SHA256:") && line.ends_with(" cardwright-compass (ED25519)\n"), "{line}");
}
