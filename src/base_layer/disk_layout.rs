//! The size of the disks of a cluster: how much is written to each, and by how much the stock image has to grow for it.

use super::error::BaseLayerError;
use crate::cluster::Grow;
use crate::fs::{ext4, fat};
use crate::io::ReadAt as _;
use crate::partition::{PartitionEntry, PartitionTable};
use crate::patch::{Action, Partition, Patch, StockFiles};
use crate::stock_system::StockSystem;
use crate::types::{ByteCount, ImagePath, number};

/// The space that stays free for what a node writes before its root partition has grown at the first boot.
const SPARE: u64 = 16 << 20;
/// Images grow by a multiple of this.
const STEP: u64 = 64 << 20;
/// Of a growth, at most this part goes to bitmaps, tables of inodes and backups of descriptors, and so much
/// beside: a group of 128 MiB keeps 2 MiB of inodes, and up to 4 MiB of descriptors where it has a backup.
const BOOKKEEPING_PART: u64 = 16;
const BOOKKEEPING: u64 = 8 << 20;

/// The size and the partitions of the disks of a cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiskLayout {
    /// The size of a disk.
    pub size: ByteCount,
    /// The size by which it is larger than the stock image.
    pub growth: ByteCount,
    /// Its partition table.
    pub table: PartitionTable,
    /// Its root partition.
    pub root: PartitionEntry,
}

impl DiskLayout {
    /// Decides how large disks are that `patches` fit on, one patch a node.
    ///
    /// # Errors
    /// When they would not fit, when the stock image has a GPT, or when its root partition is not the last.
    pub fn decide<'p>(
        system: &StockSystem,
        grow: Grow,
        patches: impl IntoIterator<Item = &'p Patch>,
    ) -> Result<Self, BaseLayerError> {
        let fullest = patches.into_iter().max_by_key(|patch| size_on_root(patch));
        let needed = more_room(fullest.map_or(0, size_on_root), SPARE);
        let free = system.disk.files.root.summary().map_err(BaseLayerError::Free)?.free.get();
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
        Self::grown(system, ByteCount::new(growth))
    }

    /// Returns the layout of disks that are larger than the stock image by `growth`.
    #[expect(clippy::expect_used, reason = "resizing changes where a partition ends, and nothing else")]
    fn grown(system: &StockSystem, growth: ByteCount) -> Result<Self, BaseLayerError> {
        let (stock, root) = (&system.disk.table, &system.disk.root);
        let size = ByteCount::new(more_room(system.disk.bytes.size().get(), growth.get()));
        if growth.get() == 0 {
            return Ok(Self { size, growth, table: stock.clone(), root: root.clone() });
        }
        let table = stock.resized(root.number, size)?;
        let root = table.partitions.iter().find(|entry| entry.number == root.number);
        let root = root.expect("a resized table has the same partitions").clone();
        let window = system
            .disk
            .root
            .window(&*system.disk.bytes)
            .map_err(|error| BaseLayerError::Grow(error.into()))?;
        ext4::check_growth(&window, root.length).map_err(BaseLayerError::Grow)?;
        Ok(Self { size, growth, table, root })
    }
}

/// The room on the boot partition of a stock image. That partition does not grow: its end is where the root partition
/// begins.
pub(crate) struct BootRoom<'system> {
    files: &'system StockFiles,
    /// The size of a cluster.
    cluster: u64,
    /// The number of clusters that are free: counting them reads the whole file allocation table.
    free: u64,
}

impl<'system> BootRoom<'system> {
    /// Counts what is free.
    ///
    /// # Errors
    /// When the boot partition cannot be read.
    pub(crate) fn of(system: &'system StockSystem) -> Result<Self, BaseLayerError> {
        let files = &system.disk.files;
        let cluster = files.boot.allocation_unit().get();
        let free = files.boot.summary().map_err(BaseLayerError::BootFree)?.free.get() / cluster;
        Ok(Self { files, cluster, free })
    }

    /// Checks that what a patch writes to the boot partition fits there. The rule is the one that the writer goes by, file
    /// by file.
    ///
    /// # Errors
    /// Fails with [`BaseLayerError::BootFull`] at the first file that does not fit.
    pub(crate) fn check(&self, patch: &Patch) -> Result<(), BaseLayerError> {
        let Self { files, cluster, mut free } = *self;
        let name = fat::LONGEST_ENTRY.div_ceil(cluster);
        for edit in patch.edits_of(Partition::Boot) {
            let found = files.boot.metadata(&edit.path).map_err(BaseLayerError::BootFree)?;
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
}

/// Returns the size by which an image has to grow so that there is room for `more` bytes than there were.
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

/// Returns how much of a growth is room for files, at least.
fn usable_of(growth: u64) -> u64 {
    number::excess(growth - growth / BOOKKEEPING_PART, BOOKKEEPING)
}

/// Returns the files that a patch writes to the root partition, and how much of it each takes.
fn files_on_root(patch: &Patch) -> impl Iterator<Item = (&ImagePath, u64)> {
    patch.edits_of(Partition::Root).filter_map(|edit| match &edit.action {
        Action::File { content, .. } => {
            // A file has at most 2^63 bytes.
            Some((&edit.path, content.size().get().next_multiple_of(4096)))
        }
        _ => None,
    })
}

/// Returns how much of the root partition the files of a patch take.
pub(crate) fn size_on_root(patch: &Patch) -> u64 {
    files_on_root(patch).fold(0, |sum, (_, size)| more_room(sum, size))
}

fn largest_on_root(patch: &Patch) -> Option<(ImagePath, ByteCount)> {
    let largest = files_on_root(patch).max_by_key(|(_, size)| *size)?;
    Some((largest.0.clone(), ByteCount::new(largest.1)))
}
