//! Stock images named by their address: downloaded once, checked, and kept.
//!
//! A download that was cut off, by the network or by the power, goes on where it ended. A file of the
//! cache has its final name only when its SHA-256 was right.

mod cache;
mod download;
mod error;

#[cfg(test)]
mod tests;

pub use cache::{cache_folder, cache_trouble, cache_warning};
pub use error::FetchError;

use crate::io::temporary::TemporaryFolder;
use crate::types::Digest;
use cache::{Entry, Part};
use download::{Client, Progress};
use std::path::{Path, PathBuf};

/// A file that was downloaded.
#[derive(Debug)]
pub struct Fetched {
    /// The file's path.
    pub path: PathBuf,
    /// The folder that it is in, where that is not the cache: it is gone when this is dropped.
    pub(crate) folder: Option<TemporaryFolder>,
    /// The reason why the cache could not be used, if so.
    pub trouble: Option<FetchError>,
}

/// As [`fetch`], but a cache that cannot be used is no error: the file then is in a folder of its own in
/// `scratch`, as it is without a cache.
///
/// # Errors
/// As [`fetch`], and when `scratch` cannot be written to.
pub fn fetch_anyway(
    url: &str,
    expected: Digest,
    cache: Option<&Path>,
    scratch: &Path,
    progress: &mut dyn FnMut(u64, Option<u64>),
) -> Result<Fetched, FetchError> {
    let trouble = match cache.map(|cache| fetch(url, expected, cache, progress)) {
        Some(Err(trouble @ FetchError::Cache { .. })) => Some(trouble),
        Some(fetched) => return Ok(Fetched { path: fetched?, folder: None, trouble: None }),
        None => None,
    };
    let folder = TemporaryFolder::create(scratch).map_err(|source| FetchError::Cache {
        doing: "making a folder in",
        path: scratch.to_owned(),
        source,
    })?;
    let path = fetch(url, expected, folder.path(), progress)?;
    Ok(Fetched { path, folder: Some(folder), trouble })
}

/// Downloads `url` into `cache`, unless it is there already, and returns where it is.
///
/// The file stands at `cache/<SHA-256>-<last part of the address>`. Of several runs that want the same
/// file, one downloads it and the others wait. `progress` is told how many bytes are there and, where the
/// server says so, how many there will be. Proxies are taken from the environment (`ALL_PROXY`,
/// `HTTPS_PROXY`, `HTTP_PROXY`, `NO_PROXY`).
///
/// # Errors
/// When the address is none of http or https, when the server does not have the file or cannot be reached
/// after some attempts, when what it sends has another SHA-256, or when the cache cannot be written to.
pub fn fetch(
    url: &str,
    expected: Digest,
    cache: &Path,
    progress: &mut dyn FnMut(u64, Option<u64>),
) -> Result<PathBuf, FetchError> {
    fetch_with(&Client::from_environment(), url, expected, cache, progress)
}

/// Finds a file that [`fetch`] downloaded before; looks nowhere but into `cache`.
pub fn find(url: &str, expected: Digest, cache: &Path) -> Option<PathBuf> {
    let path = Entry::new(cache, expected, url).path;
    path.is_file().then_some(path)
}

fn fetch_with(
    client: &Client,
    url: &str,
    expected: Digest,
    cache: &Path,
    progress: &mut Progress<'_>,
) -> Result<PathBuf, FetchError> {
    if !["http://", "https://"].iter().any(|scheme| url.starts_with(scheme)) {
        return Err(FetchError::Scheme { url: error::shown(url) });
    }
    let entry = Entry::new(cache, expected, url);
    let Some(mut part) = Part::open(&entry)? else { return Ok(entry.path) };
    // What was there before may be of another file of the same name, or damaged: then it is worth one more
    // attempt from the start.
    let resumed = part.length()? > 0;
    client.download(url, &mut part, progress)?;
    let mut found = part.digest()?;
    if found != expected && resumed {
        part.empty()?;
        client.download(url, &mut part, progress)?;
        found = part.digest()?;
    }
    if found != expected {
        part.remove();
        return Err(FetchError::WrongDigest { url: error::shown(url), expected, found });
    }
    part.publish(&entry)?;
    Ok(entry.path)
}
