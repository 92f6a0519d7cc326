//! The errors of `rust-fs-ext4` in the words of this crate.

use crate::fs::FsError;
use std::io;

impl From<fs_ext4::Error> for FsError {
    /// Converts an error, but for a lack of space, which only the writer can put in numbers.
    fn from(error: fs_ext4::Error) -> Self {
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
}
