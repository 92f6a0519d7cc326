//! The errors of making access files.

use crate::identity::IdentityError;
use crate::io::FileError;
use crate::types::errors;
use std::io;
use std::path::PathBuf;

errors! {
    /// An error of making the access files.
    #[derive(Debug, thiserror::Error)]
    pub enum AccessError {
        /// A key or certificate could not be made.
        #[error(transparent)]
        Identity(#[from] IdentityError),
        /// ssh_config cannot hold the path of a file. The reason is a clause.
        #[error("ssh_config cannot name the file `{}`: {reason}", path.display())]
        Path { path: PathBuf, reason: &'static str }
            => "Rename the folder, or choose another one for the results, with `dir:` under `output:` or `--output`",
        /// A file of the results is needed that is not there.
        #[error("there is no {} yet", path.display())]
        NotBuilt { path: PathBuf } => "Run `cardwright build` first; where it wrote into another folder, name that with `--output`",
        /// The results are older than a node.
        #[error("{} does not lead to node `{node}`", path.display())]
        NoWay { path: PathBuf, node: String } => "nodes.yaml has changed since the last build: run `cardwright build` once more",
        /// OpenSSH's client could not be started.
        #[error("cannot run `ssh`: {source}")]
        Ssh { source: io::Error }
            => "Install OpenSSH's client (`sudo apt install openssh-client`), or see that its folder is in PATH",
        /// There is no kubeconfig to be had.
        #[error("the cluster `{cluster}` has no k3s, and so no kubeconfig")]
        NoK3s { cluster: String } => "Add `k3s:` to nodes.yaml, and build",
        /// A file is not what kubectl takes. The reason is a clause.
        #[error("{} is not a kubeconfig: {reason}", path.display())]
        NotAKubeconfig { path: PathBuf, reason: String } => "Correct the file, or name another with `--into`",
        /// The kubeconfig of the results does not hold what `build` writes.
        #[error("{} has no context `{context}` that is complete", path.display())]
        ChangedKubeconfig { path: PathBuf, context: String } => "Move it away, and run `cardwright build` once more",
        /// The user's kubeconfig has something else under a name of ours.
        #[error("{} has a {entry} `{name}` already, and it is another cluster's", path.display())]
        OtherCluster { path: PathBuf, entry: &'static str, name: String }
            => "Nothing was changed. Rename it in that file, merge into another with `--into`, or replace it with `--force`",
        /// The kubeconfig of the results was named as the user's.
        #[error("{} is the cluster's own kubeconfig", path.display())]
        IntoItself { path: PathBuf } => "Name your own file with `--into`, or unset KUBECONFIG",
        /// Another program is changing the user's kubeconfig, or one was killed while it did.
        #[error("another program is changing the kubeconfig: there is {}", lock.display())]
        Locked { lock: PathBuf } => "Try again; where no program is at work, remove that file",
        /// The environment does not say where the user's kubeconfig is.
        #[error("there is no place for your kubeconfig: the environment names no home")]
        NoHome => "Name the file with `--into`",
        /// A file could not be read or written.
        #[error(transparent)]
        File(FileError as error) => "See that you may read and write it, and what is beside it",
        /// Those of a shard could not be read.
        #[error(transparent)]
        Read(#[from] FileError as error) => "Copy the whole folder that `build --shard` wrote",
    }
}
