//! Permissions of files, which only Unix has.
//!
//! Windows gives a new file the access list of its folder, which in a home folder is its owner's alone.

use std::fs::File;
use std::io;

/// Returns the permission bits of a file that others than its owner may read, or `None`.
#[cfg(unix)]
pub(super) fn mode_if_open_to_others(file: &File) -> io::Result<Option<u32>> {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = file.metadata()?.permissions().mode() & 0o7777;
    Ok((mode & 0o077 != 0).then_some(mode))
}

/// Returns the permission bits of a file that others than its owner may read, or `None`.
#[cfg(not(unix))]
pub(super) fn mode_if_open_to_others(_file: &File) -> io::Result<Option<u32>> {
    Ok(None)
}
