//! The disk, the time and the inode generations that `rust-fs-ext4` is given.
//!
//! It would ask the clock and a random number generator itself. With all three from here, the same edits write the same
//! bytes on every run.

use crate::fs::FsResult;
use crate::io::{ReadAt, Rollback, WriteAt, check_range};
use crate::types::{ByteOffset, UnixTime};
use fs_ext4::block_io::BlockDevice;
use fs_ext4::runtime::Runtime;
use fs_ext4::{Error, Filesystem};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// The disk, as the crate reads and writes it.
struct WriterDevice {
    disk: Arc<dyn Rollback>,
    writable: bool,
}

impl WriterDevice {
    fn check(&self, offset: u64, length: usize) -> Result<(), Error> {
        check_range(ByteOffset::new(offset), length, self.disk.size()).map_err(|_| Error::OutOfBounds)
    }
}

impl BlockDevice for WriterDevice {
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), Error> {
        self.check(offset, buf.len())?;
        Ok(self.disk.read_at(ByteOffset::new(offset), buf)?)
    }

    fn write_at(&self, offset: u64, buf: &[u8]) -> Result<(), Error> {
        if !self.writable {
            return Err(Error::ReadOnly);
        }
        self.check(offset, buf.len())?;
        Ok(self.disk.write_at(ByteOffset::new(offset), buf)?)
    }

    fn size_bytes(&self) -> u64 {
        self.disk.size().get()
    }

    /// Does nothing: the disk below is an overlay that is written out as a whole, or not at all.
    fn flush(&self) -> Result<(), Error> {
        Ok(())
    }

    fn is_writable(&self) -> bool {
        self.writable
    }
}

/// Opens the filesystem with the crate. Opening it for writing would replay a journal; whether there is
/// anything to replay is asked before.
pub(super) fn mount(
    disk: &Arc<dyn Rollback>,
    time: UnixTime,
    uuid: [u8; 16],
    writable: bool,
) -> FsResult<Filesystem> {
    let device = Arc::new(WriterDevice { disk: Arc::clone(disk), writable });
    let runtime = Arc::new(FixedRuntime::new(time.seconds(), uuid));
    Ok(Filesystem::mount_with_runtime(device, runtime)?)
}

/// One time for everything, and generation numbers (`i_generation`) that are the same on every run.
struct FixedRuntime {
    time: i64,
    next_generation: AtomicU32,
}

impl FixedRuntime {
    /// The numbers begin with one of the filesystem's own: two images share none by chance.
    fn new(time: i64, uuid: [u8; 16]) -> Self {
        let (words, _) = uuid.as_chunks::<4>();
        let start = words.iter().fold(0_u32, |start, word| start.rotate_left(7) ^ u32::from_le_bytes(*word));
        Self { time, next_generation: AtomicU32::new(start) }
    }
}

impl Runtime for FixedRuntime {
    fn now_unix_seconds(&self) -> i64 {
        self.time
    }

    fn next_inode_generation(&self) -> u32 {
        // Zero is what an inode has that never was in use.
        match self.next_generation.fetch_add(1, Ordering::Relaxed) {
            0 => self.next_generation.fetch_add(1, Ordering::Relaxed),
            generation => generation,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generations_are_never_zero_and_the_same_on_every_run() {
        let uuid = [0xff; 16];
        let (one, other) = (FixedRuntime::new(1, uuid), FixedRuntime::new(2, uuid));
        assert_eq!(one.next_inode_generation(), other.next_inode_generation());
        let last = FixedRuntime { time: 0, next_generation: AtomicU32::new(u32::MAX) };
        assert_eq!([last.next_inode_generation(), last.next_inode_generation()], [u32::MAX, 1]);
    }
}
