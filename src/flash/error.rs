//! The errors of writing a card: where on it, why, and what to try.

use crate::device::{DeviceError, Obstacle, Trouble};
use crate::io::{FileError, ReadAt};
use crate::partition::PartitionTable;
use crate::types::{ByteCount, errors};
use std::fmt;
use std::io;
use std::ops::Range;
use std::path::PathBuf;

errors! {
    /// An error of writing a card.
    #[derive(Debug, thiserror::Error)]
    pub enum FlashError {
        /// The device could not be found, unmounted or opened.
        #[error(transparent)]
        Device(#[from] DeviceError),
        /// The device is not to be written over.
        #[error("{} is left alone: {obstacle}", device.display())]
        Refused { device: PathBuf, obstacle: Obstacle } => crate::types::Hint::hint(obstacle),
        /// The disk does not fit.
        #[error("{} has {} bytes, and the image {}: it is {} too small", device.display(), size.get(), needed.get(), *needed - *size)]
        TooSmall { device: PathBuf, size: ByteCount, needed: ByteCount }
            => "Take a larger card; nothing was written to this one",
        /// The disk could not be read.
        #[error("reading what is to be written failed: {0}")]
        Source(io::Error),
        /// The disk was another when it was read again.
        #[error("what is to be written was read twice, and differed")]
        SourceChanged => "Flash it again. If that does not help, test the memory of this machine",
        /// The device did not take what was written.
        #[error("writing to {} failed {place}: {source}", device.display())]
        Write { device: PathBuf, place: CardPlace, source: io::Error } => Trouble::of(source).advice(),
        /// The device did not keep what was written.
        #[error("{} did not keep what was written: {source}", device.display())]
        Flush { device: PathBuf, source: io::Error } => Trouble::of(source).advice(),
        /// The device could not be read.
        #[error("reading back {} failed {place}: {source}", device.display())]
        ReadBack { device: PathBuf, place: CardPlace, source: io::Error } => Trouble::of(source).advice(),
        /// The device takes what is written and keeps what it had.
        #[error("{} keeps what was on it, though it takes what is written", device.display())]
        Unchanged { device: PathBuf } => "Take another card: worn-out ones become read-only like this",
        /// The device holds something else.
        #[error("{} holds something else than what was written {place}", device.display())]
        Differs { device: PathBuf, place: CardPlace }
            => "Flash it again in another reader or slot. If it fails again, take another card: this one is not booted from until it is whole",
        /// The device has less room than it says.
        #[error("{} says it has {size}, and has less: what is written {}", device.display(), wrapped(*place, *other))]
        Counterfeit { device: PathBuf, size: ByteCount, place: ByteCount, other: Option<ByteCount> }
            => "Take another card, and give this one back: such cards lose files when they fill up",
        /// The log of cards could not be read.
        #[error("reading {} failed: {source}", path.display())]
        ReadLog { path: PathBuf, source: io::Error }
            => "Move it away to begin a new one; then no card counts as flashed",
        /// The log of cards could not be written.
        #[error("{source}")]
        WriteLog { source: FileError }
            => "The card is whole, but nobody will remember it: give this user the right to write there, and room"
    }
}

/// Tells what became of the block at a place, where that of another place may be now.
fn wrapped(place: ByteCount, other: Option<ByteCount>) -> String {
    match other {
        Some(other) => format!("{other} from its start lands {place} from it"),
        None => format!("{place} from its start is lost"),
    }
}

/// A kind of failure of a device.
#[derive(Debug, Clone, Copy)]
pub(super) enum Failed {
    Write,
    Flush,
    ReadBack,
}

impl Failed {
    pub(super) fn with(self, device: PathBuf, place: CardPlace, source: io::Error) -> FlashError {
        match self {
            Self::Write => FlashError::Write { device, place, source },
            Self::Flush => FlashError::Flush { device, source },
            Self::ReadBack => FlashError::ReadBack { device, place, source },
        }
    }
}

/// A place on a card.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CardPlace {
    /// The bytes.
    pub range: Range<u64>,
    /// The partition of the image that they begin in.
    pub partition: Option<u32>,
}

impl CardPlace {
    /// Returns the place of some bytes of a disk.
    pub(super) fn of(disk: &dyn ReadAt, range: Range<u64>) -> Self {
        let table =
            PartitionTable::read(disk).inspect_err(|error| tracing::debug!("no partition is named: {error}"));
        let around = table.ok().and_then(|table| {
            let holds = |start: u64, length: u64| (start..start + length).contains(&range.start);
            let mut partitions = table.partitions.iter();
            partitions.find(|entry| holds(entry.start.get(), entry.length.get())).map(|entry| entry.number)
        });
        Self { range, partition: around }
    }

    /// Returns the place of some bytes of a card, whatever is going to be there.
    pub(super) const fn outside(range: Range<u64>) -> Self {
        Self { range, partition: None }
    }
}

impl fmt::Display for CardPlace {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let start = self.range.start;
        let length = self.range.end - start;
        if length > 1 {
            write!(formatter, "within {} from byte {start} on", ByteCount::new(length))?;
        } else {
            write!(formatter, "at byte {start}")?;
        }
        match self.partition {
            Some(number) => write!(formatter, " ({}, in partition {number})", ByteCount::new(start)),
            None => write!(formatter, " ({})", ByteCount::new(start)),
        }
    }
}
