//! The stock image itself.

use super::blocks::BlockImage;
use super::decompressed::DecompressedImage;
use super::error::{StockImageError, StockWarning};
use super::file::ImageFile;
use super::page_cache::PageCache;
use crate::cache::Hold;
use crate::formats::xz::XzLayout;
use crate::formats::{FormatError, ImageFormat, magic};
use crate::io::cursor::Cursor;
use crate::io::{Extended, ReadAt, check_range};
use crate::partition::{PartitionError, PartitionTable, SECTOR};
use crate::types::{ByteCount, ByteOffset, Digest};
use std::fs::File;
use std::io::{self, Read};
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

/// A stock image: read-only, readable at random, by several threads at once. The SHA-256 of its file may be computed in
/// the background; call [`verify`](Self::verify) before trusting the contents.
pub struct StockImage {
    file: Arc<ImageFile>,
    format: ImageFormat,
    source: DiskSource,
    pages: Option<PageCache>,
    /// Keeps the file where it is, if it is a download. Declared last: Windows removes no file that is open.
    _hold: Option<Hold>,
}

/// A stock image whose file has the SHA-256 that it has to have: results that were made from it may be published.
#[derive(Clone, Copy)]
pub struct VerifiedImage<'image>(&'image StockImage);

/// The largest Block that is decoded in a moment.
const LARGEST_BLOCK_AT_HAND: u64 = 256 << 20;

/// The source of the bytes of the disk.
enum DiskSource {
    /// The file is the disk.
    Raw,
    /// They are decoded when they are asked for.
    Blocks(BlockImage),
    /// They are decompressed as a whole.
    Whole(DecompressedImage),
}

impl StockImage {
    /// Opens the file at `path`. What is compressed is decompressed once into an anonymous file in `scratch`: an xz Block
    /// when it is read for the first time, anything else as a whole, now. When `pinned` is given, the file as it is has
    /// to have this SHA-256.
    ///
    /// # Errors
    /// When the file cannot be read, has another hash, is damaged, or holds no disk. Damage in a part that was not read
    /// yet shows when that is read, as an [`io::Error`] of kind `InvalidData` which holds a [`StockImageError`].
    pub fn open(path: &Path, pinned: Option<Digest>, scratch: &Path) -> Result<Self, StockImageError> {
        Self::opened(ImageFile::open(path, pinned, scratch)?, None)
    }

    /// Opens the file at `path` as [`open`](Self::open) does, with the pages that earlier runs
    /// [saved](Self::save_pages) in the folder `cache`: where those are enough, nothing is decompressed at all. The
    /// SHA-256 is computed in the background; that of a file which did not change since it was hashed, only for whoever
    /// asks for it.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_cached(
        path: &Path,
        pinned: Option<Digest>,
        scratch: &Path,
        cache: &Path,
    ) -> Result<Self, StockImageError> {
        Self::opened(ImageFile::open(path, pinned, scratch)?.with_known(cache), Some(cache))
    }

    /// Takes a file in any of the formats that is in memory, or anywhere else. `name` is what errors call it.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn from_read_at(
        file: impl ReadAt + 'static,
        name: &str,
        scratch: &Path,
    ) -> Result<Self, StockImageError> {
        Self::opened(ImageFile::of_bytes(Arc::new(file), Path::new(name), scratch), None)
    }

    /// Opens the file at `path` to look at it: it is not hashed, and what `cache` has of it is believed, where it did not
    /// change since. Nothing may be made from it.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_to_look(path: &Path, scratch: &Path, cache: Option<&Path>) -> Result<Self, StockImageError> {
        let (file, pages) = to_look(path, None, scratch, cache)?;
        let format = Self::detect(&file)?;
        Self::assembled(&file, format, pages)
    }

    /// Opens the file at `path` as [`open_to_look`](Self::open_to_look) does, as far as that is quick: what `cache` has of
    /// the file with the SHA-256 `pinned` is believed. `None` where much would have to be decompressed first.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_at_hand(
        path: &Path,
        pinned: Option<Digest>,
        scratch: &Path,
        cache: Option<&Path>,
    ) -> Result<Option<Self>, StockImageError> {
        let (file, pages) = to_look(path, pinned, scratch, cache)?;
        let format = Self::detect(&file)?;
        let is_cached = pages.is_some();
        if !is_cached && !matches!(format, ImageFormat::Raw | ImageFormat::Xz) {
            return Ok(None);
        }
        let image = Self::assembled(&file, format, pages)?;
        // What one thread compressed is a single Block.
        let mut blocks = image.xz_layout().into_iter().flat_map(|layout| &layout.blocks);
        let is_quick = is_cached || blocks.all(|block| block.uncompressed_size <= LARGEST_BLOCK_AT_HAND);
        Ok(is_quick.then_some(image))
    }

    fn opened(file: ImageFile, cache: Option<&Path>) -> Result<Self, StockImageError> {
        let file = Arc::new(file);
        // Other errors are of no interest when it is not the file that was asked for.
        Self::opened_with(&file, cache).map_err(|error| file.verify().err().unwrap_or(error))
    }

    fn opened_with(file: &Arc<ImageFile>, cache: Option<&Path>) -> Result<Self, StockImageError> {
        let known = file.known_digest();
        // Pages are saved only of a file that had the right SHA-256.
        let early = cached_pages(file.pinned.or(known), cache);
        let format = Self::detect(file)?;
        match file.pinned {
            Some(pinned) if known == Some(pinned) => {}
            // What is decoded meanwhile is little.
            Some(_) if early.is_some() || cache.is_some() && format == ImageFormat::Xz => {
                file.start_hashing();
            }
            Some(_) => file.verify()?,
            None => {}
        }
        let pages = match (early, cache.filter(|_| format != ImageFormat::Raw)) {
            (Some(pages), _) => Some(pages),
            (None, Some(cache)) => {
                let digest = file.pinned.or(known).map_or_else(|| file.digest(), Ok);
                let digest = digest.map_err(|source| file.unreadable(FormatError::Read(source)))?;
                Some(PageCache::open(cache, digest))
            }
            (None, None) => None,
        };
        Self::assembled(file, format, pages)
    }

    fn detect(file: &ImageFile) -> Result<ImageFormat, StockImageError> {
        if file.bytes.size() == ByteCount::ZERO {
            return Err(StockImageError::Empty { file: file.name.clone() });
        }
        ImageFormat::detect(&*file.bytes).map_err(|problem| file.unreadable(problem))
    }

    fn assembled(
        file: &Arc<ImageFile>,
        format: ImageFormat,
        pages: Option<PageCache>,
    ) -> Result<Self, StockImageError> {
        let known_size = pages.as_ref().and_then(PageCache::size);
        let source = match format {
            ImageFormat::Raw => DiskSource::Raw,
            ImageFormat::Xz => DiskSource::Blocks(BlockImage::open(file)?),
            ImageFormat::Gzip | ImageFormat::Zstd | ImageFormat::Zip => {
                DiskSource::Whole(DecompressedImage::open(file, format, known_size)?)
            }
        };
        let size = source.size(file);
        // An Index that contradicts what was once decoded: the pages are of no use.
        let pages = pages.filter(|_| known_size.is_none_or(|known| known == size));
        tracing::debug!(
            "{}: {}, {size}, {} cached",
            file.name.display(),
            format.name(),
            if known_size.is_some() && pages.is_some() { "pages" } else { "nothing" }
        );
        let image = Self { file: Arc::clone(file), format, source, pages, _hold: None };
        if size == ByteCount::ZERO {
            return Err(StockImageError::Empty { file: file.name.clone() });
        }
        image.partition_table().map(|_| image)
    }

    /// Holds the file where it is for as long as the image lives.
    pub(crate) fn keeping(self, hold: Hold) -> Self {
        Self { _hold: Some(hold), ..self }
    }

    /// Names the thing that is there where there is no partition table.
    fn named(&self, problem: PartitionError) -> PartitionError {
        let PartitionError::NoTable { .. } = problem else { return problem };
        let size = self.unpadded_size().get();
        if size < SECTOR {
            return PartitionError::NoTable { found: format!("it has only {size} bytes") };
        }
        let partition = |name: &'static str| format!("it is one partition without a partition table: {name}");
        let known = match magic::foreign_file(self) {
            Ok(None) => magic::filesystem(self).map(|found| found.map(partition)),
            found => found.map(|found| found.map(|name| format!("it is {name}"))),
        };
        match known {
            Ok(Some(found)) => PartitionError::NoTable { found },
            Ok(None) => problem,
            Err(error) => {
                // The first finding is right in any case.
                tracing::debug!("{}: cannot be read any more: {error}", self.file.name.display());
                problem
            }
        }
    }

    /// Returns what may disappoint about the file.
    pub fn warnings(&self) -> Vec<StockWarning> {
        let (unpadded, padded) = (self.unpadded_size(), self.size());
        let warning = || StockWarning::Padded { file: self.file.name.clone(), unpadded, padded };
        (unpadded != padded).then(warning).into_iter().collect()
    }

    /// Returns the size of the disk in the file, before it is padded to whole sectors.
    pub fn unpadded_size(&self) -> ByteCount {
        self.source.size(&self.file)
    }

    /// Reads what the file holds; the range has to lie inside [`unpadded_size`](Self::unpadded_size).
    fn read_unpadded(&self, offset: ByteOffset, buffer: &mut [u8]) -> io::Result<()> {
        if self.pages.as_ref().is_some_and(|pages| pages.read(offset, buffer)) {
            return Ok(());
        }
        match &self.source {
            DiskSource::Raw => self.file.bytes.read_at(offset, buffer),
            DiskSource::Blocks(image) => image.read_at(offset, buffer),
            DiskSource::Whole(image) => image.read_at(offset, buffer),
        }
    }

    /// Returns the format of the file.
    pub fn format(&self) -> ImageFormat {
        self.format
    }

    /// Reads the partition table of the disk.
    ///
    /// # Errors
    /// As [`read_at`](ReadAt::read_at). An image without a usable table was not opened.
    pub fn partition_table(&self) -> Result<PartitionTable, StockImageError> {
        PartitionTable::read(self).map_err(|problem| match problem {
            PartitionError::Read(source) => match source.downcast() {
                Ok(damage) => damage,
                Err(source) => self.file.unreadable(FormatError::Read(source)),
            },
            problem => {
                StockImageError::NotADisk { file: self.file.name.clone(), problem: self.named(problem) }
            }
        })
    }

    /// Returns the path that it was opened at, or whatever errors call it.
    pub fn name(&self) -> &Path {
        &self.file.name
    }

    /// Returns the SHA-256 of the file as it was given, compressed. It is computed once, where opening the image did not
    /// need it already.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn file_digest(&self) -> io::Result<Digest> {
        self.file.digest()
    }

    /// Returns the SHA-256 that the file has, as far as is known before it is [verified](Self::verify).
    pub(crate) fn expected_digest(&self) -> io::Result<Digest> {
        self.file.pinned.map_or_else(|| self.file.digest(), Ok)
    }

    /// Begins to compute the SHA-256 of the file in the background, where [`verify`](Self::verify) is going to compare it.
    pub(crate) fn start_hashing(&self) {
        if self.file.pinned.is_some() {
            self.file.start_hashing();
        }
    }

    /// Compares the SHA-256 of the file with the one that it has to have, as [`verify`](Self::verify) does, and takes a
    /// file that did not change since it was hashed for what it was: enough for a look at what could be made from it.
    ///
    /// # Errors
    /// As [`verify`](Self::verify).
    pub fn verify_unless_known(&self) -> Result<(), StockImageError> {
        self.file.verify_unless_known()
    }

    /// Compares the SHA-256 of the file with the one that it has to have. Waits until it is computed.
    ///
    /// # Errors
    /// When the file has another, or cannot be read.
    pub fn verify(&self) -> Result<VerifiedImage<'_>, StockImageError> {
        self.file.verify().map(|()| VerifiedImage(self))
    }

    /// Saves the pages of the image that were read until now for the next run, as far as they are worth it. What is read
    /// later is not saved. An image that is not compressed, or was opened without a cache, needs none.
    ///
    /// # Errors
    /// When the cache cannot be written to. The next run takes longer then, and is all the same otherwise.
    pub fn save_pages(&self) -> io::Result<()> {
        let Some(pages) = &self.pages else { return Ok(()) };
        pages.save(&Unpadded(self), &|| {
            self.file.verify()?;
            // One that was only known, and not pinned, may have been damaged since.
            if pages.are_of(self.file.digest()?) { Ok(()) } else { Err(io::ErrorKind::InvalidData.into()) }
        })
    }

    /// Returns the file as it was given, compressed.
    pub(crate) fn file_bytes(&self) -> &dyn ReadAt {
        &*self.file.bytes
    }

    /// Returns the file, where it is raw. The disk may be longer by the zeros that it is padded with.
    pub(crate) fn raw_file(&self) -> Option<&File> {
        let file = self.file.on_disk.as_ref().filter(|_| self.format == ImageFormat::Raw)?;
        Some(file.file())
    }

    /// Decompresses all of it but the parts to `skip`, on so many threads, for whoever is going to read it. `progress` is
    /// called with the number of bytes that were decompressed.
    ///
    /// # Errors
    /// As [`read_at`](ReadAt::read_at).
    pub(crate) fn decompress_all(
        &self,
        skip: &[Range<u64>],
        threads: usize,
        progress: &(dyn Fn(ByteCount) + Sync),
    ) -> io::Result<()> {
        match &self.source {
            DiskSource::Raw => Ok(()),
            DiskSource::Blocks(image) => image.decode_all(skip, threads, progress),
            DiskSource::Whole(image) => image.disk().map(|disk| progress(disk.size())),
        }
    }

    /// Returns a reader of a range of the disk, for whoever reads much of it once: what has to be decoded for it is not
    /// kept.
    pub(crate) fn reader(&self, range: Range<u64>) -> Box<dyn Read + '_> {
        match &self.source {
            DiskSource::Blocks(image) => {
                let inside = range.start.min(image.size().get())..range.end.min(image.size().get());
                let padding = range.end - range.start - (inside.end - inside.start);
                Box::new(image.reader(inside).chain(io::repeat(0).take(padding)))
            }
            DiskSource::Raw | DiskSource::Whole(_) => Box::new(Cursor::over(self, range)),
        }
    }

    /// Returns the layout of [`file_bytes`](Self::file_bytes), where they are xz.
    pub(crate) fn xz_layout(&self) -> Option<&XzLayout> {
        match &self.source {
            DiskSource::Blocks(image) => Some(image.layout()),
            DiskSource::Raw | DiskSource::Whole(_) => None,
        }
    }
}

/// Opens a file that is not going to be hashed, and the pages that are cached of it: of the one with this digest, or
/// else of the one that it was when it was hashed, unless it changed since.
fn to_look(
    path: &Path,
    pinned: Option<Digest>,
    scratch: &Path,
    cache: Option<&Path>,
) -> Result<(Arc<ImageFile>, Option<PageCache>), StockImageError> {
    let file = ImageFile::open(path, None, scratch)?;
    let file = if let Some(cache) = cache { file.with_known(cache) } else { file };
    let pages = cached_pages(pinned.or_else(|| file.known_digest()), cache);
    Ok((Arc::new(file), pages))
}

/// Returns the pages that are cached of a file with this digest, where there are some.
fn cached_pages(digest: Option<Digest>, cache: Option<&Path>) -> Option<PageCache> {
    let pages = digest.zip(cache).map(|(digest, cache)| PageCache::open(cache, digest));
    pages.filter(|pages| pages.size().is_some())
}

impl VerifiedImage<'_> {
    /// Returns the SHA-256 of the file as it was given, compressed.
    ///
    /// # Errors
    /// When the file cannot be read; it was not necessarily read to be verified.
    pub fn file_digest(&self) -> io::Result<Digest> {
        self.0.file_digest()
    }
}

impl DiskSource {
    fn size(&self, file: &ImageFile) -> ByteCount {
        match self {
            Self::Raw => file.bytes.size(),
            Self::Blocks(image) => image.size(),
            Self::Whole(image) => image.size(),
        }
    }
}

/// A card has whole sectors only, and programs that write cards refuse an image that ends in the middle of one: it is
/// padded with zeros.
impl ReadAt for StockImage {
    fn size(&self) -> ByteCount {
        ByteCount::new(self.unpadded_size().get().next_multiple_of(SECTOR))
    }

    fn read_at(&self, offset: ByteOffset, buffer: &mut [u8]) -> io::Result<()> {
        Extended::new(Unpadded(self), self.size())?.read_at(offset, buffer)
    }

    fn next_data(&self, offset: ByteOffset) -> ByteOffset {
        let next = match &self.source {
            DiskSource::Raw => self.file.bytes.next_data(offset),
            DiskSource::Whole(image) => image.next_data(offset),
            // The file that Blocks are decoded into has holes where none was decoded yet.
            DiskSource::Blocks(_) => offset,
        };
        if next < ByteOffset::ZERO + self.unpadded_size() { next } else { ByteOffset::ZERO + self.size() }
    }
}

/// The disk as it is in the file, not padded.
struct Unpadded<'image>(&'image StockImage);

impl ReadAt for Unpadded<'_> {
    fn size(&self) -> ByteCount {
        self.0.unpadded_size()
    }

    fn read_at(&self, offset: ByteOffset, buffer: &mut [u8]) -> io::Result<()> {
        check_range(offset, buffer.len(), self.size())?;
        self.0.read_unpadded(offset, buffer)
    }
}
