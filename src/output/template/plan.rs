//! The division of a disk into the parts of a template, before anything is compressed.

use crate::formats::Record;
use crate::formats::xz::{BlockHeader, Check, XzBlock};
use crate::io::{BlockIndex, LayeredDisk, ReadAt};
use crate::output::regions::NodeRegions;
use crate::stock_image::StockImage;
use crate::types::number::usize_from;
use crate::types::{ByteOffset, chunks};
use std::io;
use std::ops::Range;

/// The longest header a Block can have.
const LONGEST_HEADER: usize = 1024;

/// A part of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Planned {
    /// A Block of the stock image's file, as it is there.
    Reused(ReusedBlock),
    /// A part of the disk that is to be compressed.
    Compressed(Range<u64>),
    /// A part of the disk where nodes differ.
    Region(Range<u64>),
}

/// A Block that is taken from the stock image's file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ReusedBlock {
    /// The header before its bytes; empty where its own, with sizes, is among them.
    pub(super) header: Vec<u8>,
    /// Its bytes in the file.
    pub(super) bytes: Range<u64>,
    pub(super) record: Record,
}

/// Returns the Blocks of an image that may be reused: those of an .img.xz of several, all with the same check.
pub(in crate::output) fn reusable_blocks(stock: &StockImage) -> Option<(Check, Vec<XzBlock>)> {
    let layout = stock.xz_layout()?;
    let blocks: Vec<_> = layout.blocks.iter().filter(|block| block.uncompressed_size > 0).copied().collect();
    let check = blocks.first()?.check;
    let reusable = blocks.len() > 1 && blocks.iter().all(|block| block.check == check);
    tracing::debug!("the stock image has {} xz Blocks; they can be reused: {reusable}", blocks.len());
    reusable.then_some((check, blocks))
}

/// Plans a template of `disk`, with parts of at most `largest` bytes that are compressed. `blocks` are those of the stock image's `file`.
///
/// # Errors
/// When the file cannot be read.
pub(super) fn plan(
    disk: &LayeredDisk,
    regions: &NodeRegions,
    file: &dyn ReadAt,
    blocks: &[XzBlock],
    largest: usize,
) -> io::Result<Vec<Planned>> {
    let mut planned = Vec::new();
    let mut done = 0;
    for block in blocks {
        let range = block.uncompressed_offset..block.uncompressed_offset + block.uncompressed_size;
        let is_clean = regions.in_part(&range).is_empty()
            && disk
                .layers()
                .iter()
                .all(|layer| layer.indices_in(BlockIndex::touching(&range)).next().is_none());
        if range.end > disk.size().get() || !is_clean {
            continue;
        }
        if let Some(reused) = reuse(file, block)? {
            cut(done..range.start, regions, largest, &mut planned);
            planned.push(Planned::Reused(reused));
            done = range.end;
        }
    }
    cut(done..disk.size().get(), regions, largest, &mut planned);
    Ok(planned)
}

/// Cuts a part of the disk into node regions and what lies between them. No region reaches out of it.
fn cut(range: Range<u64>, regions: &NodeRegions, largest: usize, planned: &mut Vec<Planned>) {
    let between = |range: Range<u64>| {
        let parts = chunks(range, largest);
        parts.map(|(start, length)| Planned::Compressed(start.get()..start.get() + length as u64))
    };
    let mut done = range.start;
    for region in regions.in_part(&range) {
        planned.extend(between(done..region.start));
        planned.push(Planned::Region(region.clone()));
        done = region.end;
    }
    planned.extend(between(done..range.end));
}

/// Plans to reuse a Block. `None` where its header is not understood: decoding it will tell why.
fn reuse(file: &dyn ReadAt, block: &XzBlock) -> io::Result<Option<ReusedBlock>> {
    let start = block.compressed_offset;
    let mut header = vec![0; usize_from(block.unpadded_size).min(LONGEST_HEADER)];
    file.read_at(ByteOffset::new(start), &mut header)?;
    let Some(found) = BlockHeader::parse(&header) else { return Ok(None) };
    let body = block.unpadded_size.checked_sub(found.length);
    let compressed = body.and_then(|body| body.checked_sub(block.check.size()));
    let (Some(body), Some(compressed)) = (body, compressed) else { return Ok(None) };
    let end = start + block.padded_size();
    let (header, bytes) = if found.has_sizes {
        (Vec::new(), start..end)
    } else {
        // Decoders with several threads ask for sizes.
        let header = found.with_sizes(compressed, block.uncompressed_size);
        (header, start + found.length..end)
    };
    let own = if header.is_empty() { found.length } else { header.len() as u64 };
    let record = Record { size: block.uncompressed_size, compressed: own + body, crc32: 0 };
    Ok(Some(ReusedBlock { header, bytes, record }))
}
