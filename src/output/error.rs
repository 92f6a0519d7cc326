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
    /// The stock image could not be read on.
    #[error("reading the stock image failed: {0}")]
    StockImage(io::Error),
    /// What was written over the stock image could not be read back.
    #[error("reading what is to be written above the stock image failed: {0}")]
    Layer(io::Error),
    /// A result could not be written.
    #[error(transparent)]
    File(#[from] FileError),
    /// What was to be packed could not be.
    #[error("packing failed: {0}")]
    Pack(io::Error),
    /// The folder for what saves work on the next run could not be used.
    #[error("writing to the cache failed: {0}")]
    Cache(io::Error),
    /// Images do not come out in this format.
    #[error("images are not written as .{0}")]
    NotWritten(ImageFormat),
    /// A worker thread ended without a result.
    #[error("a worker thread died")]
    Worker,
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
            Self::Layer(_) | Self::Pack(_) | Self::Worker => None,
        }
    }
}
