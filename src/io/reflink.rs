//! Sharing blocks between files, where the filesystem can (btrfs, XFS, bcachefs; APFS).

use std::fs::File;
use std::io;
use std::path::Path;

/// Replaces the contents of `to`, a new file at `path`, with the blocks of `from`. Returns the file to go on with, where
/// that is another one.
///
/// # Errors
/// When the filesystem, or the system, cannot; then `to` is as it was.
#[cfg(target_os = "linux")]
pub(super) fn share(from: &File, to: &File, _path: &Path) -> io::Result<Option<File>> {
    rustix::fs::ioctl_ficlone(to, from)?;
    Ok(None)
}

/// Replaces `to` by a clone of `from`, which is another file and is locked as `to` was. It has the permissions of `from` at first (clonefile(2)), so it is made in a folder that nobody else
/// can look into.
#[cfg(target_os = "macos")]
pub(super) fn share(from: &File, _to: &File, path: &Path) -> io::Result<Option<File>> {
    use super::temporary::{Lock, TemporaryFolder, lock};
    use std::os::unix::fs::PermissionsExt as _;
    let parent = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let folder = TemporaryFolder::create(parent)?;
    let clone = folder.path().join("clone");
    let flags = rustix::fs::CloneFlags::NOOWNERCOPY;
    rustix::fs::fclonefileat(from, &File::open(folder.path())?, "clone", flags)?;
    std::fs::set_permissions(&clone, std::fs::Permissions::from_mode(0o600))?;
    let file = File::options().read(true).write(true).open(&clone)?;
    if lock(&file) == Lock::Theirs {
        return Err(io::ErrorKind::WouldBlock.into());
    }
    std::fs::rename(&clone, path)?;
    Ok(Some(file))
}

/// Fails: this system cannot.
#[cfg(not(any(target_os = "linux", target_os = "macos")))]
pub(super) fn share(_from: &File, _to: &File, _path: &Path) -> io::Result<Option<File>> {
    Err(io::ErrorKind::Unsupported.into())
}
