//! A device, or an existing file, that a disk is written over.

use super::sink::Sink;
use super::{DiskFile, ReadAt as _, WriteAt as _};
use crate::types::{ByteCount, ByteOffset};
use std::fs::OpenOptions;
use std::io::{self, Seek as _, SeekFrom};
use std::path::Path;

/// The part of a disk that is written last: the MBR, and the GPT with its 128 entries, also with sectors of 4096 bytes.
const TABLE: usize = 32 << 10;

/// A device that a disk is written over, or a file in its place. It is never made, cut or extended.
///
/// Its old partition table is erased first, with the copy of it at the end of the device, and the new one is written last, when everything else is known to be on the
/// device: one that is pulled out half-way boots nothing, rather than half of something.
#[derive(Debug)]
pub struct BlockDevice {
    file: DiskFile,
    /// The beginning of the new disk, held back.
    table: Vec<u8>,
}

impl BlockDevice {
    /// Opens a device. On Linux, one of which a partition is mounted is refused.
    ///
    /// # Errors
    /// When there is no such device, it may not be written to, or is in use.
    pub fn open(path: &Path) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        options.read(true).write(true);
        #[cfg(target_os = "linux")]
        {
            use std::os::unix::fs::{FileTypeExt as _, OpenOptionsExt as _};
            // Without O_CREAT, O_EXCL fails with EBUSY where the system uses the device (open(2)).
            if std::fs::metadata(path)?.file_type().is_block_device() {
                options.custom_flags(rustix::fs::OFlags::EXCL.bits().cast_signed());
            }
        }
        let mut file = options.open(path)?;
        // The metadata of a device has no size.
        let size = ByteCount::new(file.seek(SeekFrom::End(0))?);
        Ok(Self { file: DiskFile::of_size(file, size), table: Vec::new() })
    }

    fn sync(&self) -> io::Result<()> {
        self.file.file().sync_all()
    }
}

impl Sink for BlockDevice {
    fn begin(&mut self, size: ByteCount) -> io::Result<()> {
        let room = self.file.size();
        if size > room {
            let message = format!("the disk has {} bytes, and the device only {}", size.get(), room.get());
            return Err(io::Error::new(io::ErrorKind::StorageFull, message));
        }
        // Behind a smaller disk, the copy of an old GPT would be at the very end, where partitioning tools find it.
        let behind = (room - size).as_usize().min(TABLE);
        self.file.write_at(ByteOffset::new(room.get() - behind as u64), &vec![0; behind])?;
        self.table = vec![0; size.as_usize().min(TABLE)];
        self.file.write_at(ByteOffset::ZERO, &self.table)?;
        self.sync()
    }

    fn write_at(&mut self, offset: ByteOffset, bytes: &[u8]) -> io::Result<()> {
        let start = offset.as_usize().min(self.table.len());
        let (_, table) = self.table.split_at_mut(start);
        let (held_back, rest) = bytes.split_at(table.len().min(bytes.len()));
        table.split_at_mut(held_back.len()).0.copy_from_slice(held_back);
        self.file.write_at(offset + ByteCount::of(held_back), rest)
    }

    fn finish(self) -> io::Result<()> {
        self.sync()?;
        self.file.write_at(ByteOffset::ZERO, &self.table)?;
        self.sync()
    }
}
