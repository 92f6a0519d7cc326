//! The errors of a download.

use crate::cache::CacheError;
use crate::types::{Digest, errors};

errors! {
    /// An error of downloading a file, or of keeping it. Addresses are shown without user, password and query,
    /// where people keep secrets.
    #[derive(Debug, thiserror::Error)]
    pub enum FetchError {
        /// An address that is not downloaded from.
        #[error("`{url}` is not an http or https address")]
        Scheme { url: String } => "Give `url:` an address that begins with https://; for a file use `path:`",
        /// A download, in a program that was built without the feature `download`.
        #[error("`{url}` cannot be downloaded: this program was built without downloads")]
        NotBuiltIn { url: String }
            => "Download the file yourself and name it with `path:`, or build cardwright with its feature `download`",
        /// No answer, or not all of it, after several attempts.
        #[error("`{url}` cannot be downloaded: {problem}")]
        Transfer { url: String, problem: String }
            => "Run it again: the download goes on where it ended. Or download the file yourself and name it with `path:`",
        /// The server refuses.
        #[error("`{url}` cannot be downloaded: the server answers with status {status}")]
        Status { url: String, status: u16 } => match status {
            404 | 410 => "Check the address: the file may have been moved",
            _ => "Try again later, or download the file yourself and name it with `path:`",
        },
        /// Another file than the one whose SHA-256 was given.
        #[error("what `{url}` sends has the SHA-256 `{found}`, not `{expected}`")]
        WrongDigest { url: String, expected: Digest, found: Digest }
            => "Compare `sha256:` with the one published beside the download; it is that of the compressed file",
        /// A file of another size than the one that is published.
        #[error("`{url}` has {found} bytes, not {expected}")]
        WrongSize { url: String, expected: u64, found: u64 }
            => "The file at that address is another one by now, or something between here and there answers in its place",
        /// A server whose certificate no authority vouches for, or that leads elsewhere.
        #[error("`{url}` is not downloaded from: {problem}")]
        Untrusted { url: String, problem: String } => "Check the address, and the clock of this machine. Where a proxy reads along, add its authority to those that \
            the system trusts, or name the file that holds it in SSL_CERT_FILE; a system without any needs its package `ca-certificates`",
        /// A file that never ends.
        #[error("what `{url}` sends is larger than {limit} bytes")]
        TooLarge { url: String, limit: u64 } => "Check the address: what is there now is something else",
        /// The cache could not be read or written.
        #[error(transparent)]
        Cache(#[from] CacheError),
    }
}

/// Returns an address as it may be shown: without user, password, query and fragment.
pub(crate) fn shown(url: &str) -> String {
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
        let location = FileLocation::url(url, Digest::of(b""));
        assert_eq!(location.to_string(), "https://host/a.img.xz");
    }
}
