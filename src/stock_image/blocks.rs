//! Images in xz, read at random: a Block is decoded when its first byte is asked for.
//!
//! Decoded Blocks go into an anonymous temp file, so that no Block is ever decoded twice, and memory is taken for
//! decoders only, however large Blocks are: `xz -6` makes Blocks of 24 MiB, `xz -9` of 192 MiB, and a file written by
//! one thread is a single Block. Whoever reads much of an image once takes a [`reader`](BlockImage::reader), which keeps
//! nothing.

use super::decode_once::DecodeOnce;
use super::error::StockImageError;
use super::file::ImageFile;
use crate::formats::FormatError;
use crate::formats::xz::{XzBlock, XzLayout, block_memory, block_reader};
use crate::io::cursor::Cursor;
use crate::io::{DiskFile, ReadAt, check_range, parallel, read_full};
use crate::types::{ByteCount, ByteOffset};
use std::io::{self, Read};
use std::ops::Range;
use std::sync::Arc;

/// The most that is decoded before it is written.
const PIECE: usize = 1 << 20;

/// A Block of which less than such a part is read is decoded as a whole and kept.
const KEPT_BELOW: u64 = 4;

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

    /// Decodes all Blocks but those that lie in the parts to `skip`, on so many threads; `progress` is called with the
    /// size of each.
    pub(super) fn decode_all(
        &self,
        skip: &[Range<u64>],
        threads: usize,
        progress: &(dyn Fn(ByteCount) + Sync),
    ) -> io::Result<()> {
        let blocks = self.layout.blocks.iter().enumerate();
        let wanted = blocks.filter(|(_, block)| !is_within(&block.uncompressed(), skip));
        let decoded = parallel::map(threads, wanted, |(number, block)| {
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
        self.once.run(number, memory.get() + PIECE as u64, || {
            tracing::trace!(number, "decoding an xz Block");
            Ok(self.decode_now(block)?)
        })
    }

    /// Returns a reader of a part of the disk that decodes what was not decoded before, and keeps none of it.
    pub(super) fn reader(&self, range: Range<u64>) -> BlocksReader<'_> {
        BlocksReader { image: self, range, block: None }
    }

    /// Opens the Block that holds a byte of the disk, for what is from there to `end` or to its own end.
    fn open_block(&self, at: u64, end: u64) -> io::Result<Box<dyn Read + '_>> {
        let found =
            self.layout.holding(at).and_then(|number| Some((number, self.layout.blocks.get(number)?)));
        let (number, block) = found.ok_or(io::ErrorKind::UnexpectedEof)?;
        let whole = block.uncompressed();
        // Of a Block of which little is wanted, others want little, too.
        if end.min(whole.end) - at < block.uncompressed_size / KEPT_BELOW {
            self.decode(number, block)?;
        }
        if self.once.is_done(number) {
            return Ok(Box::new(Cursor::over(&self.decoded, at..end.min(whole.end))));
        }
        let mut reader =
            block_reader(&*self.file.bytes, block).map_err(|error| self.damaged(block, error))?;
        let skipped = io::copy(&mut (&mut reader).take(at - whole.start), &mut io::sink());
        skipped.map_err(|error| self.damaged(block, error))?;
        // Only at the end of its data does the decoder find that they do not fit their check value.
        let length = if end < whole.end { end - at } else { u64::MAX };
        Ok(Box::new(ExplainedBlock { image: self, block, reader: reader.take(length) }))
    }

    fn damaged(&self, block: &XzBlock, error: io::Error) -> StockImageError {
        self.file.unreadable(if error.raw_os_error().is_some() {
            FormatError::Read(error)
        } else {
            let offset = block.compressed_offset;
            FormatError::Damaged(format!("its xz Block at byte {offset} cannot be decoded: {error}"))
        })
    }

    fn decode_now(&self, block: &XzBlock) -> Result<(), StockImageError> {
        let damaged = |error| self.damaged(block, error);
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

/// Returns `true` if a range lies in one of some others, which are in order and apart.
pub(super) fn is_within(range: &Range<u64>, others: &[Range<u64>]) -> bool {
    let first = others.partition_point(|other| other.end < range.end);
    others.get(first).is_some_and(|other| other.start <= range.start)
}

/// A reader of a part of an image, Block by Block.
pub(super) struct BlocksReader<'image> {
    image: &'image BlockImage,
    /// The part that is left.
    range: Range<u64>,
    block: Option<Box<dyn Read + 'image>>,
}

impl Read for BlocksReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            if let Some(block) = &mut self.block {
                let length = block.read(buffer)?;
                if length > 0 || buffer.is_empty() {
                    self.range.start += length as u64;
                    return Ok(length);
                }
                self.block = None;
            }
            if self.range.is_empty() {
                return Ok(0);
            }
            self.block = Some(self.image.open_block(self.range.start, self.range.end)?);
        }
    }
}

/// A decoder whose errors say which Block they are about.
struct ExplainedBlock<'image, R> {
    image: &'image BlockImage,
    block: &'image XzBlock,
    reader: R,
}

impl<R: Read> Read for ExplainedBlock<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        Ok(self.reader.read(buffer).map_err(|error| self.image.damaged(self.block, error))?)
    }
}
