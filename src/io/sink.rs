//! Destinations of a disk, written from first to last.

use super::{AtomicFile, DiskFile, ReadAt};
use crate::types::{ByteCount, ByteOffset};
use std::io;

/// The size of the buffer.
const CHUNK: usize = 1 << 20;

/// A destination that a disk can be written to, once: see [`copy_disk`].
///
/// There are three: a file that appears whole or not at all ([`AtomicFile`]), a device
/// ([`BlockDevice`](super::BlockDevice)), and any writer.
pub trait Sink {
    /// Prepares for a disk of this size. This is called once, before anything is written.
    ///
    /// # Errors
    /// When there is no room for it.
    fn begin(&mut self, size: ByteCount) -> io::Result<()>;

    /// Writes bytes of the disk: those that follow the ones before.
    ///
    /// # Errors
    /// When they cannot be written.
    fn write_at(&mut self, offset: ByteOffset, bytes: &[u8]) -> io::Result<()>;

    /// Waits until everything is on the disk, and makes it known as a disk. Without this call it is none.
    ///
    /// # Errors
    /// When that fails.
    fn finish(self) -> io::Result<()>;
}

/// An error of writing a disk to a sink.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// The disk could not be read.
    #[error("{0}")]
    Read(io::Error),
    /// The sink could not be written to.
    #[error("{0}")]
    Write(io::Error),
}

/// Writes all bytes of a disk to a sink, and finishes it. `progress` is called with the number of bytes that were
/// written since its last call.
///
/// # Errors
/// When the disk cannot be read, or the sink cannot be written to; then the sink does not hold a disk.
pub fn copy_disk(
    disk: &dyn ReadAt,
    mut sink: impl Sink,
    progress: &dyn Fn(ByteCount),
) -> Result<(), CopyError> {
    sink.begin(disk.size()).map_err(CopyError::Write)?;
    let mut buffer = vec![0; CHUNK];
    for (offset, length) in disk.size().chunks(CHUNK) {
        let (bytes, _) = buffer.split_at_mut(length);
        disk.read_at(offset, bytes).map_err(CopyError::Read)?;
        sink.write_at(offset, bytes).map_err(CopyError::Write)?;
        progress(ByteCount::of(bytes));
    }
    sink.finish().map_err(CopyError::Write)
}

/// The file is sparse, and gets its name when it is finished.
impl Sink for AtomicFile {
    fn begin(&mut self, size: ByteCount) -> io::Result<()> {
        // What is not written then, is a hole.
        self.file().set_len(size.get())
    }

    fn write_at(&mut self, offset: ByteOffset, bytes: &[u8]) -> io::Result<()> {
        DiskFile::new(self.file().try_clone()?)?.write_without_holes(offset, bytes)
    }

    fn finish(self) -> io::Result<()> {
        self.publish().map_err(io::Error::other)
    }
}

/// The disk is written on from where the writer is.
impl<W: io::Write> Sink for W {
    fn begin(&mut self, _size: ByteCount) -> io::Result<()> {
        Ok(())
    }

    fn write_at(&mut self, _offset: ByteOffset, bytes: &[u8]) -> io::Result<()> {
        self.write_all(bytes)
    }

    fn finish(mut self) -> io::Result<()> {
        self.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::BlockDevice;
    use std::fs;
    use std::io::Cursor;
    use std::path::Path;

    fn disk() -> Vec<u8> {
        let mut disk: Vec<u8> = (0..3 * CHUNK + 5000).map(|at| u8::try_from(at / 7 % 251).unwrap()).collect();
        disk[100_000..1_500_000].fill(0);
        disk
    }

    /// A disk that cannot be read behind its first chunk.
    struct Broken;
    impl ReadAt for Broken {
        fn size(&self) -> ByteCount {
            disk().size()
        }
        fn read_at(&self, offset: ByteOffset, buffer: &mut [u8]) -> io::Result<()> {
            if offset.get() > 0 {
                Err(io::ErrorKind::InvalidData.into())
            } else {
                disk().read_at(offset, buffer)
            }
        }
    }

    fn device(path: &Path, size: usize) -> BlockDevice {
        fs::write(path, vec![0xff; size]).unwrap();
        BlockDevice::open(path).unwrap()
    }

    #[test]
    fn every_sink_gets_the_same_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let (file, card) = (folder.path().join("file"), folder.path().join("card"));
        let disk = disk();
        let reported = std::cell::Cell::new(0);
        let progress = |more: ByteCount| reported.set(reported.get() + more.as_usize());
        copy_disk(&disk, AtomicFile::create(&file, true).unwrap(), &progress).unwrap();
        assert_eq!(reported.get(), disk.len());
        copy_disk(&disk, device(&card, disk.len() + 50_000), &progress).unwrap();
        let mut cursor = Cursor::new(vec![0xff; 1000]);
        cursor.set_position(10);
        copy_disk(&disk, &mut cursor, &progress).unwrap();
        assert!(fs::read(&file).unwrap() == disk);
        // At the end of the device there may have been the copy of a GPT.
        let behind = [vec![0xff; 50_000 - 32_768], vec![0; 32_768]].concat();
        assert!(fs::read(&card).unwrap() == [&disk[..], &behind].concat());
        assert!(cursor.into_inner() == [&[0xff; 10], &disk[..]].concat());
    }

    #[test]
    fn a_disk_that_breaks_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let (file, card) = (folder.path().join("file"), folder.path().join("card"));
        fs::write(&file, "old").unwrap();
        let error = copy_disk(&Broken, AtomicFile::create(&file, true).unwrap(), &|_| ()).unwrap_err();
        assert!(matches!(error, CopyError::Read(_)), "{error}");
        assert_eq!(fs::read(&file).unwrap(), b"old");
        assert!(copy_disk(&Broken, device(&card, 4 * CHUNK), &|_| ()).is_err());
        // Neither the old partition table nor the new one.
        let card = fs::read(&card).unwrap();
        assert!(card[..512].iter().all(|byte| *byte == 0));
        assert!(card[50_000..CHUNK] == disk()[50_000..CHUNK]);
    }

    #[test]
    fn a_device_that_is_too_small_is_left_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let card = folder.path().join("card");
        let error = copy_disk(&disk(), device(&card, 1000), &|_| ()).unwrap_err();
        assert!(matches!(&error, CopyError::Write(source) if source.kind() == io::ErrorKind::StorageFull));
        assert!(fs::read(&card).unwrap() == [0xff; 1000]);
    }

    /// As root: `losetup --find --show FILE`, of a file of 8 MiB that may be overwritten.
    #[test]
    #[ignore = "needs a device that may be overwritten: CARDWRIGHT_TEST_DEVICE=/dev/loop0"]
    fn a_real_device_gets_the_same_bytes() {
        let path = std::env::var_os("CARDWRIGHT_TEST_DEVICE").unwrap();
        copy_disk(&disk(), BlockDevice::open(Path::new(&path)).unwrap(), &|_| ()).unwrap();
        assert!(fs::read(&path).unwrap()[..disk().len()] == disk());
    }
}
