//! The upgrade as an order to Rancher's system-upgrade-controller, which carries it out from inside the cluster: for
//! clusters of hundreds of nodes (docs.k3s.io, "Automated Upgrades").

use crate::cluster::{Cluster, K3sVersion};

/// Returns the `Plan`s that bring a cluster to the k3s of nodes.yaml: servers one at a time, then as many agents at once as
/// `agents_at_once` says. `None` where the cluster has no k3s.
///
/// The controller checks nothing of what [`check`](super::check) does.
pub fn plans(cluster: &Cluster, agents_at_once: u16) -> Option<String> {
    let version: &K3sVersion = &cluster.k3s.as_ref()?.version;
    Some(
        include_str!("plans.yaml")
            .replace("VERSION", version.as_str())
            .replace("AGENTS_AT_ONCE", &agents_at_once.to_string()),
    )
}
