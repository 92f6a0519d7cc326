//! Pages of a disk in memory, and a stream over them.
//!
//! `fatfs` reads its table in pieces of four bytes, and so does the walk along a chain of clusters. Reading a disk
//! may mean a lock, a look into two layers and a system call each time; here it means a copy.

use crate::io::{ReadAt, WriteAt, check_range};
use crate::types::ByteOffset;
use crate::types::number::{self, usize_from};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::rc::Rc;
use std::sync::Arc;

/// Bytes of a page: a block of the overlay below.
const PAGE: u64 = 4096;
/// Pages cached at most: 8 MiB, the two tables of a stock boot partition.
const MOST_PAGES: usize = 2048;

const PAGES_REACH_THE_END: &str =
    "a page holds all that the disk has there, and the range ends with the disk";
const PIECES_ARE_INSIDE: &str = "the pieces of a range lie inside of it";

/// A disk, and its pages that were read so far.
pub(super) struct Cache<D: ?Sized> {
    pub(super) disk: Arc<D>,
    pages: BTreeMap<u64, Vec<u8>>,
}

impl<D: ReadAt + ?Sized> Cache<D> {
    pub(super) fn new(disk: Arc<D>) -> Self {
        Self { disk, pages: BTreeMap::new() }
    }

    /// Fills all of `buffer` from `offset` on.
    #[expect(clippy::expect_used, reason = "the range is checked first")]
    pub(super) fn read(&mut self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        check_range(ByteOffset::new(offset), buffer.len(), self.disk.size())?;
        for (index, in_page, in_buffer) in pieces(offset, buffer.len()) {
            let from = self.page(index)?.get(in_page).expect(PAGES_REACH_THE_END);
            buffer.get_mut(in_buffer).expect(PIECES_ARE_INSIDE).copy_from_slice(from);
        }
        Ok(())
    }

    fn page(&mut self, index: u64) -> io::Result<&[u8]> {
        if self.pages.len() >= MOST_PAGES && !self.pages.contains_key(&index) {
            self.pages.clear();
        }
        Ok(match self.pages.entry(index) {
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

impl Cache<dyn WriteAt> {
    /// Writes all of `bytes` at `offset`, to the disk and to the pages that are cached.
    #[expect(clippy::expect_used, reason = "the disk checks the range first")]
    pub(super) fn write(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.disk.write_at(ByteOffset::new(offset), bytes)?;
        for (index, in_page, in_bytes) in pieces(offset, bytes.len()) {
            if let Some(page) = self.pages.get_mut(&index) {
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

/// A [`Cache`] with a position, which is what `fatfs` takes for a disk.
pub(super) struct CacheCursor {
    cache: Rc<RefCell<Cache<dyn WriteAt>>>,
    position: u64,
}

impl CacheCursor {
    pub(super) fn new(cache: Rc<RefCell<Cache<dyn WriteAt>>>) -> Self {
        Self { cache, position: 0 }
    }

    fn size(&self) -> u64 {
        self.cache.borrow().disk.size().get()
    }

    /// Returns how much of `length` lies before the end.
    fn before_the_end(&self, length: usize) -> usize {
        usize_from(number::excess(self.size(), self.position)).min(length)
    }
}

impl Read for CacheCursor {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.before_the_end(buffer.len());
        self.cache.borrow_mut().read(self.position, buffer.split_at_mut(length).0)?;
        self.position += length as u64;
        Ok(length)
    }
}

impl Write for CacheCursor {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let length = self.before_the_end(bytes.len());
        self.cache.borrow_mut().write(self.position, bytes.split_at(length).0)?;
        self.position += length as u64;
        Ok(length)
    }

    /// Does nothing: every write has gone to the disk.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Seek for CacheCursor {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let position = match to {
            SeekFrom::Start(offset) => Some(offset),
            SeekFrom::End(distance) => self.size().checked_add_signed(distance),
            SeekFrom::Current(distance) => self.position.checked_add_signed(distance),
        };
        self.position = position.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.position)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::Overlay;

    #[test]
    fn what_is_written_is_read_again_and_the_disk_ends_where_it_ends() {
        let mut expected: Vec<u8> = (0..5000_u32).map(|byte| byte.to_le_bytes()[0]).collect();
        let disk: Arc<dyn WriteAt> = Arc::new(Overlay::new(Arc::new(expected.clone())));
        let mut cursor = CacheCursor::new(Rc::new(RefCell::new(Cache::new(disk.clone()))));
        let mut all = Vec::new();
        cursor.read_to_end(&mut all).unwrap();
        assert_eq!(all, expected);
        cursor.seek(SeekFrom::Start(4090)).unwrap();
        cursor.write_all(&[7; 10]).unwrap();
        expected[4090..4100].fill(7);
        for read in
            [&mut cursor as &mut dyn Read, &mut CacheCursor::new(Rc::new(RefCell::new(Cache::new(disk))))]
        {
            let mut rest = Vec::new();
            read.read_to_end(&mut rest).unwrap();
            assert!(expected.ends_with(&rest) && rest.len() >= 900);
        }
        assert_eq!(cursor.write(&[1]).unwrap(), 0);
        assert_eq!(cursor.read(&mut [0]).unwrap(), 0);
    }
}
