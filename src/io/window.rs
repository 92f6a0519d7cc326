//! A part of a disk as a disk of its own: a partition.

use super::{ReadAt, Rollback, WriteAt, check_range};
use crate::types::{ByteCount, ByteOffset};
use std::io;

/// `length` bytes of `disk` from `start` on.
#[derive(Debug, Clone)]
pub struct Window<D> {
    disk: D,
    start: ByteOffset,
    length: ByteCount,
}

impl<D: ReadAt> Window<D> {
    /// Takes the part of `disk` that begins at `start` and is `length` long.
    ///
    /// # Errors
    /// When that part reaches beyond the end of the disk.
    pub fn new(disk: D, start: ByteOffset, length: ByteCount) -> io::Result<Self> {
        check_range(start, length.as_usize(), disk.size())?;
        Ok(Self { disk, start, length })
    }

    /// Returns the offset on the disk, where the range lies inside the window.
    fn absolute(&self, offset: ByteOffset, length: usize) -> io::Result<ByteOffset> {
        check_range(offset, length, self.length)?;
        Ok(self.start + (offset - ByteOffset::ZERO))
    }
}

impl<D: ReadAt> ReadAt for Window<D> {
    fn size(&self) -> ByteCount {
        self.length
    }
    fn read_at(&self, offset: ByteOffset, buffer: &mut [u8]) -> io::Result<()> {
        self.disk.read_at(self.absolute(offset, buffer.len())?, buffer)
    }
}

impl<D: WriteAt> WriteAt for Window<D> {
    fn write_at(&self, offset: ByteOffset, bytes: &[u8]) -> io::Result<()> {
        self.disk.write_at(self.absolute(offset, bytes.len())?, bytes)
    }
}

impl<D: Rollback> Rollback for Window<D> {
    fn rollback(&self, offset: ByteOffset, length: ByteCount) -> io::Result<()> {
        self.disk.rollback(self.absolute(offset, length.as_usize())?, length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_ends_where_it_was_told_to() {
        let disk: Vec<u8> = (0..100).collect();
        let window = Window::new(disk, ByteOffset::new(10), ByteCount::new(20)).unwrap();
        let mut bytes = [0; 4];
        window.read_at(ByteOffset::new(16), &mut bytes).unwrap();
        assert_eq!(bytes, [26, 27, 28, 29]);
        assert!(window.read_at(ByteOffset::new(17), &mut bytes).is_err());
        assert!(window.read_at(ByteOffset::new(u64::MAX), &mut bytes).is_err());
    }

    #[test]
    fn a_window_cannot_be_larger_than_its_disk() {
        assert!(Window::new(vec![0; 100], ByteOffset::new(90), ByteCount::new(11)).is_err());
        assert!(Window::new(vec![0; 100], ByteOffset::new(u64::MAX), ByteCount::new(11)).is_err());
    }
}
