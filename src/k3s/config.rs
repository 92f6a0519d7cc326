//! /etc/rancher/k3s/config.yaml: what k3s is to be on a node.
//!
//! Its keys are the long flags of `k3s server` and `k3s agent` (docs.k3s.io, "Configuration File").

use super::{K3sError, yaml};
use crate::cluster::{Cluster, Node, NodeK3s, Role};
use crate::identity::ClusterSecret;
use crate::patch::{Draft, ImagePath};
use serde_json::{Map, Value};

const PATH: &str = "/etc/rancher/k3s/config.yaml";

/// Where a server listens for nodes that join.
const SUPERVISOR_PORT: u16 = 6443;

pub(super) fn write(
    draft: &mut Draft<'_>,
    cluster: &Cluster,
    node: &Node,
    k3s: &NodeK3s,
    secret: &ClusterSecret,
) -> Result<(), K3sError> {
    let text = yaml::document(&keys(cluster, node, k3s, secret)?)
        .map_err(|error| K3sError::Yaml { node: node.name.to_string(), reason: error.to_string() })?;
    draft.secret(&ImagePath::new(PATH)?, text)?;
    Ok(())
}

/// cardwright's keys, which no key of the user's replaces, then the user's.
fn keys(
    cluster: &Cluster,
    node: &Node,
    k3s: &NodeK3s,
    secret: &ClusterSecret,
) -> Result<Map<String, Value>, K3sError> {
    let mut keys = Map::new();
    let mut set = |key: &str, value: Value| drop(keys.insert(key.to_owned(), value));
    set("node-name", node.name.as_str().into());
    set("node-ip", addresses(cluster, node).into());

    let Some(first) = cluster.first_server() else {
        return Err(K3sError::NoServer { node: node.name.to_string() });
    };
    if first.name != node.name {
        set("server", format!("https://{}:{SUPERVISOR_PORT}", first.network.address).into());
    } else if cluster.nodes.iter().filter(|node| node.role() == Some(Role::Server)).count() > 1 {
        // Several servers share etcd, which one of them has to found.
        set("cluster-init", true.into());
    }
    match k3s.role {
        Role::Server => {
            set("token", secret.server_token().as_str().into());
            set("agent-token", secret.agent_token().as_str().into());
        }
        // The server's token would make a stolen agent card a way to become a server.
        Role::Agent => set("token", secret.agent_token().as_str().into()),
    }
    for (key, value) in &k3s.config {
        if !keys.contains_key(key) {
            keys.insert(key.clone(), value.clone());
        }
    }
    Ok(keys)
}

/// The address k3s is to use instead of guessing one; the IPv6 one too in a cluster of both families.
///
/// An IPv6 address alone does not make such a cluster: k3s refuses a node with two addresses where the
/// cluster's networks have one family (docs.k3s.io, "Dual-stack Networking").
fn addresses(cluster: &Cluster, node: &Node) -> String {
    let address = node.network.address.to_string();
    match &node.network.ipv6 {
        Some(ipv6) if has_both_families(cluster) => format!("{address},{}", ipv6.address),
        _ => address,
    }
}

/// Whether the first server's `cluster-cidr` names an IPv6 network.
fn has_both_families(cluster: &Cluster) -> bool {
    let config = cluster.first_server().and_then(|server| server.k3s.as_ref()).map(|k3s| &k3s.config);
    match config.and_then(|config| config.get("cluster-cidr")) {
        Some(Value::String(networks)) => networks.contains(':'),
        Some(Value::Array(networks)) => {
            networks.iter().filter_map(Value::as_str).any(|network| network.contains(':'))
        }
        _ => false,
    }
}
