//! The owners of files, and who may write to them: the one place where Unix and Windows differ in that.

use std::fs::{DirBuilder, File, Metadata, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

/// The mode of a file that is its owner's alone.
pub(crate) const PRIVATE: u32 = 0o600;

/// Returns the user, and the group, who run this program as root by sudo(8).
#[cfg(unix)]
fn invoker() -> Option<(u32, u32)> {
    let number = |name| std::env::var(name).ok()?.parse::<u32>().ok();
    let invoker = (number("SUDO_UID")?, number("SUDO_GID")?);
    (rustix::process::geteuid().is_root() && invoker.0 != 0).then_some(invoker)
}

/// Returns the home folder of the person at the keyboard: with sudo, that of the one who typed it.
pub(crate) fn home() -> Option<PathBuf> {
    #[cfg(unix)]
    let of_invoker =
        invoker().and_then(|(user, _)| home_in(&std::fs::read_to_string("/etc/passwd").ok()?, user));
    #[cfg(not(unix))]
    let of_invoker = None;
    of_invoker.or_else(std::env::home_dir).filter(|home| !home.as_os_str().is_empty())
}

/// Returns the home folder of a user in the text of a passwd(5).
#[cfg(unix)]
fn home_in(passwd: &str, user: u32) -> Option<PathBuf> {
    let of_user = |line: &&str| line.split(':').nth(2).and_then(|id| id.parse().ok()) == Some(user);
    passwd.lines().find(of_user)?.split(':').nth(5).map(PathBuf::from)
}

/// Gives a new file or folder to the user who runs this program as root by sudo, where that user has the folder that it is
/// in: otherwise nothing of it could be used without sudo afterwards.
#[cfg(unix)]
pub(crate) fn give_to_invoker(new: &File, folder: &Path) {
    use std::os::unix::fs::{MetadataExt as _, fchown};
    let Some((user, group)) = invoker() else { return };
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let is_theirs = std::fs::metadata(folder).map(|found| found.uid() == user);
    let given =
        is_theirs.and_then(|is_theirs| if is_theirs { fchown(new, Some(user), Some(group)) } else { Ok(()) });
    if let Err(error) = given {
        tracing::debug!("a new file in {} stays root's: {error}", folder.display());
    }
}

/// Returns `true` if a file belongs to the user who runs this program, with sudo or without.
#[cfg(unix)]
pub(crate) fn is_ours(metadata: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let owner = metadata.uid();
    owner == rustix::process::geteuid().as_raw() || invoker().is_some_and(|(user, _)| owner == user)
}

/// Returns `true` if a file has several names.
#[cfg(unix)]
pub(crate) fn has_other_names(metadata: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    metadata.nlink() > 1
}

/// Lets a new file have these permission bits, less those that the umask takes.
#[cfg(unix)]
pub(crate) fn with_mode(options: &mut OpenOptions, mode: u32) -> &mut OpenOptions {
    use std::os::unix::fs::OpenOptionsExt as _;
    options.mode(mode)
}

/// Sets the bits of a [private](PRIVATE) file, whatever the umask took or a clone brought along.
#[cfg(unix)]
pub(crate) fn set_mode_if_private(file: &File, mode: u32) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    if mode == PRIVATE { file.set_permissions(std::fs::Permissions::from_mode(mode)) } else { Ok(()) }
}

/// Lets opening fail where the name is a link, and not wait where it is a FIFO (open(2)).
#[cfg(unix)]
pub(crate) fn without_links(options: &mut OpenOptions) -> &mut OpenOptions {
    use rustix::fs::OFlags;
    use std::os::unix::fs::OpenOptionsExt as _;
    // Both flags are small positive numbers on every Unix.
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits();
    options.custom_flags(flags.cast_signed())
}

/// Makes a folder, and those above it, of which nobody but its owner may change the content, whatever the
/// umask. Of `private` ones nobody else may see it either. Those that are there stay as they are.
///
/// # Errors
/// Fails when it is not there and cannot be made.
pub fn create_folder(folder: &Path, private: bool) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt as _;
        builder.mode(if private { 0o700 } else { 0o755 });
    }
    #[cfg(not(unix))]
    let _: bool = private; // A folder takes the permissions of the one above it.
    let missing: Vec<&Path> =
        folder.ancestors().take_while(|at| !at.as_os_str().is_empty() && !at.exists()).collect();
    builder.create(folder)?;
    // Each is its owner's before the next is looked at.
    for new in missing.into_iter().rev() {
        #[cfg(unix)]
        give_to_invoker(&File::open(new)?, new.parent().unwrap_or(Path::new(".")));
        #[cfg(not(unix))]
        let _: &Path = new;
    }
    Ok(())
}

/// Returns the permission bits of a folder in which others may make and replace files; `None` where they may
/// not, or there is no such folder.
///
/// The group of the same number as the owner is that owner's alone on Linux distributions that give every user a
/// group of their own (useradd(8), `USERGROUPS_ENAB`), and their umask of 002 lets it write. On other systems
/// equal numbers are a chance.
#[cfg(unix)]
pub fn mode_if_others_may_write(folder: &Path) -> Option<u32> {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
    let metadata = std::fs::metadata(folder).ok()?;
    let mode = metadata.permissions().mode() & 0o7777;
    let is_owners_group = cfg!(target_os = "linux") && metadata.gid() == metadata.uid();
    let others = if is_owners_group { 0o002 } else { 0o022 };
    (mode & others != 0).then_some(mode)
}

/// Returns the permission bits of a file that others than its owner may read or write; `None` where they may not.
///
/// # Errors
/// When the file cannot be asked.
#[cfg(unix)]
pub(crate) fn mode_if_open_to_others(file: &File) -> io::Result<Option<u32>> {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = file.metadata()?.permissions().mode() & 0o7777;
    Ok((mode & 0o077 != 0).then_some(mode))
}

#[cfg(not(unix))]
mod elsewhere {
    use super::{File, Metadata, OpenOptions, Path, io};

    /// Windows keeps other users out of a person's folders itself.
    pub(crate) fn is_ours(_metadata: &Metadata) -> bool {
        true
    }

    pub(crate) fn give_to_invoker(_new: &File, _folder: &Path) {}

    pub(crate) fn has_other_names(_metadata: &Metadata) -> bool {
        false
    }

    pub(crate) fn with_mode(options: &mut OpenOptions, _mode: u32) -> &mut OpenOptions {
        options
    }

    pub(crate) fn set_mode_if_private(_file: &File, _mode: u32) -> io::Result<()> {
        Ok(()) // A file takes the permissions of its folder.
    }

    pub(crate) fn without_links(options: &mut OpenOptions) -> &mut OpenOptions {
        options
    }

    /// Returns `None`: a new file has the access list of its folder, which in a home folder is its owner's alone.
    pub(crate) fn mode_if_open_to_others(_file: &File) -> io::Result<Option<u32>> {
        Ok(None)
    }

    /// Returns `None`: there are no such bits.
    pub fn mode_if_others_may_write(_folder: &Path) -> Option<u32> {
        None
    }
}
#[cfg(not(unix))]
pub use elsewhere::mode_if_others_may_write;
#[cfg(not(unix))]
pub(crate) use elsewhere::{
    give_to_invoker, has_other_names, is_ours, mode_if_open_to_others, set_mode_if_private, with_mode,
    without_links,
};
