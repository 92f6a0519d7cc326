//! The geometry of an ext4: pure arithmetic over the numbers in the superblock.
//!
//! ```text
//!  group with a backup | superblock | descriptors | reserved for more | bitmap, bitmap | inode table | files ... |
//!                      └────────────── header_blocks ────────────────┘
//!                      └───────────────────────── blocks_used_by ─────────────────────────────┘
//!  another group                                                      | bitmap, bitmap | inode table | files ... |
//! ```

use crate::fs::{FsResult, damaged};
use crate::types::ByteCount;

/// A remainder behind the last whole group becomes a group when that many blocks are left for files;
/// `resize2fs` draws the line at the same place (`adjust_fs_info`).
const FEWEST_BLOCKS_FOR_FILES: u32 = 50;

/// `mke2fs` makes no smaller groups; a filesystem of tiny groups would be all descriptors.
const SMALLEST_GROUP: u32 = 256;

/// A partition of an SD card never has that many groups; their descriptors are all held in memory.
const MOST_GROUPS: u64 = 1 << 20;

/// The size and shape of a filesystem.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Geometry {
    /// Bytes of a block.
    pub(super) block_size: u32,
    /// FsBlocks of the whole filesystem, those before the first group included.
    pub(super) blocks: u64,
    /// Inodes of every group.
    pub(super) inodes_per_group: u32,
    /// Bytes of an inode.
    pub(super) inode_size: u32,
    /// Bytes of a group descriptor.
    pub(super) descriptor_size: u32,
    /// FsBlocks reserved behind every copy of the descriptor table, for it to grow into.
    pub(super) reserved_descriptor_blocks: u32,
    /// The first block of the first group: 1 where the boot sector takes a block of its own.
    pub(super) first_block: u64,
    pub(super) blocks_per_group: u32,
    /// Only some groups have a backup (sparse_super), or all.
    pub(super) sparse: bool,
    /// Numbers of blocks have 64 bits.
    pub(super) sixty_four_bit: bool,
}

impl Geometry {
    /// Checks that the filesystem fits a disk of this size, and that its description fits memory.
    pub(super) fn check_size(&self, disk: ByteCount) -> FsResult<()> {
        let block_size = u64::from(self.block_size);
        let size = self.blocks.checked_mul(block_size);
        if self.blocks == 0 || size.is_none_or(|size| size > disk.get()) {
            return Err(damaged("its superblock has a size larger than its partition, or none"));
        }
        if self.blocks_per_group < SMALLEST_GROUP {
            return Err(damaged("its groups have a size that no ext4 has"));
        }
        if self.blocks / u64::from(self.blocks_per_group) > MOST_GROUPS {
            return Err(damaged("it has more groups than fit an SD card"));
        }
        if self.inodes_per_group == 0 || u64::from(self.inodes_per_group) > 8 * block_size {
            return Err(damaged("its groups have a number of inodes that no ext4 has"));
        }
        if !self.inode_size.is_power_of_two() || !(128..=self.block_size).contains(&self.inode_size) {
            return Err(damaged("its inodes have a size that no ext4 has"));
        }
        Ok(())
    }

    /// Checks the numbers against each other, as far as writing depends on them.
    pub(super) fn check(&self) -> FsResult<()> {
        let bits = self.bits_in_a_block();
        if self.first_block != u64::from(self.block_size == 1024) || self.blocks <= self.first_block {
            return Err(damaged("its first group does not begin where it has to"));
        }
        if self.blocks_per_group > bits || !self.blocks_per_group.is_multiple_of(8) {
            return Err(damaged("its groups have more blocks than their bitmaps have bits"));
        }
        if !self.descriptor_size.is_power_of_two()
            || !(32..=1024).contains(&self.descriptor_size)
            || (self.sixty_four_bit && self.descriptor_size < 64)
        {
            return Err(damaged("its group descriptors have a size that no ext4 has"));
        }
        if self.reserved_descriptor_blocks > self.block_size / 4 {
            return Err(damaged("it reserves more blocks for descriptors than an ext4 can"));
        }
        let inodes = u64::from(self.groups()) * u64::from(self.inodes_per_group);
        if u32::try_from(inodes).is_err() {
            return Err(damaged("it has more inodes than an ext4 can number"));
        }
        if self.blocks_used_by(0) > self.blocks_per_group {
            return Err(damaged("its groups are smaller than what describes them"));
        }
        Ok(())
    }

    /// Returns the same filesystem on a disk of `size`; `None` where it does not become larger, and a clause that
    /// says why not where it cannot.
    pub(super) fn grown_to(&self, size: ByteCount) -> Result<Option<Self>, String> {
        let mut new = Self { blocks: size.get() / u64::from(self.block_size), ..*self };
        if new.blocks <= self.blocks {
            return Ok(None);
        }
        if !new.sixty_four_bit && u32::try_from(new.blocks).is_err() {
            return Err("its block numbers have only 32 bits (no 64bit)".to_owned());
        }
        let groups = (new.blocks - new.first_block).div_ceil(u64::from(new.blocks_per_group));
        let inodes = groups.checked_mul(u64::from(new.inodes_per_group));
        if groups > MOST_GROUPS || inodes.is_none_or(|inodes| u32::try_from(inodes).is_err()) {
            return Err("it would have more groups than an ext4 can number".to_owned());
        }
        // The reserved blocks depend on the number of groups, and what the last group has in use depends on them.
        new.reserved_descriptor_blocks = self.reserved_in(&new)?;
        let last = new.last_group();
        let fewest = new.blocks_used_by(last) + FEWEST_BLOCKS_FOR_FILES;
        if last > self.last_group() && new.blocks_in(last) < fewest {
            new.blocks = new.start_of(last);
            new.reserved_descriptor_blocks = self.reserved_in(&new)?;
        }
        Ok((new.blocks > self.blocks).then_some(new))
    }

    /// Returns the number of reserved descriptor blocks that are left in a larger filesystem.
    fn reserved_in(&self, new: &Self) -> Result<u32, String> {
        let more = new.descriptor_blocks() - self.descriptor_blocks();
        self.reserved_descriptor_blocks.checked_sub(more).ok_or_else(|| {
            format!(
                "the descriptors of its groups would need {more} more blocks, and it has reserved {}",
                self.reserved_descriptor_blocks
            )
        })
    }

    /// Returns the number of groups; at least one.
    #[expect(clippy::expect_used, reason = "the number of groups is checked with the superblock")]
    pub(super) fn groups(&self) -> u32 {
        let groups = (self.blocks - self.first_block).div_ceil(u64::from(self.blocks_per_group));
        u32::try_from(groups).expect("a filesystem of more groups than MOST_GROUPS is refused")
    }

    /// Returns the number of the last group.
    pub(super) fn last_group(&self) -> u32 {
        self.groups() - 1
    }

    /// Returns the first block of a group.
    pub(super) fn start_of(&self, group: u32) -> u64 {
        self.first_block + u64::from(group) * u64::from(self.blocks_per_group)
    }

    /// Returns the number of blocks in an existing group.
    pub(super) fn blocks_in(&self, group: u32) -> u32 {
        let left = self.blocks - self.start_of(group);
        // What does not fit 32 bits is more than a whole group.
        u32::try_from(left).map_or(self.blocks_per_group, |left| left.min(self.blocks_per_group))
    }

    /// Returns whether a group begins with a copy of superblock and descriptors.
    pub(super) fn has_backup(&self, group: u32) -> bool {
        let is_power_of = |base: u32| {
            let mut power = 1_u32;
            while power < group {
                // `group` is below MOST_GROUPS, so no power of 7 runs over.
                power *= base;
            }
            power == group
        };
        !self.sparse || group <= 1 || [3, 5, 7].into_iter().any(is_power_of)
    }

    /// Returns the groups with a backup, the first group itself left out.
    pub(super) fn backups(&self) -> impl Iterator<Item = u32> {
        (1..self.groups()).filter(|group| self.has_backup(*group))
    }

    /// Returns the number of blocks that the descriptors of all groups take.
    pub(super) fn descriptor_blocks(&self) -> u32 {
        self.groups().div_ceil(self.block_size / self.descriptor_size)
    }

    /// Returns the number of blocks that superblock, descriptors, and those reserved for more of them take in a group.
    pub(super) fn header_blocks(&self, group: u32) -> u32 {
        if !self.has_backup(group) {
            return 0;
        }
        self.descriptor_blocks() + self.reserved_descriptor_blocks + 1
    }

    /// Returns the number of blocks that the inodes of a group take.
    #[expect(clippy::expect_used, reason = "both factors are checked with the superblock")]
    pub(super) fn inode_table_blocks(&self) -> u32 {
        let bytes = u64::from(self.inodes_per_group) * u64::from(self.inode_size);
        u32::try_from(bytes.div_ceil(self.block_size.into())).expect(
            "a group has at most 8 inodes to a byte of a block, and an inode is no larger than a block",
        )
    }

    /// Returns the number of blocks that are not for files, in a group that holds all its own bookkeeping.
    pub(super) fn blocks_used_by(&self, group: u32) -> u32 {
        self.header_blocks(group) + 2 + self.inode_table_blocks()
    }

    /// Returns the number of bits in a bitmap of one block.
    pub(super) fn bits_in_a_block(&self) -> u32 {
        self.block_size * 8
    }

    /// Returns the number of bytes of a block bitmap that its checksum covers.
    pub(super) fn block_bitmap_bytes(&self) -> u32 {
        self.blocks_per_group / 8
    }

    /// Returns the number of bytes of an inode bitmap that its checksum covers.
    pub(super) fn inode_bitmap_bytes(&self) -> u32 {
        self.inodes_per_group / 8
    }

    /// Returns the number of all inodes.
    pub(super) fn inodes(&self) -> u32 {
        self.groups() * self.inodes_per_group
    }
}

#[cfg(test)]
mod tests {
    use super::Geometry;
    use crate::types::ByteCount;
    use proptest::prelude::*;

    /// A stock root of 2.3 GiB.
    fn stock() -> Geometry {
        Geometry {
            block_size: 4096,
            blocks: 614_400,
            inodes_per_group: 8080,
            inode_size: 256,
            descriptor_size: 32,
            reserved_descriptor_blocks: 149,
            first_block: 0,
            blocks_per_group: 32768,
            sparse: true,
            sixty_four_bit: false,
        }
    }

    fn grown(to: u64) -> Geometry {
        stock().grown_to(ByteCount::new(to)).unwrap().unwrap()
    }

    #[test]
    fn backups_are_where_sparse_super_has_them() {
        let geometry = Geometry { blocks: 32768 * 400, ..stock() };
        let backups: Vec<u32> = geometry.backups().collect();
        assert_eq!(backups, [1, 3, 5, 7, 9, 25, 27, 49, 81, 125, 243, 343]);
        let everywhere = Geometry { sparse: false, blocks: 32768 * 4, ..stock() };
        assert_eq!(everywhere.backups().collect::<Vec<_>>(), [1, 2, 3]);
    }

    #[test]
    fn the_header_of_a_group_keeps_its_size_when_descriptors_take_reserved_blocks() {
        let large = grown(40 << 30);
        assert_eq!((stock().descriptor_blocks(), large.descriptor_blocks()), (1, 3));
        assert_eq!(large.reserved_descriptor_blocks, 147);
        assert_eq!(stock().header_blocks(0), large.header_blocks(0));
    }

    #[test]
    fn a_remainder_too_small_for_a_group_stays_unused() {
        let whole = 24 * 32768 * 4096;
        assert_eq!(grown(whole + 4096 * 600).blocks, 24 * 32768 + 600);
        assert_eq!(grown(whole + 4096 * 500).blocks, 24 * 32768);
        assert_eq!(grown(whole + 4095).blocks, 24 * 32768);
    }

    #[test]
    fn what_is_large_enough_does_not_grow() {
        assert_eq!(stock().grown_to(ByteCount::new(614_400 * 4096)).unwrap(), None);
        assert_eq!(stock().grown_to(ByteCount::new(614_400 * 4096 + 4095)).unwrap(), None);
        assert_eq!(stock().grown_to(ByteCount::new(1)).unwrap(), None);
    }

    #[test]
    fn more_than_the_descriptors_have_room_for_is_refused() {
        let tight = Geometry { reserved_descriptor_blocks: 1, ..stock() };
        assert!(tight.grown_to(ByteCount::new(32 << 30)).is_ok());
        let error = tight.grown_to(ByteCount::new(33 << 30)).unwrap_err();
        assert!(error.contains("2 more blocks, and it has reserved 1"), "{error}");
        let error = stock().grown_to(ByteCount::new(17 << 40)).unwrap_err();
        assert!(error.contains("64bit"), "{error}");
    }

    proptest! {
        #[test]
        fn the_groups_of_a_grown_filesystem_tile_it(more in 0..200_000_u64, odd in 0..4096_u64) {
            let disk = ByteCount::new((614_400 + more) * 4096 + odd);
            let new = stock().grown_to(disk).unwrap().unwrap_or_else(stock);
            prop_assert!(new.blocks >= 614_400 && new.blocks * 4096 <= disk.get());
            let sum: u64 = (0..new.groups()).map(|group| u64::from(new.blocks_in(group))).sum();
            prop_assert_eq!(sum, new.blocks);
            for group in stock().groups()..new.groups() {
                prop_assert!(new.blocks_in(group) >= new.blocks_used_by(group) + 50);
            }
        }
    }
}
