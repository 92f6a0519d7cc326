//! The last stretch of the road: every node planned and patched, the images, and the papers beside them.

use super::outputs::{self, PROVENANCE, check_outputs, manifest_name};
use super::{Error, Plans, Progress, named_node, plan_cluster, writable_warning};
use crate::access::{AccessFile, AccessFiles, WrittenAccessFiles};
use crate::base_layer::BaseLayer;
use crate::cache;
use crate::cluster::{Cluster, Node};
use crate::identity::ClusterSecret;
use crate::io::ownership::create_folder;
use crate::io::{self, Layer, ReadAt as _};
use crate::output::{self, Card, Disk, Entry, Images, Manifest, OutputError, Provenance, SidecarOptions};
use crate::patch::Patch;
use crate::plan;
use crate::raspios::Architecture;
use crate::stock_image::StockImage;
use crate::stock_system::StockSystem;
use crate::types::ByteCount;
use crate::types::Digest;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

/// How a build is to be done.
#[derive(Debug, Clone)]
pub struct BuildOptions {
    /// How many threads work; the results do not depend on it.
    pub threads: usize,
    /// The folder for what saves work on the next run; without it nothing is kept.
    pub cache: Option<PathBuf>,
    /// The names of the nodes whose images are wanted; those of all nodes where it is absent.
    pub only: Option<Vec<String>>,
    /// Whether images are hashed, for SHA256SUMS and build.json. Where the filesystem shares blocks, that is
    /// most of what an image costs.
    pub checksums: bool,
    /// Whether every image gets a bmap.
    pub bmap: bool,
    /// Where a manifest for Raspberry Pi Imager is wanted: how.
    pub imager: Option<Imager>,
}

/// How a manifest for Raspberry Pi Imager is wanted.
#[derive(Debug, Clone, Default)]
pub struct Imager {
    /// Where the images will be downloaded from; files of this machine where it is absent.
    pub base_url: Option<String>,
}

impl Default for BuildOptions {
    fn default() -> Self {
        Self { threads: all_threads(), cache: None, only: None, checksums: true, bmap: false, imager: None }
    }
}

/// As many threads as can work at the same time.
pub fn all_threads() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

/// What a build made.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Built {
    /// One image per node, in the order of nodes.yaml.
    pub images: Vec<BuiltImage>,
    /// The checksums of all of them, where some are known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub checksums: Option<PathBuf>,
    /// From what they were made: an in-toto statement, which needs their checksums.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provenance: Option<PathBuf>,
    /// The manifest for Raspberry Pi Imager, where one was wanted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub manifest: Option<PathBuf>,
    /// What its owner gets in with.
    #[serde(flatten)]
    pub papers: WrittenAccessFiles,
}

/// One image.
#[derive(Debug, Clone, serde::Serialize)]
pub struct BuiltImage {
    /// For which node.
    pub node: String,
    /// Where it is.
    pub path: PathBuf,
    /// How large the file is, holes included.
    pub size: ByteCount,
    /// The SHA-256 of the file, where checksums are wanted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha256: Option<Digest>,
    /// How large the disk in it is.
    pub disk_size: ByteCount,
    /// The SHA-256 of the disk in it, where something needed it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disk_sha256: Option<Digest>,
    /// Its bmap, where one was wanted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bmap: Option<PathBuf>,
    /// How many files, links and directories differ from the stock image.
    pub edits: usize,
    /// How many blocks of 4 KiB differ from the stock image.
    pub changed_blocks: usize,
    /// How long it took to write, perhaps with others at the same time.
    #[serde(skip)]
    pub elapsed: Duration,
}

/// A node that was planned and patched, in memory.
struct Patched<'cluster> {
    node: &'cluster Node,
    edits: usize,
    layer: Arc<Layer>,
    /// The SHA-256 of its plan, without secrets.
    plan: Digest,
    /// Where its image goes, if one is wanted.
    image: Option<PathBuf>,
}

/// Builds the nodes of the cluster: plans, patches, writes the images and the papers beside them. `image` is
/// what `base` was found in.
///
/// # Errors
/// At the first thing that fails. Until images are written, which is after all is planned and patched, every
/// old one is untouched.
pub fn build(
    cluster: &Cluster,
    image: &StockImage,
    base: &StockSystem,
    secret: &ClusterSecret,
    options: &BuildOptions,
    progress: &dyn Progress,
) -> Result<Built, Error> {
    let built = build_from(cluster, image, base, secret, options, progress);
    // What went wrong is of no interest when the stock image is another one than was named.
    built.map_err(|error| image.verify().err().map_or(error, Error::from))
}

fn build_from(
    cluster: &Cluster,
    image: &StockImage,
    base: &StockSystem,
    secret: &ClusterSecret,
    options: &BuildOptions,
    progress: &dyn Progress,
) -> Result<Built, Error> {
    let folder = &cluster.output.folder;
    // What cannot be made of them is known before the first image is written.
    let papers = AccessFiles::new(cluster, secret, base.time)?;
    for name in options.only.iter().flatten() {
        named_node(cluster, name)?;
    }
    check_outputs(cluster, Some(secret), options)?;
    create_folder(folder, false).map_err(OutputError::write("making the folder", folder))?;
    if let Some(warning) = writable_warning(folder) {
        progress.warning(warning);
    }
    io::sweep_all(folder, outputs::all_names(cluster).iter().map(String::as_str));
    options.cache.as_deref().iter().for_each(|cache| cache::sweep(cache));
    // Also those whose images are not wanted: the layout of an image depends on where nodes differ.
    let plans = plan_cluster(base, cluster, secret, options.cache.as_deref(), progress)?;
    let foundation = BaseLayer::lay(base, &plans.extent, &plans.common, folder)?;
    let mut patched = Vec::new();
    for planned in &plans.nodes {
        let (node, patch) = planned;
        let failed = |source| Error::Apply { node: node.name.to_string(), source };
        let layer = foundation.patch(&patch.beyond(&plans.common), folder).map_err(failed)?;
        patched.push(Patched::new(cluster, base, &plans, planned, layer, options)?);
    }
    if let Err(error) = image.save_pages() {
        progress.warning(cache::cache_warning(&error));
    }

    let manifest = folder.join(manifest_name(cluster));
    let statement = folder.join(PROVENANCE);
    let (images, papers) = write_images(cluster, image, &foundation, &patched, options, &papers, progress)?;
    let names = outputs::image_names(cluster);
    let sums: Vec<_> = images.iter().map(|image| (name_of(&image.path), image.sha256)).collect();
    let checksums = output::write_sha256sums(folder, &sums, &names)?;
    if options.checksums {
        output::write_provenance(&statement, &provenance(cluster, image, base, &patched, &images)?)?;
    }
    if let Some(imager) = &options.imager {
        let entries = entries(cluster, base, &images);
        output::write_manifest(&manifest, &described(cluster, base, imager), &entries)?;
    }
    Ok(Built {
        images,
        checksums,
        provenance: options.checksums.then_some(statement),
        manifest: options.imager.as_ref().map(|_| manifest),
        papers,
    })
}

impl<'cluster> Patched<'cluster> {
    fn new(
        cluster: &Cluster,
        base: &StockSystem,
        plans: &Plans<'_>,
        (node, patch): &(&'cluster Node, Patch),
        layer: Layer,
        options: &BuildOptions,
    ) -> Result<Self, Error> {
        let report = plan::report(patch, &plans.common, &base.disk.files)?;
        let report = serde_json::to_vec(&report).map_err(std::io::Error::other);
        let report = report.map_err(OutputError::write("describing the plan in", &cluster.output.folder))?;
        let is_wanted =
            options.only.as_ref().is_none_or(|only| only.iter().any(|name| *name == *node.name.as_str()));
        let image = is_wanted.then(|| cluster.output.folder.join(file_name(cluster, node)));
        Ok(Self { node, edits: patch.edits.len(), layer: Arc::new(layer), plan: Digest::of(&report), image })
    }
}

/// Writes the images that are wanted, the papers that speak of what is in them, and their owner's.
fn write_images(
    cluster: &Cluster,
    image: &StockImage,
    foundation: &BaseLayer,
    patched: &[Patched<'_>],
    options: &BuildOptions,
    papers_of_owner: &AccessFiles,
    progress: &dyn Progress,
) -> Result<(Vec<BuiltImage>, WrittenAccessFiles), Error> {
    let shared = foundation.disk.layers().iter().map(|layer| &**layer).collect();
    let disk = Disk { base: &foundation.disk, shared, size: foundation.disk.size() };
    let names: Vec<String> = patched.iter().map(|patched| patched.node.name.to_string()).collect();
    let cards = patched.iter().zip(&names);
    let cards: Vec<Card<'_>> = cards.map(|(patched, name)| card(patched, name)).collect();
    let images = Images {
        format: cluster.output.format,
        disk: &disk,
        cards: &cards,
        stock: image,
        threads: options.threads,
        hashed: options.checksums,
        cache: options.cache.as_deref(),
    };
    let tell = |stage, more, total| progress.working(stage, more, total);
    let wanted = || patched.iter().filter(|patched| patched.image.is_some());
    let unused = wanted().filter(|_| options.bmap).map(|patched| foundation.unused(&patched.layer));
    let unused = unused.collect::<Result<Vec<_>, _>>()?;
    let papers =
        SidecarOptions { disk_digests: options.imager.is_some(), unused: options.bmap.then_some(unused) };
    let made = images.make(&tell)?;
    if let Some(error) = &made.cache_trouble {
        progress.warning(cache::cache_warning(error));
    }
    // The last chance to find out that all this was made from another file than the one that was named.
    let stock = image.verify()?;
    forget_sums(cluster, &wanted().filter_map(|patched| patched.image.as_deref()).collect::<Vec<_>>())?;
    let written = made.publish(stock)?;
    // At once, because images that are newer than these count as changed by somebody else.
    let written_papers = papers_of_owner.write(cluster).map_err(OutputError::from)?;
    let papers = images.write_papers(&papers, &tell)?;
    let built = written.into_iter().zip(papers).zip(wanted());
    let built = built.map(|((written, paper), patched)| BuiltImage {
        node: written.name,
        path: written.path,
        size: written.size,
        sha256: written.sha256,
        disk_size: disk.size,
        disk_sha256: paper.disk_sha256,
        bmap: paper.bmap,
        edits: patched.edits,
        changed_blocks: changed_blocks(foundation, &patched.layer),
        elapsed: written.elapsed,
    });
    Ok((built.collect(), written_papers))
}

/// Takes out of a folder what speaks of images that are about to be others, and the file whose time says that
/// images newer than it are somebody else's. A build that is killed in between then leaves images of which
/// nothing is said, rather than something wrong.
fn forget_sums(cluster: &Cluster, images: &[&Path]) -> Result<(), OutputError> {
    let folder = &cluster.output.folder;
    output::remove(&folder.join(manifest_name(cluster)))?;
    output::remove(&folder.join(PROVENANCE))?;
    // Written again right after the images.
    output::remove(&folder.join(AccessFile::SshConfig.name()))?;
    let unknown: Vec<_> = images.iter().map(|image| (name_of(image), None)).collect();
    output::write_sha256sums(folder, &unknown, &outputs::image_names(cluster))?;
    Ok(())
}

fn card<'build>(patched: &'build Patched<'_>, name: &'build str) -> Card<'build> {
    Card { name, layers: vec![&patched.layer], image: patched.image.as_deref() }
}

/// How many blocks differ from the stock image.
fn changed_blocks(foundation: &BaseLayer, layer: &Layer) -> usize {
    foundation
        .disk
        .layers()
        .iter()
        .flat_map(|layer| layer.indices())
        .chain(layer.indices())
        .collect::<BTreeSet<_>>()
        .len()
}

/// From what the images were made.
fn provenance(
    cluster: &Cluster,
    image: &StockImage,
    base: &StockSystem,
    patched: &[Patched<'_>],
    images: &[BuiltImage],
) -> Result<Provenance, Error> {
    let stock = image.file_digest().map_err(OutputError::StockImage)?;
    Ok(Provenance {
        cluster: cluster.name.to_string(),
        nodes: images.iter().map(|image| image.node.clone()).collect(),
        format: cluster.output.format,
        time: base.time.seconds(),
        stock: (name_of(image.name()), stock),
        nodes_yaml: cluster.source_digest,
        images: images.iter().filter_map(|image| Some((name_of(&image.path), image.sha256?))).collect(),
        plans: patched.iter().filter(|patched| patched.image.is_some()).map(|patched| patched.plan).collect(),
    })
}

/// What the manifest says of the cluster.
fn described(cluster: &Cluster, base: &StockSystem, imager: &Imager) -> Manifest {
    let count = cluster.nodes.len();
    Manifest {
        title: format!("Cluster {}", cluster.name),
        description: format!("{count} node{}, one image each", if count == 1 { "" } else { "s" }),
        release_date: base.release.date.clone().unwrap_or_else(|| base.time.date()),
        is_64_bit: base.release.architecture == Architecture::Arm64,
        base_url: imager.base_url.clone(),
    }
}

/// What the manifest says of each image.
fn entries(cluster: &Cluster, base: &StockSystem, images: &[BuiltImage]) -> Vec<Entry> {
    let described = images.iter().filter_map(|image| {
        let node = cluster.node(&image.node)?;
        let role = node.k3s.as_ref().map_or_else(String::new, |k3s| format!(" - k3s {}", k3s.role));
        let codename = base.release.codename;
        Some(Entry {
            name: format!("{}{role}", node.name),
            description: format!("{}, Raspberry Pi OS {codename}", node.network.address),
            image: image.path.clone(),
            size: image.size,
            sha256: image.sha256,
            disk_size: image.disk_size,
            // Of a raw image they are the same.
            disk_sha256: image.disk_sha256.or(image.sha256)?,
            bmap: image.bmap.clone(),
        })
    });
    described.collect()
}

/// What the image of a node is called.
pub(super) fn file_name(cluster: &Cluster, node: &Node) -> String {
    format!("{}.{}", node.name, cluster.output.format)
}

/// What an image is called where the folder is known.
#[expect(clippy::expect_used, reason = "a file that was written has a name")]
fn name_of(path: &Path) -> String {
    path.file_name().expect("an image is a file").to_string_lossy().into_owned()
}
