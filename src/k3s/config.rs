//! /etc/rancher/k3s/config.yaml: what k3s is to be on a node.
//!
//! Its keys are the long flags of `k3s server` and `k3s agent` (docs.k3s.io, "Configuration File").

use super::{K3sError, Target, resolv_conf, token};
use crate::cluster::{Cluster, Connection, InterfaceName, Ipv4, Link, Node, Role};
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
    if let Some(addresses) = addresses(cluster, node) {
        set("node-ip", addresses.into());
    }
    if let Some(name) = flannel_interface(target) {
        set("flannel-iface", name.as_str().into());
    }

    let virtual_address = k3s.access.virtual_address;
    match (cluster.joined_by(node), own.role) {
        (Some(server), role) => {
            // What answers at the virtual address runs in the cluster. Servers bring it there, so they
            // cannot wait for it.
            let shared = virtual_address.filter(|_| role == Role::Agent);
            let host = shared.map_or_else(|| server.host_in_url(), |shared| shared.address.to_string());
            set("server", format!("https://{host}:{}", cluster.supervisor_port()).into());
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
    if resolv_conf::is_wanted(target) {
        set("resolv-conf", resolv_conf::PATH.into());
    }
    if own.role == Role::Server {
        set("agent-token", secret.agent_token().as_str().into());
        if let Some(virtual_address) = virtual_address {
            set("tls-san", names_with(virtual_address.address, own.config.get("tls-san")));
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

/// Returns the address k3s is to use instead of guessing one; the IPv6 one too in a cluster of both families. There is
/// none where a DHCP server gives it: k3s ends with one that no interface has (k3s issue 8059), and guesses the right
/// one by the default route.
///
/// An IPv6 address alone does not make such a cluster: k3s refuses a node with two addresses where the
/// cluster's networks have one family (docs.k3s.io, "Dual-stack Networking").
fn addresses(cluster: &Cluster, node: &Node) -> Option<String> {
    let Connection { ipv4, ipv6, .. } = &node.network.main;
    match (ipv4, ipv6) {
        (Ipv4::Static(ipv4), Some(ipv6)) if cluster.pod_families().ipv6 => {
            Some(format!("{},{}", ipv4.address, ipv6.address))
        }
        (Ipv4::Static(ipv4), _) => Some(ipv4.address.to_string()),
        (Ipv4::Off, ipv6) => ipv6.as_ref().map(|ipv6| ipv6.address.to_string()),
        (Ipv4::Dhcp { .. }, _) => None,
    }
}

/// Returns the interface that carries the pods' network, where a node has several: otherwise flannel takes that of the
/// default route as it is when k3s starts. A node on Wi-Fi has a wire, too, and a cable that is plugged in gets the default
/// route by DHCP; k3s takes the node's address from the interface named here where no other is given (k3s,
/// pkg/cli/agent/agent.go). Nothing is set where the interface is found by its MAC address, as its name
/// is not known here, or where nodes.yaml says it.
fn flannel_interface<'n>(target: &Target<'n>) -> Option<&'n InterfaceName> {
    let Target { node, own, .. } = *target;
    let is_said = own.config.contains_key("flannel-iface");
    let is_on_wifi = matches!(node.network.main.link, Link::Wifi(_));
    let has_several = is_on_wifi || !node.network.beside.is_empty();
    node.network.main.link.interface().name().filter(|_| has_several && !is_said)
}
