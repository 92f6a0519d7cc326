//! What changing a file of a card means for a node that runs with it.

use crate::cluster::Node;
use crate::cluster::claimed::matches;
use crate::patch::{Action, Edit, Partition, Sensitivity};
use serde::Serialize;

/// The way in which a change gets onto a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum CardChange {
    /// The card is as it would be made now.
    Stays,
    /// It can be changed on the running node.
    Apply,
    /// `cardwright upgrade` does it on the running node.
    Upgrade,
    /// A first boot has to do it, so the card is flashed again.
    Flash,
}

use CardChange::{Apply, Flash};

/// Returns `true` for a file that another version of k3s is enough to change: the program, the images of the release, and
/// what brings them onto the node at its first start.
pub(crate) fn is_of_k3s_version(partition: Partition, path: &str) -> bool {
    const OF_VERSION: [&str; 3] =
        ["/usr/local/bin/k3s", "/usr/local/lib/cardwright/*", "/var/lib/rancher/k3s/agent/images/*"];
    partition == Partition::Root && OF_VERSION.iter().any(|pattern| matches(pattern, path))
}

/// Path patterns on the root partition as in `cluster/claimed.rs`, the words for what is in them, and the way onto a node. What is not here is
/// flashed: nobody knows better.
const TABLE: &[(&str, &str, CardChange)] = &[
    (HOSTS, "hosts", Apply),
    (K3S_CONFIG, K3S, Apply),
    ("/etc/hostname", "name", Flash),
    // Numbers of users own files, and the first boot has grown what is in these.
    ("/etc/passwd", "users", Flash),
    ("/etc/shadow", "users or passwords", Flash),
    ("/etc/group", "groups", Flash),
    ("/etc/gshadow", "groups", Flash),
    ("/etc/subuid", "users", Flash),
    ("/etc/subgid", "users", Flash),
    ("/home/*/.ssh/authorized_keys", "SSH keys", Apply),
    ("/root/.ssh/authorized_keys", "SSH keys", Apply),
    ("/etc/sudoers.d/*", "sudo", Apply),
    ("/etc/ssh/sshd_config", "ssh", Apply),
    ("/etc/ssh/sshd_config.d/*", "ssh", Apply),
    ("/etc/ssh/cardwright_host_ed25519_key*", "host key", Flash),
    // A node that changes its address while it is changed is lost where a mistake is in it.
    ("/etc/NetworkManager/system-connections/*", "network", Flash),
    ("/etc/dhcpcd.conf", "network", Flash),
    ("/etc/wpa_supplicant/*", "wifi", Flash),
    ("/etc/rancher/k3s/registries.yaml", "registries", Apply),
    ("/etc/rancher/k3s/resolv.conf", "name servers of pods", Apply),
    ("/etc/rancher", K3S, Flash),
    ("/etc/rancher/**", K3S, Flash),
    ("/etc/NetworkManager/conf.d/*", K3S, Flash),
    ("/var/lib/rancher/k3s/server/manifests/*", "manifests", Apply),
    ("/var/lib/rancher/k3s/server/tls/**", "certificates of the cluster", Flash),
    ("/etc/systemd/system/k3s*", ROLE, Flash),
    ("/etc/systemd/system/k3s*/*", ROLE, Flash),
    ("/etc/systemd/system/*.wants/*", FIRST_START, Flash),
    ("/etc/systemd/system/cardwright-*", FIRST_START, Flash),
    ("/usr/local/lib/cardwright", FIRST_START, Flash),
    ("/etc/localtime", "timezone", Apply),
    ("/etc/timezone", "timezone", Apply),
    ("/etc/locale.gen", "locale", Flash),
    ("/etc/locale.conf", "locale", Flash),
    ("/etc/default/locale", "locale", Flash),
    ("/etc/default/keyboard", "keyboard", Apply),
    ("/etc/console-setup/*", "keyboard", Apply),
    ("/etc/systemd/timesyncd.conf.d/*", "ntp", Apply),
    ("/etc/cardwright/card.json", "role of the card", Flash),
    ("/usr/local/lib/cardwright/**", FIRST_START, Flash),
];

const K3S: &str = "k3s";

const ROLE: &str = "role in k3s";

const FIRST_START: &str = "what runs at the first start";

/// Takes out of the words for several changes those that follow from the others.
pub(crate) fn without_consequences(why: &mut Vec<String>) {
    if why.iter().any(|words| words == ROLE) {
        why.retain(|words| {
            ![K3S, FIRST_START, "name servers of pods", "boot: cmdline.txt"].contains(&&**words)
        });
    }
    // An address stands in the flags as well.
    if why.len() > 1 {
        why.retain(|words| words != K3S);
    }
}

/// The file with the names of all nodes.
pub(crate) const HOSTS: &str = "/etc/hosts";

/// The file with the flags of k3s.
pub(crate) const K3S_CONFIG: &str = "/etc/rancher/k3s/config.yaml";

/// Returns the words of nodes.yaml for what is in a file of a card, and how it gets onto a running node.
pub(crate) fn change_of(partition: Partition, path: &str, node: &Node) -> (String, CardChange) {
    // The home folder is the user's: `~/x` is x in some folder.
    let is_at = |written: &str| match written.strip_prefix('~') {
        Some(below) => path.ends_with(below),
        None => written == path,
    };
    let mut own = node.files.iter().filter(|file| file.partition == partition);
    if let Some(file) = own.find(|file| is_at(&file.path.to_string())) {
        return (format!("file {}", file.path), Apply);
    }
    if partition == Partition::Boot {
        return (format!("boot: {}", path.trim_start_matches('/')), Flash);
    }
    match TABLE.iter().find(|(pattern, ..)| matches(pattern, path)) {
        Some((_, words, change)) => ((*words).to_owned(), *change),
        None => (path.to_owned(), Flash),
    }
}

/// Returns all that an edit makes, but for its path, as a text; `None` where the digest of a source file was not taken.
/// It tells the content of a secret by its SHA-256, and is itself secret then.
pub(crate) fn identity_of(edit: &Edit) -> Option<String> {
    let on_root = edit.partition == Partition::Root;
    Some(match &edit.action {
        Action::File { content, mode, owner, sensitivity } => {
            let attributes = if on_root { format!("{mode} {owner}") } else { String::new() };
            let secret = if *sensitivity == Sensitivity::Secret { " secret" } else { "" };
            format!("file {attributes} {}{secret}", content.digest()?)
        }
        Action::Directory { mode, owner } if on_root => format!("directory {mode} {owner}"),
        Action::Directory { .. } => "directory".to_owned(),
        Action::Symlink { target } => format!("link {target}"),
        Action::Remove => "removed".to_owned(),
        Action::Rename { to } => format!("moved to {to}"),
    })
}
