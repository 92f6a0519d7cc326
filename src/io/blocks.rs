//! The blocks that were written over a disk: in memory, or, where they are many, in an anonymous temporary file, which
//! the blocks of many disks may share.

use super::{BLOCK_SIZE, DiskFile, ReadAt as _, WriteAt as _, temporary};
use crate::types::number::usize_from;
use crate::types::{ByteCount, ByteOffset};
use std::collections::BTreeMap;
use std::io;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// [`BLOCK_SIZE`] as the offsets count.
pub(super) const BLOCK: u64 = BLOCK_SIZE as u64;

/// The number of a block of [`BLOCK_SIZE`] bytes, from the start of the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlockIndex(pub(super) u64);

impl BlockIndex {
    /// Returns the block that holds the byte at `offset`.
    pub(super) const fn holding(offset: u64) -> Self {
        Self(offset / BLOCK)
    }

    /// Returns the blocks that hold some of the bytes of a range.
    pub(crate) const fn touching(bytes: &Range<u64>) -> Range<Self> {
        Self(bytes.start / BLOCK)..Self(bytes.end.div_ceil(BLOCK))
    }

    /// Returns the number of the block.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// Returns the offset of the block: a number of 64 bits, as it holds a byte of a disk.
    pub(crate) const fn start(self) -> u64 {
        self.0 * BLOCK
    }
}

/// One block's bytes. Of the last block of a disk whose size is no multiple of [`BLOCK_SIZE`], the bytes
/// beyond the end are zero.
pub(super) type Block = Box<[u8; BLOCK_SIZE]>;

/// A file without a name that blocks are appended to, those of one disk or of many. It is gone when nothing needs it any
/// more, also when the program is killed.
#[derive(Debug)]
pub struct BlockFile {
    file: DiskFile,
    /// The offset behind the last block.
    end: AtomicU64,
}

impl BlockFile {
    /// Makes an empty file in a folder.
    ///
    /// # Errors
    /// When the folder cannot be written to.
    pub fn create(folder: &Path) -> io::Result<Self> {
        // It grows with what is written to it: 2^63 - 1 bytes are the most that a file can have.
        let file = DiskFile::of_size(temporary::anonymous(folder)?, ByteCount::new(u64::MAX >> 1));
        Ok(Self { file, end: AtomicU64::new(0) })
    }

    /// Appends whole blocks; returns the offset of the first.
    fn append(&self, blocks: &[u8]) -> io::Result<u64> {
        let start = self.end.fetch_add(blocks.len() as u64, Ordering::Relaxed);
        self.file.write_at(ByteOffset::new(start), blocks)?;
        Ok(start)
    }
}

/// Blocks by their number.
#[derive(Debug)]
pub(super) enum BlockMap {
    /// In memory.
    Memory(BTreeMap<BlockIndex, Block>),
    /// In a file.
    File {
        /// The offset of each in the file.
        offsets: BTreeMap<BlockIndex, u64>,
        /// Their bytes, and those of others.
        file: Arc<BlockFile>,
    },
}

impl Default for BlockMap {
    fn default() -> Self {
        Self::Memory(BTreeMap::new())
    }
}

impl BlockMap {
    /// Makes an empty set, whose blocks are kept in a file.
    pub(super) fn in_file(file: BlockFile) -> Self {
        Self::File { offsets: BTreeMap::new(), file: Arc::new(file) }
    }

    /// Returns the same blocks, in a file where they were in memory.
    pub(super) fn into_file(self, file: &Arc<BlockFile>) -> io::Result<Self> {
        let Self::Memory(blocks) = self else { return Ok(self) };
        let bytes: Vec<&[u8]> = blocks.values().map(|block| &block[..]).collect();
        let start = file.append(&bytes.concat())?;
        let offsets = blocks.keys().copied().zip((start..).step_by(BLOCK_SIZE)).collect();
        Ok(Self::File { offsets, file: Arc::clone(file) })
    }

    pub(super) fn count(&self) -> usize {
        match self {
            Self::Memory(blocks) => blocks.len(),
            Self::File { offsets, .. } => offsets.len(),
        }
    }

    pub(super) fn contains(&self, index: BlockIndex) -> bool {
        match self {
            Self::Memory(blocks) => blocks.contains_key(&index),
            Self::File { offsets, .. } => offsets.contains_key(&index),
        }
    }

    /// Returns the numbers in a range, in order.
    pub(super) fn indices_in(&self, range: Range<BlockIndex>) -> Box<dyn Iterator<Item = BlockIndex> + '_> {
        if range.is_empty() {
            return Box::new(std::iter::empty());
        }
        match self {
            Self::Memory(blocks) => Box::new(blocks.range(range).map(|(index, _)| *index)),
            Self::File { offsets, .. } => Box::new(offsets.range(range).map(|(index, _)| *index)),
        }
    }

    /// Returns the first number from `index` on.
    pub(super) fn next_from(&self, index: BlockIndex) -> Option<BlockIndex> {
        match self {
            Self::Memory(blocks) => blocks.range(index..).next().map(|(index, _)| *index),
            Self::File { offsets, .. } => offsets.range(index..).next().map(|(index, _)| *index),
        }
    }

    /// Fills `buffer` from a block, from byte `within` of it on. Returns `true` if there is such a block;
    /// `buffer` may not reach beyond its end.
    pub(super) fn read(&self, index: BlockIndex, within: usize, buffer: &mut [u8]) -> io::Result<bool> {
        match self {
            Self::Memory(blocks) => {
                let Some(block) = blocks.get(&index) else { return Ok(false) };
                let bytes = block.get(within..).and_then(|bytes| bytes.get(..buffer.len()));
                buffer.copy_from_slice(bytes.ok_or_else(|| beyond_the_block(within, buffer.len()))?);
                Ok(true)
            }
            Self::File { offsets, file } => {
                let Some(offset) = offsets.get(&index) else { return Ok(false) };
                file.file.read_at(ByteOffset::new(offset + within as u64), buffer)?;
                Ok(true)
            }
        }
    }

    /// Writes `bytes` into a block, from byte `within` of it on. The other bytes of a new block come from `below`, or are
    /// zero where that is `None`.
    pub(super) fn write(
        &mut self,
        index: BlockIndex,
        within: usize,
        bytes: &[u8],
        below: Option<Block>,
    ) -> io::Result<()> {
        match self {
            Self::Memory(blocks) => {
                let block =
                    blocks.entry(index).or_insert_with(|| below.unwrap_or_else(|| Box::new([0; BLOCK_SIZE])));
                overwrite(block, within, bytes)?;
            }
            Self::File { offsets, file } => {
                if let Some(offset) = offsets.get(&index) {
                    return file.file.write_at(ByteOffset::new(offset + within as u64), bytes);
                }
                let mut block = below.unwrap_or_else(|| Box::new([0; BLOCK_SIZE]));
                overwrite(&mut block, within, bytes)?;
                offsets.insert(index, file.append(&block[..])?);
            }
        }
        Ok(())
    }

    /// Forgets a block.
    pub(super) fn remove(&mut self, index: BlockIndex) {
        match self {
            Self::Memory(blocks) => drop(blocks.remove(&index)),
            Self::File { offsets, .. } => {
                offsets.remove(&index);
            }
        }
    }
}

/// Returns where in its block `offset` is, and how many of `length` bytes from there on the block holds.
pub(super) fn part_of_block(offset: u64, length: usize) -> (usize, usize) {
    let within = usize_from(offset % BLOCK);
    (within, length.min(BLOCK_SIZE - within))
}

/// Writes `bytes` into a block in memory, from byte `within` of it on.
fn overwrite(block: &mut Block, within: usize, bytes: &[u8]) -> io::Result<()> {
    let place = block.get_mut(within..).and_then(|place| place.get_mut(..bytes.len()));
    place.ok_or_else(|| beyond_the_block(within, bytes.len()))?.copy_from_slice(bytes);
    Ok(())
}

fn beyond_the_block(within: usize, length: usize) -> io::Error {
    io::Error::other(format!("{length} bytes from byte {within} on are no part of a block"))
}
