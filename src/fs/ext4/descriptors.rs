//! The table of group descriptors.
//!
//! Field names and offsets: `struct ext4_group_desc` in the kernel's `fs/ext4/ext4.h`, described in
//! `Documentation/filesystems/ext4/group_descr.rst`.

use super::geometry::Geometry;
use super::superblock::damaged;
use crate::fs::FsError;
use crate::io::ReadAt;
use crate::types::ByteOffset;
use crate::types::fields::{set_at, u16_at, u32_at};
use crate::types::number::usize_from;

/// `EXT4_BG_INODE_UNINIT`: no inode of the group is in use, and its bitmap need not be read.
pub(super) const INODE_UNINIT: u16 = 0x1;
/// `EXT4_BG_BLOCK_UNINIT`: no block of the group is in use but its own bookkeeping, and its bitmap need not
/// be read.
pub(super) const BLOCK_UNINIT: u16 = 0x2;
/// `EXT4_BG_INODE_ZEROED`: the table of inodes holds nothing old.
pub(super) const INODE_ZEROED: u16 = 0x4;

/// The descriptors of all groups, one behind the other, as they are on the disk.
pub(super) struct DescriptorTable {
    bytes: Vec<u8>,
    /// Bytes of one.
    size: usize,
}

/// One of them. The upper halves of its fields are there where it has 64 bytes or more.
pub(super) struct Descriptor(Vec<u8>);

impl DescriptorTable {
    /// Reads the table of the first group, the one that counts.
    pub(super) fn read(disk: &dyn ReadAt, geometry: &Geometry) -> Result<Self, FsError> {
        let size = usize_from(geometry.descriptor_size);
        let mut table = Self { bytes: Vec::new(), size };
        table.make_room(geometry.groups());
        let start = (geometry.first_block + 1) * u64::from(geometry.block_size);
        disk.read_at(ByteOffset::new(start), &mut table.bytes)?;
        Ok(table)
    }

    /// All of them, in their order.
    pub(super) fn all(&self) -> impl Iterator<Item = Descriptor> {
        self.bytes.chunks_exact(self.size).map(|bytes| Descriptor(bytes.to_vec()))
    }

    /// As blocks of this many bytes; the last may be a part of one.
    pub(super) fn blocks(&self, block_size: u32) -> impl Iterator<Item = &[u8]> {
        self.bytes.chunks(usize_from(block_size))
    }

    /// Makes it as long as that many descriptors are.
    pub(super) fn make_room(&mut self, groups: u32) {
        self.bytes.resize(usize_from(groups) * self.size, 0);
    }

    fn range_of(&self, group: u32) -> std::ops::Range<usize> {
        let start = usize_from(group) * self.size;
        start..start + self.size
    }

    pub(super) fn get(&self, group: u32) -> Result<Descriptor, FsError> {
        let bytes = self.bytes.get(self.range_of(group));
        bytes
            .map(|bytes| Descriptor(bytes.to_vec()))
            .ok_or_else(|| damaged("it has too few group descriptors"))
    }

    /// One with nothing in it.
    pub(super) fn empty(&self) -> Descriptor {
        Descriptor(vec![0; self.size])
    }

    /// Puts one in its place.
    pub(super) fn put(&mut self, group: u32, descriptor: &Descriptor) {
        let start = self.range_of(group).start;
        set_at(&mut self.bytes, start, &descriptor.0);
    }
}

impl Descriptor {
    /// As it is on the disk.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }

    fn is_wide(&self) -> bool {
        self.0.len() >= 64
    }

    /// A number whose lower and upper half are two fields.
    fn number(&self, low: usize, high: usize) -> u64 {
        let upper = if self.is_wide() { u64::from(u32_at(&self.0, high)) << 32 } else { 0 };
        upper | u64::from(u32_at(&self.0, low))
    }

    fn set_number(&mut self, low: usize, high: usize, number: u64) {
        let [a, b, c, d, upper @ ..] = number.to_le_bytes();
        set_at(&mut self.0, low, &[a, b, c, d]);
        if self.is_wide() {
            set_at(&mut self.0, high, &upper);
        }
    }

    /// The same of two fields of 16 bits each. No group counts more than that in a filesystem with the lower
    /// one alone: its bitmap has a bit for each, and blocks of 64 KiB, the only ones with room for more, are
    /// not written to. The lower half of a checksum is what it has room for.
    fn set_count(&mut self, low: usize, high: usize, count: u32) {
        let [a, b, upper @ ..] = count.to_le_bytes();
        set_at(&mut self.0, low, &[a, b]);
        if self.is_wide() {
            set_at(&mut self.0, high, &upper);
        }
    }

    pub(super) fn block_bitmap(&self) -> u64 {
        self.number(0x0, 0x20)
    }

    pub(super) fn inode_bitmap(&self) -> u64 {
        self.number(0x4, 0x24)
    }

    pub(super) fn inode_table(&self) -> u64 {
        self.number(0x8, 0x28)
    }

    pub(super) fn flags(&self) -> u16 {
        u16_at(&self.0, 0x12)
    }

    pub(super) fn free_blocks(&self) -> u32 {
        let upper = if self.is_wide() { u32::from(u16_at(&self.0, 0x2c)) << 16 } else { 0 };
        upper | u32::from(u16_at(&self.0, 0xc))
    }

    /// The stored checksum of the block bitmap, with what there is no room for taken from `whole`.
    pub(super) fn block_bitmap_checksum(&self, whole: u32) -> u32 {
        let upper = if self.is_wide() { u32::from(u16_at(&self.0, 0x38)) << 16 } else { whole & 0xffff_0000 };
        upper | u32::from(u16_at(&self.0, 0x18))
    }

    pub(super) fn set_places(&mut self, block_bitmap: u64, inode_bitmap: u64, inode_table: u64) {
        self.set_number(0x0, 0x20, block_bitmap);
        self.set_number(0x4, 0x24, inode_bitmap);
        self.set_number(0x8, 0x28, inode_table);
    }

    pub(super) fn set_free_blocks(&mut self, count: u32) {
        self.set_count(0xc, 0x2c, count);
    }

    pub(super) fn set_free_inodes(&mut self, count: u32) {
        self.set_count(0xe, 0x2e, count);
    }

    pub(super) fn set_unused_inodes(&mut self, count: u32) {
        self.set_count(0x1c, 0x32, count);
    }

    pub(super) fn set_flags(&mut self, flags: u16) {
        set_at(&mut self.0, 0x12, &flags.to_le_bytes());
    }

    pub(super) fn set_block_bitmap_checksum(&mut self, checksum: u32) {
        self.set_count(0x18, 0x38, checksum);
    }

    pub(super) fn set_inode_bitmap_checksum(&mut self, checksum: u32) {
        self.set_count(0x1a, 0x3a, checksum);
    }

    /// `bg_checksum`, of everything else in it.
    pub(super) fn set_checksum(&mut self, checksum: u16) {
        set_at(&mut self.0, 0x1e, &checksum.to_le_bytes());
    }
}
