//! Reports of work that goes on.

use super::{ByteCount, Warning};

/// A kind of work on many bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stage {
    /// The stock image is decompressed.
    Decompressing,
    /// An image and the stock image are decompressed, to be compared.
    ReadingBoth,
    /// The data that all images share is compressed.
    Compressing,
    /// Images are written.
    Writing,
    /// Content is hashed.
    Hashing,
    /// A card that was written is read back.
    ReadingBack,
    /// A file is sent to a node.
    Sending,
}

/// A receiver of reports, for a progress bar or a log.
pub trait Progress: Sync {
    /// Reports a download: the file's name, the bytes that are there and, where that is known, the bytes that there will
    /// be. Several files may be downloaded at once.
    fn downloading(&self, file: &str, done: ByteCount, total: Option<ByteCount>);
    /// Reports how many bytes were done in a stage since the last call, and how many the whole stage has.
    fn working(&self, stage: Stage, more: ByteCount, total: ByteCount);
    /// Reports a finding in spite of which the work goes on.
    fn warning(&self, warning: Warning) {
        tracing::debug!("nobody is told of a warning: {}", warning.message);
    }
}

/// A receiver that ignores everything.
pub struct Silent;

impl Progress for Silent {
    fn downloading(&self, _: &str, _: ByteCount, _: Option<ByteCount>) {}
    fn working(&self, _: Stage, _: ByteCount, _: ByteCount) {}
}
