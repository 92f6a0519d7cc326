//! The keys at the top of nodes.yaml, and those of a node.

use crate::cluster::diagnostic::{Finding, shown};
use crate::cluster::document::keys::{Level, Row, Table};
use crate::cluster::document::table::keys;
use crate::cluster::document::types::{by, like, off, required, text, token, unless_off};
use crate::cluster::fields::addresses::{IPV4, IPV6, WithPrefix, ipv4, ipv6, with_prefix};
use crate::cluster::fields::image::{OUTPUT, OutputFields, image};
use crate::cluster::fields::k3s::flags::{Flags, K3S_ROLE};
use crate::cluster::fields::k3s::{self, ClusterK3s, NodeRole};
use crate::cluster::fields::node::NodeFields;
use crate::cluster::fields::range::COUNT;
use crate::cluster::{ClusterName, Grow, Hostname, ImageSource};
use crate::types::absent::OrEmpty as _;
use serde_json::{Value, json};
use std::net::{Ipv4Addr, Ipv6Addr};

/// The whole file.
pub(crate) const CLUSTER: Level = Level {
    name: "",
    home: "at the top of the file",
    help: "One cluster of Raspberry Pis.",
    tables: &[ClusterKeys::TABLE, NodeFields::TABLE, DefaultsKey::TABLE, ClusterEnd::TABLE, &NODES],
    schema: nodes_or_include,
};

/// A node.
pub(crate) const NODE: Level = Level {
    name: "node",
    home: "in a node, under `nodes:`",
    help: "One node: its name, its address, and whatever differs from the rest of the cluster.",
    tables: &[NodeKeys::TABLE, &Table { shared: &[], rows: &[COUNT] }, NodeFields::TABLE],
    ..Level::EMPTY
};

keys! {
    draft DefaultsKey;

    level defaults: DefaultsFields = DEFAULTS; {
        help: "What nodes of one role have in common: over the rest of the file, and under what a node says itself. \
              Under its `k3s:` a role may have `config`, `labels` and `taints`.",
        example: "{agent: {swap: off, k3s: {labels: {rack: 1}}}}",
    }
}

keys! {
    level DEFAULTS: "defaults", "under `defaults:` at the top of the file", "What nodes of one role have in common.";
    draft DefaultsFields;

    level server: RoleDefaults = NODE_DEFAULTS; {
        help: "What servers have in common.",
        example: "{memory: 8GiB}",
    }
    level agent: RoleDefaults = NODE_DEFAULTS; {
        help: "What agents have in common.",
        example: "{swap: off}",
    }
}

keys! {
    level NODE_DEFAULTS: "node_defaults", "under `server:` or `agent:` of `defaults:`",
        "What nodes of this role have in common.";
    draft RoleDefaults with fields: NodeFields;

    level k3s: Flags = K3S_ROLE; {
        help: "Flags, labels and taints of these nodes: over those under `k3s:` at the top of the file, and under what \
              a node says itself.",
        example: "{labels: {rack: 1}}",
    }
}

keys! {
    draft ClusterKeys;

    key cluster: ClusterName = required("compass", like(NAME, text(cluster_name))); {
        help: "The cluster's name, in the kubeconfig and in names of files.",
        example: "compass",
        here: "name cluster_name clustername cluster_context",
    }
    key image: (ImageSource, Grow) = required("demo", by(image)); {
        help: "The stock image: the name of one that Raspberry Pi publishes, like `raspios-lite-arm64`, a path, a path or \
              an address with its SHA-256, or `demo` for the tiny stand-in inside the program. `cardwright images` lists \
              the names.",
        example: "{path: raspios.img.xz}",
        schema: || json!({
            "anyOf": [
                {"type": "string", "pattern": "^(?!.*://)"},
                {"$ref": "#/definitions/image"},
            ],
        }),
        here: "img base_image source_image stock_image os",
    }
    level output: OutputFields = OUTPUT; {
        help: "Where the images go.",
        example: "{dir: images, format: img.xz}",
        here: "out output_dir images_dir",
    }
}

keys! {
    draft ClusterEnd;

    key k3s: ClusterK3s = unless_off(by(k3s::read)); {
        help: "k3s; without it the cards are plain Raspberry Pi OS.",
        example: "{version: v1.36.4+k3s1}",
        schema: || json!({"anyOf": [{"$ref": "#/definitions/k3s"}, off()]}),
        here: "role roles type node_type k3s_role kubernetes k8s k3s_cluster",
    }
}

/// The nodes, each of which is read over the rest of the file.
const NODES: Table = Table { shared: &[], rows: &[NODES_ROW, INCLUDE] };

const NODES_ROW: Row = Row {
    key: "nodes",
    help: "The nodes, one card each. With `count` an item stands for several.",
    example: "[{name: node-1, address: 192.168.50.11, k3s: server}]",
    schema: || {
        json!({
            "anyOf": [
                {"type": "array", "items": {"$ref": "#/definitions/node"}},
                {"$ref": "#/definitions/node"},
            ],
        })
    },
    ..Row::EMPTY
};

const INCLUDE: Row = Row {
    key: "include",
    help: "Files with more nodes, which follow those of this file. Their own paths are relative to their folder, and \
           their `defaults` go over those of the file that includes them, for their own nodes. Each file is included once.",
    example: "[rack1.yaml]",
    schema: || json!({"type": ["array", "string"], "items": {"type": "string"}}),
    here: "includes import imports files_with_nodes",
    ..Row::EMPTY
};

/// A file that nodes.yaml includes.
pub(crate) const INCLUDED: Level = Level {
    name: "included",
    home: "in a file that `include:` names",
    help: "A file with more nodes. For editors, its schema is `nodes.schema.json#/definitions/included`.",
    tables: &[DefaultsKey::TABLE, &NODES],
    schema: nodes_or_include,
};

fn nodes_or_include() -> Value {
    json!({"anyOf": [{"required": ["nodes"]}, {"required": ["include"]}]})
}

keys! {
    draft NodeKeys;

    key name: Hostname = required("north", like(NAME_OR_FIRST, text(host_name))); {
        help: "Host name, which is also its name in Kubernetes and the name of its image.",
        example: "north",
        others: "host hostname host_name node_name nodename fqdn sethostname auto_setup_net_hostname",
    }
    key address: WithPrefix<Ipv4Addr> = like(IPV4, token(|text| with_prefix(text, 30, ipv4))); {
        help: "IPv4 address: static, or with `method: dhcp` the one that the router has reserved. Its network's prefix \
              may stand behind it.",
        example: "192.168.50.11",
        others: "ip ipv4 addr ip_address ipaddress ipaddr ip4 ipv4_address static_ip ansible_host addresses \
              auto_setup_net_static_ip ipv4_static_ip",
    }
    key ipv6: WithPrefix<Ipv6Addr> = like(IPV6, token(|text| with_prefix(text, 126, ipv6))); {
        help: "Static IPv6 address, beside the IPv4 one; its network's prefix may stand behind it.",
        example: "fd00::11",
        others: "ip6 ipv6_address ipv6_static_ip address6",
    }
    key k3s: NodeRole = by(k3s::read_role); {
        help: "What k3s is on this node; nothing where absent. `k3s: agent` is short for `k3s: {role: agent}`.",
        example: "agent",
        schema: || json!({"anyOf": [k3s::role_schema(), {"$ref": "#/definitions/k3s_node"}]}),
        here: "role roles type node_type k3s_role kubernetes k8s k3s_cluster",
    }
}

/// The pattern of a DNS label (RFC 1123). One of digits alone would be read as an address.
const NAME: &str = "^(?!\\d+$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$";

/// Also the first name of a range.
const NAME_OR_FIRST: &str = "^((?!\\d+$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?|[a-z0-9-]*\\{\\d+\\}[a-z0-9-]*)$";

fn cluster_name(text: &str) -> Result<ClusterName, Finding> {
    ClusterName::new(text).map_err(|reason| not_a_name(text, "a cluster", reason))
}

fn host_name(text: &str) -> Result<Hostname, Finding> {
    Hostname::new(text).map_err(|reason| not_a_name(text, "a host", reason))
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
        Err(_) if text.contains('{') => {
            "Add `count:` for several nodes, or write the number without braces".to_owned()
        }
        // A name by its letters, but somebody else's.
        Err(_) if ClusterName::new(text).is_ok() => "Choose another, like `north`".to_owned(),
        Err(_) => "Use letters a to z, digits and `-`, like `north`".to_owned(),
    };
    Finding::new(format!("{} is no name for {what}: it {reason}", shown(text)), hint)
}
