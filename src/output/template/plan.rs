//! Which parts a template has: a decision about the disk, before anything is read or packed.

use crate::formats::Record;
use crate::formats::xz::{BlockHeader, Check, XzBlock};
use crate::io::{BlockIndex, ReadAt};
use crate::output::image_job::{BLOCK, Disk};
use crate::output::regions::Slots;
use crate::stock_image::StockImage;
use crate::types::ByteOffset;
use crate::types::number::usize_from;
use std::io;
use std::ops::Range;

/// The most that is packed as one part. Small enough that many threads together take little memory, and
/// large enough that the packer sees nearly all there is to see.
const LARGEST_PART: u64 = 4 << 20;

/// The longest header a Block can have.
const LONGEST_HEADER: usize = 1024;

/// A part of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Planned {
    /// A Block of the stock image's file, as it is there.
    Kept(KeptBlock),
    /// To be packed.
    Packed(Range<u64>),
    /// Where cards differ.
    Slot(Range<u64>),
}

/// A Block that is taken from the stock image's file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct KeptBlock {
    /// What stands before its bytes; empty where its own header, with sizes, is among them.
    pub(super) header: Vec<u8>,
    /// Its bytes in the file.
    pub(super) bytes: Range<u64>,
    pub(super) record: Record,
}

/// The Blocks of an image that may be kept: those of a packed file of several, all with the same check.
pub(in crate::output) fn blocks_to_keep(stock: &StockImage) -> Option<(Check, Vec<XzBlock>)> {
    let layout = stock.xz_layout()?;
    let blocks: Vec<_> = layout.blocks.iter().filter(|block| block.uncompressed_size > 0).copied().collect();
    let check = blocks.first()?.check;
    (blocks.len() > 1 && blocks.iter().all(|block| block.check == check)).then_some((check, blocks))
}

/// Plans a template of `disk`. `blocks` are those of the packed file that `file` is.
///
/// # Errors
/// When the file cannot be read.
pub(super) fn plan(
    disk: &Disk<'_>,
    slots: &Slots,
    file: &dyn ReadAt,
    blocks: &[XzBlock],
) -> io::Result<Vec<Planned>> {
    let mut planned = Vec::new();
    let mut done = 0;
    for block in blocks {
        let range = block.uncompressed_offset..block.uncompressed_offset + block.uncompressed_size;
        let is_clean = slots.in_part(&range).is_empty()
            && disk.shared.iter().all(|layer| layer.indices_in(blocks_of(&range)).next().is_none());
        if range.end > disk.size.get() || !is_clean {
            continue;
        }
        if let Some(kept) = keep(file, block)? {
            cut(done..range.start, slots, &mut planned);
            planned.push(Planned::Kept(kept));
            done = range.end;
        }
    }
    cut(done..disk.size.get(), slots, &mut planned);
    Ok(planned)
}

fn blocks_of(range: &Range<u64>) -> Range<BlockIndex> {
    BlockIndex(range.start / BLOCK)..BlockIndex(range.end.div_ceil(BLOCK))
}

/// Cuts a part of the disk into slots and what lies between them. No slot reaches out of it.
fn cut(range: Range<u64>, slots: &Slots, planned: &mut Vec<Planned>) {
    let between = |from: u64, to: u64| {
        let mut start = from;
        let mut parts = Vec::new();
        while start < to {
            let end = (start + LARGEST_PART).min(to);
            parts.push(Planned::Packed(start..end));
            start = end;
        }
        parts
    };
    let mut done = range.start;
    for slot in slots.in_part(&range) {
        planned.extend(between(done, slot.start));
        planned.push(Planned::Slot(slot.clone()));
        done = slot.end;
    }
    planned.extend(between(done, range.end));
}

/// How to keep a Block. `None` where its header is not understood: decoding it will tell why.
fn keep(file: &dyn ReadAt, block: &XzBlock) -> io::Result<Option<KeptBlock>> {
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
    Ok(Some(KeptBlock { header, bytes, record }))
}
