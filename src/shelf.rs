//! Files that can be made again, kept between runs in a folder of the cache.
//!
//! The rule that bounds the folder: it keeps the few files that were used last. Several runs may use it at
//! the same time: a file appears under its name only when it is whole, and whoever has one open keeps it.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};
use tempfile::NamedTempFile;

/// How files begin that are not whole yet.
const NEW: &str = ".new-";

/// A file that is not whole and this old was left behind by a run that was killed.
const ABANDONED: Duration = Duration::from_secs(24 * 60 * 60);

/// A folder of the cache.
#[derive(Debug, Clone)]
pub(crate) struct Shelf {
    folder: PathBuf,
    keep: usize,
}

impl Shelf {
    /// The folder `name` of a cache; it keeps `keep` files.
    pub(crate) fn new(cache: &Path, name: &str, keep: usize) -> Self {
        Self { folder: cache.join(name), keep }
    }

    /// Opens a file, and notes that it was used. `None` where there is none.
    pub(crate) fn find(&self, name: &str) -> Option<File> {
        let file = File::options().read(true).write(true).open(self.folder.join(name)).ok()?;
        // That a file is forgotten early because its time could not be set costs time only.
        let _ = file.set_modified(SystemTime::now());
        Some(file)
    }

    /// Begins a file. It is gone again unless it is [`put`](Self::put).
    ///
    /// # Errors
    /// When the folder cannot be written to.
    pub(crate) fn begin(&self) -> io::Result<NamedTempFile> {
        fs::create_dir_all(&self.folder)?;
        tempfile::Builder::new().prefix(NEW).tempfile_in(&self.folder)
    }

    /// Gives a file that was begun its name, and removes those that were not used for longest.
    ///
    /// # Errors
    /// When it cannot be flushed or renamed.
    pub(crate) fn put(&self, file: NamedTempFile, name: &str) -> io::Result<File> {
        file.as_file().sync_all()?;
        let file = file.persist(self.folder.join(name)).map_err(|error| error.error)?;
        self.tidy();
        Ok(file)
    }

    /// Removes what is too much. What cannot be removed now is removed by a later run.
    fn tidy(&self) {
        let Ok(entries) = fs::read_dir(&self.folder) else { return };
        let mut files = Vec::new();
        for entry in entries.flatten() {
            let used = entry.metadata().and_then(|metadata| metadata.modified());
            let used = used.unwrap_or(SystemTime::UNIX_EPOCH);
            if !entry.file_name().to_string_lossy().starts_with(NEW) {
                files.push((used, entry.path()));
            } else if used.elapsed().is_ok_and(|age| age > ABANDONED) {
                let _ = fs::remove_file(entry.path());
            }
        }
        files.sort();
        files.reverse();
        for (_, path) in files.drain(..).skip(self.keep) {
            let _ = fs::remove_file(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read as _, Write as _};

    fn put(shelf: &Shelf, name: &str, age: u64) {
        let mut file = shelf.begin().unwrap();
        file.write_all(name.as_bytes()).unwrap();
        let used = SystemTime::now() - Duration::from_secs(age);
        file.as_file().set_modified(used).unwrap();
        shelf.put(file, name).unwrap();
    }

    #[test]
    fn the_files_used_last_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        let shelf = Shelf::new(folder.path(), "shelf", 2);
        assert!(shelf.find("a").is_none());
        put(&shelf, "a", 300);
        put(&shelf, "b", 200);
        let mut text = String::new();
        shelf.find("a").unwrap().read_to_string(&mut text).unwrap();
        assert_eq!(text, "a");
        put(&shelf, "c", 100);
        assert!(shelf.find("a").is_some() && shelf.find("b").is_none() && shelf.find("c").is_some());
    }

    #[test]
    fn what_was_begun_and_not_put_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let shelf = Shelf::new(folder.path(), "shelf", 2);
        let abandoned = folder.path().join("shelf").join(".new-x");
        drop(shelf.begin().unwrap());
        fs::write(&abandoned, "half").unwrap();
        let old = SystemTime::now() - 2 * ABANDONED;
        File::options().write(true).open(&abandoned).unwrap().set_modified(old).unwrap();
        put(&shelf, "a", 0);
        assert_eq!(fs::read_dir(folder.path().join("shelf")).unwrap().count(), 1);
    }
}
