//! A disk by the block.

use super::superblock::damaged;
use crate::fs::FsError;
use crate::io::{ReadAt, WriteAt};
use crate::types::ByteOffset;
use crate::types::number::usize_from;

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

    pub(super) fn read(&self, block: u64) -> Result<Vec<u8>, FsError> {
        let mut bytes = self.empty();
        self.read_at(self.offset_of(block)?, &mut bytes)?;
        Ok(bytes)
    }

    /// Reads bytes that are not a whole block.
    pub(super) fn read_at(&self, offset: ByteOffset, bytes: &mut [u8]) -> Result<(), FsError> {
        Ok(self.disk.read_at(offset, bytes)?)
    }

    pub(super) fn offset_of(&self, block: u64) -> Result<ByteOffset, FsError> {
        let offset = block.checked_mul(self.block_size);
        offset.map(ByteOffset::new).ok_or_else(|| damaged("it refers to a block beyond 64 bits"))
    }
}

impl<D: WriteAt + ?Sized> FsBlocks<'_, D> {
    pub(super) fn write(&self, block: u64, bytes: &[u8]) -> Result<(), FsError> {
        self.write_at(self.offset_of(block)?, bytes)
    }

    /// Writes bytes that are not a whole block.
    pub(super) fn write_at(&self, offset: ByteOffset, bytes: &[u8]) -> Result<(), FsError> {
        Ok(self.disk.write_at(offset, bytes)?)
    }

    /// Writes zeros to the blocks that have anything else. Most of what is behind the old end has none.
    pub(super) fn zero(&self, first: u64, count: u64) -> Result<(), FsError> {
        let zeros = self.empty();
        for block in first..first + count {
            if self.read(block)? != zeros {
                self.write(block, &zeros)?;
            }
        }
        Ok(())
    }
}
