//! What the packed images of all cards have in common, packed once.
//!
//! A template is a packed file of the disk that all cards begin as, in which every slot is a part of its
//! own that is stored, not packed. So the images of all cards have the same layout, and making one means
//! copying the template and putting other bytes into the slots. Where the stock image is an .img.xz of many
//! Blocks, those that no card changes are taken from it as they are, and the template holds only where.
//!
//! No secret is in a template: it is made from the stock image and what all cards share.

mod cached;
mod make;
mod plan;

pub(super) use cached::{Key, obtain};
pub(super) use make::Maker;
pub(super) use plan::blocks_to_keep;

use super::image_job::lay;
use super::replicas::Change;
use crate::formats::{PartEncoder, Record};
use crate::io::{DiskFile, Layer, ReadAt, check_range};
use crate::types::number::usize_from;
use crate::types::{ByteCount, ByteOffset};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::io;

/// Where the bytes of a packed file come from.
pub(super) struct Template<'stock> {
    format: &'stock dyn PartEncoder,
    /// The stock image's file as it was given.
    stock: &'stock dyn ReadAt,
    /// What was packed here.
    pieces: DiskFile,
    contents: Contents,
    /// Where each span begins, and where the last one ends.
    starts: Vec<u64>,
    /// The offset of the tail.
    tail: u64,
    size: ByteCount,
}

/// What a template consists of; with the pieces, all that is kept of it between runs.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Contents {
    /// The packed file from its start to its tail.
    spans: Vec<Span>,
    slots: Vec<Slot>,
    /// Of all parts, in order; those of slots with the check value of what the disk has there.
    records: Vec<Record>,
}

/// A part of the packed file.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Span {
    length: u64,
    from: Origin,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
enum Origin {
    /// The stock image's file, at this offset.
    Stock(u64),
    /// The pieces, at this offset.
    Pieces(u64),
    /// Each card's own.
    Slot,
}

/// A part of the disk in which cards differ.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Slot {
    /// Where it begins on the disk.
    start: u64,
    /// How much of the disk it is.
    length: u64,
    /// Where its part begins in the packed file.
    at: u64,
    /// Where the pieces have what the disk has there.
    ground: u64,
    /// Which of the records is its own.
    record: usize,
}

impl<'stock> Template<'stock> {
    /// From its contents. `None` where they contradict themselves.
    fn new(
        format: &'stock dyn PartEncoder,
        stock: &'stock dyn ReadAt,
        pieces: DiskFile,
        contents: Contents,
    ) -> Option<Self> {
        let mut starts = vec![0_u64];
        let mut end = 0_u64;
        for span in &contents.spans {
            span.from.further(span.length)?;
            end = end.checked_add(span.length)?;
            starts.push(end);
        }
        let fits = |slot: &Slot| {
            slot.record < contents.records.len()
                && slot.at <= end
                && slot.start.checked_add(slot.length).is_some()
        };
        contents.slots.iter().all(fits).then_some(())?;
        let size = ByteCount::new(end.checked_add(format.tail(&contents.records).len() as u64)?);
        Some(Self { format, stock, pieces, contents, starts, tail: end, size })
    }

    /// In which places the image of a card with these layers differs from the template.
    ///
    /// # Errors
    /// When the pieces cannot be read.
    #[expect(clippy::expect_used, reason = "the contents are checked when the template is opened")]
    pub(super) fn changes(&self, layers: &[&Layer]) -> io::Result<Vec<Change<'stock>>> {
        let mut records = self.contents.records.clone();
        let mut changes = Vec::new();
        for slot in &self.contents.slots {
            let mut bytes = vec![0; usize::try_from(slot.length).map_err(io::Error::other)?];
            self.pieces.read_at(ByteOffset::new(slot.ground), &mut bytes)?;
            lay(layers, slot.start, &mut bytes)?;
            let part = self.format.store(&bytes);
            *records.get_mut(slot.record).expect("new() refuses a slot without a record") = part.record;
            changes.push(Change { at: slot.at, bytes: Cow::from(part.bytes) });
        }
        changes.push(Change { at: self.tail, bytes: Cow::from(self.format.tail(&records)) });
        Ok(changes)
    }
}

/// The packed file, with zeros where cards differ.
impl ReadAt for Template<'_> {
    fn size(&self) -> ByteCount {
        self.size
    }

    #[expect(clippy::expect_used, reason = "the contents are checked when the template is opened")]
    fn read_at(&self, offset: ByteOffset, buffer: &mut [u8]) -> io::Result<()> {
        check_range(offset, buffer.len(), self.size())?;
        let mut at = offset.get();
        let mut rest = buffer;
        // The first one is 0, so that at least one is no larger.
        let mut number = self.starts.partition_point(|start| *start <= at) - 1;
        while !rest.is_empty() {
            let span = self.contents.spans.get(number).zip(self.starts.get(number));
            let (length, from) = match span {
                Some((span, start)) => {
                    let within = at - *start;
                    let from =
                        span.from.further(within).expect("new() refuses a span that ends beyond 64 bits");
                    (usize_from(span.length - within).min(rest.len()), from)
                }
                // The tail.
                None => (rest.len(), Origin::Slot),
            };
            let (piece, behind) = rest.split_at_mut(length);
            match from {
                Origin::Stock(offset) => self.stock.read_at(ByteOffset::new(offset), piece)?,
                Origin::Pieces(offset) => self.pieces.read_at(ByteOffset::new(offset), piece)?,
                Origin::Slot => piece.fill(0),
            }
            at += length as u64;
            number += 1;
            rest = behind;
        }
        Ok(())
    }
}

impl Origin {
    /// Returns the origin `by` bytes behind it; `None` beyond 64 bits.
    fn further(self, by: u64) -> Option<Self> {
        Some(match self {
            Self::Stock(offset) => Self::Stock(offset.checked_add(by)?),
            Self::Pieces(offset) => Self::Pieces(offset.checked_add(by)?),
            Self::Slot => Self::Slot,
        })
    }
}
