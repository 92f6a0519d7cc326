//! The part that the compressed images of all nodes have in common, compressed once.
//!
//! Compressing an image takes minutes, and a cluster has many. But the disks of its nodes differ in a few blocks only:
//! a host name, an address, keys, and the ext4 metadata around them. So the disk that all nodes share is compressed
//! once, as a *template*, and cut so that every *node region* (16 KiB to 1 MiB around such blocks) is a part of its
//! own. xz, gzip and Zstandard files may be made of parts that know nothing of each other, and each format can store a
//! part uncompressed. The size of a stored part depends on the size of its contents alone: the images of all nodes
//! have the same layout, and one is made by copying the template and putting stored parts into the node regions.
//!
//! ```text
//! disk       │ boot, root …            │ region │ …            │ region │ …             zeros │
//!              compressed                stored   compressed     stored   compressed
//! template   │head│ part │ part │ part │        │ part │ part  │        │ part │ part │  tail │
//!              ╎     ╎                     ╎                       ╎                       ╎
//! north.xz   │head│ part │ part │ part │ north  │ part │ part  │ north  │ part │ part │ north │
//! east.xz    │head│ part │ part │ part │ east   │ part │ part  │ east   │ part │ part │ east  │
//! ```
//!
//! The tail (the Index of xz, the CRC-32 of gzip) depends on what is in the parts, so each image has its own. Where the
//! stock image is an .img.xz of many Blocks, those that no node changes are taken from it as they are, and the template
//! holds only where: even the first build then compresses little.
//!
//! The regions are those of all nodes of the cluster, so that an image does not depend on which others are made with
//! it. No secret is in a template: it is made from the stock image and what all nodes share.

mod cached;
mod make;
mod plan;

pub(super) use cached::{Key, obtain};
pub(super) use make::Maker;
pub(super) use plan::reusable_blocks;

use super::replicas::Change;
use crate::formats::{PartEncoder, Record};
use crate::io::{DiskFile, Layer, ReadAt, check_range};
use crate::types::number::usize_from;
use crate::types::{ByteCount, ByteOffset};
use serde::{Deserialize, Serialize};
use std::io;

/// A compressed file without the bytes of node regions.
pub(super) struct Template<'stock> {
    format: &'stock dyn PartEncoder,
    /// The stock image's file as it was given.
    stock: &'stock dyn ReadAt,
    /// The parts that were compressed here.
    pieces: DiskFile,
    contents: Contents,
    /// The offsets at which spans begin, and the one at which the last ends.
    starts: Vec<u64>,
    /// The offset of the tail.
    tail: u64,
    size: ByteCount,
}

/// The composition of a template; with the pieces, all that is cached of it.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Contents {
    /// The compressed file from its start to its tail.
    spans: Vec<TemplateSpan>,
    regions: Vec<NodeRegion>,
    /// Of all parts, in order; those of node regions with the check value of what the shared disk has there.
    records: Vec<Record>,
}

/// A part of the compressed file.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct TemplateSpan {
    length: u64,
    from: Origin,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
enum Origin {
    /// The stock image's file, at this offset.
    Stock(u64),
    /// The pieces, at this offset.
    Pieces(u64),
    /// The own bytes of each node.
    Node,
}

/// A part of the disk in which nodes differ.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct NodeRegion {
    /// Its offset on the disk.
    start: u64,
    length: u64,
    /// The offset of its part in the compressed file.
    at: u64,
    /// The offset in the pieces of what the shared disk has there.
    shared: u64,
    /// The index of its record.
    record: usize,
}

impl<'stock> Template<'stock> {
    /// Takes the contents of a template. `None` where they contradict themselves.
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
        let fits = |region: &NodeRegion| {
            region.record < contents.records.len()
                && region.at <= end
                && region.start.checked_add(region.length).is_some()
        };
        contents.regions.iter().all(fits).then_some(())?;
        let size = ByteCount::new(end.checked_add(format.tail(&contents.records).len() as u64)?);
        Some(Self { format, stock, pieces, contents, starts, tail: end, size })
    }

    /// Returns what the image of a node with this layer has in place of the bytes of the template.
    ///
    /// # Errors
    /// When the pieces cannot be read.
    #[expect(clippy::expect_used, reason = "the contents are checked when the template is opened")]
    pub(super) fn changes(&self, layer: &Layer) -> io::Result<Vec<Change>> {
        let mut records = self.contents.records.clone();
        let mut changes = Vec::new();
        for region in &self.contents.regions {
            let mut bytes = vec![0; usize_from(region.length)];
            self.pieces.read_at(ByteOffset::new(region.shared), &mut bytes)?;
            layer.copy_onto(ByteOffset::new(region.start), &mut bytes)?;
            let part = self.format.store(&bytes);
            *records.get_mut(region.record).expect("new() refuses a region without a record") = part.record;
            changes.push(Change { at: region.at, bytes: part.bytes });
        }
        changes.push(Change { at: self.tail, bytes: self.format.tail(&records) });
        Ok(changes)
    }
}

/// The compressed file, with zeros where nodes differ.
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
                None => (rest.len(), Origin::Node),
            };
            let (piece, behind) = rest.split_at_mut(length);
            match from {
                Origin::Stock(offset) => self.stock.read_at(ByteOffset::new(offset), piece)?,
                Origin::Pieces(offset) => self.pieces.read_at(ByteOffset::new(offset), piece)?,
                Origin::Node => piece.fill(0),
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
            Self::Node => Self::Node,
        })
    }
}
