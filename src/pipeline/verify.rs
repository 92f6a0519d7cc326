//! Reading a finished image back and comparing it with the plan.

use crate::base_layer::{BaseLayerError, DiskLayout};
use crate::io::{Extended, Overlay, ReadAt};
use crate::output;
use crate::patch;
use crate::pipeline::{Error, Progress, Session, named_node};
use crate::raspios;
use crate::stock_image::StockImage;
use crate::stock_system::{Disk, StockSystem};
use crate::types::number::usize_from;
use crate::types::{ByteCount, ByteOffset, Stage};
use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;

/// The findings of reading an image back.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Verified {
    /// The node whose plan it was compared with.
    pub node: String,
    /// The differences; none when the image is as planned.
    pub differences: Vec<Difference>,
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
    /// When one of the images cannot be read, or it is not known which node the image is for. What differs is
    /// no error.
    pub fn verify(
        &self,
        path: &Path,
        node: Option<&str>,
        threads: usize,
        progress: &dyn Progress,
    ) -> Result<Verified, Error> {
        verify(self, path, node, threads, progress)
    }
}

fn verify(
    session: &Session,
    path: &Path,
    node: Option<&str>,
    threads: usize,
    progress: &dyn Progress,
) -> Result<Verified, Error> {
    let (stock, base) = (&*session.stock.image, &session.stock.system);
    let image = Arc::new(StockImage::open(path, None, &session.scratch())?);
    let named = |source| Error::StockImage { image: path.display().to_string(), source };
    let disk = Disk::open(Arc::clone(&image) as _).map_err(named)?;
    let card = match (raspios::read_card_record(&disk.files), node) {
        (Ok(card), _) => card,
        // A record that is damaged is a difference like any other, where nothing hangs on it.
        (Err(_), Some(_)) => None,
        (Err(error), None) => return Err(error.into()),
    };
    let name = node.or(card.as_ref().map(|card| card.node.as_str()));
    let name = name.ok_or_else(|| Error::NotACard { image: path.to_owned() })?;
    let mut cluster = session.cluster.clone();
    if card.as_ref().is_some_and(|card| card.rejoins) {
        cluster.rejoin(name)?;
    }
    if let Some(through) = card.as_ref().and_then(|card| card.through.as_deref()) {
        cluster.join_through(through)?;
    }
    let node = named_node(&cluster, name)?;
    let plans = session.plan_as(&cluster, progress)?;
    // All of both is going to be read, so that the total is larger than either.
    let total = stock.size() + image.size();
    let tell = |more| progress.working(Stage::ReadingBoth, more, total);
    for image in [stock, &image] {
        image.decompress_all(threads, &tell).map_err(output::OutputError::StockImage)?;
    }
    let mut differences = outside_the_files(base, &plans.layout, image.unpadded_size(), &disk, path)?;
    let of_files = patch::check(plans.of(node)?, &base.disk.files, &disk.files)?;
    differences.extend(of_files.into_iter().map(Difference::File));
    Ok(Verified { node: node.name.to_string(), differences })
}

/// A remainder too small for a group of blocks of its own stays unused when a filesystem grows: less than
/// its tables of descriptors and inodes would take.
const LARGEST_REMAINDER: u64 = 8 << 20;

/// Compares what no file of a plan says: the size of the disk, its partition table, and how much of the root
/// partition its filesystem takes. All else is what the stock image has.
fn outside_the_files(
    base: &StockSystem,
    layout: &DiskLayout,
    size: ByteCount,
    disk: &Disk,
    path: &Path,
) -> Result<Vec<Difference>, Error> {
    let mut differences = Vec::new();
    let mut differs = |what: String| differences.push(Difference::Disk { what });
    // That of the file: one that ends in the middle of a sector would be padded by whoever reads it here.
    if size != layout.size {
        let (found, wanted) = (size.get(), layout.size.get());
        differs(format!("has {found} bytes, where it should have {wanted}"));
    }
    if disk.table != layout.table {
        differs("has another partition table than planned".to_owned());
    }
    if before_the_partitions(&*disk.bytes, base).map_err(output::OutputError::write("reading", path))?
        != expected_before_the_partitions(base, layout)?
    {
        differs("has other bytes before its first partition than planned".to_owned());
    }
    let unused = |disk: &Disk| -> Result<u64, Error> {
        let root = crate::types::ImagePath::root();
        let failed = |source| patch::PatchError::Filesystem {
            doing: "read the superblock of",
            partition: patch::Partition::Root,
            path: root,
            source,
        };
        Ok(disk.root.length.get() - disk.files.root.summary().map_err(failed)?.size.get())
    };
    if unused(disk)? > unused(&base.disk)?.max(LARGEST_REMAINDER) {
        differs("has a root filesystem that does not fill its partition".to_owned());
    }
    Ok(differences)
}

/// The bytes before the first partition of the base.
fn before_the_partitions(disk: &dyn ReadAt, base: &StockSystem) -> io::Result<Vec<u8>> {
    let first = base.disk.boot.start.get().min(base.disk.root.start.get());
    let mut bytes = vec![0; usize_from(first.min(disk.size().get()))];
    disk.read_at(ByteOffset::ZERO, &mut bytes)?;
    Ok(bytes)
}

fn expected_before_the_partitions(base: &StockSystem, layout: &DiskLayout) -> Result<Vec<u8>, Error> {
    let stock =
        Extended::new(Arc::clone(&base.disk.bytes), layout.size).map_err(output::OutputError::StockImage)?;
    let expected = Overlay::new(Arc::new(stock));
    if layout.growth.get() > 0 {
        layout.table.write_length(&expected, layout.root.number).map_err(BaseLayerError::from)?;
    }
    Ok(before_the_partitions(&expected, base).map_err(output::OutputError::StockImage)?)
}
