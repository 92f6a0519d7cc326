//! ssh_config: how ssh gets to the nodes.

use super::error::AccessError;
use super::known_hosts::{self, names};
use crate::cluster::{AuthorizedKey, Cluster, Node};
use crate::types::{escape, shell};
use std::iter::Peekable;
use std::net::Ipv6Addr;
use std::path::{Component, Path, PathBuf};

/// The name of the file.
pub(super) const NAME: &str = "ssh_config";

/// The name of the file of the cluster's own private key.
pub(super) const LOGIN_KEY: &str = "id_ed25519";

/// Returns whether a text is an ssh_config as this program wrote it: its first line, and sections of no other
/// lines than [`text_of`] writes, in that order. What is in them depends on nodes.yaml, which may have
/// changed since.
pub(super) fn is_ours(text: &str) -> bool {
    let mut lines = text.lines();
    let first = lines.next();
    let mut lines = lines.peekable();
    let mut is_whole = first.is_some_and(|line| line.starts_with(HEADER) && line.contains(INVITATION));
    while is_whole && lines.peek().is_some() {
        is_whole = is_our_section(&mut lines).is_some();
    }
    is_whole
}

/// Takes the lines of one section off; `None` where one is not as this program writes it.
fn is_our_section<'text>(lines: &mut Peekable<impl Iterator<Item = &'text str>>) -> Option<()> {
    lines.next()?.is_empty().then_some(())?;
    let names = lines.next()?.strip_prefix("Host ")?;
    let address = lines.next()?.strip_prefix("    HostName ")?;
    match names.split(' ').collect::<Vec<_>>()[..] {
        [_, first] if first == address => {}
        [_, first, second] if first == address && second.parse::<Ipv6Addr>().is_ok() => {}
        _ => return None,
    }
    lines.next()?.strip_prefix("    User ")?;
    // No path of ours begins with a tilde.
    let is_identity = |line: &&str| {
        line.strip_prefix("    IdentityFile ").is_some_and(|path| !path.starts_with(['~', ' ']))
    };
    if std::iter::from_fn(|| lines.next_if(is_identity)).count() > 0 {
        lines.next_if_eq(&"    IdentitiesOnly yes")?;
    }
    lines.next()?.strip_prefix("    UserKnownHostsFile ")?;
    lines.next_if_eq(&"    HostKeyAlgorithms ssh-ed25519")?;
    lines.next_if_eq(&"    StrictHostKeyChecking yes")?;
    Some(())
}

/// Returns whether a text leads to a node: whether one of its sections is for that name.
pub(super) fn leads_to(text: &str, node: &str) -> bool {
    let mut names = text.lines().filter_map(|line| line.strip_prefix("Host "));
    names.any(|names| names.split_whitespace().any(|name| name == node))
}

/// The beginning of an ssh_config's first line; the cluster's name follows.
const HEADER: &str = "# The nodes of ";
const INVITATION: &str = ". From the folder of nodes.yaml: ssh -F ";

/// Returns the ssh_config of a cluster. A section a node, of names that only its nodes have, so that the file can also be
/// included in another.
///
/// ssh looks for the files that it names from where it is run, so they are named as seen from the folder of
/// nodes.yaml. The whole path would make the file another on every machine.
///
/// # Errors
/// Fails when the folder of the results, or a key, has a path that ssh_config cannot hold.
pub(super) fn text_of(cluster: &Cluster) -> Result<String, AccessError> {
    let result = |name: &str| argument(&seen_from_nodes_yaml(cluster, &cluster.output.folder.join(name)));
    let (known_hosts, login_key) = (result(known_hosts::NAME)?, result(LOGIN_KEY)?);
    let section = |node: &Node| {
        let user = node.ssh_user();
        let (names, address, name) = (names(node).join(" "), node.host(), &user.name);
        let identities = if user.name == node.user.name && user.ssh_authorized_keys.is_empty() {
            vec![login_key.clone()]
        } else {
            own_keys(cluster, &user.ssh_authorized_keys.lines)?
        };
        // Otherwise ssh first offers every other key that an agent holds, and sshd hangs up after six
        // (sshd_config(5), MaxAuthTries). Keys of these names are still taken from the agent.
        let only = if identities.is_empty() { "" } else { "    IdentitiesOnly yes\n" };
        let line = |identity: &String| format!("    IdentityFile {identity}\n");
        let identities: String = identities.iter().map(line).collect();
        Ok(format!(
            "\nHost {names}\n    HostName {address}\n    User {name}\n{identities}{only}    \
             UserKnownHostsFile {known_hosts}\n    HostKeyAlgorithms ssh-ed25519\n    StrictHostKeyChecking yes\n"
        ))
    };
    let sections = cluster.nodes.iter().map(section).collect::<Result<String, AccessError>>()?;
    let path = seen_from_nodes_yaml(cluster, &cluster.output.folder.join(NAME));
    // Without a node there is none to name, and no section.
    let first = cluster.nodes.first().map_or("", |node| node.name.as_str());
    let path = shell::word(&with_slashes(&path));
    Ok(format!("{HEADER}{}{INVITATION}{path} {first}\n{sections}", cluster.name))
}

/// Returns an ssh_config of this program that was moved, together with what it names, into another folder.
pub(crate) fn moved(text: &str, cluster: &Cluster, to: &Path) -> Result<String, AccessError> {
    let mut moved = text.to_owned();
    for name in [known_hosts::NAME, LOGIN_KEY] {
        let named = |folder: &Path| argument(&seen_from_nodes_yaml(cluster, &folder.join(name)));
        let (before, after) = (named(&cluster.output.folder)?, named(to)?);
        for keyword in ["IdentityFile", "UserKnownHostsFile"] {
            moved = moved.replace(&format!(" {keyword} {before}\n"), &format!(" {keyword} {after}\n"));
        }
    }
    let path = |folder: &Path| shell::word(&with_slashes(&seen_from_nodes_yaml(cluster, &folder.join(NAME))));
    let invitation = |folder: &Path| format!("{INVITATION}{} ", path(folder));
    Ok(moved.replacen(&invitation(&cluster.output.folder), &invitation(to), 1))
}

/// Returns the private keys on this machine with which one gets in by some of these public ones, each once.
fn own_keys(cluster: &Cluster, keys: &[AuthorizedKey]) -> Result<Vec<String>, AccessError> {
    let mut files: Vec<String> = Vec::new();
    for file in keys.iter().filter_map(AuthorizedKey::identity_file) {
        let file = argument(&seen_from_nodes_yaml(cluster, file))?;
        files.extend((!files.contains(&file)).then_some(file));
    }
    Ok(files)
}

/// Returns a path as seen from the folder of nodes.yaml; the whole path where it does not lie below that.
fn seen_from_nodes_yaml(cluster: &Cluster, path: &Path) -> PathBuf {
    let here = cluster.source.parent().unwrap_or(Path::new(""));
    let plain = |path: &Path| path.strip_prefix(".").unwrap_or(path).to_owned();
    match plain(path).strip_prefix(plain(here)) {
        Ok(below) if path.is_absolute() == here.is_absolute() => below.to_owned(),
        _ => std::path::absolute(path).unwrap_or_else(|_| path.to_owned()),
    }
}

/// Returns a path as the argument of a keyword that names files, by the rules of ssh_config(5) and readconf.c.
///
/// A line is taken apart at spaces; double quotes hold a word together, and inside them a backslash is
/// put before a quote or another backslash. Then a `~` at the beginning is a home folder, `none` no file,
/// `%` begins a token and `${` an environment variable, of which only the token can be written otherwise.
fn argument(path: &Path) -> Result<String, AccessError> {
    let refused = |reason| Err(AccessError::Path { path: path.to_owned(), reason });
    let Some(text) = path.to_str().map(|_| with_slashes(path)) else {
        return refused("it is not UTF-8");
    };
    if text.contains(escape::is_control) {
        return refused("it has a control character");
    }
    if text.contains("${") {
        return refused("ssh takes `${` for an environment variable");
    }
    let here = if text.starts_with('~') || text == "none" { "./" } else { "" };
    let text = format!("{here}{}", text.replace('%', "%%"));
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+%:~".contains(c);
    let quoted = || format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
    Ok(if text.chars().all(plain) { text } else { quoted() })
}

/// Returns a path with slashes between its parts, which ssh understands on every system.
fn with_slashes(path: &Path) -> String {
    let parts: Vec<_> = path
        .components()
        .filter(|part| !matches!(part, Component::RootDir | Component::CurDir))
        .map(|part| part.as_os_str().to_string_lossy().into_owned())
        .collect();
    // Of `C:\\images` on Windows, the root is behind the prefix.
    let (prefix, parts) = match (path.components().next(), parts.split_first()) {
        (Some(Component::Prefix(_)), Some((prefix, rest))) => (prefix.as_str(), rest),
        _ => ("", parts.as_slice()),
    };
    let root = if path.has_root() { "/" } else { "" };
    format!("{prefix}{root}{}", parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ssh_config_with_a_line_more_or_less_is_somebodys_own() {
        let section = "\nHost north 10.0.0.1 fd00::2\n    HostName 10.0.0.1\n    User pi\n    IdentityFile images/id_ed25519\n    \
            IdentitiesOnly yes\n    UserKnownHostsFile images/known_hosts\n    HostKeyAlgorithms ssh-ed25519\n    \
            StrictHostKeyChecking yes\n";
        let ours = format!("{HEADER}compass{INVITATION}images/ssh_config north\n{section}{section}");
        assert!(is_ours(&ours), "{ours}");
        let without = "    IdentityFile images/id_ed25519\n    IdentitiesOnly yes\n";
        assert!(is_ours(&ours.replace(without, "")));
        let lines: Vec<&str> = ours.lines().collect();
        for number in 0..lines.len() {
            let mut changed = lines.clone();
            changed.insert(number + 1, "    ForwardAgent yes");
            assert!(!is_ours(&changed.join("\n")), "{number}");
            changed.remove(number + 1);
            changed.remove(number);
            let is_one_key_less = lines[number].starts_with("    IdentityFile");
            assert!(!is_ours(&changed.join("\n")) || is_one_key_less, "{number}");
        }
        for (from, to) in [
            ("StrictHostKeyChecking yes", "StrictHostKeyChecking no"),
            ("Host north ", "Host north n1 "),
            ("IdentityFile images/id_ed25519", "IdentityFile ~/.ssh/id_ed25519"),
        ] {
            assert!(!is_ours(&ours.replace(from, to)), "{to}");
        }
        for more in ["\nHost *\n    ForwardAgent yes\n", "Include ~/.ssh/config\n", "# mine\n", "\n"] {
            assert!(!is_ours(&format!("{ours}{more}")), "{more}");
        }
    }

    #[test]
    fn paths_are_written_as_ssh_reads_them() {
        for (path, expected) in [
            ("images/known_hosts", "images/known_hosts"),
            ("./images/known_hosts", "images/known_hosts"),
            ("/home/ann/images/known_hosts", "/home/ann/images/known_hosts"),
            ("my images/known_hosts", "\"my images/known_hosts\""),
            ("100%/known_hosts", "100%%/known_hosts"),
            ("a\"b/known_hosts", "\"a\\\"b/known_hosts\""),
            ("#1/known_hosts", "\"#1/known_hosts\""),
            ("~/known_hosts", "./~/known_hosts"),
            ("a~/known_hosts", "a~/known_hosts"),
            ("none", "./none"),
            ("$HOME/known_hosts", "\"$HOME/known_hosts\""),
        ] {
            assert_eq!(argument(Path::new(path)).unwrap(), expected);
        }
    }

    #[test]
    fn paths_that_ssh_cannot_be_told_are_refused() {
        for path in ["a\nHost *\n ProxyCommand x/known_hosts", "a\u{9b}/known_hosts", "${HOME}/known_hosts"] {
            assert!(matches!(argument(Path::new(path)), Err(AccessError::Path { .. })), "{path:?}");
        }
    }
}
