//! What a file is packed in, told by how it begins and never by its name.

use super::Given;
use crate::formats::kinds;
use crate::io::DiskError;
use crate::types::ByteOffset;
use crate::types::number::usize_from;

/// What a stock image is packed in, told by its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Compression {
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
const READ: [(&[u8], Compression); 5] = [
    (b"\xfd7zXZ\0", Compression::Xz),
    (b"\x1f\x8b\x08", Compression::Gzip),
    (b"\x28\xb5\x2f\xfd", Compression::Zstd),
    (b"PK\x03\x04", Compression::Zip),
    // An archive with nothing in it.
    (b"PK\x05\x06", Compression::Zip),
];

/// Tells the packing of a file. What begins like none of the known ones is taken for a disk.
pub(super) fn tell(given: &Given<'_>) -> Result<Compression, DiskError> {
    let mut start = [0; 8];
    let length = usize_from(given.bytes.size().get()).min(start.len());
    let (start, _) = start.split_at_mut(length);
    given.bytes.read_at(ByteOffset::ZERO, start).map_err(|source| given.unreadable(source))?;
    if let Some((_, packing)) = READ.iter().find(|(magic, _)| start.starts_with(magic)) {
        return Ok(*packing);
    }
    match kinds::no_image(given.bytes).map_err(|source| given.unreadable(source))? {
        Some(found) => Err(given.unknown(found)),
        None => Ok(Compression::Raw),
    }
}
