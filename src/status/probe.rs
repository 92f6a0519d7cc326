//! The questions that a node and its servers are asked, and the answers to them.

use super::facts::Facts;
use super::kubernetes::KubernetesNode;
use crate::cluster::Node;

/// The answer of a node's address to a connection to the port of ssh.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reach {
    /// Something accepts connections.
    Open,
    /// Something is there and refuses them.
    Refused,
    /// Nothing is there, or nobody knows the name. The reason is a clause.
    Nothing(String),
}

/// The reason why ssh did not get in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LoginFailure {
    /// The machine has another host key than the node: its fingerprint, where it has one of the kind of ours.
    OtherKey {
        /// `SHA256:` and the digest in base64, as `ssh-keygen -l` prints it.
        key: Option<String>,
        /// The hardware address behind the address, where this machine knows it.
        hardware: Option<String>,
    },
    /// It is the node, and no key of the user is accepted.
    Refused,
    /// Anything else, such as a connection that ended. The reason is a clause.
    Other(String),
}

/// The reason why the API of a server did not answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ApiFailure {
    /// Its certificate is by another authority.
    OtherAuthority,
    /// Its certificate is not valid yet, or any more.
    CertificateTime,
    /// It does not accept the certificate of the kubeconfig.
    Refused(u16),
    /// Anything else, such as a server that is not there yet. The reason is a clause.
    Other(String),
}

/// Asks. Each question ends by itself after some seconds, whatever answers.
pub trait Probe: Send + Sync {
    /// Looks for a machine at the address or the name of a node.
    fn reach(&self, node: &Node) -> Reach;

    /// Logs in at a node and gathers its facts.
    ///
    /// # Errors
    /// Says why not.
    fn facts(&self, node: &Node) -> Result<Facts, LoginFailure>;

    /// Asks the API of a server for the nodes of the cluster.
    ///
    /// # Errors
    /// Says why it does not answer.
    fn nodes(&self, server: &Node) -> Result<Vec<KubernetesNode>, ApiFailure>;
}
