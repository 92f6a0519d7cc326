//! Running nodes brought to the k3s of nodes.yaml: one after another, servers first, each waited for.
//!
//! Kubernetes lets no agent be newer than the servers, and no server more than one minor version newer than it was
//! (kubernetes.io, "Version Skew Policy"); k3s itself goes by that (docs.k3s.io, "Upgrades"). So an upgrade is refused where
//! a minor version would be left out, or a version be gone back to.
//!
//! The program is fetched here, checked, and sent over ssh: a node needs no way out. It is put in its place whole, the old
//! one kept beside it, and k3s is restarted, which leaves pods running.

mod error;
mod node;
pub mod plans;

pub use error::UpgradeError;
pub use node::{Found, Ready, look};

use crate::artifacts::{self, OpenedArtifacts};
use crate::cluster::{Cluster, Install, K3sVersion, Node, Role};
use crate::fetch::FileLocation;
use crate::types::{Architecture, Digest, Progress};
use std::path::Path;
use std::time::Duration;

/// A node, and the k3s on it.
#[derive(Debug, Clone)]
pub struct Step<'c> {
    /// The node.
    pub node: &'c Node,
    /// Its role.
    pub role: Role,
    /// The k3s that was found on it.
    pub found: Found,
}

impl Step<'_> {
    /// Returns `true` if the node does not run the wanted version.
    pub fn is_needed(&self, wanted: &K3sVersion) -> bool {
        self.found.version != *wanted || self.found.waits_for_restart
    }
}

/// Returns the nodes of a cluster that run k3s, in the order that they are upgraded in: servers, then agents.
pub fn order(cluster: &Cluster) -> Vec<(&Node, Role)> {
    let with_k3s = cluster.nodes.iter().filter_map(|node| Some((node, node.role()?)));
    let (servers, agents): (Vec<_>, Vec<_>) = with_k3s.partition(|(_, role)| *role == Role::Server);
    [servers, agents].concat()
}

/// Checks that every node may be brought to a version, where those of `steps` are all that will be.
///
/// `others` are nodes that keep what they have: no agent may become newer than a server among them.
///
/// # Errors
/// Fails at the first node that a minor version would be left out on, or that would go back.
pub fn check(wanted: &K3sVersion, steps: &[Step<'_>], others: &[Step<'_>]) -> Result<(), UpgradeError> {
    for Step { node, found, .. } in steps {
        let [from, to] = [&found.version, wanted].map(K3sVersion::numbers);
        let (node, found, wanted) = (node.name.to_string(), found.version.clone(), wanted.clone());
        if to < from {
            return Err(UpgradeError::GoesBack { node, found, wanted });
        }
        let ([major, minor, ..], [to_major, to_minor, ..]) = (from, to);
        if major != to_major || to_minor.checked_sub(minor).is_none_or(|more| more > 1) {
            return Err(UpgradeError::LeavesOut { node, found, wanted });
        }
    }
    let agent = steps.iter().find(|step| step.role == Role::Agent && step.is_needed(wanted));
    let older = others
        .iter()
        .find(|step| step.role == Role::Server && step.found.version.numbers() < wanted.numbers());
    match (agent, older) {
        (Some(agent), Some(server)) => Err(UpgradeError::ServersFirst {
            agent: agent.node.name.to_string(),
            server: server.node.name.to_string(),
            found: server.found.version.clone(),
        }),
        _ => Ok(()),
    }
}

/// Fetches and checks what a node of an architecture gets: the program, and archives of container images where nodes.yaml
/// bundles some.
///
/// # Errors
/// When a file cannot be had, or is not the one that it has to be; and when nobody said which one that is.
pub fn files(
    cluster: &Cluster,
    architecture: Architecture,
    cache: Option<&Path>,
    progress: &dyn Progress,
) -> Result<OpenedArtifacts, UpgradeError> {
    let Some(k3s) = &cluster.k3s else {
        return Err(UpgradeError::NoK3s { cluster: cluster.name.to_string() });
    };
    let install = match &k3s.install {
        Install::Download { base_url, sha256_arm64, sha256_armhf } => {
            let program = |digest: &Option<Digest>, name: &str| {
                let url = format!("{}/{name}", k3s.version.address_below(base_url.trim_end_matches('/')));
                digest.map(|sha256| FileLocation::Url { url, sha256, size: None, mirrors: Vec::new() })
            };
            Install::Bundled {
                arm64: program(sha256_arm64, "k3s-arm64"),
                armhf: program(sha256_armhf, "k3s-armhf"),
                images: Vec::new(),
            }
        }
        other => other.clone(),
    };
    match artifacts::open(&install, architecture, cache, progress) {
        Ok(Some(opened)) => Ok(opened),
        Ok(None) | Err(artifacts::ArtifactError::NoBinary { .. }) => {
            Err(UpgradeError::NotPinned { architecture, version: k3s.version.clone() })
        }
        Err(error) => Err(error.into()),
    }
}

/// Gives a node its new k3s, and waits until it is ready in the cluster. What was begun before is begun anew: a file
/// gets its name when it is whole, and one that is there already is not sent again.
///
/// # Errors
/// When the node cannot be reached or does not take a file, and when it is not ready in time.
pub fn upgrade(
    cluster: &Cluster,
    step: &Step<'_>,
    files: &OpenedArtifacts,
    patience: Duration,
    progress: &dyn Progress,
) -> Result<Ready, UpgradeError> {
    let ssh = node::Ssh { cluster, node: step.node };
    for (name, content) in &files.artifacts.images {
        ssh.put(content, &step.images_folder(), name, "0644", progress)?;
    }
    ssh.put_program(&files.artifacts.binary, step.role, progress)?;
    wait_until_ready(cluster, step, patience)
}

/// Waits until a node is ready in the cluster with the version of nodes.yaml.
///
/// # Errors
/// When it is not in time.
pub fn wait_until_ready(
    cluster: &Cluster,
    step: &Step<'_>,
    patience: Duration,
) -> Result<Ready, UpgradeError> {
    let Some(k3s) = &cluster.k3s else {
        return Err(UpgradeError::NoK3s { cluster: cluster.name.to_string() });
    };
    // An agent is seen by a server, which has the cluster's kubeconfig.
    let server = cluster.first_server().filter(|_| step.role == Role::Agent).unwrap_or(step.node);
    node::Ssh { cluster, node: server }.wait_until_ready(step.node, &k3s.version, patience)
}

impl Step<'_> {
    /// Returns the folder that k3s imports archives of images from.
    fn images_folder(&self) -> String {
        let data = self.node.k3s.as_ref().map_or("/var/lib/rancher/k3s", |k3s| k3s.data_dir());
        format!("{data}/agent/images")
    }
}

#[cfg(test)]
mod tests;
