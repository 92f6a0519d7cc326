//! /etc/rancher/k3s/resolv.conf: where pods ask for the names that are not the cluster's own.
//!
//! Without it k3s takes the node's /etc/resolv.conf, in which anything may turn up, and in its place 8.8.8.8
//! as soon as one name server there is link-local or the node itself.

use super::{K3sError, Target};
use crate::patch::Draft;
use crate::types::image_path;

/// The file, which `resolv-conf` in config.yaml names.
pub(super) const PATH: &str = "/etc/rancher/k3s/resolv.conf";

/// The number of name servers that are asked (`MAXNS` of resolver(5)); the kubelet complains in every pod's
/// events where there are more.
const MOST_ASKED: usize = 3;

/// Returns `true` for a node that gets the file. One with a file of its own that the user names does not, nor one whose
/// name servers are those of a DHCP server.
pub(super) fn is_wanted(target: &Target<'_>) -> bool {
    !target.own.names_its_own_resolv_conf() && !target.node.network.dns.is_empty()
}

/// Writes the name servers of nodes.yaml that pods can reach.
pub(super) fn write(draft: &mut Draft<'_>, target: &Target<'_>) -> Result<(), K3sError> {
    let Target { cluster, node, .. } = *target;
    if !is_wanted(target) {
        return Ok(());
    }
    let families = cluster.pod_families();
    let servers: Vec<_> = node.network.dns.iter().filter(|server| families.reach(server)).collect();
    if servers.is_empty() {
        return Err(K3sError::NoNameServer { node: node.name.to_string() });
    }
    let mut lines = vec!["# Written by cardwright, from nodes.yaml: the name servers of pods.".to_owned()];
    if !node.network.search.is_empty() {
        lines.push(format!("search {}", node.network.search.join(" ")));
    }
    lines.extend(servers.iter().take(MOST_ASKED).map(|server| format!("nameserver {server}")));
    let text = lines.join("\n") + "\n";
    Ok(draft.text(&image_path!(PATH), text)?)
}
