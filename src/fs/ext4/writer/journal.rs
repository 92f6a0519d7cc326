//! The journal: empty before anything is written, and rolled back afterwards.
//!
//! `rust-fs-ext4` writes everything to the log first, file contents too, and then to where it belongs:
//!
//! ```text
//!                journal inode                                 rest of the filesystem
//!   opened       | superblock | stock bytes .............. |   | stock |
//!   written      | superblock | new A | new B | stock .... |   | new A, new B |
//!   rolled back  | superblock | stock bytes .............. |   | new A, new B |
//! ```
//!
//! The rest of the log has no meaning: `s_start` of the journal's superblock is 0, which says that the log is empty
//! (JBD2 in the kernel's `Documentation/filesystems/ext4/journal.rst`). Its blocks become those of the stock image
//! again, so that a node differs from its template by what was written and not by a second copy of it: fourteen
//! blocks for a host name.

use crate::fs::{FsError, FsResult, damaged};
use crate::io::Rollback;
use crate::types::{ByteCount, ByteOffset};
use fs_ext4::{Filesystem, extent, jbd2};

/// The log: the blocks of the journal inode behind the journal's superblock, which is its first block.
pub(super) struct Log {
    pieces: Vec<(ByteOffset, ByteCount)>,
}

impl Log {
    /// Finds the log of a filesystem, which may have none.
    pub(super) fn find(filesystem: &Filesystem) -> FsResult<Self> {
        let number = filesystem.sb.journal_inode;
        if number == 0 {
            return Ok(Self { pieces: Vec::new() });
        }
        let (inode, _) = filesystem.read_inode_verified(number)?;
        if !inode.has_extents() {
            tracing::debug!("the journal has no extents, and keeps what was written through it");
            return Ok(Self { pieces: Vec::new() });
        }
        let block_size = filesystem.sb.block_size();
        let extents = extent::collect_all(&inode.block, filesystem.dev.as_ref(), block_size)?;
        let bytes = |blocks: u64| blocks.checked_mul(block_size.into());
        let pieces = extents.iter().map(|extent| {
            let superblock = u64::from(extent.logical_block == 0);
            let start = extent.physical_block.checked_add(superblock).and_then(bytes)?;
            let length = u64::from(extent.length).checked_sub(superblock).and_then(bytes)?;
            Some((ByteOffset::new(start), ByteCount::new(length)))
        });
        let pieces = pieces.collect::<Option<_>>();
        Ok(Self { pieces: pieces.ok_or_else(|| damaged("its journal has extents beyond 64 bits"))? })
    }

    /// Makes its blocks those of the stock image again.
    pub(super) fn rollback(&self, disk: &dyn Rollback) -> FsResult<()> {
        for (start, length) in &self.pieces {
            disk.rollback(*start, *length)?;
        }
        Ok(())
    }
}

/// Refuses a journal with something in its log, or with an error on record.
pub(super) fn check_empty(filesystem: &Filesystem) -> FsResult<()> {
    let found = match jbd2::read_superblock(filesystem)? {
        Some(journal) if !journal.is_clean() => "its journal is not empty",
        Some(journal) if journal.errno != 0 => "its journal records an error",
        _ => return Ok(()),
    };
    Err(FsError::Dirty { kind: "ext4", found: found.to_owned() })
}
