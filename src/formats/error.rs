//! The errors of reading a compressed file. Each continues a sentence that begins with the file.

use crate::types::{ByteCount, Hint};
use std::io;

/// An error of reading a file in one of the formats.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FormatError {
    /// The file itself could not be read.
    #[error("cannot be read: {0}")]
    Read(io::Error),
    /// A format, or a variant of one, that is not read.
    #[error("is {0}, which cardwright does not read")]
    Unknown(String),
    /// The compressed data ends, and the file goes on.
    #[error("goes on after its compressed data: {length} bytes follow that are not {format}")]
    TrailingData {
        /// The format of the compressed data, as its program is called.
        format: &'static str,
        /// The number of bytes that follow.
        length: u64,
    },
    /// The compressed data contradicts itself, or ends too early.
    #[error("is damaged: {0}")]
    Damaged(String),
    /// Larger than any card.
    #[error("decompresses to more than {limit}")]
    TooLarge {
        /// The most that is decompressed.
        limit: ByteCount,
    },
    /// An archive without an image.
    #[error("is a zip archive without a file that ends in `.img`{}", listed(": it holds ", names))]
    NoImageInZip {
        /// Some of the names it holds.
        names: Vec<String>,
    },
    /// An archive with a choice of images.
    #[error("is a zip archive of several images{}", listed(": ", names))]
    SeveralImagesInZip {
        /// Their names.
        names: Vec<String>,
    },
}

/// The error of a decoder whose file goes on behind its compressed data with something else.
#[derive(Debug, thiserror::Error)]
#[error("{length} bytes follow")]
pub(super) struct TrailingData {
    pub(super) length: u64,
}

impl FormatError {
    /// Takes the error of a decoder after `done` bytes: of the file below where the system reported it, else of its data.
    pub(crate) fn of_decoder(format: &'static str, done: ByteCount, error: io::Error) -> Self {
        let done = done.get();
        if error.raw_os_error().is_some() {
            return Self::Read(error);
        }
        if let Some(TrailingData { length }) = error.get_ref().and_then(|inner| inner.downcast_ref()) {
            return Self::TrailingData { format, length: *length };
        }
        Self::Damaged(if error.kind() == io::ErrorKind::UnexpectedEof {
            format!("it ends too early: its {format} data goes on after {done} decompressed bytes")
        } else {
            format!("it cannot be decompressed as {format} after {done} bytes: {error}")
        })
    }
}

/// Lists some names after `before`.
fn listed(before: &str, names: &[String]) -> String {
    if names.is_empty() {
        return String::new();
    }
    format!("{before}{}", names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", "))
}

impl Hint for FormatError {
    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Read(_) => "Check the medium the file is on, or copy it elsewhere".to_owned(),
            Self::Unknown(_) => {
                "Give an image as .img, .img.xz, .img.gz, .img.zst or a .zip that holds one .img".to_owned()
            }
            Self::TrailingData { format, .. } => format!(
                "Download the image again, or decompress it with `{format} -dc`, which leaves that out, and name the result"
            ),
            Self::Damaged(_) | Self::TooLarge { .. } => {
                "Download the image again, and compare its SHA-256 with the one published beside it"
                    .to_owned()
            }
            Self::NoImageInZip { .. } | Self::SeveralImagesInZip { .. } => {
                "Extract the archive, and name the image you want".to_owned()
            }
        })
    }
}
