//! The table of block group descriptors.
//!
//! Field names and offsets: `struct ext4_group_desc` in the kernel's `fs/ext4/ext4.h`, described in
//! `Documentation/filesystems/ext4/group_descr.rst`.

use super::geometry::Geometry;
use super::halves::Halves;
use crate::fs::{FsResult, damaged};
use crate::io::ReadAt;
use crate::types::ByteOffset;
use crate::types::fields::{set_at, u16_at};
use crate::types::number::usize_from;

/// `bg_block_bitmap_lo` and `_hi`: the block of the block bitmap.
pub(super) const BLOCK_BITMAP: Halves = Halves::new(0x0, 0x20);
/// `bg_inode_bitmap_lo` and `_hi`: the block of the inode bitmap.
pub(super) const INODE_BITMAP: Halves = Halves::new(0x4, 0x24);
/// `bg_inode_table_lo` and `_hi`: the first block of the inode table.
pub(super) const INODE_TABLE: Halves = Halves::new(0x8, 0x28);
/// `bg_free_blocks_count_lo` and `_hi`.
pub(super) const FREE_BLOCKS_COUNT: Halves = Halves::new(0xc, 0x2c);
/// `bg_free_inodes_count_lo` and `_hi`.
pub(super) const FREE_INODES_COUNT: Halves = Halves::new(0xe, 0x2e);
/// `bg_block_bitmap_csum_lo` and `_hi`.
pub(super) const BLOCK_BITMAP_CSUM: Halves = Halves::new(0x18, 0x38);
/// `bg_inode_bitmap_csum_lo` and `_hi`.
pub(super) const INODE_BITMAP_CSUM: Halves = Halves::new(0x1a, 0x3a);
/// `bg_itable_unused_lo` and `_hi`: inodes at the end of the table that were never used.
pub(super) const ITABLE_UNUSED: Halves = Halves::new(0x1c, 0x32);
/// `bg_flags`.
const FLAGS: usize = 0x12;
/// `bg_checksum`, of all of the descriptor but itself.
pub(super) const CHECKSUM: usize = 0x1e;

/// `EXT4_BG_INODE_UNINIT`: no inode of the group is in use, and its bitmap need not be read.
pub(super) const INODE_UNINIT: u16 = 0x1;
/// `EXT4_BG_BLOCK_UNINIT`: no block of the group is in use but its own bookkeeping, and its bitmap need not
/// be read.
pub(super) const BLOCK_UNINIT: u16 = 0x2;
/// `EXT4_BG_INODE_ZEROED`: the table of inodes holds nothing old.
pub(super) const INODE_ZEROED: u16 = 0x4;

/// The size from which on a descriptor has the upper halves of its fields.
const WIDE: usize = 64;

/// The descriptors of all groups, one behind the other, as they are on the disk.
pub(super) struct GroupDescriptorTable {
    bytes: Vec<u8>,
    /// Bytes of one.
    size: usize,
}

/// The descriptor of one group, as it is on the disk.
pub(super) struct BlockGroupDescriptor(Vec<u8>);

impl GroupDescriptorTable {
    /// Reads the table of the first group, the one that counts.
    pub(super) fn read(disk: &dyn ReadAt, geometry: &Geometry) -> FsResult<Self> {
        let mut table = Self { bytes: Vec::new(), size: usize_from(geometry.descriptor_size) };
        table.make_room(geometry.groups());
        let start = (geometry.first_block + 1) * u64::from(geometry.block_size);
        disk.read_at(ByteOffset::new(start), &mut table.bytes)?;
        Ok(table)
    }

    /// Returns all descriptors, in order.
    pub(super) fn all(&self) -> impl Iterator<Item = BlockGroupDescriptor> {
        self.bytes.chunks_exact(self.size).map(|bytes| BlockGroupDescriptor(bytes.to_vec()))
    }

    /// Returns the table in blocks of this many bytes; the last may be a part of one.
    pub(super) fn blocks(&self, block_size: u32) -> impl Iterator<Item = &[u8]> {
        self.bytes.chunks(usize_from(block_size))
    }

    /// Makes it as long as that many descriptors are.
    pub(super) fn make_room(&mut self, groups: u32) {
        self.bytes.resize(usize_from(groups) * self.size, 0);
    }

    pub(super) fn get(&self, group: u32) -> FsResult<BlockGroupDescriptor> {
        let start = usize_from(group) * self.size;
        let bytes = self.bytes.get(start..start + self.size);
        let bytes = bytes.ok_or_else(|| damaged("it has too few group descriptors"))?;
        Ok(BlockGroupDescriptor(bytes.to_vec()))
    }

    /// Returns a descriptor with nothing in it.
    pub(super) fn empty(&self) -> BlockGroupDescriptor {
        BlockGroupDescriptor(vec![0; self.size])
    }

    pub(super) fn set(&mut self, group: u32, descriptor: &BlockGroupDescriptor) {
        set_at(&mut self.bytes, usize_from(group) * self.size, &descriptor.0);
    }
}

impl BlockGroupDescriptor {
    /// Takes the bytes of one, of which there are 32 at least.
    pub(super) fn new(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }

    fn is_wide(&self) -> bool {
        self.0.len() >= WIDE
    }

    /// Returns the number of a block.
    pub(super) fn block(&self, field: Halves) -> u64 {
        field.u64(&self.0, self.is_wide())
    }

    pub(super) fn set_block(&mut self, field: Halves, block: u64) {
        let is_wide = self.is_wide();
        field.set_u64(&mut self.0, is_wide, block);
    }

    /// Returns a count or a checksum.
    pub(super) fn count(&self, field: Halves) -> u32 {
        field.u32(&self.0, self.is_wide())
    }

    /// Sets a count or a checksum. No group counts more than a lower half has room for in a filesystem with that one
    /// alone: its bitmap has a bit for each, and blocks of 64 KiB, the only ones with room for more, are not written
    /// to. Of a checksum, the lower half is all that is stored there.
    pub(super) fn set_count(&mut self, field: Halves, count: u32) {
        let is_wide = self.is_wide();
        field.set_u32(&mut self.0, is_wide, count);
    }

    /// Returns whether the checksum of the block bitmap is this one, as far as there is room for it.
    pub(super) fn has_block_bitmap_checksum(&self, checksum: u32) -> bool {
        let mask = if self.is_wide() { u32::MAX } else { 0xffff };
        self.count(BLOCK_BITMAP_CSUM) == checksum & mask
    }

    pub(super) fn flags(&self) -> u16 {
        u16_at(&self.0, FLAGS)
    }

    pub(super) fn set_flags(&mut self, flags: u16) {
        set_at(&mut self.0, FLAGS, &flags.to_le_bytes());
    }

    pub(super) fn set_checksum(&mut self, checksum: u16) {
        set_at(&mut self.0, CHECKSUM, &checksum.to_le_bytes());
    }
}
