//! The stock image, whatever it is packed in.

mod decoding;
mod gzip;
mod packing;
mod unpack;
mod xz;
mod xz_block;
mod xz_index;
mod zip;
mod zstd;

#[cfg(test)]
mod tests;

pub use packing::Packing;
pub(crate) use xz_index::XzLayout;

use super::cursor::Cursor;
use super::{ByteCount, ByteOffset, DiskError, DiskFile, PartitionTable, ReadAt};
use crate::digest::Digest;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use xz::XzImage;

/// A stock image: read-only, readable at random, by several threads at once.
pub struct StockImage {
    file: PathBuf,
    packing: Packing,
    given: Arc<dyn ReadAt>,
    disk: Disk,
    digest: OnceLock<Digest>,
}

/// Where the bytes of the disk come from.
enum Disk {
    /// The file is the disk.
    AsGiven,
    /// They are decoded when they are asked for.
    Xz(XzImage),
    /// They were unpacked into a nameless file.
    Unpacked(DiskFile),
}

impl StockImage {
    /// Opens the file at `path`. What is packed is unpacked once into a nameless file in `scratch`: an xz
    /// Block when it is read for the first time, anything else as a whole, now. When `pinned` is given, the file as it is has to have this SHA-256.
    ///
    /// # Errors
    /// When the file cannot be read, has another hash, is damaged, or holds no disk. Damage in a part that
    /// was not looked at yet shows when that is read, as an [`io::Error`] of kind `InvalidData` which holds
    /// a [`DiskError`].
    pub fn open(path: &Path, pinned: Option<Digest>, scratch: &Path) -> Result<Self, DiskError> {
        let cannot_open = |source| DiskError::Open { file: path.to_owned(), source };
        let kind = fs::metadata(path).map_err(cannot_open)?.file_type();
        if !kind.is_file() {
            let found = if kind.is_dir() { "a directory" } else { "a device" };
            return Err(DiskError::NotAFile { file: path.to_owned(), found });
        }
        let file = File::open(path).and_then(DiskFile::new).map_err(cannot_open)?;
        Self::unpack(&(Arc::new(file) as Arc<dyn ReadAt>), path, pinned, scratch)
    }

    /// An image that is in memory, packed with xz: the demo. `name` is what errors call it.
    ///
    /// # Errors
    /// When it is damaged.
    pub fn from_xz_bytes(bytes: &'static [u8], name: &str) -> Result<Self, DiskError> {
        Self::unpack(
            &(Arc::new(Memory(bytes)) as Arc<dyn ReadAt>),
            Path::new(name),
            None,
            &std::env::temp_dir(),
        )
    }

    fn unpack(
        given: &Arc<dyn ReadAt>,
        path: &Path,
        pinned: Option<Digest>,
        scratch: &Path,
    ) -> Result<Self, DiskError> {
        let context = Given { file: path, bytes: &**given, scratch };
        if given.size().0 == 0 {
            return Err(context.empty());
        }
        let digest = OnceLock::new();
        if let Some(expected) = pinned {
            let found = digest_of(&**given).map_err(|source| context.unreadable(source))?;
            if found != expected {
                return Err(DiskError::WrongDigest { file: path.to_owned(), expected, found });
            }
            let _ = digest.set(found);
        }
        let packing = packing::tell(&context)?;
        let disk = match packing {
            Packing::Raw => Disk::AsGiven,
            Packing::Xz => Disk::Xz(XzImage::open(given, &context)?),
            Packing::Gzip => Disk::Unpacked(gzip::unpack(&context)?),
            Packing::Zstd => Disk::Unpacked(zstd::unpack(&context)?),
            Packing::Zip => Disk::Unpacked(zip::unpack(&context)?),
        };
        let image = Self { file: path.to_owned(), packing, given: Arc::clone(given), disk, digest };
        if image.size().0 == 0 {
            return Err(context.empty());
        }
        match PartitionTable::read(&image) {
            Ok(_) => Ok(image),
            Err(DiskError::ReadTable(source)) => Err(match source.downcast() {
                Ok(damage) => damage,
                Err(source) => context.unreadable(source),
            }),
            Err(problem) => Err(DiskError::Inside { file: path.to_owned(), problem: Box::new(problem) }),
        }
    }

    /// What it is packed in.
    pub fn packing(&self) -> Packing {
        self.packing
    }

    /// What errors call it: the path it was opened at.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// The SHA-256 of the file as it was given, packed. It is computed once, where opening the image did
    /// not need it already.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn file_digest(&self) -> io::Result<Digest> {
        if let Some(digest) = self.digest.get() {
            return Ok(*digest);
        }
        let digest = digest_of(&*self.given)?;
        Ok(*self.digest.get_or_init(|| digest))
    }

    /// The file as it was given, packed.
    #[allow(dead_code, reason = "what writes a packed image takes untouched Blocks from here")]
    pub(crate) fn file_bytes(&self) -> &dyn ReadAt {
        &*self.given
    }

    /// Where the Blocks of an image packed with xz lie in [`file_bytes`](Self::file_bytes), and what of the
    /// disk each holds.
    #[allow(dead_code, reason = "what writes a packed image takes untouched Blocks from here")]
    pub(crate) fn xz_layout(&self) -> Option<&XzLayout> {
        match &self.disk {
            Disk::Xz(image) => Some(image.layout()),
            Disk::AsGiven | Disk::Unpacked(_) => None,
        }
    }

    fn disk(&self) -> &dyn ReadAt {
        match &self.disk {
            Disk::AsGiven => &*self.given,
            Disk::Xz(image) => image,
            Disk::Unpacked(file) => file,
        }
    }
}

impl ReadAt for StockImage {
    fn size(&self) -> ByteCount {
        self.disk().size()
    }

    fn read_at(&self, offset: ByteOffset, buffer: &mut [u8]) -> io::Result<()> {
        self.disk().read_at(offset, buffer)
    }
}

/// A file that is part of the program.
struct Memory(&'static [u8]);

impl ReadAt for Memory {
    fn size(&self) -> ByteCount {
        self.0.size()
    }
    fn read_at(&self, offset: ByteOffset, buffer: &mut [u8]) -> io::Result<()> {
        self.0.read_at(offset, buffer)
    }
}

fn digest_of(bytes: &dyn ReadAt) -> io::Result<Digest> {
    Digest::of_reader(&mut Cursor::new(bytes))
}

/// The file that is being opened, and where it may be unpacked to.
struct Given<'open> {
    file: &'open Path,
    bytes: &'open dyn ReadAt,
    scratch: &'open Path,
}

impl Given<'_> {
    fn empty(&self) -> DiskError {
        DiskError::Empty { file: self.file.to_owned() }
    }

    fn unreadable(&self, source: io::Error) -> DiskError {
        DiskError::Read { file: self.file.to_owned(), source }
    }

    fn damaged(&self, found: impl Into<String>) -> DiskError {
        DiskError::Damaged { file: self.file.to_owned(), found: found.into() }
    }

    fn unknown(&self, found: impl Into<String>) -> DiskError {
        DiskError::UnknownPacking { file: self.file.to_owned(), found: found.into() }
    }

    fn too_large(&self) -> DiskError {
        DiskError::TooLarge { file: self.file.to_owned(), limit: unpack::LARGEST_IMAGE }
    }

    fn cannot_unpack(&self, source: io::Error) -> DiskError {
        DiskError::Scratch { file: self.file.to_owned(), folder: self.scratch.to_owned(), source }
    }

    /// An error of a decoder: of the file below when the machine reported it, else of what is in the file.
    fn not_decoded(&self, packing: &str, done: ByteCount, error: io::Error) -> DiskError {
        if error.raw_os_error().is_some() {
            return self.unreadable(error);
        }
        self.damaged(format!("it cannot be unpacked as {packing} after {} bytes: {error}", done.0))
    }
}
