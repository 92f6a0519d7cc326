//! Files that can be made again, kept between runs in a folder of the cache.
//!
//! The rule that bounds the folder: it keeps the few files that were used last. Several runs may use it at
//! the same time: a file appears under its name only when it is whole, and whoever has one open keeps it.
use crate::io::ownership::{self, PRIVATE, create_folder};
use crate::io::temporary::{self, Pattern, TemporaryFile};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// How files begin that are not whole yet.
const NEW: &str = ".new-";

/// The folder for packed templates.
pub(crate) const TEMPLATES: &str = "templates";
/// The folder for what was read of stock images.
pub(crate) const PAGES: &str = "pages";

/// Removes what killed runs left in a cache.
pub(crate) fn sweep_cache(cache: Option<&Path>) {
    for (cache, name) in cache.iter().flat_map(|cache| [TEMPLATES, PAGES].map(|name| (cache, name))) {
        Bucket::new(cache, name, 0).sweep();
    }
}

/// A folder of the cache.
#[derive(Debug, Clone)]
pub(crate) struct Bucket {
    folder: PathBuf,
    keep: usize,
}

impl Bucket {
    /// The folder `name` of a cache; it keeps `keep` files.
    pub(crate) fn new(cache: &Path, name: &str, keep: usize) -> Self {
        Self { folder: cache.join(name), keep }
    }

    /// Opens a file, and notes that it was used. `None` where there is none. One that is a link, or somebody
    /// else's, counts as none: in a folder where others may write, nobody knows what they put there.
    pub(crate) fn find(&self, name: &str) -> Option<File> {
        self.sweep();
        let mut options = File::options();
        options.read(true).write(true);
        let file = ownership::without_links(&mut options).open(self.folder.join(name)).ok()?;
        let metadata = file.metadata().ok()?;
        if !metadata.is_file() || !ownership::is_ours(&metadata) {
            return None;
        }
        // That a file is forgotten early because its time could not be set costs time only.
        drop(file.set_modified(SystemTime::now()));
        Some(file)
    }

    /// Begins a file. It is gone again unless it is [`put`](Self::put).
    ///
    /// # Errors
    /// When the folder cannot be written to.
    pub(crate) fn begin(&self) -> io::Result<TemporaryFile> {
        create_folder(&self.folder, true)?;
        self.sweep();
        TemporaryFile::create(&self.folder, Pattern::new(NEW, ""), PRIVATE)
    }

    /// Removes what runs left behind that were killed.
    pub(crate) fn sweep(&self) {
        temporary::sweep(&self.folder, Pattern::new(NEW, ""), None);
    }

    /// Gives a file that was begun its name, and removes those that were not used for longest.
    ///
    /// # Errors
    /// Fails when it cannot be flushed or renamed: gives it back.
    pub(crate) fn put(&self, file: TemporaryFile, name: &str) -> Result<File, (io::Error, TemporaryFile)> {
        if let Err(error) = file.file().sync_all() {
            return Err((error, file));
        }
        let file = file.persist(&self.folder.join(name))?;
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
            }
        }
        files.sort();
        files.reverse();
        for (_, path) in files.drain(..).skip(self.keep) {
            drop(fs::remove_file(path));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read as _, Write as _};
    use std::time::Duration;

    fn put(shelf: &Bucket, name: &str, age: u64) {
        let mut file = shelf.begin().unwrap();
        file.write_all(name.as_bytes()).unwrap();
        let used = SystemTime::now() - Duration::from_secs(age);
        file.file().set_modified(used).unwrap();
        shelf.put(file, name).unwrap();
    }

    #[test]
    fn the_files_used_last_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        let shelf = Bucket::new(folder.path(), "shelf", 2);
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
        let shelf = Bucket::new(folder.path(), "shelf", 2);
        let folder = folder.path().join("shelf");
        drop(shelf.begin().unwrap());
        let held = shelf.begin().unwrap();
        fs::write(folder.join(".new-killed"), "half").unwrap();
        assert!(shelf.find("a").is_none());
        // However young it is: nobody holds it.
        assert!(!folder.join(".new-killed").exists() && held.path().exists());
        put(&shelf, "a", 0);
        drop(held);
        assert_eq!(fs::read_dir(folder).unwrap().count(), 1);
    }

    #[test]
    fn what_cannot_get_its_name_is_given_back() {
        let folder = tempfile::tempdir().unwrap();
        let shelf = Bucket::new(folder.path(), "shelf", 2);
        fs::create_dir_all(folder.path().join("shelf").join("a")).unwrap();
        assert!(shelf.find("a").is_none());
        let mut file = shelf.begin().unwrap();
        file.write_all(b"worth keeping").unwrap();
        let (_, file) = shelf.put(file, "a").unwrap_err();
        assert_eq!(file.into_anonymous().metadata().unwrap().len(), 13);
        assert_eq!(fs::read_dir(folder.path().join("shelf")).unwrap().count(), 1);
    }

    #[cfg(unix)]
    #[test]
    fn a_link_in_the_place_of_a_file_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let shelf = Bucket::new(folder.path(), "shelf", 2);
        put(&shelf, "a", 0);
        let at = |name: &str| folder.path().join("shelf").join(name);
        std::os::unix::fs::symlink(at("a"), at("b")).unwrap();
        assert!(shelf.find("a").is_some() && shelf.find("b").is_none());
    }
}
