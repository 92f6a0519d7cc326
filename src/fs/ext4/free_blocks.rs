//! The free blocks of an ext4, by its own bitmaps.
//!
//! The blocks in use of a group whose bitmap was never written: `ext4_init_block_bitmap` in the kernel's
//! `fs/ext4/balloc.c`.

use super::bitmap::Bitmap;
use super::blocks::FsBlocks;
use super::geometry::Geometry;
use super::group_descriptors::{
    BLOCK_BITMAP, BLOCK_UNINIT, BlockGroupDescriptor, GroupDescriptorTable, INODE_BITMAP, INODE_TABLE,
};
use super::superblock::Superblock;
use crate::fs::{FreeSpace, FsResult, UnusedRanges};
use crate::io::ReadAt;

/// Returns the parts of an ext4 that hold nothing: its free blocks. All metadata (superblocks and their copies,
/// descriptors, bitmaps, inode tables, journal) counts as in use.
///
/// # Errors
/// When it is not an ext4, has features that change what its bitmaps mean, or is damaged.
pub fn unused(disk: &dyn ReadAt) -> FsResult<UnusedRanges> {
    let superblock = Superblock::read(disk)?;
    superblock.check_writable()?;
    let geometry = superblock.checked_geometry()?;
    let descriptors: Vec<_> = GroupDescriptorTable::read(disk, &geometry)?.all().collect();
    let blocks = FsBlocks::new(disk, geometry.block_size.into());
    let mut free = FreeSpace::default();
    for (group, descriptor) in (0..).zip(&descriptors) {
        // Without checksums nobody maintains the flags of a descriptor, and they may say anything.
        let has_bitmap = !superblock.features.have_checked_groups() || descriptor.flags() & BLOCK_UNINIT == 0;
        let bitmap = if has_bitmap {
            Bitmap::new(blocks.read(descriptor.block(BLOCK_BITMAP))?)
        } else {
            own_blocks(blocks.empty(), &geometry, &descriptors, group)
        };
        let start = geometry.start_of(group);
        let block_size = u64::from(geometry.block_size);
        for block in start..start + u64::from(geometry.blocks_in(group)) {
            if !bitmap.is_set(block - start) {
                free.add(block * block_size, block_size);
            }
        }
    }
    Ok(free.into_ranges())
}

/// Makes the bitmap of a group whose own was never written, out of an `empty` block: all that any group has there.
fn own_blocks(
    empty: Vec<u8>,
    geometry: &Geometry,
    descriptors: &[BlockGroupDescriptor],
    group: u32,
) -> Bitmap {
    let mut bitmap = Bitmap::new(empty);
    let start = geometry.start_of(group);
    let end = start + u64::from(geometry.blocks_in(group));
    let mut mark = |first: u64, count: u32| {
        // What a damaged descriptor says to lie beyond 64 bits lies in no group.
        let behind = first.checked_add(count.into()).map_or(start, |behind| behind.min(end));
        if first < behind && behind > start {
            bitmap.set(first.max(start) - start..behind - start, true);
        }
    };
    mark(start, geometry.header_blocks(group));
    // With flex_bg they lie in whatever group there is.
    for descriptor in descriptors {
        mark(descriptor.block(BLOCK_BITMAP), 1);
        mark(descriptor.block(INODE_BITMAP), 1);
        mark(descriptor.block(INODE_TABLE), geometry.inode_table_blocks());
    }
    bitmap
}
