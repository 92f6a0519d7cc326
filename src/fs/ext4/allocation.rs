//! Which blocks of an ext4 are free, read from its own bitmaps.
//!
//! Names and offsets: `struct ext4_group_desc` in the kernel's `fs/ext4/ext4.h`. What a group has of its own
//! where its bitmap was never written: `ext4_init_block_bitmap` in `fs/ext4/balloc.c`.

use super::superblock::Superblock;
use crate::disk::{ByteOffset, ReadAt};
use crate::fs::fields::{u16_at, u32_at};
use crate::fs::free::FreeSpace;
use crate::fs::{FsError, UnusedRanges};

/// `EXT4_BG_BLOCK_UNINIT`: the block bitmap of the group was never written.
const BLOCK_UNINIT: u16 = 0x2;

/// What the descriptor of a group says.
struct Group {
    block_bitmap: u64,
    inode_bitmap: u64,
    inode_table: u64,
    is_uninitialised: bool,
}

/// The parts of an ext4 that hold nothing: its blocks that are free. All metadata (superblocks and their
/// copies, descriptors, bitmaps, inode tables, journal) counts as in use.
///
/// # Errors
/// When it is no ext4, has features that change what its bitmaps mean, or is damaged.
pub fn unused(disk: &dyn ReadAt) -> Result<UnusedRanges, FsError> {
    let superblock = Superblock::read(disk)?;
    superblock.check_writable()?;
    let groups = groups(disk, &superblock)?;
    let block_size = superblock.block_size;
    let mut free = FreeSpace::default();
    for (number, group) in groups.iter().enumerate() {
        let first = superblock.first_block_of(number as u64);
        let length = superblock.blocks_per_group.min(superblock.blocks.saturating_sub(first));
        let used = if group.is_uninitialised {
            uninitialised(&superblock, &groups, number as u64, first..first.saturating_add(length))
        } else {
            let mut bitmap = vec![0; usize::try_from(block_size).unwrap_or_default()];
            disk.read_at(ByteOffset(group.block_bitmap.saturating_mul(block_size)), &mut bitmap)?;
            bitmap
        };
        for block in 0..length {
            if !is_set(&used, block) {
                free.add(first.saturating_add(block).saturating_mul(block_size), block_size);
            }
        }
    }
    Ok(free.into_ranges())
}

fn groups(disk: &dyn ReadAt, superblock: &Superblock) -> Result<Vec<Group>, FsError> {
    let count = usize::try_from(superblock.groups()).map_err(|_| too_many())?;
    let size = usize::from(superblock.descriptor_size);
    let mut table = vec![0; count.checked_mul(size).ok_or_else(too_many)?];
    let start = superblock.first_data_block.saturating_add(1).saturating_mul(superblock.block_size);
    disk.read_at(ByteOffset(start), &mut table)?;
    let groups = table.chunks_exact(size).map(|descriptor| {
        let block = |low: usize, high: usize| {
            let upper = if size >= 64 { u64::from(u32_at(descriptor, high)) << 32 } else { 0 };
            upper | u64::from(u32_at(descriptor, low))
        };
        Group {
            block_bitmap: block(0x00, 0x20),
            inode_bitmap: block(0x04, 0x24),
            inode_table: block(0x08, 0x28),
            is_uninitialised: superblock.features.has_checked_groups()
                && u16_at(descriptor, 0x12) & BLOCK_UNINIT != 0,
        }
    });
    Ok(groups.collect())
}

/// The bitmap of a group whose own was never written: all that any group has there.
fn uninitialised(
    superblock: &Superblock,
    groups: &[Group],
    number: u64,
    blocks: std::ops::Range<u64>,
) -> Vec<u8> {
    let mut bitmap = vec![0; usize::try_from(superblock.block_size).unwrap_or_default()];
    let mut mark = |first: u64, count: u64| {
        for block in first.max(blocks.start)..first.saturating_add(count).min(blocks.end) {
            let bit = block.saturating_sub(blocks.start);
            let byte = usize::try_from(bit / 8).ok().and_then(|byte| bitmap.get_mut(byte));
            if let Some(byte) = byte {
                *byte |= 1 << (bit % 8);
            }
        }
    };
    if !superblock.features.sparse_super() || has_copy_of_superblock(number) {
        mark(blocks.start, superblock.blocks_of_descriptors().saturating_add(1));
    }
    // With flex_bg they lie in whatever group there is.
    for group in groups {
        mark(group.block_bitmap, 1);
        mark(group.inode_bitmap, 1);
        mark(group.inode_table, superblock.blocks_of_inode_table());
    }
    bitmap
}

/// With sparse_super: groups 0, 1, and powers of 3, 5 and 7.
fn has_copy_of_superblock(group: u64) -> bool {
    let is_power_of = |base: u64| {
        let mut power = base;
        while power < group {
            power = power.saturating_mul(base);
        }
        power == group
    };
    group <= 1 || [3, 5, 7].into_iter().any(is_power_of)
}

fn is_set(bitmap: &[u8], bit: u64) -> bool {
    let byte = usize::try_from(bit / 8).ok().and_then(|byte| bitmap.get(byte));
    // What is not in the bitmap is not known to be free.
    byte.is_none_or(|byte| byte & (1 << (bit % 8)) != 0)
}

fn too_many() -> FsError {
    FsError::Damaged("it has more groups than a card has room for".to_owned())
}

#[cfg(test)]
mod tests {
    use super::has_copy_of_superblock;

    #[test]
    fn copies_of_the_superblock_lie_where_sparse_super_puts_them() {
        let with_copies: Vec<u64> = (0..130).filter(|group| has_copy_of_superblock(*group)).collect();
        assert_eq!(with_copies, [0, 1, 3, 5, 7, 9, 25, 27, 49, 81, 125]);
    }
}
