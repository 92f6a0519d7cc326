//! The errors of upgrading nodes.

use crate::access::AccessError;
use crate::artifacts::ArtifactError;
use crate::cluster::K3sVersion;
use crate::types::{Architecture, errors};
use std::io;

errors! {
    /// An error of upgrading k3s on running nodes.
    #[derive(Debug, thiserror::Error)]
    pub enum UpgradeError {
        /// There is nothing to upgrade.
        #[error("the cluster `{cluster}` has no k3s")]
        NoK3s { cluster: String } => "Add `k3s:` to nodes.yaml, and build",
        /// No login.
        #[error(transparent)]
        Access(#[from] AccessError),
        /// The files of k3s are not available.
        #[error(transparent)]
        Artifacts(#[from] ArtifactError),
        /// Nobody said which file the program is.
        #[error("the SHA-256 of `k3s-{architecture}` {version} is not known")]
        NotPinned { architecture: Architecture, version: K3sVersion }
            => "Run `cardwright fetch` with a connection, which pins it; or name it under `install:` of `k3s:`",
        /// A command on a node failed. `said` is what ssh or the node printed last.
        #[error("node `{node}`: {doing} failed: {said}")]
        Command { node: String, doing: &'static str, said: String }
            => format!("See that `cardwright ssh {node}` logs in, and run the same command again: it goes on with the nodes that are left"),
        /// ssh could not be talked to.
        #[error("node `{node}`: {doing} failed: {source}")]
        Pipe { node: String, doing: &'static str, source: io::Error }
            => format!("See that `cardwright ssh {node}` logs in, and run the same command again: it goes on with the nodes that are left"),
        /// A node whose user may not become root without a password.
        #[error("node `{node}`: sudo asks for a password, and nobody is there to type it")]
        Sudo { node: String } => "Write `sudo: nopasswd` under `user:` for the nodes of a cluster that is upgraded from here, or upgrade by `--manifest`",
        /// A node without k3s.
        #[error("node `{node}` has no k3s yet")]
        NotInstalled { node: String } => format!("`cardwright logs {node}` shows how far its first start is"),
        /// A node whose k3s does not run.
        #[error("node `{node}` has a k3s that does not say its version: it does not run")]
        Broken { node: String }
            => format!("`cardwright ssh {node} k3s --version` shows why. Where there is one, /usr/local/bin/k3s.old is the program from before: put it back with `cardwright ssh {node} sudo cp /usr/local/bin/k3s.old /usr/local/bin/k3s`"),
        /// A node that answered something else than a version.
        #[error("node `{node}` says that its k3s is `{said}`, which is no version")]
        NoVersion { node: String, said: String } => format!("`cardwright ssh {node} k3s --version` shows what it says"),
        /// A node has a newer k3s than nodes.yaml names.
        #[error("node `{node}` has k3s {found}, and nodes.yaml wants the older {wanted}")]
        GoesBack { node: String, found: K3sVersion, wanted: K3sVersion }
            => format!("Write `version: {found}`, or a later one, under `k3s:`: a datastore that a newer k3s has written is not for an older one"),
        /// A minor version would be left out.
        #[error("node `{node}` has k3s {found}, and from there to {wanted} a minor version would be left out")]
        LeavesOut { node: String, found: K3sVersion, wanted: K3sVersion } => {
            let [major, minor, ..] = found.numbers();
            minor.checked_add(1).map(|next| format!("Upgrade one minor version at a time: first to a `version:` that begins with `v{major}.{next}.`"))
        },
        /// An agent would become newer than a server.
        #[error("agent `{agent}` would become newer than server `{server}`, which has k3s {found}")]
        ServersFirst { agent: String, server: String, found: K3sVersion }
            => "Upgrade the servers first, or name no nodes: all are upgraded then, in their order",
        /// A node that did not come back.
        #[error("node `{node}` is not ready with k3s {wanted} after {seconds} s: {said}")]
        NotReady { node: String, wanted: K3sVersion, seconds: u64, said: String }
            => format!("`cardwright logs {node}` shows why. The nodes after it were left alone; the program from before is /usr/local/bin/k3s.old on it. When it is ready, run the same command again"),
    }
}
