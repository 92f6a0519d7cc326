//! A disk as a stream with a position, which crates that read a format ask for.

use super::ReadAt;
use crate::types::ByteOffset;
use crate::types::number::{self, usize_from};
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;

/// A position in a disk, from which it is read.
pub(crate) struct Cursor<'disk> {
    disk: &'disk dyn ReadAt,
    position: u64,
    end: u64,
}

impl<'disk> Cursor<'disk> {
    /// Begins at the start of `disk`.
    pub(crate) fn new(disk: &'disk dyn ReadAt) -> Self {
        Self::over(disk, 0..disk.size().get())
    }

    /// Begins at the start of a range of `disk`, and ends with it.
    pub(crate) fn over(disk: &'disk dyn ReadAt, range: Range<u64>) -> Self {
        Self { disk, position: range.start, end: range.end }
    }
}

impl Read for Cursor<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = number::excess(self.end, self.position);
        let (piece, _) = buffer.split_at_mut(usize_from(left).min(buffer.len()));
        if !piece.is_empty() {
            self.disk.read_at(ByteOffset::new(self.position), piece)?;
        }
        self.position += piece.len() as u64;
        Ok(piece.len())
    }
}

impl Seek for Cursor<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let position = match to {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::End(distance) => self.end.checked_add_signed(distance),
            SeekFrom::Current(distance) => self.position.checked_add_signed(distance),
        };
        self.position = position.ok_or_else(|| {
            io::Error::new(io::ErrorKind::InvalidInput, "a position before the start or beyond 64 bits")
        })?;
        Ok(self.position)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_goes_where_it_is_sent_and_ends_at_the_end() {
        let disk: Vec<u8> = (0..10).collect();
        let mut cursor = Cursor::new(&disk);
        assert_eq!(cursor.seek(SeekFrom::End(-3)).unwrap(), 7);
        let mut rest = Vec::new();
        cursor.read_to_end(&mut rest).unwrap();
        assert_eq!(rest, [7, 8, 9]);
        assert!(cursor.seek(SeekFrom::Current(-11)).is_err());
        assert_eq!(cursor.seek(SeekFrom::Start(u64::MAX)).unwrap(), u64::MAX);
        assert_eq!(cursor.read(&mut [0; 4]).unwrap(), 0);
    }
}
