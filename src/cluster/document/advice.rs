//! Hints about keys and words that are not known.

use crate::cluster::document::foreign;
use crate::cluster::document::foreign::Counterpart;
use crate::cluster::document::keys::{ALL, K3S, K3S_NODE, Level, NODE};
use crate::types::similar;

/// Returns a hint about a key that a level does not have.
pub(crate) fn advice(level: &Level, unknown: &str) -> String {
    match meant(level, unknown) {
        Some("password_hash") => {
            return "Did you mean `password_hash`? Put there what `openssl passwd -6` prints, in single quotes"
                .to_owned();
        }
        Some(key) => return format!("Did you mean `{key}`?"),
        None => {}
    }
    let counterpart = foreign::counterpart(level, unknown);
    match (counterpart, level_with(unknown)) {
        (Some(Counterpart::Example(example)), _) => format!("Write it like `{example}`"),
        (Some(Counterpart::K3sExample(example)), _) => format!("Write it like `{example}`, {}", K3S.home),
        (Some(Counterpart::Nothing(instead)), _) => instead.to_owned(),
        (_, Some(other)) => format!("`{unknown}` belongs {}", other.home),
        (Some(Counterpart::Key(key)), None) => match level_with(key) {
            Some(other) => format!("Did you mean `{key}`? It belongs {}", other.home),
            None => format!("Did you mean `{key}`?"),
        },
        (None, None) => {
            let known: Vec<_> = level.keys.iter().map(|key| format!("`{key}`")).collect();
            format!("Known here: {}", known.join(", "))
        }
    }
}

/// Returns the advice on a key of `k3s:` that stands beside it in a node: at the top of the file it would be
/// every node's.
pub(crate) fn advice_beside_role(level: &Level, unknown: &str, role: Option<&str>) -> Option<String> {
    if level.name != NODE.name {
        return None;
    }
    let key = match foreign::counterpart(&K3S_NODE, unknown) {
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
pub(crate) fn meant(level: &Level, unknown: &str) -> Option<&'static str> {
    match foreign::counterpart(level, unknown) {
        Some(Counterpart::Key(key)) if level.keys.contains(&key) => return Some(key),
        // Another program's word is none of ours misspelt.
        Some(_) => return None,
        None => {}
    }
    match nearest(unknown, level.keys) {
        Some((key, distance)) if distance <= 1 || level_with(unknown).is_none() => Some(key),
        _ => None,
    }
}

/// Returns a level that has this key.
fn level_with(key: &str) -> Option<&'static Level> {
    ALL.iter().find(|level| level.keys.contains(&key)).copied()
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
    use super::super::keys::{ALL, CLUSTER, NETWORK, NODE, USER};
    use super::{Counterpart, advice, foreign, level_with, may_be_secret};
    use std::collections::{BTreeMap, BTreeSet};

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
            (&CLUSTER, "wifi", "Remove it: cardwright sets up the wired network, and has no key for Wi-Fi"),
            (
                &NODE,
                "extra_server_args",
                "Write it like `server: {config: {write-kubeconfig-mode: \"0640\"}}`, under `k3s:` at the top of the file",
            ),
            (&NODE, "AUTO_SETUP_NET_STATIC_IP", "Did you mean `address`?"),
            (&NODE, "users", "Write it like `user: {name: ann}`"),
            (&USER, "suod", "Did you mean `sudo`?"),
            (
                &USER,
                "password",
                "Did you mean `password_hash`? Put there what `openssl passwd -6` prints, in single quotes",
            ),
            (
                &NETWORK,
                "wibble",
                "Known here: `interface`, `mac`, `prefix`, `netmask`, `gateway`, `dns`, `search`, `ipv6`",
            ),
        ] {
            assert_eq!(advice(level, unknown), expected, "{unknown}");
        }
    }

    #[test]
    fn a_foreign_word_leads_to_a_key_that_there_is() {
        for (words, levels, counterpart) in foreign::all() {
            let Counterpart::Key(key) = counterpart else { continue };
            assert!(level_with(key).is_some(), "{words:?} {key}");
            for level in levels {
                assert!(ALL.iter().any(|known| known.name == *level), "{words:?} {level}");
            }
            // Where a key is known, it is never looked up.
            for level in ALL.iter().filter(|level| levels.contains(&level.name)) {
                let known = words.iter().find(|word| level.keys.contains(word));
                assert!(known.is_none(), "{known:?} of {:?}", level.name);
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
        use super::advice_beside_role as advice;
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

    #[test]
    fn the_schema_has_the_same_keys_everywhere() {
        let schema: serde_json::Value =
            serde_json::from_str(include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/nodes.schema.json")))
                .unwrap();
        let keys = |level: &serde_json::Value| -> BTreeSet<String> {
            level["properties"].as_object().unwrap().keys().cloned().collect()
        };
        let mut found = BTreeMap::from([(String::new(), keys(&schema))]);
        for (name, definition) in schema["definitions"].as_object().unwrap() {
            if definition.get("properties").is_some() {
                assert_eq!(definition["additionalProperties"], false, "{name}");
                found.insert(name.clone(), keys(definition));
            }
        }
        let known: BTreeMap<String, BTreeSet<String>> = ALL
            .iter()
            .map(|level| {
                (
                    level.name.to_owned(),
                    level.keys.iter().chain(level.former).map(|key| (*key).to_owned()).collect(),
                )
            })
            .collect();
        assert_eq!(found, known);
    }

    #[test]
    fn every_definition_of_the_schema_is_used_and_every_key_described() {
        let text = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/nodes.schema.json"));
        let schema: serde_json::Value = serde_json::from_str(text).unwrap();
        let definitions = schema["definitions"].as_object().unwrap();
        for name in definitions.keys() {
            assert!(text.contains(&format!("\"#/definitions/{name}\"")), "{name}");
        }
        for (name, level) in definitions.iter().chain([(&String::new(), &schema)]) {
            for (key, property) in
                level.get("properties").and_then(|all| all.as_object()).into_iter().flatten()
            {
                assert!(property.get("description").is_some(), "{name}: {key}");
            }
        }
        for reference in text.split("\"#/definitions/").skip(1) {
            let name = reference.split('"').next().unwrap();
            assert!(definitions.contains_key(name), "{name}");
        }
    }
}
