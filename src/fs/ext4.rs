//! ext4, the root partition: read by `ext4-view`, written by `rust-fs-ext4`.

use super::*;
use crate::disk::{ReadAt, Revert};
use std::sync::Arc;

/// Reads an ext4 filesystem.
pub struct Reader;

impl Reader {
    /// Opens the filesystem on `disk`.
    ///
    /// # Errors
    /// When it is no ext4, is damaged, or has features that are not understood.
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

/// Writes an ext4 filesystem.
pub struct Writer;

impl Writer {
    /// Opens the filesystem on `disk` for writing; everything written gets the time `time`.
    ///
    /// # Errors
    /// When it is no ext4, is damaged, was not closed properly, or has features that are not understood.
    pub fn open(_disk: Arc<dyn Revert>, _time: UnixTime) -> Result<Self, FsError> {
        todo!()
    }
}
