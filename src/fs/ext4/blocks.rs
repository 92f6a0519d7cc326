//! A disk by the block.

use crate::fs::{FsResult, damaged};
use crate::io::{ReadAt, WriteAt};
use crate::types::number::usize_from;
use crate::types::{ByteCount, ByteOffset};

/// A disk in blocks of the filesystem's size. A number that lies outside of it is an error of the disk's.
pub(super) struct FsBlocks<'disk, D: ?Sized> {
    disk: &'disk D,
    block_size: u64,
}

impl<'disk, D: ReadAt + ?Sized> FsBlocks<'disk, D> {
    pub(super) fn new(disk: &'disk D, block_size: u64) -> Self {
        Self { disk, block_size }
    }

    /// Returns a block of zeros, not on the disk yet.
    pub(super) fn empty(&self) -> Vec<u8> {
        vec![0; usize_from(self.block_size)]
    }

    pub(super) fn read(&self, block: u64) -> FsResult<Vec<u8>> {
        let mut bytes = self.empty();
        self.read_at(self.offset_of(block)?, &mut bytes)?;
        Ok(bytes)
    }

    /// Reads bytes that are not a whole block.
    pub(super) fn read_at(&self, offset: ByteOffset, bytes: &mut [u8]) -> FsResult<()> {
        Ok(self.disk.read_at(offset, bytes)?)
    }

    /// Reads an element of a table that begins with block `table`.
    pub(super) fn read_element(&self, table: u64, index: u32, size: u32) -> FsResult<Vec<u8>> {
        let mut bytes = vec![0; usize_from(size)];
        self.read_at(self.offset_of_element(table, index, size)?, &mut bytes)?;
        Ok(bytes)
    }

    /// Returns the offset of an element of `size` bytes in a table that begins with block `table`.
    pub(super) fn offset_of_element(&self, table: u64, index: u32, size: u32) -> FsResult<ByteOffset> {
        let before = ByteCount::new(u64::from(index) * u64::from(size));
        let offset = self.offset_of(table)?.checked_add(before);
        offset.ok_or_else(|| damaged("a table lies beyond 64 bits"))
    }

    pub(super) fn offset_of(&self, block: u64) -> FsResult<ByteOffset> {
        let offset = block.checked_mul(self.block_size);
        offset.map(ByteOffset::new).ok_or_else(|| damaged("it refers to a block beyond 64 bits"))
    }
}

impl<D: WriteAt + ?Sized> FsBlocks<'_, D> {
    pub(super) fn write(&self, block: u64, bytes: &[u8]) -> FsResult<()> {
        self.write_at(self.offset_of(block)?, bytes)
    }

    /// Writes bytes that are not a whole block.
    pub(super) fn write_at(&self, offset: ByteOffset, bytes: &[u8]) -> FsResult<()> {
        Ok(self.disk.write_at(offset, bytes)?)
    }

    /// Writes zeros to the blocks that have anything else. Most of what is behind the old end has none.
    pub(super) fn zero(&self, first: u64, count: u64) -> FsResult<()> {
        let zeros = self.empty();
        for block in first..first + count {
            if self.read(block)? != zeros {
                self.write(block, &zeros)?;
            }
        }
        Ok(())
    }
}
