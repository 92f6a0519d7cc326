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
use crate::types::Digest;
#[cfg(feature = "download")]
use download::Client;
#[cfg(not(feature = "download"))]
use no_download::Client;
use part::{Opened, Part};
use std::fs::File;
use std::path::{Path, PathBuf};

/// A file that was downloaded.
#[derive(Debug)]
pub struct Fetched {
    /// The file's path.
    pub path: PathBuf,
    /// Keeps the file there.
    pub(crate) hold: Hold,
    /// The reason why the cache could not be used, if so.
    pub trouble: Option<CacheError>,
}

/// Called with the bytes that are there and, where the server says so, the bytes that there will be.
type Progress<'caller> = dyn FnMut(u64, Option<u64>) + 'caller;

/// Downloads `url` into `cache`, unless it is there already. Where the cache cannot be used, and without one, the file
/// is in a folder of its own in `scratch`, which is removed with the result.
///
/// Of several runs that want the same file, one downloads it and the others wait. `progress` is called with how many
/// bytes are there and, where the server says so, how many there will be. Proxies are taken from the environment
/// (`ALL_PROXY`, `HTTPS_PROXY`, `HTTP_PROXY`, `NO_PROXY`).
///
/// # Errors
/// When the address is none of http or https, when the server does not have the file or cannot be reached after some
/// attempts, when what it sends has another SHA-256, or when `scratch` cannot be written to.
pub fn fetch(
    url: &str,
    expected: Digest,
    cache: Option<&Path>,
    scratch: &Path,
    progress: &mut dyn FnMut(u64, Option<u64>),
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

/// Finds a file that [`fetch`] downloaded before; looks nowhere but into `cache`.
pub fn find(url: &str, expected: Digest, cache: &Path) -> Option<Fetched> {
    let (downloads, name) = (cache::downloads(cache), part::name(url, expected));
    let file = downloads.find(&name)?;
    Some(Fetched { path: downloads.folder().join(name), hold: Hold::file(file), trouble: None })
}

fn fetch_with(
    client: &Client,
    url: &str,
    expected: Digest,
    cache: &Path,
    progress: &mut Progress<'_>,
) -> Result<Fetched, FetchError> {
    if !["http://", "https://"].iter().any(|scheme| url.starts_with(scheme)) {
        return Err(FetchError::Scheme { url: error::shown(url) });
    }
    let (downloads, name) = (cache::downloads(cache), part::name(url, expected));
    let file = match Part::open(&downloads, &name)? {
        Opened::Complete(file) => file,
        Opened::Part(part) => complete(client, url, expected, part, progress)?,
    };
    Ok(Fetched { path: downloads.folder().join(name), hold: Hold::file(file), trouble: None })
}

fn complete(
    client: &Client,
    url: &str,
    expected: Digest,
    mut part: Part<'_>,
    progress: &mut Progress<'_>,
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
