//! A download that is not complete yet.

use crate::cache::{BucketFiles, CacheError};
use crate::io::ownership::{
    create_folder, give_to_invoker, has_other_names, is_ours, with_mode, without_links,
};
use crate::io::sync::flush_folder;
use crate::io::temporary::{self, Lock};
use crate::types::Digest;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Seek as _, SeekFrom, Write as _};
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

/// The longest name that is taken from an address.
const LONGEST_NAME: usize = 80;

/// The time between two looks at a file that another run downloads.
const PAUSE: Duration = Duration::from_millis(100);

/// Returns the name of a download in the cache.
pub(super) fn name(url: &str, digest: Digest) -> String {
    format!("{digest}-{}", file_name(url))
}

/// Returns the last part of an address.
pub(super) fn last_part(url: &str) -> &str {
    let path = url.split_once(['?', '#']).map_or(url, |(path, _)| path);
    path.rsplit_once('/').map_or(path, |(_, last)| last)
}

/// Returns the last part of an address, as a file name on any system.
fn file_name(url: &str) -> String {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '.' | '-' | '_');
    let name: String = last_part(url)
        .chars()
        .take(LONGEST_NAME)
        .map(|letter| if plain(letter) { letter } else { '_' })
        .collect();
    let name = name.trim_matches('.');
    if name.is_empty() { "image".to_owned() } else { name.to_owned() }
}

/// A file that is being downloaded, locked: no other run writes to it.
pub(super) struct Part<'bucket> {
    bucket: &'bucket BucketFiles,
    /// The name that it gets when it is complete.
    name: &'bucket str,
    file: File,
    path: PathBuf,
}

/// A file of the cache, to be used or to be completed.
pub(super) enum CachedFile<'bucket> {
    Complete(File),
    Part(Part<'bucket>),
}

impl<'bucket> Part<'bucket> {
    /// Opens a file, or the part of it that is there, or begins one. Waits while another run downloads it.
    pub(super) fn open(
        bucket: &'bucket BucketFiles,
        name: &'bucket str,
    ) -> Result<CachedFile<'bucket>, CacheError> {
        let folder = bucket.folder();
        create_folder(folder, true).map_err(CacheError::when("creating", folder))?;
        let path = folder.join(format!("{name}.part"));
        loop {
            if let Some(file) = bucket.find(name) {
                return Ok(CachedFile::Complete(file));
            }
            let complete = folder.join(name);
            if complete.symlink_metadata().is_ok() {
                // Better before the download than after it.
                let source = io::Error::from(io::ErrorKind::AlreadyExists);
                return Err(CacheError::when("making", &complete)(source));
            }
            let mut options = OpenOptions::new();
            options.read(true).write(true).create(true).truncate(false);
            let opened = without_links(with_mode(&mut options, 0o644)).open(&path);
            let file = opened.map_err(CacheError::when("opening", &path))?;
            give_to_invoker(&file, folder);
            let metadata = file.metadata().map_err(CacheError::when("reading", &path))?;
            if !metadata.is_file() || !is_ours(&metadata) || has_other_names(&metadata) {
                // Where others may write to the cache, what is there may lead to any file of ours.
                let source = io::Error::other("it belongs to another user, or has a second name");
                return Err(CacheError::when("using", &path)(source));
            }
            match temporary::lock(&file) {
                Lock::Theirs => {
                    thread::sleep(PAUSE);
                    continue;
                }
                Lock::Ours => {}
                // There two runs at once are the user's responsibility.
                Lock::Unknown => tracing::debug!("the filesystem of {} has no locks", path.display()),
            }
            let part = Self { bucket, name, file, path: path.clone() };
            // Whoever had the lock before may have completed the file, or removed it.
            if complete.exists() && part.length()? == 0 {
                part.remove();
            } else if !complete.exists() && path.is_file() {
                return Ok(CachedFile::Part(part));
            }
        }
    }

    pub(super) fn length(&self) -> Result<u64, CacheError> {
        let metadata = self.file.metadata().map_err(CacheError::when("reading", &self.path))?;
        Ok(metadata.len())
    }

    #[cfg_attr(not(feature = "download"), expect(dead_code, reason = "nothing is downloaded"))]
    pub(super) fn append(&mut self, bytes: &[u8]) -> Result<(), CacheError> {
        let written = self.file.seek(SeekFrom::End(0)).and_then(|_| self.file.write_all(bytes));
        written.map_err(CacheError::when("writing", &self.path))
    }

    pub(super) fn empty(&mut self) -> Result<(), CacheError> {
        self.file.set_len(0).map_err(CacheError::when("emptying", &self.path))
    }

    pub(super) fn digest(&mut self) -> Result<Digest, CacheError> {
        let read = self.file.seek(SeekFrom::Start(0)).and_then(|_| Digest::of_reader(&mut self.file));
        read.map_err(CacheError::when("reading", &self.path))
    }

    /// Removes the file, and then the lock with it, so that no other run begins to write to it.
    pub(super) fn remove(self) {
        // The next run finds a wrong part wrong, and downloads all of it.
        if let Err(error) = fs::remove_file(&self.path) {
            tracing::debug!("{}: cannot be removed: {error}", self.path.display());
        }
    }

    /// Gives the file its final name. Returns it, locked against removal.
    pub(super) fn publish(self) -> Result<File, CacheError> {
        self.file.sync_all().map_err(CacheError::when("flushing", &self.path))?;
        let complete = self.bucket.folder().join(self.name);
        match fs::rename(&self.path, &complete) {
            // Where there are no locks another run may have found it complete, and renamed it.
            Err(_) if complete.is_file() => {}
            renamed => renamed.map_err(CacheError::when("renaming", &self.path))?,
        }
        // Only now, so that whoever waits for the lock finds the file under its name.
        self.bucket.settle(&self.file, self.name);
        // A power cut takes nothing from a cache that cannot be downloaded again.
        if let Err(error) = flush_folder(self.bucket.folder()) {
            tracing::debug!("{}: cannot be flushed: {error}", self.bucket.folder().display());
        }
        Ok(self.file)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_the_cache_hold_nothing_odd() {
        assert_eq!(file_name("https://host/a/2026-10-06-lite.img.xz?x=/y#z"), "2026-10-06-lite.img.xz");
        assert_eq!(file_name("https://host/a b\\c:d%20.img"), "a_b_c_d_20.img");
        assert_eq!(file_name("https://host/.."), "image");
        assert_eq!(file_name("https://host/"), "image");
        assert_eq!(file_name(&format!("https://host/{}", "é".repeat(300))), "_".repeat(LONGEST_NAME));
    }
}
