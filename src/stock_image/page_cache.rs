//! What was read of a packed image before, kept between runs.
//!
//! Whoever plans and patches reads some megabytes of an image of gigabytes: superblocks, bitmaps, some
//! directories, the files that are changed. They are the same on the next run. With them at hand that run
//! decodes nothing.
//!
//! A file of the memory: [`MAGIC`], the size of the disk, the number of pages, their numbers, the pages,
//! and the SHA-256 of all that. Numbers have eight bytes, the lowest first.

use super::decompress::LARGEST_IMAGE;
use crate::cache::{self, Bucket};
use crate::io::ReadAt;
use crate::types::Digest;
use crate::types::Sha256;
use crate::types::number::usize_from;
use crate::types::{ByteCount, ByteOffset};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

/// How a file of the memory begins. Another layout gets another one.
const MAGIC: &[u8; 16] = b"cardwright pages";

/// The piece that is remembered or not.
const PAGE: u64 = 16 << 10;

/// The most that is remembered: more is no longer a small part of an image.
const MOST_PAGES: usize = (64 << 20) / (16 << 10);

/// How many images are remembered.
const MOST_IMAGES: usize = 4;

/// What is known of one image.
pub(super) struct Memory {
    shelf: Bucket,
    /// The SHA-256 of the packed file.
    name: String,
    /// What earlier runs read.
    known: Option<Known>,
    /// The pages that this run has asked for; `None` once it is no longer noted.
    asked: Mutex<Option<BTreeSet<u64>>>,
}

struct Known {
    size: ByteCount,
    pages: BTreeMap<u64, Box<[u8]>>,
}

impl Memory {
    /// What `cache` has of the image whose packed file has this digest.
    pub(super) fn open(cache: &Path, digest: Digest) -> Self {
        let shelf = Bucket::new(cache, cache::PAGES, MOST_IMAGES);
        let name = digest.to_string();
        let known = shelf.find(&name).and_then(Known::read);
        Self { shelf, name, known, asked: Mutex::new(Some(BTreeSet::new())) }
    }

    /// The size of the disk, where it is known.
    pub(super) fn size(&self) -> Option<ByteCount> {
        self.known.as_ref().map(|known| known.size)
    }

    /// Fills `buffer` where all of it is known. The range has to lie inside the disk.
    #[expect(clippy::expect_used, reason = "whether all pages are known is looked at before one is taken")]
    pub(super) fn read(&self, offset: ByteOffset, buffer: &mut [u8]) -> bool {
        let end = offset.get() + buffer.len() as u64;
        let pages = offset.get() / PAGE..end.div_ceil(PAGE);
        if let Some(asked) = self.asked().as_mut() {
            asked.extend(pages.clone());
        }
        let Some(known) = &self.known else { return false };
        if !pages.clone().all(|page| known.pages.contains_key(&page)) {
            return false;
        }
        let mut at = offset.get();
        let mut rest = buffer;
        for page in pages {
            let bytes = known.pages.get(&page).expect("all pages are known");
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

    /// Keeps what was asked for until now, which is read from `disk` once more. Nothing that is asked for
    /// later is kept. `check` says whether the disk is the right one, before anything is kept of it.
    ///
    /// # Errors
    /// When the disk cannot be read or the cache cannot be written to: then it is as it was.
    pub(super) fn keep(&self, disk: &dyn ReadAt, check: &dyn Fn() -> io::Result<()>) -> io::Result<()> {
        let Some(mut pages) = self.asked().take() else { return Ok(()) };
        let known = self.known.as_ref().map(|known| &known.pages);
        if known.is_some_and(|known| pages.iter().all(|page| known.contains_key(page))) {
            return Ok(());
        }
        pages.extend(known.into_iter().flat_map(BTreeMap::keys));
        if pages.len() > MOST_PAGES {
            return Ok(());
        }
        check()?;
        let mut file = io::BufWriter::with_capacity(1 << 20, self.shelf.begin()?);
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
            let mut bytes = vec![0; usize_from(length)];
            disk.read_at(ByteOffset::new(start), &mut bytes)?;
            write(&bytes)?;
        }
        file.write_all(hasher.finalize().as_bytes())?;
        let file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
        self.shelf.put(file, &self.name).map(drop).map_err(|(error, _)| error)
    }

    fn asked(&self) -> std::sync::MutexGuard<'_, Option<BTreeSet<u64>>> {
        // Nothing that is done under the lock leaves it half done.
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    /// Reads a file of the memory; one that is damaged is none.
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
        let count = usize::try_from(take_number(&mut rest)?).ok().filter(|count| *count <= MOST_PAGES)?;
        let numbers: Vec<u64> = (0..count).map_while(|_| take_number(&mut rest)).collect();
        let mut pages = BTreeMap::new();
        for page in numbers {
            let length = usize::try_from(size.get().checked_sub(page.checked_mul(PAGE)?)?.min(PAGE)).ok()?;
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

    fn read(memory: &Memory, at: usize, length: usize) -> Option<Vec<u8>> {
        let mut bytes = vec![0; length];
        memory.read(ByteOffset::new(at as u64), &mut bytes).then_some(bytes)
    }

    #[test]
    fn what_was_asked_for_is_known_the_next_time_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let open = || Memory::open(folder.path(), Digest::from_bytes([7; 32]));
        let first = open();
        assert_eq!((first.size(), read(&first, 100, 20_000)), (None, None));
        assert_eq!(read(&first, 5 * 16384, 100), None);
        first.keep(&disk(), &|| Ok(())).unwrap();
        assert_eq!(read(&first, 3 * 16384, 1), None);
        first.keep(&disk(), &|| Ok(())).unwrap();

        let second = open();
        assert_eq!(second.size(), Some(ByteCount::new(5 * 16384 + 100)));
        assert_eq!(read(&second, 16_000, 10_000).unwrap(), disk()[16_000..26_000]);
        assert_eq!(read(&second, 5 * 16384 + 1, 99).unwrap(), disk()[5 * 16384 + 1..]);
        assert_eq!(read(&second, 3 * 16384, 1), None);
        second.keep(&disk(), &|| Ok(())).unwrap();
        assert!(read(&open(), 3 * 16384, 1).is_some() && read(&open(), 100, 20_000).is_some());
        assert_eq!(read(&Memory::open(folder.path(), Digest::from_bytes([8; 32])), 0, 1), None);
    }

    #[test]
    fn a_damaged_memory_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let memory = Memory::open(folder.path(), Digest::from_bytes([7; 32]));
        read(&memory, 0, 1);
        memory.keep(&disk(), &|| Ok(())).unwrap();
        let path = folder.path().join("pages").join(Digest::from_bytes([7; 32]).to_string());
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[100] ^= 1;
        std::fs::write(&path, &bytes).unwrap();
        assert_eq!(Memory::open(folder.path(), Digest::from_bytes([7; 32])).size(), None);
        std::fs::write(&path, &bytes[..20]).unwrap();
        assert_eq!(Memory::open(folder.path(), Digest::from_bytes([7; 32])).size(), None);
    }

    #[test]
    fn who_reads_everything_is_not_remembered() {
        let folder = tempfile::tempdir().unwrap();
        let memory = Memory::open(folder.path(), Digest::from_bytes([7; 32]));
        let disk = vec![0; (MOST_PAGES + 1) * 16384];
        read(&memory, 0, disk.len());
        memory.keep(&disk, &|| Ok(())).unwrap();
        assert!(!folder.path().join("pages").exists());
    }
}
