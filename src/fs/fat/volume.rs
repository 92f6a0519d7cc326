//! A FAT on a disk: its boot sector, and its pages in memory.

use super::boot_sector::{self, BootSector};
use super::cache::{Cache, CacheCursor};
use crate::fs::FsError;
use crate::io::{ReadAt, WriteAt};
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

/// A FAT that is read; with `dyn WriteAt`, one that is written to as well.
pub(super) struct Volume<D: ?Sized> {
    pub(super) boot_sector: BootSector,
    cache: Rc<RefCell<Cache<D>>>,
}

impl<D: ReadAt + ?Sized> Volume<D> {
    /// Reads the boot sector.
    pub(super) fn open(disk: Arc<D>) -> Result<Self, FsError> {
        let size = disk.size();
        let mut bytes = [0; boot_sector::SIZE];
        if size.get() < bytes.len() as u64 {
            return Err(FsError::other_filesystem("a FAT", &disk, format!("it has only {size}")));
        }
        let mut cache = Cache::new(disk);
        cache.read(0, &mut bytes)?;
        if let Some(missing) = boot_sector::missing_in(&bytes) {
            return Err(FsError::other_filesystem("a FAT", &cache.disk, format!("it has {missing}")));
        }
        let boot_sector = BootSector::parse(&bytes, size)?;
        Ok(Self { boot_sector, cache: Rc::new(RefCell::new(cache)) })
    }

    pub(super) fn read(&self, offset: u64, buffer: &mut [u8]) -> Result<(), FsError> {
        Ok(self.cache.borrow_mut().read(offset, buffer)?)
    }
}

impl Volume<dyn WriteAt> {
    pub(super) fn write(&self, offset: u64, bytes: &[u8]) -> Result<(), FsError> {
        Ok(self.cache.borrow_mut().write(offset, bytes)?)
    }

    /// Returns the volume as a stream with a position.
    pub(super) fn cursor(&self) -> CacheCursor {
        CacheCursor::new(Rc::clone(&self.cache))
    }
}
