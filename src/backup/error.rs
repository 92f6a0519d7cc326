//! Errors of making backups, and of restoring them.

use crate::access::AccessError;
use crate::cluster::K3sVersion;
use crate::identity::IdentityError;
use crate::io::FileError;
use crate::types::errors;
use std::io;
use std::path::PathBuf;

errors! {
    /// An error of making a backup, or of putting one onto a card.
    #[derive(Debug, thiserror::Error)]
    pub enum BackupError {
        /// Something else than a backup is where one is to be written.
        #[error("{} is there already, and is no backup", path.display())]
        Occupied { path: PathBuf } => "Name a file that is not there yet",
        /// Nobody can log in at the node.
        #[error(transparent)]
        Access(#[from] AccessError),
        /// There is no randomness for a salt.
        #[error(transparent)]
        Identity(#[from] IdentityError),
        /// The file could not be written.
        #[error(transparent)]
        Write(#[from] FileError as error) => "Make room, or name another place with `--to`",
        /// There is no server at all.
        #[error("the cluster `{cluster}` has no k3s server that a backup could be made of")]
        NoServer { cluster: String } => "What is on cards without k3s is made from nodes.yaml and cluster.secret: keep those",
        /// A node that is no server has nothing to be kept.
        #[error("`{node}` is no k3s server: there is nothing on it that a backup would hold")]
        NotAServer { node: String, first: Option<String> }
            => first.as_ref().map(|first| format!("The cluster is on its servers: `{first}`")),
        /// ssh or the script on the node failed before it said why.
        #[error("there is no backup of `{node}`: ssh ended with {status}")]
        NoAnswer { node: String, status: std::process::ExitStatus }
            => format!("See that `cardwright ssh {node}` lets you in and `sudo -n true` works there: where sudo asks for a password, set `sudo: nopasswd` under `user:`, or log in as root"),
        /// The script on the node said why it failed. The reason is a sentence.
        #[error("there is no backup of `{node}`: {reason}")]
        Refused { node: String, reason: String } => format!("Look at the node: `cardwright logs {node}`"),
        /// The node broke off, or sent something else.
        #[error("there is no backup of `{node}`: what it sent {reason}")]
        Broken { node: String, reason: String } => "Try again: what was sent until then is gone, and an older backup stays",
        /// A backup could not be read.
        #[error("cannot read the backup {}: {source}", path.display())]
        Unreadable { path: PathBuf, source: io::Error } => "Check the path after `--restore` or `restore:`",
        /// Something else than a backup.
        #[error("{} is not a backup of cardwright's", path.display())]
        NotABackup { path: PathBuf } => "Name a file that `cardwright backup` wrote",
        /// A later version of the file.
        #[error("the backup {} is of version {version}, and this cardwright knows version 1", path.display())]
        Later { path: PathBuf, version: String } => "Use the cardwright that made it, or a later one",
        /// The secret of another cluster.
        #[error("the backup {} is encrypted to the secret {theirs} of the cluster `{cluster}`, and the secret here is {ours}", path.display())]
        OtherSecret { path: PathBuf, cluster: String, theirs: String, ours: String }
            => "Put back the cluster.secret that the cluster was built with, or name a backup of this cluster",
        /// Not a byte of it may have changed.
        #[error("the backup {} is damaged or was cut: its {what}", path.display())]
        Damaged { path: PathBuf, what: &'static str } => "Take another copy of it, or an older backup; nothing of it was used",
        /// The node that it was made of is not in nodes.yaml.
        #[error("the backup {} is of node `{node}`, and nodes.yaml has no such node", path.display())]
        NoSuchNode { path: PathBuf, node: String } => "Name the node as it was called, or take a backup of another",
        /// The backup of another node.
        #[error("the backup {} is of node `{theirs}`, and not of `{node}`", path.display())]
        OtherNode { path: PathBuf, theirs: String, node: String }
            => format!("Name a backup that `cardwright backup {node}` made"),
        /// A node that joins a cluster.
        #[error("`{node}` joins the cluster through `{server}`, and takes nothing from a backup")]
        Joins { node: String, server: String }
            => format!("Restore it at the first server; where the cluster goes on without `{node}`, build it with `--rejoin {node}` alone"),
        /// An older k3s does not know what a newer one wrote.
        #[error("the backup {} was made with k3s {theirs}, and nodes.yaml has the older {ours}", path.display())]
        OlderK3s { path: PathBuf, theirs: K3sVersion, ours: K3sVersion }
            => format!("Set `version: {theirs}` under `k3s:`, or a later one"),
        /// The token by which the datastore is encrypted is not the one that cards have.
        #[error("the token of the cluster in {} is not the one that its secret gives", path.display())]
        OtherToken { path: PathBuf }
            => "It was changed on the server (`k3s token rotate`), and no card made here knows it: change it back there, and make the backup again",
    }
}
