//! Images that cannot be read at random: they are unpacked as a whole, into a nameless file.

use super::{Given, as_io_error};
use crate::io::{DiskError, DiskFile, ReadAt};
use crate::types::{ByteCount, ByteOffset};
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// Unpacks a file.
type Unpack = fn(&Given<'_>) -> Result<DiskFile, DiskError>;

/// An image that is unpacked now, or, where its size is known, when the first byte of it is asked for.
pub(super) struct PackedImage {
    file: PathBuf,
    packed: Arc<dyn ReadAt>,
    scratch: PathBuf,
    unpack: Unpack,
    size: ByteCount,
    unpacked: OnceLock<DiskFile>,
    /// Held by the thread that unpacks.
    turn: Mutex<()>,
}

impl PackedImage {
    pub(super) fn open(
        packed: &Arc<dyn ReadAt>,
        given: &Given<'_>,
        unpack: Unpack,
        size: Option<ByteCount>,
    ) -> Result<Self, DiskError> {
        let (size, unpacked) = if let Some(size) = size {
            (size, None)
        } else {
            let unpacked = unpack(given)?;
            (unpacked.size(), Some(unpacked))
        };
        Ok(Self {
            file: given.file.to_owned(),
            packed: Arc::clone(packed),
            scratch: given.scratch.to_owned(),
            unpack,
            size,
            unpacked: unpacked.map_or_else(OnceLock::new, OnceLock::from),
            turn: Mutex::new(()),
        })
    }

    /// Unpacks it, if that was not done yet; gives the size of the disk.
    pub(super) fn unpack_now(&self) -> io::Result<ByteCount> {
        self.unpacked().map(ReadAt::size).map_err(as_io_error)
    }

    fn unpacked(&self) -> Result<&DiskFile, DiskError> {
        // Nothing is changed under the lock that could be half done.
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(disk) = self.unpacked.get() {
            return Ok(disk);
        }
        let given = Given { file: &self.file, bytes: &*self.packed, scratch: &self.scratch };
        let disk = (self.unpack)(&given)?;
        Ok(self.unpacked.get_or_init(|| disk))
    }
}

impl ReadAt for PackedImage {
    fn size(&self) -> ByteCount {
        self.size
    }

    fn read_at(&self, offset: ByteOffset, buffer: &mut [u8]) -> io::Result<()> {
        match self.unpacked.get() {
            Some(disk) => disk.read_at(offset, buffer),
            None => self.unpacked().map_err(as_io_error)?.read_at(offset, buffer),
        }
    }
}
