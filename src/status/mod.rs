//! The way of nodes from their power switch to ready, watched from outside.
//!
//! ```text
//! a node:   port of ssh ─open─▶ ssh, known host key ─▶ facts: status file, clock, route, size, cgroups, unit ┐
//! a server: API, by the cluster's authority and the kubeconfig's certificate ─▶ nodes, Ready or not ─────────┴─▶ NodeStatus
//! ```
//!
//! Every node and every server is asked on a thread of its own, through a [`Probe`]: none keeps the others waiting. What
//! they answer is a stranger's text until the host key and the certificate are right, so every answer is bounded in
//! size and time, and nothing in it is obeyed.

#[cfg(feature = "download")]
mod api;
mod facts;
mod kubernetes;
mod network;
#[cfg(not(feature = "download"))]
mod no_api;
#[cfg(any(feature = "download", test))]
mod node_list;
mod node_status;
mod probe;
mod problem;
#[cfg(test)]
mod tests;
mod watch;

pub use facts::{Facts, StatusLine, Unit};
pub use kubernetes::KubernetesNode;
pub use node_status::{NodeState, NodeStatus};
pub use probe::{ApiFailure, LoginFailure, Probe, Reach};
pub use problem::{NodeProblem, Outlook};
pub use watch::{Verdict, Watch};

use crate::access::{self, AccessError};
use crate::cluster::{Cluster, Install, Node};
use network::Network;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// The pause between two looks at the same node. A login costs a small board a noticeable part of a second.
const PAUSE: Duration = Duration::from_secs(4);

/// Begins to watch nodes of a cluster over the network, with the access files of its last build.
///
/// # Errors
/// Fails when those are missing, or older than one of the nodes.
pub fn watch(cluster: &Cluster, nodes: &[&Node]) -> Result<Watch, AccessError> {
    let probe: Arc<dyn Probe> = Arc::new(Network::new(cluster, nodes)?);
    Ok(Watch::begin(cluster, nodes, access::host_keys(cluster)?, &probe, PAUSE))
}

/// Returns a duration in its largest unit: `40 s`, `3 min`, `5 h`, `12 d`.
fn duration_words(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let units = [("d", 86_400), ("h", 3_600), ("min", 60)];
    let unit = units.into_iter().find(|(_, length)| seconds >= *length);
    unit.map_or_else(|| format!("{seconds} s"), |(name, length)| format!("{} {name}", seconds / length))
}

/// Returns the name of the host that nodes download k3s from; `None` where they do not, or it is an address.
fn download_host(cluster: &Cluster) -> Option<String> {
    let Install::Download { base_url, .. } = &cluster.k3s.as_ref()?.install else { return None };
    let host = base_url.split_once("://")?.1.split(['/', '?', '#']).next()?;
    if host.starts_with('[') {
        return None;
    }
    let host = host.split(':').next()?;
    host.parse::<IpAddr>().is_err().then(|| host.to_owned())
}
