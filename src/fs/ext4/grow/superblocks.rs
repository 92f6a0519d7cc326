//! The superblock and its backups in a filesystem that has grown.

use super::checksums::Checksums;
use crate::fs::ext4::blocks::FsBlocks;
use crate::fs::ext4::geometry::Geometry;
use crate::fs::ext4::superblock::{SIZE, START, Superblock, VALID, field};
use crate::fs::{FsResult, damaged};
use crate::io::Rollback;
use crate::types::fields::{set_at, u16_at};

/// Returns the bytes of the superblock with the new size. Of the blocks, root keeps the same share to itself as
/// before.
#[expect(clippy::expect_used, reason = "the counts of the superblock are checked when it is read")]
pub(super) fn grown(
    superblock: &Superblock,
    old: &Geometry,
    new: &Geometry,
    more_free_blocks: u64,
) -> FsResult<[u8; SIZE]> {
    let mut bytes = superblock.bytes;
    let is_wide = new.sixty_four_bit;
    let reserved = u128::from(superblock.reserved_blocks) * u128::from(new.blocks) / u128::from(old.blocks);
    let reserved =
        u64::try_from(reserved).expect("root keeps no more blocks to itself than the filesystem has");
    let free_inodes = superblock.free_inodes.checked_add(new.inodes() - old.inodes());
    let free_inodes = free_inodes.ok_or_else(|| damaged("it counts more inodes as free than it has"))?;
    let reserved_descriptor_blocks = u16::try_from(new.reserved_descriptor_blocks)
        .expect("growing takes from the reserved blocks, which were 16 bits before");
    set_at(&mut bytes, field::INODES_COUNT, &new.inodes().to_le_bytes());
    field::BLOCKS_COUNT.set_u64(&mut bytes, is_wide, new.blocks);
    field::RESERVED_BLOCKS_COUNT.set_u64(&mut bytes, is_wide, reserved);
    field::FREE_BLOCKS_COUNT.set_u64(&mut bytes, is_wide, superblock.free_blocks + more_free_blocks);
    set_at(&mut bytes, field::FREE_INODES_COUNT, &free_inodes.to_le_bytes());
    set_at(&mut bytes, field::RESERVED_GDT_BLOCKS, &reserved_descriptor_blocks.to_le_bytes());
    // With zero the kernel counts anew, which is what resize2fs leaves it to.
    set_at(&mut bytes, field::OVERHEAD_CLUSTERS, &[0; 4]);
    Ok(bytes)
}

/// Writes the superblock where it counts, and into every group with a backup. Backups say of themselves that they
/// are not clean: whoever needs one has reason to check the filesystem (`ext2fs_flush`).
pub(super) fn write_all(
    mut bytes: [u8; SIZE],
    blocks: &FsBlocks<'_, dyn Rollback>,
    geometry: &Geometry,
    checksums: &Checksums,
) -> FsResult<()> {
    seal(&mut bytes, checksums);
    blocks.write_at(START, &bytes)?;
    let state = u16_at(&bytes, field::STATE) & !VALID;
    set_at(&mut bytes, field::STATE, &state.to_le_bytes());
    for group in geometry.backups() {
        // Groups beyond its 16 bits have 65535, as e2fsprogs has it (`write_backup_super`).
        let [low, high, ..] = group.min(u16::MAX.into()).to_le_bytes();
        set_at(&mut bytes, field::BLOCK_GROUP_NR, &[low, high]);
        seal(&mut bytes, checksums);
        blocks.write_at(blocks.offset_of(geometry.start_of(group))?, &bytes)?;
    }
    Ok(())
}

fn seal(bytes: &mut [u8; SIZE], checksums: &Checksums) {
    if let Some(checksum) = checksums.superblock(bytes) {
        set_at(bytes, field::CHECKSUM, &checksum.to_le_bytes());
    }
}
