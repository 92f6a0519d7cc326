//! A disk that is only read, with finished layers of blocks over it.
//!
//! ```text
//! a node's layer      . . . . N . . .
//! the base layer      . S S . S . . .     what all nodes share
//! the stock image     0 1 2 3 4 5 6 7     zeros behind its end, where the disk is larger
//!                     ───────────────
//! what is read        0 S S 3 N 5 6 7
//! ```

use super::blocks::{BlockFile, BlockIndex, BlockMap, part_of_block};
use super::{ReadAt, check_range};
use crate::types::number::usize_from;
use crate::types::{ByteCount, ByteOffset};
use std::io;
use std::ops::Range;
use std::sync::Arc;

/// Blocks that differ from what is below them: finished, immutable, and shared between nodes.
#[derive(Debug, Default)]
pub struct Layer {
    blocks: BlockMap,
}

impl Layer {
    pub(super) fn new(blocks: BlockMap) -> Self {
        Self { blocks }
    }

    /// Returns the same layer, with blocks in a file that were in memory: many layers may share one.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn into_file(self, file: &Arc<BlockFile>) -> io::Result<Self> {
        Ok(Self { blocks: self.blocks.into_file(file)? })
    }

    /// Returns the number of blocks.
    pub(crate) fn count(&self) -> usize {
        self.blocks.count()
    }

    /// Returns `true` if it has a block.
    pub(crate) fn contains(&self, index: BlockIndex) -> bool {
        self.blocks.contains(index)
    }

    /// Returns the numbers of the blocks in a range, in order.
    pub fn indices_in(&self, range: Range<BlockIndex>) -> impl Iterator<Item = BlockIndex> {
        self.blocks.indices_in(range)
    }

    /// Returns the numbers of all blocks, in order.
    pub fn indices(&self) -> impl Iterator<Item = BlockIndex> {
        self.indices_in(BlockIndex(0)..BlockIndex(u64::MAX))
    }

    /// Fills `buffer`, which is a block long or shorter, with the beginning of a block. Returns whether the
    /// layer has that block; `buffer` is untouched where it has not.
    ///
    /// # Errors
    /// When the file cannot be read that the blocks are in, or `buffer` is longer than a block.
    pub fn read(&self, index: BlockIndex, buffer: &mut [u8]) -> io::Result<bool> {
        self.blocks.read(index, 0, buffer)
    }

    /// Copies the blocks over bytes of the disk that begin at `offset`, as far as the two overlap.
    ///
    /// # Errors
    /// When the file cannot be read that the blocks are in.
    pub fn copy_onto(&self, offset: ByteOffset, bytes: &mut [u8]) -> io::Result<()> {
        let range = offset.get()..offset.get() + bytes.len() as u64;
        for index in self.indices_in(BlockIndex::touching(&range)) {
            let start = index.start().max(range.start);
            let (_, bytes) = bytes.split_at_mut(usize_from(start - range.start));
            let (within, length) = part_of_block(start, bytes.len());
            self.blocks.read(index, within, bytes.split_at_mut(length).0)?;
        }
        Ok(())
    }
}

/// A base with layers over it.
#[derive(Clone)]
pub struct LayeredDisk {
    base: Arc<dyn ReadAt>,
    layers: Vec<Arc<Layer>>,
}

impl LayeredDisk {
    /// Takes a base without layers.
    pub fn new(base: Arc<dyn ReadAt>) -> Self {
        Self { base, layers: Vec::new() }
    }

    /// Returns the disk with another layer on top.
    #[must_use]
    pub fn with(&self, layer: Arc<Layer>) -> Self {
        let mut disk = self.clone();
        disk.layers.push(layer);
        disk
    }

    /// Returns the layers, from the bottom up.
    pub fn layers(&self) -> &[Arc<Layer>] {
        &self.layers
    }

    /// Reads the disk with some more blocks on top.
    pub(super) fn read_under(
        &self,
        top: Option<&BlockMap>,
        offset: ByteOffset,
        buffer: &mut [u8],
    ) -> io::Result<()> {
        check_range(offset, buffer.len(), self.size())?;
        let layers = || top.into_iter().chain(self.layers.iter().rev().map(|layer| &layer.blocks));
        let mut at = offset.get();
        let mut rest = buffer;
        while !rest.is_empty() {
            let index = BlockIndex::holding(at);
            let topmost = layers().find(|blocks| blocks.contains(index));
            let (within, in_block) = part_of_block(at, rest.len());
            let length = match topmost {
                Some(_) => in_block,
                // Everything up to the next block of a layer is read at once.
                None => layers()
                    .filter_map(|blocks| blocks.next_from(index))
                    .map(|next| next.start() - at)
                    .min()
                    .map_or(rest.len(), |run| usize_from(run).min(rest.len())),
            };
            let (piece, behind) = rest.split_at_mut(length);
            match topmost {
                Some(blocks) => {
                    blocks.read(index, within, piece)?;
                }
                None => self.base.read_at(ByteOffset::new(at), piece)?,
            }
            at += length as u64;
            rest = behind;
        }
        Ok(())
    }
}

impl ReadAt for LayeredDisk {
    fn size(&self) -> ByteCount {
        self.base.size()
    }

    fn read_at(&self, offset: ByteOffset, buffer: &mut [u8]) -> io::Result<()> {
        self.read_under(None, offset, buffer)
    }

    fn next_data(&self, offset: ByteOffset) -> ByteOffset {
        let index = BlockIndex::holding(offset.get());
        let in_layers = self.layers.iter().filter_map(|layer| layer.blocks.next_from(index));
        let in_layers = in_layers.map(|next| ByteOffset::new(next.start()).max(offset));
        in_layers.chain([self.base.next_data(offset)]).min().unwrap_or(offset)
    }
}
