//! What a file is packed in, told by how it begins and never by its name.

use super::Given;
use crate::disk::{ByteOffset, DiskError};
use crate::number;

/// What a stock image is packed in, told by its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Packing {
    /// Not at all.
    Raw,
    /// xz.
    Xz,
    /// gzip.
    Gzip,
    /// Zstandard.
    Zstd,
    /// A zip archive that holds one image.
    Zip,
}

/// How the files that are read begin: the formats' own documents call it magic number or signature.
const READ: [(&[u8], Packing); 5] = [
    (b"\xfd7zXZ\0", Packing::Xz),
    (b"\x1f\x8b\x08", Packing::Gzip),
    (b"\x28\xb5\x2f\xfd", Packing::Zstd),
    (b"PK\x03\x04", Packing::Zip),
    // An archive with nothing in it.
    (b"PK\x05\x06", Packing::Zip),
];

/// How files begin that people try.
const NOT_READ: [(&[u8], &str); 7] = [
    (b"BZh", "packed with bzip2"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
    (b"Rar!\x1a\x07", "a RAR archive"),
    (b"LZIP", "packed with lzip"),
    (b"\x04\x22\x4d\x18", "packed with lz4"),
    (b"<!", "a web page"),
    (b"<html", "a web page"),
];

/// Tells the packing of a file. What begins like none of the known ones is taken for a disk.
pub(super) fn tell(given: &Given<'_>) -> Result<Packing, DiskError> {
    let mut start = [0; 8];
    let length = number::at_most(given.bytes.size().0, start.len());
    let (start, _) = start.split_at_mut(length);
    given.bytes.read_at(ByteOffset(0), start).map_err(|source| given.unreadable(source))?;
    if let Some((_, packing)) = READ.iter().find(|(magic, _)| start.starts_with(magic)) {
        return Ok(*packing);
    }
    match NOT_READ.iter().find(|(magic, _)| start.starts_with(magic)) {
        Some((_, found)) => Err(given.unknown(*found)),
        None => Ok(Packing::Raw),
    }
}
