//! Hints about keys and words that are not known.

use crate::cluster::document::foreign;
use crate::cluster::document::foreign::Counterpart;
use crate::cluster::document::keys::{Level, Levels};
use crate::types::similar;

/// Returns a hint about a key that a level does not have.
pub(crate) fn advice(levels: Levels, level: &Level, unknown: &str) -> String {
    match meant(levels, level, unknown) {
        Some("password_hash") => {
            return "Did you mean `password_hash`? Put there what `openssl passwd -6` prints, in single quotes"
                .to_owned();
        }
        Some(key) => return format!("Did you mean `{key}`?"),
        None => {}
    }
    let counterpart = foreign::counterpart(levels, level, unknown);
    // In a file that is included, the top of the file is another one.
    let home_of = |other: &Level| match (level.name, other.name) {
        ("included", "") => "in nodes.yaml itself, which includes this file",
        _ => other.home,
    };
    match (counterpart, level_with(levels, unknown)) {
        (Some(Counterpart::Example(example)), _) => format!("Write it like `{example}`"),
        (Some(Counterpart::K3sExample(example)), _) => {
            format!("Write it like `{example}`, under `k3s:` at the top of the file")
        }
        (Some(Counterpart::Nothing(instead)), _) => instead.to_owned(),
        (_, Some(other)) => format!("`{unknown}` belongs {}", home_of(other)),
        (Some(Counterpart::Key(key)), None) => match level_with(levels, key) {
            Some(other) => format!("Did you mean `{key}`? It belongs {}", home_of(other)),
            None => format!("Did you mean `{key}`?"),
        },
        (None, None) => {
            let known: Vec<_> = level.keys().map(|key| format!("`{key}`")).collect();
            format!("Known here: {}", known.join(", "))
        }
    }
}

/// Returns the advice on a key of `k3s:` that stands beside it in a node: at the top of the file it would be
/// every node's.
pub(crate) fn advice_beside_role(
    levels: Levels,
    level: &Level,
    unknown: &str,
    role: Option<&str>,
) -> Option<String> {
    if level.name != "node" {
        return None;
    }
    let of_role = levels.iter().find(|level| level.name == "k3s_node")?;
    let key = match foreign::counterpart(levels, of_role, unknown) {
        Some(Counterpart::Key(key)) => key,
        _ => unknown,
    };
    if let ("role", Some(role)) = (key, role) {
        return Some(if matches!(role, "server" | "agent" | "none") {
            format!("Remove it: `k3s: {role}` is the role")
        } else {
            "Remove it: what stands behind `k3s:` is the role".to_owned()
        });
    }
    let value = match key {
        "labels" => "{room: attic}",
        "taints" => "[\"room=attic:NoSchedule\"]",
        "config" => "{debug: true}",
        _ => return None,
    };
    let role = role.filter(|role| matches!(*role, "server" | "agent")).unwrap_or("agent");
    Some(format!("For this node alone, write `k3s: {{role: {role}, {key}: {value}}}`"))
}

/// Returns the key of the level that an unknown one most probably stands for. A key that belongs to another level
/// is taken for that one rather than for a bad misspelling.
pub(crate) fn meant(levels: Levels, level: &Level, unknown: &str) -> Option<&'static str> {
    match foreign::counterpart(levels, level, unknown) {
        Some(Counterpart::Key(key)) if level.has(key) => return Some(key),
        // Another program's word is none of ours misspelt.
        Some(_) => return None,
        None => {}
    }
    let keys: Vec<_> = level.keys().collect();
    match nearest(unknown, &keys) {
        Some((key, distance)) if distance <= 1 || level_with(levels, unknown).is_none() => Some(key),
        _ => None,
    }
}

/// Returns a level that has this key.
fn level_with(levels: Levels, key: &str) -> Option<&'static Level> {
    levels.iter().find(|level| level.has(key)).copied()
}

fn folded(word: &str) -> String {
    word.to_lowercase().replace('-', "_")
}

/// Returns the known word that a mistyped one most probably was, and how many letters it is away. None where two are
/// as near: a guess between them would be right half of the time.
pub(crate) fn nearest<'k>(typed: &str, known: &[&'k str]) -> Option<(&'k str, usize)> {
    let folded = folded(typed);
    let distances = || known.iter().map(|key| (*key, similar::distance(&folded, key)));
    distances()
        .min_by_key(|(_, distance)| *distance)
        .filter(|(nearest, least)| distances().all(|(key, distance)| key == *nearest || distance > *least))
        .filter(|(key, distance)| *distance <= 3 && distance * 2 <= key.len().max(folded.len()))
}

/// Returns `true` if the value of an unknown key may be a secret.
pub(crate) fn may_be_secret(unknown: &str) -> bool {
    let folded = unknown.to_lowercase();
    ["pass", "pwd", "secret", "token", "hash", "private", "psk"].iter().any(|word| folded.contains(word))
        || nearest(unknown, &["password_hash", "password", "passwd", "token"]).is_some()
}

#[cfg(test)]
mod tests {
    use super::{foreign, may_be_secret};
    use crate::cluster::document::keys::Level;
    use crate::cluster::fields::LEVELS;
    use crate::cluster::fields::cluster::{CLUSTER, NODE};
    use crate::cluster::fields::network::NETWORK;
    use crate::cluster::fields::user::USER;

    fn advice(level: &Level, unknown: &str) -> String {
        super::advice(LEVELS, level, unknown)
    }

    #[test]
    fn an_unknown_key_is_answered_with_what_was_meant() {
        for (level, unknown, expected) in [
            (&NODE, "adress", "Did you mean `address`?"),
            (&NODE, "Name", "Did you mean `name`?"),
            (&NODE, "first-boot", "Did you mean `first_boot`?"),
            (&NODE, "hostname", "Did you mean `name`?"),
            (&NODE, "ip", "Did you mean `address`?"),
            (&NODE, "dns", "`dns` belongs under `network:`"),
            (&NODE, "image", "`image` belongs at the top of the file"),
            (&CLUSTER, "address", "`address` belongs in a node, under `nodes:`"),
            (&CLUSTER, "node", "Did you mean `nodes`?"),
            (&CLUSTER, "nameservers", "Did you mean `dns`? It belongs under `network:`"),
            (&CLUSTER, "cluster_name", "Did you mean `cluster`?"),
            (&NETWORK, "gateway4", "Did you mean `gateway`?"),
            (&CLUSTER, "wlan", "Did you mean `wifi`?"),
            (
                &NODE,
                "extra_server_args",
                "Write it like `server: {config: {write-kubeconfig-mode: \"0640\"}}`, under `k3s:` at the top of the file",
            ),
            (&NODE, "AUTO_SETUP_NET_STATIC_IP", "Did you mean `address`?"),
            (&NODE, "accounts", "Did you mean `users`?"),
            (&USER, "gid", "Did you mean `uid`?"),
            (&USER, "suod", "Did you mean `sudo`?"),
            (
                &USER,
                "password",
                "Did you mean `password_hash`? Put there what `openssl passwd -6` prints, in single quotes",
            ),
            (
                &NETWORK,
                "wibble",
                "Known here: `method`, `mtu`, `routes`, `interface`, `mac`, `prefix`, `netmask`, `gateway`, `dns`, `search`, `interfaces`, `vlans`, `ipv6`",
            ),
        ] {
            assert_eq!(advice(level, unknown), expected, "{unknown}");
        }
    }

    #[test]
    fn a_known_key_is_no_foreign_word() {
        for level in LEVELS {
            for row in level.rows() {
                let known = row.here.split_whitespace().find(|word| level.has(word));
                assert!(known.is_none(), "{known:?} of {:?}", level.name);
            }
        }
        for (_, levels, _) in foreign::all() {
            for name in levels {
                assert!(LEVELS.iter().any(|level| level.name == *name), "{name}");
            }
        }
    }

    #[test]
    fn nothing_is_guessed_between_two_words_that_are_as_near() {
        assert_eq!(super::nearest("rood", &["root", "boot"]), Some(("root", 1)));
        assert_eq!(super::nearest("soot", &["root", "boot"]), None);
    }

    #[test]
    fn labels_beside_a_role_belong_into_it() {
        let advice = |level, unknown, role| super::advice_beside_role(LEVELS, level, unknown, role);
        assert_eq!(
            advice(&NODE, "labels", Some("server")).as_deref(),
            Some("For this node alone, write `k3s: {role: server, labels: {room: attic}}`")
        );
        assert_eq!(
            advice(&NODE, "node-taints", None).as_deref(),
            Some("For this node alone, write `k3s: {role: agent, taints: [\"room=attic:NoSchedule\"]}`")
        );
        assert_eq!(
            advice(&NODE, "role", Some("agent")).as_deref(),
            Some("Remove it: `k3s: agent` is the role")
        );
        // Alone it is the role itself under another name.
        assert_eq!(advice(&NODE, "role", None), None);
        assert_eq!(advice(&NODE, "adress", None), None);
        assert_eq!(advice(&CLUSTER, "labels", None), None);
    }

    #[test]
    fn the_value_of_a_mistyped_secret_is_taken_for_one() {
        for key in ["password", "pasword_hash", "passwort", "psk", "tokn", "api_secret"] {
            assert!(may_be_secret(key), "{key}");
        }
        assert!(!may_be_secret("adress"));
    }
}
