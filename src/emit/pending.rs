//! A file that appears whole or not at all.

use super::{EmitError, reflink};
use crate::durable::flush_folder;
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// A file in the making, beside its final place, under the name `.NAME.partial`.
///
/// [`publish`](Self::publish) renames it; dropping it removes it. After a kill it stays, and the next run
/// takes it over: its name is always the same, and a lock keeps two runs apart.
#[derive(Debug)]
pub struct PendingFile {
    /// `None` once published.
    file: Option<File>,
    partial: PathBuf,
    path: PathBuf,
    private: bool,
}

impl PendingFile {
    /// Begins the file that is to stand at `path`. Only its owner will be able to read it when `private`.
    ///
    /// # Errors
    /// When the folder cannot be written to, or another run is making the same file.
    pub fn create(path: &Path, private: bool) -> Result<Self, EmitError> {
        let mut name = OsString::from(".");
        name.push(path.file_name().ok_or(io::ErrorKind::InvalidFilename).map_err(|kind| {
            EmitError::Write { doing: "naming", path: path.to_owned(), source: kind.into() }
        })?);
        name.push(".partial");
        let partial = path.with_file_name(name);
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        #[cfg(unix)]
        {
            use std::os::unix::fs::OpenOptionsExt as _;
            options.mode(if private { 0o600 } else { 0o644 });
        }
        let file = options.open(&partial).map_err(EmitError::write("creating", &partial))?;
        if is_locked(&file) {
            return Err(EmitError::Busy { path: path.to_owned() });
        }
        // One left over by a killed run may have any content, and other permissions.
        file.set_len(0).map_err(EmitError::write("emptying", &partial))?;
        restrict(&file, private).map_err(EmitError::write("setting the permissions of", &partial))?;
        Ok(Self { file: Some(file), partial, path: path.to_owned(), private })
    }

    /// The open file.
    ///
    /// # Errors
    /// After it was published, which takes the value, there is none: this cannot happen.
    pub fn file(&self) -> io::Result<&File> {
        self.file.as_ref().ok_or_else(|| io::Error::other("the file was published already"))
    }

    /// Lets it begin with the blocks of another file, where the filesystem can share them.
    ///
    /// # Errors
    /// When it cannot; then nothing has changed.
    pub(super) fn share(&mut self, from: &File) -> io::Result<()> {
        if let Some(file) = reflink::share(from, self.file()?, &self.partial)? {
            if is_locked(&file) {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            self.file = Some(file);
        }
        restrict(self.file()?, self.private)
    }

    /// Where it will stand.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Flushes it to the disk and gives it its name. What had that name before is gone then, and not before.
    ///
    /// # Errors
    /// When that fails; the old file is then untouched.
    pub fn publish(self) -> Result<(), EmitError> {
        Self::publish_all(vec![self])
    }

    /// As [`publish`](Self::publish), for several files: all are flushed before the first gets its name.
    ///
    /// # Errors
    /// When that fails; the old files are then untouched, but for those whose new ones have their names.
    pub fn publish_all(files: Vec<Self>) -> Result<(), EmitError> {
        for pending in &files {
            let flushed = pending.file().and_then(File::sync_all);
            flushed.map_err(EmitError::write("flushing", &pending.partial))?;
        }
        let mut folders = BTreeSet::new();
        for mut pending in files {
            drop(pending.file.take()); // Windows renames no file that is open.
            if let Err(source) = std::fs::rename(&pending.partial, &pending.path) {
                let _ = std::fs::remove_file(&pending.partial);
                return Err(EmitError::Write { doing: "renaming", path: pending.partial.clone(), source });
            }
            folders.extend(pending.path.parent().map(Path::to_owned));
        }
        for folder in &folders {
            // What is in the files is safe already, and some network filesystems cannot do more.
            let _ = flush_folder(folder);
        }
        Ok(())
    }

    /// Makes a small file in one go.
    ///
    /// # Errors
    /// As its parts.
    pub fn write_whole(path: &Path, content: &[u8], private: bool) -> Result<(), EmitError> {
        let pending = Self::create(path, private)?;
        let written = pending.file().and_then(|mut file| file.write_all(content));
        written.map_err(EmitError::write("writing", path))?;
        pending.publish()
    }
}

/// Takes the lock of a file, or says that another run has it.
fn is_locked(file: &File) -> bool {
    // Some network filesystems know no locks; there two runs at once stay the user's business.
    matches!(file.try_lock(), Err(TryLockError::WouldBlock))
}

impl Drop for PendingFile {
    fn drop(&mut self) {
        if self.file.take().is_some() {
            // Nothing can be done about a failure here, and the next run takes the file over anyway.
            let _ = std::fs::remove_file(&self.partial);
        }
    }
}

#[cfg(unix)]
fn restrict(file: &File, private: bool) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    if private { file.set_permissions(std::fs::Permissions::from_mode(0o600)) } else { Ok(()) }
}

#[cfg(not(unix))]
fn restrict(_file: &File, _private: bool) -> io::Result<()> {
    Ok(()) // On Windows a file takes the permissions of its folder.
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_old_file_stays_until_the_new_one_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.img");
        std::fs::write(&path, "old").unwrap();
        let pending = PendingFile::create(&path, true).unwrap();
        pending.file().unwrap().write_all(b"half of the n").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"old");
        drop(pending);
        assert_eq!(std::fs::read(&path).unwrap(), b"old");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        PendingFile::write_whole(&path, b"new", true).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"new");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_a_killed_run_left_is_taken_over() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(".x.img.partial"), "a long rest of a killed run").unwrap();
        let path = folder.path().join("x.img");
        PendingFile::write_whole(&path, b"new", true).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"new");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn two_runs_do_not_write_one_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.img");
        let first = PendingFile::create(&path, true).unwrap();
        assert!(matches!(PendingFile::create(&path, true), Err(EmitError::Busy { .. })));
        first.publish().unwrap();
    }

    #[cfg(unix)]
    #[test]
    fn a_private_file_is_its_owners_alone() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.img");
        PendingFile::write_whole(&path, b"secret", true).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
}
