//! Comparing all bytes of an image with those that a build writes.
//!
//! ```text
//! expected   ░░░░░░░░░░░░░░░▒▒▒▒▒░░░░░░░░░░▒▒▒▒▒░░░░░   the stock image, and layers over it
//! image      ░░░░░░░░░░░░░░░▒▒▒▒▒░░░░░░░░░░▒▒▒▒▒░░░░░
//!            ░ Blocks of a known disk: nothing is decoded   ▒ decoded on both sides, a segment a thread
//! ```

use crate::io::{BLOCK_SIZE, BlockIndex, Layer, ReadAt as _, parallel, read_full};
use crate::stock_image::StockImage;
use crate::types::{ByteCount, ByteOffset};
use std::collections::BTreeSet;
use std::io::{self, Read};
use std::ops::Range;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;

/// The part of a segment that is in memory at once.
const PIECE: usize = 1 << 20;

/// The shortest segment that is worth threads of its own.
const SHORTEST: u64 = 4 << 20;

/// A segment ends where both images begin a Block, so that nothing is decoded twice; one of this length ends where the
/// image does, and then a Block of the stock image is decoded for two segments.
const LONGEST: u64 = 128 << 20;

/// The most segments that are compared at the same time: two decoders of what `xz -9` made take 130 MiB.
const MOST_AT_ONCE: usize = 16;

/// The parts of an image that it has in common with a disk which is known.
pub(super) struct KnownParts<'known> {
    /// The parts, in order and apart.
    pub(super) parts: Vec<Range<u64>>,
    /// All that the known disk and the expected one may differ in.
    pub(super) layers: Vec<&'known Layer>,
}

/// An image, and the bytes that it should have.
pub(super) struct Comparison<'run> {
    pub(super) image: &'run StockImage,
    pub(super) stock: &'run StockImage,
    /// The layers over the stock image, from the bottom up.
    pub(super) layers: Vec<&'run Layer>,
    /// The size of the expected disk: zeros follow the stock image.
    pub(super) size: ByteCount,
    pub(super) threads: usize,
    /// Called with the number of bytes that were compared.
    pub(super) progress: &'run (dyn Fn(ByteCount) + Sync),
}

impl Comparison<'_> {
    /// Returns the parts in which the disks differ, as far as both go, in order and apart.
    ///
    /// # Errors
    /// When one of the images cannot be read.
    pub(super) fn differing(&self, known: &[KnownParts<'_>]) -> io::Result<Vec<Range<u64>>> {
        let size = self.size.min(self.image.size()).get();
        let segments = self.segments(&to_read(known, size));
        let threads = self.threads.min(MOST_AT_ONCE);
        Ok(parallel::map(threads, segments.into_iter(), |segment| self.compare(&segment))?.concat())
    }

    /// Cuts parts into segments, in which every Block of the image is read from its start to its end: so it is found
    /// when it does not fit its check value.
    fn segments(&self, parts: &[Range<u64>]) -> Vec<Range<u64>> {
        let starts_of = |image: &StockImage| -> Option<BTreeSet<u64>> {
            Some(image.xz_layout()?.blocks.iter().map(|block| block.uncompressed_offset).collect())
        };
        let of_stock = starts_of(self.stock);
        let of_image = starts_of(self.image);
        let mut segments = Vec::new();
        for part in parts.iter().filter(|part| !part.is_empty()) {
            let cuts: Vec<u64> = match of_image.as_ref().or(of_stock.as_ref()) {
                Some(starts) => starts.range(part.start + 1..part.end.max(part.start + 1)).copied().collect(),
                None => (part.start..part.end).step_by(PIECE).skip(1).collect(),
            };
            let mut start = part.start;
            for cut in cuts {
                let is_common = of_stock.as_ref().is_none_or(|starts| starts.contains(&cut));
                if cut - start >= if is_common { SHORTEST } else { LONGEST } {
                    segments.push(start..cut);
                    start = cut;
                }
            }
            segments.push(start..part.end);
        }
        segments
    }

    /// Compares a segment. The image is read on a thread of its own: each side may have to be decoded.
    fn compare(&self, segment: &Range<u64>) -> io::Result<Vec<Range<u64>>> {
        let (sender, pieces) = sync_channel(2);
        thread::scope(|scope| {
            scope.spawn(move || send_pieces(&mut self.image.reader(segment.clone()), &sender));
            let stock_size = self.stock.size().get();
            let in_stock = segment.start.min(stock_size)..segment.end.min(stock_size);
            let mut stock = self.stock.reader(in_stock).chain(io::repeat(0));
            let (mut at, mut wanted) = (segment.start, vec![0; PIECE]);
            let mut differing = Vec::new();
            for found in pieces {
                let found = found?;
                let wanted = wanted.split_at_mut(found.len()).0;
                stock.read_exact(wanted)?;
                for layer in &self.layers {
                    layer.copy_onto(ByteOffset::new(at), wanted)?;
                }
                push_differing(at, &found, wanted, &mut differing);
                at += found.len() as u64;
                (self.progress)(ByteCount::of(&found));
            }
            // Past the end of its last Block, whose check value was not looked at before.
            stock.read_exact(&mut [0])?;
            Ok(differing)
        })
    }
}

/// Returns the parts of a disk that have to be read: those that are not known, and blocks in which a known disk and the
/// expected one may differ.
fn to_read(known: &[KnownParts<'_>], size: u64) -> Vec<Range<u64>> {
    let mut parts: Vec<_> =
        known.iter().flat_map(|known| known.parts.iter().map(move |part| (part, known))).collect();
    parts.sort_by_key(|(part, _)| part.start);
    let (mut unknown, mut done) = (Vec::new(), 0);
    for (part, KnownParts { layers, .. }) in parts {
        unknown.push(done..part.start.min(size));
        let indices = layers.iter().flat_map(|layer| layer.indices_in(BlockIndex::touching(part)));
        let blocks = indices.collect::<BTreeSet<_>>().into_iter().map(BlockIndex::start);
        unknown.extend(blocks.map(|start| start.max(part.start)..(start + BLOCK_SIZE as u64).min(part.end)));
        done = part.end.min(size);
    }
    unknown.push(done..size);
    unknown
}

/// Reads all there is and sends it on, until nobody takes it any more.
fn send_pieces(reader: &mut dyn Read, sender: &SyncSender<io::Result<Vec<u8>>>) {
    loop {
        let mut piece = vec![0; PIECE];
        let read = read_full(reader, &mut piece).map(|length| {
            piece.truncate(length);
            piece
        });
        let is_last = read.as_ref().map_or(true, Vec::is_empty);
        if sender.send(read).is_err() || is_last {
            return;
        }
    }
}

/// Adds the parts that differ, from the first byte to the last of each block.
fn push_differing(start: u64, found: &[u8], wanted: &[u8], differing: &mut Vec<Range<u64>>) {
    let blocks = found.chunks(BLOCK_SIZE).zip(wanted.chunks(BLOCK_SIZE));
    let starts = (start..).step_by(BLOCK_SIZE);
    for (start, (found, wanted)) in starts.zip(blocks).filter(|(_, (found, wanted))| found != wanted) {
        let differs = |(found, wanted): (&u8, &u8)| found != wanted;
        let first = found.iter().zip(wanted).position(differs);
        let last = found.iter().zip(wanted).rposition(differs);
        differing.extend(first.zip(last).map(|(first, last)| start + first as u64..start + last as u64 + 1));
    }
}
