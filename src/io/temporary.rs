//! Files and folders in the making: nobody else's, and none left behind.
//!
//! Each has a random name and is made with `O_EXCL`, so that a link or a file that somebody put there before
//! is never followed or taken over. Each is locked for as long as it is in the making:
//!
//! - whoever finds one without a lock knows that its program was killed, and may remove it;
//! - whoever finds one with a lock knows that another program is at work on the same file.
//!
//! All that this program has in the making is listed, for a signal handler that wants to
//! [discard](discard_all) it.

use super::ownership;
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};
use tempfile::TempPath;

/// The number of random letters and digits in a name.
const RANDOM: usize = 10;

/// The number of times that a new file may be swept away between its making and its locking.
const ATTEMPTS: usize = 16;

/// The age at which a file counts as left behind by a program that was killed, where there are no locks.
const ABANDONED: Duration = Duration::from_secs(24 * 60 * 60);

/// All that is in the making.
static LISTED: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

fn listed() -> MutexGuard<'static, BTreeSet<PathBuf>> {
    // Nothing that is done under the lock leaves it half done.
    LISTED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Removes all that is in the making, and lets nothing more be made or get its final name: for the thread of
/// a signal handler, right before the program exits. Whoever tries waits for the exit.
pub fn discard_all() {
    let listed = listed();
    for path in &*listed {
        let removed = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
        if let Err(error) = removed {
            tracing::debug!("{} is left for a later run to remove: {error}", path.display());
        }
    }
    std::mem::forget(listed);
}

/// Being listed, for as long as this lives.
#[derive(Debug)]
struct Listed(PathBuf);

impl Drop for Listed {
    fn drop(&mut self) {
        listed().remove(&self.0);
    }
}

/// The beginning and end of some temporary files' names; between are random letters and digits.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pattern<'name> {
    pub(crate) prefix: &'name OsStr,
    pub(crate) suffix: &'name str,
}

impl<'name> Pattern<'name> {
    pub(crate) fn new(prefix: &'name (impl AsRef<OsStr> + ?Sized), suffix: &'name str) -> Self {
        Self { prefix: prefix.as_ref(), suffix }
    }

    pub(crate) fn matches(&self, name: &OsStr) -> bool {
        let name = name.as_encoded_bytes();
        let middle = name.strip_prefix(self.prefix.as_encoded_bytes());
        let middle = middle.and_then(|rest| rest.strip_suffix(self.suffix.as_bytes()));
        middle.is_some_and(|middle| !middle.is_empty() && middle.iter().all(u8::is_ascii_alphanumeric))
    }
}

/// A file in the making. Dropping it removes it.
#[derive(Debug)]
pub(crate) struct TemporaryFile {
    // Removed before it is closed, while the lock still says that it is somebody's.
    path: TempPath,
    file: File,
    listing: Listed,
}

impl TemporaryFile {
    /// Makes an empty file in a folder. With `mode` 0600 it is its owner's alone from the first moment,
    /// whatever the umask; of any other mode the umask takes what it takes from every file.
    ///
    /// # Errors
    /// Fails when the folder cannot be written to.
    pub(crate) fn create(folder: &Path, pattern: Pattern<'_>, mode: u32) -> io::Result<Self> {
        for _ in 0..ATTEMPTS {
            let new = Self::create_unlocked(folder, pattern, mode)?;
            if lock(&new.file) != Lock::Theirs && new.path.exists() {
                return Ok(new);
            }
            // Somebody who sweeps found it before it was locked.
        }
        Err(io::Error::other("another program removes new files at once"))
    }

    fn create_unlocked(folder: &Path, pattern: Pattern<'_>, mode: u32) -> io::Result<Self> {
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        let mut builder = tempfile::Builder::new();
        builder.prefix(pattern.prefix).suffix(pattern.suffix).rand_bytes(RANDOM);
        let mut listed = listed();
        let (file, path) = builder.make_in(folder, |path| open_new(path, mode))?.into_parts();
        listed.insert(path.to_path_buf());
        let listing = Listed(path.to_path_buf());
        drop(listed);
        ownership::give_to_invoker(&file, folder);
        // A umask that takes rights from the owner is none that anybody means.
        ownership::set_mode_if_private(&file, mode)?;
        Ok(Self { path, file, listing })
    }

    pub(crate) fn file(&self) -> &File {
        &self.file
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Takes its name away: the file is gone when it is closed.
    pub(crate) fn into_anonymous(self) -> File {
        self.file
    }

    /// Takes another file that was put in the place of this one, and is locked.
    pub(crate) fn set_file(&mut self, file: File) {
        self.file = file;
    }

    /// Gives it its final name, and replaces what had that name.
    ///
    /// # Errors
    /// When it cannot be renamed: returns it.
    pub(crate) fn persist(mut self, path: &Path) -> Result<File, (io::Error, Self)> {
        let listed = listed();
        match fs::rename(&self.path, path) {
            Ok(()) => {
                self.path.disable_cleanup(true);
                drop(listed);
                Ok(self.file)
            }
            Err(error) => {
                drop(listed);
                Err((error, self))
            }
        }
    }

    /// Gives it its final name, unless something has that name already.
    ///
    /// # Errors
    /// Fails when it has, or when the file cannot be renamed; then it is gone.
    pub(crate) fn persist_new(self, path: &Path) -> io::Result<File> {
        let Self { path: temporary, file, listing } = self;
        let listed = listed();
        let persisted = temporary.persist_noclobber(path);
        drop(listed);
        drop(listing);
        persisted.map(|()| file).map_err(|refused| refused.error)
    }

    /// Gives several files their final names. A signal comes before all of it or after.
    ///
    /// # Errors
    /// When one cannot be renamed: returns the name it was to have. It and those behind it are gone.
    pub(crate) fn persist_all(files: Vec<(Self, PathBuf)>) -> Result<(), (PathBuf, io::Error)> {
        let listed = listed();
        let mut failed = None;
        let mut done = Vec::new();
        for (mut temporary, path) in files {
            if failed.is_none() {
                let renamed = fs::rename(&temporary.path, &path);
                temporary.path.disable_cleanup(renamed.is_ok());
                failed = renamed.err().map(|error| (path, error));
            }
            // Dropping one takes the lock of the list.
            done.push(temporary);
        }
        drop(listed);
        failed.map_or(Ok(()), Err)
    }
}

impl io::Write for TemporaryFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Makes a file without a name in a folder: it is gone when it is closed, also when the program is killed.
///
/// # Errors
/// Fails when the folder cannot be written to.
pub(crate) fn anonymous(folder: &Path) -> io::Result<File> {
    tempfile::tempfile_in(folder)
}

/// A folder of this run's own, which nobody else can look into. Dropping it removes it and what is in it.
#[derive(Debug)]
pub(crate) struct TemporaryFolder {
    folder: tempfile::TempDir,
    _listing: Listed,
}

impl TemporaryFolder {
    /// Makes an empty folder in another.
    ///
    /// # Errors
    /// Fails when that cannot be written to.
    pub(crate) fn create(parent: &Path) -> io::Result<Self> {
        let mut listed = listed();
        // tempfile makes it with mode 0700.
        let folder = tempfile::Builder::new().prefix(".cardwright-").tempdir_in(parent)?;
        listed.insert(folder.path().to_owned());
        let listing = Listed(folder.path().to_owned());
        drop(listed);
        Ok(Self { folder, _listing: listing })
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }
}

/// Removes the files of a folder that killed programs left behind; `own` is left alone. Returns `true`
/// if another program is at work on one.
pub(crate) fn sweep(folder: &Path, pattern: Pattern<'_>, own: Option<&Path>) -> bool {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    // Whoever cannot list a folder still can use it.
    let Ok(entries) = fs::read_dir(folder) else { return false };
    let own = own.and_then(Path::file_name);
    let mut is_held = false;
    for entry in entries.flatten() {
        let name = entry.file_name();
        if Some(&*name) != own && pattern.matches(&name) {
            is_held |= sweep_one(&entry.path());
        }
    }
    is_held
}

/// Removes one file, unless another program is at work on it: then returns `true`. Files of other users, and what is not
/// a regular file, stay.
pub(crate) fn sweep_one(path: &Path) -> bool {
    let Ok(metadata) = fs::symlink_metadata(path) else { return false };
    if !metadata.is_file() || !ownership::is_ours(&metadata) {
        return false;
    }
    let mut options = OpenOptions::new();
    options.read(true).write(true);
    let Ok(file) = ownership::without_links(&mut options).open(path) else { return false };
    let is_old = || {
        let written = metadata.modified().unwrap_or_else(|_| SystemTime::now());
        written.elapsed().is_ok_and(|age| age > ABANDONED)
    };
    match lock(&file) {
        Lock::Theirs => return true,
        Lock::Ours => {}
        Lock::Unknown if is_old() => {}
        Lock::Unknown => return false,
    }
    if let Err(error) = fs::remove_file(path) {
        tracing::debug!("{} stays: {error}", path.display());
    }
    false
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lock {
    Ours,
    Theirs,
    /// Some network filesystems know no locks; there two runs at once stay the user's business.
    Unknown,
}

/// Takes the lock of a file, if nobody has it.
pub(crate) fn lock(file: &File) -> Lock {
    match file.try_lock() {
        Ok(()) => Lock::Ours,
        Err(TryLockError::WouldBlock) => Lock::Theirs,
        Err(TryLockError::Error(_)) => Lock::Unknown,
    }
}

fn open_new(path: &Path, mode: u32) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create_new(true);
    ownership::with_mode(&mut options, mode).open(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    fn pattern() -> Pattern<'static> {
        Pattern::new(".x.", ".partial")
    }

    #[test]
    fn a_pattern_is_exact() {
        for (name, expected) in [
            (".x.a1B2.partial", true),
            (".x.partial", false),
            (".x..partial", false),
            (".x.img.a1B2.partial", false),
            (".y.a1B2.partial", false),
            (".x.a1B2.partial.bak", false),
        ] {
            assert_eq!(pattern().matches(OsStr::new(name)), expected, "{name}");
        }
    }

    #[test]
    fn what_nobody_holds_is_swept_and_what_somebody_holds_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let held = TemporaryFile::create(folder.path(), pattern(), 0o600).unwrap();
        fs::write(folder.path().join(".x.killed.partial"), "half").unwrap();
        fs::write(folder.path().join(".x.img.other.partial"), "half").unwrap();
        assert!(sweep(folder.path(), pattern(), None));
        assert!(held.path().exists());
        assert!(!folder.path().join(".x.killed.partial").exists());
        assert!(folder.path().join(".x.img.other.partial").exists());
        assert!(!sweep(folder.path(), pattern(), Some(held.path())));
        drop(held);
        assert!(!sweep(folder.path(), pattern(), None));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[cfg(unix)]
    #[test]
    fn a_link_that_looks_like_a_temporary_file_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let victim = folder.path().join("victim");
        fs::write(&victim, "mine").unwrap();
        std::os::unix::fs::symlink(&victim, folder.path().join(".x.planted.partial")).unwrap();
        assert!(!sweep(folder.path(), pattern(), None));
        assert_eq!(fs::read(&victim).unwrap(), b"mine");
    }

    #[test]
    fn several_get_their_names_or_are_gone() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let make = || {
            let mut file = TemporaryFile::create(folder.path(), pattern(), 0o600).unwrap();
            file.write_all(b"new").unwrap();
            file
        };
        fs::create_dir(at("b")).unwrap();
        let (a, b, c) = (at("a"), at("b"), at("c"));
        let (failed, _) =
            TemporaryFile::persist_all(vec![(make(), a.clone()), (make(), b.clone()), (make(), c.clone())])
                .unwrap_err();
        assert_eq!(failed, b);
        assert_eq!(fs::read(&a).unwrap(), b"new");
        assert!(b.is_dir() && !c.exists());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
        let (_, file) = make().persist(&b).unwrap_err();
        assert!(file.path().exists());
        drop(file);
        assert!(make().persist_new(&a).is_err());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
        assert!(!listed().iter().any(|path| path.starts_with(folder.path())));
    }
}
