//! Stock images named by their address: downloaded once, checked, and kept.
//!
//! A download that was cut off, by the network or by the power, goes on where it ended. A file of the
//! cache has its final name only when its SHA-256 was right.

mod cache;
mod download;
mod error;

#[cfg(test)]
mod tests;

pub use cache::cache_folder;
pub use error::FetchError;

use crate::digest::Digest;
use cache::{Entry, Part};
use download::{Client, Progress};
use std::path::{Path, PathBuf};

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
