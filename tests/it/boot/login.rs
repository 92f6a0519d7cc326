//! Logins over ssh: the options, keys, and one connection that many commands share.

use crate::boot::command::run;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

/// An ssh that knows nobody and remembers nobody.
pub(crate) fn ssh_command() -> Command {
    let mut ssh = Command::new("ssh");
    for option in [
        "StrictHostKeyChecking=no",
        "UserKnownHostsFile=/dev/null",
        "LogLevel=ERROR",
        "ConnectTimeout=15",
        "ServerAliveInterval=15",
    ] {
        ssh.args(["-o", option]);
    }
    ssh.args(["-F", "none"]).stdin(Stdio::null());
    ssh
}

/// A key pair in `folder`: the private key's path, and the public key's line.
pub(crate) fn login_key(folder: &Path) -> (PathBuf, String) {
    let key = folder.join("login");
    run(Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-C", "boot test", "-f"])
        .arg(&key));
    let public = fs::read_to_string(key.with_extension("pub")).unwrap();
    (key, public.trim().to_owned())
}

/// The host keys that the machine at this address shows to whoever asks, a line each.
pub(crate) fn host_keys(address: &str) -> BTreeSet<String> {
    let shown = run(Command::new("ssh-keyscan").args(["-T", "60", address]));
    shown.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect()
}

/// A connection that stays open: an emulated machine takes seconds to let somebody in. Closed when dropped.
pub(crate) struct Connection {
    ssh: Child,
    // Not beside the logs: the path of a socket may have 107 bytes.
    folder: TempDir,
}

impl Connection {
    /// Opens it with what `ssh` says of whom and where.
    pub(crate) fn open(mut ssh: Command, login: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        ssh.arg("-MNS").arg(folder.path().join("socket")).arg(login);
        let ssh = ssh.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("ssh starts");
        Self { ssh, folder }
    }

    /// Has `ssh` use it. Where it is not open yet, or no longer, ssh opens one of its own.
    pub(crate) fn lend(&self, ssh: &mut Command) {
        ssh.arg("-S").arg(self.folder.path().join("socket"));
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        let _ = self.ssh.kill();
        let _ = self.ssh.wait();
    }
}
