//! The disk that all nodes of a cluster share: the stock image, larger where the files of a node ask for it, and over
//! it, in one layer, the files that all nodes get alike.
//!
//! ```text
//! nodes      ┌ n ┐        ┌ n ┐      a layer each: host name, address, keys
//! base layer └───┴────────┴───┴──┐   written once, compressed once: k3s, its images, settings
//! stock      ═════════════════╪══╡   read only
//!            boot             root ▶ zeros, where the root partition grows
//! ```

mod disk_layout;
mod error;

pub use disk_layout::DiskLayout;
pub(crate) use disk_layout::{BootRoom, size_on_root};
pub use error::BaseLayerError;

use crate::fs::{FsError, ext4, fat};
use crate::io::{Extended, Layer, LayeredDisk, Overlay, ReadAt, Rollback, Window};
use crate::partition::PartitionEntry;
use crate::patch::{self, Filesystems, Partition, Patch, PatchError};
use crate::stock_system::StockSystem;
use crate::types::ImagePath;
use std::io;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

/// The most that a patch may write in memory.
const LARGEST_IN_MEMORY: u64 = 16 << 20;

/// The stock image, as large as the disks of the cluster are, with the layer that all nodes share.
pub struct BaseLayer {
    /// The stock image, zeros behind it up to the size of a disk, and over both the layer that all nodes share.
    pub disk: LayeredDisk,
    /// That layer.
    layer: Arc<Layer>,
    boot: PartitionEntry,
    root: PartitionEntry,
}

impl BaseLayer {
    /// Makes the stock image as large as the disks are, and writes `common` over it: the edits that the patches of all
    /// nodes begin with. What is large is kept in an anonymous file in `scratch`.
    ///
    /// # Errors
    /// When the filesystem cannot be made larger, or has no room.
    pub fn create(
        system: &StockSystem,
        layout: &DiskLayout,
        common: &Patch,
        scratch: &Path,
    ) -> Result<Self, BaseLayerError> {
        let stock = Arc::clone(&system.disk.bytes);
        let bytes: Arc<dyn ReadAt> = if layout.growth.get() == 0 {
            Arc::clone(&stock)
        } else {
            let larger = Extended::new(Arc::clone(&stock), layout.size);
            Arc::new(larger.map_err(|source| BaseLayerError::Grow(source.into()))?)
        };
        let disk = LayeredDisk::new(bytes);
        let overlay = overlay_for(common, &disk, scratch).map_err(BaseLayerError::Scratch)?;
        let (boot, root) = (system.disk.boot.clone(), layout.root.clone());
        let mut base_layer = Self { disk, layer: Arc::default(), boot, root };
        if layout.growth.get() > 0 {
            layout.table.write_length(&overlay, layout.root.number)?;
            let root = base_layer.window(Partition::Root, Arc::clone(&overlay)).map_err(FsError::from);
            let root: Result<Arc<dyn Rollback>, FsError> = root.map(|window| Arc::new(window) as _);
            root.and_then(|root| ext4::grow(&root)).map_err(BaseLayerError::Grow)?;
        }
        if !common.edits.is_empty() {
            base_layer.apply(common, &overlay)?;
        }
        base_layer.layer = Arc::new(into_layer(overlay).map_err(BaseLayerError::Scratch)?);
        base_layer.disk = base_layer.disk.with(Arc::clone(&base_layer.layer));
        Ok(base_layer)
    }

    /// Returns the layer of one node: the blocks that `patch` changes.
    ///
    /// # Errors
    /// When one of the filesystems cannot take it.
    pub fn patch(&self, patch: &Patch, scratch: &Path) -> Result<Layer, PatchError> {
        let lost = |source: io::Error| opening(Partition::Root)(source.into());
        let overlay = overlay_for(patch, &self.disk, scratch).map_err(lost)?;
        self.apply(patch, &overlay)?;
        into_layer(overlay).map_err(lost)
    }

    /// Returns the number of blocks in which a node with this layer differs from the stock image.
    pub fn changed_blocks(&self, layer: &Layer) -> usize {
        let own = layer.indices().filter(|index| !self.layer.contains(*index)).count();
        self.layer.count() + own
    }

    /// Returns the parts of a node's disk that hold nothing, in order: what its two filesystems say is free.
    ///
    /// # Errors
    /// When one of the filesystems cannot be read.
    pub fn unused(&self, layer: &Arc<Layer>) -> Result<Vec<Range<u64>>, PatchError> {
        let disk: Arc<dyn ReadAt> = Arc::new(self.disk.with(Arc::clone(layer)));
        unused(&disk, &self.boot, &self.root)
    }

    fn window<D: ReadAt>(&self, partition: Partition, disk: D) -> io::Result<Window<D>> {
        let entry = match partition {
            Partition::Boot => &self.boot,
            Partition::Root => &self.root,
        };
        entry.window(disk)
    }

    fn apply(&self, patch: &Patch, overlay: &Arc<Overlay>) -> Result<(), PatchError> {
        let window = |partition| self.window(partition, Arc::clone(overlay)).map_err(FsError::from);
        let boot =
            window(Partition::Boot).and_then(|window| fat::FatWriter::open(Arc::new(window), patch.time));
        let boot = boot.map_err(opening(Partition::Boot))?;
        let root =
            window(Partition::Root).and_then(|window| ext4::Ext4Writer::open(Arc::new(window), patch.time));
        let root = root.map_err(opening(Partition::Root))?;
        patch::apply(patch, Filesystems { boot: Box::new(boot), root: Box::new(root) })
    }
}

/// Returns the parts of a disk that hold nothing, in order: what the filesystems of its two partitions say is free.
///
/// # Errors
/// When one of the filesystems cannot be read.
pub fn unused(
    disk: &Arc<dyn ReadAt>,
    boot: &PartitionEntry,
    root: &PartitionEntry,
) -> Result<Vec<Range<u64>>, PatchError> {
    let mut unused = Vec::new();
    for (partition, entry) in [(Partition::Boot, boot), (Partition::Root, root)] {
        let window = entry.window(Arc::clone(disk)).map_err(FsError::from);
        let free = window.and_then(|window| match partition {
            Partition::Boot => fat::unused(Arc::new(window)),
            Partition::Root => ext4::unused(&window),
        });
        let at = partition.at(&ImagePath::root());
        let free = free.map_err(PatchError::filesystem("read the free space of", at))?;
        let absolute = |offset: u64| entry.start.get() + offset;
        unused.extend(free.into_iter().map(|part| absolute(part.start)..absolute(part.end)));
    }
    unused.sort_by_key(|part| part.start);
    Ok(unused)
}

/// Returns an overlay for what a patch writes: in memory, or, for much, in an anonymous file.
fn overlay_for(patch: &Patch, below: &LayeredDisk, scratch: &Path) -> io::Result<Arc<Overlay>> {
    let below = below.clone();
    let overlay = if size_on_root(patch) > LARGEST_IN_MEMORY {
        Overlay::in_file(below, scratch)?
    } else {
        Overlay::above(below)
    };
    Ok(Arc::new(overlay))
}

#[expect(clippy::expect_used, reason = "the writers of both filesystems are gone when a patch is applied")]
fn into_layer(overlay: Arc<Overlay>) -> io::Result<Layer> {
    Arc::into_inner(overlay).expect("nothing else holds the overlay").into_layer()
}

fn opening(partition: Partition) -> impl FnOnce(FsError) -> PatchError {
    PatchError::filesystem("open", partition.at(&ImagePath::root()))
}
