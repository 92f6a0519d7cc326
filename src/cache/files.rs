//! The files of a bucket: found, made, and removed when they were used least recently.

use super::bucket::{Bucket, Properties, in_the_making};
use crate::io::ownership::{self, PRIVATE, create_folder};
use crate::io::temporary::{self, Lock, TemporaryFile, TemporaryFolder};
use crate::types::ByteCount;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// The age at which a file counts as unused where the filesystem has no locks.
const UNUSED: Duration = Duration::from_secs(24 * 60 * 60);

/// Keeps a file where it is, for as long as it is in use: locked in the cache, or in a folder that goes with this.
#[derive(Debug, Default)]
pub(crate) struct Hold {
    _file: Option<File>,
    _folder: Option<TemporaryFolder>,
}

impl Hold {
    /// Holds a file of the cache by its lock.
    pub(crate) fn file(file: File) -> Self {
        Self { _file: Some(file), _folder: None }
    }

    /// Holds the files in a folder, which is removed with this.
    pub(crate) fn folder(folder: TemporaryFolder) -> Self {
        Self { _file: None, _folder: Some(folder) }
    }
}

/// A file of a bucket, as it is listed.
pub(super) struct ListedFile {
    pub(super) path: PathBuf,
    pub(super) size: ByteCount,
    pub(super) used: SystemTime,
}

/// The files of a bucket.
#[derive(Debug, Clone)]
pub(crate) struct BucketFiles {
    bucket: Bucket,
    folder: PathBuf,
    max_files: usize,
    max_size: ByteCount,
}

impl BucketFiles {
    /// Takes a bucket of a cache. Nothing is read or created.
    pub(crate) fn new(cache: &Path, bucket: Bucket) -> Self {
        Self::at(bucket.folder(cache), bucket)
    }

    pub(super) fn at(folder: PathBuf, bucket: Bucket) -> Self {
        let Properties { max_files, max_size, .. } = bucket.properties();
        Self { bucket, folder, max_files, max_size }
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Opens a file for reading, notes that it was used, and locks it against removal. `None` where there is none.
    /// Unless its content is going to be checked against a pinned SHA-256, a link or another user's file counts as
    /// none: in a folder where others may write, nobody knows what they put there.
    pub(crate) fn find(&self, name: &str) -> Option<File> {
        let path = self.folder.join(name);
        // Opening a FIFO or a device could wait, or do something to it.
        if !path.is_file() {
            return None;
        }
        let open = |writable| {
            let mut options = File::options();
            options.read(true).write(writable);
            let is_pinned = self.bucket.is_pinned();
            if is_pinned { options.open(&path) } else { ownership::without_links(&mut options).open(&path) }
        };
        // Windows sets times only where it may write; a cache may be readable only.
        let opened = open(true).or_else(|_| open(false)).and_then(|file| Ok((file.metadata()?, file)));
        let (metadata, file) =
            opened.inspect_err(|error| tracing::debug!("{}: {error}", path.display())).ok()?;
        if !metadata.is_file() || !self.bucket.is_pinned() && !ownership::is_ours(&metadata) {
            return None;
        }
        use_now(&file, &path);
        // Somebody may have removed it before it was locked.
        path.exists().then(|| {
            tracing::debug!("found in the cache: {}", path.display());
            file
        })
    }

    /// Begins a file. It is removed again unless it is [`put`](Self::put).
    ///
    /// # Errors
    /// When the folder cannot be written to.
    pub(crate) fn begin(&self) -> io::Result<TemporaryFile> {
        create_folder(&self.folder, true)?;
        self.sweep();
        TemporaryFile::create(&self.folder, in_the_making(), PRIVATE)
    }

    /// Removes the files in the making of programs that were killed.
    pub(super) fn sweep(&self) {
        temporary::sweep(&self.folder, in_the_making(), None);
    }

    /// Gives a file that was begun its name, and removes files that exceed the bounds.
    ///
    /// # Errors
    /// When it cannot be flushed or renamed: gives it back.
    pub(crate) fn put(&self, file: TemporaryFile, name: &str) -> Result<File, (io::Error, TemporaryFile)> {
        if let Err(error) = file.file().sync_all() {
            return Err((error, file));
        }
        let file = file.persist(&self.folder.join(name))?;
        self.settle(&file, name);
        Ok(file)
    }

    /// Turns its maker's lock of a file that has its name now into a user's, and removes files that exceed the bounds.
    pub(crate) fn settle(&self, file: &File, name: &str) {
        let path = self.folder.join(name);
        if let Err(error) = file.unlock() {
            tracing::debug!("{}: cannot be unlocked: {error}", path.display());
        }
        share(file, &path);
        self.evict(name);
    }

    /// Removes the files that were used least recently, until the others are within the bounds. The file `new` stays.
    fn evict(&self, new: &str) {
        let mut files = self.list();
        files.retain(|file| file.path.file_name().is_some_and(|name| !in_the_making().matches(name)));
        files.sort_by(|one, other| (other.used, &other.path).cmp(&(one.used, &one.path)));
        let (mut count, mut size) = (0, ByteCount::ZERO);
        for file in files {
            let is_over = count == self.max_files || size + file.size > self.max_size;
            let is_new = file.path.file_name() == Some(OsStr::new(new));
            if !(is_over && !is_new && remove_unused(&file.path)) {
                count += 1;
                size += file.size;
            }
        }
    }

    /// Lists the files that this program made, and this user owns.
    pub(super) fn list(&self) -> Vec<ListedFile> {
        let entries = fs::read_dir(&self.folder)
            .inspect_err(|error| tracing::debug!("{}: not listed: {error}", self.folder.display()));
        let entries = entries.into_iter().flatten().flatten();
        let ours = entries.filter(|entry| self.bucket.is_name(&entry.file_name()));
        let listed = ours.filter_map(|entry| {
            let metadata = entry.metadata().ok()?;
            let used = metadata.modified().ok()?;
            let is_ours = metadata.is_file() && ownership::is_ours(&metadata);
            is_ours.then(|| ListedFile { path: entry.path(), size: ByteCount::new(metadata.len()), used })
        });
        listed.collect()
    }
}

/// Notes that a file was used, and locks it against removal. A file that cannot be is removed too early at worst.
fn use_now(file: &File, path: &Path) {
    if let Err(error) = file.set_modified(SystemTime::now()) {
        tracing::debug!("{}: its time cannot be set: {error}", path.display());
    }
    share(file, path);
}

fn share(file: &File, path: &Path) {
    // Its maker may still have it locked, or the filesystem may have no locks.
    if let Err(error) = file.try_lock_shared() {
        tracing::debug!("{}: cannot be locked: {error}", path.display());
    }
}

/// Removes a file of this user that nobody has locked; returns `true` if it is gone.
pub(super) fn remove_unused(path: &Path) -> bool {
    if_unused(path, || fs::remove_file(path))
}

/// Does something to a file that nobody has locked; returns `true` if it was done.
pub(super) fn if_unused(path: &Path, action: impl FnOnce() -> io::Result<()>) -> bool {
    let mut options = File::options();
    options.read(true).write(true);
    let done = ownership::without_links(&mut options).open(path).and_then(|file| {
        let is_old =
            || Ok::<_, io::Error>(file.metadata()?.modified()?.elapsed().is_ok_and(|age| age > UNUSED));
        match temporary::lock(&file) {
            Lock::Ours => {}
            Lock::Unknown if is_old()? => {}
            Lock::Theirs | Lock::Unknown => return Err(io::Error::other("another run uses it")),
        }
        action()
    });
    done.inspect_err(|error| tracing::debug!("{}: stays: {error}", path.display())).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read as _, Write as _};

    struct Cache(tempfile::TempDir);

    /// A name of three letters that is as long as a SHA-256.
    fn name(letter: &str) -> String {
        letter.repeat(64)
    }

    impl Cache {
        fn new() -> Self {
            Self(tempfile::tempdir().unwrap())
        }

        /// The bucket of templates, for two files of at most 100 bytes.
        fn files(&self) -> BucketFiles {
            let files = BucketFiles::new(self.0.path(), Bucket::Templates);
            BucketFiles { max_files: 2, max_size: ByteCount::new(100), ..files }
        }

        fn put(&self, letter: &str, size: usize, age: u64) -> File {
            let mut file = self.files().begin().unwrap();
            file.write_all(&letter.as_bytes().repeat(size)).unwrap();
            file.file().set_modified(SystemTime::now() - Duration::from_secs(age)).unwrap();
            self.files().put(file, &name(letter)).unwrap()
        }

        fn has(&self, letter: &str) -> bool {
            self.files().folder.join(name(letter)).exists()
        }

        fn count(&self) -> usize {
            fs::read_dir(self.files().folder).unwrap().count()
        }
    }

    #[test]
    fn the_files_used_last_are_kept() {
        let cache = Cache::new();
        assert!(cache.files().find(&name("a")).is_none());
        cache.put("a", 1, 300);
        cache.put("b", 1, 200);
        let mut text = String::new();
        cache.files().find(&name("a")).unwrap().read_to_string(&mut text).unwrap();
        assert_eq!(text, "a");
        cache.put("c", 1, 100);
        assert!(cache.has("a") && !cache.has("b") && cache.has("c"));
    }

    #[test]
    fn files_are_bounded_in_bytes_too_but_for_the_new_one() {
        let cache = Cache::new();
        cache.put("a", 60, 300);
        cache.put("b", 40, 200);
        assert!(cache.has("a") && cache.has("b"));
        cache.put("c", 1, 100);
        assert!(!cache.has("a") && cache.has("b") && cache.has("c"));
        cache.put("d", 1000, 400);
        assert!(cache.has("d"));
        cache.put("e", 1, 0);
        assert!(!cache.has("d") && cache.has("e"));
    }

    #[test]
    fn what_is_in_use_and_what_is_not_ours_stays() {
        let cache = Cache::new();
        let used = cache.put("a", 60, 300);
        let notes = cache.files().folder.join("notes.txt");
        fs::write(&notes, "0".repeat(200)).unwrap();
        cache.put("b", 60, 200);
        cache.put("c", 60, 100);
        assert!(cache.has("a") && !cache.has("b") && cache.has("c") && notes.exists());
        drop(used);
        cache.put("d", 60, 0);
        assert!(!cache.has("a") && !cache.has("c") && cache.has("d") && notes.exists());
    }

    #[test]
    fn what_was_begun_and_not_put_leaves_nothing_behind() {
        let cache = Cache::new();
        drop(cache.files().begin().unwrap());
        let held = cache.files().begin().unwrap();
        let killed = cache.files().folder.join(".new-killed");
        fs::write(&killed, "half").unwrap();
        // However young it is: nobody holds it.
        cache.files().sweep();
        assert!(!killed.exists() && held.path().exists());
        cache.put("a", 1, 0);
        drop(held);
        assert_eq!(cache.count(), 1);
    }

    #[test]
    fn what_cannot_get_its_name_is_given_back() {
        let cache = Cache::new();
        fs::create_dir_all(cache.files().folder.join(name("a"))).unwrap();
        assert!(cache.files().find(&name("a")).is_none());
        let mut file = cache.files().begin().unwrap();
        file.write_all(b"worth keeping").unwrap();
        let (_, file) = cache.files().put(file, &name("a")).unwrap_err();
        assert_eq!(file.into_anonymous().metadata().unwrap().len(), 13);
        assert_eq!(cache.count(), 1);
    }

    #[cfg(unix)]
    #[test]
    fn a_link_in_the_place_of_a_file_is_none() {
        let cache = Cache::new();
        cache.put("a", 1, 0);
        let at = |letter: &str| cache.files().folder.join(name(letter));
        std::os::unix::fs::symlink(at("a"), at("b")).unwrap();
        assert!(cache.files().find(&name("a")).is_some() && cache.files().find(&name("b")).is_none());
    }
}
