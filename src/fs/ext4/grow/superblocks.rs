//! The superblock and its backups, as bytes: what says how large the filesystem is.

use super::blocks::Blocks;
use super::checksums::Checksums;
use crate::fs::FsError;
use crate::fs::ext4::geometry::Geometry;
use crate::fs::ext4::superblock::{SIZE, START, VALID, damaged};
use crate::io::Rollback;
use crate::types::fields::{array_at, set_at, u16_at, u32_at};
use std::sync::Arc;

/// A superblock as it is on the disk.
pub(super) struct RawSuperblock([u8; SIZE]);

impl RawSuperblock {
    pub(super) fn read(disk: &Arc<dyn Rollback>) -> Result<Self, FsError> {
        let mut bytes = [0; SIZE];
        disk.read_at(START, &mut bytes)?;
        Ok(Self(bytes))
    }

    pub(super) fn u16_at(&self, offset: usize) -> u16 {
        u16_at(&self.0, offset)
    }

    pub(super) fn u32_at(&self, offset: usize) -> u32 {
        u32_at(&self.0, offset)
    }

    pub(super) fn uuid(&self) -> [u8; 16] {
        array_at(&self.0, 0x68)
    }

    fn put_u32(&mut self, offset: usize, number: u32) {
        set_at(&mut self.0, offset, &number.to_le_bytes());
    }

    /// A count of blocks, whose upper half is there in a filesystem with 64bit.
    fn put_blocks(&mut self, low: usize, high: usize, count: u64, wide: bool) {
        let [a, b, c, d, upper @ ..] = count.to_le_bytes();
        set_at(&mut self.0, low, &[a, b, c, d]);
        if wide {
            set_at(&mut self.0, high, &upper);
        }
    }

    /// Takes the new size. Of the blocks, root keeps the same share to itself as before.
    #[expect(clippy::expect_used, reason = "the counts of the superblock are checked when it is read")]
    pub(super) fn set_geometry(
        &mut self,
        new: &Geometry,
        old: &Geometry,
        free_blocks: u64,
    ) -> Result<(), FsError> {
        let wide = new.sixty_four_bit;
        let upper = if wide { u128::from(self.u32_at(0x154)) << 32 } else { 0 };
        let reserved = upper | u128::from(self.u32_at(0x8));
        let reserved = reserved * u128::from(new.blocks) / u128::from(old.blocks);
        let reserved =
            u64::try_from(reserved).expect("root keeps no more blocks to itself than the filesystem has");
        let more_inodes = new.inodes() - old.inodes();
        self.put_u32(0x0, new.inodes());
        self.put_blocks(0x4, 0x150, new.blocks, wide);
        self.put_blocks(0x8, 0x154, reserved, wide);
        self.put_blocks(0xc, 0x158, free_blocks, wide);
        let free_inodes = self.u32_at(0x10).checked_add(more_inodes);
        self.put_u32(0x10, free_inodes.ok_or_else(|| damaged("it counts more inodes as free than it has"))?);
        let kept = u16::try_from(new.reserved_descriptor_blocks)
            .expect("growing takes from the reserved blocks, which were 16 bits before");
        set_at(&mut self.0, 0xce, &kept.to_le_bytes());
        // s_overhead_clusters: with zero the kernel counts anew, which is what resize2fs leaves it to.
        self.put_u32(0x248, 0);
        Ok(())
    }

    /// Writes it where it counts, and into every group with a backup. Backups say of themselves that they
    /// are not clean: whoever needs one has reason to check the filesystem (`ext2fs_flush`).
    pub(super) fn write_all(
        mut self,
        blocks: &Blocks<'_>,
        geometry: &Geometry,
        checksums: &Checksums,
    ) -> Result<(), FsError> {
        self.seal(checksums);
        blocks.write_at(START, &self.0)?;
        let state = self.u16_at(0x3a) & !VALID;
        set_at(&mut self.0, 0x3a, &state.to_le_bytes());
        for group in geometry.backups() {
            // s_block_group_nr. Groups beyond its 16 bits have 65535, as e2fsprogs has it
            // (`write_backup_super`).
            let [low, high, ..] = group.min(u16::MAX.into()).to_le_bytes();
            set_at(&mut self.0, 0x5a, &[low, high]);
            self.seal(checksums);
            blocks.write_at(blocks.offset_of(geometry.start_of(group))?, &self.0)?;
        }
        Ok(())
    }

    fn seal(&mut self, checksums: &Checksums) {
        if let Some(checksum) = checksums.superblock(&self.0) {
            self.put_u32(0x3fc, checksum);
        }
    }
}
