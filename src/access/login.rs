//! Logging in at a node by the system's own `ssh`, with the access files and nothing else.

use super::error::AccessError;
use super::ssh_config;
use crate::cluster::{Cluster, Node};
use crate::first_start::STATUS_FILE;
use crate::types::shell;
use std::path::Path;
use std::process::Command;

/// Returns the command that logs in at a node; what is appended is for ssh, which takes options after the host, too.
///
/// ssh looks for the files that ssh_config names from where it is run, so it is run in the folder of nodes.yaml.
///
/// # Errors
/// Fails when there is no ssh_config in the folder of the results, or none that knows the node: ssh would then look for
/// a host of that name anywhere.
pub fn log_in(cluster: &Cluster, node: &Node) -> Result<Command, AccessError> {
    let path = cluster.output.folder.join(ssh_config::NAME);
    let text = super::read_result(&path)?;
    if !ssh_config::leads_to(&text, node.name.as_str()) {
        return Err(AccessError::NoWay { path, node: node.name.to_string() });
    }
    let whole = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let mut ssh = Command::new("ssh");
    ssh.arg("-F").arg(whole(&path)).arg(node.name.as_str());
    let folder = cluster.source.parent().filter(|folder| !folder.as_os_str().is_empty());
    ssh.current_dir(folder.unwrap_or(Path::new(".")));
    Ok(ssh)
}

/// A part of the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JournalPart {
    /// The last lines.
    Last,
    /// The last lines, and what is added.
    Follow,
    /// All of it.
    All,
}

/// Returns the command that prints how far a node is: its status file, the log of its first boot, and the journal of
/// cardwright and k3s.
///
/// # Errors
/// As [`log_in`].
pub fn logs(cluster: &Cluster, node: &Node, part: JournalPart) -> Result<Command, AccessError> {
    let mut ssh = log_in(cluster, node)?;
    let script = SCRIPT.replace("STATUS_FILE", STATUS_FILE);
    let arguments = match part {
        JournalPart::Last => " logs --lines=200",
        JournalPart::Follow => " logs --lines=200 --follow",
        JournalPart::All => "",
    };
    // The user's shell on the node may be any; it only has to find `sh`.
    ssh.arg(format!("sh -c {}{arguments}", shell::quoted(&script)));
    Ok(ssh)
}

/// The script that runs on the node, as the user who logs in. It has neither quotes nor backslashes that some shell
/// would take otherwise between single quotes.
///
/// The log of the first boot is root's alone: what commands print may be secret.
const SCRIPT: &str = r#"
sudo="sudo -n"
if [ "$(id -u)" = 0 ]; then
    sudo=""
elif $sudo true 2>/dev/null; then
    :
else
    sudo=""
    echo "cardwright: sudo asks for a password on this node, so what only root may read is left out" >&2
fi
show() {
    echo "==> $1 <=="
    if [ -r "$1" ] || [ -n "$sudo" ]; then
        $sudo cat "$1"
    else
        echo "(only root may read it)"
    fi
    echo
}
for status in /boot/firmware/STATUS_FILE /boot/STATUS_FILE; do
    if [ -e "$status" ]; then
        show "$status"
        break
    fi
done
log=/var/log/cardwright-first-boot.log
if [ -e "$log" ]; then
    show "$log"
fi
echo "==> journal of cardwright and k3s <=="
exec $sudo journalctl --no-pager -u "cardwright-*" -u "k3s*" "$@"
"#;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_script_is_the_same_text_between_the_quotes_of_any_shell() {
        assert!(!SCRIPT.contains(['\'', '\\', '!']), "{SCRIPT}");
    }
}
