//! The errors of reading a compressed file. Each continues a sentence that begins with the file.

use crate::types::{ByteCount, errors};
use std::io;

errors! {
    /// An error of reading a file in one of the formats.
    #[derive(Debug, thiserror::Error)]
    pub enum FormatError {
        /// The file itself could not be read.
        #[error("cannot be read: {0}")]
        Read(io::Error) => "Check the medium the file is on, or copy it elsewhere",
        /// A format, or a variant of one, that is not read.
        #[error("is {0}, which cardwright does not read")]
        Unknown(String) => "Give an image as .img, .img.xz, .img.gz, .img.zst or a .zip that holds one .img",
        /// The compressed data ends, and the file goes on. `format` is what its program is called.
        #[error("goes on after its compressed data: {length} bytes follow that are not {format}")]
        TrailingData { format: &'static str, length: u64 }
            => format!("Download the image again, or decompress it with `{format} -dc`, which leaves that out, and name the result"),
        /// The compressed data contradicts itself, or ends too early.
        #[error("is damaged: {0}")]
        Damaged(String) => DOWNLOAD_AGAIN,
        /// Larger than any card.
        #[error("decompresses to more than {limit}")]
        TooLarge { limit: ByteCount } => DOWNLOAD_AGAIN,
        /// An archive without an image. Some of the names it holds.
        #[error("is a zip archive without a file that ends in `.img`{}", listed(": it holds ", names))]
        NoImageInZip { names: Vec<String> } => EXTRACT,
        /// An archive with a choice of images.
        #[error("is a zip archive of several images{}", listed(": ", names))]
        SeveralImagesInZip { names: Vec<String> } => EXTRACT,
    }
}

const DOWNLOAD_AGAIN: &str =
    "Download the image again, and compare its SHA-256 with the one published beside it";
const EXTRACT: &str = "Extract the archive, and name the image you want";

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
