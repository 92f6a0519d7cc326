//! Files named by their address: downloaded once, checked, and kept in the cache.
//!
//! A download that was cut off, by the network or by the power, is resumed. A file has its final name in the cache
//! only when its SHA-256 was right.

#[cfg(feature = "download")]
mod download;
mod error;
#[cfg(not(feature = "download"))]
mod no_download;
mod part;

#[cfg(feature = "download")]
#[cfg(test)]
mod tests;

pub use error::FetchError;

use crate::cache::{self, CacheError, Hold};
use crate::io::temporary::TemporaryFolder;
use crate::types::absent::OrEmpty as _;
use crate::types::{Digest, Progress};
#[cfg(feature = "download")]
use download::Client;
#[cfg(not(feature = "download"))]
use no_download::NoClient as Client;
use part::{CachedFile, Part};
use std::fmt;
use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// A file that nodes.yaml names: by its path or by its URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileLocation {
    /// A file of this machine.
    Path {
        /// Its path.
        path: PathBuf,
        /// The SHA-256 that the file, compressed as it is, has to have.
        sha256: Option<Digest>,
    },
    /// A file to be downloaded once and kept in the cache.
    Url {
        /// An address of `http://` or `https://`.
        url: String,
        /// The SHA-256 that the file, compressed as it is, has to have. A download without it is refused.
        sha256: Digest,
    },
}

/// A file that is on this machine.
#[derive(Debug)]
pub struct Fetched {
    /// The file's path.
    pub path: PathBuf,
    /// Keeps the file there.
    pub(crate) hold: Hold,
    /// The reason why the cache could not be used, if so.
    pub trouble: Option<CacheError>,
}

impl FileLocation {
    /// Returns the SHA-256 that the file has to have, where it is known.
    pub fn sha256(&self) -> Option<Digest> {
        match self {
            Self::Path { sha256, .. } => *sha256,
            Self::Url { sha256, .. } => Some(*sha256),
        }
    }

    /// Returns the last part of the path or the address.
    pub fn file_name(&self) -> String {
        match self {
            Self::Path { path, .. } => {
                path.file_name().map(|name| name.to_string_lossy().into_owned()).or_empty()
            }
            Self::Url { url, .. } => part::last_part(url).to_owned(),
        }
    }

    /// Finds the file without downloading it.
    pub fn find(&self, cache: Option<&Path>) -> Option<Fetched> {
        match self {
            Self::Path { path, .. } => path.exists().then(|| Fetched::here(path.clone())),
            Self::Url { url, sha256 } => {
                let (downloads, name) = (cache::downloads(cache?), part::name(url, *sha256));
                let file = downloads.find(&name)?;
                let path = downloads.folder().join(name);
                Some(Fetched { path, hold: Hold::file(file), trouble: None })
            }
        }
    }

    /// Downloads the file into `cache`, if it is named by a URL and not there already. Where the cache cannot be used,
    /// and without one, the download is in a folder of its own in `scratch`, which is removed with the result. A file
    /// of this machine is taken as it is.
    ///
    /// Of several runs that want the same file, one downloads it and the others wait. Proxies are taken
    /// from the environment (`ALL_PROXY`, `HTTPS_PROXY`, `HTTP_PROXY`, `NO_PROXY`).
    ///
    /// # Errors
    /// When the address is not one of http or https, when the server does not have the file or cannot be reached after
    /// some attempts, when what it sends has another SHA-256, or when `scratch` cannot be written to.
    pub fn fetch(
        &self,
        cache: Option<&Path>,
        scratch: &Path,
        progress: &dyn Progress,
    ) -> Result<Fetched, FetchError> {
        match self {
            Self::Path { path, .. } => Ok(Fetched::here(path.clone())),
            Self::Url { url, sha256 } => fetch(url, *sha256, cache, scratch, progress),
        }
    }
}

impl fmt::Display for FileLocation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path { path, .. } => path.display().fmt(formatter),
            Self::Url { url, .. } => error::shown(url).fmt(formatter),
        }
    }
}

/// Downloads a text of at most `limit` bytes, which is kept nowhere.
///
/// # Errors
/// As [`FileLocation::fetch`], the SHA-256 aside; also when it is not UTF-8.
pub(crate) fn fetch_text(url: &str, limit: u64) -> Result<String, FetchError> {
    check_scheme(url)?;
    let bytes = Client::from_environment().read(url, limit)?;
    String::from_utf8(bytes).map_err(|_| FetchError::Transfer {
        url: error::shown(url),
        problem: "what it sends is not a text".to_owned(),
    })
}

/// Keeps in the cache what would be downloaded from `url`.
///
/// # Errors
/// When the cache cannot be written to.
pub(crate) fn keep(url: &str, content: &[u8], cache: &Path) -> Result<(), CacheError> {
    let downloads = cache::downloads(cache);
    let failed = |error| CacheError::when("writing to", downloads.folder())(error);
    let mut file = downloads.begin().map_err(failed)?;
    file.write_all(content).map_err(failed)?;
    let kept = downloads.put(file, &part::name(url, Digest::of(content)));
    kept.map(drop).map_err(|(error, _)| failed(error))
}

fn check_scheme(url: &str) -> Result<(), FetchError> {
    if ["http://", "https://"].iter().any(|scheme| url.starts_with(scheme)) {
        return Ok(());
    }
    Err(FetchError::Scheme { url: error::shown(url) })
}

impl Fetched {
    fn here(path: PathBuf) -> Self {
        Self { path, hold: Hold::default(), trouble: None }
    }
}

fn fetch(
    url: &str,
    expected: Digest,
    cache: Option<&Path>,
    scratch: &Path,
    progress: &dyn Progress,
) -> Result<Fetched, FetchError> {
    let client = Client::from_environment();
    let trouble = match cache.map(|cache| fetch_with(&client, url, expected, cache, progress)) {
        Some(Err(FetchError::Cache(trouble))) => Some(trouble),
        Some(fetched) => return fetched,
        None => None,
    };
    let folder = TemporaryFolder::create(scratch).map_err(CacheError::when("making a folder in", scratch))?;
    let Fetched { path, .. } = fetch_with(&client, url, expected, folder.path(), progress)?;
    Ok(Fetched { path, hold: Hold::folder(folder), trouble })
}

fn fetch_with(
    client: &Client,
    url: &str,
    expected: Digest,
    cache: &Path,
    progress: &dyn Progress,
) -> Result<Fetched, FetchError> {
    check_scheme(url)?;
    let (downloads, name) = (cache::downloads(cache), part::name(url, expected));
    let file = match Part::open(&downloads, &name)? {
        CachedFile::Complete(file) => file,
        CachedFile::Part(part) => complete(client, url, expected, part, progress)?,
    };
    Ok(Fetched { path: downloads.folder().join(name), hold: Hold::file(file), trouble: None })
}

fn complete(
    client: &Client,
    url: &str,
    expected: Digest,
    mut part: Part<'_>,
    progress: &dyn Progress,
) -> Result<File, FetchError> {
    // What was there before may be of another file of the same name, or damaged: then it is worth one more
    // attempt from the start.
    let resumed = part.length()? > 0;
    client.download(url, &mut part, progress)?;
    let mut found = part.digest()?;
    if found != expected && resumed {
        tracing::debug!("the part of a file in the cache is damaged: downloading all of it");
        part.empty()?;
        client.download(url, &mut part, progress)?;
        found = part.digest()?;
    }
    if found != expected {
        part.remove();
        return Err(FetchError::WrongDigest { url: error::shown(url), expected, found });
    }
    Ok(part.publish()?)
}
