//! Parts: what a compressed image that comes out is made of.

use std::io;

/// The numbers of a part that the end of its file needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Record {
    /// The size of its contents.
    pub(crate) size: u64,
    /// Its size in the file, without padding.
    pub(crate) compressed: u64,
    /// The CRC-32 of its contents; 0 in formats that have no use for it.
    pub(crate) crc32: u32,
}

/// A compressed part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EncodedPart {
    /// Its bytes in the file, with padding.
    pub(crate) bytes: Vec<u8>,
    /// Its numbers.
    pub(crate) record: Record,
}

/// A format whose files are made of independent parts: a head, parts, and a tail.
pub(crate) trait PartEncoder: Sync {
    /// Returns the beginning of a file.
    fn head(&self) -> Vec<u8>;

    /// Compresses a part, or stores it where compression gains nothing. The same bytes give the same part, always.
    ///
    /// # Errors
    /// When the encoder has not enough memory.
    fn compress(&self, bytes: &[u8]) -> io::Result<EncodedPart>;

    /// Makes a part that holds its bytes as they are. Its length depends on theirs, and on nothing else.
    fn store(&self, bytes: &[u8]) -> EncodedPart;

    /// Returns the end of a file with these parts.
    fn tail(&self, records: &[Record]) -> Vec<u8>;
}
