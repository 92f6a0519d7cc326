//! A FAT on a disk: its boot sector, and its pages in memory.

use super::boot_sector::{self, BootSector};
use super::cache::CachedDisk;
use crate::fs::{FsError, FsResult};
use crate::io::cursor::Cursor;
use crate::io::{ReadAt, WriteAt};
use crate::types::ByteOffset;
use std::sync::Arc;

/// A volume as a stream with a position, which is what `fatfs` takes for a disk.
pub(super) type VolumeCursor = Cursor<Arc<CachedDisk<dyn WriteAt>>>;

/// A FAT that is read; with `dyn WriteAt`, one that is written to as well.
pub(super) struct Volume<D: ?Sized> {
    pub(super) boot_sector: BootSector,
    cache: Arc<CachedDisk<D>>,
}

impl<D: ReadAt + ?Sized> Volume<D> {
    /// Reads the boot sector.
    pub(super) fn open(disk: Arc<D>) -> FsResult<Self> {
        let size = disk.size();
        let mut bytes = [0; boot_sector::SIZE];
        if size.get() < bytes.len() as u64 {
            return Err(FsError::other_filesystem("a FAT", &disk, format!("it has only {size}")));
        }
        let cache = CachedDisk::new(disk);
        cache.read_at(ByteOffset::ZERO, &mut bytes)?;
        if let Some(missing) = boot_sector::missing_in(&bytes) {
            return Err(FsError::other_filesystem("a FAT", &cache, format!("it has {missing}")));
        }
        let boot_sector = BootSector::parse(&bytes, size)?;
        Ok(Self { boot_sector, cache: Arc::new(cache) })
    }

    pub(super) fn read(&self, offset: u64, buffer: &mut [u8]) -> FsResult<()> {
        Ok(self.cache.read_at(ByteOffset::new(offset), buffer)?)
    }
}

impl Volume<dyn WriteAt> {
    pub(super) fn write(&self, offset: u64, bytes: &[u8]) -> FsResult<()> {
        Ok(self.cache.write_at(ByteOffset::new(offset), bytes)?)
    }

    /// Returns the volume as a stream with a position.
    pub(super) fn cursor(&self) -> VolumeCursor {
        Cursor::new(Arc::clone(&self.cache))
    }
}
