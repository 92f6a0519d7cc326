//! `k3s:`, of the cluster and of a node.

mod access;
pub(crate) mod bundled;
pub(crate) mod config;
pub(crate) mod flags;
mod kubernetes_names;
mod manifests;
mod registries;

use crate::cluster::diagnostic::{Finding, shown};
use crate::cluster::document::advice;
use crate::cluster::document::syntax::YamlKind;
use crate::cluster::document::table::rows;
use crate::cluster::document::types::off;
use crate::cluster::document::value::{Field, FieldValue, Spanned};
use crate::cluster::fields::k3s::access::AccessDraft;
use crate::cluster::fields::k3s::flags::Flags;
use crate::cluster::fields::source;
use crate::cluster::names::is_word_of;
use crate::cluster::{FieldSpan, Install, K3sVersion, Manifest, Registries, Role};
use serde_json::{Map, Value, json};

rows! {
    K3S: "k3s", "under `k3s:` at the top of the file",
        "k3s for the whole cluster.";
    version {
        help: "The release of k3s, whole and pinned.",
        schema: || json!({"type": "string", "pattern": "^v\\d+\\.\\d+\\.\\d+(-rc\\d+)?\\+k3s\\d+$"}),
        here: "k3s_version release channel tag k3s_channel",
        is_required: || true,
    }
    install {
        help: "How k3s gets onto the nodes: downloaded at their first start, or put inside the cards.",
        schema: || json!({"anyOf": [{"const": "download"}, {"$ref": "#/definitions/install"}]}),
    }
    config {
        help: "Flags of k3s without their dashes, for all nodes.",
        schema: config::schema,
        here: "args extra_args k3s_extra_args flags options",
    }
    labels {
        help: "Labels of the nodes, given when a node joins.",
        schema: flags::labels_schema,
        here: "node_label node_labels label",
        others: "node_label node_labels",
    }
    taints {
        help: "Taints of the nodes, given when a node joins.",
        schema: flags::taints_schema,
        here: "node_taint node_taints taint",
        others: "node_taint node_taints",
    }
    server {
        help: "For servers only.",
        schema: || json!({"anyOf": [{"$ref": "#/definitions/k3s_role"}]}),
    }
    agent {
        help: "For agents only.",
        schema: || json!({"anyOf": [{"$ref": "#/definitions/k3s_role"}]}),
    }
    disable {
        help: "What servers do not deploy of what comes with k3s.",
        schema: flags::disabled_schema,
        others: "disabled disable_components k3s_disable no_deploy",
    }
    registries {
        help: "Where images come from: k3s's registries.yaml, as a mapping, or the file.",
        schema: || json!({"anyOf": [{"type": "string"}, {"type": "object"}]}),
        others: "registries_config_yaml custom_registries_yaml private_registry registry mirrors",
    }
    manifests {
        help: "Manifests that k3s deploys by itself: files, and folders of files that end in .yaml, .yml or \
              .json.",
        schema: || json!({"type": ["array", "string"], "items": {"type": "string"}}),
        others: "extra_manifests manifest manifests_dir charts helm helm_charts auto_deploy",
    }
    ca_start_year {
        help: "The year that the cluster's certificate authorities count from, that of its first card: they \
              end with the tenth year after it. Another year is another cluster: all cards have to be made \
              again.",
        schema: || json!({"type": "integer", "minimum": 2020, "maximum": 2089, "default": 2026}),
        others: "founded",
    }
    founded {
        help: "The former name of `ca_start_year`.",
        former: true,
        instead_of: "ca_start_year",
        schema: || json!({
            "deprecationMessage": "Write `ca_start_year`.",
            "type": "integer",
            "minimum": 2020,
            "maximum": 2089,
        }),
    }
    kubeconfig {
        help: "The kubeconfig beside the images.",
        schema: || json!({"anyOf": [{"$ref": "#/definitions/kubeconfig"}]}),
    }
    virtual_address {
        help: "An address that whichever server is well answers at: agents and kubectl use it, and the \
              servers' certificates name it. Something in the cluster has to answer there, such as kube-vip.",
        schema: || json!({"type": "string", "format": "ipv4"}),
        others: "api_endpoint apiserver_endpoint virtual_ip vip kube_vip kubevip apivip apihost endpoint \
              load_balancer kube_vip_address",
    }
}

rows! {
    KUBECONFIG: "kubeconfig", "under `kubeconfig:` of `k3s:`",
        "The kubeconfig beside the images.";
    lifetime {
        help: "For how long it works, in days or years: counted from the stock image's date, or \
              SOURCE_DATE_EPOCH.",
        schema: || json!({"type": "string", "pattern": "^([1-9]\\d{0,3}d|([1-9]|10)y)$", "default": "3y"}),
    }
}

rows! {
    K3S_ROLE: "k3s_role", "under `server:` or `agent:` of `k3s:`",
        "k3s on the nodes of one role.";
    config {
        help: "Flags of k3s without their dashes.",
        schema: config::schema,
        here: "args extra_args k3s_extra_args flags options",
    }
    labels {
        help: "Labels of the nodes, given when a node joins.",
        schema: flags::labels_schema,
        here: "node_label node_labels label",
    }
    taints {
        help: "Taints of the nodes, given when a node joins.",
        schema: flags::taints_schema,
        here: "node_taint node_taints taint",
    }
}

rows! {
    K3S_NODE: "k3s_node", "under `k3s:` of a node",
        "k3s on one node.";
    role {
        help: "What k3s is on this node.",
        schema: role_schema,
        is_required: || true,
    }
    config {
        help: "Flags of k3s without their dashes, for this node.",
        schema: config::schema,
        here: "args extra_args k3s_extra_args flags options",
    }
    labels {
        help: "Labels of the nodes, given when a node joins.",
        schema: flags::labels_schema,
        here: "node_label node_labels label",
    }
    taints {
        help: "Taints of the nodes, given when a node joins.",
        schema: flags::taints_schema,
        here: "node_taint node_taints taint",
    }
}

rows! {
    INSTALL: "install", "under `install:` of `k3s:`", "How k3s gets onto the nodes.",
        schema || json!({"oneOf": [{"required": ["download"]}, {"required": ["bundled"]}]});
    download {
        help: "Downloaded at the first start.",
        schema: || json!({"anyOf": [{"$ref": "#/definitions/download"}]}),
    }
    bundled {
        help: "Put inside the cards: nothing is downloaded at the first start.",
        schema: || json!({"anyOf": [{"$ref": "#/definitions/bundled"}]}),
    }
}

rows! {
    DOWNLOAD: "download", "under `download:` of `install:`",
        "Where from, and what it has to be.";
    base_url {
        help: "The address before `/VERSION/k3s-arm64`; k3s's own releases where absent.",
        schema: || json!({"type": "string", "pattern": "^https?://[^@/]+(/.*)?$"}),
    }
    sha256 {
        help: "What the programs have to be.",
        schema: || json!({"anyOf": [{"$ref": "#/definitions/download_sha256"}]}),
    }
}

rows! {
    DOWNLOAD_SHA256: "download_sha256", "under `sha256:` of `download:`",
        "SHA-256 of the k3s programs.";
    arm64 {
        help: "Of `k3s-arm64`.",
        schema: source::sha256_schema,
    }
    armhf {
        help: "Of `k3s-armhf`.",
        schema: source::sha256_schema,
    }
}

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

/// Reads the top-level `k3s:`.
pub(crate) fn read(value: &FieldValue<'_>) -> Option<ClusterK3s> {
    let fields = value.fields(&K3S)?;
    let version = fields.required("version", "v1.36.4+k3s1", |value| value.parse_token(version));
    let install = fields.optional("install", install);
    let access = access::read(&fields);
    let manifests = fields.or_empty("manifests", manifests::read);
    let registries = fields.optional("registries", registries::read);
    let disabled = fields.or_empty("disable", flags::disabled);
    let common = Flags::read(&fields, None);
    let of_role = |key, role| match fields.get(key) {
        None => Some(Flags::default()),
        Some(value) => value.fields(&K3S_ROLE).and_then(|fields| Flags::read(&fields, Some(role))),
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
}

/// Reads the `k3s:` of a node.
pub(crate) fn read_role(value: &FieldValue<'_>) -> Option<NodeRole> {
    if !matches!(value.kind(), YamlKind::Mapping(_)) {
        return role(value, "k3s");
    }
    let fields = value.fields(&K3S_NODE)?;
    let role = fields.required("role", "agent", |value| role(value, "role"));
    let known = role.given().and_then(|role| role.value.role);
    let flags = Flags::read(&fields, known);
    Some(NodeRole { flags: flags?, ..role.value()? })
}

/// The JSON Schema of a role.
pub(crate) fn role_schema() -> Value {
    json!({"anyOf": [{"enum": ["server", "agent", "none"]}, off()]})
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
    let fields = value.fields(&INSTALL)?;
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
    let fields = value.fields(&DOWNLOAD)?;
    let base_url = fields.optional("base_url", |value| {
        value.parse(|text| source::url(text).map(|url| url.trim_end_matches('/').to_owned()))
    });
    let digests = match fields.get("sha256") {
        None => None,
        Some(value) => Some(value.fields(&DOWNLOAD_SHA256)?),
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
