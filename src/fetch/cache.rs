//! The folder where downloads are kept, and a file in it that is not complete yet.

use super::FetchError;
use crate::io::ownership::{create_folder, has_other_names, is_ours, with_mode, without_links};
use crate::io::sync::flush_folder;
use crate::types::Digest;
use crate::types::Warning;
use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

/// The folder where cardwright keeps what it can make or download again: `CARDWRIGHT_CACHE`, else the
/// folder `cardwright` in `XDG_CACHE_HOME` or `~/.cache`; on macOS in `~/Library/Caches`; on Windows
/// `%LOCALAPPDATA%\cardwright\cache`. `None` where there is no home.
pub fn cache_folder() -> Option<PathBuf> {
    cache_folder_of(std::env::consts::OS, |name| std::env::var_os(name))
}

fn cache_folder_of(system: &str, variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let folder = |name| variable(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    // Where relative paths lead depends on where a program is started; XDG says to ignore them.
    let absolute = |name| folder(name).filter(|folder| folder.is_absolute());
    folder("CARDWRIGHT_CACHE").or_else(|| {
        Some(match system {
            "windows" => absolute("LOCALAPPDATA")?.join("cardwright").join("cache"),
            "macos" => absolute("HOME")?.join("Library/Caches/cardwright"),
            _ => absolute("XDG_CACHE_HOME")
                .or_else(|| absolute("HOME").map(|home| home.join(".cache")))?
                .join("cardwright"),
        })
    })
}

/// Returns why a cache cannot be used; `None` where it can. Its folder is made where it is missing.
pub fn cache_trouble(cache: &Path) -> Option<FetchError> {
    let tried = create_folder(cache, true).and_then(|()| tempfile::tempfile_in(cache).map(drop));
    tried.err().map(cache_error("writing to", cache))
}

/// Returns what people are told when the cache cannot be used.
pub fn cache_warning(error: &dyn std::fmt::Display) -> Warning {
    Warning {
        message: format!(
            "the cache cannot be used, so the next build will take as long as this one: {error}"
        ),
        hint: Some("Set CARDWRIGHT_CACHE to a folder that you may write to and that has room".to_owned()),
    }
}

/// The longest name that is taken from an address.
const LONGEST_NAME: usize = 80;

/// A file of the cache.
pub(super) struct Entry {
    /// Where it stands when it is complete.
    pub(super) path: PathBuf,
    /// Where it grows.
    part: PathBuf,
}

impl Entry {
    pub(super) fn new(cache: &Path, digest: Digest, url: &str) -> Self {
        let name = format!("{digest}-{}", file_name(url));
        Self { part: cache.join(format!("{name}.part")), path: cache.join(name) }
    }
}

/// The last part of an address, as the name of a file on any system.
fn file_name(url: &str) -> String {
    let path = url.split_once(['?', '#']).map_or(url, |(path, _)| path);
    let last = path.rsplit_once('/').map_or(path, |(_, last)| last);
    let plain = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '.' | '-' | '_');
    let name: String =
        last.chars().take(LONGEST_NAME).map(|letter| if plain(letter) { letter } else { '_' }).collect();
    let name = name.trim_matches('.');
    if name.is_empty() { "image".to_owned() } else { name.to_owned() }
}

/// A file that is being downloaded. No other run writes to it meanwhile.
pub(super) struct Part {
    file: File,
    path: PathBuf,
}

impl Part {
    /// Opens the part of a file that is there, or begins one. Waits for another run that does the same.
    /// `None` when the file is complete.
    pub(super) fn open(entry: &Entry) -> Result<Option<Self>, FetchError> {
        if let Some(folder) = entry.part.parent() {
            create_folder(folder, true).map_err(cache_error("creating", folder))?;
        }
        loop {
            if entry.path.is_file() {
                return Ok(None);
            }
            if entry.path.symlink_metadata().is_ok() {
                // Better before the download than after it.
                let source = io::Error::from(io::ErrorKind::AlreadyExists);
                return Err(cache_error("making", &entry.path)(source));
            }
            let mut options = OpenOptions::new();
            options.read(true).write(true).create(true).truncate(false);
            let opened = without_links(with_mode(&mut options, 0o644)).open(&entry.part);
            let file = opened.map_err(cache_error("opening", &entry.part))?;
            let metadata = file.metadata().map_err(cache_error("reading", &entry.part))?;
            if !metadata.is_file() || !is_ours(&metadata) || has_other_names(&metadata) {
                // Where others may write to the cache, what stands there may lead to any file of ours.
                let source = io::Error::other("it is somebody else's, or a file that has another name, too");
                return Err(cache_error("using", &entry.part)(source));
            }
            // Some network filesystems know no locks; there two runs at once stay the user's business.
            let _ = file.lock();
            // Whoever had the lock may have completed the file, or removed it.
            if entry.path.is_file() {
                let part = Self { file, path: entry.part.clone() };
                if part.length()? == 0 {
                    part.remove();
                }
                return Ok(None);
            }
            if entry.part.is_file() {
                return Ok(Some(Self { file, path: entry.part.clone() }));
            }
        }
    }

    pub(super) fn length(&self) -> Result<u64, FetchError> {
        let metadata = self.file.metadata().map_err(cache_error("reading", &self.path))?;
        Ok(metadata.len())
    }

    pub(super) fn append(&mut self, bytes: &[u8]) -> Result<(), FetchError> {
        let written = self.file.seek(SeekFrom::End(0)).and_then(|_| self.file.write_all(bytes));
        written.map_err(cache_error("writing", &self.path))
    }

    pub(super) fn empty(&mut self) -> Result<(), FetchError> {
        self.file.set_len(0).map_err(cache_error("emptying", &self.path))
    }

    pub(super) fn digest(&mut self) -> Result<Digest, FetchError> {
        let read = self.file.seek(SeekFrom::Start(0)).and_then(|_| Digest::of_reader(&mut self.file));
        read.map_err(cache_error("reading", &self.path))
    }

    pub(super) fn remove(self) {
        // Before the lock goes with the file, so that no other run begins to write to it. A part that stays
        // all the same is found wrong by the next run, which then downloads all of it.
        let _ = fs::remove_file(&self.path);
        drop(self.file);
    }

    /// Gives the file its final name.
    pub(super) fn publish(self, entry: &Entry) -> Result<(), FetchError> {
        self.file.sync_all().map_err(cache_error("flushing", &self.path))?;
        match fs::rename(&self.path, &entry.path) {
            // Where there are no locks another run may have found it complete, and renamed it.
            Err(_) if entry.path.is_file() => {}
            renamed => renamed.map_err(cache_error("renaming", &self.path))?,
        }
        // Only now, so that whoever waits for the lock finds the file under its name.
        drop(self.file);
        if let Some(folder) = entry.path.parent() {
            // What a power cut takes from a cache is only downloaded again.
            let _ = flush_folder(folder);
        }
        Ok(())
    }
}

fn cache_error(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> FetchError + use<> {
    let path = path.to_owned();
    move |source| FetchError::Cache { doing, path, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cache_is_where_each_system_keeps_caches() {
        let root = std::env::temp_dir();
        let home = root.join("home");
        let with = |system: &str, variables: &[(&str, &Path)]| {
            cache_folder_of(system, |name| {
                let found = variables.iter().find(|(known, _)| *known == name);
                found.map(|(_, value)| value.as_os_str().to_owned())
            })
        };
        let linux = |variables: &[(&str, &Path)]| with("linux", variables);
        assert_eq!(linux(&[("HOME", &home)]), Some(home.join(".cache/cardwright")));
        assert_eq!(linux(&[("HOME", &home), ("XDG_CACHE_HOME", &root)]), Some(root.join("cardwright")));
        let relative = Path::new("relative");
        assert_eq!(
            linux(&[("HOME", &home), ("XDG_CACHE_HOME", relative)]),
            Some(home.join(".cache/cardwright"))
        );
        assert_eq!(linux(&[("HOME", &home), ("CARDWRIGHT_CACHE", relative)]), Some(relative.to_owned()));
        assert_eq!(
            linux(&[("HOME", &home), ("CARDWRIGHT_CACHE", Path::new(""))]),
            Some(home.join(".cache/cardwright"))
        );
        assert_eq!(linux(&[]), None);
        assert_eq!(with("macos", &[("HOME", &home)]), Some(home.join("Library/Caches/cardwright")));
        assert_eq!(with("windows", &[("LOCALAPPDATA", &root)]), Some(root.join("cardwright").join("cache")));
    }

    #[test]
    fn names_in_the_cache_hold_nothing_odd() {
        assert_eq!(file_name("https://host/a/2026-10-06-lite.img.xz?x=/y#z"), "2026-10-06-lite.img.xz");
        assert_eq!(file_name("https://host/a b\\c:d%20.img"), "a_b_c_d_20.img");
        assert_eq!(file_name("https://host/.."), "image");
        assert_eq!(file_name("https://host/"), "image");
        assert_eq!(file_name(&format!("https://host/{}", "é".repeat(300))), "_".repeat(LONGEST_NAME));
    }
}
