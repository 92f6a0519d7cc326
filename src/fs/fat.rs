//! FAT, the boot partition: `fatfs`.

use super::*;
use crate::disk::{ReadAt, WriteAt};
use std::sync::Arc;

/// Reads a FAT filesystem.
pub struct Reader;

impl Reader {
    /// Opens the filesystem on `disk`.
    ///
    /// # Errors
    /// When it is no FAT, is damaged, or has features that are not understood.
    pub fn open(_disk: Arc<dyn ReadAt>) -> Result<Self, FsError> {
        todo!()
    }
}

impl ReadFilesystem for Reader {
    fn metadata(&self, _path: &ImagePath) -> Result<Option<Metadata>, FsError> {
        todo!()
    }
    fn read(&self, _path: &ImagePath, _limit: ByteCount) -> Result<Vec<u8>, FsError> {
        todo!()
    }
    fn read_pieces(
        &self,
        _path: &ImagePath,
        _sink: &mut dyn FnMut(&[u8]) -> io::Result<()>,
    ) -> Result<(), FsError> {
        todo!()
    }
    fn read_link(&self, _path: &ImagePath) -> Result<String, FsError> {
        todo!()
    }
    fn list(&self, _path: &ImagePath) -> Result<Vec<String>, FsError> {
        todo!()
    }
    fn summary(&self) -> Result<Summary, FsError> {
        todo!()
    }
}

/// Writes a FAT filesystem.
pub struct Writer;

impl Writer {
    /// Opens the filesystem on `disk` for writing; everything written gets the time `time`.
    ///
    /// # Errors
    /// When it is no FAT, is damaged, was not closed properly, or has features that are not understood.
    pub fn open(_disk: Arc<dyn WriteAt>, _time: UnixTime) -> Result<Self, FsError> {
        todo!()
    }
}
