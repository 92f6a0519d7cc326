//! Parts: what a compressed image that comes out is made of.

use std::io;

/// The effort of compressing what cannot be taken over from the stock image as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Compression {
    /// Quickly.
    #[default]
    Fast,
    /// As well as Raspberry Pi compresses its images (`xz -6`), which takes many times as long.
    Best,
}

impl Compression {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Fast, Self::Best];

    /// Returns the name, as the command line takes it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Fast => "fast",
            Self::Best => "best",
        }
    }

    /// Returns the size of the largest part: what is compressed quickly sees in 4 MiB nearly all there is to see, and
    /// many threads together take little memory. 24 MiB are the Blocks of `xz -6`.
    pub(super) const fn largest_part(self) -> usize {
        match self {
            Self::Fast => 4 << 20,
            Self::Best => 24 << 20,
        }
    }
}

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
    /// Returns the size of the largest part that is compressed at once.
    fn largest_part(&self) -> usize;

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
