//! `config:`, flags of k3s.

use crate::cluster::diagnostic::{Diagnostics, Finding, shown};
use crate::cluster::document::advice;
use crate::cluster::document::syntax::{Scalar, ScalarType, YamlKind};
use crate::cluster::document::value::{FieldValue, Spanned};
use crate::cluster::k3s_flags::{FlagEffect, Followed};
use crate::cluster::{FieldSpan, k3s_flags};
use crate::types::absent::OrEmpty as _;
use ipnet::IpNet;
use serde_json::{Map, Number, Value, json};

/// The content of a `config:`, with the place of each of its keys.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct K3sConfig {
    pub(crate) keys: Map<String, Value>,
    pub(crate) spans: Vec<(String, FieldSpan)>,
}

/// Reads a `config:`.
pub(crate) fn read(value: &FieldValue<'_>) -> Option<K3sConfig> {
    let mut config = K3sConfig::default();
    let mut invalid = false;
    for (key, value) in value.entries()? {
        // `key+:` adds to a list in k3s's configuration files.
        let name = key.value.trim_end_matches('+');
        if let Err(refused) = check_key(key.value, name) {
            value.diagnostics().report(&key.span, refused);
            invalid = true;
            continue;
        }
        let flag = k3s_flags::find(name);
        if flag.is_none() {
            warn_of_unknown(&key, name, value.diagnostics());
        }
        let is_right = match flag.map(|flag| flag.effect) {
            Some(FlagEffect::Followed(Followed::Networks)) => value.parse_token(networks).is_some(),
            Some(FlagEffect::Followed(Followed::Port)) => value.parse_token(k3s_flags::port).is_some(),
            Some(FlagEffect::Followed(Followed::DataDir)) => value.parse_token(k3s_flags::data_dir).is_some(),
            _ => true,
        };
        if is_right {
            config.keys.insert(key.value.to_owned(), json(&value));
            config.spans.push((name.to_owned(), key.span));
        } else {
            invalid = true;
        }
    }
    (!invalid).then_some(config)
}

/// The JSON Schema of `config:`: any flag but those that a card cannot follow.
pub(crate) fn schema() -> Value {
    let refused: Vec<_> =
        k3s_flags::forbidden_keys().flat_map(|key| [key.to_owned(), format!("{key}+")]).collect();
    json!({"type": "object", "propertyNames": {"pattern": r"^[a-z0-9][a-z0-9-]*\+?$", "not": {"enum": refused}}})
}

/// Warns of a flag that is none today: k3s skips keys that it does not know (its `pkg/configfilearg/parser.go`), and
/// says so in its log alone. A newer release may have it.
fn warn_of_unknown(key: &Spanned<&str>, name: &str, diagnostics: &Diagnostics) {
    let message =
        format!("k3s has no flag {} that is known here, and would do nothing about it", shown(name));
    let hint = match k3s_flags::nearest(name) {
        Some(flag) => format!("Did you mean `{flag}`?"),
        None => "Look it up with `k3s server --help` or `k3s agent --help` of your version".to_owned(),
    };
    let warning = Finding::new(message, hint);
    diagnostics.warn(&key.span, warning.secret_if(advice::may_be_secret(name)));
}

/// Refuses a key of `config:` that a card cannot follow; `name` is the key without its `+`.
fn check_key(key: &str, name: &str) -> Result<(), Finding> {
    let bare = name.trim().trim_start_matches('-').to_lowercase().replace('_', "-");
    // k3s has an environment variable for each flag, with this before it.
    let bare = bare.strip_prefix("k3s-").unwrap_or(&bare);
    let Some(flag) = k3s_flags::find(bare) else {
        return check_spelling(key, name, bare);
    };
    match flag.effect {
        FlagEffect::Decided(instead) => {
            let refused = Finding::new(format!("{} is set by cardwright", shown(key)), instead);
            let is_secret = flag.name.contains("token") || flag.name.contains("secret");
            Err(refused.secret_if(is_secret))
        }
        FlagEffect::Refused(why, instead) => {
            let refused = Finding::new(format!("{} does not fit a card: {why}", shown(key)), instead);
            // The credentials of a VPN.
            Err(refused.secret_if(flag.name.contains("auth")))
        }
        FlagEffect::Followed(Followed::Port | Followed::DataDir) if key != name => {
            let message = format!("{} would add to a list, and `{bare}` is one value", shown(key));
            Err(Finding::new(message, format!("Write `{bare}`")))
        }
        FlagEffect::Passed | FlagEffect::Followed(_) if flag.name != bare => {
            let hint = format!("Write `{}`: keys are the long flags of k3s", flag.name);
            Err(Finding::new(format!("{} is the short form of a flag", shown(key)), hint))
        }
        FlagEffect::Passed | FlagEffect::Followed(_) => check_spelling(key, name, bare),
    }
}

/// Refuses what is no name of a flag; `bare` is what may have been meant.
fn check_spelling(key: &str, name: &str, bare: &str) -> Result<(), Finding> {
    if is_flag_name(name) {
        return Ok(());
    }
    let hint = if is_flag_name(bare) {
        format!("Write `{bare}`: keys are the long flags of k3s without their dashes")
    } else {
        "Keys are the long flags of k3s without their dashes, like `write-kubeconfig-mode`".to_owned()
    };
    let refused = Finding::new(format!("{} is no name of a flag", shown(key)), hint);
    Err(refused.secret_if(advice::may_be_secret(key)))
}

/// Returns `true` if it looks like a flag: small letters, digits and dashes between them.
fn is_flag_name(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_lowercase())
        && !text.ends_with('-')
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

/// One or two networks with a comma between them, as k3s takes them for IPv4 and IPv6.
pub(crate) fn networks(text: &str) -> Result<Vec<IpNet>, Finding> {
    let networks: Result<_, _> = text.split(',').map(|network| network.trim().parse()).collect();
    networks.map_err(|_| {
        Finding::new(format!("{} is not a network", shown(text)), "Write it like `10.42.0.0/16`")
    })
}

/// Any value, for k3s's own configuration. A number that YAML would change by reading and writing it
/// (`0644`, `1.10`) stays the text it is, which is what k3s makes flags of anyway.
pub(crate) fn json(value: &FieldValue<'_>) -> Value {
    match value.kind() {
        YamlKind::Nothing => Value::Null,
        YamlKind::Scalar(scalar) => scalar_to_json(scalar),
        YamlKind::List(_) => {
            let items = value.items().or_empty();
            Value::Array(items.iter().map(|item| json(item)).collect())
        }
        YamlKind::Mapping(_) => {
            let entries = value.entries().or_empty();
            Value::Object(entries.iter().map(|(key, value)| (key.value.to_owned(), json(value))).collect())
        }
    }
}

fn scalar_to_json(scalar: &Scalar) -> Value {
    let number = match scalar.resolved {
        ScalarType::Text => None,
        ScalarType::Boolean(value) => return Value::Bool(value),
        ScalarType::Unsigned(value) => Some(Number::from(value)),
        ScalarType::Signed(value) => Some(Number::from(value)),
        ScalarType::Fraction(value) => Number::from_f64(value),
    };
    match number {
        Some(number) if number.to_string() == scalar.text => Value::Number(number),
        _ => Value::String(scalar.text.clone()),
    }
}
