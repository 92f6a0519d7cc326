//! `k3s:`, of the cluster and of a node.

mod access;
mod bundled;
pub(crate) mod config;
pub(crate) mod flags;
mod kubernetes_names;
mod manifests;
mod registries;

use crate::cluster::diagnostic::{Finding, shown};
use crate::cluster::document::syntax::YamlKind;
use crate::cluster::document::value::{Field, FieldValue, Fields, Spanned};
use crate::cluster::document::{advice, keys};
use crate::cluster::fields::k3s::access::AccessDraft;
use crate::cluster::fields::k3s::flags::Flags;
use crate::cluster::fields::source;
use crate::cluster::names::is_word_of;
use crate::cluster::{FieldSpan, Install, K3sVersion, Manifest, Registries, Role};
use serde_json::{Map, Value};

/// The address of k3s's releases.
const RELEASES: &str = "https://github.com/k3s-io/k3s/releases/download";

/// The top-level `k3s:`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ClusterK3s {
    pub(crate) version: K3sVersion,
    pub(crate) install: Install,
    pub(crate) manifests: Vec<Spanned<Manifest>>,
    pub(crate) access: AccessDraft,
    pub(crate) registries: Option<Registries>,
    /// For all nodes, then what only servers and only agents get.
    common: Flags,
    server: Flags,
    agent: Flags,
    /// The components that servers do not deploy.
    disabled: Vec<String>,
}

/// A node's `k3s:`; no role for `none`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct NodeRole {
    pub(crate) role: Option<Role>,
    pub(crate) flags: Flags,
}

impl ClusterK3s {
    /// The extra configuration of a node: what comes later wins.
    pub(crate) fn config_of(&self, role: Role, own: &Flags) -> Map<String, Value> {
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
    pub(crate) fn span_of<'s>(&'s self, role: Role, own: &'s Flags, flag: &str) -> Option<&'s FieldSpan> {
        let of_role = match role {
            Role::Server => &self.server,
            Role::Agent => &self.agent,
        };
        [own, of_role, &self.common].into_iter().find_map(|flags| flags.span_of(flag))
    }

    /// Returns `true` if servers go without the components of k3s that take most memory.
    pub(crate) fn disables_the_heaviest(&self) -> bool {
        ["traefik", "metrics-server"].iter().all(|heavy| self.disabled.iter().any(|name| name == heavy))
    }
}

/// Reads the top-level `k3s:`. Nothing after the colon is no k3s, as is `none`.
pub(crate) fn read(fields: &Fields<'_>) -> Field<ClusterK3s> {
    if fields.get("k3s").is_some_and(|value| *value.kind() == YamlKind::Nothing || value.is_off()) {
        return Field::Absent;
    }
    fields.optional("k3s", |value| {
        let fields = value.fields(&keys::K3S)?;
        let version = fields.required("version", "v1.36.4+k3s1", |value| value.parse_token(version));
        let install = fields.optional("install", install);
        let access = access::read(&fields);
        let manifests = fields.or_empty("manifests", manifests::read);
        let registries = fields.optional("registries", registries::read);
        let disabled = fields.or_empty("disable", flags::disabled);
        let common = Flags::read(&fields, None);
        let of_role = |key, role| match fields.get(key) {
            None => Some(Flags::default()),
            Some(value) => value.fields(&keys::K3S_ROLE).and_then(|fields| Flags::read(&fields, Some(role))),
        };
        let (server, agent) = (of_role("server", Role::Server), of_role("agent", Role::Agent));
        let install = match install {
            Field::Absent => download(RELEASES.to_owned()),
            Field::Invalid => return None,
            Field::Given(install) => install.value,
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
pub(crate) fn read_role(fields: &Fields<'_>) -> Field<NodeRole> {
    fields.optional("k3s", |value| {
        if !matches!(value.kind(), YamlKind::Mapping(_)) {
            return role(value, "k3s");
        }
        let fields = value.fields(&keys::K3S_NODE)?;
        let role = fields.required("role", "agent", |value| role(value, "role"));
        let known = role.given().and_then(|role| role.value.role);
        let flags = Flags::read(&fields, known);
        Some(NodeRole { flags: flags?, ..role.value()? })
    })
}

/// Other names of a server.
const SERVERS: &str = "\
    master masters control-plane controlplane controller leader manager main primary etcd init \
    servers head";

/// Other names of an agent.
const AGENTS: &str = "worker workers node nodes minion slave compute agents client member";

/// The role that stands under `key`. Between the two nothing is guessed by spelling: they are opposites, and
/// `worker` is nearer to `server` than to `agent`.
fn role(value: &FieldValue<'_>, key: &str) -> Option<NodeRole> {
    const FARTHEST: usize = 2;
    let without_flags = |role| Some(NodeRole { role, flags: Flags::default() });
    if value.is_off() {
        return without_flags(None);
    }
    let text = value.token()?;
    let folded = text.to_lowercase().replace(['_', ' '], "-");
    let finding = match folded.as_str() {
        "server" if text == "server" => return without_flags(Some(Role::Server)),
        "agent" if text == "agent" => return without_flags(Some(Role::Agent)),
        other if is_word_of(other, SERVERS) || is_word_of(other, AGENTS) => {
            let role = if is_word_of(other, SERVERS) { Role::Server } else { Role::Agent };
            let message = format!("{} is called `{role}` in k3s", shown(text));
            Finding::new(message, format!("Write `{key}: {role}`"))
        }
        other => {
            let near = advice::nearest(other, &["server", "agent", "none"]);
            let hint = match near.filter(|(_, distance)| *distance <= FARTHEST) {
                Some((role, _)) => format!("Did you mean `{role}`?"),
                None => "Write `server`, `agent` or `none`".to_owned(),
            };
            Finding::new(format!("{} is no role of k3s", shown(text)), hint)
        }
    };
    value.report(finding);
    None
}

fn version(text: &str) -> Result<K3sVersion, Finding> {
    K3sVersion::new(text).map_err(|reason| {
        let candidate = [format!("v{text}"), format!("{text}+k3s1"), format!("v{text}+k3s1")]
            .into_iter()
            .find(|candidate| K3sVersion::new(candidate.as_str()).is_ok());
        let hint = match candidate {
            Some(candidate) => format!("Did you mean `{candidate}`?"),
            None => "Write a whole version, like `v1.36.4+k3s1`, from https://github.com/k3s-io/k3s/releases"
                .to_owned(),
        };
        Finding::new(format!("{} is not a version of k3s: it {reason}", shown(text)), hint)
    })
}

fn download(base_url: String) -> Install {
    Install::Download { base_url, sha256_arm64: None, sha256_armhf: None }
}

fn install(value: &FieldValue<'_>) -> Option<Install> {
    if !matches!(value.kind(), YamlKind::Mapping(_)) {
        if matches!(value.kind(), YamlKind::Scalar(scalar) if scalar.text == "bundled") {
            let hint = format!("Write `install: {{bundled: {}}}`", bundled::EXAMPLE);
            value.report(Finding::new("`bundled` has to say what is put on the cards", hint));
            return None;
        }
        return value.one_of(&[("download", download(RELEASES.to_owned()))]);
    }
    let fields = value.fields(&keys::INSTALL)?;
    if let Some(bundled) = fields.get("bundled") {
        if fields.get("download").is_some() {
            let finding = Finding::new("`install` has both `download` and `bundled`", "Keep one of the two");
            value.report(finding);
            return None;
        }
        return bundled::read(&bundled);
    }
    let Some(value) = fields.get("download") else {
        fields.report_missing("download", "{base_url: …, sha256: {arm64: …}}");
        return None;
    };
    let fields = value.fields(&keys::DOWNLOAD)?;
    let base_url = fields.optional("base_url", |value| {
        value.parse(|text| source::url(text).map(|url| url.trim_end_matches('/').to_owned()))
    });
    let digests = match fields.get("sha256") {
        None => None,
        Some(value) => Some(value.fields(&keys::DOWNLOAD_SHA256)?),
    };
    let digest = |key| match &digests {
        None => Field::Absent,
        Some(fields) => fields.token(key, source::sha256),
    };
    let (arm64, armhf) = (digest("arm64"), digest("armhf"));
    if base_url.is_invalid() || [&arm64, &armhf].iter().any(|digest| digest.is_invalid()) {
        return None;
    }
    Some(Install::Download {
        base_url: base_url.value().unwrap_or_else(|| RELEASES.to_owned()),
        sha256_arm64: arm64.value(),
        sha256_armhf: armhf.value(),
    })
}
