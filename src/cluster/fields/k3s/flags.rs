//! Flags of k3s for all nodes, those of one role, or one: `config`, `labels`, `taints`.

use crate::cluster::diagnostic::{Diagnostics, Finding, shown};
use crate::cluster::document::advice;
use crate::cluster::document::table::{added, keys};
use crate::cluster::document::types::{by, list, token};
use crate::cluster::document::value::{Field, FieldValue};
use crate::cluster::fields::k3s::config;
use crate::cluster::fields::k3s::config::K3sConfig;
use crate::cluster::names::is_label;
use crate::cluster::{FieldSpan, Role, k3s_flags};
use serde_json::{Map, Value, json};

/// Prefixes of labels that Kubernetes keeps for itself: the kubelet does not start when it is to give its
/// node such a label.
const KEPT: [&str; 2] = ["kubernetes.io", "k8s.io"];

/// Those among them that it may give (kubernetes.io, "NodeRestriction" and the reference of labels).
const OPEN_PREFIXES: [&str; 2] = ["node.kubernetes.io", "kubelet.kubernetes.io"];

const OPEN_LABELS: [&str; 2] = ["topology.kubernetes.io/region", "topology.kubernetes.io/zone"];

/// The values of `disable:`: the components that come with k3s (docs.k3s.io, "Packaged Components").
pub(crate) const COMPONENTS: [&str; 6] =
    ["coredns", "local-storage", "metrics-server", "runtimes", "servicelb", "traefik"];

keys! {
    level K3S_ROLE: "k3s_role", "under `server:` or `agent:` of `k3s:`", "k3s on the nodes of one role.";
    draft Flags;

    key config: K3sConfig = by(config::read), merge config_by_flag; {
        help: "Flags of k3s without their dashes.",
        example: "{kubelet-arg: [max-pods=50]}",
        schema: config::schema,
        here: "args extra_args k3s_extra_args flags options",
    }
    key labels: Vec<(String, String)> = by(labels), merge added; {
        help: "Labels of the nodes, given when a node joins.",
        example: "{room: attic}",
        schema: labels_schema,
        here: "label",
        others: "node_label node_labels",
    }
    key taints: Vec<Taint> = list(token(taint)), merge added; {
        help: "Taints of the nodes, given when a node joins.",
        example: "[\"room=attic:PreferNoSchedule\"]",
        schema: taints_schema,
        here: "taint",
        others: "node_taint node_taints",
    }
}

/// `key=value:Effect`
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Taint {
    key: String,
    value: Option<String>,
    effect: String,
}

/// Merges flags: a node's own take the place of those above it.
fn config_by_flag(own: &Field<K3sConfig>, above: &Field<K3sConfig>) -> Field<K3sConfig> {
    let mut both = own.or(above);
    if let (Field::Given(both), Field::Given(above)) = (&mut both, above) {
        let own = std::mem::replace(&mut both.value, above.value.clone());
        both.value.keys.extend(own.keys);
        // The first place of a flag counts.
        both.value.spans.splice(..0, own.spans);
    }
    both
}

impl Flags {
    /// Warns of flags among those of agents that only servers have.
    pub(crate) fn warn_of_flags_of_servers(&self, diagnostics: &Diagnostics) {
        let flags = self.config.given().into_iter().flat_map(|config| &config.value.spans);
        for (name, span) in flags {
            if k3s_flags::find(name).is_some_and(|flag| flag.role == Some(Role::Server)) {
                let message = format!("`{name}` is a flag of servers, and agents do nothing about it");
                let hint = "Write it under `server: {config: …}` of `k3s:`, or remove it";
                diagnostics.warn(span, Finding::new(message, hint));
            }
        }
    }

    /// Returns where `config:` sets a flag.
    pub(crate) fn span_of(&self, flag: &str) -> Option<&FieldSpan> {
        let spans = &self.config.given()?.value.spans;
        spans.iter().find(|(name, _)| name == flag).map(|(_, span)| span)
    }

    /// The configuration that these layers make of a node; what comes later wins.
    pub(crate) fn configuration<'f>(layers: impl IntoIterator<Item = &'f Self>) -> Map<String, Value> {
        let (mut config, mut labels, mut taints) = (Map::new(), Vec::new(), Vec::new());
        for layer in layers {
            for (key, value) in layer.config.given().into_iter().flat_map(|given| &given.value.keys) {
                config.insert(key.clone(), value.clone());
            }
            for (key, value) in layer.labels.items() {
                labels.retain(|(known, _)| known != key);
                labels.push((key.clone(), value.clone()));
            }
            for taint in layer.taints.items() {
                let same = |known: &Taint| known.key == taint.key && known.effect == taint.effect;
                taints.retain(|known| !same(known));
                taints.push(taint.clone());
            }
        }
        add(&mut config, "node-label", labels.iter().map(|(key, value)| format!("{key}={value}")));
        add(&mut config, "node-taint", taints.iter().map(Taint::to_string));
        config
    }
}

/// Adds to a list of the configuration what is not in it yet.
pub(crate) fn add(config: &mut Map<String, Value>, key: &str, items: impl Iterator<Item = String>) {
    let mut list = match config.get(key) {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::Array(list)) => list.clone(),
        Some(single) => vec![single.clone()],
    };
    for item in items.map(Value::String) {
        if !list.contains(&item) {
            list.push(item);
        }
    }
    if !list.is_empty() {
        config.insert(key.to_owned(), Value::Array(list));
    }
}

impl std::fmt::Display for Taint {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { key, value, effect } = self;
        match value {
            Some(value) => write!(formatter, "{key}={value}:{effect}"),
            None => write!(formatter, "{key}:{effect}"),
        }
    }
}

pub(crate) fn disabled_schema() -> Value {
    let component = json!({"enum": COMPONENTS});
    json!({"anyOf": [{"type": "array", "items": component}, component]})
}

fn labels_schema() -> Value {
    let value = json!({"type": ["string", "number", "boolean"], "pattern": "^([A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?)?$"});
    let key = json!({"pattern": "^([a-z0-9.-]+/)?[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?$"});
    json!({"type": "object", "propertyNames": key, "additionalProperties": value})
}

fn taints_schema() -> Value {
    let taint = json!({"type": "string", "pattern": "^[A-Za-z0-9_./-]+(=[A-Za-z0-9_.-]*)?:(NoSchedule|PreferNoSchedule|NoExecute)$"});
    json!({"type": ["array", "string"], "items": taint})
}

fn labels(value: &FieldValue<'_>) -> Option<Vec<(String, String)>> {
    let mut labels = Vec::new();
    let mut complete = true;
    for (key, value) in value.entries()? {
        if let Err(finding) = label_key(key.value) {
            value.diagnostics().report(&key.span, finding);
            complete = false;
        }
        match value.parse_token(|text| label_value(text).map(str::to_owned)) {
            Some(value) => labels.push((key.value.to_owned(), value)),
            None => complete = false,
        }
    }
    complete.then_some(labels)
}

/// A key of a label or taint: `name`, or `domain/name` (kubernetes.io, "Labels and Selectors").
pub(crate) fn qualified_name(text: &str) -> Result<(), Finding> {
    let (domain, name) = match text.split_once('/') {
        Some((domain, name)) => (Some(domain), name),
        None => (None, text),
    };
    let domain_is_right = domain.is_none_or(|domain| domain.len() <= 253 && domain.split('.').all(is_label));
    if domain_is_right && !name.is_empty() && is_plain(name) {
        return Ok(());
    }
    let message = format!("{} is no key of a label or taint", shown(text));
    Err(Finding::new(
        message,
        "Write up to 63 letters, digits, `-`, `_` and `.`, perhaps behind a domain: `example.org/disk`",
    ))
}

/// Letters and digits at both ends, and `-`, `_`, `.` between them; up to 63, or nothing.
pub(crate) fn is_plain(text: &str) -> bool {
    let ends = |character: Option<char>| character.is_none_or(|character| character.is_ascii_alphanumeric());
    text.len() <= 63
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
        && ends(text.chars().next())
        && ends(text.chars().last())
}

fn label_key(text: &str) -> Result<(), Finding> {
    qualified_name(text)?;
    let domain = text.split_once('/').map_or("", |(domain, _)| domain);
    let within = |of: &str| domain == of || domain.strip_suffix(of).is_some_and(|rest| rest.ends_with('.'));
    let open = OPEN_PREFIXES.into_iter().any(within) || OPEN_LABELS.contains(&text);
    if KEPT.into_iter().any(within) && !open {
        let message =
            format!("a node may not give itself the label {}, and its kubelet would not start", shown(text));
        let hint =
            format!("Use another prefix, or run `kubectl label node NAME {text}=…` when the cluster is up");
        return Err(Finding::new(message, hint));
    }
    Ok(())
}

fn label_value(text: &str) -> Result<&str, Finding> {
    if is_plain(text) {
        return Ok(text);
    }
    let message = format!("{} is no value of a label or taint", shown(text));
    Err(Finding::new(
        message,
        "Write up to 63 letters, digits, `-`, `_` and `.`, with a letter or digit at both ends",
    ))
}

fn taint(text: &str) -> Result<Taint, Finding> {
    const EFFECTS: [&str; 3] = ["NoSchedule", "PreferNoSchedule", "NoExecute"];
    let not_one = || {
        let message = format!("{} is not a taint", shown(text));
        Finding::new(message, "Write it like `dedicated=storage:NoSchedule`")
    };
    let (what, effect) = text.rsplit_once(':').ok_or_else(not_one)?;
    if !EFFECTS.contains(&effect) {
        let hint = match advice::nearest(effect, &EFFECTS) {
            Some((near, _)) => format!("Did you mean `{what}:{near}`?"),
            None => "Write `NoSchedule`, `PreferNoSchedule` or `NoExecute` behind the `:`".to_owned(),
        };
        return Err(Finding::new(format!("{} is no effect of a taint", shown(effect)), hint));
    }
    let (key, value) = match what.split_once('=') {
        Some((key, value)) => (key, Some(label_value(value)?.to_owned())),
        None => (what, None),
    };
    qualified_name(key)?;
    Ok(Taint { key: key.to_owned(), value, effect: effect.to_owned() })
}
