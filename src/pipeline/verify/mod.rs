//! Reading a finished image back and comparing it with the plan.
//!
//! Two things are shown. Every byte is the one that a build writes: the stock image's, except in the blocks of the
//! layers that the plan makes (`bytes`). And what the plan edits is there for another reader than the writer
//! of those layers ([`patch`]). Where one of the two fails, both trees are walked, file by file, to say what differs;
//! and on request, as only that finds a file that the writer changed though no plan names it.

mod bytes;

use super::plans::Plans;
use super::session::wrong_image_or;
use crate::base_layer::{BaseLayer, DiskLayout};
use crate::cluster::Node;
use crate::formats::ImageFormat;
use crate::io::{Layer, LayeredDisk, ReadAt};
use crate::output::OutputError;
use crate::partition::PartitionEntry;
use crate::patch::{self, Partition};
use crate::pipeline::{Error, Progress, Session, named_node};
use crate::raspios::{self, CardRecord};
use crate::stock_image::{SharingDisk, StockImage, StockImageError, repeated_blocks, shared_blocks};
use crate::stock_system::{Disk, StockSystem};
use crate::types::{ByteCount, ByteOffset, Stage};
use bytes::{Comparison, KnownParts};
use std::fmt;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The findings of reading an image back.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Verified {
    /// The node whose plan it was compared with.
    pub node: String,
    /// The differences; none when the image is as planned.
    pub differences: Vec<Difference>,
}

/// The findings of reading back the image of a node, one of several.
#[derive(Debug)]
pub struct VerifiedFile {
    /// The name of the node.
    pub node: String,
    /// The path of the image.
    pub path: PathBuf,
    /// The findings, or the reason why there are none: damage, mostly.
    pub result: Result<Verified, Error>,
}

/// One way in which an image is not what it should be.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Difference {
    /// Of the disk as a whole: its size, its partition table, what no file is made of.
    Disk {
        /// The difference: a clause that follows "the disk".
        what: String,
    },
    /// Of a file, directory or link on one of the partitions.
    File(patch::FileDifference),
}

impl fmt::Display for Difference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Disk { what } => write!(formatter, "disk: it {what}"),
            Self::File(difference) => difference.fmt(formatter),
        }
    }
}

impl Session {
    /// Compares the image at `path` with the plan of `node`, or of the node that the image names. The results do not
    /// depend on the number of threads.
    ///
    /// # Errors
    /// When one of the images cannot be read, the stock image has another SHA-256 than the one pinned, or it is not known
    /// which node the image is for. What differs is no error.
    pub fn verify(
        &self,
        path: &Path,
        node: Option<&str>,
        threads: usize,
        progress: &dyn Progress,
    ) -> Result<Verified, Error> {
        self.stock.image.start_hashing();
        let run = Run { session: self, threads, images: 1, progress };
        let verified = run.open(path, node).and_then(|image| run.with_own_plans(&image, node));
        let verified = verified.map_err(|error| wrong_image_or(&self.stock.image, error))?;
        self.stock.verify()?;
        Ok(verified)
    }

    /// Compares every image in `folder` that is called like one of a node with the plan of that node, in the order of
    /// nodes.yaml.
    ///
    /// # Errors
    /// When the stock image cannot be read, or has another SHA-256 than the one pinned, or a node cannot be planned.
    pub fn verify_all(
        &self,
        folder: &Path,
        threads: usize,
        progress: &dyn Progress,
    ) -> Result<Vec<VerifiedFile>, Error> {
        self.stock.image.start_hashing();
        let verified = verify_all(self, folder, threads, progress);
        let verified = verified.map_err(|error| wrong_image_or(&self.stock.image, error))?;
        self.stock.verify()?;
        Ok(verified)
    }
}

fn verify_all(
    session: &Session,
    folder: &Path,
    threads: usize,
    progress: &dyn Progress,
) -> Result<Vec<VerifiedFile>, Error> {
    let images: Vec<_> = session
        .cluster
        .nodes
        .iter()
        .flat_map(|node| {
            ImageFormat::WRITTEN.map(|format| (node, folder.join(format!("{}.{format}", node.name))))
        })
        .filter(|(_, path)| path.exists())
        .collect();
    let run = Run { session, threads, images: images.len() as u64, progress };
    let plans = session.plan(progress)?;
    let base_layer = run.base_layer(&plans)?;
    let mut first = None;
    let verify = |(node, path): (&Node, PathBuf)| {
        let name = Some(node.name.as_str());
        let verified = run.open(&path, name).and_then(|image| {
            if image.card.as_ref().is_some_and(|card| card.rejoins || card.through.is_some()) {
                return run.with_own_plans(&image, name);
            }
            let (verified, layer) = run.compare(&image, &plans, &base_layer, node, first.as_ref())?;
            if first.is_none() && verified.differences.is_empty() {
                first = Some(KnownImage { image: image.image, layer });
            }
            Ok(verified)
        });
        VerifiedFile { node: node.name.to_string(), path, result: verified }
    };
    Ok(images.into_iter().map(verify).collect())
}

/// An image that is read back.
struct ReadBack {
    path: PathBuf,
    image: Arc<StockImage>,
    /// The parts that lie in Blocks of the stock image.
    of_stock: Vec<Range<u64>>,
    disk: Disk,
    card: Option<CardRecord>,
}

/// An image whose bytes are as planned.
struct KnownImage {
    image: Arc<StockImage>,
    layer: Arc<Layer>,
}

/// One run over one image or several.
struct Run<'run> {
    session: &'run Session,
    threads: usize,
    /// The number of images.
    images: u64,
    progress: &'run dyn Progress,
}

impl<'run> Run<'run> {
    fn report(&self, image: &StockImage) -> impl Fn(ByteCount) + Sync + use<'run> {
        let (progress, total) = (self.progress, ByteCount::new(image.size().get() * self.images));
        move |more| progress.working(Stage::ReadingBoth, more, total)
    }

    /// Opens an image, and finds what it shares with the stock image: that is read from there.
    fn open(&self, path: &Path, node: Option<&str>) -> Result<ReadBack, Error> {
        let stock = &self.session.stock.image;
        let image = Arc::new(StockImage::open(path, None, &self.session.scratch())?);
        let report = self.report(&image);
        let of_stock = shared_blocks(&image, stock, &[], self.threads, &report).map_err(unreadable)?;
        let disk =
            SharingDisk { image: Arc::clone(&image), other: Arc::clone(stock), shared: of_stock.clone() };
        let named = |source| Error::StockImage { image: path.display().to_string(), source };
        let disk = Disk::open(Arc::new(disk)).map_err(named)?;
        let card = match (raspios::read_card_record(&disk.files), node) {
            (Ok(card), _) => card,
            // A record that is damaged is a difference like any other, where nothing hangs on it.
            (Err(_), Some(_)) => None,
            (Err(error), None) => return Err(error.into()),
        };
        Ok(ReadBack { path: path.to_owned(), image, of_stock, disk, card })
    }

    /// Plans the cluster as the image says that it was seen when it was made, and compares them.
    fn with_own_plans(&self, opened: &ReadBack, node: Option<&str>) -> Result<Verified, Error> {
        let card = opened.card.as_ref();
        let name = node.or(card.map(|card| card.node.as_str()));
        let name = name.ok_or_else(|| Error::NotACard { image: opened.path.clone() })?;
        let mut cluster = self.session.cluster.clone();
        if card.is_some_and(|card| card.rejoins) {
            cluster.rejoin(name)?;
        }
        if let Some(through) = card.and_then(|card| card.through.as_deref()) {
            cluster.join_through(through)?;
        }
        let node = named_node(&cluster, name)?;
        let plans = self.session.plan_as(&cluster, self.progress)?;
        let base_layer = self.base_layer(&plans)?;
        Ok(self.compare(opened, &plans, &base_layer, node, None)?.0)
    }

    fn base_layer(&self, plans: &Plans<'_>) -> Result<BaseLayer, Error> {
        let Session { stock, .. } = self.session;
        Ok(BaseLayer::create(&stock.system, &plans.layout, &plans.common, &self.session.scratch())?)
    }

    /// Compares an image with the plan of a node. What it has in common with one that is `known` is not read again.
    fn compare(
        &self,
        opened: &ReadBack,
        plans: &Plans<'_>,
        base_layer: &BaseLayer,
        node: &Node,
        known: Option<&KnownImage>,
    ) -> Result<(Verified, Arc<Layer>), Error> {
        let (system, patch) = (&self.session.stock.system, &plans.of(node)?);
        let failed = |source| Error::Apply { node: node.name.to_string(), source };
        let layer =
            base_layer.patch(&patch.beyond(&plans.common), &self.session.scratch()).map_err(failed)?;
        let layer = Arc::new(layer);
        let expected = base_layer.disk.with(Arc::clone(&layer));
        let differing = self.differing_bytes(opened, &expected, &layer, known)?;
        let mut differences = of_the_disk(system, &plans.layout, &opened.image, &opened.disk)?;
        let mut of_files = Vec::new();
        if differing.is_empty() && differences.is_empty() {
            // The same bytes as those of the image, of which the stock image has most at hand.
            let disk = Disk::open(Arc::new(expected));
            let disk = disk
                .map_err(|source| Error::StockImage { image: opened.path.display().to_string(), source })?;
            of_files = patch::check_edits(patch, &system.disk.files, &disk.files)?;
        }
        let is_as_planned = differing.is_empty() && differences.is_empty() && of_files.is_empty();
        if self.session.reads_every_file || !is_as_planned {
            self.decompress(opened)?;
            of_files = patch::check(patch, &system.disk.files, &opened.disk.files)?;
        }
        let unused = base_layer.unused(&layer)?;
        let places = Places { system, layout: &plans.layout, unused: &unused };
        differences.extend(places.of_bytes(&differing, &of_files));
        differences.extend(of_files.into_iter().map(Difference::File));
        Ok((Verified { node: node.name.to_string(), differences }, layer))
    }

    fn differing_bytes(
        &self,
        opened: &ReadBack,
        expected: &LayeredDisk,
        layer: &Layer,
        known: Option<&KnownImage>,
    ) -> Result<Vec<Range<u64>>, Error> {
        let ReadBack { image, of_stock, .. } = opened;
        let report = self.report(image);
        let layers: Vec<&Layer> = expected.layers().iter().map(|layer| &**layer).collect();
        let mut parts = vec![KnownParts { parts: of_stock.clone(), layers: layers.clone() }];
        if let Some(known) = known {
            let shared = shared_blocks(image, &known.image, of_stock, self.threads, &report);
            // Both have the same base layer.
            parts.push(KnownParts { parts: shared.map_err(unreadable)?, layers: vec![layer, &known.layer] });
        } else {
            // Of zeros behind the stock image, the first Block is read; those that repeat it hold the same.
            let end = self.session.stock.image.size().get();
            let is_hole = |range: &Range<u64>| {
                range.start >= end && expected.next_data(ByteOffset::new(range.start)).get() >= range.end
            };
            let repeated = repeated_blocks(image, &is_hole).map_err(unreadable)?;
            report(ByteCount::new(repeated.iter().map(|range| range.end - range.start).sum()));
            parts.push(KnownParts { parts: repeated, layers: Vec::new() });
        }
        let comparison = Comparison {
            image,
            stock: &self.session.stock.image,
            layers,
            size: expected.size(),
            threads: self.threads,
            progress: &report,
        };
        comparison.differing(&parts).map_err(unreadable)
    }

    /// Decompresses all of both images, of which all is going to be read.
    fn decompress(&self, opened: &ReadBack) -> Result<(), Error> {
        let stock = &self.session.stock.image;
        let total = stock.size() + opened.image.size();
        let progress = self.progress;
        let report = |more| progress.working(Stage::Decompressing, more, total);
        stock.decompress_all(&[], self.threads, &report).map_err(unreadable)?;
        opened.image.decompress_all(&opened.of_stock, self.threads, &report).map_err(unreadable)
    }
}

/// Returns the error of reading an image, which says which one it is where it is damaged.
fn unreadable(error: io::Error) -> Error {
    match error.downcast::<StockImageError>() {
        Ok(error) => Error::Disk(error),
        Err(error) => OutputError::StockImage(error).into(),
    }
}

/// A remainder too small for a group of blocks of its own stays unused when a filesystem grows: less than
/// its tables of descriptors and inodes would take.
const LARGEST_REMAINDER: u64 = 8 << 20;

/// Compares the size of the disk, its partition table, and how much of the root partition its filesystem takes.
fn of_the_disk(
    base: &StockSystem,
    layout: &DiskLayout,
    image: &StockImage,
    disk: &Disk,
) -> Result<Vec<Difference>, Error> {
    let mut differences = Vec::new();
    let mut differs = |what: String| differences.push(Difference::Disk { what });
    // That of the file: one that ends in the middle of a sector would be padded by whoever reads it here.
    let (found, wanted) = (image.unpadded_size(), layout.size);
    if found != wanted {
        differs(format!("has {} bytes, where it should have {}", found.get(), wanted.get()));
    }
    if disk.table != layout.table {
        differs("has another partition table than planned".to_owned());
    }
    let unused =
        |disk: &Disk| -> Result<u64, Error> { Ok(disk.root.length.get() - disk.root_summary()?.size.get()) };
    if unused(disk)? > unused(&base.disk)?.max(LARGEST_REMAINDER) {
        differs("has a root filesystem that does not fill its partition".to_owned());
    }
    Ok(differences)
}

/// The places of a disk, for saying where bytes differ that no file is made of.
struct Places<'run> {
    system: &'run StockSystem,
    layout: &'run DiskLayout,
    /// The free parts of both partitions, in order.
    unused: &'run [Range<u64>],
}

impl Places<'_> {
    /// Returns a difference for each place with bytes that differ; for a partition, only where no file of it does.
    fn of_bytes(&self, differing: &[Range<u64>], of_files: &[patch::FileDifference]) -> Vec<Difference> {
        let range = |entry: &PartitionEntry| entry.start.get()..entry.start.get() + entry.length.get();
        let (boot, root) = (range(&self.system.disk.boot), range(&self.layout.root));
        let first = boot.start.min(root.start);
        // Each range lies in one block, and no partition ends inside one.
        let find = |wanted: &dyn Fn(&u64) -> bool| differing.iter().map(|range| range.start).find(wanted);
        let mut found = Vec::new();
        if find(&|at| *at < first).is_some() {
            found.push("has other bytes before its first partition than planned".to_owned());
        }
        if let Some(at) = find(&|at| *at >= first && !boot.contains(at) && !root.contains(at)) {
            found.push(format!(
                "has other bytes outside its two partitions than planned, the first at byte {at}"
            ));
        }
        for (partition, part) in [(Partition::Boot, &boot), (Partition::Root, &root)] {
            if of_files.iter().any(|difference| difference.partition == partition) {
                continue;
            }
            for (place, free) in [("the metadata", false), ("the free space", true)] {
                if let Some(at) = find(&|at| part.contains(at) && self.is_free(*at) == free) {
                    found.push(format!(
                        "has other bytes in {place} of its {partition} partition than planned, the first at byte {at}"
                    ));
                }
            }
        }
        found.into_iter().map(|what| Difference::Disk { what }).collect()
    }

    fn is_free(&self, at: u64) -> bool {
        let next = self.unused.partition_point(|part| part.end <= at);
        self.unused.get(next).is_some_and(|part| part.contains(&at))
    }
}
