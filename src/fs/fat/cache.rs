//! Pages of a disk in memory.
//!
//! `fatfs` reads its table in pieces of four bytes, and so does the walk along a chain of clusters. Reading a disk
//! may mean a lock, a look into two layers and a system call each time; here it means a copy.

use crate::io::{ReadAt, WriteAt, check_range};
use crate::types::number::usize_from;
use crate::types::{ByteCount, ByteOffset};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::io;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard};

/// Bytes of a page: a block of the overlay below.
const PAGE: u64 = 4096;
/// Pages cached at most: 8 MiB, the two tables of a stock boot partition.
const MOST_PAGES: usize = 2048;

const PAGES_REACH_THE_END: &str =
    "a page holds all that the disk has there, and the range ends with the disk";
const PIECES_ARE_INSIDE: &str = "the pieces of a range lie inside of it";

/// Pages by their number.
type PageBuffer = BTreeMap<u64, Vec<u8>>;

/// A disk, and its pages that were read so far.
pub(super) struct CachedDisk<D: ?Sized> {
    disk: Arc<D>,
    pages: Mutex<PageBuffer>,
}

impl<D: ReadAt + ?Sized> CachedDisk<D> {
    pub(super) fn new(disk: Arc<D>) -> Self {
        Self { disk, pages: Mutex::default() }
    }

    fn pages(&self) -> io::Result<MutexGuard<'_, PageBuffer>> {
        self.pages.lock().map_err(|_| io::Error::other("an earlier use of this disk was not finished"))
    }

    fn page<'pages>(&self, pages: &'pages mut PageBuffer, index: u64) -> io::Result<&'pages [u8]> {
        if pages.len() >= MOST_PAGES && !pages.contains_key(&index) {
            pages.clear();
        }
        Ok(match pages.entry(index) {
            Entry::Occupied(page) => page.into_mut(),
            Entry::Vacant(vacant) => {
                let length = PAGE.min(self.disk.size().get() - index * PAGE);
                let mut page = vec![0; usize_from(length)];
                self.disk.read_at(ByteOffset::new(index * PAGE), &mut page)?;
                vacant.insert(page)
            }
        })
    }
}

impl<D: ReadAt + ?Sized> ReadAt for CachedDisk<D> {
    fn size(&self) -> ByteCount {
        self.disk.size()
    }

    #[expect(clippy::expect_used, reason = "the range is checked first")]
    fn read_at(&self, offset: ByteOffset, buffer: &mut [u8]) -> io::Result<()> {
        check_range(offset, buffer.len(), self.disk.size())?;
        let mut pages = self.pages()?;
        for (index, in_page, in_buffer) in pieces(offset.get(), buffer.len()) {
            let from = self.page(&mut pages, index)?.get(in_page).expect(PAGES_REACH_THE_END);
            buffer.get_mut(in_buffer).expect(PIECES_ARE_INSIDE).copy_from_slice(from);
        }
        Ok(())
    }
}

impl WriteAt for CachedDisk<dyn WriteAt> {
    /// Writes to the disk and to the pages that are cached.
    #[expect(clippy::expect_used, reason = "the disk checks the range first")]
    fn write_at(&self, offset: ByteOffset, bytes: &[u8]) -> io::Result<()> {
        let mut pages = self.pages()?;
        self.disk.write_at(offset, bytes)?;
        for (index, in_page, in_bytes) in pieces(offset.get(), bytes.len()) {
            if let Some(page) = pages.get_mut(&index) {
                let from = bytes.get(in_bytes).expect(PIECES_ARE_INSIDE);
                page.get_mut(in_page).expect(PAGES_REACH_THE_END).copy_from_slice(from);
            }
        }
        Ok(())
    }
}

/// Cuts a range of the disk at the borders of pages: the number of each page, the part of it that lies in the
/// range, and the part of the range that lies in it.
fn pieces(offset: u64, length: usize) -> impl Iterator<Item = (u64, Range<usize>, Range<usize>)> {
    let end = offset + length as u64;
    (offset / PAGE..end.div_ceil(PAGE)).map(move |index| {
        let start = index * PAGE;
        let (from, to) = (offset.max(start), end.min(start + PAGE));
        let relative_to = |base: u64| usize_from(from - base)..usize_from(to - base);
        (index, relative_to(start), relative_to(offset))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::Overlay;
    use crate::io::cursor::Cursor;
    use std::io::{Read, Seek, SeekFrom, Write};

    #[test]
    fn what_is_written_is_read_again_and_the_disk_ends_where_it_ends() {
        let mut expected: Vec<u8> = (0..5000_u32).map(|byte| byte.to_le_bytes()[0]).collect();
        let disk: Arc<dyn WriteAt> = Arc::new(Overlay::new(Arc::new(expected.clone())));
        let mut cursor = Cursor::new(CachedDisk::new(disk.clone()));
        let mut all = Vec::new();
        cursor.read_to_end(&mut all).unwrap();
        assert_eq!(all, expected);
        cursor.seek(SeekFrom::Start(4090)).unwrap();
        cursor.write_all(&[7; 10]).unwrap();
        expected[4090..4100].fill(7);
        for read in [&mut cursor as &mut dyn Read, &mut Cursor::new(disk)] {
            let mut rest = Vec::new();
            read.read_to_end(&mut rest).unwrap();
            assert!(expected.ends_with(&rest) && rest.len() >= 900);
        }
        assert_eq!(cursor.write(&[1]).unwrap(), 0);
        assert_eq!(cursor.read(&mut [0]).unwrap(), 0);
    }
}
