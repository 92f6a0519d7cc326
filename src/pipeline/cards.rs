//! The disks of nodes, to be written over cards without files in between, and those in images that exist already.

use super::Error;
use super::build::plan_digest;
use super::plans::Plans;
use super::session::Session;
use crate::base_layer::{BaseLayer, unused};
use crate::cluster::{Cluster, Node};
use crate::flash::Source;
use crate::identity::SecretFingerprint;
use crate::io::{LayeredDisk, ReadAt};
use crate::output::sidecar::{bmap, build_json, sha256sums};
use crate::output::{self, OutputError};
use crate::patch::PatchError;
use crate::raspios::{self, CardRecord};
use crate::stock_image::StockImage;
use crate::stock_system::Disk;
use crate::types::{ByteCount, Digest, Progress, Stage};
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The disks of the nodes of a cluster.
pub struct Cards<'run> {
    session: &'run Session,
    plans: &'run Plans<'run>,
    base_layer: BaseLayer,
    scratch: PathBuf,
}

/// A disk that is to be written over a card.
pub struct CardDisk {
    /// Its bytes.
    pub disk: Arc<dyn ReadAt>,
    /// The parts of it that are in use, in order and apart: all that the filesystems do not call free.
    pub used: Vec<Range<u64>>,
    /// The [origin](Cards::origin_of). An image that exists already does not say it.
    pub origin: Option<Digest>,
    /// The node that it is for.
    pub record: Option<CardRecord>,
    /// The fingerprint of the secret that it is made with. An image that exists already does not say it.
    pub secret: Option<SecretFingerprint>,
    /// The image that it comes from, which is decompressed while it is read.
    image: Arc<StockImage>,
}

impl CardDisk {
    /// Returns the disk, as it is written.
    pub fn source(&self) -> Source<'_> {
        Source { disk: &*self.disk, used: &self.used }
    }

    /// Returns the size of the disk.
    pub fn size(&self) -> ByteCount {
        self.disk.size()
    }

    /// Takes all of the disk for in use.
    #[must_use]
    pub fn whole(self) -> Self {
        let all = 0..self.disk.size().get();
        Self { used: vec![all], ..self }
    }

    /// Decompresses the image that it comes from with so many threads, while another reads the disk. What was decompressed before
    /// is not again.
    pub fn decompress_ahead(&self, threads: usize) {
        // Whoever reads what cannot be decompressed is told.
        if let Err(error) = self.image.decompress_all(&[], threads, &|_| ()) {
            tracing::debug!("decompressing ahead ended: {error}");
        }
    }

    /// Checks an image that exists already before a card is erased for it: by its SHA-256, where the lists beside it have one, or
    /// else by decompressing all of it with so many threads.
    ///
    /// # Errors
    /// When it is not the image that a list beside it speaks of, or cannot be read or decompressed.
    pub fn check(&self, path: &Path, threads: usize, progress: &dyn Progress) -> Result<(), Error> {
        let Some((list, digest)) = listed_digest(path) else {
            let report = |more| progress.working(Stage::Decompressing, more, self.disk.size());
            return Ok(self.image.decompress_all(&[], threads, &report).map_err(OutputError::StockImage)?);
        };
        if self.image.file_digest().map_err(OutputError::StockImage)? == digest {
            return Ok(());
        }
        Err(Error::DamagedImage { image: path.to_owned(), list })
    }

    /// Opens an image that exists already, compressed or not.
    ///
    /// # Errors
    /// When it cannot be read, or has no partition table.
    pub fn open(path: &Path, scratch: &Path) -> Result<Self, Error> {
        let image = Arc::new(StockImage::open(path, None, scratch)?);
        let disk: Arc<dyn ReadAt> = Arc::clone(&image) as _;
        let all = 0..disk.size().get();
        let (used, record) = match Disk::open(Arc::clone(&disk)) {
            Ok(found) => {
                let free = unused(&disk, &found.boot, &found.root).inspect_err(|error| {
                    tracing::debug!("{}: all of it counts as in use: {error}", path.display());
                });
                let used = free.map_or_else(|_| vec![all], |free| bmap::mapped(disk.size(), &free));
                (used, raspios::read_card_record(&found.files)?)
            }
            // It is another system's, whose partitions nobody here understands.
            Err(error) => {
                tracing::debug!("{}: all of it counts as in use: {error}", path.display());
                (vec![all], None)
            }
        };
        Ok(Self { disk, used, origin: None, record, secret: None, image })
    }
}

/// Returns the SHA-256 of an image in the lists beside it, and the name of the list.
fn listed_digest(path: &Path) -> Option<(&'static str, Digest)> {
    let name = output::name_of(path);
    let read = |list: &str| fs::read_to_string(path.with_file_name(list)).ok();
    let sums = read(sha256sums::NAME).and_then(|text| sha256sums::digests_of(&text, &name).next());
    let statement = || {
        let images = build_json::images_of(&read(build_json::NAME)?)?;
        images.into_iter().find_map(|(image, digest)| digest.filter(|_| image == name))
    };
    sums.map(|digest| (sha256sums::NAME, digest)).or_else(|| Some((build_json::NAME, statement()?)))
}

/// Returns whether an image was made before nodes.yaml was changed: by the SHA-256 in the build.json that speaks of it, or else
/// by the times of the two files.
pub fn is_outdated(image: &Path, cluster: &Cluster) -> bool {
    let statement = fs::read_to_string(image.with_file_name(build_json::NAME)).ok();
    let of = statement.and_then(|text| build_json::nodes_yaml_of(&text, &output::name_of(image)));
    let time = |path: &Path| fs::metadata(path).and_then(|metadata| metadata.modified()).ok();
    match (of, time(image), time(&cluster.source)) {
        (Some(digest), ..) => digest != cluster.source_digest,
        (None, Some(image), Some(nodes_yaml)) => image < nodes_yaml,
        _ => false,
    }
}

/// Returns whose card a disk is, where this program made it.
pub fn card_record(disk: Arc<dyn ReadAt>) -> Option<CardRecord> {
    let record = Disk::open(disk).map(|disk| raspios::read_card_record(&disk.files));
    match record {
        Ok(Ok(record)) => record,
        Ok(Err(error)) => {
            tracing::debug!("a record of being a card cannot be read: {error}");
            None
        }
        Err(error) => {
            tracing::debug!("no card of this program: {error}");
            None
        }
    }
}

impl Session {
    /// Makes what the disks of all nodes share, for writing them over cards. The SHA-256 of the stock image
    /// is known to be right then.
    ///
    /// # Errors
    /// When the stock image is another one than the one pinned, or cannot be read.
    pub fn cards<'run>(&'run self, plans: &'run Plans<'run>) -> Result<Cards<'run>, Error> {
        self.stock.image.start_hashing();
        let scratch = self.scratch();
        let base_layer = BaseLayer::create(&self.stock.system, &plans.layout, &plans.common, &scratch)?;
        self.stock.verify()?;
        Ok(Cards { session: self, plans, base_layer, scratch })
    }
}

impl Cards<'_> {
    /// Returns the disk of a node, whose bytes are those of the image that [`Session::build`] writes.
    ///
    /// # Errors
    /// When it is none of the cluster, or its plan cannot be applied.
    pub fn of(&self, node: &Node) -> Result<CardDisk, Error> {
        let (disk, layer) = self.layered(node)?;
        let free = self.base_layer.unused(&layer).map_err(failed(node))?;
        let record = card_record(Arc::new(disk.clone()));
        let used = bmap::mapped(disk.size(), &free);
        let (origin, image) = (Some(self.origin_of(node)?), Arc::clone(&self.session.stock.image));
        let secret = Some(self.session.secret.fingerprint());
        Ok(CardDisk { disk: Arc::new(disk), used, origin, record, secret, image })
    }

    /// Returns a SHA-256 that tells the stock image and the plan of a node from others: with another one, its card would be
    /// another.
    ///
    /// # Errors
    /// When it is none of the cluster.
    pub fn origin_of(&self, node: &Node) -> Result<Digest, Error> {
        let stock = self.session.stock.image.file_digest().map_err(OutputError::StockImage)?;
        let plan = plan_digest(&self.plans.of(node)?, &self.plans.common, &self.session.stock.system)?;
        Ok(Digest::of(&[*stock.as_bytes(), *plan.as_bytes()].concat()))
    }

    /// Returns the size of every disk.
    pub fn size(&self) -> ByteCount {
        self.base_layer.disk.size()
    }

    pub(super) fn layered(&self, node: &Node) -> Result<(LayeredDisk, Arc<crate::io::Layer>), Error> {
        let patch = self.plans.of(node)?.beyond(&self.plans.common);
        let layer = Arc::new(self.base_layer.patch(&patch, &self.scratch).map_err(failed(node))?);
        Ok((self.base_layer.disk.with(Arc::clone(&layer)), layer))
    }
}

fn failed(node: &Node) -> impl FnOnce(PatchError) -> Error {
    let node = node.name.to_string();
    move |source| Error::Apply { node, source }
}
