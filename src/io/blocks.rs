//! The blocks that were written over a disk: in memory, or, where they are many, in an anonymous temporary file.

use super::{BLOCK_SIZE, DiskFile, ReadAt as _, WriteAt as _, temporary};
use crate::types::number::usize_from;
use crate::types::{ByteCount, ByteOffset};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::ops::Range;
use std::path::Path;

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

/// Blocks by their number.
#[derive(Debug)]
pub(super) enum BlockMap {
    /// In memory.
    Memory(BTreeMap<BlockIndex, Block>),
    /// In a file as large as the disk, each at its own place; all the rest of it is a hole.
    File {
        /// The numbers of those that were written.
        indices: BTreeSet<BlockIndex>,
        /// Their bytes. The file has no name, and is gone with this.
        file: DiskFile,
    },
}

impl Default for BlockMap {
    fn default() -> Self {
        Self::Memory(BTreeMap::new())
    }
}

impl BlockMap {
    /// Makes an empty set for a disk of `size`, in an anonymous file in `folder`.
    pub(super) fn in_file(size: ByteCount, folder: &Path) -> io::Result<Self> {
        let whole_blocks = size.get().checked_next_multiple_of(BLOCK_SIZE as u64);
        let whole_blocks = whole_blocks.ok_or(io::ErrorKind::FileTooLarge)?;
        let file = DiskFile::with_size(temporary::anonymous(folder)?, ByteCount::new(whole_blocks))?;
        Ok(Self::File { indices: BTreeSet::new(), file })
    }

    pub(super) fn contains(&self, index: BlockIndex) -> bool {
        match self {
            Self::Memory(blocks) => blocks.contains_key(&index),
            Self::File { indices, .. } => indices.contains(&index),
        }
    }

    /// Returns the numbers in a range, in order.
    pub(super) fn indices_in(&self, range: Range<BlockIndex>) -> Box<dyn Iterator<Item = BlockIndex> + '_> {
        if range.is_empty() {
            return Box::new(std::iter::empty());
        }
        match self {
            Self::Memory(blocks) => Box::new(blocks.range(range).map(|(index, _)| *index)),
            Self::File { indices, .. } => Box::new(indices.range(range).copied()),
        }
    }

    /// Returns the first number from `index` on.
    pub(super) fn next_from(&self, index: BlockIndex) -> Option<BlockIndex> {
        match self {
            Self::Memory(blocks) => blocks.range(index..).next().map(|(index, _)| *index),
            Self::File { indices, .. } => indices.range(index..).next().copied(),
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
            Self::File { indices, file } => {
                let there = indices.contains(&index);
                if there {
                    file.read_at(place_of(index, within), buffer)?;
                }
                Ok(there)
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
                let place = block.get_mut(within..).and_then(|place| place.get_mut(..bytes.len()));
                place.ok_or_else(|| beyond_the_block(within, bytes.len()))?.copy_from_slice(bytes);
            }
            Self::File { indices, file } => {
                if let (Some(below), false) = (below, indices.contains(&index)) {
                    file.write_at(place_of(index, 0), &below[..])?;
                }
                file.write_at(place_of(index, within), bytes)?;
                indices.insert(index);
            }
        }
        Ok(())
    }

    /// Forgets a block.
    pub(super) fn remove(&mut self, index: BlockIndex) {
        match self {
            Self::Memory(blocks) => drop(blocks.remove(&index)),
            Self::File { indices, .. } => {
                indices.remove(&index);
            }
        }
    }
}

/// Returns where in its block `offset` is, and how many of `length` bytes from there on the block holds.
pub(super) fn part_of_block(offset: u64, length: usize) -> (usize, usize) {
    let within = usize_from(offset % BLOCK);
    (within, length.min(BLOCK_SIZE - within))
}

fn place_of(index: BlockIndex, within: usize) -> ByteOffset {
    ByteOffset::new(index.start() + within as u64)
}

fn beyond_the_block(within: usize, length: usize) -> io::Error {
    io::Error::other(format!("{length} bytes from byte {within} on are no part of a block"))
}
