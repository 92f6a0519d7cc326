//! The plans of all nodes of a cluster, and the mistakes in nodes.yaml that only show against a stock image.

use super::{Error, Progress};
use crate::artifacts;
use crate::base_layer::{self, BaseLayerError, DiskLayout};
use crate::cache::{self, Hold};
use crate::cluster::{
    Cluster, ClusterName, Diagnostic, ExtraFile, FetchedKeys, FieldSpan, ImageSource, Node,
};
use crate::github_keys;
use crate::identity::ClusterSecret;
use crate::k3s::Artifacts;
use crate::patch::{Draft, Partition, Patch, PatchError, SourceDigests};
use crate::plan::{self, PlanContext};
use crate::raspios::RaspiosError;
use crate::stock_system::StockSystem;
use crate::types::ImagePath;
use std::path::Path;

/// A caller's own part of the plan of each node.
pub(super) type Step = Box<dyn Fn(&Node, &mut Draft<'_>) -> Result<(), PatchError> + Send + Sync>;

/// The patches of all nodes of a cluster.
pub struct Plans<'cluster> {
    /// The name of the cluster.
    pub cluster: &'cluster ClusterName,
    /// The layout of the disk of every image.
    pub layout: DiskLayout,
    /// The patch that those of all nodes begin with.
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
pub(super) fn plan_cluster<'cluster>(
    system: &StockSystem,
    cluster: &'cluster Cluster,
    secret: &ClusterSecret,
    steps: &[Step],
    cache: Option<&Path>,
    progress: &dyn Progress,
) -> Result<Plans<'cluster>, Error> {
    let opened = match &cluster.k3s {
        Some(k3s) => artifacts::open(&k3s.install, system.release.architecture, cache, progress)?,
        None => None,
    };
    let (artifacts, downloads) = match opened {
        Some(opened) => {
            if let Some(error) = opened.trouble {
                progress.warning(cache::cache_warning(&error));
            }
            (Some(opened.artifacts), opened.holds)
        }
        None => (None, Vec::new()),
    };
    let (keys, trouble) = github_keys::fetch(cluster, cache, progress)?;
    if let Some(error) = trouble {
        progress.warning(cache::cache_warning(&error));
    }
    let materials = Materials { artifacts: artifacts.as_ref(), keys: &keys };
    let mut plans = plan_with(system, cluster, secret, &materials, steps)?;
    let mut known = SourceDigests::default();
    for (node, patch) in &mut plans.nodes {
        let failed = |source: PatchError| Error::Plan { node: node.name.to_string(), source: source.into() };
        patch.take_digests(&mut known).map_err(failed)?;
    }
    Ok(Plans { _downloads: downloads, ..plans })
}

/// The files that were fetched for the cards.
pub(super) struct Materials<'fetched> {
    pub(super) artifacts: Option<&'fetched Artifacts>,
    pub(super) keys: &'fetched FetchedKeys,
}

/// As [`plan_cluster`], with what is put inside the cards at hand. All that nodes.yaml asks for and the stock
/// image does not give is reported at once.
pub(super) fn plan_with<'cluster>(
    system: &StockSystem,
    cluster: &'cluster Cluster,
    secret: &ClusterSecret,
    materials: &Materials<'_>,
    steps: &[Step],
) -> Result<Plans<'cluster>, Error> {
    let context = PlanContext {
        cluster,
        secret,
        release: &system.release,
        stock: &system.disk.files,
        time: system.time,
        artifacts: materials.artifacts,
        keys: materials.keys,
    };
    let failed = |node: &Node, source| Error::Plan { node: node.name.to_string(), source };
    let (mut nodes, mut problems) = (Vec::new(), Vec::new());
    for node in &cluster.nodes {
        let assessed = plan::assess(&context, node).map_err(|source| failed(node, source))?;
        problems.extend(assessed.mistakes.iter().map(|mistake| problem_of(mistake, cluster, node)));
        let patch =
            continued(assessed.patch, system, node, steps).map_err(|source| failed(node, source.into()))?;
        match base_layer::check_boot(system, &patch) {
            Ok(()) => {}
            Err(BaseLayerError::BootFull { path, size, free }) => {
                let span = span_on_boot(node, &path).or_else(|| cluster.image_span.clone());
                let error = BaseLayerError::BootFull { path, size, free };
                problems.push(Diagnostic::at(span.as_ref(), &error));
            }
            Err(error) => return Err(error.into()),
        }
        tracing::debug!(node = %node.name, edits = patch.edits.len(), "planned a node");
        nodes.push((node, patch));
    }
    let common = plan::common(&context).map_err(Error::PlanCommon)?;
    let layout = match DiskLayout::decide(system, cluster.grow, nodes.iter().map(|(_, patch)| patch)) {
        Ok(layout) => Some(layout),
        Err(error) if error.is_about_room() => {
            problems.push(Diagnostic::at(cluster.image_span.as_ref(), &error));
            None
        }
        Err(error) => return Err(error.into()),
    };
    match layout.filter(|_| problems.is_empty()) {
        Some(layout) => Ok(Plans { cluster: &cluster.name, layout, common, nodes, _downloads: Vec::new() }),
        None => Err(Error::Unfit(Box::new(cluster.unfit(problems)))),
    }
}

/// Applies the steps of the caller to the patch of a node.
fn continued(patch: Patch, system: &StockSystem, node: &Node, steps: &[Step]) -> Result<Patch, PatchError> {
    if steps.is_empty() {
        return Ok(patch);
    }
    let mut draft = Draft::continued(patch, &system.disk.files)?;
    steps.iter().try_for_each(|step| step(node, &mut draft))?;
    Ok(draft.finish())
}

/// Returns the place in nodes.yaml of a file on the boot partition; `None` where nodes.yaml names none there.
fn span_on_boot(node: &Node, path: &ImagePath) -> Option<FieldSpan> {
    let on = Partition::Boot;
    let named = |file: &&ExtraFile| {
        let root = ImagePath::root();
        let at = file.path.on_card(&root).ok();
        file.partition == on && at.is_some_and(|at| on.one_spelling(&at) == on.one_spelling(path))
    };
    let span = node.files.iter().find(named)?.span.clone()?;
    Some(FieldSpan { path: "files".to_owned(), ..span })
}

/// Returns a mistake in a value of nodes.yaml as a problem at its place.
fn problem_of(mistake: &RaspiosError, cluster: &Cluster, node: &Node) -> Diagnostic {
    // Its place is shown with it.
    let (span, mistake) = match (plan::span_of(mistake, node), mistake) {
        (Some(span), RaspiosError::ExtraFile { source, .. } | RaspiosError::AddedUser { source, .. }) => {
            (Some(span), &**source)
        }
        (span, mistake) => (span, mistake),
    };
    let mut problem = Diagnostic::at(span.as_ref(), mistake);
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
