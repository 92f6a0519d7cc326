//! Reports of work that is done.

use crate::types::ByteCount;

/// A kind of work on many bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stage {
    /// The stock image is decompressed.
    Decompressing,
    /// An image and the stock image are decompressed, to be compared.
    ReadingBoth,
    /// What all images share is compressed.
    Compressing,
    /// Images are written.
    Writing,
    /// Content is hashed.
    Hashing,
}

/// A function that is called with a stage, the number of bytes that were done since the last call, and the number of
/// bytes of the whole stage.
pub type OnProgress<'build> = dyn Fn(Stage, ByteCount, ByteCount) + Sync + 'build;
