//! The stock image, whatever it is packed in.

mod compression;
mod decode_once;
mod decompress;
mod decompressed;
mod file_digest;
mod gzip;
mod page_cache;
mod xz;
mod xz_block;
mod xz_index;
mod zip;
mod zstd;

#[cfg(test)]
mod tests;

pub use compression::Compression;
pub(crate) use xz_index::{XzBlock, XzLayout};

use crate::formats::SomethingFollows;
use crate::formats::kinds;
use crate::io::cursor::Cursor;
use crate::io::plain_file::{self, NotPlain};
use crate::io::temporary::TemporaryFolder;
use crate::io::{DiskError, DiskFile, Extended, ReadAt, check_range};
use crate::partition::{PartitionTable, SECTOR};
use crate::types::Digest;
use crate::types::Hint;
use crate::types::{ByteCount, ByteOffset};
use decompressed::PackedImage;
use file_digest::FileDigest;
use page_cache::Memory;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use xz::XzImage;

/// A stock image: read-only, readable at random, by several threads at once.
pub struct StockImage {
    file: PathBuf,
    packing: Compression,
    given: Arc<Source>,
    disk: Disk,
    digest: Arc<FileDigest>,
    memory: Option<Memory>,
    /// Holds the file, where it is a download that is not kept. Windows removes no file that is open.
    _folder: Option<TemporaryFolder>,
}

/// A Block that takes longer than a moment to decode.
const LARGEST_BLOCK_AT_HAND: u64 = 256 << 20;

/// Where the bytes of the disk come from.
enum Disk {
    /// The file is the disk.
    AsGiven,
    /// They are decoded when they are asked for.
    Xz(XzImage),
    /// They are unpacked as a whole.
    Packed(PackedImage),
}

impl StockImage {
    /// Opens the file at `path`. What is packed is unpacked once into a nameless file in `scratch`: an xz
    /// Block when it is read for the first time, anything else as a whole, now. When `pinned` is given, the
    /// file as it is has to have this SHA-256.
    ///
    /// # Errors
    /// When the file cannot be read, has another hash, is damaged, or holds no disk. Damage in a part that
    /// was not looked at yet shows when that is read, as an [`io::Error`] of kind `InvalidData` which holds
    /// a [`DiskError`].
    pub fn open(path: &Path, pinned: Option<Digest>, scratch: &Path) -> Result<Self, DiskError> {
        Self::unpack(Source::at(path)?, path, pinned, scratch, None)
    }

    /// As [`open`](Self::open), with what earlier runs [remembered](Self::remember) in the folder `cache`:
    /// where that is enough, nothing is unpacked at all, and the SHA-256 is computed meanwhile. Whoever uses
    /// such an image has to [`check`](Self::check) it before anything made from it is believed.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_remembered(
        path: &Path,
        pinned: Option<Digest>,
        scratch: &Path,
        cache: &Path,
    ) -> Result<Self, DiskError> {
        Self::unpack(Source::at(path)?, path, pinned, scratch, Some(cache))
    }

    /// An image that is in memory, packed with xz: the demo. `name` is what errors call it.
    ///
    /// # Errors
    /// When it is damaged.
    pub fn from_xz_bytes(bytes: &'static [u8], name: &str) -> Result<Self, DiskError> {
        Self::unpack(Source::Embedded(bytes), Path::new(name), None, &std::env::temp_dir(), None)
    }

    fn unpack(
        source: Source,
        path: &Path,
        pinned: Option<Digest>,
        scratch: &Path,
        cache: Option<&Path>,
    ) -> Result<Self, DiskError> {
        let source = Arc::new(source);
        let digest = Arc::new(FileDigest::new(&source, pinned));
        let context = Given { file: path, bytes: &*source, scratch };
        let opened = Self::opened(&source, &digest, &context, cache);
        // What seems wrong with a file is of no interest when it is another one than it has to be.
        opened.map_err(|error| check(&digest, &context).err().unwrap_or(error))
    }

    fn opened(
        source: &Arc<Source>,
        digest: &Arc<FileDigest>,
        context: &Given<'_>,
        cache: Option<&Path>,
    ) -> Result<Self, DiskError> {
        let given: &Arc<dyn ReadAt> = &(Arc::clone(source) as Arc<dyn ReadAt>);
        if given.size().get() == 0 {
            return Err(context.empty());
        }
        // Only what was read of a file that had the right SHA-256 is in the memory of it.
        let early = digest.pinned.zip(cache).map(|(pinned, cache)| Memory::open(cache, pinned));
        let early = early.filter(|memory| memory.size().is_some());
        if early.is_some() {
            digest.start();
        } else {
            check(digest, context)?;
        }
        let packing = compression::tell(context)?;
        let memory = match (early, cache.filter(|_| packing != Compression::Raw)) {
            (Some(memory), _) => Some(memory),
            (None, Some(cache)) => {
                let found = digest.found().map_err(|source| context.unreadable(source))?;
                Some(Memory::open(cache, found))
            }
            (None, None) => None,
        };
        Self::assembled(source, digest, context, packing, memory)
    }

    /// Opens the file at `path` as far as that is quick: it is not hashed, and what `cache` remembers of the file
    /// that has the SHA-256 `pinned` is believed. `None` where much would have to be decompressed first. For a
    /// look at a file from which nothing is going to be made.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_at_hand(
        path: &Path,
        pinned: Option<Digest>,
        scratch: &Path,
        cache: Option<&Path>,
    ) -> Result<Option<Self>, DiskError> {
        let source = Arc::new(Source::at(path)?);
        let digest = Arc::new(FileDigest::new(&source, None));
        let context = Given { file: path, bytes: &*source, scratch };
        if source.size().get() == 0 {
            return Err(context.empty());
        }
        let packing = compression::tell(&context)?;
        let memory = pinned.zip(cache).map(|(pinned, cache)| Memory::open(cache, pinned));
        let memory = memory.filter(|memory| memory.size().is_some());
        let is_random = matches!(packing, Compression::Raw | Compression::Xz);
        if memory.is_none() && !is_random {
            return Ok(None);
        }
        let is_remembered = memory.is_some();
        let image = Self::assembled(&source, &digest, &context, packing, memory);
        let largest = |layout: &XzLayout| layout.blocks.iter().map(|block| block.uncompressed_size).max();
        // What one thread compressed is a single Block.
        let is_slow = |image: &Self| {
            image.xz_layout().and_then(largest).is_some_and(|size| size > LARGEST_BLOCK_AT_HAND)
        };
        image.map(|image| Some(image).filter(|image| is_remembered || !is_slow(image)))
    }

    fn assembled(
        source: &Arc<Source>,
        digest: &Arc<FileDigest>,
        context: &Given<'_>,
        packing: Compression,
        memory: Option<Memory>,
    ) -> Result<Self, DiskError> {
        let given: &Arc<dyn ReadAt> = &(Arc::clone(source) as Arc<dyn ReadAt>);
        let known_size = memory.as_ref().and_then(Memory::size);
        let whole = |unpack| PackedImage::open(given, context, unpack, known_size).map(Disk::Packed);
        let disk = match packing {
            Compression::Raw => Disk::AsGiven,
            Compression::Xz => Disk::Xz(XzImage::open(given, context)?),
            Compression::Gzip => whole(gzip::unpack)?,
            Compression::Zstd => whole(zstd::unpack)?,
            Compression::Zip => whole(zip::unpack)?,
        };
        // An Index that says something else than what was once decoded: the memory is of no use.
        let memory = memory.filter(|memory| memory.size().is_none_or(|size| size == disk.size(&**given)));
        let image = Self {
            file: context.file.to_owned(),
            packing,
            given: Arc::clone(source),
            disk,
            digest: Arc::clone(digest),
            memory,
            _folder: None,
        };
        if image.size().get() == 0 {
            return Err(context.empty());
        }
        match PartitionTable::read(&image) {
            Ok(_) => Ok(image),
            Err(DiskError::ReadTable(source)) => Err(match source.downcast() {
                Ok(damage) => damage,
                Err(source) => context.unreadable(source),
            }),
            Err(problem) => {
                let problem = Box::new(image.named(problem));
                Err(DiskError::Inside { file: context.file.to_owned(), problem })
            }
        }
    }

    /// Keeps the folder that the file is in for as long as the image.
    pub(crate) fn keeping(self, folder: Option<TemporaryFolder>) -> Self {
        Self { _folder: folder, ..self }
    }

    /// Says what there is where there is no partition table.
    fn named(&self, problem: DiskError) -> DiskError {
        let DiskError::NoPartitionTable { .. } = problem else { return problem };
        let size = self.given_size();
        if size.get() < SECTOR {
            return DiskError::NoPartitionTable { found: format!("it has only {} bytes", size.get()) };
        }
        let partition = |name: &'static str| format!("it is one partition without a partition table: {name}");
        let known = kinds::no_image(self).map(|found| found.map(|name| format!("it is {name}")));
        let known = known.and_then(|found| match found {
            Some(name) => Ok(Some(name)),
            None => Ok(kinds::filesystem(self)?.map(partition)),
        });
        // What cannot be read now was read a moment ago; the first finding is right in any case.
        known.ok().flatten().map_or(problem, |found| DiskError::NoPartitionTable { found })
    }

    /// Returns what may disappoint about the file.
    pub fn warnings(&self) -> Vec<StockWarning> {
        let (given, padded) = (self.given_size(), self.size());
        let is_cut = given != padded;
        is_cut.then(|| StockWarning::Padded { file: self.file.clone(), given, padded }).into_iter().collect()
    }

    /// Returns the size of the disk in the file, before it is padded to whole sectors.
    pub fn given_size(&self) -> ByteCount {
        self.disk.size(&*self.given)
    }

    /// Reads what the file holds; the range has to lie inside [`given_size`](Self::given_size).
    fn read_given(&self, offset: ByteOffset, buffer: &mut [u8]) -> io::Result<()> {
        if self.memory.as_ref().is_some_and(|memory| memory.read(offset, buffer)) {
            return Ok(());
        }
        match &self.disk {
            Disk::AsGiven => self.given.read_at(offset, buffer),
            Disk::Xz(image) => image.read_at(offset, buffer),
            Disk::Packed(image) => image.read_at(offset, buffer),
        }
    }

    /// What it is packed in.
    pub fn packing(&self) -> Compression {
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
        self.digest.found()
    }

    /// The SHA-256 that the file has, as far as is known before it is [checked](Self::check).
    pub(crate) fn expected_digest(&self) -> io::Result<Digest> {
        self.digest.expected()
    }

    /// Whether the file has the SHA-256 that it has to have. Waits until that is known.
    ///
    /// # Errors
    /// When it has another, or cannot be read.
    pub fn check(&self) -> Result<(), DiskError> {
        check(&self.digest, &Given { file: &self.file, bytes: &*self.given, scratch: Path::new("") })
    }

    /// Keeps what was read of the image until now for the next run, as far as it is worth it. What is read
    /// later is not kept. An image that is not packed, or was not opened with a cache, has no need of it.
    ///
    /// # Errors
    /// When the cache cannot be written to. That run will take longer, and is all the same otherwise.
    pub fn remember(&self) -> io::Result<()> {
        let Some(memory) = &self.memory else { return Ok(()) };
        memory.keep(&AsGiven(self), &|| self.check().map_err(as_io_error))
    }

    /// The file as it was given, packed.
    pub(crate) fn file_bytes(&self) -> &dyn ReadAt {
        &*self.given
    }

    /// The file, where it is not packed. The disk may be longer by the zeros that it is padded with.
    pub(crate) fn raw_file(&self) -> Option<&File> {
        match (&self.disk, &*self.given) {
            (Disk::AsGiven, Source::File(file)) => Some(file.file()),
            _ => None,
        }
    }

    /// Unpacks all of it, on so many threads, for whoever is going to read all of it. `progress` hears of
    /// the bytes that are unpacked.
    ///
    /// # Errors
    /// As [`read_at`](ReadAt::read_at).
    pub(crate) fn unpack_all(&self, threads: usize, progress: &(dyn Fn(ByteCount) + Sync)) -> io::Result<()> {
        match &self.disk {
            Disk::AsGiven => Ok(()),
            Disk::Xz(image) => image.unpack_all(threads, progress),
            Disk::Packed(image) => image.unpack_now().map(progress),
        }
    }

    /// Where the Blocks of an image packed with xz lie in [`file_bytes`](Self::file_bytes), and what of the
    /// disk each holds.
    pub(crate) fn xz_layout(&self) -> Option<&XzLayout> {
        match &self.disk {
            Disk::Xz(image) => Some(image.layout()),
            Disk::AsGiven | Disk::Packed(_) => None,
        }
    }
}

impl Disk {
    fn size(&self, given: &dyn ReadAt) -> ByteCount {
        match self {
            Self::AsGiven => given.size(),
            Self::Xz(image) => image.size(),
            Self::Packed(image) => image.size(),
        }
    }
}

/// A card has whole sectors only, and programs that write cards refuse an image that ends in the middle of
/// one: it is filled up with zeros.
impl ReadAt for StockImage {
    fn size(&self) -> ByteCount {
        ByteCount::new(self.given_size().get().div_ceil(SECTOR) * SECTOR)
    }

    fn read_at(&self, offset: ByteOffset, buffer: &mut [u8]) -> io::Result<()> {
        Extended::new(AsGiven(self), self.size())?.read_at(offset, buffer)
    }
}

/// The disk as it was given, not padded.
struct AsGiven<'image>(&'image StockImage);

impl ReadAt for AsGiven<'_> {
    fn size(&self) -> ByteCount {
        self.0.given_size()
    }

    fn read_at(&self, offset: ByteOffset, buffer: &mut [u8]) -> io::Result<()> {
        check_range(offset, buffer.len(), self.size())?;
        self.0.read_given(offset, buffer)
    }
}

/// A finding about the file of a stock image that may disappoint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StockWarning {
    /// It ends in the middle of a sector.
    #[error(
        "the image `{}` ends in the middle of a sector: it has {} bytes, and cards get {}, the rest filled with zeros",
        file.display(), given.get(), padded.get()
    )]
    Padded {
        /// The file.
        file: PathBuf,
        /// The size of the disk in it.
        given: ByteCount,
        /// The size of the disk on a card.
        padded: ByteCount,
    },
}

impl Hint for StockWarning {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Padded { .. } => Some(
                "If that is not what a tool such as PiShrink left, the download was cut: compare its SHA-256 with the one published"
                    .to_owned(),
            ),
        }
    }
}

/// Compares the SHA-256 of a file with the one it has to have.
fn check(digest: &FileDigest, given: &Given<'_>) -> Result<(), DiskError> {
    let Some(expected) = digest.pinned else { return Ok(()) };
    let found = digest.found().map_err(|source| given.unreadable(source))?;
    if found == expected {
        return Ok(());
    }
    Err(DiskError::WrongDigest { file: given.file.to_owned(), expected, found })
}

/// The image as it was given.
enum Source {
    File(DiskFile),
    /// Part of the program.
    Embedded(&'static [u8]),
}

impl Source {
    /// Opens a regular file.
    fn at(path: &Path) -> Result<Self, DiskError> {
        let cannot_open = |source| match NotPlain::of(&source) {
            Some(other) => DiskError::NotAFile { file: path.to_owned(), found: other.found() },
            None => DiskError::Open { file: path.to_owned(), source },
        };
        plain_file::open(path).and_then(DiskFile::new).map(Self::File).map_err(cannot_open)
    }
}

impl ReadAt for Source {
    fn size(&self) -> ByteCount {
        match self {
            Self::File(file) => file.size(),
            Self::Embedded(bytes) => bytes.size(),
        }
    }

    fn read_at(&self, offset: ByteOffset, buffer: &mut [u8]) -> io::Result<()> {
        match self {
            Self::File(file) => file.read_at(offset, buffer),
            Self::Embedded(bytes) => bytes.read_at(offset, buffer),
        }
    }
}

fn digest_of(bytes: &dyn ReadAt) -> io::Result<Digest> {
    Digest::of_reader(&mut Cursor::new(bytes))
}

/// Whoever reads a disk expects an [`io::Error`]; the [`DiskError`] can be taken out of it.
fn as_io_error(error: DiskError) -> io::Error {
    let kind = match &error {
        DiskError::Read { source, .. } | DiskError::Scratch { source, .. } => source.kind(),
        _ => io::ErrorKind::InvalidData,
    };
    io::Error::new(kind, error)
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
        DiskError::TooLarge { file: self.file.to_owned(), limit: decompress::LARGEST_IMAGE }
    }

    fn cannot_unpack(&self, source: io::Error) -> DiskError {
        DiskError::Scratch { file: self.file.to_owned(), folder: self.scratch.to_owned(), source }
    }

    /// An error of a decoder: of the file below when the machine reported it, else of what is in the file.
    fn not_decoded(&self, packing: &'static str, done: ByteCount, error: io::Error) -> DiskError {
        if error.raw_os_error().is_some() {
            return self.unreadable(error);
        }
        if let Some(SomethingFollows { length }) = error.get_ref().and_then(|inner| inner.downcast_ref()) {
            let file = self.file.to_owned();
            return DiskError::SomethingFollows { file, packing, length: *length };
        }
        if error.kind() == io::ErrorKind::UnexpectedEof {
            return self.damaged(format!(
                "it ends too early: after {} unpacked bytes its {packing} stream goes on",
                done.get()
            ));
        }
        self.damaged(format!("it cannot be unpacked as {packing} after {} bytes: {error}", done.get()))
    }
}
