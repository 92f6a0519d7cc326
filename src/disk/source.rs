//! The stock image, whatever it is packed in.

use super::{ByteCount, ByteOffset, DiskError, ReadAt};
use crate::digest::Digest;
use std::io;
use std::path::Path;

/// What a stock image is packed in, told by its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Packing {
    /// Not at all.
    Raw,
    /// xz.
    Xz,
    /// gzip.
    Gzip,
    /// Zstandard.
    Zstd,
    /// A zip archive that holds one image.
    Zip,
}

/// A stock image: read-only, readable at random.
pub struct StockImage {
    packing: Packing,
}

impl StockImage {
    /// Opens the file at `path`. What cannot be read at random is decoded once into a nameless file in
    /// `scratch`. When `pinned` is given, the file as it is has to have this SHA-256.
    ///
    /// # Errors
    /// When the file cannot be read, has another hash, is damaged, or holds no disk.
    pub fn open(_path: &Path, _pinned: Option<Digest>, _scratch: &Path) -> Result<Self, DiskError> {
        todo!()
    }

    /// An image that is in memory, packed with xz: the demo.
    ///
    /// # Errors
    /// When it is damaged.
    pub fn from_xz_bytes(_bytes: &'static [u8], _name: &str) -> Result<Self, DiskError> {
        todo!()
    }

    /// What it is packed in.
    pub fn packing(&self) -> Packing {
        self.packing
    }
}

impl ReadAt for StockImage {
    fn size(&self) -> ByteCount {
        todo!()
    }
    fn read_at(&self, _offset: ByteOffset, _buffer: &mut [u8]) -> io::Result<()> {
        todo!()
    }
}
