//! The errors of writing results.

use crate::formats::ImageFormat;
use crate::io::FileError;
use crate::types::Hint;
use std::io;
use std::path::Path;

/// An error of writing a result.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OutputError {
    /// The stock image could not be read.
    #[error("reading the stock image failed: {0}")]
    StockImage(io::Error),
    /// A layer could not be read back.
    #[error("reading back what was written over the stock image failed: {0}")]
    Layer(io::Error),
    /// A result could not be written.
    #[error(transparent)]
    File(#[from] FileError),
    /// Images do not come out in this format.
    #[error("images are not written as .{0}")]
    NotWritten(ImageFormat),
    /// The encoder failed.
    #[error("compressing failed: {0}")]
    Compress(io::Error),
    /// The cache could not be used.
    #[error("writing to the cache failed: {0}")]
    Cache(io::Error),
}

impl OutputError {
    /// Returns a function for `map_err`.
    pub(crate) fn write(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let failed = FileError::write(doing, path);
        move |source| failed(source).into()
    }
}

impl Hint for OutputError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::StockImage(_) => Some(
                "Download the image again, and compare its SHA-256 with the one beside the download"
                    .to_owned(),
            ),
            Self::File(FileError::Write { source, .. }) => match source.kind() {
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Some(
                    "Make room, or choose another folder with `--output`; what was there before is untouched"
                        .to_owned(),
                ),
                io::ErrorKind::PermissionDenied => {
                    Some("Choose a folder you may write to with `--output`".to_owned())
                }
                _ => None,
            },
            Self::File(FileError::Busy { .. }) => {
                Some("Wait for it, or choose another folder with `--output`".to_owned())
            }
            Self::Cache(_) => Some("Make room, or set CARDWRIGHT_CACHE to a folder that has some".to_owned()),
            Self::NotWritten(_) => Some("Choose another format under `output:`".to_owned()),
            Self::Layer(_) | Self::Compress(_) => None,
        }
    }
}
