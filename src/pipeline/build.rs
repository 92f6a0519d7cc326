//! The last part of the pipeline: every node planned and patched, the images, and the files beside them.

use super::changes::{self, NodeChange, Undertaking};
use super::outputs::{self, check_access_files, check_outputs};
use super::page::page_of;
use super::plans::Plans;
use super::session::{OpenedImage, Session, wrong_image_or};
use super::{Error, Progress, named_node, writable_warning};
use crate::access::{AccessFile, AccessFiles, WrittenAccessFiles};
use crate::base_layer::{BaseLayer, BaseLayerError};
use crate::cache;
use crate::cluster::{Cluster, Node};
use crate::formats::Compression;
use crate::io::ownership::create_folder;
use crate::io::{self as disks, BlockFile, BlockIndex, CopyError, ReadAt as _, Sink};
pub use crate::output::BuiltImage;
use crate::output::sidecar::{self, BuildRecord, ImagerManifest, NodeDigests, Provenance};
use crate::output::{self, ImageJob, ImageWriter, OutputError};
use crate::patch::Patch;
use crate::plan;
use crate::stock_system::StockSystem;
use crate::types::{Architecture, Digest, Stage};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;

/// The options of a build.
#[derive(Debug, Clone)]
pub struct BuildOptions {
    /// The number of threads; the results do not depend on it.
    pub threads: usize,
    /// The names of the nodes whose images are wanted; those of all nodes where it is absent.
    pub only: Option<Vec<String>>,
    /// The effort of compressing what cannot be taken over from the stock image as it is.
    pub compression: Compression,
    /// Hash the images, for SHA256SUMS and build.json. Where the filesystem shares blocks, that is
    /// most of what an image costs.
    pub checksums: bool,
    /// Write a bmap beside every image.
    pub bmap: bool,
    /// Options of the manifest for Raspberry Pi Imager; none is written where absent.
    pub imager: Option<Imager>,
}

/// The options of the manifest for Raspberry Pi Imager.
#[derive(Debug, Clone, Default)]
pub struct Imager {
    /// The URL that the images will be downloaded from; files of this machine where it is absent.
    pub base_url: Option<String>,
}

impl Default for BuildOptions {
    fn default() -> Self {
        Self {
            threads: all_threads(),
            only: None,
            compression: Compression::default(),
            checksums: true,
            bmap: false,
            imager: None,
        }
    }
}

/// As many threads as can work at the same time.
pub fn all_threads() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

/// The results of a build.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Built {
    /// One image per node, in the order of nodes.yaml.
    pub images: Vec<BuiltImage>,
    /// The paths of the sidecar files that there are: `checksums`, `provenance`, `manifest` and `page`.
    #[serde(flatten)]
    pub sidecars: BTreeMap<&'static str, PathBuf>,
    /// The files that the owner gets in with.
    #[serde(flatten)]
    pub access: WrittenAccessFiles,
    /// The changes since the last build; none where there was none.
    pub changes: Vec<NodeChange>,
    /// Those of the changes that want their steps in an order.
    pub undertakings: Vec<Undertaking>,
}

impl Session {
    /// Builds the nodes of the cluster: applies their plans, writes the images, and the files beside them. The plans of
    /// all nodes are needed, also where few images are wanted: the layout of an image depends on where nodes differ.
    ///
    /// # Errors
    /// At the first thing that fails. Until images are written, which is after all plans are applied, every old one is
    /// untouched.
    pub fn build(
        &self,
        plans: &Plans<'_>,
        options: &BuildOptions,
        progress: &dyn Progress,
    ) -> Result<Built, Error> {
        self.stock.image.start_hashing();
        let built = build(self, plans, options, progress);
        built.map_err(|error| wrong_image_or(&self.stock.image, error))
    }

    /// Writes the access files alone, for cards that are written without images. Those that are there already stay as they are.
    ///
    /// # Errors
    /// When something else is in their place, or they cannot be written.
    pub fn write_access_files(&self) -> Result<WrittenAccessFiles, Error> {
        let Self { cluster, stock, secret, .. } = self;
        let access = AccessFiles::new(cluster, secret, stock.system.time)?;
        if let Some(written) = access.written(cluster) {
            return Ok(written);
        }
        check_access_files(cluster, secret)?;
        let folder = &cluster.output.folder;
        create_folder(folder, false).map_err(OutputError::write("making the folder", folder))?;
        Ok(access.write(cluster).map_err(OutputError::from)?)
    }

    /// Writes the raw image of one node to any sink: a writer, a device, a file that appears whole. Nothing is written before the SHA-256 of the stock
    /// image is known to be right.
    ///
    /// # Errors
    /// When the plan cannot be applied, or the sink fails: what was written to it by then is no image.
    pub fn write_image(
        &self,
        plans: &Plans<'_>,
        node: &Node,
        sink: impl Sink,
        progress: &dyn Progress,
    ) -> Result<(), Error> {
        let (disk, _) = self.cards(plans)?.layered(node)?;
        let wrote = |more| progress.working(Stage::Writing, more, disk.size());
        disks::copy_disk(&disk, sink, &wrote).map_err(|error| match error {
            CopyError::Read(source) => OutputError::StockImage(source).into(),
            CopyError::Write(source) => Error::Sink(source),
        })
    }
}

fn build(
    session: &Session,
    plans: &Plans<'_>,
    options: &BuildOptions,
    progress: &dyn Progress,
) -> Result<Built, Error> {
    let Session { cluster, stock: OpenedImage { image, system }, secret, cache, .. } = session;
    let folder = &cluster.output.folder;
    // What cannot be made of them is known before the first image is written.
    let access = AccessFiles::new(cluster, secret, system.time)?;
    for name in options.only.iter().flatten() {
        named_node(cluster, name)?;
    }
    check_outputs(cluster, Some(secret), options.only.as_deref(), cache.as_deref())?;
    prepare_folder(cluster, progress)?;
    if let Some(cache) = cache {
        cache::sweep(cache);
    }
    let base_layer = BaseLayer::create(system, &plans.layout, &plans.common, folder)?;
    let Applied { jobs, node_blocks, digests } = apply(session, plans, options, &base_layer)?;
    session.save_pages(progress);
    let writer = ImageWriter {
        format: cluster.output.format,
        compression: options.compression,
        disk: &base_layer.disk,
        node_blocks: &node_blocks,
        stock: image,
        threads: options.threads,
        hash_files: options.checksums,
        hash_disks: options.imager.is_some(),
        cache: cache.as_deref(),
    };
    let images = writer.write(jobs, progress)?;
    if let Some(error) = &images.cache_error {
        progress.warning(cache::cache_warning(error));
    }
    // The last chance to find out that all this was made from another file than the one that was named.
    let stock = image.verify()?;
    let before = changes::read(folder);
    let mut digests = changes::plans_of(cluster, secret, digests);
    let changes = changes::compare(cluster, before.as_ref(), &digests);
    let undertakings = changes::undertakings(cluster, before.as_ref(), &digests);
    changes::leave_out_exceptions(cluster, before.as_ref(), &mut digests);
    let provenance = options.checksums.then(|| provenance(session)).transpose()?;
    let paths: Vec<PathBuf> = images.paths().map(Path::to_owned).collect();
    let write_sidecars = |images: &Vec<BuiltImage>| {
        sidecar::write_all(&BuildRecord {
            folder,
            cluster: cluster.name.as_str(),
            format: cluster.output.format,
            images,
            image_names: &outputs::image_names(cluster),
            page: page_of(cluster, &access),
            plans: options.checksums.then_some(digests),
            provenance,
            imager: options.imager.as_ref().map(|imager| imager_manifest(session, imager)),
        })
    };
    let (images, sidecars, access) =
        publish(cluster, &paths, || images.publish(stock), &access, write_sidecars)?;
    Ok(Built { images, sidecars, access, changes, undertakings })
}

/// Makes the folder of the results, and takes out of it what killed builds left unfinished.
pub(super) fn prepare_folder(cluster: &Cluster, progress: &dyn Progress) -> Result<(), OutputError> {
    let folder = &cluster.output.folder;
    create_folder(folder, false).map_err(OutputError::write("making the folder", folder))?;
    if let Some(warning) = writable_warning(folder) {
        progress.warning(warning);
    }
    disks::sweep_all(folder, outputs::all_names(cluster).iter().map(String::as_str));
    Ok(())
}

/// The outcome of applying the plans of all nodes.
struct Applied {
    jobs: Vec<ImageJob>,
    /// The blocks in which some node differs.
    node_blocks: BTreeSet<BlockIndex>,
    /// The plans of the images that are wanted.
    digests: Vec<NodeDigests>,
}

/// Applies the plan of every node, one after the other: returns the images that are wanted, and the blocks in which
/// some node differs. The images hang on all nodes, so layers wait for the last one: a quarter of a MiB each, and in a
/// file, as there may be a thousand.
fn apply(
    session: &Session,
    plans: &Plans<'_>,
    options: &BuildOptions,
    base_layer: &BaseLayer,
) -> Result<Applied, Error> {
    let Session { cluster, stock: OpenedImage { system, .. }, .. } = session;
    let folder = &cluster.output.folder;
    let layers = Arc::new(BlockFile::create(folder).map_err(BaseLayerError::Scratch)?);
    let (mut jobs, mut node_blocks, mut digests) = (Vec::new(), BTreeSet::new(), Vec::new());
    for planned in plans.nodes() {
        let (node, patch) = planned?;
        let failed = |source| Error::Apply { node: node.name.to_string(), source };
        let layer = base_layer.patch(&patch.beyond(&plans.common), folder).map_err(failed)?;
        node_blocks.extend(layer.indices());
        let changed_blocks = base_layer.changed_blocks(&layer);
        tracing::debug!(node = %node.name, changed_blocks, "applied a plan");
        if options.only.as_ref().is_none_or(|only| only.iter().any(|name| *name == *node.name.as_str())) {
            let layer = Arc::new(layer.into_file(&layers).map_err(BaseLayerError::Scratch)?);
            let unused = options.bmap.then(|| base_layer.unused(&layer)).transpose()?;
            let plan = plan_digest(&patch, &plans.common, system)?;
            digests.push(changes::digests_of(session, node, &patch, &outputs::file_name(cluster, node))?);
            let (title, description) = labels(node, system);
            jobs.push(ImageJob {
                node: node.name.to_string(),
                title,
                description,
                path: outputs::image_path(cluster, node),
                layer,
                unused,
                plan,
                edits: patch.edits.len(),
                changed_blocks,
            });
        }
    }
    Ok(Applied { jobs, node_blocks, digests })
}

/// Gives images their names by `publish`, and writes the files beside them. `paths` are those of the images.
pub(super) fn publish<I>(
    cluster: &Cluster,
    paths: &[PathBuf],
    publish: impl FnOnce() -> Result<I, OutputError>,
    access: &AccessFiles,
    write_sidecars: impl FnOnce(&I) -> Result<Sidecars, OutputError>,
) -> Result<(I, Sidecars, WrittenAccessFiles), OutputError> {
    let folder = &cluster.output.folder;
    let names: Vec<_> = paths.iter().map(|path| output::name_of(path)).collect();
    sidecar::forget(folder, cluster.name.as_str(), &names)?;
    // The time of this file says that newer images are somebody else's. It is written again right after the images.
    output::remove(&folder.join(AccessFile::SshConfig.name()))?;
    let images = publish()?;
    let access = access.write(cluster)?;
    let sidecars = write_sidecars(&images)?;
    Ok((images, sidecars, access))
}

/// The paths of sidecar files, by their keys.
pub(super) type Sidecars = BTreeMap<&'static str, PathBuf>;

/// Returns the title and the description of a node's image.
fn labels(node: &Node, system: &StockSystem) -> (String, String) {
    let role = node.k3s.as_ref().map_or_else(String::new, |k3s| format!(" - k3s {}", k3s.role));
    let description = format!("{}, Raspberry Pi OS {}", node.host(), system.release.codename);
    (format!("{}{role}", node.name), description)
}

/// Returns the SHA-256 of a plan, as `plan --json` shows it.
///
/// # Errors
/// When the stock image cannot be read.
#[expect(clippy::expect_used, reason = "a report has only keys that are text")]
pub(super) fn plan_digest(patch: &Patch, common: &Patch, system: &StockSystem) -> Result<Digest, Error> {
    let report = plan::report(patch, common, &system.disk.files)?;
    Ok(Digest::of(&serde_json::to_vec(&report).expect("a report can be written as JSON")))
}

/// Returns the origin of the images.
fn provenance(Session { cluster, stock, secret, .. }: &Session) -> Result<Provenance, OutputError> {
    let digest = stock.image.file_digest().map_err(OutputError::StockImage)?;
    Ok(Provenance {
        time: stock.system.time.seconds(),
        stock: (output::name_of(stock.image.name()), digest),
        nodes_yaml: cluster.source_digest,
        secret: secret.fingerprint().to_string(),
    })
}

/// Returns what the manifest says of the cluster.
fn imager_manifest(Session { cluster, stock, .. }: &Session, imager: &Imager) -> ImagerManifest {
    let (count, StockSystem { release, time, .. }) = (cluster.nodes.len(), &stock.system);
    ImagerManifest {
        description: format!("{count} node{}, one image each", if count == 1 { "" } else { "s" }),
        release_date: release.date.clone().unwrap_or_else(|| time.date()),
        is_64_bit: release.architecture == Architecture::Arm64,
        base_url: imager.base_url.clone(),
    }
}
