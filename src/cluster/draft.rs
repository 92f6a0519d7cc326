//! The nodes of nodes.yaml with the top level's fields filled in, before the rules across them are checked.

use crate::cluster::diagnostic::Finding;
use crate::cluster::document::source;
use crate::cluster::document::value::{Field, FieldValue, Fields};
use crate::cluster::fields::cluster::{
    ClusterEnd, ClusterKeys, DefaultsFields, DefaultsKey, INCLUDED, NODE, NodeKeys, RoleDefaults,
};
use crate::cluster::fields::k3s::flags::Flags;
use crate::cluster::fields::k3s::{ClusterK3s, NodeRole};
use crate::cluster::fields::network::settle_prefix;
use crate::cluster::fields::node::NodeFields;
use crate::cluster::fields::range;
use crate::cluster::wifi::DerivedKeys;
use crate::cluster::{Cluster, FieldSpan, Node, NodeK3s, NodeSpans, Role, Secret};
use crate::types::Digest;
use std::path::Path;

/// The whole file, read but not yet held against the rules across nodes.
#[derive(Debug)]
pub(crate) struct ClusterDraft {
    /// The beginning of the file.
    pub(crate) span: FieldSpan,
    pub(crate) keys: ClusterKeys,
    /// The values that nodes have from the top level.
    pub(crate) fields: NodeFields,
    pub(crate) k3s: Field<ClusterK3s>,
    pub(crate) nodes: Vec<NodeDraft>,
    /// Set when an item of `nodes:` could not be read at all.
    pub(crate) has_unreadable_nodes: bool,
}

/// A node with the top level's fields filled in.
#[derive(Debug)]
pub(crate) struct NodeDraft {
    pub(crate) span: FieldSpan,
    /// Its own alone.
    pub(crate) keys: NodeKeys,
    pub(crate) fields: NodeFields,
}

impl ClusterDraft {
    pub(crate) fn read(fields: &Fields<'_>) -> Self {
        let (keys, defaults) = (ClusterKeys::read(fields), NodeFields::read(fields));
        let k3s = ClusterEnd::read(fields).k3s;
        let mut nodes = Vec::new();
        let of_role = RoleDefaults { fields: defaults.clone(), ..RoleDefaults::default() };
        let inherited = Inherited { all: defaults.clone(), servers: of_role.clone(), agents: of_role };
        read_nodes(fields, &inherited, &mut nodes);
        if nodes.is_empty() {
            let hint = "Add one, like `- {name: north, address: 192.168.50.11}`";
            fields.report(Finding::new("there are no nodes, nor in the files that are included", hint));
        }
        Self {
            span: fields.span(),
            keys,
            fields: defaults,
            k3s,
            has_unreadable_nodes: nodes.iter().any(Option::is_none),
            nodes: nodes.into_iter().flatten().collect(),
        }
    }

    /// Returns the cluster; `None` where a part of it could not be read, which was reported.
    pub(crate) fn finish(self, path: &Path, source_digest: Digest) -> Option<Cluster> {
        let k3s = self.k3s.value();
        let derived = &mut DerivedKeys::default();
        let nodes: Option<Vec<Node>> =
            self.nodes.iter().map(|node| node.finish(k3s.as_ref(), derived)).collect();
        let image_span = self.keys.image.given().map(|image| image.span.clone());
        let (image, grow) = self.keys.image.value()?;
        Some(Cluster {
            name: self.keys.cluster.value()?,
            source: path.to_path_buf(),
            source_digest,
            source_text: Secret::new(String::new()),
            included: Vec::new(),
            image_span,
            named_paths: Vec::new(),
            image,
            grow,
            output: self.keys.output.finish(path.parent().unwrap_or(Path::new(""))),
            nodes: nodes?,
            k3s: match k3s {
                Some(k3s) => Some(k3s.finish()?),
                None => None,
            },
            warnings: Vec::new(),
        })
    }
}

/// Reads the nodes of a file, and then those of the files that it includes. What cannot be read at all is `None`.
fn read_nodes(fields: &Fields<'_>, above: &Inherited, nodes: &mut Vec<Option<NodeDraft>>) {
    let inherited = above.with(fields);
    match (fields.get("nodes"), fields.get("include")) {
        (Some(value), _) => {
            let items = value.mappings(&NODE);
            if items.as_deref().is_none_or(|items| items.is_empty() && fields.get("include").is_none()) {
                nodes.push(None);
            }
            // A file may have the nodes of others alone.
            if items.as_ref().is_some_and(Vec::is_empty) && fields.get("include").is_none() {
                let hint = "Add one, like `- {name: north, address: 192.168.50.11}`";
                value.report(Finding::new("there are no nodes", hint));
            }
            for item in items.iter().flatten() {
                let read = |item: &FieldValue<'_>| Some(NodeDraft::read(&item.fields(&NODE)?, &inherited));
                match range::unfold(item) {
                    Some(range) => nodes.extend(range.iter().map(|node| read(&item.replaced(node)))),
                    None => nodes.push(read(item)),
                }
            }
        }
        (None, None) => {
            nodes.push(None);
            if !fields.is_mistyped("nodes") && !fields.is_mistyped("include") {
                let hint = "Add `nodes:` and under it `- {name: north, address: 192.168.50.11}`";
                fields.report(Finding::new("`nodes` is missing", hint));
            }
        }
        (None, Some(_)) => {}
    }
    let files = fields.get("include").and_then(|value| value.items());
    for item in files.iter().flatten() {
        let Some((text, folders)) = item.parse(|name| source::include(name, item.folders())) else {
            nodes.push(None);
            continue;
        };
        let root = source::tree(&text, &folders, item.diagnostics());
        let file = root.as_ref().and_then(|root| item.other_file(root, &folders).fields(&INCLUDED));
        match file {
            Some(file) => read_nodes(&file, &inherited, nodes),
            None => nodes.push(None),
        }
    }
}

/// The values that nodes have from the top of the file and from `defaults:`, by their role.
struct Inherited {
    all: NodeFields,
    servers: RoleDefaults,
    agents: RoleDefaults,
}

impl Inherited {
    /// Returns what nodes of a file have, with its own `defaults:` over these.
    fn with(&self, fields: &Fields<'_>) -> Self {
        let DefaultsFields { server, agent, .. } = DefaultsKey::read(fields).defaults;
        agent.k3s.warn_of_flags_of_servers(fields.diagnostics());
        let (servers, agents) = (server.above(&self.servers), agent.above(&self.agents));
        Self { all: self.all.clone(), servers, agents }
    }

    fn of(&self, role: Option<Role>) -> (&NodeFields, Option<&Flags>) {
        match role {
            None => (&self.all, None),
            Some(Role::Server) => (&self.servers.fields, Some(&self.servers.k3s)),
            Some(Role::Agent) => (&self.agents.fields, Some(&self.agents.k3s)),
        }
    }
}

impl NodeDraft {
    fn read(fields: &Fields<'_>, inherited: &Inherited) -> Self {
        let mut keys = NodeKeys::read(fields);
        let role = keys.k3s.given().and_then(|k3s| k3s.value.role);
        let (above, flags) = inherited.of(role);
        let mut merged = NodeFields::read(fields).above(above);
        if let (Field::Given(k3s), Some(above)) = (&mut keys.k3s, flags) {
            k3s.value.flags = k3s.value.flags.above(above);
        }
        // Without one, it is a DHCP server's to give, or the node has IPv6 alone.
        let link = &merged.network.link;
        let is_given = link.is_by_dhcp() || link.method.is_invalid();
        if keys.address.is_absent() && keys.ipv6.is_absent() && !is_given {
            fields.report_missing("address", "192.168.50.11");
            keys.address = Field::Invalid;
        }
        settle_prefix(&keys.address, &mut merged.network.prefix, fields.diagnostics());
        settle_prefix(&keys.ipv6, &mut merged.network.ipv6.prefix, fields.diagnostics());
        Self { span: fields.span(), keys, fields: merged }
    }

    /// Returns the role of the node in k3s.
    pub(crate) fn role(&self) -> Option<Role> {
        self.keys.k3s.given()?.value.role
    }

    /// Returns `true` for a node that is to have a static IPv4 address.
    pub(crate) fn has_static_ipv4(&self) -> bool {
        let method = &self.fields.network.link.method;
        !self.keys.address.is_absent() && !method.is_invalid() && !self.fields.network.link.is_by_dhcp()
    }

    /// Returns `true` for a node that has IPv6 alone.
    pub(crate) fn has_ipv6_alone(&self) -> bool {
        self.keys.address.is_absent() && !self.fields.network.link.is_by_dhcp()
    }

    /// Returns its name for messages.
    pub(crate) fn called(&self) -> String {
        match self.keys.name.given() {
            Some(name) => format!("`{}`", name.value),
            None => "this node".to_owned(),
        }
    }

    fn finish(&self, cluster: Option<&ClusterK3s>, derived: &mut DerivedKeys) -> Option<Node> {
        let fields = &self.fields;
        let address = self.keys.address.to_value().map(|address| address.address);
        let ipv6 = self.keys.ipv6.to_value().map(|ipv6| ipv6.address);
        let network = fields.network.finish((address, ipv6), &fields.wifi, derived)?;
        let k3s = match (self.keys.k3s.to_value(), cluster) {
            (Some(NodeRole { role: Some(role), flags, restore }), Some(cluster)) => Some(NodeK3s {
                role,
                config: cluster.config_of(role, &flags),
                rejoins: false,
                through: None,
                restore: restore.map(|restore| restore.value),
            }),
            _ => None,
        };
        let mut spans = NodeSpans::default();
        fields.spans("", &mut spans);
        let words = fields.boot.cmdline.items().iter();
        spans.cmdline = words.map(|word| (word.value.clone(), word.span.clone())).collect();
        let mut users = Vec::new();
        for draft in fields.users.items().iter().map(|user| &user.value) {
            let user = draft.finish()?;
            draft.spans(&format!("users.{}.", user.name), &mut spans);
            users.push(user);
        }
        fields.finish(self.keys.name.to_value()?, users, network, k3s, spans)
    }
}
