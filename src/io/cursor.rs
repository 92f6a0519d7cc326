//! A disk as a stream with a position, which crates that read a format ask for.

use super::{ReadAt, WriteAt};
use crate::types::ByteOffset;
use crate::types::number::{self, usize_from};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::ops::Range;

/// A position in a disk, at which it is read or written.
pub(crate) struct Cursor<D> {
    disk: D,
    position: u64,
    end: u64,
}

impl<D: ReadAt> Cursor<D> {
    /// Begins at the start of `disk`.
    pub(crate) fn new(disk: D) -> Self {
        let end = disk.size().get();
        Self::over(disk, 0..end)
    }

    /// Begins at the start of a range of `disk`, and ends with it.
    pub(crate) fn over(disk: D, range: Range<u64>) -> Self {
        Self { disk, position: range.start, end: range.end }
    }

    /// Returns how much of `length` lies before the end.
    fn before_the_end(&self, length: usize) -> usize {
        usize_from(number::excess(self.end, self.position)).min(length)
    }
}

impl<D: ReadAt> Read for Cursor<D> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let (piece, _) = buffer.split_at_mut(self.before_the_end(buffer.len()));
        if !piece.is_empty() {
            self.disk.read_at(ByteOffset::new(self.position), piece)?;
        }
        self.position += piece.len() as u64;
        Ok(piece.len())
    }
}

impl<D: WriteAt> Write for Cursor<D> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let (piece, _) = bytes.split_at(self.before_the_end(bytes.len()));
        if !piece.is_empty() {
            self.disk.write_at(ByteOffset::new(self.position), piece)?;
        }
        self.position += piece.len() as u64;
        Ok(piece.len())
    }

    /// Does nothing: every write has gone to the disk.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<D: ReadAt> Seek for Cursor<D> {
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
