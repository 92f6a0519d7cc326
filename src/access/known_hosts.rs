//! known_hosts: the names and keys that ssh knows the nodes by.

use super::error::AccessError;
use crate::cluster::{Cluster, Node};
use crate::identity::{ClusterSecret, IdentityError, SshFingerprint};
use std::collections::BTreeMap;

/// The name of the file.
pub(super) const NAME: &str = "known_hosts";

/// Returns the known_hosts of a cluster. A line a node: its name and addresses with commas between them, then its key
/// (sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT").
pub(super) fn text_of(cluster: &Cluster, secret: &ClusterSecret) -> Result<String, IdentityError> {
    let line = |node: &Node| {
        let key = secret.host_key(node.name.as_str())?;
        Ok(format!("{} {}\n", names(node).join(","), key.public))
    };
    cluster.nodes.iter().map(line).collect()
}

/// Returns whether a text is a known_hosts of which every line is ours: the comment behind the key is the
/// node's name, which is first in the line, too. ssh itself adds lines without a comment (sshd(8),
/// "SSH_KNOWN_HOSTS FILE FORMAT"), so a file that it has added to is somebody's own.
pub(super) fn is_ours(text: &str) -> bool {
    text.lines().all(|line| match line.split(' ').collect::<Vec<_>>()[..] {
        [""] => true,
        [names, "ssh-ed25519", _, comment] => names.split(',').next() == Some(comment),
        _ => false,
    })
}

/// Returns whether the keys in a [known_hosts of this program](is_ours) are those of a secret.
pub(super) fn are_keys_of(text: &str, secret: &ClusterSecret) -> bool {
    text.lines().filter(|line| !line.is_empty()).all(|line| {
        let parts = line.split_once(' ').and_then(|(_, key)| Some((key, key.rsplit_once(' ')?.1)));
        parts.is_some_and(|(key, node)| secret.host_key(node).is_ok_and(|known| known.public == key))
    })
}

/// Returns the fingerprints of the keys in a [known_hosts of this program](is_ours), by the names of the nodes.
pub(super) fn fingerprints(text: &str) -> BTreeMap<&str, SshFingerprint> {
    let key = |line: &'_ str| SshFingerprint::of(line.split_once(' ')?.1);
    text.lines().filter_map(|line| Some((line.rsplit_once(' ')?.1, key(line)?))).collect()
}

/// Returns the host keys of the last build: their fingerprints, and the nodes that have them.
///
/// # Errors
/// Fails when there was no build, or the file cannot be read.
pub fn host_keys(cluster: &Cluster) -> Result<BTreeMap<String, String>, AccessError> {
    let text = super::read_result(&cluster.output.folder.join(NAME))?;
    let keys = fingerprints(&text).into_iter();
    Ok(keys.map(|(node, key)| (key.sha256, node.to_owned())).collect())
}

/// Returns what a node is called: its name and the hosts that it is found at.
pub(super) fn names(node: &Node) -> Vec<String> {
    let others = node.network.main.addresses().skip(1).map(|address| address.to_string());
    [node.name.to_string(), node.host()].into_iter().chain(others).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_hosts_that_ssh_added_to_is_somebodys_own() {
        let ours = "north,10.0.0.1 ssh-ed25519 AAAA north\neast,10.0.0.2,fd00::2 ssh-ed25519 AAAA east\n";
        assert!(is_ours(ours) && is_ours(""));
        for line in [
            "github.com ssh-ed25519 AAAA",
            "github.com ssh-ed25519 AAAA my comment",
            "|1|salt|hash ssh-ed25519 AAAA",
            "@cert-authority *.example.org ssh-ed25519 AAAA",
            "north ecdsa-sha2-nistp256 AAAA north",
            "# mine",
        ] {
            assert!(!is_ours(&format!("{ours}{line}\n")), "{line}");
        }
    }
}
