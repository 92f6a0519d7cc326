//! Images packed with xz, read at random: a Block is decoded when the first byte of it is asked for.
//!
//! What was decoded goes into a nameless file, so that no Block is ever decoded twice, and memory is taken
//! for decoders only, however large Blocks are: `xz -6` makes Blocks of 24 MiB, `xz -9` of 192 MiB, and a
//! file written by one thread is a single Block.

use super::decode_once::Decoding;
use super::decompress::{self, PIECE};
use super::xz_index::{XzBlock, XzLayout};
use super::{Given, as_io_error, xz_block};
use crate::io::{DiskError, DiskFile, ReadAt, check_range};
use crate::types::{ByteCount, ByteOffset};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// An image packed with xz.
pub(super) struct XzImage {
    file: PathBuf,
    packed: Arc<dyn ReadAt>,
    layout: XzLayout,
    decoding: Decoding,
    scratch: PathBuf,
    decoded: DiskFile,
}

impl XzImage {
    /// Reads where the Blocks of the file are.
    pub(super) fn open(packed: &Arc<dyn ReadAt>, given: &Given<'_>) -> Result<Self, DiskError> {
        let layout = XzLayout::read(given)?;
        let size = ByteCount::new(layout.uncompressed_size);
        let decoded = decompress::nameless_file(given)?;
        let decoded = DiskFile::with_size(decoded, size).map_err(|source| given.cannot_unpack(source))?;
        Ok(Self {
            file: given.file.to_owned(),
            packed: Arc::clone(packed),
            decoding: Decoding::new(layout.blocks.len()),
            layout,
            scratch: given.scratch.to_owned(),
            decoded,
        })
    }

    pub(super) fn layout(&self) -> &XzLayout {
        &self.layout
    }

    /// Decodes all Blocks, on so many threads; `progress` hears of what they hold.
    pub(super) fn unpack_all(&self, threads: usize, progress: &(dyn Fn(ByteCount) + Sync)) -> io::Result<()> {
        let next = AtomicUsize::new(0);
        let worker = || -> io::Result<()> {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                let Some(block) = self.layout.blocks.get(number) else { return Ok(()) };
                self.decode(number, block).inspect_err(|_| {
                    // The others need not go on.
                    next.store(self.layout.blocks.len(), Ordering::Relaxed);
                })?;
                progress(ByteCount::new(block.uncompressed_size));
            }
        };
        thread::scope(|scope| {
            let workers: Vec<_> = (0..threads.max(1)).map(|_| scope.spawn(worker)).collect();
            let died = || Err(io::Error::other("a worker thread died"));
            workers
                .into_iter()
                .map(|worker| worker.join().unwrap_or_else(|_| died()))
                .fold(Ok(()), Result::and)
        })
    }

    /// Sees to it that a Block is decoded.
    fn decode(&self, number: usize, block: &XzBlock) -> io::Result<()> {
        if self.decoding.is_done(number) {
            return Ok(());
        }
        let given = Given { file: &self.file, bytes: &*self.packed, scratch: &self.scratch };
        let memory = xz_block::memory(given.bytes, block)
            .map_err(|error| as_io_error(not_decoded(&given, block, error)))?;
        let memory = memory.get() + PIECE as u64;
        self.decoding.once(number, memory, || decode(&given, block, &self.decoded).map_err(as_io_error))
    }
}

impl ReadAt for XzImage {
    fn size(&self) -> ByteCount {
        self.decoded.size()
    }

    fn read_at(&self, offset: ByteOffset, buffer: &mut [u8]) -> io::Result<()> {
        check_range(offset, buffer.len(), self.size())?;
        let end = offset.get() + buffer.len() as u64;
        // An image that holds nothing has no Blocks, and nothing can be asked of it.
        let Some(first) = self.layout.holding(offset.get()) else { return Ok(()) };
        let blocks = self.layout.blocks.iter().enumerate().skip(first);
        for (number, block) in blocks.take_while(|(_, block)| block.uncompressed_offset < end) {
            self.decode(number, block)?;
        }
        self.decoded.read_at(offset, buffer)
    }
}

/// Decodes a Block to where it belongs.
fn decode(given: &Given<'_>, block: &XzBlock, decoded: &DiskFile) -> Result<(), DiskError> {
    let damaged = |error| not_decoded(given, block, error);
    let mut reader = xz_block::reader(given.bytes, block).map_err(damaged)?;
    let mut piece = vec![0; PIECE];
    let mut at = block.uncompressed_offset;
    loop {
        let length = decompress::fill(&mut reader, &mut piece).map_err(damaged)?;
        let bytes = piece.split_at(length).0;
        if bytes.is_empty() {
            return Ok(());
        }
        decoded
            .write_without_holes(ByteOffset::new(at), bytes)
            .map_err(|source| given.cannot_unpack(source))?;
        at += length as u64;
    }
}

/// The error of a Block.
fn not_decoded(given: &Given<'_>, block: &XzBlock, error: io::Error) -> DiskError {
    if error.raw_os_error().is_some() {
        return given.unreadable(error);
    }
    if error.kind() == io::ErrorKind::OutOfMemory {
        return given.unknown(error.to_string());
    }
    given.damaged(format!("its xz Block at byte {} cannot be decoded: {error}", block.compressed_offset))
}
