//! Images packed with xz, read at random: only the Blocks that are asked for are decoded.

use super::block_cache::BlockCache;
use super::unpack::{self, PIECE};
use super::xz_index::{XzBlock, XzLayout};
use super::{Given, xz_block};
use crate::disk::{ByteCount, ByteOffset, DiskError, DiskFile, ReadAt, check_range};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// The largest Block that is decoded into memory. `xz -6` makes Blocks of 24 MiB, `xz -8` of 96 MiB; a
/// file written by one thread is a single Block.
const LARGEST_BLOCK: u64 = 64 << 20;

/// The memory that decoders may take together while a whole image is unpacked.
const UNPACKING_MEMORY: u64 = 192 << 20;

/// An image packed with xz.
pub(super) struct XzImage {
    file: PathBuf,
    packed: Arc<dyn ReadAt>,
    layout: XzLayout,
    content: Content,
}

enum Content {
    /// Decoded where it is asked for.
    Blocks(BlockCache),
    /// Unpacked, because there are Blocks too large to be decoded for a few bytes of them.
    Unpacked(DiskFile),
}

impl XzImage {
    /// Reads where the Blocks of the file are; unpacks it when they are too large.
    pub(super) fn open(packed: &Arc<dyn ReadAt>, given: &Given<'_>) -> Result<Self, DiskError> {
        let layout = XzLayout::read(given)?;
        let content = if layout.blocks.iter().all(|block| block.uncompressed_size <= LARGEST_BLOCK) {
            Content::Blocks(BlockCache::default())
        } else {
            Content::Unpacked(unpack(given, &layout)?)
        };
        Ok(Self { file: given.file.to_owned(), packed: Arc::clone(packed), layout, content })
    }

    pub(super) fn layout(&self) -> &XzLayout {
        &self.layout
    }

    /// The content of a Block, decoded now or earlier.
    fn block(&self, cache: &BlockCache, number: usize, block: &XzBlock) -> io::Result<Arc<Vec<u8>>> {
        if let Some(bytes) = cache.get(number) {
            return Ok(bytes);
        }
        // Whoever reads a disk expects an io::Error; the DiskError can be taken out of it.
        let named = |error| io::Error::new(io::ErrorKind::InvalidData, not_decoded(&self.file, block, error));
        let memory = xz_block::memory(&*self.packed, block).map_err(named)?;
        let memory = memory.0.saturating_add(block.uncompressed_size);
        let decode = || {
            let mut bytes = Vec::with_capacity(usize::try_from(block.uncompressed_size).unwrap_or_default());
            xz_block::reader(&*self.packed, block)?.read_to_end(&mut bytes)?;
            Ok(bytes)
        };
        cache.get_or_decode(number, memory, || decode().map_err(named))
    }
}

impl ReadAt for XzImage {
    fn size(&self) -> ByteCount {
        ByteCount(self.layout.uncompressed_size)
    }

    fn read_at(&self, offset: ByteOffset, buffer: &mut [u8]) -> io::Result<()> {
        let cache = match &self.content {
            Content::Blocks(cache) => cache,
            Content::Unpacked(disk) => return disk.read_at(offset, buffer),
        };
        check_range(offset, buffer.len(), self.size())?;
        let mut at = offset.0;
        let mut rest = buffer;
        while !rest.is_empty() {
            let number = self.layout.holding(at).unwrap_or_default();
            let block = self.layout.blocks.get(number).ok_or(io::ErrorKind::UnexpectedEof)?;
            let bytes = self.block(cache, number, block)?;
            let within = usize::try_from(at.saturating_sub(block.uncompressed_offset)).ok();
            let bytes = within.and_then(|within| bytes.get(within..)).unwrap_or_default();
            let length = bytes.len().min(rest.len());
            let (piece, behind) = rest.split_at_mut(length);
            // A decoded Block is as long as the Index says, so there is always something to copy.
            piece.copy_from_slice(bytes.get(..length).ok_or(io::ErrorKind::UnexpectedEof)?);
            if piece.is_empty() {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            at = at.saturating_add(length as u64);
            rest = behind;
        }
        Ok(())
    }
}

/// The error of a Block.
fn not_decoded(file: &Path, block: &XzBlock, error: io::Error) -> DiskError {
    let file = file.to_owned();
    if error.raw_os_error().is_some() {
        return DiskError::Read { file, source: error };
    }
    if error.kind() == io::ErrorKind::OutOfMemory {
        return DiskError::UnknownPacking { file, found: error.to_string() };
    }
    let found = format!("its xz Block at byte {} cannot be decoded: {error}", block.compressed_offset);
    DiskError::Damaged { file, found }
}

/// Unpacks the whole image, several Blocks at a time where there are several. What a Block holds goes
/// where it belongs as it is decoded, so this takes memory for the dictionaries only.
fn unpack(given: &Given<'_>, layout: &XzLayout) -> Result<DiskFile, DiskError> {
    let size = ByteCount(layout.uncompressed_size);
    let disk = unpack::nameless_file(given)?;
    let disk = DiskFile::with_size(disk, size).map_err(|source| given.cannot_unpack(source))?;
    let mut memory = PIECE as u64;
    for block in &layout.blocks {
        let needed =
            xz_block::memory(given.bytes, block).map_err(|error| not_decoded(given.file, block, error))?;
        memory = memory.max(needed.0.saturating_add(PIECE as u64));
    }
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let threads = usize::try_from(UNPACKING_MEMORY / memory).unwrap_or(1).clamp(1, cores);
    let next = AtomicUsize::new(0);
    let work = || {
        let mut piece = vec![0; PIECE];
        while let Some(block) = layout.blocks.get(next.fetch_add(1, Ordering::Relaxed)) {
            let result = unpack_block(given, block, &disk, &mut piece);
            if result.is_err() {
                // Nobody needs to begin another one.
                next.store(layout.blocks.len(), Ordering::Relaxed);
                return result;
            }
        }
        Ok(())
    };
    thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        let results = workers.into_iter().map(|worker| {
            worker.join().unwrap_or_else(|_| Err(given.cannot_unpack(io::Error::other("a decoder failed"))))
        });
        results.fold(Ok(()), Result::and)
    })?;
    Ok(disk)
}

fn unpack_block(
    given: &Given<'_>,
    block: &XzBlock,
    disk: &DiskFile,
    piece: &mut [u8],
) -> Result<(), DiskError> {
    let damaged = |error| not_decoded(given.file, block, error);
    let mut reader = xz_block::reader(given.bytes, block).map_err(damaged)?;
    let mut at = block.uncompressed_offset;
    loop {
        let length = unpack::fill(&mut reader, piece).map_err(damaged)?;
        let bytes = piece.get(..length).unwrap_or_default();
        if bytes.is_empty() {
            return Ok(());
        }
        disk.write_without_holes(ByteOffset(at), bytes).map_err(|source| given.cannot_unpack(source))?;
        at = at.saturating_add(length as u64);
    }
}
