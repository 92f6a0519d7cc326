//! Hints about keys and words that are not known.

use crate::cluster::document::foreign;
use crate::cluster::document::foreign::Counterpart;
use crate::cluster::document::keys::{Level, Levels};
use crate::types::absent::OrEmpty as _;
use crate::types::similar;

/// Returns a hint about a key that a level does not have.
pub(crate) fn advice(levels: Levels, level: &Level, unknown: &str) -> String {
    if let Some(key) = unknown.strip_prefix('-').filter(|key| level.has(key)) {
        return format!("Write a space behind the `-`: `- {key}: …`");
    }
    let counterpart = foreign::counterpart(levels, level, unknown);
    if let Some(Counterpart::KeyWith(_, example)) = counterpart {
        return format!("Write it like `{example}`");
    }
    match meant(levels, level, unknown) {
        Some("password_hash") => {
            return "Did you mean `password_hash`? Put there what `openssl passwd -6` prints, in single quotes"
                .to_owned();
        }
        Some(key) => return format!("Did you mean `{key}`?"),
        None => {}
    }
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
        (_, Some(_)) if level.name == "defaults" && level_of(levels, "node_defaults").has(unknown) => {
            format!("`{unknown}` belongs to a role, like `defaults: {{agent: {{{unknown}: …}}}}`")
        }
        (_, Some(other)) => format!("`{unknown}` belongs {}", home_of(other)),
        (Some(Counterpart::Key(key) | Counterpart::KeyWith(key, _)), None) => match level_with(levels, key) {
            Some(other) => format!("Did you mean `{key}`? It belongs {}", home_of(other)),
            None => format!("Did you mean `{key}`?"),
        },
        (None, None) => {
            let known: Vec<_> = level.keys().map(|key| format!("`{key}`")).collect();
            format!("Known here: {}", known.join(", "))
        }
    }
}

/// Returns the advice on a text that stands where the keys of a level belong.
pub(crate) fn of_a_value(level: &Level, text: &str) -> String {
    let key = text.split([':', '=']).next().or_empty();
    if level.has(key) && key.len() < text.len() {
        return format!("Write a colon and a space behind `{key}`: `{key}: …`");
    }
    let first = level.keys().next().or_empty();
    if level.name == "user" && !text.contains(char::is_whitespace) && !level.has(text) {
        return format!("Write it like `{{{first}: ann}}`");
    }
    let known = level.keys().map(|key| format!("`{key}:`")).collect::<Vec<_>>();
    format!("Known here: {}", known.join(", "))
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
    if let Some(key) = level.keys().find(|key| *key == folded(unknown)) {
        return Some(key);
    }
    match foreign::counterpart(levels, level, unknown) {
        Some(Counterpart::Key(key) | Counterpart::KeyWith(key, _)) if level.has(key) => return Some(key),
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

/// Returns the level of a name.
#[expect(clippy::expect_used, reason = "the names are those of the tables")]
fn level_of(levels: Levels, name: &str) -> &'static Level {
    levels.iter().find(|level| level.name == name).expect("there is a level of this name")
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

/// Returns `true` if the value of a key that a level does not have may be a secret: by its own name, by what it stands
/// for, or because it stands beside secrets and for nothing that is known.
pub(crate) fn has_a_secret(levels: Levels, level: &Level, unknown: &str) -> bool {
    let is_known = || foreign::counterpart(levels, level, unknown).is_some();
    may_be_secret(unknown)
        || match meant(levels, level, unknown) {
            Some(key) => may_be_secret(key),
            None => level.has_secrets() && !is_known(),
        }
}

#[cfg(test)]
mod tests {
    use super::{foreign, may_be_secret};
    use crate::cluster::document::keys::Level;
    use crate::cluster::fields::LEVELS;
    use crate::cluster::fields::cluster::{CLUSTER, DEFAULTS, INCLUDED, NODE};
    use crate::cluster::fields::network::NETWORK;
    use crate::cluster::fields::user::USER;
    use crate::cluster::fields::wifi::WIFI;

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
            (&WIFI, "Password", "Did you mean `password`?"),
            (&WIFI, "secret", "Did you mean `password`?"),
            (&WIFI, "pre-shared-key", "Did you mean `password`?"),
            (&WIFI, "Kennwort", "Did you mean `password`?"),
            (&NETWORK, "dhcp", "Write it like `method: dhcp`"),
            (&NODE, "-name", "Write a space behind the `-`: `- name: …`"),
            (&INCLUDED, "k3s", "`k3s` belongs in nodes.yaml itself, which includes this file"),
            (&INCLUDED, "network", "`network` belongs in nodes.yaml itself, which includes this file"),
            (&DEFAULTS, "timezone", "`timezone` belongs to a role, like `defaults: {agent: {timezone: …}}`"),
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
    fn beside_secrets_what_is_not_known_is_taken_for_one() {
        let hides = |level, unknown| super::has_a_secret(LEVELS, level, unknown);
        for key in ["key", "code", "kennwort", "clave", "pre-shared-key", "psk_"] {
            assert!(hides(&WIFI, key), "{key}");
        }
        assert!(!hides(&WIFI, "countr") && !hides(&NODE, "clave") && hides(&USER, "clave"));
    }

    #[test]
    fn the_value_of_a_mistyped_secret_is_taken_for_one() {
        for key in ["password", "pasword_hash", "passwort", "psk", "tokn", "api_secret"] {
            assert!(may_be_secret(key), "{key}");
        }
        assert!(!may_be_secret("adress"));
    }
}
