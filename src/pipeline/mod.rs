//! The road: nodes.yaml and a stock image in, one image per node out.
//!
//! ```text
//! nodes.yaml ──▶ Cluster ┐
//! cluster.secret ──▶ keys ├─plan─▶ Patch per node ─apply─▶ Layer ─emit─▶ north.img.xz …
//! stock image ──▶ Base ──┘                                  above the Foundation
//! ```

mod build;
mod check;
pub mod inspect;
mod outputs;
pub mod verify;

pub use outputs::{Occupant, OccupiedOutputs, check_outputs};

pub use crate::types::{Progress, Silent};
pub use build::{BuildOptions, Built, BuiltImage, Imager, all_threads, build};
pub use check::{Checked, check};

use crate::access::AccessError;
use crate::artifacts::{self, ArtifactError};
use crate::base_layer::{self, BaseLayerError, DiskLayout};
use crate::cache::{self, Hold};
use crate::cluster::{
    CannotRejoin, Cluster, ClusterName, Diagnostic, ExtraFile, FieldSpan, ImageSource, InvalidCluster, Node,
};
use crate::demo;
use crate::fetch::{FetchError, Fetched};
use crate::identity::{ClusterSecret, Creation, IdentityError};
use crate::io::ReadAt;
use crate::io::ownership;
use crate::k3s::Artifacts;
use crate::output::OutputError;
use crate::patch::{Partition, Patch, PatchError, SourceDigests};
use crate::plan::{self, PlanContext, PlanError};
use crate::raspios::RaspiosError;
use crate::stock_image::{StockImage, StockImageError};
use crate::stock_system::{OpenOptions, StockSystem, StockSystemError};
use crate::types::ImagePath;
use crate::types::shell;
use crate::types::{Hint, Warning};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// An error somewhere on the road.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The stock image could not be downloaded.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// The stock image could not be opened.
    #[error(transparent)]
    Disk(#[from] StockImageError),
    /// The stock image is not what it should be.
    #[error("{image}: {source}")]
    StockImage {
        /// Which image.
        image: String,
        /// Why.
        source: StockSystemError,
    },
    /// The cluster secret could not be had.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// nodes.yaml asks for what the stock image does not give.
    #[error("{} does not fit the stock image", .0.file.display())]
    Unfit(Box<InvalidCluster>),
    /// A node could not be planned.
    #[error("planning node `{node}`: {source}")]
    Plan {
        /// Which node.
        node: String,
        /// Why.
        source: PlanError,
    },
    /// The part that all nodes have in common could not be planned.
    #[error("planning what all nodes get: {0}")]
    PlanCommon(PlanError),
    /// What is to be put inside the cards could not be had.
    #[error(transparent)]
    Artifacts(#[from] ArtifactError),
    /// What all cards stand on could not be made.
    #[error(transparent)]
    BaseLayer(#[from] BaseLayerError),
    /// A patch could not be applied.
    #[error("writing node `{node}`: {source}")]
    Apply {
        /// Which node.
        node: String,
        /// Why.
        source: PatchError,
    },
    /// The owner's means of access could not be made.
    #[error(transparent)]
    AccessFiles(#[from] AccessError),
    /// Something else is in the place of a result.
    #[error(transparent)]
    Occupied(#[from] OccupiedOutputs),
    /// A result could not be written.
    #[error(transparent)]
    Emit(#[from] OutputError),
    /// An image that is to be read back could not be.
    #[error(transparent)]
    Check(#[from] PatchError),
    /// The record of being a card could not be read.
    #[error(transparent)]
    Card(#[from] RaspiosError),
    /// A node cannot be made to rejoin its cluster.
    #[error(transparent)]
    Rejoin(#[from] CannotRejoin),
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
            Self::StockImage { source, .. } => source.hint(),
            Self::Identity(error) => error.hint(),
            Self::Unfit(invalid) => invalid.hint(),
            Self::Plan { source, .. } | Self::PlanCommon(source) => source.hint(),
            Self::Artifacts(error) => error.hint(),
            Self::BaseLayer(error) => error.hint(),
            Self::Apply { source, .. } | Self::Check(source) => source.hint(),
            Self::AccessFiles(error) => error.hint(),
            Self::Occupied(error) => error.hint(),
            Self::Emit(error) => error.hint(),
            Self::Card(error) => error.hint(),
            Self::Rejoin(error) => error.hint(),
            Self::NoSuchNode { known, .. } => Some(format!("Its nodes are {}", known.join(", "))),
            Self::NotACard { .. } => {
                Some("Name the node with `--node`, or give an image that cardwright made".to_owned())
            }
        }
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

/// Opens the stock image that a cluster names. What is packed is unpacked, as far as it is needed, into a
/// nameless file in `scratch`. Downloads, and what saves work on the next run, are kept in `cache`.
///
/// Its SHA-256 may still be on its way: [`build`] waits for it, whoever does something else with the image
/// has to [`verify`](StockImage::verify) it.
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
    tracing::debug!(?source, ?cache, ?scratch, "opening the stock image");
    match source {
        ImageSource::Demo => Ok(demo::open()?),
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

/// Finds out what a stock image holds. `name` is what errors call it.
///
/// # Errors
/// When it is no stock image of a known release.
pub fn open_stock_system(
    image: Arc<dyn ReadAt>,
    name: &str,
    understanding: OpenOptions,
) -> Result<StockSystem, Error> {
    StockSystem::open(image, understanding)
        .map_err(|source| Error::StockImage { image: name.to_owned(), source })
}

/// Returns the name of a cluster's stock image in messages.
pub fn image_name(cluster: &Cluster) -> String {
    match &cluster.image {
        ImageSource::Demo => "the demo image".to_owned(),
        ImageSource::File(location) => location.to_string(),
    }
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

/// The secret of a cluster, where there is one already. None is made.
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

/// Where the secret of a cluster is kept.
pub fn secret_path(cluster: &Cluster) -> PathBuf {
    cluster.source.with_file_name("cluster.secret")
}

/// What is to be done for every node of a cluster.
pub struct Plans<'cluster> {
    /// Which cluster.
    pub cluster: &'cluster ClusterName,
    /// How large cards are.
    pub extent: DiskLayout,
    /// What the patches of all nodes begin with.
    pub common: Patch,
    /// The whole patch of every node, in the order of nodes.yaml.
    pub nodes: Vec<(&'cluster Node, Patch)>,
    /// Keeps what was downloaded for the patches where it is.
    _downloads: Vec<Hold>,
}

impl Plans<'_> {
    /// The patch of a node.
    ///
    /// # Errors
    /// When it is none of the cluster that was planned.
    pub fn of(&self, node: &Node) -> Result<&Patch, Error> {
        let planned = self.nodes.iter().find(|(planned, _)| planned.name == node.name);
        planned.map(|(_, patch)| patch).ok_or_else(|| Error::NoSuchNode {
            name: node.name.to_string(),
            cluster: self.cluster.to_string(),
            known: self.nodes.iter().map(|(node, _)| node.name.to_string()).collect(),
        })
    }
}

/// Plans every node. What is to be put inside the cards and named by an address is downloaded into `cache`; without
/// one, into a folder that is gone with the plans.
///
/// # Errors
/// When the stock image lacks something that nodes.yaml asks for, when what is to be put inside the cards
/// cannot be had, or does not fit.
pub fn plan_cluster<'cluster>(
    base: &StockSystem,
    cluster: &'cluster Cluster,
    secret: &ClusterSecret,
    cache: Option<&Path>,
    progress: &dyn Progress,
) -> Result<Plans<'cluster>, Error> {
    let opened = match &cluster.k3s {
        Some(k3s) => {
            let binary = plan::host(&base.release).binary;
            artifacts::open(&k3s.install, binary, cache, progress)?
        }
        None => None,
    };
    let (payload, downloads) = match opened {
        Some(opened) => {
            if let Some(error) = opened.trouble {
                progress.warning(cache::cache_warning(&error));
            }
            (Some(opened.artifacts), opened.holds)
        }
        None => (None, Vec::new()),
    };
    let mut plans = plan_with(base, cluster, secret, payload.as_ref())?;
    let mut known = SourceDigests::default();
    for (node, patch) in &mut plans.nodes {
        let failed = |source: PatchError| Error::Plan { node: node.name.to_string(), source: source.into() };
        patch.take_digests(&mut known).map_err(failed)?;
    }
    Ok(Plans { _downloads: downloads, ..plans })
}

/// As [`plan_cluster`], with what is put inside the cards at hand. All that nodes.yaml asks for and the stock
/// image does not give is reported at once.
fn plan_with<'cluster>(
    base: &StockSystem,
    cluster: &'cluster Cluster,
    secret: &ClusterSecret,
    payload: Option<&Artifacts>,
) -> Result<Plans<'cluster>, Error> {
    let ground = PlanContext {
        cluster,
        secret,
        release: &base.release,
        stock: &base.disk.files,
        time: base.time,
        artifacts: payload,
    };
    let failed = |node: &Node, source| Error::Plan { node: node.name.to_string(), source };
    let (mut nodes, mut problems) = (Vec::new(), Vec::new());
    for node in &cluster.nodes {
        let judged = plan::assess(&ground, node).map_err(|source| failed(node, source))?;
        problems.extend(judged.mistakes.iter().map(|mistake| problem_of(mistake, cluster, node)));
        match base_layer::check_boot(base, &judged.patch) {
            Ok(()) => {}
            Err(BaseLayerError::BootFull { path, size, free }) => {
                let spot = spot_on_boot(node, &path).or_else(|| cluster.image_span.clone());
                let error = BaseLayerError::BootFull { path, size, free };
                problems.push(Diagnostic::at(spot.as_ref(), &error));
            }
            Err(error) => return Err(error.into()),
        }
        tracing::debug!(node = %node.name, edits = judged.patch.edits.len(), "planned a node");
        nodes.push((node, judged.patch));
    }
    let common = plan::common(&ground).map_err(Error::PlanCommon)?;
    let extent = match DiskLayout::decide(base, cluster.grow, nodes.iter().map(|(_, patch)| patch)) {
        Ok(extent) => Some(extent),
        Err(error) if error.is_about_room() => {
            problems.push(Diagnostic::at(cluster.image_span.as_ref(), &error));
            None
        }
        Err(error) => return Err(error.into()),
    };
    match extent.filter(|_| problems.is_empty()) {
        Some(extent) => Ok(Plans { cluster: &cluster.name, extent, common, nodes, _downloads: Vec::new() }),
        None => Err(Error::Unfit(Box::new(cluster.unfit(problems)))),
    }
}

/// Returns the place in nodes.yaml of a file on the boot partition; `None` where nodes.yaml names none there.
fn spot_on_boot(node: &Node, path: &ImagePath) -> Option<FieldSpan> {
    let on = Partition::Boot;
    let named = |file: &&ExtraFile| {
        let root = ImagePath::root();
        let at = file.path.on_card(&root).ok();
        file.partition == on && at.is_some_and(|at| on.one_spelling(&at) == on.one_spelling(path))
    };
    let position = node.files.iter().find(named)?.position?;
    Some(FieldSpan { position, path: "files".to_owned() })
}

/// Returns a mistake in a value of nodes.yaml as a problem at its place.
fn problem_of(mistake: &RaspiosError, cluster: &Cluster, node: &Node) -> Diagnostic {
    // Its place is shown with it.
    let (spot, mistake) = match (plan::span_of(mistake, node), mistake) {
        (Some(spot), RaspiosError::ExtraFile { source, .. }) => (Some(spot), &**source),
        (spot, mistake) => (spot, mistake),
    };
    let mut problem = Diagnostic::at(spot.as_ref(), mistake);
    let is_name_list =
        matches!(mistake, RaspiosError::UnknownTimezone { .. } | RaspiosError::UnknownLocale { .. });
    if is_name_list && cluster.image == ImageSource::Demo {
        problem.message.push_str("; the demo image has only a few");
    }
    if matches!(mistake, RaspiosError::Contradiction { .. }) {
        problem.hint = Some("Take the word out of `cmdline:` under `boot:`".to_owned());
    }
    problem
}

/// The node of that name.
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
