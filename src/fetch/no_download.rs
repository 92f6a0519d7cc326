//! Stands in for HTTP where the feature `download` is off: files that are in the cache already are found.

use super::error::{FetchError, shown};
use super::part::Part;
use crate::types::{ByteCount, Progress};

/// Downloads nothing.
pub(super) struct NoClient;

impl NoClient {
    pub(super) fn from_environment() -> Self {
        Self
    }

    #[expect(clippy::unused_self, reason = "the client that downloads needs it")]
    pub(super) fn download(
        &self,
        url: &str,
        _: Option<ByteCount>,
        _: &mut Part<'_>,
        _: &dyn Progress,
    ) -> Result<(), FetchError> {
        Err(FetchError::NotBuiltIn { url: shown(url) })
    }

    #[expect(clippy::unused_self, reason = "the client that downloads needs it")]
    pub(super) fn read(&self, url: &str, _: u64) -> Result<Vec<u8>, FetchError> {
        Err(FetchError::NotBuiltIn { url: shown(url) })
    }
}

#[cfg(test)]
mod tests {
    use super::super::{FetchError, FileLocation};
    use crate::types::{Digest, Hint as _, Silent};

    #[test]
    fn what_is_not_in_the_cache_is_named() {
        let cache = tempfile::tempdir().unwrap();
        let location = FileLocation::url("https://me:secret@host/a.img", Digest::of(b""));
        let error = location.fetch(None, cache.path(), &Silent);
        let error = error.unwrap_err();
        assert!(matches!(&error, FetchError::NotBuiltIn { url } if url == "https://host/a.img"), "{error}");
        assert!(error.hint().unwrap().contains("path:"));
    }
}
