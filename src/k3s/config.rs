//! /etc/rancher/k3s/config.yaml: what k3s is to be on a node.
//!
//! Its keys are the long flags of `k3s server` and `k3s agent` (docs.k3s.io, "Configuration File").

use super::{K3sError, Target, resolv_conf, token};
use crate::cluster::{Cluster, Node, Role};
use crate::patch::Draft;
use crate::types::image_path;
use serde_json::{Map, Value};
use std::net::Ipv4Addr;

pub(super) fn write(draft: &mut Draft<'_>, target: &Target<'_>) -> Result<(), K3sError> {
    target.write_yaml(draft, &image_path!("/etc/rancher/k3s/config.yaml"), &keys(target)?)
}

/// Returns cardwright's keys, which no key of the user's replaces, then the user's.
fn keys(target: &Target<'_>) -> Result<Map<String, Value>, K3sError> {
    let Target { cluster, k3s, node, own, secret, .. } = *target;
    let mut keys = Map::new();
    let mut set = |key: &str, value: Value| drop(keys.insert(key.to_owned(), value));
    set("node-name", node.name.as_str().into());
    set("node-ip", addresses(cluster, node).into());

    let virtual_address = k3s.access.virtual_address;
    match (cluster.joined_by(node), own.role) {
        (Some(server), role) => {
            // What answers at the virtual address runs in the cluster. Servers bring it there, so they
            // cannot wait for it.
            let address = virtual_address.filter(|_| role == Role::Agent).unwrap_or(server.network.address);
            set("server", format!("https://{address}:{}", cluster.supervisor_port()).into());
            set("token", token::to_join(target)?.as_str().into());
        }
        (None, Role::Server) => {
            if cluster.servers().count() > 1 {
                // Several servers share etcd, which the first one has to start.
                set("cluster-init", true.into());
            }
            // The first server has nobody to check.
            set("token", secret.server_token().as_str().into());
        }
        (None, Role::Agent) => return Err(K3sError::NoServer { node: node.name.to_string() }),
    }
    if !own.names_its_own_resolv_conf() {
        set("resolv-conf", resolv_conf::PATH.into());
    }
    if own.role == Role::Server {
        set("agent-token", secret.agent_token().as_str().into());
        if let Some(address) = virtual_address {
            set("tls-san", names_with(address, own.config.get("tls-san")));
        }
    }
    for (key, value) in &own.config {
        if !keys.contains_key(key) {
            keys.insert(key.clone(), value.clone());
        }
    }
    Ok(keys)
}

/// Returns the names that a server's certificate has beside its own: the virtual address, then the user's, which
/// may be one text with commas or a list.
fn names_with(address: Ipv4Addr, given: Option<&Value>) -> Value {
    let given = match given {
        Some(Value::String(names)) => names.split(',').map(|name| name.trim().into()).collect(),
        Some(Value::Array(names)) => names.clone(),
        _ => Vec::new(),
    };
    let ours = Value::from(address.to_string());
    let others: Vec<Value> = given.into_iter().filter(|name| *name != ours).collect();
    Value::Array([vec![ours], others].concat())
}

/// Returns the address k3s is to use instead of guessing one; the IPv6 one too in a cluster of both families.
///
/// An IPv6 address alone does not make such a cluster: k3s refuses a node with two addresses where the
/// cluster's networks have one family (docs.k3s.io, "Dual-stack Networking").
fn addresses(cluster: &Cluster, node: &Node) -> String {
    let address = node.network.address.to_string();
    match &node.network.ipv6 {
        Some(ipv6) if cluster.pod_families().ipv6 => format!("{address},{}", ipv6.address),
        _ => address,
    }
}
