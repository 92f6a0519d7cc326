//! Bytes at offsets, and files: what everything above reads from and writes to.
//!
//! [`ReadAt`] and [`WriteAt`] are random access; [`Overlay`] is copy-on-write above a disk that is never written
//! to. Nothing in here knows a format, a filesystem, a node or Raspberry Pi OS.

mod atomic_file;
mod block_device;
mod blocks;
pub(crate) mod cursor;
mod extended;
mod file;
mod layered_disk;
pub mod limits;
mod overlay;
pub mod ownership;
pub(crate) mod parallel;
pub(crate) mod plain_file;
mod reflink;
mod sink;
pub(crate) mod sync;
pub mod temporary;
mod window;

pub(crate) use atomic_file::sweep_all;
pub use atomic_file::{AtomicFile, FileError};
pub use block_device::BlockDevice;
pub use blocks::{BlockFile, BlockIndex};
pub use extended::Extended;
pub use file::DiskFile;
pub(crate) use file::is_zeros;
pub use layered_disk::{Layer, LayeredDisk};
pub use overlay::Overlay;
pub use sink::{CopyError, Sink, copy_disk};
pub use window::Window;

use crate::types::{ByteCount, ByteOffset};
use std::io;
use std::ops::Deref;

/// One block of the overlay, in bytes: the page of every Linux machine and the block of a stock ext4.
pub const BLOCK_SIZE: usize = 4096;

/// Something with a fixed size whose bytes can be read at any offset, by several threads at once.
pub trait ReadAt: Send + Sync {
    /// Returns the size, in bytes.
    fn size(&self) -> ByteCount;

    /// Fills all of `buffer` from `offset` on.
    ///
    /// # Errors
    /// `UnexpectedEof` when the range does not lie inside [`size`](Self::size); otherwise whatever
    /// reading or decoding the bytes ran into.
    fn read_at(&self, offset: ByteOffset, buffer: &mut [u8]) -> io::Result<()>;

    /// Returns the first offset, from `offset` on, at which there may be something else than zeros: what lies before it
    /// need not be read. That is `offset` itself where nothing is known, and the end of the disk where nothing follows.
    fn next_data(&self, offset: ByteOffset) -> ByteOffset {
        offset
    }
}

/// A [`ReadAt`] that can be written to.
pub trait WriteAt: ReadAt {
    /// Writes all of `bytes` at `offset`.
    ///
    /// # Errors
    /// `WriteZero` when the range does not lie inside [`size`](ReadAt::size): a disk never grows by
    /// being written to.
    fn write_at(&self, offset: ByteOffset, bytes: &[u8]) -> io::Result<()>;
}

/// A [`WriteAt`] that remembers what it held before it was written to.
pub trait Rollback: WriteAt {
    /// Puts the bytes of a range back to what they were before the first write, as far as whole blocks of
    /// [`BLOCK_SIZE`] lie inside it.
    ///
    /// # Errors
    /// When the range does not lie inside the disk.
    fn rollback(&self, offset: ByteOffset, length: ByteCount) -> io::Result<()>;
}

/// Whatever leads to a disk is one: `&T`, `Arc<T>`, `Vec<u8>`.
impl<P: Deref<Target: ReadAt> + Send + Sync> ReadAt for P {
    fn size(&self) -> ByteCount {
        (**self).size()
    }

    fn read_at(&self, offset: ByteOffset, buffer: &mut [u8]) -> io::Result<()> {
        (**self).read_at(offset, buffer)
    }
    fn next_data(&self, offset: ByteOffset) -> ByteOffset {
        (**self).next_data(offset)
    }
}

impl<P: Deref<Target: WriteAt> + Send + Sync> WriteAt for P {
    fn write_at(&self, offset: ByteOffset, bytes: &[u8]) -> io::Result<()> {
        (**self).write_at(offset, bytes)
    }
}

impl<P: Deref<Target: Rollback> + Send + Sync> Rollback for P {
    fn rollback(&self, offset: ByteOffset, length: ByteCount) -> io::Result<()> {
        (**self).rollback(offset, length)
    }
}

/// A whole disk in memory.
impl ReadAt for [u8] {
    fn size(&self) -> ByteCount {
        ByteCount::of(self)
    }
    fn read_at(&self, offset: ByteOffset, buffer: &mut [u8]) -> io::Result<()> {
        check_range(offset, buffer.len(), ReadAt::size(self))?;
        let (_, bytes) = self.split_at(offset.as_usize());
        buffer.copy_from_slice(bytes.split_at(buffer.len()).0);
        Ok(())
    }
}

/// Reads `count` bytes at `offset` into memory.
///
/// # Errors
/// As [`ReadAt::read_at`], before memory is taken for what does not lie inside the disk.
pub fn read_vec(disk: &dyn ReadAt, offset: ByteOffset, count: ByteCount) -> io::Result<Vec<u8>> {
    check_range(offset, count.as_usize(), disk.size())?;
    let mut bytes = vec![0; count.as_usize()];
    disk.read_at(offset, &mut bytes)?;
    Ok(bytes)
}

/// Reads until the buffer is full or nothing is left, and returns the number of bytes read.
pub(crate) fn read_full(reader: &mut dyn io::Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match reader.read(buffer.split_at_mut(filled).1) {
            Ok(0) => break,
            Ok(length) => filled += length,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

/// Checks that `length` bytes at `offset` lie inside `size`.
pub(crate) fn check_range(offset: ByteOffset, length: usize, size: ByteCount) -> io::Result<()> {
    match offset.checked_add(ByteCount::new(length as u64)) {
        Some(end) if end.get() <= size.get() => Ok(()),
        _ => {
            let (offset, size) = (offset.get(), size.get());
            let message = format!("{length} bytes at offset {offset} lie outside a disk of {size} bytes");
            Err(io::Error::new(io::ErrorKind::UnexpectedEof, message))
        }
    }
}
