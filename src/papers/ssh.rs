//! known_hosts and ssh_config: what ssh knows the nodes by, and how it gets there.

use crate::cluster::{Cluster, Node};
use crate::identity::{ClusterSecret, IdentityError};
use std::fmt::Write as _;
use std::path::{Component, Path, PathBuf};

pub(super) const KNOWN_HOSTS: &str = "known_hosts";
pub(super) const LOGIN_KEY: &str = "id_ed25519";

/// A line a node: its name and addresses with commas between them, then its key (sshd(8), "SSH_KNOWN_HOSTS
/// FILE FORMAT").
pub(super) fn known_hosts(cluster: &Cluster, secret: &ClusterSecret) -> Result<String, IdentityError> {
    let mut text = String::new();
    for node in &cluster.nodes {
        let _ = writeln!(text, "{} {}", names(node).join(","), secret.host_key(node.name.as_str())?.public);
    }
    Ok(text)
}

/// What a node is called: by its name and by its addresses.
fn names(node: &Node) -> Vec<String> {
    let addresses = [node.network.address.to_string()].into_iter();
    let addresses = addresses.chain(node.network.ipv6.as_ref().map(|ipv6| ipv6.address.to_string()));
    [node.name.to_string()].into_iter().chain(addresses).collect()
}

/// A section a node, of names that only its nodes have, so that the file can also be included in another.
///
/// ssh looks for the files that it names from where it is run, so they are named as seen from the folder of
/// nodes.yaml. The whole path would make the file another on every machine.
pub(super) fn config(cluster: &Cluster) -> String {
    let file = |name: &str| quoted(&seen_from_nodes_yaml(cluster, name));
    let mut text = format!(
        "# The nodes of {}. From the folder of nodes.yaml: ssh -F {} {}\n",
        cluster.name,
        file("ssh_config"),
        cluster.nodes.first().map(|node| node.name.as_str()).unwrap_or_default(),
    );
    for node in &cluster.nodes {
        let _ = write!(
            text,
            "\nHost {}\n    HostName {}\n    User {}\n",
            names(node).join(" "),
            node.network.address,
            node.user.name
        );
        if node.user.authorized_keys.is_empty() {
            let _ = write!(text, "    IdentityFile {}\n    IdentitiesOnly yes\n", file(LOGIN_KEY));
        }
        let _ = write!(
            text,
            "    UserKnownHostsFile {}\n    HostKeyAlgorithms ssh-ed25519\n    StrictHostKeyChecking yes\n",
            file(KNOWN_HOSTS)
        );
    }
    text
}

/// A file in the folder of the results, as seen from the folder of nodes.yaml; the whole path where the
/// one is not below the other.
fn seen_from_nodes_yaml(cluster: &Cluster, name: &str) -> PathBuf {
    let path = cluster.output.folder.join(name);
    let here = cluster.source.parent().unwrap_or(Path::new(""));
    let plain = |path: &Path| path.strip_prefix(".").unwrap_or(path).to_owned();
    match plain(&path).strip_prefix(plain(here)) {
        Ok(below) if path.is_absolute() == here.is_absolute() => below.to_owned(),
        _ => std::path::absolute(&path).unwrap_or(path),
    }
}

/// A path as ssh_config(5) takes it: in double quotes where it has to be, and `%` twice, being the sign of
/// a token. Slashes are understood on every system.
fn quoted(path: &Path) -> String {
    let parts: Vec<_> = path
        .components()
        .filter(|part| !matches!(part, Component::RootDir | Component::CurDir))
        .map(|part| part.as_os_str().to_string_lossy().into_owned())
        .collect();
    let root = if path.has_root() { "/" } else { "" };
    let text = format!("{root}{}", parts.join("/")).replace('%', "%%");
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+%:".contains(c);
    if text.chars().all(plain) {
        text
    } else {
        format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_written_as_ssh_reads_them() {
        for (path, expected) in [
            ("images/known_hosts", "images/known_hosts"),
            ("./images/known_hosts", "images/known_hosts"),
            ("/home/ann/images/known_hosts", "/home/ann/images/known_hosts"),
            ("my images/known_hosts", "\"my images/known_hosts\""),
            ("100%/known_hosts", "100%%/known_hosts"),
            ("a\"b/known_hosts", "\"a\\\"b/known_hosts\""),
        ] {
            assert_eq!(quoted(Path::new(path)), expected);
        }
    }
}
