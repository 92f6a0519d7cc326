//! An opened FAT: its shape, its pages, and what `fatfs` makes of them.

use super::boot_sector::{self, BootSector};
use super::cache::{Cache, Cursor};
use crate::formats::kinds;
use crate::fs::FsError;
use crate::io::ReadAt;
use std::cell::RefCell;
use std::rc::Rc;

/// What `fatfs` makes of the pages.
pub(super) type Filesystem = fatfs::FileSystem<Cursor>;

/// Says what there is in the place of a FAT, where that is known.
fn named(disk: &dyn ReadAt, error: FsError) -> FsError {
    let FsError::NotThisFilesystem { expected, .. } = error else { return error };
    match kinds::filesystem(disk) {
        Ok(Some(name)) if !name.starts_with("FAT") => {
            FsError::NotThisFilesystem { expected, found: format!("it is {name}") }
        }
        Ok(_) => error,
        Err(error) => error.into(),
    }
}

/// The shape and the pages of a FAT.
pub(super) struct Volume {
    pub(super) shape: BootSector,
    cache: Rc<RefCell<Cache>>,
}

impl Volume {
    /// Reads the boot sector.
    pub(super) fn open(disk: &dyn ReadAt, mut cache: Cache) -> Result<Self, FsError> {
        let mut bytes = [0; boot_sector::SIZE];
        if disk.size().get() < bytes.len() as u64 {
            let found = format!("only {} in all", disk.size());
            return Err(FsError::NotThisFilesystem { expected: "FAT", found });
        }
        cache.read(0, &mut bytes)?;
        let shape = BootSector::parse(&bytes, disk.size()).map_err(|error| named(disk, error))?;
        Ok(Self { shape, cache: Rc::new(RefCell::new(cache)) })
    }

    /// Opens it with `fatfs`. Only what was checked before may be opened.
    pub(super) fn filesystem(&self) -> Result<Filesystem, FsError> {
        let options = fatfs::FsOptions::new().update_accessed_date(false);
        Ok(fatfs::FileSystem::new(Cursor::new(self.cache.clone()), options)?)
    }

    pub(super) fn read(&self, offset: u64, buffer: &mut [u8]) -> Result<(), FsError> {
        Ok(self.cache.borrow_mut().read(offset, buffer)?)
    }

    pub(super) fn write(&self, offset: u64, bytes: &[u8]) -> Result<(), FsError> {
        Ok(self.cache.borrow_mut().write(offset, bytes)?)
    }

    pub(super) fn flush(&self) -> Result<(), FsError> {
        Ok(self.cache.borrow_mut().flush()?)
    }
}
