//! Making an ext4 larger, offline: what `resize2fs` does to a filesystem whose disk has grown.
//!
//! Nothing that is there moves. The last group is filled up, new groups are appended behind it, and what
//! describes the whole filesystem is brought up to date: the table of group descriptors with all its
//! backups, the inode that keeps room for that table to grow, and the superblocks. Every new group holds
//! its own bitmaps and its own table of inodes, which is what a filesystem without flex_bg asks for and
//! one with it allows.
//!
//! Source: the kernel's `Documentation/filesystems/ext4/` (group_descr.rst, bitmaps.rst, blockgroup.rst,
//! super.rst, special_inodes.rst); the lists of the resize inode as `resize2fs` and the kernel's
//! `fs/ext4/resize.c` keep them.

mod blocks;
mod checksums;
mod resize_inode;
mod superblocks;

use super::descriptors::{BLOCK_UNINIT, Descriptor, DescriptorTable, INODE_UNINIT, INODE_ZEROED};
use super::device;
use super::geometry::Geometry;
use super::journal;
use super::superblock::{Superblock, damaged};
use crate::fs::FsError;
use crate::io::{ReadAt, Rollback};
use crate::types::ByteCount;
use crate::types::UnixTime;
use crate::types::fields::set_at;
use crate::types::number::usize_from;
use blocks::Blocks;
use checksums::Checksums;
use resize_inode::ResizeInode;
use std::sync::Arc;
use superblocks::RawSuperblock;

/// Makes the filesystem on `disk` as large as `disk` allows. A remainder too small for a group of its own
/// stays unused, as `resize2fs` leaves it. A filesystem that is that large already is left as it is.
///
/// # Errors
/// When it is no ext4, is damaged, was not closed properly, has features that are not understood, or no
/// room for the descriptors of so many groups.
pub fn grow(disk: &Arc<dyn Rollback>) -> Result<(), FsError> {
    let superblock = Superblock::read(disk)?;
    superblock.check_writable()?;
    superblock.check_clean()?;
    journal::check_empty(&device::mount(disk, UnixTime::new(0), superblock.uuid, false)?)?;
    let raw = RawSuperblock::read(disk)?;
    let old = Geometry::of(&superblock)?;
    let cannot = |reason: String| FsError::CannotGrow { to: disk.size(), reason };
    let Some(new) = old.grown_to(disk.size()).map_err(cannot)? else { return Ok(()) };
    let blocks = Blocks::new(disk, old.block_size);
    let checksums = Checksums::of(&raw, superblock.features);
    let table = DescriptorTable::read(disk, &old)?;
    Growth { old, new, blocks, checksums, table, more_free_blocks: 0 }.carry_out(raw, superblock.free_blocks)
}

/// Checks that the filesystem on `disk` can be made as large as `to`: that its numbers have room for so many groups,
/// and that it has kept room for their descriptors.
///
/// # Errors
/// Fails with [`FsError::CannotGrow`] when it cannot, and when it is no ext4 or is damaged.
pub fn check_growth(disk: &dyn ReadAt, to: ByteCount) -> Result<(), FsError> {
    let old = Geometry::of(&Superblock::read(disk)?)?;
    old.grown_to(to).map(|_| ()).map_err(|reason| FsError::CannotGrow { to, reason })
}

/// One filesystem growing.
struct Growth<'disk> {
    old: Geometry,
    new: Geometry,
    blocks: Blocks<'disk>,
    checksums: Checksums,
    table: DescriptorTable,
    more_free_blocks: u64,
}

impl Growth<'_> {
    fn carry_out(mut self, mut raw: RawSuperblock, free_blocks: u64) -> Result<(), FsError> {
        self.fill_up_last_group()?;
        self.table.make_room(self.new.groups());
        for group in self.old.groups()..self.new.groups() {
            self.append_group(group)?;
        }
        if self.old.reserved_descriptor_blocks > 0 {
            let table_of_inodes = self.table.get(0)?.inode_table();
            ResizeInode::read(&self.blocks, table_of_inodes, &self.old, &self.checksums)?
                .follow(&self.old, &self.new)?;
        }
        for group in (0..self.new.groups()).filter(|group| self.new.has_backup(*group)) {
            self.write_table(group)?;
        }
        raw.set_geometry(&self.new, &self.old, free_blocks + self.more_free_blocks)?;
        raw.write_all(&self.blocks, &self.new, &self.checksums)
    }

    /// Takes a descriptor into the table, with its checksum.
    fn put(&mut self, group: u32, mut descriptor: Descriptor) {
        if let Some(checksum) = self.checksums.descriptor(group, descriptor.bytes()) {
            descriptor.set_checksum(checksum);
        }
        self.table.put(group, &descriptor);
    }

    /// Writes the copy of the table that is in a group.
    fn write_table(&self, group: u32) -> Result<(), FsError> {
        let first = self.new.start_of(group) + 1;
        for (number, bytes) in (0..).zip(self.table.blocks(self.new.block_size)) {
            let mut block = self.blocks.empty();
            set_at(&mut block, 0, bytes);
            self.blocks.write(first + number, &block)?;
        }
        Ok(())
    }

    /// The blocks behind the old end become free blocks of the last group, as far as it has room for them.
    fn fill_up_last_group(&mut self) -> Result<(), FsError> {
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
        let at = descriptor.block_bitmap();
        let mut bitmap = self.blocks.read(at)?;
        let covered = self.old.block_bitmap_bytes();
        if let Some(checksum) = self.checksums.bitmap(&bitmap, covered)
            && descriptor.block_bitmap_checksum(checksum) != checksum
        {
            return Err(damaged("the checksum of a block bitmap is wrong"));
        }
        set_bits(&mut bitmap, before..after, false);
        set_bits(&mut bitmap, after..self.old.bits_in_a_block(), true);
        self.blocks.write(at, &bitmap)?;
        let more = after - before;
        let free = descriptor.free_blocks().checked_add(more).filter(|free| *free <= after);
        descriptor.set_free_blocks(
            free.ok_or_else(|| damaged("its last group counts more blocks as free than it has"))?,
        );
        if let Some(checksum) = self.checksums.bitmap(&bitmap, covered) {
            descriptor.set_block_bitmap_checksum(checksum);
        }
        self.more_free_blocks += u64::from(more);
        self.put(group, descriptor);
        Ok(())
    }

    /// A group behind the last: perhaps a backup of superblock and descriptors, its two bitmaps, its table of
    /// inodes, and nothing but free blocks behind them.
    fn append_group(&mut self, group: u32) -> Result<(), FsError> {
        let new = &self.new;
        let bits = new.bits_in_a_block();
        let start = new.start_of(group);
        let header = u64::from(new.header_blocks(group));
        let block_bitmap_at = start + header;
        let inode_bitmap_at = block_bitmap_at + 1;
        let inode_table_at = inode_bitmap_at + 1;
        let (length, used) = (new.blocks_in(group), new.blocks_used_by(group));

        // The backups are written when all groups are there; until then, and for good behind them, zeros.
        self.blocks.zero(start, header)?;
        self.blocks.zero(inode_table_at, u64::from(new.inode_table_blocks()))?;
        let mut block_bitmap = self.blocks.empty();
        set_bits(&mut block_bitmap, 0..used, true);
        set_bits(&mut block_bitmap, length..bits, true);
        self.blocks.write(block_bitmap_at, &block_bitmap)?;
        let mut inode_bitmap = self.blocks.empty();
        set_bits(&mut inode_bitmap, new.inodes_per_group..bits, true);
        self.blocks.write(inode_bitmap_at, &inode_bitmap)?;

        let free = length - used;
        let mut descriptor = self.table.empty();
        descriptor.set_places(block_bitmap_at, inode_bitmap_at, inode_table_at);
        descriptor.set_free_blocks(free);
        descriptor.set_free_inodes(new.inodes_per_group);
        if self.checksums.cover_descriptors() {
            // Without a checksum nobody could trust these words, and e2fsck takes them for damage.
            descriptor.set_flags(INODE_UNINIT | INODE_ZEROED);
            descriptor.set_unused_inodes(new.inodes_per_group);
        }
        if let Some(checksum) = self.checksums.bitmap(&block_bitmap, new.block_bitmap_bytes()) {
            descriptor.set_block_bitmap_checksum(checksum);
        }
        if let Some(checksum) = self.checksums.bitmap(&inode_bitmap, new.inode_bitmap_bytes()) {
            descriptor.set_inode_bitmap_checksum(checksum);
        }
        self.more_free_blocks += u64::from(free);
        self.put(group, descriptor);
        Ok(())
    }
}

/// Sets or clears some bits of a bitmap.
#[expect(clippy::expect_used, reason = "the size of a group is checked with the superblock")]
fn set_bits(bitmap: &mut [u8], bits: std::ops::Range<u32>, value: bool) {
    for bit in bits {
        let byte = bitmap.get_mut(usize_from(bit / 8));
        let byte = byte.expect("a group has no more blocks and inodes than its bitmaps have bits");
        let mask = 1_u8 << (bit % 8);
        *byte = if value { *byte | mask } else { *byte & !mask };
    }
}

#[cfg(test)]
mod tests {
    use super::set_bits;

    #[test]
    fn bits_are_set_and_cleared() {
        let mut bitmap = [0_u8; 3];
        set_bits(&mut bitmap, 3..21, true);
        set_bits(&mut bitmap, 8..10, false);
        assert_eq!(bitmap, [0b1111_1000, 0b1111_1100, 0b0001_1111]);
        set_bits(&mut bitmap, 20..24, true);
        assert_eq!(bitmap, [0b1111_1000, 0b1111_1100, 0b1111_1111]);
    }

    #[test]
    #[should_panic(expected = "than its bitmaps have bits")]
    fn a_bit_beyond_the_bitmap_is_not_left_out() {
        set_bits(&mut [0; 3], 20..25, true);
    }
}
