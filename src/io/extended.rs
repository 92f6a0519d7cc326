//! A disk with zeros behind its end: an image on a larger card.

use super::{ReadAt, check_range};
use crate::types::number::{self, usize_from};
use crate::types::{ByteCount, ByteOffset};
use std::io;

/// A disk that is larger than the one below it. What is added reads as zeros.
#[derive(Debug, Clone)]
pub struct Extended<D> {
    disk: D,
    size: ByteCount,
}

impl<D: ReadAt> Extended<D> {
    /// Adds zeros behind `disk` up to `size`.
    ///
    /// # Errors
    /// When `disk` is larger than that.
    pub fn new(disk: D, size: ByteCount) -> io::Result<Self> {
        if size < disk.size() {
            let message =
                format!("a disk of {} bytes cannot be made one of {}", disk.size().get(), size.get());
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        }
        Ok(Self { disk, size })
    }
}

impl<D: ReadAt> ReadAt for Extended<D> {
    fn size(&self) -> ByteCount {
        self.size
    }

    fn read_at(&self, offset: ByteOffset, buffer: &mut [u8]) -> io::Result<()> {
        check_range(offset, buffer.len(), self.size)?;
        let inside = number::excess(self.disk.size().get(), offset.get());
        let (disk, behind) = buffer.split_at_mut(usize_from(inside).min(buffer.len()));
        behind.fill(0);
        if disk.is_empty() { Ok(()) } else { self.disk.read_at(offset, disk) }
    }

    fn next_data(&self, offset: ByteOffset) -> ByteOffset {
        let end = ByteOffset::ZERO + self.disk.size();
        let next = if offset < end { self.disk.next_data(offset) } else { end };
        if next < end { next } else { ByteOffset::ZERO + self.size }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn behind_the_end_are_zeros() {
        let disk = Extended::new(vec![7_u8; 10], ByteCount::new(20)).unwrap();
        let read = |offset, length| {
            let mut bytes = vec![9; length];
            disk.read_at(ByteOffset::new(offset), &mut bytes).map(|()| bytes)
        };
        assert_eq!(read(8, 4).unwrap(), [7, 7, 0, 0]);
        assert_eq!(read(0, 10).unwrap(), [7; 10]);
        assert_eq!(read(10, 10).unwrap(), [0; 10]);
        assert!(read(20, 0).unwrap().is_empty());
        assert!(read(11, 10).is_err());
        assert!(Extended::new(vec![7_u8; 10], ByteCount::new(9)).is_err());
    }
}
