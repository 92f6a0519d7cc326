//! Errors of planning k3s.

use crate::cluster::CaStartYear;
use crate::identity::IdentityError;
use crate::patch::PatchError;
use crate::systemd::UnitError;
use crate::types::{Architecture, InvalidPath, errors};

errors! {
    /// An error of planning k3s for a node.
    #[derive(Debug, thiserror::Error)]
    pub enum K3sError {
        /// The stock image could not be read, or has something in the way.
        #[error(transparent)]
        Patch(#[from] PatchError),
        /// A systemd unit cannot be written or enabled.
        #[error(transparent)]
        Unit(#[from] UnitError),
        /// A path that is none.
        #[error(transparent)]
        Path(#[from] InvalidPath),
        /// A certificate or a key could not be made.
        #[error(transparent)]
        Identity(#[from] IdentityError),
        /// The certificate authorities end before the card is switched on.
        #[error("the certificate authorities, counted from {ca_start_year}, end before the stock image of `{node}` was made")]
        Expired { node: String, ca_start_year: CaStartYear }
            => "Give this year as `ca_start_year:` under `k3s:`, and make all cards of the cluster again",
        /// A node is to join a cluster that has no server.
        #[error("`{node}` has no server to join: no node has `k3s: server`")]
        NoServer { node: String } => "Give one node `k3s: server`",
        /// The pods of a node could reach none of its name servers.
        #[error("the pods of `{node}` can reach none of its name servers")]
        NoNameServer { node: String }
            => "Name one under `dns:` that is neither link-local nor the machine itself, or a file of your own as `resolv-conf` under k3s's `config:`",
        /// A download that anybody on the way could replace.
        #[error("cannot download k3s from `{base_url}` safely: it is not https, and no sha256 of `k3s-{architecture}` is given")]
        UntrustedDownload { base_url: String, architecture: Architecture }
            => format!("Use an `https://` address, or give the digest of the file under `install: {{download: {{sha256: {{{architecture}: …}}}}}}`"),
        /// A value of nodes.yaml that cannot be written as YAML.
        #[error("cannot write {file} of `{node}`: {reason}")]
        Yaml { file: String, node: String, reason: String }
            => "Look at the values under `config:` and `registries:` in nodes.yaml",
    }
}
