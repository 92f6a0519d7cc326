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

/// As on Linux; but here the clone is another file, which takes the place of the one at `path`.
#[cfg(target_os = "macos")]
pub(super) fn share(from: &File, _to: &File, path: &Path) -> io::Result<Option<File>> {
    let folder =
        File::open(path.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new(".")))?;
    let name = Path::new(path.file_name().unwrap_or_default());
    let cloned = Path::new(".").join(name).with_extension("clone");
    let _ = std::fs::remove_file(path.with_file_name(&cloned));
    rustix::fs::fclonefileat(from, &folder, &cloned, rustix::fs::CloneFlags::empty())?;
    std::fs::rename(path.with_file_name(&cloned), path)?;
    File::options().read(true).write(true).open(path).map(Some)
}

/// Nothing is known of it here.
#[cfg(not(any(target_os = "linux", target_os = "macos")))]
pub(super) fn share(_from: &File, _to: &File, _path: &Path) -> io::Result<Option<File>> {
    Err(io::ErrorKind::Unsupported.into())
}
