//! Making a template: packing what has to be packed, on several threads.

use super::plan::{KeptBlock, Planned, plan};
use super::{Contents, Origin, Slot, Span};
use crate::formats::xz::XzBlock;
use crate::formats::{EncodedPart, PartEncoder, Record};
use crate::io::{ReadAt, parallel, read_vec};
use crate::output::OutputError;
use crate::output::image_job::Disk;
use crate::output::regions::Slots;
use crate::types::{ByteCount, ByteOffset};
use std::fs::File;
use std::io::{self, Write as _};
use std::ops::Range;
use std::sync::Mutex;

/// What a template is made of.
pub(in crate::output) struct Maker<'build> {
    pub(in crate::output) format: &'build dyn PartEncoder,
    pub(in crate::output) disk: &'build Disk<'build>,
    pub(in crate::output) slots: &'build Slots,
    /// The stock image's file as it was given.
    pub(in crate::output) stock: &'build dyn ReadAt,
    /// Those Blocks of it that may be kept as they are.
    pub(in crate::output) blocks: &'build [XzBlock],
    pub(in crate::output) threads: usize,
    /// Hears of what is packed, and how much there is to pack.
    pub(in crate::output) progress: &'build (dyn Fn(ByteCount, ByteCount) + Sync),
}

/// Where a part lies in the pieces.
#[derive(Clone, Copy)]
struct Placed {
    at: u64,
    length: u64,
    record: Record,
}

/// The file that grows while parts are packed, in whatever order they are done.
struct Pieces<'file> {
    file: &'file File,
    length: u64,
}

impl Pieces<'_> {
    fn append(&mut self, bytes: &[u8]) -> io::Result<u64> {
        self.file.write_all(bytes)?;
        let at = self.length;
        self.length += bytes.len() as u64;
        Ok(at)
    }
}

impl Maker<'_> {
    /// Packs what has to be packed into `file`, which is empty, and says what the template then consists of.
    pub(super) fn make(&self, file: &File) -> Result<Contents, OutputError> {
        let planned =
            plan(self.disk, self.slots, self.stock, self.blocks).map_err(OutputError::StockImage)?;
        let pieces = Mutex::new(Pieces { file, length: 0 });
        let packed = self.pack(&planned, &pieces)?;
        let mut pieces = pieces.into_inner().map_err(|_| OutputError::Worker)?;
        let mut append = |bytes: &[u8]| pieces.append(bytes).map_err(OutputError::Cache);

        let mut contents = Contents::default();
        let mut end = 0;
        let mut span = |spans: &mut Vec<Span>, length: u64, from: Origin| {
            end += length;
            push(spans, Span { length, from });
            end
        };
        let head = self.format.head();
        let at = append(&head)?;
        span(&mut contents.spans, head.len() as u64, Origin::Pieces(at));
        let mut packed = packed.into_iter();
        for part in planned {
            let record = match part {
                Planned::Kept(KeptBlock { header, bytes, record }) => {
                    if !header.is_empty() {
                        let at = append(&header)?;
                        span(&mut contents.spans, header.len() as u64, Origin::Pieces(at));
                    }
                    span(&mut contents.spans, bytes.end - bytes.start, Origin::Stock(bytes.start));
                    record
                }
                Planned::Packed(_) => {
                    let placed = packed.next().ok_or(OutputError::Worker)?;
                    span(&mut contents.spans, placed.length, Origin::Pieces(placed.at));
                    placed.record
                }
                Planned::Slot(range) => {
                    let bytes = self.read(&range)?;
                    let ground = append(&bytes)?;
                    let part = self.format.store(&bytes);
                    let length = part.bytes.len() as u64;
                    let end = span(&mut contents.spans, length, Origin::Slot);
                    contents.slots.push(Slot {
                        start: range.start,
                        length: range.end - range.start,
                        at: end - length,
                        ground,
                        record: contents.records.len(),
                    });
                    part.record
                }
            };
            contents.records.push(record);
        }
        Ok(contents)
    }

    /// Packs the parts that are to be packed; gives where they are, in the order of the plan.
    fn pack(&self, planned: &[Planned], pieces: &Mutex<Pieces<'_>>) -> Result<Vec<Placed>, OutputError> {
        let ranges: Vec<_> = planned
            .iter()
            .filter_map(|part| if let Planned::Packed(range) = part { Some(range) } else { None })
            .collect();
        let total = ByteCount::new(ranges.iter().map(|range| range.end - range.start).sum());
        parallel::map(self.threads, ranges.into_iter(), |range| {
            let packed = self.packed(&self.read(range)?, pieces)?;
            (self.progress)(ByteCount::new(range.end - range.start), total);
            Ok(packed)
        })
    }

    fn packed(&self, bytes: &[u8], pieces: &Mutex<Pieces<'_>>) -> Result<Placed, OutputError> {
        let EncodedPart { bytes, record } = self.format.compress(bytes).map_err(OutputError::Pack)?;
        let at =
            pieces.lock().map_err(|_| OutputError::Worker)?.append(&bytes).map_err(OutputError::Cache)?;
        Ok(Placed { at, length: bytes.len() as u64, record })
    }

    fn read(&self, range: &Range<u64>) -> Result<Vec<u8>, OutputError> {
        let length = ByteCount::new(range.end - range.start);
        read_vec(self.disk, ByteOffset::new(range.start), length).map_err(OutputError::StockImage)
    }
}

/// Adds a span, to the one before it where they belong together.
fn push(spans: &mut Vec<Span>, span: Span) {
    if let (Some(last), Origin::Stock(offset)) = (spans.last_mut(), span.from)
        && let Origin::Stock(before) = last.from
        && before + last.length == offset
    {
        last.length += span.length;
        return;
    }
    spans.push(span);
}
