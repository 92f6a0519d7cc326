//! Making an ext4 larger, offline: what `resize2fs` does to a filesystem whose disk has grown.
//!
//! Nothing that is there moves. The last group is filled up, new groups are appended behind it, and what
//! describes the whole filesystem is brought up to date: the table of group descriptors with all its
//! backups, the inode that reserves blocks for that table to grow into, and the superblocks.
//!
//! ```text
//!            group 0              ...   last group             a new group
//!  before  | S T rrr | files ... |    | files ..|
//!  after   | S T Trr | files ... |    | files ..|   free     | S T Trr | b i | inodes |   free        |
//!                │                                  └──────┘   └─────┘
//!                │                        1. more free blocks  only in groups with a backup
//!                3. a descriptor each: the table takes reserved blocks, which leave the resize inode
//!
//!   S superblock, T block of the descriptor table, r block reserved for it, b i bitmaps of blocks and inodes
//! ```
//!
//! 1. `fill_up_last_group`; 2. `append_group` for each new one, which holds its own bitmaps and inodes: what a
//!    filesystem without flex_bg asks for and one with it allows;
//! 3. `ResizeInode::follow`, then the table in all its copies; 4. the superblock with its backups, which makes the
//!    new size true.
//!
//! Each structure is sealed with its checksum as it is written, the inner one first: the checksum of a bitmap is in
//! the descriptor, which has its own.
//!
//! Source: the kernel's `Documentation/filesystems/ext4/` (group_descr.rst, bitmaps.rst, blockgroup.rst,
//! super.rst, special_inodes.rst); the lists of the resize inode as `resize2fs` and the kernel's
//! `fs/ext4/resize.c` keep them.

mod checksums;
mod resize_inode;
mod superblocks;

use super::bitmap::Bitmap;
use super::blocks::FsBlocks;
use super::geometry::Geometry;
use super::group_descriptors::{
    BLOCK_BITMAP, BLOCK_BITMAP_CSUM, BLOCK_UNINIT, BlockGroupDescriptor, FREE_BLOCKS_COUNT,
    FREE_INODES_COUNT, GroupDescriptorTable, INODE_BITMAP, INODE_BITMAP_CSUM, INODE_TABLE, INODE_UNINIT,
    INODE_ZEROED, ITABLE_UNUSED,
};
use super::superblock::Superblock;
use super::writer;
use crate::fs::{FsError, FsResult, damaged};
use crate::io::{ReadAt, Rollback};
use crate::types::ByteCount;
use crate::types::fields::set_at;
use checksums::Checksums;
use resize_inode::ResizeInode;
use std::sync::Arc;

/// Makes the filesystem on `disk` as large as `disk` allows. A remainder too small for a group of its own
/// stays unused, as `resize2fs` leaves it. A filesystem that is that large already is left as it is.
///
/// # Errors
/// When it is not an ext4, is damaged, was not closed properly, has features that are not understood, or no
/// room for the descriptors of so many groups.
pub fn grow(disk: &Arc<dyn Rollback>) -> FsResult<()> {
    let superblock = Superblock::read(disk)?;
    superblock.check_writable()?;
    superblock.check_clean()?;
    writer::check_journal(disk, &superblock)?;
    let old = superblock.checked_geometry()?;
    let cannot = |reason: String| FsError::CannotGrow { to: disk.size(), reason };
    let Some(new) = old.grown_to(disk.size()).map_err(cannot)? else {
        tracing::debug!(
            "the ext4 filesystem of {} does not grow on a disk of {}",
            superblock.size(),
            disk.size()
        );
        return Ok(());
    };
    tracing::debug!("the ext4 filesystem grows from {} to {} groups", old.groups(), new.groups());
    let table = GroupDescriptorTable::read(disk, &old)?;
    let blocks = FsBlocks::new(&**disk, old.block_size.into());
    let checksums = Checksums::of(&superblock);
    Growth { old, new, blocks, checksums, table, more_free_blocks: 0 }.carry_out(&superblock)
}

/// Checks that the filesystem on `disk` can be made as large as `to`: that its numbers reach so far,
/// and that it has reserved blocks for the descriptors.
///
/// # Errors
/// Fails with [`FsError::CannotGrow`] when it cannot, and when it is not an ext4 or is damaged.
pub fn check_growth(disk: &dyn ReadAt, to: ByteCount) -> FsResult<()> {
    let old = Superblock::read(disk)?.checked_geometry()?;
    old.grown_to(to).map(|_| ()).map_err(|reason| FsError::CannotGrow { to, reason })
}

/// A filesystem while it grows.
struct Growth<'disk> {
    old: Geometry,
    new: Geometry,
    blocks: FsBlocks<'disk, dyn Rollback>,
    checksums: Checksums,
    table: GroupDescriptorTable,
    more_free_blocks: u64,
}

impl Growth<'_> {
    fn carry_out(mut self, superblock: &Superblock) -> FsResult<()> {
        self.fill_up_last_group()?;
        self.table.make_room(self.new.groups());
        for group in self.old.groups()..self.new.groups() {
            self.append_group(group)?;
        }
        if self.old.reserved_descriptor_blocks > 0 {
            let table_of_inodes = self.table.get(0)?.block(INODE_TABLE);
            ResizeInode::read(&self.blocks, table_of_inodes, &self.old, &self.checksums)?
                .follow(&self.old, &self.new)?;
        }
        for group in (0..self.new.groups()).filter(|group| self.new.has_backup(*group)) {
            self.write_table(group)?;
        }
        let grown = superblocks::grown(superblock, &self.old, &self.new, self.more_free_blocks)?;
        superblocks::write_all(grown, &self.blocks, &self.new, &self.checksums)
    }

    /// Takes a descriptor into the table, with its checksum.
    fn set_descriptor(&mut self, group: u32, mut descriptor: BlockGroupDescriptor) {
        if let Some(checksum) = self.checksums.descriptor(group, descriptor.bytes()) {
            descriptor.set_checksum(checksum);
        }
        self.table.set(group, &descriptor);
    }

    /// Writes the copy of the table that is in a group.
    fn write_table(&self, group: u32) -> FsResult<()> {
        let first = self.new.start_of(group) + 1;
        for (number, bytes) in (0..).zip(self.table.blocks(self.new.block_size)) {
            let mut block = self.blocks.empty();
            set_at(&mut block, 0, bytes);
            self.blocks.write(first + number, &block)?;
        }
        Ok(())
    }

    /// Makes the blocks behind the old end free blocks of the last group, as far as it reaches.
    fn fill_up_last_group(&mut self) -> FsResult<()> {
        let group = self.old.last_group();
        let (before, after) = (self.old.blocks_in(group), self.new.blocks_in(group));
        if before == after {
            return Ok(());
        }
        let mut descriptor = self.table.get(group)?;
        if descriptor.flags() & BLOCK_UNINIT != 0 {
            return Err(damaged(
                "the bitmap of its last group was never written, though the group is not whole",
            ));
        }
        let bitmap_block = descriptor.block(BLOCK_BITMAP);
        let mut bitmap = Bitmap::new(self.blocks.read(bitmap_block)?);
        let covered = self.old.block_bitmap_bytes();
        let checksum = self.checksums.bitmap(&bitmap, covered);
        if checksum.is_some_and(|checksum| !descriptor.has_block_bitmap_checksum(checksum)) {
            return Err(damaged("the checksum of a block bitmap is wrong"));
        }
        bitmap.set(before.into()..after.into(), false);
        // Bits behind the end of a group are set, so that nobody allocates what is not there.
        bitmap.set(after.into()..self.old.bits_in_a_block().into(), true);
        self.blocks.write(bitmap_block, bitmap.bytes())?;
        let more = after - before;
        let free = descriptor.count(FREE_BLOCKS_COUNT).checked_add(more).filter(|free| *free <= after);
        let free = free.ok_or_else(|| damaged("its last group counts more blocks as free than it has"))?;
        descriptor.set_count(FREE_BLOCKS_COUNT, free);
        if let Some(checksum) = self.checksums.bitmap(&bitmap, covered) {
            descriptor.set_count(BLOCK_BITMAP_CSUM, checksum);
        }
        self.more_free_blocks += u64::from(more);
        self.set_descriptor(group, descriptor);
        Ok(())
    }

    /// Appends a group: perhaps a backup of superblock and descriptors, its two bitmaps, its table of inodes, and
    /// nothing but free blocks behind them.
    fn append_group(&mut self, group: u32) -> FsResult<()> {
        let new = &self.new;
        let bits = u64::from(new.bits_in_a_block());
        let start = new.start_of(group);
        let header = u64::from(new.header_blocks(group));
        let block_bitmap_at = start + header;
        let inode_bitmap_at = block_bitmap_at + 1;
        let inode_table_at = inode_bitmap_at + 1;
        let (length, used) = (new.blocks_in(group), new.blocks_used_by(group));

        // The backups are written when all groups are there; until then, and for good behind them, zeros.
        self.blocks.zero(start, header)?;
        self.blocks.zero(inode_table_at, u64::from(new.inode_table_blocks()))?;
        let mut block_bitmap = Bitmap::new(self.blocks.empty());
        block_bitmap.set(0..used.into(), true);
        block_bitmap.set(length.into()..bits, true);
        self.blocks.write(block_bitmap_at, block_bitmap.bytes())?;
        let mut inode_bitmap = Bitmap::new(self.blocks.empty());
        inode_bitmap.set(new.inodes_per_group.into()..bits, true);
        self.blocks.write(inode_bitmap_at, inode_bitmap.bytes())?;

        let free = length - used;
        let mut descriptor = self.table.empty();
        descriptor.set_block(BLOCK_BITMAP, block_bitmap_at);
        descriptor.set_block(INODE_BITMAP, inode_bitmap_at);
        descriptor.set_block(INODE_TABLE, inode_table_at);
        descriptor.set_count(FREE_BLOCKS_COUNT, free);
        descriptor.set_count(FREE_INODES_COUNT, new.inodes_per_group);
        if self.checksums.cover_descriptors() {
            // Without a checksum nobody could trust these fields, and e2fsck takes them for damage.
            descriptor.set_flags(INODE_UNINIT | INODE_ZEROED);
            descriptor.set_count(ITABLE_UNUSED, new.inodes_per_group);
        }
        if let Some(checksum) = self.checksums.bitmap(&block_bitmap, new.block_bitmap_bytes()) {
            descriptor.set_count(BLOCK_BITMAP_CSUM, checksum);
        }
        if let Some(checksum) = self.checksums.bitmap(&inode_bitmap, new.inode_bitmap_bytes()) {
            descriptor.set_count(INODE_BITMAP_CSUM, checksum);
        }
        self.more_free_blocks += u64::from(free);
        self.set_descriptor(group, descriptor);
        Ok(())
    }
}
