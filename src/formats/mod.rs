//! The formats that images are packed in: xz, gzip and Zstandard. The libraries that know them are named
//! in this folder only; nothing here knows what a disk is.
//!
//! A `PartFormat` is a format whose files are made of parts that are packed independently of each other.
//! That is what lets a part be replaced without packing the rest again.

pub(crate) mod gzip;
mod image_format;
pub(crate) mod kinds;
pub(crate) mod xz;
pub(crate) mod zstd;

#[cfg(test)]
mod tests;

pub use image_format::ImageFormat;

use std::io;

/// The error of a file that goes on behind its compressed data with something else.
#[derive(Debug, thiserror::Error)]
#[error("something follows: {length} bytes")]
pub(crate) struct SomethingFollows {
    /// The number of bytes.
    pub(crate) length: u64,
}

/// What the end of a packed file needs to know about one of its parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Record {
    /// How many bytes the part holds, unpacked.
    pub(crate) size: u64,
    /// How many it has in the file, without padding.
    pub(crate) packed: u64,
    /// The CRC-32 of what it holds; 0 in formats that have no use for it.
    pub(crate) crc32: u32,
}

/// A packed part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Part {
    /// As it lies in the file, with padding.
    pub(crate) bytes: Vec<u8>,
    /// What to tell the end of the file.
    pub(crate) record: Record,
}

/// A format whose files are made of independent parts: a head, parts, and a tail.
pub(crate) trait PartFormat: Sync {
    /// How a file begins.
    fn head(&self) -> Vec<u8>;

    /// Packs a part, or stores it where packing gains nothing. The same bytes give the same part, always.
    ///
    /// # Errors
    /// When the packer has not enough memory.
    fn pack(&self, bytes: &[u8]) -> io::Result<Part>;

    /// Makes a part that holds its bytes as they are. How long it is depends on how many they are, and on
    /// nothing else.
    fn store(&self, bytes: &[u8]) -> Part;

    /// How a file with these parts ends.
    fn tail(&self, records: &[Record]) -> Vec<u8>;
}
