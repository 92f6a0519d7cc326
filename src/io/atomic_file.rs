//! A file that appears whole or not at all.

use super::ownership::{self, PRIVATE};
use super::reflink;
use super::sync::flush_folder;
use super::temporary::{self, Pattern, TemporaryFile};
use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// The end of the names of files in the making.
const ENDING: &str = ".partial";

/// The mode of what everybody may read.
const PUBLIC: u32 = 0o644;

/// An error of writing a file of this machine.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FileError {
    /// The system refused something.
    #[error("{doing} {} failed: {source}", path.display())]
    Write {
        /// A gerund: `creating`.
        doing: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// Another cardwright is writing the same file.
    #[error("{} is being written by another cardwright", path.display())]
    Busy {
        /// The file.
        path: PathBuf,
    },
}

impl FileError {
    /// Returns a function for `map_err`.
    pub(crate) fn write(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Write { doing, path, source }
    }
}

/// A file in the making, beside its final place, under the name `.NAME.` and some random letters and digits
/// and `.partial`.
///
/// [`publish`](Self::publish) renames it; dropping it removes it. After a kill it stays, and the next run
/// that makes the same file removes it. A lock tells one that is still being made, and keeps two runs apart.
#[derive(Debug)]
pub struct AtomicFile {
    temporary: TemporaryFile,
    path: PathBuf,
    mode: u32,
}

impl AtomicFile {
    /// Begins the file that is to be at `path`. Only its owner will be able to read it when `private`.
    ///
    /// # Errors
    /// When the folder cannot be written to, or another run is making the same file.
    pub fn create(path: &Path, private: bool) -> Result<Self, FileError> {
        let failed = |source| FileError::write("creating", path)(source);
        let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
            return Err(failed(io::ErrorKind::InvalidInput.into()));
        };
        let prefix = prefix(name);
        let pattern = Pattern::new(&prefix, ENDING);
        let mode = if private { PRIVATE } else { PUBLIC };
        let temporary = TemporaryFile::create(folder, pattern, mode).map_err(failed)?;
        // Only now, so that of two runs that begin at once each sees the other's.
        if sweep(folder, name, Some(temporary.path())) {
            return Err(FileError::Busy { path: path.to_owned() });
        }
        Ok(Self { temporary, path: path.to_owned(), mode })
    }

    /// Returns the open file.
    pub fn file(&self) -> &File {
        self.temporary.file()
    }

    /// Lets it begin with the blocks of another file, where the filesystem can share them.
    ///
    /// # Errors
    /// When it cannot; then nothing has changed.
    pub(crate) fn share(&mut self, from: &File) -> io::Result<()> {
        if let Some(file) = reflink::share(from, self.temporary.file(), self.temporary.path())? {
            self.temporary.set_file(file);
        }
        ownership::set_mode_if_private(self.file(), self.mode)
    }

    /// Returns its path once it is published.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Flushes it to the disk and gives it its name. What had that name before is gone then, and not before.
    ///
    /// # Errors
    /// When that fails; the old file is then untouched.
    pub fn publish(self) -> Result<(), FileError> {
        Self::publish_all(vec![self])
    }

    /// Flushes several files to the disk, and then gives all of them their names.
    ///
    /// # Errors
    /// When that fails; the old files are then untouched, but for those whose new ones have their names.
    pub fn publish_all(files: Vec<Self>) -> Result<(), FileError> {
        for new in &files {
            new.file().sync_all().map_err(FileError::write("flushing", &new.path))?;
        }
        let parents = files.iter().filter_map(|new| new.path.parent());
        let folders: BTreeSet<PathBuf> = parents.map(Path::to_owned).collect();
        let named = files.into_iter().map(|new| (new.temporary, new.path));
        TemporaryFile::persist_all(named.collect()).map_err(|(path, source)| FileError::Write {
            doing: "renaming a new file to",
            path,
            source,
        })?;
        for folder in &folders {
            // What is in the files is safe already, and some network filesystems cannot do more.
            if let Err(error) = flush_folder(folder) {
                tracing::debug!("cannot flush the folder {}: {error}", folder.display());
            }
        }
        Ok(())
    }

    /// Writes a small file at once.
    ///
    /// # Errors
    /// As its parts.
    pub fn write_whole(path: &Path, content: &[u8], private: bool) -> Result<(), FileError> {
        let new = Self::create(path, private)?;
        new.file().write_all(content).map_err(FileError::write("writing", path))?;
        new.publish()
    }
}

fn prefix(name: &OsStr) -> OsString {
    let mut prefix = OsString::from(".");
    prefix.push(name);
    prefix.push(".");
    prefix
}

/// Removes what killed runs left of the file of a name; `own` is left alone. Returns `true` if another run is making it.
fn sweep(folder: &Path, name: &OsStr, own: Option<&Path>) -> bool {
    let prefix = prefix(name);
    // Versions up to 0.1 had no random part in the name.
    let mut earlier = prefix.clone();
    earlier.push("partial");
    temporary::sweep(folder, Pattern::new(&prefix, ENDING), own) | temporary::sweep_one(&folder.join(earlier))
}

/// Removes what killed runs left of the files of these names.
pub(crate) fn sweep_all<'name>(folder: &Path, names: impl IntoIterator<Item = &'name str>) {
    for name in names {
        // Whoever makes one of them now is met when that file is made.
        sweep(folder, OsStr::new(name), None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_old_file_stays_until_the_new_one_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.img");
        std::fs::write(&path, "old").unwrap();
        let new = AtomicFile::create(&path, true).unwrap();
        new.file().write_all(b"half of the n").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"old");
        drop(new);
        assert_eq!(std::fs::read(&path).unwrap(), b"old");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        AtomicFile::write_whole(&path, b"new", true).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"new");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_a_killed_run_left_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        for rest in [".x.img.a1B2c3.partial", ".x.img.partial"] {
            std::fs::write(folder.path().join(rest), "a long rest of a killed run").unwrap();
        }
        let path = folder.path().join("x.img");
        AtomicFile::write_whole(&path, b"new", true).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"new");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn two_runs_do_not_write_one_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.img");
        let first = AtomicFile::create(&path, true).unwrap();
        assert!(matches!(AtomicFile::create(&path, true), Err(FileError::Busy { .. })));
        first.publish().unwrap();
    }

    /// In a folder where others may write, as /tmp is.
    #[cfg(unix)]
    #[test]
    fn a_link_that_was_planted_is_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let (theirs, path) = (folder.path().join("theirs"), folder.path().join("kubeconfig"));
        std::fs::write(&theirs, "").unwrap();
        for name in [".kubeconfig.partial", ".kubeconfig.a1B2c3.partial", "kubeconfig"] {
            std::os::unix::fs::symlink(&theirs, folder.path().join(name)).unwrap();
        }
        AtomicFile::write_whole(&path, b"secret", true).unwrap();
        assert_eq!(std::fs::read(&theirs).unwrap(), b"");
        assert!(path.symlink_metadata().unwrap().is_file());
    }

    #[cfg(unix)]
    #[test]
    fn a_private_file_is_its_owners_alone() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.img");
        AtomicFile::write_whole(&path, b"secret", true).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
}
