//! The errors of opening, reading and verifying a stock image, and warnings about one.

use crate::formats::FormatError;
use crate::partition::PartitionError;
use crate::types::{ByteCount, Digest, Hint};
use std::io;
use std::path::PathBuf;

/// An error of opening, reading or verifying a stock image.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StockImageError {
    /// There is no such file, or it may not be read.
    #[error("the image `{}` cannot be opened: {source}", file.display())]
    Open {
        /// The file.
        file: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// The path leads to something else.
    #[error("the image `{}` is {found}, not a file", file.display())]
    NotAFile {
        /// The path.
        file: PathBuf,
        /// `a directory`, `a device`.
        found: &'static str,
    },
    /// Not the file whose SHA-256 was given.
    #[error("the image `{}` has the SHA-256 `{found}`, not `{expected}`", file.display())]
    WrongDigest {
        /// The file.
        file: PathBuf,
        /// The digest that was asked for.
        expected: Digest,
        /// The digest of the file.
        found: Digest,
    },
    /// No bytes at all, compressed or decompressed.
    #[error("the image `{}` is empty", file.display())]
    Empty {
        /// The file.
        file: PathBuf,
    },
    /// The file cannot be read, or not in its format.
    #[error("the image `{}` {problem}", file.display())]
    Format {
        /// The file.
        file: PathBuf,
        /// The reason.
        problem: FormatError,
    },
    /// The decompressed image could not be written.
    #[error("the image `{}` cannot be decompressed into `{}`: {source}", file.display(), folder.display())]
    Scratch {
        /// The file.
        file: PathBuf,
        /// The folder for the decompressed image.
        folder: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// The file is no disk, or its partition table is of no use.
    #[error("the image `{}`: {problem}", file.display())]
    NotADisk {
        /// The file.
        file: PathBuf,
        /// The reason.
        problem: PartitionError,
    },
}

impl Hint for StockImageError {
    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Open { source, .. } => match source.kind() {
                // The folder that a relative path is resolved in is known to whoever wrote it.
                io::ErrorKind::NotFound => "Check the path of the image".to_owned(),
                io::ErrorKind::PermissionDenied => "Make the file readable for your user".to_owned(),
                _ => return None,
            },
            Self::NotAFile { found: "a directory", .. } => "Name the image inside it".to_owned(),
            Self::NotAFile { .. } => "Copy it into a file first, and name that file".to_owned(),
            Self::WrongDigest { .. } => {
                "Download the image again; if you meant to use another one, change `sha256:`".to_owned()
            }
            Self::Empty { .. } => {
                "Download the image again, and compare its SHA-256 with the one published beside it"
                    .to_owned()
            }
            Self::Format { problem, .. } => return problem.hint(),
            Self::Scratch { source, .. } if source.kind() == io::ErrorKind::StorageFull => {
                "Free some space there, or choose another folder with TMPDIR".to_owned()
            }
            Self::Scratch { .. } => return None,
            Self::NotADisk { problem, .. } => return problem.hint(),
        })
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

/// A finding about the file of a stock image that may disappoint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StockWarning {
    /// It ends in the middle of a sector.
    #[error(
        "the image `{}` ends in the middle of a sector: it has {} bytes, and cards get {}, the rest filled with zeros",
        file.display(), unpadded.get(), padded.get()
    )]
    Padded {
        /// The file.
        file: PathBuf,
        /// The size of the disk in it.
        unpadded: ByteCount,
        /// The size of the disk on a card.
        padded: ByteCount,
    },
}

impl Hint for StockWarning {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Padded { .. } => Some(
                "If that is not what a tool such as PiShrink left, the download was cut: compare its SHA-256 with the one published"
                    .to_owned(),
            ),
        }
    }
}
