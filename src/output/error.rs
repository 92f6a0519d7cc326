//! The errors of writing results.

use crate::formats::ImageFormat;
use crate::io::FileError;
use crate::types::errors;
use std::io;
use std::path::Path;

errors! {
    /// An error of writing a result.
    #[derive(Debug, thiserror::Error)]
    pub enum OutputError {
        /// The stock image could not be read.
        #[error("reading the stock image failed: {0}")]
        StockImage(io::Error)
            => "Download the image again, and compare its SHA-256 with the one beside the download",
        /// The compressed template could not be read back: its own parts, or those that it takes over from the stock image.
        #[error("reading back the compressed template of the images failed: {0}")]
        Template(io::Error)
            => "Check the media that the cache and the stock image are on; `cardwright cache clean` makes the template be compressed anew",
        /// A layer could not be read back.
        #[error("reading back what was written over the stock image failed: {0}")]
        Layer(io::Error),
        /// A result could not be written.
        #[error(transparent)]
        File(#[from] FileError as error) => match error {
            FileError::Busy { .. } => Some("Wait for it, or choose another folder with `--output`"),
            FileError::Write { source, .. } => match source.kind() {
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Some(
                    "Make room, or choose another folder with `--output`; what was there before is untouched",
                ),
                io::ErrorKind::PermissionDenied => Some("Choose a folder you may write to with `--output`"),
                _ => None,
            },
        },
        /// Images do not come out in this format.
        #[error("images are not written as .{0}")]
        NotWritten(ImageFormat) => "Choose another format under `output:`",
        /// The encoder failed.
        #[error("compressing failed: {0}")]
        Compress(io::Error),
        /// The cache could not be used.
        #[error("writing to the cache failed: {0}")]
        Cache(io::Error) => "Make room, or set CARDWRIGHT_CACHE to a folder that has some",
    }
}

impl OutputError {
    /// Returns a function for `map_err`.
    pub(crate) fn write(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let failed = FileError::write(doing, path);
        move |source| failed(source).into()
    }
}
