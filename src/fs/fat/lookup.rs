//! Finding a path, as FAT finds it, in whatever case it is written; but by long names.

use super::cache::Cursor;
use super::volume::Filesystem;
use crate::fs::{FileKind, FsError};
use crate::types::ImagePath;

pub(super) type Directory<'a> = fatfs::Dir<'a, Cursor>;
pub(super) type Entry<'a> = fatfs::DirEntry<'a, Cursor>;

/// The entry of one name in a directory. An entry with a long name is found by that one alone.
///
/// Its short name (8.3) is an alias that whoever wrote it made up. `fatfs` takes either for the name of a file,
/// as DOS did, so that `BCM271~1.DTB` is one of the firmware's files: which one hangs on the order in which they
/// were written. Nobody means that, so a name that is only an alias is an error; so is one that is both, because
/// `fatfs` would take whichever comes first.
pub(super) fn entry_in<'a>(directory: &Directory<'a>, name: &str) -> Result<Option<Entry<'a>>, FsError> {
    let wanted = folded(name);
    let (mut found, mut alias_of) = (None, None);
    for entry in directory.iter() {
        let entry = entry?;
        if is_dots(&entry) {
            continue;
        }
        if folded(&entry.file_name()) == wanted {
            if found.is_some() {
                return Err(FsError::Damaged(format!("two entries of a directory are called `{name}`")));
            }
            found = Some(entry);
        } else if folded(&entry.short_file_name()) == wanted {
            alias_of = Some(entry.file_name());
        }
    }
    match (found, alias_of) {
        (found, None) => Ok(found),
        (None, Some(of)) => Err(FsError::ShortName { of }),
        (Some(_), Some(of)) => {
            Err(FsError::Damaged(format!("`{name}` is the name of one file and the short name of `{of}`")))
        }
    }
}

/// The entry at a path. The root directory has none.
pub(super) fn entry_at<'a>(
    filesystem: &'a Filesystem,
    path: &ImagePath,
) -> Result<Option<Entry<'a>>, FsError> {
    let mut directory = filesystem.root_dir();
    let mut found = None;
    for part in path.parts() {
        if let Some(entry) = found {
            directory = match directory_of(&entry) {
                Some(directory) => directory,
                None => return Ok(None),
            };
        }
        found = entry_in(&directory, part)?;
        if found.is_none() {
            return Ok(None);
        }
    }
    Ok(found)
}

/// The directory at a path.
pub(super) fn directory_at<'a>(
    filesystem: &'a Filesystem,
    path: &ImagePath,
) -> Result<Directory<'a>, FsError> {
    if path.parent().is_none() {
        return Ok(filesystem.root_dir());
    }
    let entry = entry_at(filesystem, path)?.ok_or(FsError::NotFound)?;
    let wrong = FsError::WrongKind { expected: FileKind::Directory, found: FileKind::File };
    directory_of(&entry).ok_or(wrong)
}

/// Whether it is the entry of the directory itself or of the one above.
pub(super) fn is_dots(entry: &Entry<'_>) -> bool {
    matches!(entry.short_file_name_as_bytes(), b"." | b"..")
}

fn directory_of<'a>(entry: &Entry<'a>) -> Option<Directory<'a>> {
    // to_dir panics for a file.
    entry.is_dir().then(|| entry.to_dir())
}

fn folded(name: &str) -> String {
    name.chars().flat_map(char::to_uppercase).collect()
}
