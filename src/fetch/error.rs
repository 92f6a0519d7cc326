//! The errors of a download.

use crate::cache::CacheError;
use crate::types::{Digest, Hint};

/// An error of downloading a file, or of keeping it. Addresses are shown without user, password and query,
/// where people keep secrets.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FetchError {
    /// An address that is not downloaded from.
    #[error("`{url}` is not an http or https address")]
    Scheme {
        /// The address.
        url: String,
    },
    /// A download, in a program that was built without the feature `download`.
    #[error("`{url}` cannot be downloaded: this program was built without downloads")]
    NotBuiltIn {
        /// The address.
        url: String,
    },
    /// No answer, or not all of it, after several attempts.
    #[error("`{url}` cannot be downloaded: {problem}")]
    Transfer {
        /// The address.
        url: String,
        /// The problem of the last attempt.
        problem: String,
    },
    /// The server refuses.
    #[error("`{url}` cannot be downloaded: the server answers with status {status}")]
    Status {
        /// The address.
        url: String,
        /// The HTTP status.
        status: u16,
    },
    /// Another file than the one whose SHA-256 was given.
    #[error("what `{url}` sends has the SHA-256 `{found}`, not `{expected}`")]
    WrongDigest {
        /// The address.
        url: String,
        /// The SHA-256 that was given.
        expected: Digest,
        /// The SHA-256 of the download.
        found: Digest,
    },
    /// A file that never ends.
    #[error("what `{url}` sends is larger than {limit} bytes")]
    TooLarge {
        /// The address.
        url: String,
        /// The most that is downloaded.
        limit: u64,
    },
    /// The cache could not be read or written.
    #[error(transparent)]
    Cache(#[from] CacheError),
}

impl Hint for FetchError {
    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Cache(error) => return error.hint(),
            Self::Scheme { .. } => "Give `url:` an address that begins with https://; for a file use `path:`".to_owned(),
            Self::NotBuiltIn { .. } => {
                "Download the file yourself and name it with `path:`, or build cardwright with its feature `download`"
                    .to_owned()
            }
            Self::Transfer { .. } => {
                "Run it again: the download goes on where it ended. Or download the file yourself and name it with `path:`"
                    .to_owned()
            }
            Self::Status { status: 404 | 410, .. } => "Check the address: the file may have been moved".to_owned(),
            Self::Status { .. } => "Try again later, or download the file yourself and name it with `path:`".to_owned(),
            Self::WrongDigest { .. } => {
                "Compare `sha256:` with the one published beside the download; it is that of the compressed file".to_owned()
            }
            Self::TooLarge { .. } => "Check the address: no stock image is that large".to_owned(),
        })
    }
}

/// Returns an address as it may be shown: without user, password, query and fragment.
pub(super) fn shown(url: &str) -> String {
    let url = url.split_once(['?', '#']).map_or(url, |(address, _)| address);
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let (host, path) = rest.split_once('/').map_or((rest, None), |(host, path)| (host, Some(path)));
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
    match path {
        Some(path) => format!("{scheme}://{host}/{path}"),
        None => format!("{scheme}://{host}"),
    }
}

#[cfg(test)]
mod tests {
    use super::shown;
    use crate::fetch::FileLocation;
    use crate::types::Digest;

    #[test]
    fn addresses_are_shown_without_secrets() {
        assert_eq!(
            shown("https://me:secret@host:8080/a/b.img.xz?token=secret#x"),
            "https://host:8080/a/b.img.xz"
        );
        assert_eq!(shown("https://host/a@b"), "https://host/a@b");
        assert_eq!(shown("https://host"), "https://host");
        assert_eq!(shown("stock.img?x"), "stock.img");
    }

    #[test]
    fn a_location_is_shown_without_secrets() {
        let url = "https://me:secret@host/a.img.xz?token=secret".to_owned();
        let location = FileLocation::Url { url, sha256: Digest::of(b"") };
        assert_eq!(location.to_string(), "https://host/a.img.xz");
    }
}
