//! The errors of opening, reading and verifying a stock image, and warnings about one.

use crate::formats::FormatError;
use crate::partition::PartitionError;
use crate::types::{ByteCount, Digest, errors};
use std::io;
use std::path::PathBuf;

errors! {
    /// An error of opening, reading or verifying a stock image.
    #[derive(Debug, thiserror::Error)]
    pub enum StockImageError {
        /// There is no such file, or it may not be read.
        #[error("the image `{}` cannot be opened: {source}", file.display())]
        Open { file: PathBuf, source: io::Error } => match source.kind() {
            // The folder that a relative path is resolved in is known to whoever wrote it.
            io::ErrorKind::NotFound => Some("Check the path of the image"),
            io::ErrorKind::PermissionDenied => Some("Make the file readable for your user"),
            _ => None,
        },
        /// The path leads to something else: `a directory`, `a device`.
        #[error("the image `{}` is {found}, not a file", file.display())]
        NotAFile { file: PathBuf, found: &'static str } => match *found {
            "a directory" => "Name the image inside it",
            _ => "Copy it into a file first, and name that file",
        },
        /// Not the file whose SHA-256 was given.
        #[error("the image `{}` has the SHA-256 `{found}`, not `{expected}`", file.display())]
        WrongDigest { file: PathBuf, expected: Digest, found: Digest }
            => "Download the image again; if you meant to use another one, change `sha256:`",
        /// No bytes at all, compressed or decompressed.
        #[error("the image `{}` is empty", file.display())]
        Empty { file: PathBuf }
            => "Download the image again, and compare its SHA-256 with the one published beside it",
        /// The file cannot be read, or not in its format.
        #[error("the image `{}` {problem}", file.display())]
        Format { file: PathBuf, problem: FormatError } => problem.hint(),
        /// The decompressed image could not be written.
        #[error("the image `{}` cannot be decompressed into `{}`: {source}", file.display(), folder.display())]
        Scratch { file: PathBuf, folder: PathBuf, source: io::Error }
            => (source.kind() == io::ErrorKind::StorageFull)
                .then_some("Free some space there, or choose another folder with TMPDIR"),
        /// The file is no disk, or its partition table is of no use.
        #[error("the image `{}`: {problem}", file.display())]
        NotADisk { file: PathBuf, problem: PartitionError } => problem.hint(),
    }
}

/// Readers of a disk expect an [`io::Error`]; the [`StockImageError`] can be taken out of it.
impl From<StockImageError> for io::Error {
    fn from(error: StockImageError) -> Self {
        let kind = match &error {
            StockImageError::Format { problem: FormatError::Read(source), .. }
            | StockImageError::Scratch { source, .. } => source.kind(),
            _ => io::ErrorKind::InvalidData,
        };
        Self::new(kind, error)
    }
}

errors! {
    /// A finding about the file of a stock image that may disappoint.
    #[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
    pub enum StockWarning {
        /// It ends in the middle of a sector: the size of the disk in it, and that of the disk on a card.
        #[error(
            "the image `{}` ends in the middle of a sector: it has {} bytes, and cards get {}, the rest filled with zeros",
            file.display(), unpadded.get(), padded.get()
        )]
        Padded { file: PathBuf, unpadded: ByteCount, padded: ByteCount }
            => "If that is not what a tool such as PiShrink left, the download was cut: compare its SHA-256 with the one published",
    }
}
