//! The pipeline: nodes.yaml and a stock image in, one image per node out.
//!
//! ```text
//! nodes.yaml ──▶ Cluster ┐
//! cluster.secret ──▶ keys ├─plan─▶ Patch per node ─apply─▶ Layer ─write─▶ north.img.xz …
//! stock image ──▶ System ┘                                 above the base layer
//! ```
//!
//! [`open_image`] and [`OpenedImage`] open a stock image; a [`Session`] joins it with a cluster and its secret, and
//! plans, builds and verifies. [`inspect`] and [`check`] need no secret.

mod build;
mod cards;
mod changes;
mod check;
mod commands;
mod image_names;
pub mod inspect;
mod merge;
mod outputs;
mod own_secret;
mod page;
mod plans;
mod prune;
mod session;
mod shard;
pub mod verify;

pub use crate::types::{Progress, Silent};
pub use build::{BuildOptions, Built, BuiltImage, Imager, all_threads};
pub use cards::{CardDisk, Cards, card_record, is_outdated};
pub use changes::{NodeChange, NodeState, Undertaking};
pub use check::{Checked, check};
pub use commands::Commands;
pub use merge::{MergeError, Merged, merge};
pub use outputs::{Occupant, OccupiedOutputs, check_outputs, check_strangers, image_path};
pub use own_secret::{MadeWith, SecretMismatch, begin_new_cluster, check_secret};
pub use plans::Plans;
pub use session::{OpenedImage, Session};
pub use shard::Shard;

use crate::access::AccessError;
use crate::artifacts::ArtifactError;
use crate::backup::BackupError;
use crate::base_layer::BaseLayerError;
use crate::cache;
use crate::cluster::{CannotRejoin, Cluster, ImageSource, InvalidCluster, Node};
use crate::demo;
use crate::fetch::{FetchError, Fetched};
use crate::flash::FlashError;
use crate::github_keys::GithubKeysError;
use crate::identity::{ClusterSecret, Creation, IdentityError};
use crate::io::ownership;
use crate::output::OutputError;
use crate::patch::PatchError;
use crate::pins::PinError;
use crate::plan::PlanError;
use crate::raspios::RaspiosError;
use crate::stock_image::{StockImage, StockImageError};
use crate::stock_system::StockSystemError;
use crate::types::similar::most_similar;
use crate::types::{Warning, errors, shell};
use crate::upgrade::UpgradeError;
use std::path::{Path, PathBuf};

errors! {
    /// An error of the pipeline.
    #[derive(Debug, thiserror::Error)]
    pub enum Error {
        /// The stock image could not be downloaded.
        #[error(transparent)]
        Fetch(#[from] FetchError),
        /// Files that nodes.yaml names without an address could not be found or pinned.
        #[error(transparent)]
        Pins(#[from] PinError),
        /// An image by its name, in a cluster that its pins were not applied to.
        #[error("which file `{name}` is was not looked up")]
        NotPinned { name: String } => "Run `cardwright fetch` once with a connection; in a program, call `pins::settle` and `pins::apply` first",
        /// Keys of users could not be fetched.
        #[error(transparent)]
        Keys(#[from] GithubKeysError),
        /// The stock image could not be opened.
        #[error(transparent)]
        Disk(#[from] StockImageError),
        /// The stock image is not what it should be.
        #[error("{image}: {source}")]
        StockImage { image: String, source: StockSystemError } => source.hint(),
        /// The cluster secret could not be had.
        #[error(transparent)]
        Identity(#[from] IdentityError),
        /// nodes.yaml asks for what the stock image does not give.
        #[error("{} does not fit the stock image", .0.file.display())]
        Unfit(Box<InvalidCluster>),
        /// A node could not be planned.
        #[error("planning node `{node}`: {source}")]
        Plan { node: String, source: PlanError } => source.hint(),
        /// The part that all nodes have in common could not be planned.
        #[error("planning what all nodes get: {0}")]
        PlanCommon(PlanError),
        /// The artifacts for the images are not available.
        #[error(transparent)]
        Artifacts(#[from] ArtifactError),
        /// A backup could not be made, or not be put onto a card.
        #[error(transparent)]
        Backup(#[from] BackupError),
        /// The base layer of all images could not be made.
        #[error(transparent)]
        BaseLayer(#[from] BaseLayerError),
        /// A patch could not be applied.
        #[error("writing node `{node}`: {source}")]
        Apply { node: String, source: PatchError } => source.hint(),
        /// The owner's means of access could not be made.
        #[error(transparent)]
        AccessFiles(#[from] AccessError),
        /// Something else is in the place of a result.
        #[error(transparent)]
        Occupied(#[from] OccupiedOutputs),
        /// Files were made with another secret than the one at hand.
        #[error(transparent)]
        OtherSecret(#[from] SecretMismatch),
        /// A result could not be written.
        #[error(transparent)]
        Output(#[from] OutputError),
        /// Shards of a build could not be merged.
        #[error(transparent)]
        Merge(#[from] MergeError),
        /// A card could not be written.
        #[error(transparent)]
        Flash(#[from] FlashError),
        /// A running node could not be upgraded.
        #[error(transparent)]
        Upgrade(#[from] UpgradeError),
        /// An image is another one than a list beside it says.
        #[error("{} is not the image that {list} beside it speaks of", image.display())]
        DamagedImage { image: PathBuf, list: &'static str }
            => "Build it again with `cardwright build`; where you changed it yourself, move it into a folder of its own",
        /// The caller's sink did not take an image.
        #[error("writing the image failed: {0}")]
        Sink(std::io::Error),
        /// An image that is to be read back could not be.
        #[error(transparent)]
        Check(#[from] PatchError),
        /// The record of being a card could not be read.
        #[error(transparent)]
        CardRecord(#[from] RaspiosError),
        /// A node cannot be made to rejoin its cluster.
        #[error(transparent)]
        Rejoin(#[from] CannotRejoin),
        /// nodes.yaml has no node of that name, but others.
        #[error("there is no node `{name}` in the cluster `{cluster}`")]
        NoSuchNode { name: String, cluster: String, known: Vec<String> } => {
                let similar = most_similar(name, known.iter().cloned());
                let meant = similar.first().map(|node| format!("Did you mean `{node}`? "));
                format!("{}Its nodes are {}", meant.as_deref().unwrap_or(""), known.join(", "))
            },
        /// An image that is to be verified does not say which node it is for.
        #[error("{} does not say which node it was made for", image.display())]
        NotACard { image: PathBuf } => "Name the node with `--node`, or give an image that cardwright made",
    }
}

/// Returns the warning that others may put files of theirs into a folder that secrets are written to.
pub fn writable_warning(folder: &Path) -> Option<Warning> {
    let mode = ownership::mode_if_others_may_write(folder)?;
    Some(Warning {
        message: format!(
            "other users of this machine may replace what is in {}: its mode is {mode:04o}",
            folder.display()
        ),
        hint: Some(format!("Run `chmod go-w {}`", shell::word(&folder.display().to_string()))),
    })
}

/// Opens the stock image that a cluster names. What is compressed is decompressed, as far as it is needed, into an
/// anonymous file in `scratch`. Downloads, and what saves work on the next run, are kept in `cache`.
///
/// The SHA-256 is computed in the background: [`Session::build`] waits for it; call [`OpenedImage::verify`] before
/// trusting the contents otherwise.
///
/// # Errors
/// When it cannot be had, is damaged, or has another hash than the one pinned.
pub fn open_image(
    source: &ImageSource,
    scratch: &Path,
    cache: Option<&Path>,
    progress: &dyn Progress,
) -> Result<StockImage, Error> {
    let open = |path: &Path, sha256| match cache {
        Some(cache) => StockImage::open_cached(path, sha256, scratch, cache),
        None => StockImage::open(path, sha256, scratch),
    };
    match source {
        ImageSource::Demo => Ok(demo::open()?),
        ImageSource::Named(name) => Err(Error::NotPinned { name: name.to_string() }),
        ImageSource::File(location) => {
            let Fetched { path, hold, trouble } = location.fetch(cache, scratch, progress)?;
            if let Some(error) = trouble {
                progress.warning(cache::cache_warning(&error));
            }
            // A download is checked once more: the cache is only a folder, and anything may have happened to it.
            Ok(open(&path, location.sha256())?.keeping(hold))
        }
    }
}

/// Returns the name of a cluster's stock image in messages.
pub fn image_name(cluster: &Cluster) -> String {
    match &cluster.image {
        ImageSource::Demo => "the demo image".to_owned(),
        ImageSource::Named(name) => name.to_string(),
        ImageSource::File(location) => location.to_string(),
    }
}

/// Opens the secret of a cluster, which is beside its nodes.yaml, and whether it was made just now.
///
/// # Errors
/// When it is missing and `creation` is forbidden, cannot be read, or is none.
pub fn open_secret(cluster: &Cluster, creation: Creation) -> Result<(ClusterSecret, bool), Error> {
    let path = secret_path(cluster);
    let environment = std::env::var(crate::identity::SECRET_ENVIRONMENT_VARIABLE).ok();
    Ok(ClusterSecret::obtain(&path, creation, environment.as_deref())?)
}

/// Opens the secret of a cluster, where there is one already. None is made.
///
/// # Errors
/// Fails when it cannot be read, or is none.
pub fn existing_secret(cluster: &Cluster) -> Result<Option<ClusterSecret>, Error> {
    match open_secret(cluster, Creation::Forbidden) {
        Ok((secret, _)) => Ok(Some(secret)),
        Err(Error::Identity(IdentityError::Missing { .. })) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Returns the path of the secret of a cluster.
pub fn secret_path(cluster: &Cluster) -> PathBuf {
    cluster.source.with_file_name("cluster.secret")
}

/// Returns the node of that name.
///
/// # Errors
/// When there is none; says which there are.
pub fn named_node<'cluster>(cluster: &'cluster Cluster, name: &str) -> Result<&'cluster Node, Error> {
    cluster.node(name).ok_or_else(|| Error::NoSuchNode {
        name: name.to_owned(),
        cluster: cluster.name.to_string(),
        known: cluster.nodes.iter().map(|node| node.name.to_string()).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A node may be called `all`.
    #[test]
    fn what_all_nodes_get_is_not_said_of_a_node() {
        let source = PlanError::Identity(IdentityError::MalformedVariable);
        let said = Error::PlanCommon(source).to_string();
        assert!(said.starts_with("planning what all nodes get: ") && !said.contains("node `"), "{said}");
    }
}
