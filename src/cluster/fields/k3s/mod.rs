//! `k3s:`, of the cluster and of a node.

pub(crate) mod access;
pub(crate) mod bundled;
pub(crate) mod config;
pub(crate) mod flags;
mod kubernetes_names;
mod manifests;
mod registries;

use crate::cluster::diagnostic::{Finding, shown};
use crate::cluster::document::advice;
use crate::cluster::document::keys::Level;
use crate::cluster::document::schema;
use crate::cluster::document::syntax::YamlKind;
use crate::cluster::document::table::keys;
use crate::cluster::document::types::{by, like, list, off, required, text, token, words};
use crate::cluster::document::value::{FieldValue, Spanned};
use crate::cluster::fields::k3s::access::{KUBECONFIG, KubeconfigFields};
use crate::cluster::fields::k3s::bundled::{BUNDLED, BundledFields};
use crate::cluster::fields::k3s::flags::{COMPONENTS, Flags, K3S_ROLE, disabled_schema};
use crate::cluster::fields::source;
use crate::cluster::names::is_word_of;
use crate::cluster::{
    Access, CaStartYear, FieldSpan, Install, K3s, K3sVersion, Lifetime, Manifest, Registries, Role,
    VirtualAddress,
};
use crate::types::Digest;
use serde_json::{Map, Value, json};
use std::path::PathBuf;

keys! {
    draft K3sKeys;

    key version: K3sVersion = required("v1.36.4+k3s1", like(VERSION, token(version))); {
        help: "The release of k3s, whole and pinned.",
        example: "v1.36.4+k3s1",
        here: "k3s_version release channel tag k3s_channel",
    }
    key install: Install = by(install); {
        help: "How k3s gets onto the nodes: downloaded at their first start, or put inside the cards; `bundled` alone \
              stands for the program and the container images of the release, fetched when cards are built.",
        example: "{download: {base_url: http://192.168.50.2/k3s}}",
        schema: || json!({"anyOf": [{"enum": ["download", "bundled"]}, schema::reference(&INSTALL)]}),
    }
    level server: Flags = K3S_ROLE; {
        help: "For servers only.",
        example: "{config: {write-kubeconfig-mode: \"0640\", write-kubeconfig-group: sudo}}",
    }
    level agent: Flags = K3S_ROLE; {
        help: "For agents only.",
        example: "{taints: [\"room=attic:PreferNoSchedule\"]}",
    }
    key disable: Vec<String> = list(words(COMPONENTS.map(|name| (name, name.to_owned())))); {
        help: "What servers do not deploy of what comes with k3s.",
        example: "[metrics-server]",
        schema: disabled_schema,
        others: "disabled disable_components k3s_disable no_deploy",
    }
    key registries: Registries = by(registries::read); {
        help: "Where images come from: k3s's registries.yaml, as a mapping, or the file.",
        example: "{mirrors: {docker.io: {endpoint: [\"https://mirror.example.org\"]}}}",
        schema: || json!({"anyOf": [{"type": "string"}, {"type": "object"}]}),
        others: "registries_config_yaml custom_registries_yaml private_registry registry mirrors",
    }
    key manifests: Vec<Spanned<Manifest>> = by(manifests::read); {
        help: "Manifests that k3s deploys by itself: files, and folders of files that end in .yaml, .yml or .json.",
        example: "[manifests/it-works.yaml]",
        schema: || json!({"type": ["array", "string"], "items": {"type": "string"}}),
        others: "extra_manifests manifest manifests_dir charts helm helm_charts auto_deploy",
    }
    key ca_start_year: CaStartYear = token(access::year); {
        help: "The year that the cluster's certificate authorities count from, that of its first card: they end with \
              the tenth year after it. Another year is another cluster: all cards have to be made again.",
        example: "2026",
        schema: access::year_schema,
        others: "founded",
    }
    | founded = token(access::year); {
        help: "The former name of `ca_start_year`.",
        former: true,
        schema: || json!({
            "deprecationMessage": "Write `ca_start_year`.",
            "type": "integer",
            "minimum": CaStartYear::RANGE.start(),
            "maximum": CaStartYear::RANGE.end(),
        }),
    }
    level kubeconfig: KubeconfigFields = KUBECONFIG; {
        help: "The kubeconfig beside the images.",
        example: "{lifetime: 3y}",
    }
    key virtual_address: VirtualAddress = by(access::virtual_address); {
        help: "An address that whichever server is well answers at: agents and kubectl use it, and the servers' \
              certificates name it. With `by: kube-vip`, kube-vip answers there; with the address alone, something that \
              you deploy has to.",
        example: "{address: 192.168.50.10, by: kube-vip}",
        schema: access::virtual_address_schema,
        others: "api_endpoint apiserver_endpoint virtual_ip vip kube_vip kubevip apivip apihost endpoint \
              load_balancer kube_vip_address",
    }
}

/// The top-level `k3s:`.
pub(crate) const K3S: Level = Level {
    name: "k3s",
    home: "under `k3s:` at the top of the file",
    help: "k3s for the whole cluster.",
    tables: &[K3sKeys::TABLE, Flags::TABLE],
    ..Level::EMPTY
};

keys! {
    draft RoleKeys;

    key role: NodeRole = required("agent", by(|value| role(value, "role"))); {
        help: "What k3s is on this node.",
        example: "server",
        schema: role_schema,
    }
    key restore: PathBuf = by(|value| value.parse(|path| value.folders().existing_file(path))); {
        help: "A file that `cardwright backup` wrote: the first start of the first server goes on with the cluster in it, \
               instead of beginning an empty one. Remove it once the card is written: every later card would go back to that time.",
        example: "backups/compass-2026-11-28-142310.cardwright-backup",
        schema: || json!({"type": "string"}),
        others: "backup restore_from snapshot",
    }
}

/// The `k3s:` of a node.
pub(crate) const K3S_NODE: Level = Level {
    name: "k3s_node",
    home: "under `k3s:` of a node",
    help: "k3s on one node.",
    tables: &[RoleKeys::TABLE, Flags::TABLE],
    ..Level::EMPTY
};

keys! {
    level INSTALL: "install", "under `install:` of `k3s:`", "How k3s gets onto the nodes.",
        schema || json!({"oneOf": [{"required": ["download"]}, {"required": ["bundled"]}]});
    draft InstallFields;

    level download: DownloadFields = DOWNLOAD; {
        help: "Downloaded at the first start.",
        example: "{base_url: http://192.168.50.2/k3s}",
    }
    level bundled: BundledFields = BUNDLED; {
        help: "Put inside the cards: nothing is downloaded at the first start; instead of `download`.",
        instead_of: "download",
        example: "{binary: {arm64: k3s-arm64}, images: [k3s-airgap-images-arm64.tar.zst]}",
    }
}

keys! {
    level DOWNLOAD: "download", "under `download:` of `install:`", "Where from, and what it has to be.";
    draft DownloadFields;

    key base_url: String = like("^https?://[^@/]+(/.*)?$", text(source::url)); {
        help: "The address before `/VERSION/k3s-arm64`; k3s's own releases where absent.",
        example: "http://192.168.50.2/k3s",
    }
    level sha256: DigestFields = DOWNLOAD_SHA256; {
        help: "What the programs have to be.",
        example: "{arm64: 483db18a48da399b5b7022ffae9a07bc6d99daab30e593aedac09b69ff422843}",
    }
}

keys! {
    level DOWNLOAD_SHA256: "download_sha256", "under `sha256:` of `download:`", "SHA-256 of the k3s programs.";
    draft DigestFields;

    key arm64: Digest = token(source::sha256); {
        help: "Of `k3s-arm64`.",
        example: "483db18a48da399b5b7022ffae9a07bc6d99daab30e593aedac09b69ff422843",
        schema: source::sha256_schema,
    }
    key armhf: Digest = token(source::sha256); {
        help: "Of `k3s-armhf`.",
        example: "483db18a48da399b5b7022ffae9a07bc6d99daab30e593aedac09b69ff422843",
        schema: source::sha256_schema,
    }
}

/// The pattern of a version.
const VERSION: &str = r"^v\d+\.\d+\.\d+(-rc\d+)?\+k3s\d+$";

/// The address of k3s's releases.
const RELEASES: &str = "https://github.com/k3s-io/k3s/releases/download";

/// The top-level `k3s:`.
#[derive(Debug, Clone)]
pub(crate) struct ClusterK3s {
    pub(crate) keys: K3sKeys,
    /// For all nodes.
    common: Flags,
}

/// A node's `k3s:`; no role for `none`.
#[derive(Debug, Clone)]
pub(crate) struct NodeRole {
    pub(crate) role: Option<Role>,
    pub(crate) flags: Flags,
    pub(crate) restore: Option<Spanned<PathBuf>>,
}

impl ClusterK3s {
    fn of_role(&self, role: Role) -> &Flags {
        match role {
            Role::Server => &self.keys.server,
            Role::Agent => &self.keys.agent,
        }
    }

    /// The extra configuration of a node: what comes later wins.
    pub(crate) fn config_of(&self, role: Role, own: &Flags) -> Map<String, Value> {
        let mut config = Flags::configuration([&self.common, self.of_role(role), own]);
        if role == Role::Server {
            flags::add(&mut config, "disable", self.keys.disable.items().iter().cloned());
        }
        config
    }

    /// Returns where a flag of a node is set: the place that wins.
    pub(crate) fn span_of<'s>(&'s self, role: Role, own: &'s Flags, flag: &str) -> Option<&'s FieldSpan> {
        [own, self.of_role(role), &self.common].into_iter().find_map(|flags| flags.span_of(flag))
    }

    /// Returns `true` if servers go without the components of k3s that take most memory.
    pub(crate) fn disables_the_heaviest(&self) -> bool {
        ["traefik", "metrics-server"]
            .iter()
            .all(|heavy| self.keys.disable.items().iter().any(|name| name == heavy))
    }

    /// Returns what the rules have checked; `None` where a part of it could not be read.
    pub(crate) fn finish(&self) -> Option<K3s> {
        let K3sKeys { version, install, registries, manifests, .. } = &self.keys;
        let lifetime = self.keys.kubeconfig.lifetime.to_value();
        Some(K3s {
            version: version.to_value()?,
            install: install.to_value().unwrap_or_else(|| download(&DownloadFields::default())),
            registries: registries.to_value(),
            manifests: manifests.items().iter().map(|manifest| manifest.value.clone()).collect(),
            access: Access {
                ca_start_year: self.keys.ca_start_year.to_value().unwrap_or(CaStartYear::DEFAULT),
                kubeconfig_lifetime: lifetime.unwrap_or(Lifetime::DEFAULT),
                virtual_address: self.keys.virtual_address.to_value(),
            },
        })
    }
}

/// Reads the top-level `k3s:`.
pub(crate) fn read(value: &FieldValue<'_>) -> Option<ClusterK3s> {
    let fields = value.fields(&K3S)?;
    let (keys, common) = (K3sKeys::read(&fields), Flags::read(&fields));
    keys.agent.warn_of_flags_of_servers(value.diagnostics());
    (!keys.is_invalid() && !common.is_invalid()).then_some(ClusterK3s { keys, common })
}

/// Reads the `k3s:` of a node.
pub(crate) fn read_role(value: &FieldValue<'_>) -> Option<NodeRole> {
    if !matches!(value.kind(), YamlKind::Mapping(_)) {
        return role(value, "k3s");
    }
    let fields = value.fields(&K3S_NODE)?;
    let (keys, flags) = (RoleKeys::read(&fields), Flags::read(&fields));
    let role = keys.role.given()?.value.role;
    if role == Some(Role::Agent) {
        flags.warn_of_flags_of_servers(value.diagnostics());
    }
    let is_invalid = flags.is_invalid() || keys.restore.is_invalid();
    (!is_invalid).then(|| NodeRole { role, flags, restore: keys.restore.given().cloned() })
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
    let without_flags = |role| Some(NodeRole { role, flags: Flags::default(), restore: None });
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

fn download(fields: &DownloadFields) -> Install {
    let base_url = fields.base_url.to_value();
    Install::Download {
        base_url: base_url.map_or_else(|| RELEASES.to_owned(), |url| url.trim_end_matches('/').to_owned()),
        sha256_arm64: fields.sha256.arm64.to_value(),
        sha256_armhf: fields.sha256.armhf.to_value(),
    }
}

fn install(value: &FieldValue<'_>) -> Option<Install> {
    if !matches!(value.kind(), YamlKind::Mapping(_)) {
        let download = download(&DownloadFields::default());
        return value.one_of(&[("download", download), ("bundled", Install::Published)]);
    }
    let fields = value.fields(&INSTALL)?;
    let is_bundled = match (fields.get("download"), fields.get("bundled")) {
        (Some(_), Some(_)) => {
            let finding = Finding::new("`install` has both `download` and `bundled`", "Keep one of the two");
            value.report(finding);
            return None;
        }
        (None, None) => {
            fields.report_missing("download", "{base_url: …, sha256: {arm64: …}}");
            return None;
        }
        (None, Some(_)) => true,
        (Some(_), None) => false,
    };
    let install = InstallFields::read(&fields);
    if install.is_invalid() {
        return None;
    }
    if is_bundled { install.bundled.finish() } else { Some(download(&install.download)) }
}
