//! Bytes at offsets: the stock image as something that can be read at random, whatever it is packed in;
//! the copy-on-write [`Overlay`] above it; and the partition table inside it.
//!
//! Nothing in here knows what a filesystem, a node or Raspberry Pi OS is.

mod cursor;
mod error;
mod extended;
mod file;
pub(crate) mod kinds;
mod overlay;
mod partition;
mod source;
mod window;
mod written;

pub use error::DiskError;
pub use extended::Extended;
pub use file::DiskFile;
pub use overlay::{BlockIndex, Layer, Overlay};
use partition::SECTOR;
#[cfg(test)]
pub(crate) use partition::made;
pub use partition::{PartitionEntry, PartitionKind, PartitionTable, TableKind};
pub(crate) use source::XzBlock;
pub use source::{Packing, StockImage, StockWarning};
pub use window::Window;

use std::io;

/// One block of the overlay, in bytes: the page of every Linux machine and the block of a stock ext4.
pub const BLOCK_SIZE: usize = 4096;

/// A distance from the start of a disk, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, serde::Serialize)]
pub struct ByteOffset(pub u64);

/// An amount of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, serde::Serialize)]
pub struct ByteCount(pub u64);

impl ByteOffset {
    /// The offset `count` bytes further on, or `None` past the end of 64 bits.
    pub fn checked_add(self, count: ByteCount) -> Option<Self> {
        self.0.checked_add(count.0).map(Self)
    }
}

impl std::fmt::Display for ByteCount {
    /// As a person reads it: `512 MiB`, `2.9 GiB`, `147 KiB`, `96 B`.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let units = [("GiB", 1_u64 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
        for (name, size) in units {
            if self.0 >= size {
                let whole = self.0 / size;
                let tenth = (self.0 % size) * 10 / size;
                return if whole >= 100 || tenth == 0 {
                    write!(formatter, "{whole} {name}")
                } else {
                    write!(formatter, "{whole}.{tenth} {name}")
                };
            }
        }
        write!(formatter, "{} B", self.0)
    }
}

/// Something with a fixed size whose bytes can be read at any offset, by several threads at once.
pub trait ReadAt: Send + Sync {
    /// How large it is.
    fn size(&self) -> ByteCount;

    /// Fills all of `buffer` from `offset` on.
    ///
    /// # Errors
    /// `UnexpectedEof` when the range does not lie inside [`size`](Self::size); otherwise whatever
    /// reading or decoding the bytes ran into.
    fn read_at(&self, offset: ByteOffset, buffer: &mut [u8]) -> io::Result<()>;
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
pub trait Revert: WriteAt {
    /// Puts the bytes of a range back to what they were before the first write, as far as whole blocks of
    /// [`BLOCK_SIZE`] lie inside it.
    ///
    /// # Errors
    /// When the range does not lie inside the disk.
    fn revert(&self, offset: ByteOffset, length: ByteCount) -> io::Result<()>;
}

impl<T: ReadAt + ?Sized> ReadAt for std::sync::Arc<T> {
    fn size(&self) -> ByteCount {
        (**self).size()
    }
    fn read_at(&self, offset: ByteOffset, buffer: &mut [u8]) -> io::Result<()> {
        (**self).read_at(offset, buffer)
    }
}

impl<T: WriteAt + ?Sized> WriteAt for std::sync::Arc<T> {
    fn write_at(&self, offset: ByteOffset, bytes: &[u8]) -> io::Result<()> {
        (**self).write_at(offset, bytes)
    }
}

impl<T: Revert + ?Sized> Revert for std::sync::Arc<T> {
    fn revert(&self, offset: ByteOffset, length: ByteCount) -> io::Result<()> {
        (**self).revert(offset, length)
    }
}

/// A whole disk in memory.
impl ReadAt for [u8] {
    fn size(&self) -> ByteCount {
        ByteCount(self.len() as u64)
    }
    fn read_at(&self, offset: ByteOffset, buffer: &mut [u8]) -> io::Result<()> {
        let range = usize::try_from(offset.0)
            .ok()
            .and_then(|start| Some(start..start.checked_add(buffer.len())?))
            .and_then(|range| self.get(range))
            .ok_or_else(|| past_the_end(offset, ByteCount(buffer.len() as u64), ReadAt::size(self)))?;
        buffer.copy_from_slice(range);
        Ok(())
    }
}

impl ReadAt for Vec<u8> {
    fn size(&self) -> ByteCount {
        self.as_slice().size()
    }
    fn read_at(&self, offset: ByteOffset, buffer: &mut [u8]) -> io::Result<()> {
        self.as_slice().read_at(offset, buffer)
    }
}

/// The error of a read beyond the end.
pub(crate) fn past_the_end(offset: ByteOffset, length: ByteCount, size: ByteCount) -> io::Error {
    io::Error::new(
        io::ErrorKind::UnexpectedEof,
        format!("{} bytes at offset {} lie outside a disk of {} bytes", length.0, offset.0, size.0),
    )
}

/// Checks that `length` bytes at `offset` lie inside `size`.
pub(crate) fn check_range(offset: ByteOffset, length: usize, size: ByteCount) -> io::Result<()> {
    match offset.0.checked_add(length as u64) {
        Some(end) if end <= size.0 => Ok(()),
        _ => Err(past_the_end(offset, ByteCount(length as u64), size)),
    }
}

#[cfg(test)]
mod tests {
    use super::ByteCount;

    #[test]
    fn byte_counts_read_like_a_person_would_say_them() {
        let shown = |bytes| ByteCount(bytes).to_string();
        assert_eq!(shown(0), "0 B");
        assert_eq!(shown(1023), "1023 B");
        assert_eq!(shown(536_870_912), "512 MiB");
        assert_eq!(shown(3_078_619_136), "2.8 GiB");
        assert_eq!(shown(150_732), "147 KiB");
    }
}
