//! Pages of the disk in memory, and a cursor over them.
//!
//! `fatfs` reads and writes a table in pieces of four bytes, in two copies; here that costs memory only.

use crate::io::{ReadAt, WriteAt, check_range};
use crate::types::ByteOffset;
use crate::types::number::{self, usize_from};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::rc::Rc;
use std::sync::Arc;

/// Bytes of a page: a block of the overlay below.
const PAGE: usize = 4096;
/// Pages held at most: 8 MiB, the two tables of a stock boot partition.
const MOST_PAGES: usize = 2048;

const PAGES_REACH_THE_END: &str =
    "a page holds all that the disk has there, and the range ends with the disk";
const PIECES_ARE_INSIDE: &str = "the pieces of a range lie inside of it";

/// The pages read so far, with what was written since.
pub(super) struct Cache {
    disk: Arc<dyn ReadAt>,
    target: Option<Arc<dyn WriteAt>>,
    pages: BTreeMap<u64, Page>,
}

struct Page {
    bytes: Vec<u8>,
    changed: bool,
}

impl Cache {
    /// Of a disk that is only read.
    pub(super) fn reading(disk: Arc<dyn ReadAt>) -> Self {
        Self { disk, target: None, pages: BTreeMap::new() }
    }

    /// Of a disk that is written to.
    pub(super) fn writing(disk: Arc<dyn WriteAt>) -> Self {
        Self { disk: disk.clone(), target: Some(disk), pages: BTreeMap::new() }
    }

    /// Fills all of `buffer` from `offset` on.
    #[expect(clippy::expect_used, reason = "the range is checked above")]
    pub(super) fn read(&mut self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        check_range(ByteOffset::new(offset), buffer.len(), self.disk.size())?;
        self.pieces(offset, buffer.len(), |page, within, range| {
            let from = page.bytes.get(within).expect(PAGES_REACH_THE_END);
            buffer.get_mut(range).expect(PIECES_ARE_INSIDE).copy_from_slice(from);
        })
    }

    /// Writes all of `bytes` at `offset`; the disk has it after [`flush`](Self::flush).
    #[expect(clippy::expect_used, reason = "the range is checked above")]
    pub(super) fn write(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        if self.target.is_none() {
            return Err(io::Error::new(io::ErrorKind::ReadOnlyFilesystem, "opened for reading only"));
        }
        check_range(ByteOffset::new(offset), bytes.len(), self.disk.size())?;
        self.pieces(offset, bytes.len(), |page, within, range| {
            let from = bytes.get(range).expect(PIECES_ARE_INSIDE);
            let to = page.bytes.get_mut(within).expect(PAGES_REACH_THE_END);
            if to != from {
                to.copy_from_slice(from);
                page.changed = true;
            }
        })
    }

    /// Hands what was written to the disk.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        let Some(target) = &self.target else { return Ok(()) };
        for (index, page) in &mut self.pages {
            if page.changed {
                target.write_at(ByteOffset::new(start_of(*index)), &page.bytes)?;
                page.changed = false;
            }
        }
        Ok(())
    }

    /// Calls `each` with every page in a range: the part of the page, and the part of the range.
    fn pieces(
        &mut self,
        offset: u64,
        length: usize,
        mut each: impl FnMut(&mut Page, std::ops::Range<usize>, std::ops::Range<usize>),
    ) -> io::Result<()> {
        let mut done = 0;
        while done < length {
            let at = offset + done as u64;
            let within = usize_from(at % PAGE as u64);
            let piece = (length - done).min(PAGE - within);
            let page = self.page(at / PAGE as u64)?;
            each(page, within..within + piece, done..done + piece);
            done += piece;
        }
        Ok(())
    }

    fn page(&mut self, index: u64) -> io::Result<&mut Page> {
        use std::collections::btree_map::Entry;
        if self.pages.len() >= MOST_PAGES && !self.pages.contains_key(&index) {
            self.flush()?;
            self.pages.clear();
        }
        match self.pages.entry(index) {
            Entry::Occupied(page) => Ok(page.into_mut()),
            Entry::Vacant(place) => {
                let start = start_of(index);
                let mut bytes = vec![0; usize_from(self.disk.size().get() - start).min(PAGE)];
                self.disk.read_at(ByteOffset::new(start), &mut bytes)?;
                Ok(place.insert(Page { bytes, changed: false }))
            }
        }
    }
}

/// Returns the offset of a page that the disk has.
fn start_of(index: u64) -> u64 {
    index * PAGE as u64
}

/// A [`Cache`] with a position: what `fatfs` takes for a disk.
pub(super) struct Cursor {
    cache: Rc<RefCell<Cache>>,
    position: u64,
}

impl Cursor {
    /// At the start.
    pub(super) fn new(cache: Rc<RefCell<Cache>>) -> Self {
        Self { cache, position: 0 }
    }

    fn size(&self) -> u64 {
        self.cache.borrow().disk.size().get()
    }

    /// How much of `length` lies before the end.
    fn before_the_end(&self, length: usize) -> usize {
        usize_from(number::excess(self.size(), self.position)).min(length)
    }
}

impl Read for Cursor {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.before_the_end(buffer.len());
        self.cache.borrow_mut().read(self.position, buffer.split_at_mut(length).0)?;
        self.position += length as u64;
        Ok(length)
    }
}

impl Write for Cursor {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let length = self.before_the_end(bytes.len());
        self.cache.borrow_mut().write(self.position, bytes.split_at(length).0)?;
        self.position += length as u64;
        Ok(length)
    }

    /// Nothing: what was written reaches the disk when the cache is flushed.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Seek for Cursor {
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

    #[test]
    fn a_read_only_disk_is_not_written_to_and_ends_where_it_ends() {
        let disk: Vec<u8> = (0..5000_u32).map(|byte| byte.to_le_bytes()[0]).collect();
        let cache = Rc::new(RefCell::new(Cache::reading(Arc::new(disk.clone()))));
        let mut cursor = Cursor::new(cache);
        cursor.seek(SeekFrom::Start(4090)).unwrap();
        let mut rest = Vec::new();
        cursor.read_to_end(&mut rest).unwrap();
        assert_eq!(rest, disk[4090..]);
        cursor.seek(SeekFrom::Start(0)).unwrap();
        assert!(cursor.write(&[1]).is_err());
    }
}
