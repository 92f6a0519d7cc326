//! Images in xz, read at random: a Block is decoded when its first byte is asked for.
//!
//! Decoded Blocks go into an anonymous temp file, so that no Block is ever decoded twice, and memory is taken for
//! decoders only, however large Blocks are: `xz -6` makes Blocks of 24 MiB, `xz -9` of 192 MiB, and a file written by
//! one thread is a single Block.

use super::decode_once::DecodeOnce;
use super::error::StockImageError;
use super::file::ImageFile;
use crate::formats::FormatError;
use crate::formats::xz::{XzBlock, XzLayout, block_memory, block_reader};
use crate::io::{DiskFile, ReadAt, check_range, parallel, read_full};
use crate::types::{ByteCount, ByteOffset};
use std::io;
use std::sync::Arc;

/// The most that is decoded before it is written.
const PIECE: usize = 1 << 20;

/// An image in xz.
pub(super) struct BlockImage {
    file: Arc<ImageFile>,
    layout: XzLayout,
    once: DecodeOnce,
    decoded: DiskFile,
}

impl BlockImage {
    /// Reads the layout of the file.
    pub(super) fn open(file: &Arc<ImageFile>) -> Result<Self, StockImageError> {
        let layout = XzLayout::read(&*file.bytes).map_err(|problem| file.unreadable(problem))?;
        let size = ByteCount::new(layout.uncompressed_size);
        let decoded = DiskFile::with_size(file.anonymous_file()?, size);
        let decoded = decoded.map_err(|source| file.cannot_decompress(source))?;
        Ok(Self { file: Arc::clone(file), once: DecodeOnce::new(layout.blocks.len()), layout, decoded })
    }

    pub(super) fn layout(&self) -> &XzLayout {
        &self.layout
    }

    /// Decodes all Blocks, on so many threads; `progress` is called with the size of each.
    pub(super) fn decode_all(&self, threads: usize, progress: &(dyn Fn(ByteCount) + Sync)) -> io::Result<()> {
        let decoded = parallel::map(threads, self.layout.blocks.iter().enumerate(), |(number, block)| {
            self.decode(number, block)?;
            progress(ByteCount::new(block.uncompressed_size));
            Ok(())
        });
        decoded.map(drop)
    }

    /// Decodes a Block, unless that was done before.
    fn decode(&self, number: usize, block: &XzBlock) -> io::Result<()> {
        if self.once.is_done(number) {
            return Ok(());
        }
        let memory =
            block_memory(&*self.file.bytes, block).map_err(|problem| self.file.unreadable(problem))?;
        self.once.run(number, memory.get() + PIECE as u64, || Ok(self.decode_now(block)?))
    }

    fn decode_now(&self, block: &XzBlock) -> Result<(), StockImageError> {
        let damaged = |error: io::Error| {
            self.file.unreadable(if error.raw_os_error().is_some() {
                FormatError::Read(error)
            } else {
                let offset = block.compressed_offset;
                FormatError::Damaged(format!("its xz Block at byte {offset} cannot be decoded: {error}"))
            })
        };
        let mut reader = block_reader(&*self.file.bytes, block).map_err(damaged)?;
        let mut piece = vec![0; PIECE];
        let mut at = ByteOffset::new(block.uncompressed_offset);
        loop {
            let length = read_full(&mut reader, &mut piece).map_err(damaged)?;
            let bytes = piece.split_at(length).0;
            if bytes.is_empty() {
                return Ok(());
            }
            let written = self.decoded.write_without_holes(at, bytes);
            written.map_err(|source| self.file.cannot_decompress(source))?;
            at = at + ByteCount::of(bytes);
        }
    }
}

impl ReadAt for BlockImage {
    fn size(&self) -> ByteCount {
        self.decoded.size()
    }

    fn read_at(&self, offset: ByteOffset, buffer: &mut [u8]) -> io::Result<()> {
        check_range(offset, buffer.len(), self.size())?;
        let end = (offset + ByteCount::of(buffer)).get();
        // An image that holds nothing has no Blocks, and nothing can be asked of it.
        let Some(first) = self.layout.holding(offset.get()) else { return Ok(()) };
        let blocks = self.layout.blocks.iter().enumerate().skip(first);
        for (number, block) in blocks.take_while(|(_, block)| block.uncompressed_offset < end) {
            self.decode(number, block)?;
        }
        self.decoded.read_at(offset, buffer)
    }
}
