//! The error of a cache that cannot be used.

use crate::types::Hint;
use std::io;
use std::path::{Path, PathBuf};

/// An error of reading or writing the cache.
#[derive(Debug, thiserror::Error)]
#[error("{doing} `{}` failed: {source}", path.display())]
pub struct CacheError {
    /// The operation: `creating`, `writing`.
    pub doing: &'static str,
    /// The file or folder.
    pub path: PathBuf,
    /// The cause.
    pub source: io::Error,
}

impl CacheError {
    /// Returns a function that adds the operation and the path to an [`io::Error`].
    pub(crate) fn when(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |source| Self { doing, path, source }
    }
}

impl Hint for CacheError {
    fn hint(&self) -> Option<String> {
        let instead = match self.source.kind() {
            io::ErrorKind::StorageFull => "Free some space there, or choose another folder",
            _ => "Choose a folder that can be written to",
        };
        Some(format!("{instead} with CARDWRIGHT_CACHE"))
    }
}
