//! The road: nodes.yaml and a stock image in, one image per node out.
//!
//! ```text
//! nodes.yaml ──▶ Cluster ┐
//! cluster.secret ──▶ keys ├─plan─▶ Patch per node ─apply─▶ Layer ─emit─▶ north.img …
//! stock image ──▶ Base ──┘                                  above the Foundation
//! ```

use crate::base::{Base, BaseError, Understanding};
use crate::cluster::{Cluster, ImageSource, Node};
use crate::demo;
use crate::disk::{ByteCount, DiskError, ReadAt, StockImage};
use crate::emit::{self, EmitError, PendingFile, RawTarget};
use crate::fetch::{self, FetchError};
use crate::foundation::{Extent, Foundation, FoundationError};
use crate::hint::Hint;
use crate::identity::{ClusterSecret, Creation, IdentityError};
use crate::patch::{Patch, PatchError};
use crate::payload::{self, PayloadError};
use crate::plan::{self, Ground, PlanError};
use crate::raspios::RaspiosError;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;

/// An error somewhere on the road.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The stock image could not be downloaded.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// The stock image could not be opened.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// The stock image is not what it should be.
    #[error("{image}: {source}")]
    Base {
        /// Which image.
        image: String,
        /// Why.
        source: BaseError,
    },
    /// The cluster secret could not be had.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// A node could not be planned.
    #[error("planning node `{node}`: {source}")]
    Plan {
        /// Which node.
        node: String,
        /// Why.
        source: PlanError,
    },
    /// What is to be put inside the cards could not be had.
    #[error(transparent)]
    Payload(#[from] PayloadError),
    /// What all cards stand on could not be made.
    #[error(transparent)]
    Foundation(#[from] FoundationError),
    /// A patch could not be applied.
    #[error("writing node `{node}`: {source}")]
    Apply {
        /// Which node.
        node: String,
        /// Why.
        source: PatchError,
    },
    /// A result could not be written.
    #[error(transparent)]
    Emit(#[from] EmitError),
    /// An image that is to be read back could not be.
    #[error(transparent)]
    Check(#[from] PatchError),
    /// The record of being a card could not be read.
    #[error(transparent)]
    Card(#[from] RaspiosError),
    /// nodes.yaml has no node of that name.
    #[error("there is no node `{name}` in the cluster `{cluster}`")]
    NoSuchNode {
        /// Which name.
        name: String,
        /// In which cluster.
        cluster: String,
        /// The names it has.
        known: Vec<String>,
    },
    /// An image that is to be verified does not say which node it is for.
    #[error("{} does not say which node it was made for", image.display())]
    NotACard {
        /// Which image.
        image: PathBuf,
    },
}

impl Hint for Error {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Fetch(error) => error.hint(),
            Self::Disk(error) => error.hint(),
            Self::Base { source, .. } => source.hint(),
            Self::Identity(error) => error.hint(),
            Self::Plan { source, .. } => source.hint(),
            Self::Payload(error) => error.hint(),
            Self::Foundation(error) => error.hint(),
            Self::Apply { source, .. } | Self::Check(source) => source.hint(),
            Self::Emit(error) => error.hint(),
            Self::Card(error) => error.hint(),
            Self::NoSuchNode { known, .. } => Some(format!("Its nodes are {}", known.join(", "))),
            Self::NotACard { .. } => {
                Some("Name the node with `--node`, or give an image that cardwright made".to_owned())
            }
        }
    }
}

/// What the caller wants to hear while the road is walked.
pub trait Progress: Sync {
    /// A download goes on: bytes so far, and all of them where that is known.
    fn downloading(&self, done: ByteCount, total: Option<ByteCount>);
    /// More bytes of every image are written.
    fn writing(&self, more: ByteCount, total: ByteCount);
}

/// For callers who want to hear nothing.
pub struct Silent;

impl Progress for Silent {
    fn downloading(&self, _done: ByteCount, _total: Option<ByteCount>) {}
    fn writing(&self, _more: ByteCount, _total: ByteCount) {}
}

/// Opens the stock image that a cluster names. What cannot be read at random is unpacked once, into a
/// nameless file in `scratch`.
///
/// # Errors
/// When it cannot be had, is damaged, or has another hash than the one pinned.
pub fn open_image(
    source: &ImageSource,
    scratch: &Path,
    progress: &dyn Progress,
) -> Result<StockImage, Error> {
    match source {
        ImageSource::Demo => Ok(demo::open()?),
        ImageSource::Path { path, sha256 } => Ok(StockImage::open(path, *sha256, scratch)?),
        ImageSource::Url { url, sha256 } => {
            let cache = fetch::cache_folder().unwrap_or_else(|| scratch.to_owned());
            let mut tell =
                |done, total: Option<u64>| progress.downloading(ByteCount(done), total.map(ByteCount));
            let path = fetch::fetch(url, *sha256, &cache, &mut tell)?;
            // Checked once more: the cache is only a folder, and anything may have happened to it.
            Ok(StockImage::open(&path, Some(*sha256), scratch)?)
        }
    }
}

/// Finds out what a stock image holds. `name` is what errors call it.
///
/// # Errors
/// When it is no stock image of a known release.
pub fn open_base(image: Arc<dyn ReadAt>, name: &str, understanding: Understanding) -> Result<Base, Error> {
    Base::open(image, understanding).map_err(|source| Error::Base { image: name.to_owned(), source })
}

/// The secret of a cluster, which lives beside its nodes.yaml, and whether it was made just now.
///
/// # Errors
/// When it is missing and `creation` is forbidden, cannot be read, or is none.
pub fn open_secret(cluster: &Cluster, creation: Creation) -> Result<(ClusterSecret, bool), Error> {
    let path = secret_path(cluster);
    let environment = std::env::var(crate::identity::SECRET_ENVIRONMENT_VARIABLE).ok();
    Ok(ClusterSecret::obtain(&path, creation, environment.as_deref())?)
}

/// Where the secret of a cluster is kept.
pub fn secret_path(cluster: &Cluster) -> PathBuf {
    cluster.source.with_file_name("cluster.secret")
}

/// What is to be done for every node of a cluster.
pub struct Plans<'cluster> {
    /// How large cards are.
    pub extent: Extent,
    /// What the patches of all nodes begin with.
    pub common: Patch,
    /// The whole patch of every node, in the order of nodes.yaml.
    pub nodes: Vec<(&'cluster Node, Patch)>,
}

impl Plans<'_> {
    /// The patch of the node of that name.
    pub fn of(&self, node: &Node) -> Option<&Patch> {
        self.nodes.iter().find(|(planned, _)| planned.name == node.name).map(|(_, patch)| patch)
    }
}

/// Plans every node.
///
/// # Errors
/// When the stock image lacks something that nodes.yaml asks for, when what is to be put inside the cards
/// cannot be had, or does not fit.
pub fn plan_cluster<'cluster>(
    base: &Base,
    cluster: &'cluster Cluster,
    secret: &ClusterSecret,
    progress: &dyn Progress,
) -> Result<Plans<'cluster>, Error> {
    let payload = match &cluster.k3s {
        Some(k3s) => {
            let cache = fetch::cache_folder().unwrap_or_else(|| cluster.output.folder.clone());
            let binary = plan::host(&base.release).binary;
            payload::open(k3s, binary, &cache, &|done, total| progress.downloading(done, total))?
        }
        None => None,
    };
    let ground = Ground {
        cluster,
        secret,
        release: &base.release,
        stock: &base.disk.files,
        time: base.time,
        payload: payload.as_ref(),
    };
    let failed = |node: &Node, source| Error::Plan { node: node.name.to_string(), source };
    let mut nodes = Vec::new();
    for node in &cluster.nodes {
        nodes.push((node, plan::plan(&ground, node).map_err(|source| failed(node, source))?));
    }
    let common = plan::common(&ground).map_err(|source| Error::Plan { node: "all".to_owned(), source })?;
    let extent = Extent::decide(base, cluster.grow, nodes.iter().map(|(_, patch)| patch))?;
    Ok(Plans { extent, common, nodes })
}

/// How a build is to be done.
#[derive(Debug, Clone, Copy)]
pub struct BuildOptions {
    /// How many threads write; the results do not depend on it.
    pub threads: usize,
}

impl Default for BuildOptions {
    fn default() -> Self {
        Self { threads: thread::available_parallelism().map_or(1, usize::from) }
    }
}

/// What a build made.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Built {
    /// One image per node, in the order of nodes.yaml.
    pub images: Vec<BuiltImage>,
    /// The checksums of all of them.
    pub checksums: PathBuf,
    /// The private key to log in with, where nodes.yaml names no public one.
    pub login_key: Option<PathBuf>,
}

/// One image.
#[derive(Debug, Clone, serde::Serialize)]
pub struct BuiltImage {
    /// For which node.
    pub node: String,
    /// Where it is.
    pub path: PathBuf,
    /// How large it is, holes included.
    pub size: ByteCount,
    /// The SHA-256 of it.
    pub sha256: crate::digest::Digest,
    /// How many files, links and directories differ from the stock image.
    pub edits: usize,
    /// How many blocks of 4 KiB differ from the stock image.
    pub changed_blocks: usize,
}

/// Builds every node of the cluster: plans, patches, writes the images and the papers beside them.
///
/// # Errors
/// At the first thing that fails; then every old result is untouched.
pub fn build(
    cluster: &Cluster,
    base: &Base,
    secret: &ClusterSecret,
    options: BuildOptions,
    progress: &dyn Progress,
) -> Result<Built, Error> {
    let folder = &cluster.output.folder;
    std::fs::create_dir_all(folder).map_err(EmitError::write("making the folder", folder))?;

    let plans = plan_cluster(base, cluster, secret, progress)?;
    let foundation = Foundation::lay(base, &plans.extent, &plans.common, folder)?;
    let mut patched = Vec::new();
    for (node, patch) in &plans.nodes {
        let failed = |source| Error::Apply { node: node.name.to_string(), source };
        let layer = foundation.patch(&patch.beyond(&plans.common), folder).map_err(failed)?;
        patched.push((*node, patch.edits.len(), layer, folder.join(format!("{}.img", node.name))));
    }

    let size = foundation.bytes.size();
    let layers = |own| vec![&*foundation.shared, own];
    let targets: Vec<_> =
        patched.iter().map(|(_, _, layer, path)| RawTarget { path, layers: layers(layer) }).collect();
    emit::write_raw(&*foundation.bytes, &targets, options.threads, &|more| progress.writing(more, size))?;

    let paths: Vec<&Path> = patched.iter().map(|(_, _, _, path)| path.as_path()).collect();
    let digests = emit::digest_files(&paths, options.threads)?;
    let mut images = Vec::new();
    for ((node, edits, layer, path), sha256) in patched.iter().zip(digests) {
        images.push(BuiltImage {
            node: node.name.to_string(),
            path: path.clone(),
            size,
            sha256,
            edits: *edits,
            changed_blocks: foundation.shared.indices().chain(layer.indices()).collect::<BTreeSet<_>>().len(),
        });
    }
    let sums: Vec<_> = images.iter().map(|image| (format!("{}.img", image.node), image.sha256)).collect();
    emit::write_sha256sums(folder, &sums)?;
    let login_key = write_login_key(cluster, secret)?;
    Ok(Built { images, checksums: folder.join("SHA256SUMS"), login_key })
}

/// Writes the cluster's own login key beside the images, where some node has no other.
fn write_login_key(cluster: &Cluster, secret: &ClusterSecret) -> Result<Option<PathBuf>, Error> {
    if cluster.nodes.iter().all(|node| !node.user.authorized_keys.is_empty()) {
        return Ok(None);
    }
    let key = plan::login_key(cluster, secret)?;
    let path = cluster.output.folder.join("id_ed25519");
    PendingFile::write_whole(&path, key.private.as_bytes(), true)?;
    PendingFile::write_whole(&path.with_extension("pub"), format!("{}\n", key.public).as_bytes(), false)?;
    Ok(Some(path))
}
