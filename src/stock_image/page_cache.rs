//! The pages of a compressed image that earlier runs read.
//!
//! Planning and patching read some megabytes of an image of gigabytes: superblocks, bitmaps, some directories, the files
//! that are changed. They are the same on the next run, which with the pages of this one decodes nothing.
//!
//! A file of the cache: [`MAGIC`], the size of the disk, the number of pages, their numbers, the pages, and the SHA-256
//! of all that. Numbers have eight bytes, the lowest first.

use crate::cache::{Bucket, BucketFiles};
use crate::formats::LARGEST_IMAGE;
use crate::io::{ReadAt, read_vec};
use crate::types::number::usize_from;
use crate::types::{ByteCount, ByteOffset, Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

/// The first bytes of a file of the cache. Another layout gets another version of the [bucket](Bucket::Pages).
const MAGIC: &[u8; 16] = b"cardwright pages";

/// The size of a page.
const PAGE: u64 = 16 << 10;

/// The most that is cached of an image: more is no longer a small part of it.
const MOST_PAGES: usize = (64 << 20) / (16 << 10);

/// The cached pages of one image.
pub(super) struct PageCache {
    bucket: BucketFiles,
    /// The SHA-256 of the compressed file.
    name: String,
    /// The pages of earlier runs.
    cached: Option<Pages>,
    /// The pages that this run has requested; `None` once they were saved.
    requested: Mutex<Option<BTreeSet<u64>>>,
}

struct Pages {
    size: ByteCount,
    pages: BTreeMap<u64, Box<[u8]>>,
}

impl PageCache {
    /// Opens what `cache` has of the image whose compressed file has this digest.
    pub(super) fn open(cache: &Path, digest: Digest) -> Self {
        let bucket = BucketFiles::new(cache, Bucket::Pages);
        let name = digest.to_string();
        let cached = bucket.find(&name).and_then(|file| {
            let pages = Pages::read(file);
            if pages.is_none() {
                tracing::debug!("the cached pages of {name} are damaged");
            }
            pages
        });
        Self { bucket, name, cached, requested: Mutex::new(Some(BTreeSet::new())) }
    }

    /// Returns `true` if they are those of a compressed file with this digest.
    pub(super) fn are_of(&self, digest: Digest) -> bool {
        self.name == digest.to_string()
    }

    /// Returns the size of the disk, where it is known.
    pub(super) fn size(&self) -> Option<ByteCount> {
        self.cached.as_ref().map(|cached| cached.size)
    }

    /// Fills `buffer` and returns `true` if all of it is cached. The range has to lie inside the disk.
    #[expect(clippy::expect_used, reason = "a read begins only when all pages are cached")]
    pub(super) fn read(&self, offset: ByteOffset, buffer: &mut [u8]) -> bool {
        let end = offset.get() + buffer.len() as u64;
        let pages = offset.get() / PAGE..end.div_ceil(PAGE);
        if let Some(requested) = self.requested().as_mut() {
            requested.extend(pages.clone());
        }
        let Some(cached) = &self.cached else { return false };
        if !pages.clone().all(|page| cached.pages.contains_key(&page)) {
            return false;
        }
        let mut at = offset.get();
        let mut rest = buffer;
        for page in pages {
            let bytes = cached.pages.get(&page).expect("all pages are cached");
            // Only the last page of the disk is a short one, and the range does not go beyond it.
            let (_, bytes) = bytes.split_at(usize_from(at % PAGE));
            let length = bytes.len().min(rest.len());
            let (piece, behind) = rest.split_at_mut(length);
            piece.copy_from_slice(bytes.split_at(length).0);
            at += length as u64;
            rest = behind;
        }
        true
    }

    /// Saves the pages that were requested until now, which are read from `disk` once more. Nothing that is requested
    /// later is saved. `verify` has to succeed before anything is saved of the disk.
    ///
    /// # Errors
    /// When the disk cannot be read or the cache cannot be written to: then it is as it was.
    pub(super) fn save(&self, disk: &dyn ReadAt, verify: &dyn Fn() -> io::Result<()>) -> io::Result<()> {
        let Some(mut pages) = self.requested().take() else { return Ok(()) };
        let cached = self.cached.as_ref().map(|cached| &cached.pages);
        if cached.is_some_and(|cached| pages.iter().all(|page| cached.contains_key(page))) {
            return Ok(());
        }
        pages.extend(cached.into_iter().flat_map(BTreeMap::keys));
        if pages.len() > MOST_PAGES {
            return Ok(());
        }
        verify()?;
        let mut file = io::BufWriter::with_capacity(1 << 20, self.bucket.begin()?);
        let mut hasher = Sha256::new();
        let mut write = |bytes: &[u8]| {
            hasher.update(bytes);
            file.write_all(bytes)
        };
        write(MAGIC)?;
        write(&disk.size().get().to_le_bytes())?;
        write(&(pages.len() as u64).to_le_bytes())?;
        pages.iter().try_for_each(|page| write(&page.to_le_bytes()))?;
        for page in pages {
            let start = page * PAGE;
            let length = disk.size().get().checked_sub(start).ok_or(io::ErrorKind::UnexpectedEof)?.min(PAGE);
            write(&read_vec(disk, ByteOffset::new(start), ByteCount::new(length))?)?;
        }
        file.write_all(hasher.finalize().as_bytes())?;
        let file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
        self.bucket.put(file, &self.name).map(drop).map_err(|(error, _)| error)
    }

    fn requested(&self) -> std::sync::MutexGuard<'_, Option<BTreeSet<u64>>> {
        // Nothing that is done under the lock leaves it half done.
        self.requested.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pages {
    /// Reads a file of the cache; one that is damaged is none.
    fn read(mut file: File) -> Option<Self> {
        let longest = MOST_PAGES as u64 * (PAGE + 8) + 64;
        if file.metadata().ok()?.len() > longest {
            return None;
        }
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).ok()?;
        let (body, digest) = bytes.split_last_chunk::<32>()?;
        if Digest::of(body).as_bytes() != digest {
            return None;
        }
        let mut rest = body.strip_prefix(MAGIC)?;
        let size = ByteCount::new(take_number(&mut rest)?);
        if size > LARGEST_IMAGE {
            return None;
        }
        let count = usize_from(take_number(&mut rest)?);
        if count > MOST_PAGES {
            return None;
        }
        let numbers: Vec<u64> = (0..count).map_while(|_| take_number(&mut rest)).collect();
        let mut pages = BTreeMap::new();
        for page in numbers {
            let length = usize_from(size.get().checked_sub(page.checked_mul(PAGE)?)?.min(PAGE));
            let (bytes, behind) = rest.split_at_checked(length)?;
            pages.insert(page, bytes.into());
            rest = behind;
        }
        (pages.len() == count && rest.is_empty()).then_some(Self { size, pages })
    }
}

fn take_number(bytes: &mut &[u8]) -> Option<u64> {
    let (number, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(u64::from_le_bytes(*number))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn disk() -> Vec<u8> {
        (0..5 * 16384 + 100_u32).map(|at| (at / 7 % 251) as u8).collect()
    }

    fn read(pages: &PageCache, at: usize, length: usize) -> Option<Vec<u8>> {
        let mut bytes = vec![0; length];
        pages.read(ByteOffset::new(at as u64), &mut bytes).then_some(bytes)
    }

    #[test]
    fn requested_pages_are_cached_for_the_next_run_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let open = || PageCache::open(folder.path(), Digest::from_bytes([7; 32]));
        let first = open();
        assert_eq!((first.size(), read(&first, 100, 20_000)), (None, None));
        assert_eq!(read(&first, 5 * 16384, 100), None);
        first.save(&disk(), &|| Ok(())).unwrap();
        assert_eq!(read(&first, 3 * 16384, 1), None);
        first.save(&disk(), &|| Ok(())).unwrap();

        let second = open();
        assert_eq!(second.size(), Some(ByteCount::new(5 * 16384 + 100)));
        assert_eq!(read(&second, 16_000, 10_000).unwrap(), disk()[16_000..26_000]);
        assert_eq!(read(&second, 5 * 16384 + 1, 99).unwrap(), disk()[5 * 16384 + 1..]);
        assert_eq!(read(&second, 3 * 16384, 1), None);
        second.save(&disk(), &|| Ok(())).unwrap();
        assert!(read(&open(), 3 * 16384, 1).is_some() && read(&open(), 100, 20_000).is_some());
        assert_eq!(read(&PageCache::open(folder.path(), Digest::from_bytes([8; 32])), 0, 1), None);
    }

    #[test]
    fn a_damaged_file_counts_as_none() {
        let folder = tempfile::tempdir().unwrap();
        let pages = PageCache::open(folder.path(), Digest::from_bytes([7; 32]));
        read(&pages, 0, 1);
        pages.save(&disk(), &|| Ok(())).unwrap();
        let path = Bucket::Pages.folder(folder.path()).join(Digest::from_bytes([7; 32]).to_string());
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[100] ^= 1;
        std::fs::write(&path, &bytes).unwrap();
        assert_eq!(PageCache::open(folder.path(), Digest::from_bytes([7; 32])).size(), None);
        std::fs::write(&path, &bytes[..20]).unwrap();
        assert_eq!(PageCache::open(folder.path(), Digest::from_bytes([7; 32])).size(), None);
    }

    #[test]
    fn nothing_is_saved_of_an_image_that_is_read_as_a_whole() {
        let folder = tempfile::tempdir().unwrap();
        let pages = PageCache::open(folder.path(), Digest::from_bytes([7; 32]));
        let disk = vec![0; (MOST_PAGES + 1) * 16384];
        read(&pages, 0, disk.len());
        pages.save(&disk, &|| Ok(())).unwrap();
        assert!(!Bucket::Pages.folder(folder.path()).exists());
    }
}
