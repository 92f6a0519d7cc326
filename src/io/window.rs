//! A part of a disk, seen as a disk of its own: what a partition is to a filesystem.

use super::{ReadAt, Rollback, WriteAt, past_the_end};
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
    /// The part of `disk` that begins at `start` and is `length` long.
    ///
    /// # Errors
    /// When that part reaches beyond the end of the disk.
    pub fn new(disk: D, start: ByteOffset, length: ByteCount) -> io::Result<Self> {
        match start.checked_add(length) {
            Some(end) if end.get() <= disk.size().get() => Ok(Self { disk, start, length }),
            _ => Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                format!(
                    "{} bytes from offset {} lie outside a disk of {} bytes",
                    length.get(),
                    start.get(),
                    disk.size().get()
                ),
            )),
        }
    }

    fn absolute(&self, offset: ByteOffset, length: ByteCount) -> io::Result<ByteOffset> {
        if offset.checked_add(length).is_none_or(|end| end.get() > self.length.get()) {
            return Err(past_the_end(offset, length, self.length));
        }
        // Cannot overflow: start + length was checked when the window was made.
        Ok(ByteOffset::new(self.start.get() + offset.get()))
    }
}

impl<D: ReadAt> ReadAt for Window<D> {
    fn size(&self) -> ByteCount {
        self.length
    }
    fn read_at(&self, offset: ByteOffset, buffer: &mut [u8]) -> io::Result<()> {
        self.disk.read_at(self.absolute(offset, ByteCount::of(buffer))?, buffer)
    }
}

impl<D: WriteAt> WriteAt for Window<D> {
    fn write_at(&self, offset: ByteOffset, bytes: &[u8]) -> io::Result<()> {
        self.disk.write_at(self.absolute(offset, ByteCount::of(bytes))?, bytes)
    }
}

impl<D: Rollback> Rollback for Window<D> {
    fn rollback(&self, offset: ByteOffset, length: ByteCount) -> io::Result<()> {
        self.disk.rollback(self.absolute(offset, length)?, length)
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
