//! What the journal is left with.
//!
//! Everything written goes through the log first, file contents too, and stays there as residue once it
//! is where it belongs. The log is empty then (`s_start` is 0), so that its blocks may hold anything;
//! put back to what the stock image had, they are not part of what changed.

use super::error::from_writer;
use crate::fs::FsError;
use crate::io::Rollback;
use crate::types::{ByteCount, ByteOffset};
use fs_ext4::{Filesystem, extent, jbd2};

/// Where the log lies, without the journal's own superblock (its first block).
pub(super) struct Log {
    pieces: Vec<(ByteOffset, ByteCount)>,
}

impl Log {
    /// Finds the log of a filesystem, which may have none.
    pub(super) fn find(filesystem: &Filesystem) -> Result<Self, FsError> {
        let number = filesystem.sb.journal_inode;
        if number == 0 {
            return Ok(Self { pieces: Vec::new() });
        }
        let (inode, _) = filesystem.read_inode_verified(number).map_err(from_writer)?;
        if !inode.has_extents() {
            return Ok(Self { pieces: Vec::new() });
        }
        let block_size = filesystem.sb.block_size();
        let extents =
            extent::collect_all(&inode.block, filesystem.dev.as_ref(), block_size).map_err(from_writer)?;
        let pieces = extents.iter().filter_map(|extent| {
            let superblock = u64::from(extent.logical_block == 0);
            let blocks = u64::from(extent.length).checked_sub(superblock)?;
            let start = extent.physical_block.checked_add(superblock)?.checked_mul(block_size.into())?;
            Some((ByteOffset::new(start), ByteCount::new(blocks.checked_mul(block_size.into())?)))
        });
        Ok(Self { pieces: pieces.collect() })
    }

    /// Puts its blocks back to what they were.
    pub(super) fn rollback(&self, disk: &dyn Rollback) -> Result<(), FsError> {
        for (start, length) in &self.pieces {
            disk.rollback(*start, *length)?;
        }
        Ok(())
    }
}

/// Refuses a journal with something in its log, or an error on its record.
pub(super) fn check_empty(filesystem: &Filesystem) -> Result<(), FsError> {
    let found = match jbd2::read_superblock(filesystem).map_err(from_writer)? {
        Some(journal) if !journal.is_clean() => "its journal is not empty",
        Some(journal) if journal.errno != 0 => "its journal records an error",
        _ => return Ok(()),
    };
    Err(FsError::Dirty { kind: "ext4", found: found.to_owned() })
}
