//! k3s on a card: its configuration, and the first boot that installs it.
//!
//! The files of a card before it is first switched on, one module each:
//!
//! - `/etc/rancher/k3s/config.yaml` and `/etc/rancher/node/password` (`config.rs`, `node_password.rs`);
//! - the certificate authorities, on the card of the first server (`certificates.rs`);
//!   their hash is in the tokens of all others (`token.rs`);
//! - `/etc/rancher/k3s/registries.yaml`, where nodes.yaml says where images come from (`registries.rs`);
//! - what k3s deploys by itself, on the same card (`manifests.rs`), and kube-vip among it (`kube_vip.rs`);
//! - the unit `k3s.service` or `k3s-agent.service`, enabled, with names, paths and options as k3s's own
//!   installer leaves them, so that a later run of that installer takes over, if it is told what the card is
//!   (`service.rs`);
//! - the one program k3s consists of, and the container images it starts with (`bundle.rs`), or else
//!   `cardwright-install-k3s.service`, which downloads that program at the first boot (`install.rs`);
//! - `cardwright-k3s-time.path`, which has a k3s that was started without the time started anew
//!   (`late_time.rs`);
//! - `/etc/rancher/k3s/resolv.conf`, the name servers of pods (`resolv_conf.rs`);
//! - what a backup holds, where the server is to go on with it, and `restore-k3s` where that is a snapshot of etcd
//!   (`restore.rs`);
//! - a word to NetworkManager about the links k3s makes and the wire below it (`network_manager.rs`).
//!
//! k3s-killall.sh and k3s-uninstall.sh, which the installer writes as well, are its authors' scripts and
//! not ours to carry; whoever wants them runs the installer.

mod bundle;
mod certificates;
mod config;
mod error;
mod install;
mod kube_vip;
mod late_time;
mod manifests;
mod network_manager;
mod node_password;
mod registries;
mod resolv_conf;
mod restore;
mod service;
mod token;
pub(crate) mod yaml;

pub use bundle::{Artifacts, write_artifacts};
pub use error::K3sError;
pub use restore::{Restored, restore};

pub use crate::first_start::STATUS_FILE;

use crate::cluster::{Cluster, Install, K3s, Node, NodeK3s};
use crate::identity::ClusterSecret;
use crate::patch::Draft;
use crate::types::{Architecture, ImagePath};
use serde_json::{Map, Value};

/// The words that k3s needs in cmdline.txt: the firmware switches the memory cgroup off to save memory, and the
/// kubelet does not start without it.
///
/// The first word is what switches it on again (raspberrypi/linux issue 6980); the second is what kernels
/// before it asked for, and means nothing to later ones.
pub const CMDLINE_WORDS: [&str; 2] = ["cgroup_enable=memory", "cgroup_memory=1"];

/// The shared part of all scripts here, after the beginning of every first start.
const FIRST_START: &str = include_str!("first-start.sh");

/// The system of a node, as far as k3s has to know it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Host<'a> {
    /// The mount point of the boot partition: `/boot/firmware`.
    pub boot_mount: &'a str,
    /// The architecture of its programs.
    pub architecture: Architecture,
    /// NetworkManager is installed.
    pub network_manager: bool,
}

/// A server or agent of a cluster, with all that its files are made from.
struct Target<'a> {
    cluster: &'a Cluster,
    k3s: &'a K3s,
    node: &'a Node,
    /// The node's `k3s:` of nodes.yaml.
    own: &'a NodeK3s,
    host: Host<'a>,
    secret: &'a ClusterSecret,
}

impl Target<'_> {
    /// Writes a YAML file of k3s, which may hold secrets.
    fn write_yaml(
        &self,
        draft: &mut Draft<'_>,
        path: &ImagePath,
        keys: &Map<String, Value>,
    ) -> Result<(), K3sError> {
        let failed = |error: yaml::Error| K3sError::Yaml {
            file: path.name().to_owned(),
            node: self.node.name.to_string(),
            reason: error.to_string(),
        };
        Ok(draft.secret(path, yaml::document(keys).map_err(failed)?)?)
    }
}

/// Writes everything but the [`Artifacts`] that makes `node` a k3s server or agent; nothing where it is neither.
///
/// The words for cmdline.txt are [`CMDLINE_WORDS`], which whoever knows that file adds.
///
/// # Errors
/// When the stock image cannot be read or has something in the way, and when the download could not be
/// trusted.
pub fn configure(
    draft: &mut Draft<'_>,
    cluster: &Cluster,
    node: &Node,
    k3s: &K3s,
    host: &Host<'_>,
    secret: &ClusterSecret,
) -> Result<(), K3sError> {
    let Some(own) = &node.k3s else { return Ok(()) };
    let target = &Target { cluster, k3s, node, own, host: *host, secret };
    config::write(draft, target)?;
    resolv_conf::write(draft, target)?;
    if cluster.joined_by(node).is_none() {
        certificates::write(draft, target)?;
        manifests::write(draft, target)?;
    }
    registries::write(draft, target)?;
    node_password::write(draft, target)?;
    if host.network_manager {
        network_manager::write(draft, node)?;
    }
    late_time::write(draft, target)?;
    match &k3s.install {
        Install::Download { base_url, sha256_arm64, sha256_armhf } => {
            let sha256 = match host.architecture {
                Architecture::Arm64 => *sha256_arm64,
                Architecture::Armhf => *sha256_armhf,
            };
            service::write(draft, own.role, install::DROP_IN)?;
            install::write(draft, target, base_url, sha256)
        }
        Install::Published | Install::Bundled { .. } => {
            service::write(draft, own.role, bundle::DROP_IN)?;
            bundle::wait_at_first_start(draft, target)
        }
    }
}

#[cfg(test)]
mod tests;
