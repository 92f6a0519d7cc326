//! The errors of the two crates in the words of this room.

use crate::fs::FsError;
use std::io;

/// An error of the reading crate.
pub(super) fn from_reader(error: ext4_view::Ext4Error) -> FsError {
    use ext4_view::Ext4Error as Error;
    match error {
        Error::NotFound | Error::NotADirectory => FsError::NotFound,
        Error::Io(error) => match error.downcast::<io::Error>() {
            Ok(error) => FsError::Io(*error),
            Err(other) => FsError::Damaged(other.to_string()),
        },
        Error::Incompatible(found) => {
            FsError::Unsupported { kind: "ext4", found: format!("something it cannot be read with: {found}") }
        }
        Error::Corrupt(found) => FsError::Damaged(found.to_string()),
        other => FsError::Damaged(other.to_string()),
    }
}

/// An error of the writing crate, but for a lack of space, which only the writer can put in numbers.
pub(super) fn from_writer(error: fs_ext4::Error) -> FsError {
    use fs_ext4::Error;
    match error {
        Error::Io(error) => FsError::Io(error),
        Error::NotFound => FsError::NotFound,
        Error::AlreadyExists => FsError::AlreadyExists,
        Error::NameTooLong | Error::InvalidArgument(_) | Error::Unsupported(_) => {
            FsError::Io(io::Error::new(io::ErrorKind::InvalidInput, error.to_string()))
        }
        other => FsError::Damaged(other.to_string()),
    }
}
