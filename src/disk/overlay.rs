//! Copy on write, in blocks of 4 KiB, over a disk that is never written to.

use super::{BLOCK_SIZE, ByteCount, ByteOffset, ReadAt, Revert, WriteAt};
use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, RwLock};

/// The number of a block of [`BLOCK_SIZE`] bytes, from the start of the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlockIndex(pub u64);

/// One block's bytes.
pub type Block = Box<[u8; BLOCK_SIZE]>;

/// Blocks that differ from the base: finished, immutable, and shared between nodes.
#[derive(Debug, Default)]
pub struct Layer {
    blocks: BTreeMap<BlockIndex, Block>,
}

/// A base, perhaps a finished layer above it, and above that the blocks written through this overlay.
pub struct Overlay {
    base: Arc<dyn ReadAt>,
    shared: Option<Arc<Layer>>,
    own: RwLock<BTreeMap<BlockIndex, Block>>,
}

impl Overlay {
    /// Nothing written yet.
    pub fn new(base: Arc<dyn ReadAt>, shared: Option<Arc<Layer>>) -> Self {
        Self { base, shared, own: RwLock::default() }
    }

    /// What was written through this overlay and differs from what lies below it.
    ///
    /// # Errors
    /// When the base cannot be read.
    pub fn into_layer(self) -> io::Result<Layer> {
        todo!()
    }
}

impl Layer {
    /// The blocks in a range, in order.
    pub fn blocks_in(
        &self,
        range: std::ops::Range<BlockIndex>,
    ) -> impl Iterator<Item = (BlockIndex, &[u8; BLOCK_SIZE])> {
        self.blocks.range(range).map(|(index, block)| (*index, &**block))
    }

    /// The blocks, in order.
    pub fn blocks(&self) -> impl Iterator<Item = (BlockIndex, &[u8; BLOCK_SIZE])> {
        self.blocks.iter().map(|(index, block)| (*index, &**block))
    }
}

impl ReadAt for Overlay {
    fn size(&self) -> ByteCount {
        self.base.size()
    }
    fn read_at(&self, _offset: ByteOffset, _buffer: &mut [u8]) -> io::Result<()> {
        todo!()
    }
}

impl WriteAt for Overlay {
    fn write_at(&self, _offset: ByteOffset, _bytes: &[u8]) -> io::Result<()> {
        todo!()
    }
}

impl Revert for Overlay {
    fn revert(&self, _offset: ByteOffset, _length: ByteCount) -> io::Result<()> {
        todo!()
    }
}
