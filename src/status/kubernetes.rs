//! A node as Kubernetes sees it.

use crate::types::UnixTime;

/// A node as Kubernetes sees it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct KubernetesNode {
    /// Its name, which is that of nodes.yaml.
    pub name: String,
    /// Whether its kubelet says that it takes pods.
    pub ready: bool,
    /// The reason why it does not.
    pub message: Option<String>,
    /// The version of its kubelet, which is that of k3s.
    pub version: Option<String>,
    /// The time at which it joined.
    pub created: Option<UnixTime>,
    /// The conditions of pressure: `MemoryPressure`, `DiskPressure`, `PIDPressure`.
    pub pressures: Vec<String>,
}
