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
pub(crate) use error::shown;

use crate::cache::{self, CacheError, Hold};
use crate::io::temporary::TemporaryFolder;
use crate::types::absent::OrEmpty as _;
use crate::types::{ByteCount, Digest, Progress};
#[cfg(feature = "download")]
use download::Client;
#[cfg(not(feature = "download"))]
use no_download::NoClient as Client;
use part::{CachedFile, Part};
use std::fmt;
use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::thread;

/// The number of files that are downloaded at once.
const AT_ONCE: usize = 4;

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
        /// The size of the file, where it is known.
        size: Option<ByteCount>,
        /// The beginnings of other addresses, which are tried first.
        mirrors: Vec<String>,
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
    /// Returns the location of a file to be downloaded.
    pub fn url(url: impl Into<String>, sha256: Digest) -> Self {
        Self::Url { url: url.into(), sha256, size: None, mirrors: Vec::new() }
    }

    /// Has mirrors tried before the address itself. A mirror has what it mirrors under the same path: with
    /// `http://192.168.50.2/pi` a file of `https://host/a/b.img.xz` is looked for at `http://192.168.50.2/pi/a/b.img.xz`.
    pub fn prefer(&mut self, prefixes: &[String]) {
        if let Self::Url { mirrors, .. } = self {
            prefixes.clone_into(mirrors);
        }
    }

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
            Self::Url { url, sha256, .. } => {
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
    /// from the environment (`ALL_PROXY`, `HTTPS_PROXY`, `HTTP_PROXY`, `NO_PROXY`), and certificates judged by the
    /// authorities that the system trusts, or those in the file that `SSL_CERT_FILE` names.
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
            Self::Url { url, sha256, size, mirrors } => {
                let wanted = Wanted { url, sha256: *sha256, size: *size, mirrors };
                fetch(&wanted, cache, scratch, progress)
            }
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

/// Fetches several files at once into `cache`. All are tried, also when one fails.
///
/// # Errors
/// As [`FileLocation::fetch`], of the first file that failed; also when the cache cannot be used.
pub fn fetch_all(
    locations: &[&FileLocation],
    cache: &Path,
    progress: &dyn Progress,
) -> Result<Vec<Fetched>, FetchError> {
    let client = Client::from_environment();
    let next = Mutex::new(locations.iter().enumerate());
    let results = Mutex::new(Vec::new());
    let work = || loop {
        let taken = next.lock().unwrap_or_else(PoisonError::into_inner).next();
        let Some((number, location)) = taken else { break };
        let fetched = match location {
            FileLocation::Path { path, .. } => Ok(Fetched::here(path.clone())),
            FileLocation::Url { url, sha256, size, mirrors } => {
                let wanted = Wanted { url, sha256: *sha256, size: *size, mirrors };
                fetch_with(&client, &wanted, cache, progress)
            }
        };
        results.lock().unwrap_or_else(PoisonError::into_inner).push((number, fetched));
    };
    thread::scope(|scope| {
        for _ in 0..AT_ONCE.min(locations.len()) {
            scope.spawn(work);
        }
    });
    let mut results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    results.sort_by_key(|(number, _)| *number);
    results.into_iter().map(|(_, fetched)| fetched).collect()
}

/// A file to be downloaded.
struct Wanted<'location> {
    url: &'location str,
    sha256: Digest,
    size: Option<ByteCount>,
    mirrors: &'location [String],
}

impl Wanted<'_> {
    /// Returns the addresses to try, in their order.
    fn addresses(&self) -> Vec<String> {
        let path = self.url.split_once("://").and_then(|(_, rest)| rest.split_once('/'));
        let at = |mirror: &String| Some(format!("{}/{}", mirror.trim_end_matches('/'), path?.1));
        self.mirrors.iter().filter_map(at).chain([self.url.to_owned()]).collect()
    }
}

fn fetch(
    wanted: &Wanted<'_>,
    cache: Option<&Path>,
    scratch: &Path,
    progress: &dyn Progress,
) -> Result<Fetched, FetchError> {
    let client = Client::from_environment();
    let trouble = match cache.map(|cache| fetch_with(&client, wanted, cache, progress)) {
        Some(Err(FetchError::Cache(trouble))) => Some(trouble),
        Some(fetched) => return fetched,
        None => None,
    };
    let folder = TemporaryFolder::create(scratch).map_err(CacheError::when("making a folder in", scratch))?;
    let Fetched { path, .. } = fetch_with(&client, wanted, folder.path(), progress)?;
    Ok(Fetched { path, hold: Hold::folder(folder), trouble })
}

fn fetch_with(
    client: &Client,
    wanted: &Wanted<'_>,
    cache: &Path,
    progress: &dyn Progress,
) -> Result<Fetched, FetchError> {
    check_scheme(wanted.url)?;
    let (downloads, name) = (cache::downloads(cache), part::name(wanted.url, wanted.sha256));
    let file = match Part::open(&downloads, &name)? {
        CachedFile::Complete(file) => file,
        CachedFile::Part(part) => complete(client, wanted, part, progress)?,
    };
    Ok(Fetched { path: downloads.folder().join(name), hold: Hold::file(file), trouble: None })
}

/// Completes a part, from the first address that has the right file. What one sent of it is gone on with at the next.
fn complete(
    client: &Client,
    wanted: &Wanted<'_>,
    mut part: Part<'_>,
    progress: &dyn Progress,
) -> Result<File, FetchError> {
    let addresses = wanted.addresses();
    let last = addresses.len() - 1;
    for (number, url) in addresses.iter().enumerate() {
        match complete_from(client, url, wanted, &mut part, progress) {
            Ok(()) => break,
            Err(error @ FetchError::Cache(_)) => return Err(error),
            Err(error) if number < last => tracing::debug!("the next address is tried: {error}"),
            Err(error) => {
                // What is wrong is not resumed.
                if matches!(
                    error,
                    FetchError::WrongDigest { .. }
                        | FetchError::WrongSize { .. }
                        | FetchError::TooLarge { .. }
                ) {
                    part.remove();
                }
                return Err(error);
            }
        }
    }
    Ok(part.publish()?)
}

fn complete_from(
    client: &Client,
    url: &str,
    wanted: &Wanted<'_>,
    part: &mut Part<'_>,
    progress: &dyn Progress,
) -> Result<(), FetchError> {
    // What was there before may be of another file of the same name, or damaged: then it is worth one more
    // attempt from the start.
    let resumed = part.length()? > 0;
    client.download(url, wanted.size, part, progress)?;
    let mut found = part.digest()?;
    if found != wanted.sha256 && resumed {
        tracing::debug!("the part of a file in the cache is damaged: downloading all of it");
        part.empty()?;
        client.download(url, wanted.size, part, progress)?;
        found = part.digest()?;
    }
    if found == wanted.sha256 {
        return Ok(());
    }
    part.empty()?;
    Err(FetchError::WrongDigest { url: error::shown(url), expected: wanted.sha256, found })
}
