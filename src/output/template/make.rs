//! Making a template: compressing what has to be compressed, on several threads.

use super::plan::{Planned, ReusedBlock, plan};
use super::{Contents, NodeRegion, Origin, TemplateSpan};
use crate::formats::xz::XzBlock;
use crate::formats::{EncodedPart, PartEncoder, Record};
use crate::io::{LayeredDisk, ReadAt, is_zeros, parallel, read_vec};
use crate::output::OutputError;
use crate::output::regions::NodeRegions;
use crate::types::number::usize_from;
use crate::types::{ByteCount, ByteOffset};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fs::File;
use std::io::Write as _;
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

/// The ingredients of a template.
pub(in crate::output) struct Maker<'build> {
    pub(in crate::output) format: &'build dyn PartEncoder,
    pub(in crate::output) disk: &'build LayeredDisk,
    pub(in crate::output) regions: &'build NodeRegions,
    /// The stock image's file as it was given.
    pub(in crate::output) stock: &'build dyn ReadAt,
    /// Those Blocks of it that may be reused as they are.
    pub(in crate::output) blocks: &'build [XzBlock],
    pub(in crate::output) threads: usize,
    /// Called with the number of bytes that were compressed, and of all that are to be.
    pub(in crate::output) progress: &'build (dyn Fn(ByteCount, ByteCount) + Sync),
}

/// The file that grows while parts are compressed, in whatever order they are done.
struct Pieces<'file> {
    file: &'file File,
    length: u64,
}

impl Pieces<'_> {
    /// Appends some bytes; returns their offset.
    fn append(&mut self, bytes: &[u8]) -> Result<u64, OutputError> {
        self.file.write_all(bytes).map_err(OutputError::Cache)?;
        let at = self.length;
        self.length += bytes.len() as u64;
        Ok(at)
    }
}

/// A part of the plan, and, once it is compressed, where it is in the pieces.
struct Work {
    planned: Planned,
    compressed: Option<(u64, u64, Record)>,
}

impl Maker<'_> {
    /// Compresses what has to be compressed into `file`, which is empty; returns what the template then consists of.
    #[expect(clippy::expect_used, reason = "compress() fails unless it compresses all there is")]
    pub(super) fn make(&self, file: &File) -> Result<Contents, OutputError> {
        let planned = plan(self.disk, self.regions, self.stock, self.blocks, self.format.largest_part())
            .map_err(OutputError::StockImage)?;
        let mut work: Vec<_> =
            planned.into_iter().map(|planned| Work { planned, compressed: None }).collect();
        let mut pieces = self.compress(&mut work, Pieces { file, length: 0 })?;

        let mut contents = Contents::default();
        let mut end = 0;
        let mut span = |spans: &mut Vec<TemplateSpan>, length: u64, from: Origin| {
            end += length;
            push(spans, TemplateSpan { length, from });
            end
        };
        let head = self.format.head();
        let at = pieces.append(&head)?;
        span(&mut contents.spans, head.len() as u64, Origin::Pieces(at));
        for Work { planned, compressed } in work {
            let record = match planned {
                Planned::Reused(ReusedBlock { header, bytes, record }) => {
                    if !header.is_empty() {
                        let at = pieces.append(&header)?;
                        span(&mut contents.spans, header.len() as u64, Origin::Pieces(at));
                    }
                    span(&mut contents.spans, bytes.end - bytes.start, Origin::Stock(bytes.start));
                    record
                }
                Planned::Compressed(_) => {
                    let (at, length, record) = compressed.expect("every part is compressed");
                    span(&mut contents.spans, length, Origin::Pieces(at));
                    record
                }
                Planned::Region(range) => {
                    let bytes = self.read(&range)?;
                    let shared = pieces.append(&bytes)?;
                    let part = self.format.store(&bytes);
                    let length = part.bytes.len() as u64;
                    let end = span(&mut contents.spans, length, Origin::Node);
                    contents.regions.push(NodeRegion {
                        start: range.start,
                        length: range.end - range.start,
                        at: end - length,
                        shared,
                        record: contents.records.len(),
                    });
                    part.record
                }
            };
            contents.records.push(record);
        }
        Ok(contents)
    }

    /// Compresses the parts that are to be compressed, on several threads, and appends them to the pieces. Of all parts of
    /// a length that hold nothing but zeros, as most of a disk that grew, one is.
    fn compress<'file>(
        &self,
        work: &mut [Work],
        pieces: Pieces<'file>,
    ) -> Result<Pieces<'file>, OutputError> {
        let to_compress = |work: &Work| match &work.planned {
            Planned::Compressed(range) => Some(range.clone()),
            Planned::Reused(_) | Planned::Region(_) => None,
        };
        let length = |range: Range<u64>| range.end - range.start;
        let total = ByteCount::new(work.iter().filter_map(to_compress).map(length).sum());
        let pieces = Mutex::new(pieces);
        let compress = |bytes: &[u8]| {
            let EncodedPart { bytes, record } = self.format.compress(bytes).map_err(OutputError::Compress)?;
            let at = pieces.lock().unwrap_or_else(PoisonError::into_inner).append(&bytes)?;
            Ok::<_, OutputError>((at, bytes.len() as u64, record))
        };
        let zeros = Mutex::new(BTreeMap::new());
        parallel::map(self.threads, work.iter_mut(), |work| {
            let Some(range) = to_compress(work) else { return Ok::<_, OutputError>(()) };
            let is_hole = self.disk.next_data(ByteOffset::new(range.start)).get() >= range.end;
            let bytes =
                if is_hole { vec![0; usize_from(range.end - range.start)] } else { self.read(&range)? };
            work.compressed = Some(if is_hole || is_zeros(&bytes) {
                match zeros.lock().unwrap_or_else(PoisonError::into_inner).entry(bytes.len()) {
                    Entry::Occupied(compressed) => *compressed.get(),
                    Entry::Vacant(entry) => *entry.insert(compress(&bytes)?),
                }
            } else {
                compress(&bytes)?
            });
            (self.progress)(ByteCount::new(length(range)), total);
            Ok(())
        })?;
        Ok(pieces.into_inner().unwrap_or_else(PoisonError::into_inner))
    }

    fn read(&self, range: &Range<u64>) -> Result<Vec<u8>, OutputError> {
        let length = ByteCount::new(range.end - range.start);
        read_vec(self.disk, ByteOffset::new(range.start), length).map_err(OutputError::StockImage)
    }
}

/// Adds a span, to the one before it where they belong together.
fn push(spans: &mut Vec<TemplateSpan>, span: TemplateSpan) {
    if let (Some(last), Origin::Stock(offset)) = (spans.last_mut(), span.from)
        && let Origin::Stock(before) = last.from
        && before + last.length == offset
    {
        last.length += span.length;
        return;
    }
    spans.push(span);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::xz::Check;
    use crate::formats::{Compression, ImageFormat};
    use crate::io::Extended;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    /// An encoder that counts what it compresses.
    struct Counting {
        encoder: Box<dyn PartEncoder>,
        compressed: AtomicUsize,
    }

    impl PartEncoder for Counting {
        fn largest_part(&self) -> usize {
            self.encoder.largest_part()
        }
        fn head(&self) -> Vec<u8> {
            self.encoder.head()
        }
        fn compress(&self, bytes: &[u8]) -> std::io::Result<EncodedPart> {
            self.compressed.fetch_add(1, Ordering::Relaxed);
            self.encoder.compress(bytes)
        }
        fn store(&self, bytes: &[u8]) -> EncodedPart {
            self.encoder.store(bytes)
        }
        fn tail(&self, records: &[Record]) -> Vec<u8> {
            self.encoder.tail(records)
        }
    }

    #[test]
    fn zeros_are_compressed_once_wherever_they_are() {
        // Zeros in the stock image, and behind it.
        let mut stock = vec![0; 20 << 20];
        stock[..1 << 20].fill(7);
        let larger = Extended::new(stock.clone(), ByteCount::new(100 << 20)).unwrap();
        for format in [ImageFormat::Xz, ImageFormat::Gzip, ImageFormat::Zstd] {
            let encoder = format.encoder(Compression::Fast, Check::Crc64).unwrap();
            let counting = Counting { encoder, compressed: AtomicUsize::new(0) };
            let maker = Maker {
                format: &counting,
                disk: &LayeredDisk::new(Arc::new(larger.clone())),
                regions: &NodeRegions::of(std::iter::empty(), ByteCount::new(100 << 20)),
                stock: &stock,
                blocks: &[],
                threads: 2,
                progress: &|_, _| (),
            };
            let contents = maker.make(&tempfile::tempfile().unwrap()).unwrap();
            assert_eq!(contents.records.len(), 25);
            assert_eq!(counting.compressed.into_inner(), 2, "the part with data, and one of 24 with zeros");
        }
    }
}
