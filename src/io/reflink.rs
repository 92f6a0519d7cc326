//! Sharing blocks between files, where the filesystem can (btrfs, XFS, bcachefs; APFS): the one place that
//! asks the system for it.

use std::fs::File;
use std::io;
use std::path::Path;

/// Lets `to`, an open file that stands at `path` and nobody else has any use for, begin with the blocks of
/// `from`. Gives the file to go on with.
///
/// # Errors
/// When the filesystem, or the system, knows nothing of the kind; then `to` is as it was.
#[cfg(target_os = "linux")]
pub(super) fn share(from: &File, to: &File, _path: &Path) -> io::Result<Option<File>> {
    rustix::fs::ioctl_ficlone(to, from)?;
    Ok(None)
}

/// As on Linux; but here the clone is another file, which takes the place of the one at `path`, locked as that
/// was. It has the permissions of `from` at first (clonefile(2)), so it is made in a folder that nobody else
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

/// Nothing is known of it here.
#[cfg(not(any(target_os = "linux", target_os = "macos")))]
pub(super) fn share(_from: &File, _to: &File, _path: &Path) -> io::Result<Option<File>> {
    Err(io::ErrorKind::Unsupported.into())
}
