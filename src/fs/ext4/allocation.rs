//! Which blocks of an ext4 are free, read from its own bitmaps.
//!
//! What a group has of its own where its bitmap was never written: `ext4_init_block_bitmap` in the kernel's
//! `fs/ext4/balloc.c`.

use super::descriptors::{BLOCK_UNINIT, Descriptor, DescriptorTable};
use super::geometry::Geometry;
use super::superblock::{Superblock, damaged};
use crate::fs::{FreeSpace, FsError, UnusedRanges};
use crate::io::ReadAt;
use crate::types::ByteOffset;
use crate::types::number::usize_from;
use std::ops::Range;

/// The parts of an ext4 that hold nothing: its blocks that are free. All metadata (superblocks and their
/// copies, descriptors, bitmaps, inode tables, journal) counts as in use.
///
/// # Errors
/// When it is no ext4, has features that change what its bitmaps mean, or is damaged.
pub fn unused(disk: &dyn ReadAt) -> Result<UnusedRanges, FsError> {
    let superblock = Superblock::read(disk)?;
    superblock.check_writable()?;
    let geometry = Geometry::of(&superblock)?;
    let descriptors: Vec<Descriptor> = DescriptorTable::read(disk, &geometry)?.all().collect();
    let block_size = u64::from(geometry.block_size);
    let mut free = FreeSpace::default();
    for (group, descriptor) in (0..).zip(&descriptors) {
        let first = geometry.start_of(group);
        let blocks = first..first + u64::from(geometry.blocks_in(group));
        let mut bitmap = vec![0; usize_from(geometry.block_size)];
        // Without checksums nobody keeps the flags of a descriptor, and they may say anything.
        if superblock.features.has_checked_groups() && descriptor.flags() & BLOCK_UNINIT != 0 {
            mark_own_blocks(&mut bitmap, &geometry, &descriptors, group, &blocks);
        } else {
            let at = descriptor.block_bitmap().checked_mul(block_size);
            let at = at.ok_or_else(|| damaged("the bitmap of a group lies beyond 64 bits"))?;
            disk.read_at(ByteOffset::new(at), &mut bitmap)?;
        }
        for block in blocks {
            if !is_set(&bitmap, block - first) {
                free.add(block * block_size, block_size);
            }
        }
    }
    Ok(free.into_ranges())
}

/// Makes the bitmap of a group whose own was never written: all that any group has there.
#[expect(clippy::expect_used, reason = "the size of a group is checked with the superblock")]
fn mark_own_blocks(
    bitmap: &mut [u8],
    geometry: &Geometry,
    descriptors: &[Descriptor],
    group: u32,
    blocks: &Range<u64>,
) {
    let mut mark = |first: u64, count: u32| {
        // What a damaged descriptor says to lie beyond 64 bits lies in no group.
        let end = first.checked_add(count.into()).map_or(blocks.start, |end| end.min(blocks.end));
        for block in first.max(blocks.start)..end {
            let bit = block - blocks.start;
            let byte = bitmap.get_mut(usize_from(bit / 8));
            *byte.expect("a group has no more blocks than its bitmap has bits") |= 1 << (bit % 8);
        }
    };
    mark(blocks.start, geometry.header_blocks(group));
    // With flex_bg they lie in whatever group there is.
    for descriptor in descriptors {
        mark(descriptor.block_bitmap(), 1);
        mark(descriptor.inode_bitmap(), 1);
        mark(descriptor.inode_table(), geometry.inode_table_blocks());
    }
}

#[expect(clippy::expect_used, reason = "the size of a group is checked with the superblock")]
fn is_set(bitmap: &[u8], bit: u64) -> bool {
    let byte = bitmap.get(usize_from(bit / 8));
    byte.expect("a group has no more blocks than its bitmap has bits") & (1 << (bit % 8)) != 0
}
