//! The plans of all nodes of a cluster, and the mistakes in nodes.yaml that only show against a stock image.

use super::{Error, Progress, named_node};
use crate::artifacts::{self, OpenedArtifacts};
use crate::backup;
use crate::base_layer::{BaseLayerError, BootRoom, DiskLayout, size_on_root};
use crate::cache;
use crate::cluster::{Cluster, Diagnostic, ExtraFile, FetchedKeys, FieldSpan, ImageSource, K3s, Node};
use crate::github_keys;
use crate::identity::ClusterSecret;
use crate::k3s::Restored;
use crate::patch::{Draft, Partition, Patch, PatchError, SourceDigests};
use crate::plan::{self, PlanContext};
use crate::raspios::RaspiosError;
use crate::stock_system::StockSystem;
use crate::types::ImagePath;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::Path;

/// A caller's own part of the plan of each node.
pub(super) type Step = Box<dyn Fn(&Node, &mut Draft<'_>) -> Result<(), PatchError> + Send + Sync>;

/// The plans of the nodes of a cluster, all of which were made once and checked. What is kept is what all nodes share:
/// the patch of a node is made anew whenever it is asked for, so that a thousand nodes take no more memory than ten.
pub struct Plans<'run> {
    /// The layout of the disk of every image.
    pub layout: DiskLayout,
    /// The patch that those of all nodes begin with.
    pub common: Patch,
    planner: Planner<'run>,
}

impl<'run> Plans<'run> {
    /// Returns the whole patch of every node, in the order of nodes.yaml.
    pub fn nodes(&self) -> impl Iterator<Item = Result<(&'run Node, Patch), Error>> {
        self.planner.cluster.nodes.iter().map(|node| Ok((node, self.planner.patch(node)?)))
    }

    /// Returns the whole patch of a node.
    ///
    /// # Errors
    /// When it is none of the cluster that was planned, or a file of this machine that goes onto it is gone by now.
    pub fn of(&self, node: &Node) -> Result<Patch, Error> {
        self.planner.patch(named_node(self.planner.cluster, node.name.as_str())?)
    }
}

/// All that the nodes of a cluster are planned from.
pub(super) struct Planner<'run> {
    pub(super) system: &'run StockSystem,
    pub(super) cluster: &'run Cluster,
    pub(super) secret: &'run ClusterSecret,
    pub(super) steps: &'run [Step],
    /// The files that are to be put inside the cards: downloads stay where they are as long as this does.
    pub(super) artifacts: Option<OpenedArtifacts>,
    pub(super) keys: FetchedKeys,
    /// The backups that servers go on with, by the names of the nodes.
    pub(super) restored: BTreeMap<String, Restored>,
    pub(super) sources: RefCell<SourceDigests>,
}

impl<'run> Planner<'run> {
    /// Opens what is to be put inside the cards. What is named by an address is downloaded into `cache`; without one, into
    /// a folder that is gone with this.
    ///
    /// # Errors
    /// When something cannot be had.
    pub(super) fn open(
        system: &'run StockSystem,
        cluster: &'run Cluster,
        secret: &'run ClusterSecret,
        steps: &'run [Step],
        cache: Option<&Path>,
        progress: &dyn Progress,
    ) -> Result<Self, Error> {
        let open = |k3s: &K3s| artifacts::open(&k3s.install, system.release.architecture, cache, progress);
        let artifacts = cluster.k3s.as_ref().map(open).transpose()?.flatten();
        let (keys, trouble) = github_keys::fetch(cluster, cache, progress)?;
        let of_artifacts = artifacts.as_ref().and_then(|opened| opened.trouble.as_ref());
        for error in of_artifacts.into_iter().chain(&trouble) {
            progress.warning(cache::cache_warning(error));
        }
        let restored = open_backups(cluster, secret, progress)?;
        Ok(Self { system, cluster, secret, steps, artifacts, keys, restored, sources: RefCell::default() })
    }

    /// Plans every node. All that nodes.yaml asks for and the stock image does not give is reported at once.
    ///
    /// # Errors
    /// When the stock image lacks something that nodes.yaml asks for, or what is to be put inside the cards does not fit.
    pub(super) fn plan_all(self) -> Result<Plans<'run>, Error> {
        let Self { system, cluster, .. } = self;
        let boot = BootRoom::of(system)?;
        let (mut fullest, mut problems): (Option<Patch>, _) = (None, Vec::new());
        for node in &cluster.nodes {
            let mut patch = self.assess(node, &mut problems)?;
            match boot.check(&patch) {
                Ok(()) => {}
                Err(BaseLayerError::BootFull { path, size, free }) => {
                    let span = span_on_boot(node, &path).or_else(|| cluster.image_span.clone());
                    let error = BaseLayerError::BootFull { path, size, free };
                    problems.push(Diagnostic::at(span.as_ref(), &error));
                }
                Err(error) => return Err(error.into()),
            }
            tracing::debug!(node = %node.name, edits = patch.edits.len(), "planned a node");
            patch.note_sources(&mut self.sources.borrow_mut());
            if fullest.as_ref().is_none_or(|fullest| size_on_root(&patch) >= size_on_root(fullest)) {
                fullest = Some(patch);
            }
        }
        let common = plan::common(&self.context()).map_err(Error::PlanCommon)?;
        match DiskLayout::decide(system, cluster.grow, &fullest) {
            Ok(layout) if problems.is_empty() => Ok(Plans { layout, common, planner: self }),
            Err(error) if !error.is_about_room() => Err(error.into()),
            decided => {
                let too_large =
                    decided.err().map(|error| Diagnostic::at(cluster.image_span.as_ref(), &error));
                Err(self.unfit(problems.into_iter().chain(too_large).collect()))
            }
        }
    }

    /// Returns the patch of a node that was planned before.
    fn patch(&self, node: &Node) -> Result<Patch, Error> {
        let mut problems = Vec::new();
        let mut patch = self.assess(node, &mut problems)?;
        if !problems.is_empty() {
            return Err(self.unfit(problems));
        }
        let failed = |source: PatchError| Error::Plan { node: node.name.to_string(), source: source.into() };
        patch.take_digests(&mut self.sources.borrow_mut()).map_err(failed)?;
        Ok(patch)
    }

    /// Plans a node, the caller's steps included, and adds the mistakes in nodes.yaml to `problems`.
    fn assess(&self, node: &Node, problems: &mut Vec<Diagnostic>) -> Result<Patch, Error> {
        let failed = |source| Error::Plan { node: node.name.to_string(), source };
        let assessed = plan::assess(&self.context(), node).map_err(failed)?;
        problems.extend(assessed.mistakes.iter().map(|mistake| problem_of(mistake, self.cluster, node)));
        continued(assessed.patch, self.system, node, self.steps).map_err(|source| failed(source.into()))
    }

    fn context(&self) -> PlanContext<'_> {
        PlanContext {
            cluster: self.cluster,
            secret: self.secret,
            release: &self.system.release,
            stock: &self.system.disk.files,
            time: self.system.time,
            artifacts: self.artifacts.as_ref().map(|opened| &opened.artifacts),
            keys: &self.keys,
            restored: &self.restored,
        }
    }

    fn unfit(&self, problems: Vec<Diagnostic>) -> Error {
        Error::Unfit(Box::new(self.cluster.unfit(problems)))
    }
}

/// Opens the backups that servers are to go on with, by the names of the nodes.
fn open_backups(
    cluster: &Cluster,
    secret: &ClusterSecret,
    progress: &dyn Progress,
) -> Result<BTreeMap<String, Restored>, Error> {
    let mut opened = BTreeMap::new();
    for node in &cluster.nodes {
        let Some(path) = node.k3s.as_ref().and_then(|k3s| k3s.restore.as_ref()) else { continue };
        let (restored, warning) = backup::open(path, cluster, node, secret)?;
        if let Some(warning) = warning {
            progress.warning(warning);
        }
        opened.insert(node.name.to_string(), restored);
    }
    Ok(opened)
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
