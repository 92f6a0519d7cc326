//! Zip archives that hold one image.

use super::LARGEST_IMAGE;
use super::error::FormatError;
use crate::io::cursor::Cursor;
use crate::io::{ReadAt, read_vec};
use crate::types::{ByteCount, ByteOffset};
use std::cell::Cell;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use zip::read::{ArchiveOffset, Config};
use zip::result::ZipError;
use zip::{SUPPORTED_COMPRESSION_METHODS, ZipArchive};

/// The most that is read of the list of files in an archive, which is kept in memory.
const LARGEST_LIST: u64 = 16 << 20;

/// The number of names that an error lists.
const NAMES_SHOWN: usize = 5;

/// Decompresses the one image in the archive, checking its CRC-32.
pub(super) fn decode<T>(
    file: &dyn ReadAt,
    consume: impl FnOnce(&mut dyn Read) -> T,
) -> Result<T, FormatError> {
    let left = Cell::new(LARGEST_LIST);
    let bounded = Bounded { reader: Cursor::new(file), left: &left };
    // Archives begin where the file does; looking for another beginning would mean reading all of it.
    let config = Config { archive_offset: ArchiveOffset::Known(0) };
    let unreadable = |error| unreadable(file, error);
    let mut archive = ZipArchive::with_config(config, BufReader::new(bounded)).map_err(unreadable)?;
    let image = only_image(&archive)?;
    // From here on the memory that is needed does not depend on how much is read.
    left.set(u64::MAX);
    let mut member = archive.by_index(image).map_err(unreadable)?;
    let method = member.compression();
    if !SUPPORTED_COMPRESSION_METHODS.contains(&method) {
        return Err(FormatError::Unknown(format!("a zip archive compressed with {method}")));
    }
    if ByteCount::new(member.size()) > LARGEST_IMAGE {
        return Err(FormatError::TooLarge { limit: LARGEST_IMAGE });
    }
    Ok(consume(&mut member))
}

/// Returns the index of the only image in the archive.
fn only_image<R: Read + Seek>(archive: &ZipArchive<R>) -> Result<usize, FormatError> {
    let mut images = Vec::new();
    let mut others = Vec::new();
    for index in 0..archive.len() {
        let Some(Ok(name)) = archive.name_for_index(index) else { continue };
        let shown = name.escape_debug().to_string();
        if is_image(&name) {
            images.push((index, shown));
        } else if !name.ends_with('/') && others.len() < NAMES_SHOWN {
            others.push(shown);
        }
    }
    match images.as_slice() {
        [] => Err(FormatError::NoImageInZip { names: others }),
        [(index, _)] => Ok(*index),
        _ => {
            let names = images.into_iter().take(NAMES_SHOWN).map(|(_, name)| name).collect();
            Err(FormatError::SeveralImagesInZip { names })
        }
    }
}

/// Returns `true` for the name of an image, but not for that of what macOS notes about one (`__MACOSX/._x.img`).
fn is_image(name: &str) -> bool {
    let last = name.rsplit_once('/').map_or(name, |(_, last)| last);
    let ends_with_img = last.rsplit_once('.').is_some_and(|(_, ending)| ending.eq_ignore_ascii_case("img"));
    ends_with_img && !last.starts_with("._")
}

fn unreadable(file: &dyn ReadAt, error: ZipError) -> FormatError {
    let error = match error {
        ZipError::UnsupportedArchive(ZipError::PASSWORD_REQUIRED) => {
            return FormatError::Unknown("an encrypted zip archive".to_owned());
        }
        ZipError::UnsupportedArchive(found) => {
            return FormatError::Unknown(format!("a zip archive of a rare kind ({found})"));
        }
        ZipError::InvalidArchive(_) if !has_end(file) => {
            return FormatError::Damaged(
                "it ends too early: the list of its files, which is at the end, is missing".to_owned(),
            );
        }
        ZipError::Io(error) => error,
        error => io::Error::other(error),
    };
    FormatError::of_decoder("zip", ByteCount::ZERO, error)
}

/// Returns `true` if the record that ends an archive is there (APPNOTE.TXT, 4.3.16), which a comment of 64 KiB at
/// most may follow. Only an error's text depends on it, so a record that cannot be read counts as missing.
fn has_end(file: &dyn ReadAt) -> bool {
    const RECORD: usize = 22;
    const FARTHEST: u64 = RECORD as u64 + 0xffff;
    let size = file.size().get();
    let length = size.min(FARTHEST);
    let end = read_vec(file, ByteOffset::new(size - length), ByteCount::new(length));
    end.is_ok_and(|end| end.windows(RECORD).any(|record| record.starts_with(b"PK\x05\x06")))
}

/// A reader with a budget of bytes.
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
