//! The inode that reserves blocks for the table of group descriptors to grow into (resize_inode).
//!
//! The blocks behind every copy of the table that are to become part of it one day belong to inode 7, so
//! that nobody else takes them. It names them as a file names its blocks, but in its own order:
//!
//! ```text
//!  inode 7 ── i_block[13] ──▶ doubly indirect block: an entry for each block a table can have
//!                                │ entry n
//!                                ▼
//!                 block n of the table in group 0 (still reserved), which lists
//!                                │ entries 0, 1, 2, ...
//!                                ▼
//!                 block n of the table in the groups with a backup: 1, 3, 5, 7, 9, 25, ...
//! ```
//!
//! When the filesystem grows, blocks of group 0 that the table now takes leave the doubly indirect block, and
//! groups with a new backup are added to the lists of all others.

use super::checksums::Checksums;
use crate::fs::ext4::blocks::FsBlocks;
use crate::fs::ext4::geometry::Geometry;
use crate::fs::{FsResult, damaged};
use crate::io::Rollback;
use crate::types::ByteOffset;
use crate::types::fields::{set_at, u32_at};
use crate::types::number::usize_from;

/// `EXT4_RESIZE_INO`.
const NUMBER: u32 = 7;
/// `i_block[EXT4_DIND_BLOCK]`.
const DOUBLY_INDIRECT: usize = 0x28 + 13 * 4;
/// `i_blocks_lo`.
const SECTORS: usize = 0x1c;
/// `i_flags`, and in it `EXT4_HUGE_FILE_FL`: the inode counts in blocks, not in sectors.
const FLAGS: usize = 0x20;
const COUNTS_BLOCKS: u32 = 0x4_0000;

/// Inode 7 and its doubly indirect block.
pub(super) struct ResizeInode<'grow> {
    blocks: &'grow FsBlocks<'grow, dyn Rollback>,
    checksums: &'grow Checksums,
    at: ByteOffset,
    inode: Vec<u8>,
    directory_at: u64,
    directory: Vec<u8>,
}

impl<'grow> ResizeInode<'grow> {
    /// Reads it from the table of inodes of the first group.
    pub(super) fn read(
        blocks: &'grow FsBlocks<'grow, dyn Rollback>,
        inode_table: u64,
        geometry: &Geometry,
        checksums: &'grow Checksums,
    ) -> FsResult<Self> {
        let at = blocks.offset_of_element(inode_table, NUMBER - 1, geometry.inode_size)?;
        let inode = blocks.read_element(inode_table, NUMBER - 1, geometry.inode_size)?;
        if u32_at(&inode, FLAGS) & COUNTS_BLOCKS != 0 {
            return Err(damaged("its resize inode has a flag that it never has (huge_file)"));
        }
        let directory_at = u64::from(u32_at(&inode, DOUBLY_INDIRECT));
        if directory_at == 0 {
            return Err(damaged(
                "its resize inode reserves no blocks for descriptors, though the superblock says so",
            ));
        }
        let directory = blocks.read(directory_at)?;
        Ok(Self { blocks, checksums, at, inode, directory_at, directory })
    }

    /// Gives up what the larger table takes, and takes what new groups with a backup have.
    pub(super) fn follow(mut self, old: &Geometry, new: &Geometry) -> FsResult<()> {
        let mut blocks_of_inode = i64::from(u32_at(&self.inode, SECTORS)) / i64::from(old.block_size / 512);
        let backups = old.backups().fold(0_i64, |backups, _| backups + 1);
        let end = old.descriptor_blocks() + old.reserved_descriptor_blocks;
        for number in old.descriptor_blocks()..end {
            let list_at = old.first_block + 1 + u64::from(number);
            let offset = self.entry_offset(number);
            if u64::from(u32_at(&self.directory, offset)) != list_at {
                return Err(damaged("its resize inode does not hold the blocks behind the descriptors"));
            }
            if number < new.descriptor_blocks() {
                set_at(&mut self.directory, offset, &[0; 4]);
                blocks_of_inode -= backups + 1;
            } else {
                let more = self.extend_list(list_at, number, old, new)?;
                blocks_of_inode += more;
            }
        }
        let sectors = blocks_of_inode * i64::from(old.block_size / 512);
        let sectors = u32::try_from(sectors)
            .map_err(|_| damaged("its resize inode has an impossible number of blocks"))?;
        set_at(&mut self.inode, SECTORS, &sectors.to_le_bytes());
        self.checksums.seal_inode(NUMBER, &mut self.inode);
        self.blocks.write(self.directory_at, &self.directory)?;
        self.blocks.write_at(self.at, &self.inode)
    }

    /// Returns the offset in the doubly indirect block of the entry for block `number` of the table.
    fn entry_offset(&self, number: u32) -> usize {
        let entries = self.directory.len() / 4;
        usize_from(number) % entries * 4
    }

    /// Adds the counterparts in new groups to the list of one reserved block. Returns how many they are.
    fn extend_list(&self, list_at: u64, number: u32, old: &Geometry, new: &Geometry) -> FsResult<i64> {
        let mut list = self.blocks.read(list_at)?;
        let mut more = 0;
        for (index, group) in new.backups().enumerate() {
            let offset = index * 4;
            // Without sparse_super every group has a backup, and the list is one block.
            if offset >= list.len() {
                return Err(damaged("its resize inode would have to name more backups than fit a block"));
            }
            let counterpart = new.start_of(group) + 1 + u64::from(number);
            let counterpart = u32::try_from(counterpart)
                .map_err(|_| damaged("its resize inode would have to name blocks beyond 32 bits"))?;
            if group >= old.groups() {
                set_at(&mut list, offset, &counterpart.to_le_bytes());
                more += 1;
            } else if u32_at(&list, offset) != counterpart {
                return Err(damaged("its resize inode does not hold the blocks behind the backups"));
            }
        }
        if more > 0 {
            self.blocks.write(list_at, &list)?;
        }
        Ok(more)
    }
}
