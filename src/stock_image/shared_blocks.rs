//! The Blocks that two images in xz have in common, found without decoding any.
//!
//! ```text
//! stock.img.xz  │ Block │ Block │ Block │ Block │ Block │
//! north.img.xz  │ Block │ Block │ ▒│▒│▒ │ Block │ Block │
//!                 shared  shared   own    shared  shared
//! ```
//!
//! A decoder sees nothing but the bytes of a Block, its sizes and the kind of its check value. Where both files have these
//! alike, both decode to the same contents, or fail in the same way: so the two disks are the same there. That is all that
//! is claimed. Damage that was in the first file when the second was made from it is in both; it shows when somebody
//! decodes the Block, as planning does with each that it reads anything from, or by the SHA-256 of the file.

use super::blocks::is_within;
use super::image::StockImage;
use crate::formats::xz::XzBlock;
use crate::io::{ReadAt, parallel};
use crate::types::{ByteCount, ByteOffset, chunks};
use std::io;
use std::ops::Range;
use std::sync::Arc;

/// The part of a Block that is compared at once.
const PIECE: usize = 256 << 10;

/// Returns the parts of the disks that lie in Blocks which both images have alike, in order and apart; none where one is
/// not in xz. Parts to `skip` are not looked at. `progress` is called with the size of each part.
///
/// # Errors
/// When one of the files cannot be read.
pub(crate) fn shared_blocks(
    one: &StockImage,
    other: &StockImage,
    skip: &[Range<u64>],
    threads: usize,
    progress: &(dyn Fn(ByteCount) + Sync),
) -> io::Result<Vec<Range<u64>>> {
    let (Some(layout), Some(other_layout)) = (one.xz_layout(), other.xz_layout()) else {
        return Ok(Vec::new());
    };
    let candidates = layout.blocks.iter().filter_map(|block| {
        let twin = other_layout.blocks.get(other_layout.holding(block.uncompressed_offset)?)?;
        let shape = |block: &XzBlock| (block.uncompressed(), block.unpadded_size, block.check);
        (shape(block) == shape(twin) && !is_within(&block.uncompressed(), skip)).then_some((block, twin))
    });
    let compared = parallel::map(threads, candidates, |(block, twin)| {
        let same = are_same((one.file_bytes(), block), (other.file_bytes(), twin))?;
        let range = same.then(|| block.uncompressed());
        if same {
            progress(ByteCount::new(block.uncompressed_size));
        }
        Ok::<_, io::Error>(range)
    })?;
    Ok(joined(compared.into_iter().flatten()))
}

/// Returns the parts of the disk that lie in Blocks like the one before them of those that `are_alike`: what the first of
/// such a row holds, all do.
///
/// # Errors
/// When the file cannot be read.
pub(crate) fn repeated_blocks(
    image: &StockImage,
    are_alike: &dyn Fn(&Range<u64>) -> bool,
) -> io::Result<Vec<Range<u64>>> {
    let (file, mut before, mut repeated) = (image.file_bytes(), None::<&XzBlock>, Vec::new());
    let blocks = image.xz_layout().into_iter().flat_map(|layout| &layout.blocks);
    for block in blocks.filter(|block| are_alike(&block.uncompressed())) {
        let shape = |block: &XzBlock| (block.uncompressed_size, block.unpadded_size, block.check);
        if let Some(before) = before
            && shape(before) == shape(block)
            && are_same((file, before), (file, block))?
        {
            repeated.push(block.uncompressed());
        }
        before = Some(block);
    }
    Ok(joined(repeated.into_iter()))
}

/// Joins ranges that touch.
fn joined(ranges: impl Iterator<Item = Range<u64>>) -> Vec<Range<u64>> {
    let mut all: Vec<Range<u64>> = Vec::new();
    for range in ranges.filter(|range| !range.is_empty()) {
        match all.last_mut() {
            Some(last) if last.end == range.start => last.end = range.end,
            _ => all.push(range),
        }
    }
    all
}

/// Compares two Blocks of the same size, from their headers to their check values.
fn are_same(one: (&dyn ReadAt, &XzBlock), other: (&dyn ReadAt, &XzBlock)) -> io::Result<bool> {
    let (mut bytes, mut other_bytes) = (vec![0; PIECE], vec![0; PIECE]);
    for (offset, length) in chunks(0..one.1.padded_size(), PIECE) {
        let read = |(file, block): (&dyn ReadAt, &XzBlock), into: &mut [u8]| {
            file.read_at(ByteOffset::new(block.compressed_offset + offset.get()), into)
        };
        let (bytes, other_bytes) = (bytes.split_at_mut(length).0, other_bytes.split_at_mut(length).0);
        read(one, bytes)?;
        read(other, other_bytes)?;
        if bytes != other_bytes {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The disk in an image. What it shares with another is read from that one, which may have decoded it already.
pub(crate) struct SharingDisk {
    pub(crate) image: Arc<StockImage>,
    pub(crate) other: Arc<StockImage>,
    /// The parts that both have alike, in order and apart.
    pub(crate) shared: Vec<Range<u64>>,
}

impl ReadAt for SharingDisk {
    fn size(&self) -> ByteCount {
        self.image.size()
    }

    fn read_at(&self, offset: ByteOffset, buffer: &mut [u8]) -> io::Result<()> {
        let range = offset.get()..offset.get() + buffer.len() as u64;
        let from = if is_within(&range, &self.shared) { &self.other } else { &self.image };
        from.read_at(offset, buffer)
    }
}
