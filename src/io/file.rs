//! A file of this machine as a disk. The one place where Unix and Windows differ in how they read and
//! write at an offset.

use super::{BLOCK_SIZE, ReadAt, WriteAt, check_range};
use crate::types::{ByteCount, ByteOffset};
use std::fs::File;
use std::io;

/// An open file, read and written at offsets, by several threads at once. Its size is fixed.
#[derive(Debug)]
pub struct DiskFile {
    file: File,
    size: ByteCount,
}

impl DiskFile {
    /// Takes a file as it is.
    ///
    /// # Errors
    /// When its size is unknown.
    pub fn new(file: File) -> io::Result<Self> {
        let size = ByteCount::new(file.metadata()?.len());
        Ok(Self { file, size })
    }

    /// Takes a file, or a device, that is known to have this size.
    pub(crate) const fn of_size(file: File, size: ByteCount) -> Self {
        Self { file, size }
    }

    /// Takes a file and gives it this size; what is added is a hole that reads as zeros.
    ///
    /// # Errors
    /// When the filesystem refuses.
    pub fn with_size(file: File, size: ByteCount) -> io::Result<Self> {
        file.set_len(size.get())?;
        Ok(Self { file, size })
    }

    /// Returns the open file.
    pub(crate) fn file(&self) -> &File {
        &self.file
    }

    /// Gives it another size; what is added is a hole that reads as zeros.
    ///
    /// # Errors
    /// When the filesystem refuses.
    pub fn resize(&mut self, size: ByteCount) -> io::Result<()> {
        self.file.set_len(size.get())?;
        self.size = size;
        Ok(())
    }

    /// Writes `bytes` at `offset`, leaving out blocks of zeros: where nothing was written before, they stay
    /// holes. `offset` is best a multiple of [`BLOCK_SIZE`].
    ///
    /// # Errors
    /// As [`write_at`](WriteAt::write_at).
    pub fn write_without_holes(&self, offset: ByteOffset, bytes: &[u8]) -> io::Result<()> {
        let mut rest = bytes;
        let mut at = offset.get();
        while !rest.is_empty() {
            let blocks = |zeros: bool| {
                let run = rest.chunks(BLOCK_SIZE).take_while(|block| is_zero(block) == zeros);
                run.map(<[u8]>::len).sum::<usize>()
            };
            let hole = blocks(true);
            let length = if hole > 0 { hole } else { blocks(false) };
            let (piece, behind) = rest.split_at(length);
            if hole == 0 {
                self.write_at(ByteOffset::new(at), piece)?;
            }
            at += length as u64;
            rest = behind;
        }
        Ok(())
    }
}

/// Returns `true` if all bytes are zeros.
pub(crate) fn is_zeros(bytes: &[u8]) -> bool {
    bytes.chunks(BLOCK_SIZE).all(is_zero)
}

/// Returns `true` if a block, or a part of one, holds zeros only. Comparing slices is far faster than comparing bytes.
fn is_zero(block: &[u8]) -> bool {
    const ZEROS: [u8; BLOCK_SIZE] = [0; BLOCK_SIZE];
    ZEROS.get(..block.len()) == Some(block)
}

impl ReadAt for DiskFile {
    fn size(&self) -> ByteCount {
        self.size
    }

    fn read_at(&self, offset: ByteOffset, buffer: &mut [u8]) -> io::Result<()> {
        check_range(offset, buffer.len(), self.size)?;
        #[cfg(unix)]
        return std::os::unix::fs::FileExt::read_exact_at(&self.file, buffer, offset.get());
        #[cfg(windows)]
        return windows::read_exact_at(&self.file, buffer, offset.get());
    }

    #[cfg(any(target_os = "linux", target_os = "macos"))]
    fn next_data(&self, offset: ByteOffset) -> ByteOffset {
        match rustix::fs::seek(&self.file, rustix::fs::SeekFrom::Data(offset.get())) {
            Ok(data) => ByteOffset::new(data.min(self.size.get())),
            // Nothing but a hole follows (lseek(2)).
            Err(rustix::io::Errno::NXIO) => ByteOffset::ZERO + self.size,
            Err(error) => {
                tracing::debug!("the holes of a file are not known: {error}");
                offset
            }
        }
    }
}

impl WriteAt for DiskFile {
    fn write_at(&self, offset: ByteOffset, bytes: &[u8]) -> io::Result<()> {
        check_range(offset, bytes.len(), self.size)?;
        #[cfg(unix)]
        return std::os::unix::fs::FileExt::write_all_at(&self.file, bytes, offset.get());
        #[cfg(windows)]
        return windows::write_all_at(&self.file, bytes, offset.get());
    }
}

#[cfg(windows)]
mod windows {
    use std::fs::File;
    use std::io;
    use std::os::windows::fs::FileExt as _;

    pub(super) fn read_exact_at(file: &File, mut buffer: &mut [u8], mut offset: u64) -> io::Result<()> {
        while !buffer.is_empty() {
            let count = file.seek_read(buffer, offset)?;
            if count == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            offset += count as u64;
            buffer = buffer.split_at_mut(count).1;
        }
        Ok(())
    }

    pub(super) fn write_all_at(file: &File, mut bytes: &[u8], mut offset: u64) -> io::Result<()> {
        while !bytes.is_empty() {
            let count = file.seek_write(bytes, offset)?;
            if count == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
            offset += count as u64;
            bytes = bytes.split_at(count).1;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_a_disk_of_fixed_size() {
        let disk = DiskFile::with_size(tempfile::tempfile().unwrap(), ByteCount::new(100)).unwrap();
        disk.write_at(ByteOffset::new(96), &[1, 2, 3, 4]).unwrap();
        let mut bytes = [9; 5];
        disk.read_at(ByteOffset::new(95), &mut bytes).unwrap();
        assert_eq!(bytes, [0, 1, 2, 3, 4]);
        assert!(disk.write_at(ByteOffset::new(97), &[1, 2, 3, 4]).is_err());
        assert!(disk.read_at(ByteOffset::new(96), &mut bytes).is_err());
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn what_lies_before_data_is_zeros() {
        let disk = DiskFile::with_size(tempfile::tempfile().unwrap(), ByteCount::new(8 << 20)).unwrap();
        disk.write_at(ByteOffset::new(4 << 20), &[1]).unwrap();
        let next = |offset: u64| disk.next_data(ByteOffset::new(offset)).get();
        // A filesystem that knows of no holes says that all is data.
        assert!([0, 4 << 20].contains(&next(0)), "{}", next(0));
        assert_eq!(next(4 << 20), 4 << 20);
        assert!([7 << 20, 8 << 20].contains(&next(7 << 20)), "{}", next(7 << 20));
    }

    #[test]
    fn blocks_of_zeros_are_not_written() {
        let disk = DiskFile::with_size(tempfile::tempfile().unwrap(), ByteCount::new(4 * 4096)).unwrap();
        disk.write_at(ByteOffset::ZERO, &[7; 4 * 4096]).unwrap();
        let mut bytes = vec![0; 3 * 4096 + 5];
        bytes[4096] = 1;
        bytes[3 * 4096 + 4] = 2;
        disk.write_without_holes(ByteOffset::ZERO, &bytes).unwrap();
        let mut expected = bytes.clone();
        expected.resize(4 * 4096, 7);
        expected[..4096].fill(7);
        expected[2 * 4096..3 * 4096].fill(7);
        let mut found = vec![0; 4 * 4096];
        disk.read_at(ByteOffset::ZERO, &mut found).unwrap();
        assert!(found == expected);
    }
}
