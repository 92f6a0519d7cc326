//! Zip archives that hold one image.

use super::Given;
use super::decompress::{self, LARGEST_IMAGE};
use crate::io::cursor::Cursor;
use crate::io::{DiskError, DiskFile};
use crate::types::{ByteCount, ByteOffset};
use std::cell::Cell;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use zip::read::{ArchiveOffset, Config};
use zip::result::ZipError;
use zip::{SUPPORTED_COMPRESSION_METHODS, ZipArchive};

/// The most that is read to find out what an archive holds: its list of files, which is kept in memory.
const LARGEST_LIST: u64 = 16 << 20;

/// How many names an error lists.
const NAMES_SHOWN: usize = 5;

/// Unpacks the one image in the archive, checking its CRC-32.
pub(super) fn unpack(given: &Given<'_>) -> Result<DiskFile, DiskError> {
    let left = Cell::new(LARGEST_LIST);
    let bounded = Bounded { reader: Cursor::new(given.bytes), left: &left };
    // Archives begin where the file does; looking for another beginning would mean reading all of it.
    let config = Config { archive_offset: ArchiveOffset::Known(0) };
    let mut archive =
        ZipArchive::with_config(config, BufReader::new(bounded)).map_err(|error| not_read(given, error))?;
    let image = only_image(given, &archive)?;
    // From here on the memory that is needed does not depend on how much is read.
    left.set(u64::MAX);
    let member = archive.by_index(image).map_err(|error| not_read(given, error))?;
    let method = member.compression();
    if !SUPPORTED_COMPRESSION_METHODS.contains(&method) {
        return Err(given.unknown(format!("a zip archive compressed with {method}")));
    }
    if ByteCount::new(member.size()) > LARGEST_IMAGE {
        return Err(given.too_large());
    }
    decompress::unpack(given, "zip", member)
}

/// Which file of the archive is the image: the only one there is.
fn only_image<R: Read + Seek>(given: &Given<'_>, archive: &ZipArchive<R>) -> Result<usize, DiskError> {
    let mut images = Vec::new();
    let mut others = Vec::new();
    for index in 0..archive.len() {
        let Some(Ok(name)) = archive.name_for_index(index) else { continue };
        let shown = || name.escape_debug().to_string();
        if is_image(&name) {
            images.push((index, shown()));
        } else if !name.ends_with('/') && others.len() < NAMES_SHOWN {
            others.push(shown());
        }
    }
    match images.as_slice() {
        [] => Err(DiskError::NoImageInZip { file: given.file.to_owned(), names: others }),
        [(index, _)] => Ok(*index),
        several => {
            let names = several.iter().take(NAMES_SHOWN).map(|(_, name)| name.clone()).collect();
            Err(DiskError::SeveralImagesInZip { file: given.file.to_owned(), names })
        }
    }
}

/// Whether this is the name of an image, and not of what macOS notes about one (`__MACOSX/._x.img`).
fn is_image(name: &str) -> bool {
    let last = name.rsplit_once('/').map_or(name, |(_, last)| last);
    let ends_with_img = last.rsplit_once('.').is_some_and(|(_, ending)| ending.eq_ignore_ascii_case("img"));
    ends_with_img && !last.starts_with("._")
}

fn not_read(given: &Given<'_>, error: ZipError) -> DiskError {
    match error {
        ZipError::UnsupportedArchive(ZipError::PASSWORD_REQUIRED) => {
            given.unknown("an encrypted zip archive")
        }
        ZipError::UnsupportedArchive(found) => {
            given.unknown(format!("a zip archive of a rare kind ({found})"))
        }
        ZipError::InvalidArchive(_) if !has_end(given) => {
            given.damaged("it ends too early: the list of its files, which is at the end, is missing")
        }
        ZipError::Io(error) => given.not_decoded("zip", ByteCount::ZERO, error),
        error => given.not_decoded("zip", ByteCount::ZERO, io::Error::other(error)),
    }
}

/// Returns whether the record that ends an archive is there (APPNOTE.TXT, 4.3.16), which a comment of 64 KiB at
/// most may follow. It only makes an error say what happened, so what cannot be read is not there.
fn has_end(given: &Given<'_>) -> bool {
    const RECORD: usize = 22;
    const FARTHEST: u64 = RECORD as u64 + 0xffff;
    let size = given.bytes.size().get();
    let length = size.min(FARTHEST);
    let Ok(count) = usize::try_from(length) else { return false };
    let mut bytes = vec![0; count];
    given.bytes.read_at(ByteOffset::new(size - length), &mut bytes).is_ok()
        && bytes.windows(RECORD).any(|record| record.starts_with(b"PK\x05\x06"))
}

/// A reader that gives no more than what is left to it.
struct Bounded<'left, R> {
    reader: R,
    left: &'left Cell<u64>,
}

impl<R: Read> Read for Bounded<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.reader.read(buffer)?;
        let left = self.left.get().checked_sub(length as u64);
        self.left.set(left.ok_or_else(|| io::Error::other("its list of files is too long"))?);
        Ok(length)
    }
}

impl<R: Seek> Seek for Bounded<'_, R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.reader.seek(to)
    }
}
