//! Writing a disk over a card, so that the card is whole or looks like an empty one.
//!
//! ```text
//! erase   0 0 0 · · · · · · · · · · · · 0   no partition table, no copy of an old one
//! discard · · · · · · · · · · · · · · · ·   the card forgets what was on it, where it can
//! probe   · x · x · · x · · · · · · x · x   is it as large as it says?
//! write   _ █ █ █ · · █ █ █ · · · · · · ·   what the filesystems say is in use, but for the first block
//! compare _ ? ? ? · · ? ? ? · · · · · · ·   around the page cache
//! finish  █ █ █ █ · · █ █ █ · · · · · · ·   the first block: the partition table
//! ```
//!
//! A card that is taken out before the end has no partition table, so nothing boots from it, rather than half of something.
//! Raspberry Pi Imager and coreos-installer go by the same order.

mod error;
mod log;
mod probe;
mod pump;

pub use error::{CardPlace, FlashError};
pub use log::{CardLog, FlashedCard};

use crate::device::{AlignedBuffer, Device, OpenDevice};
use crate::io::{ReadAt, is_zeros};
use crate::types::{ByteCount, ByteOffset, Digest, Progress, Sha256, Stage, chunks};
use error::Failed;
use std::ops::Range;
use std::path::Path;

/// The most that is written at once: what the erase blocks of most cards have.
const PIECE: usize = 4 << 20;

/// The block that is held back: the MBR, or the MBR and the header of a GPT.
const FIRST: u64 = 4096;

/// The part at both ends of a device that is erased: the table of a GPT with its 128 entries, also with sectors of
/// 4096 bytes, and its copy.
const TABLE: u64 = 32 << 10;

/// The largest gap between two parts in use that is written as well: cards write their own larger blocks anew for less.
const GAP: u64 = 64 << 10;

/// A disk that is to be written.
#[derive(Clone, Copy)]
pub struct Source<'disk> {
    /// Its bytes.
    pub disk: &'disk dyn ReadAt,
    /// The parts of it that are in use, in order and apart.
    pub used: &'disk [Range<u64>],
}

/// Checks that a disk of this size may be written over a device. `really` is the answer to doubts.
///
/// # Errors
/// The first reason not to.
pub fn check(device: &Device, size: ByteCount, really: bool) -> Result<(), FlashError> {
    let obstacle = device.obstacles.iter().find(|obstacle| !(really && obstacle.is_doubt()));
    if let Some(obstacle) = obstacle {
        return Err(FlashError::Refused { device: device.path.clone(), obstacle: obstacle.clone() });
    }
    check_size(&device.path, device.size, size)
}

fn check_size(path: &Path, size: ByteCount, needed: ByteCount) -> Result<(), FlashError> {
    if size < needed {
        return Err(FlashError::TooSmall { device: path.to_owned(), size, needed });
    }
    Ok(())
}

/// A card that is to be written. Until [`Unfinished::finish`], nothing boots from it.
pub struct Flash<'card> {
    device: &'card dyn OpenDevice,
    path: &'card Path,
    source: Source<'card>,
    progress: &'card dyn Progress,
}

/// The results of writing a card.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flashed {
    /// The number of bytes that were written.
    pub written: ByteCount,
    /// The SHA-256 of the bytes that were written, one part after the other. It is that of the whole disk where all of it
    /// was.
    pub sha256: Digest,
    /// The device forgot what was on it before.
    pub discarded: bool,
}

/// A card on which everything is but the first block.
pub struct Unfinished<'card> {
    flash: Flash<'card>,
    first: AlignedBuffer,
    flashed: Flashed,
}

impl<'card> Flash<'card> {
    /// Prepares to write a disk over a device. Nothing is written yet.
    ///
    /// # Errors
    /// When the device is too small.
    pub fn new(
        device: &'card dyn OpenDevice,
        path: &'card Path,
        source: Source<'card>,
        progress: &'card dyn Progress,
    ) -> Result<Self, FlashError> {
        check_size(path, device.size(), source.disk.size())?;
        Ok(Self { device, path, source, progress })
    }

    /// Writes everything but the first block, and reads it back.
    ///
    /// # Errors
    /// When the disk cannot be read, the device cannot be written to or read, or holds something else than what was written.
    pub fn write(self) -> Result<Unfinished<'card>, FlashError> {
        self.erase()?;
        let discarded = self.discard();
        if discarded {
            // What a device reads as, after it forgot it, is its own affair.
            self.erase()?;
        }
        probe::check(self.device, self.path)?;
        let ranges = joined(self.source.used);
        let pieces: Vec<Piece> = ranges.iter().flat_map(|range| pieces(range.clone())).collect();
        let mut first = AlignedBuffer::new(PIECE);
        let first_length = FIRST.min(self.source.disk.size().get());
        let first_bytes = first.first_mut(ByteCount::new(first_length).as_usize());
        self.source.disk.read_at(ByteOffset::ZERO, first_bytes).map_err(FlashError::Source)?;
        let digests = self.write_pieces(&pieces)?;
        self.device.flush().map_err(|source| self.failed(Failed::Flush, 0..0)(source))?;
        self.compare(&pieces, &digests, first.first(ByteCount::new(first_length).as_usize()))?;
        let sha256 = digests.last().copied().unwrap_or_else(|| Digest::of(b""));
        let written = pieces.iter().map(|piece| ByteCount::new(piece.length as u64)).sum();
        Ok(Unfinished { first, flashed: Flashed { written, sha256, discarded }, flash: self })
    }

    /// Writes zeros over the partition table, and over the copy of an old one at the end, where partitioning tools find it.
    fn erase(&self) -> Result<(), FlashError> {
        let size = self.device.size().get();
        let length = TABLE.min(size);
        let zeros = AlignedBuffer::new(ByteCount::new(length).as_usize());
        for start in [0, size - length] {
            let written =
                self.device.write_at(ByteOffset::new(start), zeros.first(ByteCount::new(length).as_usize()));
            written.map_err(self.failed(Failed::Write, start..start + length))?;
        }
        self.device.flush().map_err(self.failed(Failed::Flush, 0..length))?;
        // A worn-out card takes every write and keeps what it had.
        let mut found = AlignedBuffer::new(ByteCount::new(length).as_usize());
        let found = found.first_mut(ByteCount::new(length).as_usize());
        self.device.read_at(ByteOffset::ZERO, found).map_err(self.failed(Failed::ReadBack, 0..length))?;
        if is_zeros(found) { Ok(()) } else { Err(FlashError::Unchanged { device: self.path.to_owned() }) }
    }

    fn discard(&self) -> bool {
        self.device.discard().unwrap_or_else(|error| {
            tracing::debug!("{} keeps what is not written over: {error}", self.path.display());
            false
        })
    }

    /// Writes the pieces, and returns for each the SHA-256 of everything up to its end. What lies in the first block is only
    /// hashed.
    fn write_pieces(&self, pieces: &[Piece]) -> Result<Vec<Digest>, FlashError> {
        let (mut hasher, mut digests) = (Sha256::new(), Vec::new());
        let total = total(pieces);
        pump::run::<FlashError>(
            pieces,
            |piece, buffer| {
                self.source.disk.read_at(piece.offset, buffer).map_err(FlashError::Source)?;
                hasher.update(&*buffer);
                digests.push(hasher.clone().finalize());
                Ok(())
            },
            |piece, bytes| {
                if piece.offset.get() >= FIRST {
                    let written = self.device.write_at(piece.offset, bytes);
                    written.map_err(self.failed(Failed::Write, piece.range()))?;
                }
                self.progress.working(Stage::Writing, ByteCount::of(bytes), total);
                Ok(())
            },
        )?;
        Ok(digests)
    }

    /// Reads the pieces back and compares them. The first block is not on the device yet; `first` stands for it.
    fn compare(&self, pieces: &[Piece], digests: &[Digest], first: &[u8]) -> Result<(), FlashError> {
        let mut hasher = Sha256::new();
        let mut expected = digests.iter();
        let total = total(pieces);
        pump::run::<FlashError>(
            pieces,
            |piece, buffer| {
                if piece.offset.get() < FIRST {
                    buffer.copy_from_slice(first.split_at(buffer.len()).0);
                    return Ok(());
                }
                self.device
                    .read_at(piece.offset, buffer)
                    .map_err(self.failed(Failed::ReadBack, piece.range()))
            },
            |piece, bytes| {
                hasher.update(bytes);
                if Some(&hasher.clone().finalize()) != expected.next() {
                    return Err(self.difference(piece, bytes)?);
                }
                self.progress.working(Stage::ReadingBack, ByteCount::of(bytes), total);
                Ok(())
            },
        )
    }

    /// Returns the error of a piece that was read back as something else than what was written.
    fn difference(&self, piece: &Piece, found: &[u8]) -> Result<FlashError, FlashError> {
        let mut written = vec![0; piece.length];
        self.source.disk.read_at(piece.offset, &mut written).map_err(FlashError::Source)?;
        let differs = written.iter().zip(found).position(|(written, found)| written != found);
        // Bytes that are the same by now were others when they were hashed: the source changed, or memory fails.
        let Some(at) = differs else { return Ok(FlashError::SourceChanged) };
        let start = piece.offset.get() + at as u64;
        Ok(FlashError::Differs {
            device: self.path.to_owned(),
            place: CardPlace::of(self.source.disk, start..start + 1),
        })
    }

    fn failed(&self, what: Failed, range: Range<u64>) -> impl FnOnce(std::io::Error) -> FlashError {
        let (device, disk) = (self.path.to_owned(), self.source.disk);
        move |source| what.with(device, CardPlace::of(disk, range), source)
    }
}

impl Unfinished<'_> {
    /// Writes the first block, reads it back, and with that makes the card one that boots.
    ///
    /// # Errors
    /// When it cannot be written or read, or is something else then.
    pub fn finish(self) -> Result<Flashed, FlashError> {
        let Self { flash, first, flashed } = self;
        let range = 0..FIRST.min(flash.source.disk.size().get());
        let bytes = first.first(ByteCount::new(range.end).as_usize());
        flash.device.write_at(ByteOffset::ZERO, bytes).map_err(flash.failed(Failed::Write, range.clone()))?;
        flash.device.flush().map_err(flash.failed(Failed::Flush, range.clone()))?;
        let mut found = AlignedBuffer::new(bytes.len());
        let found = found.first_mut(bytes.len());
        flash
            .device
            .read_at(ByteOffset::ZERO, found)
            .map_err(flash.failed(Failed::ReadBack, range.clone()))?;
        if found == bytes {
            return Ok(flashed);
        }
        Err(FlashError::Differs {
            device: flash.path.to_owned(),
            place: CardPlace::of(flash.source.disk, range),
        })
    }
}

/// A piece of the disk that is written at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Piece {
    offset: ByteOffset,
    length: usize,
}

impl Piece {
    fn range(&self) -> Range<u64> {
        self.offset.get()..self.offset.get() + self.length as u64
    }
}

fn total(pieces: &[Piece]) -> ByteCount {
    pieces.iter().map(|piece| ByteCount::new(piece.length as u64)).sum()
}

/// Cuts a range into pieces: none has the first block and something else. Each but the first ends at a multiple of
/// [`PIECE`].
fn pieces(range: Range<u64>) -> Vec<Piece> {
    let mut cut = Vec::new();
    let first = range.start..range.end.min(FIRST).max(range.start);
    let aligned = (first.end + 1).next_multiple_of(PIECE as u64).min(range.end);
    for part in [first.clone(), first.end..aligned, aligned..range.end] {
        cut.extend(chunks(part, PIECE).map(|(offset, length)| Piece { offset, length }));
    }
    cut
}

/// Joins ranges between which there is only a small gap.
fn joined(ranges: &[Range<u64>]) -> Vec<Range<u64>> {
    let mut joined: Vec<Range<u64>> = Vec::new();
    for range in ranges {
        match joined.last_mut() {
            Some(last) if range.start - last.end <= GAP => last.end = range.end,
            _ => joined.push(range.clone()),
        }
    }
    joined
}

#[cfg(test)]
mod tests;
