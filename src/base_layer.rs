//! What every card of a cluster stands on: the stock image, larger where what goes onto the cards asks for
//! it, and above it, in one layer, what all nodes get alike.
//!
//! The layer is made once, and whoever writes or packs the images has to write and pack it once.

use crate::cluster::Grow;
use crate::fs::{FsError, ext4, fat};
use crate::io::{Extended, Layer, LayeredDisk, Overlay, ReadAt, Rollback, Window, WriteAt};
use crate::partition::{PartitionEntry, PartitionError, PartitionTable};
use crate::patch::{self, Action, Filesystems, Partition, Patch, PatchError};
use crate::stock_system::StockSystem;
use crate::types::ByteCount;
use crate::types::Hint;
use crate::types::ImagePath;
use crate::types::number;
use std::collections::BTreeSet;
use std::io;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

/// What stays free for what a card writes before its root partition has grown at the first boot.
const SPARE: u64 = 16 << 20;
/// Images grow by a multiple of this.
const STEP: u64 = 64 << 20;
/// Of a growth, at most this part goes to bitmaps, tables of inodes and backups of descriptors, and so much
/// beside: a group of 128 MiB keeps 2 MiB of inodes, and up to 4 MiB of descriptors where it has a backup.
const BOOKKEEPING_PART: u64 = 16;
const BOOKKEEPING: u64 = 8 << 20;

/// A patch that writes more than this is not kept in memory.
const LARGEST_IN_MEMORY: u64 = 16 << 20;

/// An error of laying the foundation.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BaseLayerError {
    /// The partition table could not be changed.
    #[error(transparent)]
    Disk(#[from] PartitionError),
    /// The filesystem could not be made larger.
    #[error("making the root partition larger failed: {0}")]
    Grow(FsError),
    /// The root filesystem could not be asked how much is free.
    #[error("asking how much is free on the root partition failed: {0}")]
    Free(FsError),
    /// What all nodes get could not be written.
    #[error("writing what all nodes get: {0}")]
    Apply(#[from] PatchError),
    /// There is no room for, or no way to keep, what is written.
    #[error("keeping what all nodes get in a temporary file failed: {0}")]
    Scratch(io::Error),
    /// The boot partition could not be asked what is on it.
    #[error("asking how much is free on the boot partition failed: {0}")]
    BootFree(FsError),
    /// A file does not fit on the boot partition.
    #[error("`{path}` does not fit on the boot partition: it has {size}, and {free} are free there")]
    BootFull {
        /// Which.
        path: ImagePath,
        /// Its size.
        size: ByteCount,
        /// The free space that is left for it.
        free: ByteCount,
    },
    /// What is to be put on a card does not fit.
    #[error(
        "what is to be put on a card does not fit: {needed} are needed on the root partition, and {free} are free"
    )]
    NoRoom {
        /// How much is to be written, and how much is to stay free.
        needed: ByteCount,
        /// How much is free.
        free: ByteCount,
        /// By how much the image would have to grow.
        growth: ByteCount,
        /// The largest file that is to be written.
        largest: Option<(ImagePath, ByteCount)>,
    },
}

impl BaseLayerError {
    /// Returns `true` if `image:` of nodes.yaml, or what is put on the cards, has to change.
    pub(crate) fn is_about_room(&self) -> bool {
        matches!(
            self,
            Self::NoRoom { .. }
                | Self::Disk(PartitionError::CannotResize { .. })
                | Self::Grow(FsError::CannotGrow { .. })
        )
    }
}

impl Hint for BaseLayerError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Disk(error) => error.hint(),
            Self::Grow(error) | Self::Free(error) | Self::BootFree(error) => error.hint(),
            Self::BootFull { .. } => Some(
                "Put it on the root partition, which can grow (`grow:` under `image:`), or leave it out"
                    .to_owned(),
            ),
            Self::Apply(error) => error.hint(),
            Self::Scratch(_) => {
                Some("Make room in the folder that the images go to, or choose another one".to_owned())
            }
            Self::NoRoom { growth, largest, .. } => {
                let growth = format!("{}MiB", growth.get() >> 20);
                let set = format!("Set `grow: {growth}` (or `grow: auto`) under `image:`");
                Some(match largest {
                    Some((path, size)) => format!("{set}, or leave out {path} ({size})"),
                    None => set,
                })
            }
        }
    }
}

/// How large cards are, and how they are divided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiskLayout {
    /// How large a card is.
    pub size: ByteCount,
    /// By how much it is larger than the stock image.
    pub growth: ByteCount,
    /// Its partition table.
    pub table: PartitionTable,
    /// Its root partition.
    pub root: PartitionEntry,
}

impl DiskLayout {
    /// Decides how large cards are onto which `patches` fit, one patch a node.
    ///
    /// # Errors
    /// When they would not fit, when the stock image has a GPT, or when its root partition is not the last.
    pub fn decide<'p>(
        base: &StockSystem,
        grow: Grow,
        patches: impl IntoIterator<Item = &'p Patch>,
    ) -> Result<Self, BaseLayerError> {
        let fullest = patches.into_iter().max_by_key(|patch| size_on_root(patch));
        let needed = more_room(fullest.map_or(0, size_on_root), SPARE);
        let free = base.disk.files.root.summary().map_err(BaseLayerError::Free)?.free.get();
        let enough = growth_for(number::excess(needed, free));
        let growth = match grow {
            Grow::Auto => enough,
            Grow::No => 0,
            Grow::By(growth) => growth.get(),
        };
        if growth < enough && needed > more_room(free, usable_of(growth)) {
            return Err(BaseLayerError::NoRoom {
                needed: ByteCount::new(needed),
                free: ByteCount::new(more_room(free, usable_of(growth))),
                growth: ByteCount::new(enough),
                largest: fullest.and_then(largest_on_root),
            });
        }
        Self::grown(base, ByteCount::new(growth))
    }

    /// That of cards that are larger than the stock image by `growth`.
    fn grown(base: &StockSystem, growth: ByteCount) -> Result<Self, BaseLayerError> {
        let (stock, root) = (&base.disk.table, &base.disk.root);
        let size = ByteCount::new(more_room(base.disk.bytes.size().get(), growth.get()));
        if growth.get() == 0 {
            return Ok(Self { size, growth, table: stock.clone(), root: root.clone() });
        }
        let table = stock.resized(root.number, size)?;
        let grown = table.partitions.iter().find(|entry| entry.number == root.number);
        let root = grown.unwrap_or(root).clone();
        let window = Window::new(Arc::clone(&base.disk.bytes), base.disk.root.start, base.disk.root.length);
        let window = window.map_err(|source| BaseLayerError::Grow(source.into()))?;
        ext4::check_growth(&window, root.length).map_err(BaseLayerError::Grow)?;
        Ok(Self { size, growth, table, root })
    }
}

/// Checks that what a patch writes to the boot partition fits there. That partition does not grow: its end is where
/// the root partition begins. The rule is the one that the writer goes by, file by file.
///
/// # Errors
/// Fails with [`BaseLayerError::BootFull`] at the first file that does not fit.
pub(crate) fn check_boot(base: &StockSystem, patch: &Patch) -> Result<(), BaseLayerError> {
    let boot = &base.disk.files.boot;
    let cluster = boot.allocation_unit().get();
    let mut free = boot.summary().map_err(BaseLayerError::BootFree)?.free.get() / cluster;
    let name = fat::LONGEST_ENTRY.div_ceil(cluster);
    for edit in patch.edits_of(Partition::Boot) {
        let found = boot.metadata(&edit.path).map_err(BaseLayerError::BootFree)?;
        let returned = found.map_or(0, |found| found.size.get().div_ceil(cluster));
        match &edit.action {
            Action::File { content, .. } => {
                let needed = content.size().get().div_ceil(cluster);
                let available = free + returned;
                free = match available.checked_sub(needed) {
                    Some(left) if left >= name => left,
                    _ => {
                        return Err(BaseLayerError::BootFull {
                            path: edit.path.clone(),
                            size: content.size(),
                            free: ByteCount::new(number::excess(available, name) * cluster),
                        });
                    }
                };
            }
            Action::Directory { .. } if found.is_none() => free = number::excess(free, 1),
            Action::Remove => free += returned,
            Action::Directory { .. } | Action::Symlink { .. } | Action::Rename { .. } => {}
        }
    }
    Ok(())
}

/// By how much an image has to grow so that there is room for `more` bytes than there were.
fn growth_for(more: u64) -> u64 {
    if more == 0 {
        return 0;
    }
    let with_bookkeeping = more_room(more_room(more, more / (BOOKKEEPING_PART - 1)), BOOKKEEPING);
    // The largest step that 64 bits know is more than any card has, and refused as that.
    with_bookkeeping.checked_next_multiple_of(STEP).unwrap_or(u64::MAX / STEP * STEP)
}

/// Returns the sum of two amounts of room. One beyond 64 bits (two large files of nothing but holes have it) is as
/// much as 64 bits know: more than any card has, and refused as that.
#[expect(clippy::disallowed_methods, reason = "a sum beyond 64 bits is refused as more than a card has")]
fn more_room(one: u64, other: u64) -> u64 {
    one.saturating_add(other)
}

/// How much of a growth is room for files, at least.
fn usable_of(growth: u64) -> u64 {
    number::excess(growth - growth / BOOKKEEPING_PART, BOOKKEEPING)
}

/// The files that a patch writes to the root partition, and how much of it each takes.
fn files_on_root(patch: &Patch) -> impl Iterator<Item = (&ImagePath, u64)> {
    patch.edits_of(Partition::Root).filter_map(|edit| match &edit.action {
        Action::File { content, .. } => {
            // A file has at most 2^63 bytes.
            Some((&edit.path, content.size().get().next_multiple_of(4096)))
        }
        _ => None,
    })
}

fn size_on_root(patch: &Patch) -> u64 {
    files_on_root(patch).fold(0, |sum, (_, size)| more_room(sum, size))
}

fn largest_on_root(patch: &Patch) -> Option<(ImagePath, ByteCount)> {
    let largest = files_on_root(patch).max_by_key(|(_, size)| *size)?;
    Some((largest.0.clone(), ByteCount::new(largest.1)))
}

/// The stock image as large as cards are, and what all nodes get.
pub struct BaseLayer {
    /// The stock image, zeros behind it up to the size of a card, and over both what all nodes share.
    pub disk: LayeredDisk,
    boot: PartitionEntry,
    root: PartitionEntry,
}

impl BaseLayer {
    /// Makes the stock image as large as cards are, and writes `common` above it: what the patches of all
    /// nodes begin with. What is large is kept in a nameless file in `scratch`.
    ///
    /// # Errors
    /// When the filesystem cannot be made larger, or has no room.
    pub fn lay(
        base: &StockSystem,
        extent: &DiskLayout,
        common: &Patch,
        scratch: &Path,
    ) -> Result<Self, BaseLayerError> {
        let stock = Arc::clone(&base.disk.bytes);
        let bytes: Arc<dyn ReadAt> = if extent.growth.get() == 0 {
            Arc::clone(&stock)
        } else {
            let larger = Extended::new(Arc::clone(&stock), extent.size);
            Arc::new(larger.map_err(|source| BaseLayerError::Grow(source.into()))?)
        };
        let disk = LayeredDisk::new(bytes);
        let overlay = overlay_for(common, &disk, scratch).map_err(BaseLayerError::Scratch)?;
        let mut base_layer = Self { disk, boot: base.disk.boot.clone(), root: extent.root.clone() };
        if extent.growth.get() > 0 {
            extent.table.write_length(&overlay, extent.root.number)?;
            let root = base_layer.window(Partition::Root, Arc::clone(&overlay)).map_err(FsError::from);
            let root: Result<Arc<dyn Rollback>, FsError> = root.map(|window| Arc::new(window) as _);
            root.and_then(|root| ext4::grow(&root)).map_err(BaseLayerError::Grow)?;
        }
        if !common.edits.is_empty() {
            base_layer.apply(common, &overlay)?;
        }
        let layer = into_layer(overlay).map_err(BaseLayerError::Scratch)?;
        base_layer.disk = base_layer.disk.with(Arc::new(layer));
        Ok(base_layer)
    }

    /// The blocks that one node has above the foundation: those that `patch` changes.
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
        let shared = self.disk.layers().iter().flat_map(|layer| layer.indices());
        shared.chain(layer.indices()).collect::<BTreeSet<_>>().len()
    }

    /// The parts of a card with this layer that hold nothing, in order: what its two filesystems say is free.
    ///
    /// # Errors
    /// When one of the filesystems cannot be read.
    pub fn unused(&self, layer: &Arc<Layer>) -> Result<Vec<Range<u64>>, PatchError> {
        let disk = Arc::new(self.disk.with(Arc::clone(layer)));
        let mut unused = Vec::new();
        for (partition, entry) in [(Partition::Boot, &self.boot), (Partition::Root, &self.root)] {
            let window = self.window(partition, Arc::clone(&disk)).map_err(FsError::from);
            let free = window.and_then(|window| match partition {
                Partition::Boot => fat::unused(Arc::new(window)),
                Partition::Root => ext4::unused(&window),
            });
            let free = free.map_err(|source| PatchError::Filesystem {
                doing: "read the free space of",
                partition,
                path: ImagePath::root(),
                source,
            })?;
            let absolute = |offset: u64| entry.start.get() + offset;
            unused.extend(free.into_iter().map(|part| absolute(part.start)..absolute(part.end)));
        }
        unused.sort_by_key(|part| part.start);
        Ok(unused)
    }

    fn window<D: ReadAt>(&self, partition: Partition, disk: D) -> io::Result<Window<D>> {
        let entry = match partition {
            Partition::Boot => &self.boot,
            Partition::Root => &self.root,
        };
        Window::new(disk, entry.start, entry.length)
    }

    fn apply(&self, patch: &Patch, overlay: &Arc<Overlay>) -> Result<(), PatchError> {
        let window = |partition| self.window(partition, Arc::clone(overlay)).map_err(FsError::from);
        let boot = window(Partition::Boot).and_then(|window| {
            let window: Arc<dyn WriteAt> = Arc::new(window);
            fat::FatWriter::open(window, patch.time)
        });
        let boot = boot.map_err(opening(Partition::Boot))?;
        let root =
            window(Partition::Root).and_then(|window| ext4::Ext4Writer::open(Arc::new(window), patch.time));
        let root = root.map_err(opening(Partition::Root))?;
        patch::apply(patch, Filesystems { boot: Box::new(boot), root: Box::new(root) })
    }
}

/// An overlay for what a patch writes: in memory, or, for much, in a nameless file.
fn overlay_for(patch: &Patch, below: &LayeredDisk, scratch: &Path) -> io::Result<Arc<Overlay>> {
    let below = below.clone();
    let overlay = if size_on_root(patch) > LARGEST_IN_MEMORY {
        Overlay::in_file(below, scratch)?
    } else {
        Overlay::above(below)
    };
    Ok(Arc::new(overlay))
}

fn into_layer(overlay: Arc<Overlay>) -> io::Result<Layer> {
    let lost = || io::Error::other("a filesystem still holds on to the overlay");
    Arc::into_inner(overlay).ok_or_else(lost).and_then(Overlay::into_layer)
}

fn opening(partition: Partition) -> impl Fn(FsError) -> PatchError {
    move |source| PatchError::Filesystem { doing: "open", partition, path: ImagePath::root(), source }
}
