//! `k3s:`, of the cluster and of a node.

use super::access::{self, DraftAccess};
use super::document::{Kind, Meaning, Scalar};
use super::flags::{self, Flags};
use super::k3s_flags::{self, Effect, Flag, Followed};
use super::keys;
use super::reader::{Cursor, FieldSpan, Fields, Located, Reader, Setting, Wrong, shown};
use super::{Install, K3sVersion, Manifest, Registries, Role, bundled, manifests, registries};
use crate::types::Digest;
use crate::types::absent::OrEmpty as _;
use ipnet::IpNet;
use serde_json::{Map, Number, Value};

/// Where k3s publishes its releases.
const RELEASES: &str = "https://github.com/k3s-io/k3s/releases/download";

/// The top-level `k3s:`.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ClusterK3s {
    pub(super) version: K3sVersion,
    pub(super) install: Install,
    pub(super) manifests: Vec<Located<Manifest>>,
    pub(super) access: DraftAccess,
    pub(super) registries: Option<Registries>,
    /// For all nodes, then what only servers and only agents get.
    common: Flags,
    server: Flags,
    agent: Flags,
    /// What servers do not deploy.
    disabled: Vec<String>,
}

/// A node's `k3s:`; no role for `none`.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct RoleOfNode {
    pub(super) role: Option<Role>,
    pub(super) flags: Flags,
}

impl ClusterK3s {
    /// The extra configuration of a node: what comes later wins.
    pub(super) fn config_of(&self, role: Role, own: &Flags) -> Map<String, Value> {
        let of_role = match role {
            Role::Server => &self.server,
            Role::Agent => &self.agent,
        };
        let mut config = Flags::configuration([&self.common, of_role, own]);
        if role == Role::Server {
            flags::add(&mut config, "disable", self.disabled.iter().cloned());
        }
        config
    }
}

impl ClusterK3s {
    /// Returns where a flag of a node is set: the place that wins.
    pub(super) fn spot_of<'s>(&'s self, role: Role, own: &'s Flags, flag: &str) -> Option<&'s FieldSpan> {
        let of_role = match role {
            Role::Server => &self.server,
            Role::Agent => &self.agent,
        };
        [own, of_role, &self.common].into_iter().find_map(|flags| flags.spot_of(flag))
    }

    /// Whether servers go without what takes most memory of what comes with k3s.
    pub(super) fn disables_the_heaviest(&self) -> bool {
        ["traefik", "metrics-server"].iter().all(|heavy| self.disabled.iter().any(|name| name == heavy))
    }
}

/// Reads the top-level `k3s:`. Nothing after the colon is no k3s, as is `none`.
pub(super) fn read(fields: &Fields<'_>, reader: &mut Reader) -> Setting<ClusterK3s> {
    if fields.get("k3s").is_some_and(|value| *value.kind() == Kind::Nothing || value.is_off()) {
        return Setting::Absent;
    }
    fields.setting("k3s", reader, |value, reader| {
        let fields = value.fields(&keys::K3S, reader)?;
        let version = fields
            .required("version", "v1.36.4+k3s1", reader, |value, reader| value.parse_token(reader, version));
        let install = fields.setting("install", reader, install);
        let access = access::read(&fields, reader);
        let manifests = match fields.get("manifests") {
            None => Some(Vec::new()),
            Some(value) => manifests::read(&value, reader),
        };
        let registries = fields.setting("registries", reader, registries::read);
        let disabled = match fields.get("disable") {
            None => Some(Vec::new()),
            Some(value) => flags::disabled(&value, reader),
        };
        let common = Flags::read(&fields, None, reader);
        let mut of_role = |key, role| match fields.get(key) {
            None => Some(Flags::default()),
            Some(value) => value
                .fields(&keys::K3S_ROLE, reader)
                .and_then(|fields| Flags::read(&fields, Some(role), reader)),
        };
        let (server, agent) = (of_role("server", Role::Server), of_role("agent", Role::Agent));
        let install = match install {
            Setting::Absent => download(RELEASES.to_owned()),
            Setting::Invalid => return None,
            Setting::Given(install) => install.value,
        };
        Some(ClusterK3s {
            version: version.value()?,
            install,
            manifests: manifests?,
            access: access?,
            registries: registries.value(),
            common: common?,
            disabled: disabled?,
            server: server?,
            agent: agent?,
        })
    })
}

/// Reads the `k3s:` of a node.
pub(super) fn read_role(fields: &Fields<'_>, reader: &mut Reader) -> Setting<RoleOfNode> {
    fields.setting("k3s", reader, |value, reader| {
        if !matches!(value.kind(), Kind::Mapping(_)) {
            return role(value, "k3s", reader);
        }
        let fields = value.fields(&keys::K3S_NODE, reader)?;
        let role = fields.required("role", "agent", reader, |value, reader| role(value, "role", reader));
        let known = role.given().and_then(|role| role.value.role);
        let flags = Flags::read(&fields, known, reader);
        Some(RoleOfNode { flags: flags?, ..role.value()? })
    })
}

/// Other names of a server.
const SERVERS: [&str; 13] = [
    "master",
    "masters",
    "control-plane",
    "controlplane",
    "controller",
    "leader",
    "manager",
    "main",
    "primary",
    "etcd",
    "init",
    "servers",
    "head",
];
const AGENTS: [&str; 10] =
    ["worker", "workers", "node", "nodes", "minion", "slave", "compute", "agents", "client", "member"];

/// The role that stands under `key`. Between the two nothing is guessed by spelling: they are opposites, and
/// `worker` is nearer to `server` than to `agent`.
fn role(value: &Cursor<'_>, key: &str, reader: &mut Reader) -> Option<RoleOfNode> {
    const FARTHEST: usize = 2;
    let without_flags = |role| Some(RoleOfNode { role, flags: Flags::default() });
    if value.is_off() {
        return without_flags(None);
    }
    let text = value.token(reader)?;
    let folded = text.to_lowercase().replace(['_', ' '], "-");
    let wrong = match folded.as_str() {
        "server" if text == "server" => return without_flags(Some(Role::Server)),
        "agent" if text == "agent" => return without_flags(Some(Role::Agent)),
        other if SERVERS.contains(&other) || AGENTS.contains(&other) => {
            let role = if SERVERS.contains(&other) { Role::Server } else { Role::Agent };
            let message = format!("{} is called `{role}` in k3s", shown(text));
            Wrong::new(message, format!("Write `{key}: {role}`"))
        }
        other => {
            let near = keys::nearest(other, &["server", "agent", "none"]);
            let hint = match near.filter(|(_, distance)| *distance <= FARTHEST) {
                Some((role, _)) => format!("Did you mean `{role}`?"),
                None => "Write `server`, `agent` or `none`".to_owned(),
            };
            Wrong::new(format!("{} is no role of k3s", shown(text)), hint)
        }
    };
    reader.report(&value.spot(), wrong);
    None
}

fn version(text: &str) -> Result<K3sVersion, Wrong> {
    K3sVersion::new(text).map_err(|reason| {
        let candidate = [format!("v{text}"), format!("{text}+k3s1"), format!("v{text}+k3s1")]
            .into_iter()
            .find(|candidate| K3sVersion::new(candidate.as_str()).is_ok());
        let hint = match candidate {
            Some(candidate) => format!("Did you mean `{candidate}`?"),
            None => "Write a whole version, like `v1.36.4+k3s1`, from https://github.com/k3s-io/k3s/releases"
                .to_owned(),
        };
        Wrong::new(format!("{} is not a version of k3s: it {reason}", shown(text)), hint)
    })
}

fn download(base_url: String) -> Install {
    Install::Download { base_url, sha256_arm64: None, sha256_armhf: None }
}

fn install(value: &Cursor<'_>, reader: &mut Reader) -> Option<Install> {
    if !matches!(value.kind(), Kind::Mapping(_)) {
        if matches!(value.kind(), Kind::Scalar(scalar) if scalar.text == "bundled") {
            let hint = format!("Write `install: {{bundled: {}}}`", bundled::EXAMPLE);
            reader.report(&value.spot(), Wrong::new("`bundled` has to say what is put on the cards", hint));
            return None;
        }
        return value.one_of(&[("download", download(RELEASES.to_owned()))], reader);
    }
    let fields = value.fields(&keys::INSTALL, reader)?;
    if let Some(bundled) = fields.get("bundled") {
        if fields.get("download").is_some() {
            let wrong = Wrong::new("`install` has both `download` and `bundled`", "Keep one of the two");
            reader.report(&value.spot(), wrong);
            return None;
        }
        return bundled::read(&bundled, reader);
    }
    let Some(value) = fields.get("download") else {
        fields.report_missing("download", "{base_url: …, sha256: {arm64: …}}", reader);
        return None;
    };
    let fields = value.fields(&keys::DOWNLOAD, reader)?;
    let base_url = fields.setting("base_url", reader, |value, reader| {
        value.parse(reader, |text| url(text).map(|url| url.trim_end_matches('/').to_owned()))
    });
    let digests = match fields.get("sha256") {
        None => None,
        Some(value) => Some(value.fields(&keys::DOWNLOAD_SHA256, reader)?),
    };
    let mut digest = |key| match &digests {
        None => Setting::Absent,
        Some(fields) => fields.setting(key, reader, |value, reader| value.parse_token(reader, sha256)),
    };
    let (arm64, armhf) = (digest("arm64"), digest("armhf"));
    if matches!(base_url, Setting::Invalid)
        || [&arm64, &armhf].iter().any(|digest| matches!(digest, Setting::Invalid))
    {
        return None;
    }
    Some(Install::Download {
        base_url: base_url.value().unwrap_or_else(|| RELEASES.to_owned()),
        sha256_arm64: arm64.value(),
        sha256_armhf: armhf.value(),
    })
}

/// 64 hexadecimal digits.
pub(super) fn sha256(text: &str) -> Result<Digest, Wrong> {
    Digest::parse(text).ok_or_else(|| {
        let message = format!("{} is not a SHA-256: 64 hexadecimal digits", shown(text));
        Wrong::new(message, "Copy it whole, or let `sha256sum` print it")
    })
}

/// An address to download from.
pub(super) fn url(text: &str) -> Result<String, Wrong> {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let host = rest.and_then(|rest| rest.split('/').next()).or_empty();
    let clean = text
        .bytes()
        .all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\'' | b'\\' | b'`' | b'<' | b'>'));
    if host.contains('@') {
        let message = "this address holds a user name or a password";
        return Err(
            Wrong::new(message, "Remove what stands before the `@`: everybody can read a card").secret()
        );
    }
    if host.is_empty() || !clean {
        let message = format!("{} is not an address to download from", shown(text));
        return Err(Wrong::new(message, "Write it like `https://example.org/folder`"));
    }
    Ok(text.to_owned())
}

/// The content of a `config:`, with the place of each of its keys.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Config {
    pub(super) keys: Map<String, Value>,
    pub(super) spots: Vec<(String, FieldSpan)>,
}

/// The `config:` among some fields, of nodes of one role where there is one; empty where there is none.
pub(super) fn config_of(fields: &Fields<'_>, role: Option<Role>, reader: &mut Reader) -> Option<Config> {
    let Some(value) = fields.get("config") else { return Some(Config::default()) };
    let mut config = Config::default();
    let mut wrong = false;
    for (key, value) in value.entries(reader)? {
        // `key+:` adds to a list in k3s's configuration files.
        let name = key.value.trim_end_matches('+');
        if let Err(refused) = check_key(key.value, name) {
            reader.report(&key.spot, refused);
            wrong = true;
            continue;
        }
        let flag = k3s_flags::find(name);
        if flag.is_none() {
            warn_of_unknown(&key, name, reader);
        }
        if let (Some(Role::Agent), Some(Flag { role: Some(Role::Server), .. })) = (role, flag) {
            let message = format!("`{name}` is a flag of servers, and agents do nothing about it");
            reader.warn(
                &key.spot,
                Wrong::new(message, "Write it under `server: {config: …}` of `k3s:`, or remove it"),
            );
        }
        let is_right = match flag.map(|flag| flag.effect) {
            Some(Effect::Followed(Followed::Networks)) => value.parse_token(reader, networks).is_some(),
            Some(Effect::Followed(Followed::Port)) => value.parse_token(reader, k3s_flags::port).is_some(),
            Some(Effect::Followed(Followed::DataDir)) => {
                value.parse_token(reader, k3s_flags::data_dir).is_some()
            }
            _ => true,
        };
        if is_right {
            config.keys.insert(key.value.to_owned(), json(&value, reader));
            config.spots.push((name.to_owned(), key.spot));
        } else {
            wrong = true;
        }
    }
    (!wrong).then_some(config)
}

/// Warns of a flag that is none today: k3s skips keys that it does not know (its `pkg/configfilearg/parser.go`), and
/// says so in its log alone. A newer release may have it.
fn warn_of_unknown(key: &Located<&str>, name: &str, reader: &mut Reader) {
    let message =
        format!("k3s has no flag {} that is known here, and would do nothing about it", shown(name));
    let hint = match k3s_flags::nearest(name) {
        Some(flag) => format!("Did you mean `{flag}`?"),
        None => "Look it up with `k3s server --help` or `k3s agent --help` of your version".to_owned(),
    };
    let warning = Wrong::new(message, hint);
    reader.warn(&key.spot, if keys::may_be_secret(name) { warning.secret() } else { warning });
}

/// Refuses a key of `config:` that a card cannot follow; `name` is the key without its `+`.
fn check_key(key: &str, name: &str) -> Result<(), Wrong> {
    let bare = name.trim().trim_start_matches('-').to_lowercase().replace('_', "-");
    // k3s has an environment variable for each flag, with this before it.
    let bare = bare.strip_prefix("k3s-").unwrap_or(&bare);
    let Some(flag) = k3s_flags::find(bare) else {
        return check_spelling(key, name, bare);
    };
    match flag.effect {
        Effect::Decided(instead) => {
            let refused = Wrong::new(format!("{} is set by cardwright", shown(key)), instead);
            let is_secret = flag.name.contains("token") || flag.name.contains("secret");
            Err(if is_secret { refused.secret() } else { refused })
        }
        Effect::Refused(why, instead) => {
            let refused = Wrong::new(format!("{} does not fit a card: {why}", shown(key)), instead);
            // The credentials of a VPN.
            Err(if flag.name.contains("auth") { refused.secret() } else { refused })
        }
        Effect::Followed(Followed::Port | Followed::DataDir) if key != name => {
            let message = format!("{} would add to a list, and `{bare}` is one value", shown(key));
            Err(Wrong::new(message, format!("Write `{bare}`")))
        }
        Effect::Passed | Effect::Followed(_) if flag.name != bare => {
            let hint = format!("Write `{}`: keys are the long flags of k3s", flag.name);
            Err(Wrong::new(format!("{} is the short form of a flag", shown(key)), hint))
        }
        Effect::Passed | Effect::Followed(_) => check_spelling(key, name, bare),
    }
}

/// Refuses what is no name of a flag; `bare` is what may have been meant.
fn check_spelling(key: &str, name: &str, bare: &str) -> Result<(), Wrong> {
    if is_flag_name(name) {
        return Ok(());
    }
    let hint = if is_flag_name(bare) {
        format!("Write `{bare}`: keys are the long flags of k3s without their dashes")
    } else {
        "Keys are the long flags of k3s without their dashes, like `write-kubeconfig-mode`".to_owned()
    };
    let refused = Wrong::new(format!("{} is no name of a flag", shown(key)), hint);
    Err(if keys::may_be_secret(key) { refused.secret() } else { refused })
}

/// Returns `true` if it looks like a flag: small letters, digits and dashes between them.
fn is_flag_name(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_lowercase())
        && !text.ends_with('-')
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

/// One or two networks with a comma between them, as k3s takes them for IPv4 and IPv6.
pub(super) fn networks(text: &str) -> Result<Vec<IpNet>, Wrong> {
    let networks: Result<_, _> = text.split(',').map(|network| network.trim().parse()).collect();
    networks
        .map_err(|_| Wrong::new(format!("{} is not a network", shown(text)), "Write it like `10.42.0.0/16`"))
}

/// Any value, for k3s's own configuration. A number that YAML would change by reading and writing it
/// (`0644`, `1.10`) stays the text it is, which is what k3s makes flags of anyway.
pub(super) fn json(value: &Cursor<'_>, reader: &mut Reader) -> Value {
    match value.kind() {
        Kind::Nothing => Value::Null,
        Kind::Scalar(scalar) => scalar_to_json(scalar),
        Kind::List(_) => {
            let items = value.items(reader).or_empty();
            Value::Array(items.iter().map(|item| json(item, reader)).collect())
        }
        Kind::Mapping(_) => {
            let entries = value.entries(reader).or_empty();
            Value::Object(
                entries.iter().map(|(key, value)| (key.value.to_owned(), json(value, reader))).collect(),
            )
        }
    }
}

fn scalar_to_json(scalar: &Scalar) -> Value {
    let number = match scalar.meaning {
        Meaning::Text => None,
        Meaning::Boolean(value) => return Value::Bool(value),
        Meaning::Unsigned(value) => Some(Number::from(value)),
        Meaning::Signed(value) => Some(Number::from(value)),
        Meaning::Fraction(value) => Number::from_f64(value),
    };
    match number {
        Some(number) if number.to_string() == scalar.text => Value::Number(number),
        _ => Value::String(scalar.text.clone()),
    }
}
