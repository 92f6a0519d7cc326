//! The nodes of nodes.yaml with the top level's fields filled in, before the rules across them are checked.

use crate::cluster::diagnostic::{Finding, shown};
use crate::cluster::document::keys;
use crate::cluster::document::value::{Field, Fields};
use crate::cluster::fields::image::{default_output, image, output};
use crate::cluster::fields::k3s::{ClusterK3s, NodeRole};
use crate::cluster::fields::node::NodeFields;
use crate::cluster::fields::{k3s, network};
use crate::cluster::{
    Boot, Cluster, ClusterName, FieldSpan, Grow, Hostname, ImageSource, Interface, InterfaceName,
    Ipv6Network, K3s, Network, Node, NodeK3s, Output, PageSize, Role, Secret, Swap, User, UserName,
};
use crate::types::absent::OrEmpty as _;
use crate::types::{Digest, image_path};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;

/// The whole file, read but not yet held against the rules across nodes.
#[derive(Debug)]
pub(crate) struct ClusterDraft {
    /// The beginning of the file.
    pub(crate) span: FieldSpan,
    /// The position of the top-level `network:`.
    pub(crate) network: Option<FieldSpan>,
    /// The top level's fields.
    pub(crate) fields: NodeFields,
    pub(crate) k3s: Field<ClusterK3s>,
    pub(crate) nodes: Vec<NodeDraft>,
    /// Set when an item of `nodes:` could not be read at all.
    pub(crate) has_unreadable_nodes: bool,
    name: Field<ClusterName>,
    image: Field<(ImageSource, Grow)>,
    output: Option<Output>,
}

/// A node with the top level's fields filled in.
#[derive(Debug)]
pub(crate) struct NodeDraft {
    pub(crate) span: FieldSpan,
    pub(crate) name: Field<Hostname>,
    pub(crate) address: Field<Ipv4Addr>,
    pub(crate) ipv6: Field<Ipv6Addr>,
    pub(crate) k3s: Field<NodeRole>,
    pub(crate) fields: NodeFields,
}

impl ClusterDraft {
    pub(crate) fn read(fields: &Fields<'_>) -> Self {
        let name = fields.required("cluster", "compass", |value| {
            value.parse(|text| ClusterName::new(text).map_err(|reason| not_a_name(text, "a cluster", reason)))
        });
        let image = fields.required("image", "demo", image);
        let output = match fields.get("output") {
            None => Some(default_output(fields.folders())),
            Some(value) => output(&value),
        };
        let defaults = NodeFields::read(fields);
        let k3s = k3s::read(fields);
        let items = fields.get("nodes").map(|value| value.mappings(&[&keys::NODE]));
        if fields.get("nodes").is_none() && !fields.is_mistyped("nodes") {
            let hint = "Add `nodes:` and under it `- {name: north, address: 192.168.50.11}`";
            fields.report(Finding::new("`nodes` is missing", hint));
        }
        let items = items.flatten();
        let nodes: Vec<Option<NodeDraft>> = items
            .iter()
            .flatten()
            .map(|item| {
                let fields = item.fields(&keys::NODE)?;
                Some(NodeDraft::read(&fields, &defaults))
            })
            .collect();
        if let (Some(value), Some([])) = (fields.get("nodes"), items.as_deref()) {
            let hint = "Add one, like `- {name: north, address: 192.168.50.11}`";
            value.report(Finding::new("there are no nodes", hint));
        }
        Self {
            span: fields.span(),
            network: fields.get("network").map(|value| value.span()),
            fields: defaults,
            k3s,
            has_unreadable_nodes: items.is_none() || nodes.iter().any(Option::is_none),
            nodes: nodes.into_iter().flatten().collect(),
            name,
            image,
            output,
        }
    }

    /// Returns the cluster; `None` where a part of it could not be read, which was reported.
    pub(crate) fn finish(self, path: &Path, source_digest: Digest) -> Option<Cluster> {
        let k3s = self.k3s.value();
        let nodes: Option<Vec<Node>> = self.nodes.into_iter().map(|node| node.finish(k3s.as_ref())).collect();
        let image_span = self.image.given().map(|image| image.span.clone());
        let (image, grow) = self.image.value()?;
        Some(Cluster {
            name: self.name.value()?,
            source: path.to_path_buf(),
            source_digest,
            source_text: Secret::new(String::new()),
            image_span,
            named_paths: Vec::new(),
            image,
            grow,
            output: self.output?,
            nodes: nodes?,
            k3s: k3s.map(|k3s| K3s {
                version: k3s.version,
                install: k3s.install,
                registries: k3s.registries,
                manifests: k3s.manifests.into_iter().map(|manifest| manifest.value).collect(),
                access: k3s.access.finish(),
            }),
            warnings: Vec::new(),
        })
    }
}

impl NodeDraft {
    fn read(fields: &Fields<'_>, defaults: &NodeFields) -> Self {
        let address = fields.required("address", "192.168.50.11", |value| {
            value.parse_token(|text| network::with_prefix(text, 30, network::ipv4))
        });
        let ipv6 = fields.optional("ipv6", |value| {
            value.parse_token(|text| network::with_prefix(text, 126, network::ipv6))
        });
        let mut merged = NodeFields::read(fields).above(defaults);
        Self {
            span: fields.span(),
            name: fields.required("name", "north", |value| {
                value.parse(|text| Hostname::new(text).map_err(|reason| not_a_name(text, "a host", reason)))
            }),
            address: network::apart(address, &mut merged.prefix, fields.diagnostics()),
            ipv6: network::apart(ipv6, &mut merged.ipv6_prefix, fields.diagnostics()),
            k3s: k3s::read_role(fields),
            fields: merged,
        }
    }

    /// Returns the role of the node in k3s.
    pub(crate) fn role(&self) -> Option<Role> {
        self.k3s.given()?.value.role
    }

    /// Returns its name for messages.
    pub(crate) fn called(&self) -> String {
        match self.name.given() {
            Some(name) => format!("`{}`", name.value),
            None => "this node".to_owned(),
        }
    }

    fn finish(self, cluster: Option<&ClusterK3s>) -> Option<Node> {
        let spans = self.fields.spans();
        let NodeFields { gateway, password_hash, .. } = self.fields;
        let gateway = gateway.value()?;
        let password_hash = password_hash.value();
        let ipv6 = match (self.ipv6.value(), self.fields.ipv6_prefix.value()) {
            (Some(address), prefix) => Some(Ipv6Network {
                address,
                prefix: prefix.unwrap_or(DEFAULT_IPV6_PREFIX),
                gateway: self.fields.ipv6_gateway.value(),
            }),
            (None, _) => None,
        };
        let k3s = match (self.k3s.value(), cluster) {
            (Some(NodeRole { role: Some(role), flags }), Some(cluster)) => {
                Some(NodeK3s { role, config: cluster.config_of(role, &flags), rejoins: false, through: None })
            }
            _ => None,
        };
        Some(Node {
            spans,
            name: self.name.value()?,
            network: Network {
                interface: self.fields.interface.value().unwrap_or_else(default_interface),
                address: self.address.value()?,
                prefix: self.fields.prefix.value()?,
                gateway,
                dns: self
                    .fields
                    .dns
                    .value()
                    .filter(|servers| !servers.is_empty())
                    .unwrap_or_else(|| vec![IpAddr::V4(gateway)]),
                search: self.fields.search.value().or_empty(),
                ipv6,
            },
            user: User {
                name: self.fields.user_name.value().unwrap_or_else(default_user_name),
                shell: self.fields.shell.value().unwrap_or(image_path!("/bin/bash")),
                passwordless_sudo: self.fields.passwordless_sudo.value().unwrap_or(password_hash.is_none()),
                password_hash,
                authorized_keys: self.fields.authorized_keys.value().or_empty(),
            },
            ssh_password_login: self.fields.ssh_password_login.value().unwrap_or(false),
            timezone: self.fields.timezone.value(),
            locale: self.fields.locale.value(),
            // An empty list is for the node that wants the stock image's servers and not the cluster's.
            ntp: self.fields.ntp.value().into_iter().flatten().collect(),
            boot: Boot {
                page_size: self.fields.page_size.value().unwrap_or(PageSize::Stock),
                ..self.fields.boot
            },
            swap: self.fields.swap.value().unwrap_or(Swap::Stock),
            files: self.fields.files.into_iter().map(|file| file.value).collect(),
            first_boot: self.fields.first_boot,
            k3s,
        })
    }
}

/// The name that Raspberry Pi OS gives its first user.
pub(crate) const DEFAULT_USER: &str = "pi";

/// The prefix of every IPv6 network on a wire (RFC 4291, section 2.5.1).
pub(crate) const DEFAULT_IPV6_PREFIX: u8 = 64;

/// Returns the name that Raspberry Pi OS gives the wired interface of a board.
#[expect(clippy::expect_used, reason = "the name is a constant")]
fn default_interface() -> Interface {
    Interface::Named(InterfaceName::new("eth0").expect("`eth0` is a valid name"))
}

#[expect(clippy::expect_used, reason = "the name is a constant")]
fn default_user_name() -> UserName {
    UserName::new(DEFAULT_USER).expect("`pi` is a valid name")
}

fn not_a_name(text: &str, what: &str, reason: &str) -> Finding {
    let candidate: String = text
        .trim()
        .to_lowercase()
        .split('.')
        .next()
        .or_empty()
        .chars()
        .map(|character| if matches!(character, '_' | ' ') { '-' } else { character })
        .collect();
    let hint = match Hostname::new(candidate) {
        Ok(name) => format!("Did you mean `{name}`?"),
        // A name by its letters, but somebody else's.
        Err(_) if ClusterName::new(text).is_ok() => "Choose another, like `north`".to_owned(),
        Err(_) => "Use letters a to z, digits and `-`, like `north`".to_owned(),
    };
    Finding::new(format!("{} is no name for {what}: it {reason}", shown(text)), hint)
}
