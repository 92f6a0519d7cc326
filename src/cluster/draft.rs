//! The nodes of nodes.yaml with the top level's fields filled in, before the rules across them are checked.

use crate::cluster::diagnostic::{Wrong, shown};
use crate::cluster::document::keys;
use crate::cluster::document::value::{Fields, Reader, Setting};
use crate::cluster::fields::image::{default_output, image, output};
use crate::cluster::fields::k3s::{ClusterK3s, RoleOfNode};
use crate::cluster::fields::node::Settings;
use crate::cluster::fields::{k3s, network};
use crate::cluster::{
    Boot, Cluster, ClusterName, FieldSpan, Grow, Hostname, ImageSource, Interface, InterfaceName,
    Ipv6Network, K3s, Network, Node, NodeK3s, Output, PageSize, Role, Secret, Swap, User, UserName,
};
use crate::types::absent::OrEmpty as _;
use crate::types::{Digest, ImagePath};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;

/// The whole file, read but not yet held against the rules across nodes.
#[derive(Debug)]
pub(crate) struct Draft {
    /// The beginning of the file.
    pub(crate) spot: FieldSpan,
    /// Where `network:` stands at the top.
    pub(crate) network: Option<FieldSpan>,
    /// The top level's settings.
    pub(crate) settings: Settings,
    pub(crate) k3s: Setting<ClusterK3s>,
    pub(crate) nodes: Vec<DraftNode>,
    /// Whether an item of `nodes:` could not be read at all.
    pub(crate) has_unreadable_nodes: bool,
    name: Setting<ClusterName>,
    image: Setting<(ImageSource, Grow)>,
    output: Option<Output>,
}

/// A node with the top level's settings filled in.
#[derive(Debug)]
pub(crate) struct DraftNode {
    pub(crate) spot: FieldSpan,
    pub(crate) name: Setting<Hostname>,
    pub(crate) address: Setting<Ipv4Addr>,
    pub(crate) ipv6: Setting<Ipv6Addr>,
    pub(crate) k3s: Setting<RoleOfNode>,
    pub(crate) settings: Settings,
}

impl Draft {
    pub(crate) fn read(fields: &Fields<'_>, reader: &mut Reader) -> Self {
        let name = fields.required("cluster", "compass", reader, |value, reader| {
            value.parse(reader, |text| {
                ClusterName::new(text).map_err(|reason| not_a_name(text, "a cluster", reason))
            })
        });
        let image = fields.required("image", "demo", reader, image);
        let output = match fields.get("output") {
            None => Some(default_output(reader)),
            Some(value) => output(&value, reader),
        };
        let settings = Settings::read(fields, reader);
        let k3s = k3s::read(fields, reader);
        let items = fields.get("nodes").map(|value| value.mappings(&[&keys::NODE], reader));
        if fields.get("nodes").is_none() && !fields.is_mistyped("nodes") {
            let hint = "Add `nodes:` and under it `- {name: north, address: 192.168.50.11}`";
            reader.report(&fields.spot(), Wrong::new("`nodes` is missing", hint));
        }
        let items = items.flatten();
        let nodes: Vec<Option<DraftNode>> = items
            .iter()
            .flatten()
            .map(|item| {
                let fields = item.fields(&keys::NODE, reader)?;
                Some(DraftNode::read(&fields, &settings, reader))
            })
            .collect();
        if let (Some(value), Some([])) = (fields.get("nodes"), items.as_deref()) {
            let hint = "Add one, like `- {name: north, address: 192.168.50.11}`";
            reader.report(&value.spot(), Wrong::new("there are no nodes", hint));
        }
        Self {
            spot: fields.spot(),
            network: fields.get("network").map(|value| value.spot()),
            settings,
            k3s,
            has_unreadable_nodes: items.is_none() || nodes.iter().any(Option::is_none),
            nodes: nodes.into_iter().flatten().collect(),
            name,
            image,
            output,
        }
    }

    /// The cluster; `None` where a part of it could not be read, which was put down.
    pub(crate) fn finish(self, path: &Path, source_digest: Digest) -> Option<Cluster> {
        let k3s = self.k3s.value();
        let nodes: Option<Vec<Node>> = self.nodes.into_iter().map(|node| node.finish(k3s.as_ref())).collect();
        let image_spot = self.image.given().map(|image| image.spot.clone());
        let (image, grow) = self.image.value()?;
        Some(Cluster {
            name: self.name.value()?,
            source: path.to_path_buf(),
            source_digest,
            source_text: Secret::new(String::new()),
            image_spot,
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

impl DraftNode {
    fn read(fields: &Fields<'_>, defaults: &Settings, reader: &mut Reader) -> Self {
        let address = fields.required("address", "192.168.50.11", reader, |value, reader| {
            value.parse_token(reader, |text| network::with_prefix(text, 30, network::ipv4))
        });
        let ipv6 = fields.setting("ipv6", reader, |value, reader| {
            value.parse_token(reader, |text| network::with_prefix(text, 126, network::ipv6))
        });
        let mut settings = Settings::read(fields, reader).above(defaults);
        Self {
            spot: fields.spot(),
            name: fields.required("name", "north", reader, |value, reader| {
                value.parse(reader, |text| {
                    Hostname::new(text).map_err(|reason| not_a_name(text, "a host", reason))
                })
            }),
            address: network::apart(address, &mut settings.prefix, reader),
            ipv6: network::apart(ipv6, &mut settings.ipv6_prefix, reader),
            k3s: k3s::read_role(fields, reader),
            settings,
        }
    }

    /// What k3s is to be on it.
    pub(crate) fn role(&self) -> Option<Role> {
        self.k3s.given()?.value.role
    }

    /// What messages call it.
    pub(crate) fn called(&self) -> String {
        match self.name.given() {
            Some(name) => format!("`{}`", name.value),
            None => "this node".to_owned(),
        }
    }

    fn finish(self, cluster: Option<&ClusterK3s>) -> Option<Node> {
        let spots = self.settings.spots();
        let Settings { gateway, password_hash, .. } = self.settings;
        let gateway = gateway.value()?;
        let password_hash = password_hash.value();
        let ipv6 = match (self.ipv6.value(), self.settings.ipv6_prefix.value()) {
            (Some(address), prefix) => Some(Ipv6Network {
                address,
                prefix: prefix.unwrap_or(DEFAULT_IPV6_PREFIX),
                gateway: self.settings.ipv6_gateway.value(),
            }),
            (None, _) => None,
        };
        let k3s = match (self.k3s.value(), cluster) {
            (Some(RoleOfNode { role: Some(role), flags }), Some(cluster)) => {
                Some(NodeK3s { role, config: cluster.config_of(role, &flags), rejoins: false, through: None })
            }
            _ => None,
        };
        let default_interface = || InterfaceName::new("eth0").ok().map(Interface::Named);
        let default_name = || UserName::new(DEFAULT_USER).ok();
        let default_shell = || ImagePath::new("/bin/bash").ok();
        Some(Node {
            spots,
            name: self.name.value()?,
            network: Network {
                interface: self.settings.interface.value().or_else(default_interface)?,
                address: self.address.value()?,
                prefix: self.settings.prefix.value()?,
                gateway,
                dns: self
                    .settings
                    .dns
                    .value()
                    .filter(|servers| !servers.is_empty())
                    .unwrap_or_else(|| vec![IpAddr::V4(gateway)]),
                search: self.settings.search.value().or_empty(),
                ipv6,
            },
            user: User {
                name: self.settings.user_name.value().or_else(default_name)?,
                shell: self.settings.shell.value().or_else(default_shell)?,
                passwordless_sudo: self.settings.passwordless_sudo.value().unwrap_or(password_hash.is_none()),
                password_hash,
                authorized_keys: self.settings.authorized_keys.value().or_empty(),
            },
            ssh_password_login: self.settings.ssh_password_login.value().unwrap_or(false),
            timezone: self.settings.timezone.value(),
            locale: self.settings.locale.value(),
            // An empty list is for the node that wants the stock image's servers and not the cluster's.
            ntp: self.settings.ntp.value().into_iter().flatten().collect(),
            boot: Boot {
                page_size: self.settings.page_size.value().unwrap_or(PageSize::Stock),
                ..self.settings.boot
            },
            swap: self.settings.swap.value().unwrap_or(Swap::Stock),
            files: self.settings.files.into_iter().map(|file| file.value).collect(),
            first_boot: self.settings.first_boot,
            k3s,
        })
    }
}

/// The name that Raspberry Pi OS gives its first user.
pub(crate) const DEFAULT_USER: &str = "pi";

/// What every IPv6 network on a wire has (RFC 4291, section 2.5.1).
pub(crate) const DEFAULT_IPV6_PREFIX: u8 = 64;

fn not_a_name(text: &str, what: &str, reason: &str) -> Wrong {
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
    Wrong::new(format!("{} is no name for {what}: it {reason}", shown(text)), hint)
}
