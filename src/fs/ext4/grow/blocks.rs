//! A disk by the block.

use crate::fs::FsError;
use crate::fs::ext4::superblock::damaged;
use crate::io::Rollback;
use crate::types::ByteOffset;
use crate::types::number::usize_from;
use std::sync::Arc;

/// A disk in blocks of the filesystem's size. A number that lies outside of it is an error of the disk's.
pub(super) struct Blocks<'disk> {
    disk: &'disk Arc<dyn Rollback>,
    block_size: u32,
}

impl<'disk> Blocks<'disk> {
    pub(super) fn new(disk: &'disk Arc<dyn Rollback>, block_size: u32) -> Self {
        Self { disk, block_size }
    }

    /// A block of zeros, not on the disk yet.
    pub(super) fn empty(&self) -> Vec<u8> {
        vec![0; usize_from(self.block_size)]
    }

    pub(super) fn read(&self, block: u64) -> Result<Vec<u8>, FsError> {
        let mut bytes = self.empty();
        self.read_at(self.offset_of(block)?, &mut bytes)?;
        Ok(bytes)
    }

    pub(super) fn write(&self, block: u64, bytes: &[u8]) -> Result<(), FsError> {
        self.write_at(self.offset_of(block)?, bytes)
    }

    /// Bytes that are no whole block.
    pub(super) fn read_at(&self, offset: ByteOffset, bytes: &mut [u8]) -> Result<(), FsError> {
        Ok(self.disk.read_at(offset, bytes)?)
    }

    /// Bytes that are no whole block.
    pub(super) fn write_at(&self, offset: ByteOffset, bytes: &[u8]) -> Result<(), FsError> {
        Ok(self.disk.write_at(offset, bytes)?)
    }

    /// Returns the offset of a block.
    pub(super) fn offset_of(&self, block: u64) -> Result<ByteOffset, FsError> {
        let offset = block.checked_mul(u64::from(self.block_size));
        offset.map(ByteOffset::new).ok_or_else(|| damaged("it refers to a block beyond 64 bits"))
    }

    /// Makes blocks zeros that are not. What was behind the old end mostly is zeros already.
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
