//! The errors of filesystems.

use super::FileKind;
use crate::formats::magic;
use crate::io::ReadAt;
use crate::types::{ByteCount, errors};
use std::io;

/// The result of reading or writing a filesystem.
pub type FsResult<T> = Result<T, FsError>;

errors! {
    /// An error of reading or writing a filesystem. It does not name the path: the caller knows it.
    #[derive(Debug, thiserror::Error)]
    pub enum FsError {
        /// The disk below could not be read or written.
        #[error("{0}")]
        Io(#[from] io::Error),
        /// This is not the filesystem it was taken for: `an ext4`, `a FAT`. What was found is a clause.
        #[error("not {expected} filesystem: {found}")]
        NotThisFilesystem { expected: &'static str, found: String } => if found.starts_with("it is ") {
            "Start from an image as Raspberry Pi publishes it: its root partition is an ext4"
        } else {
            DOWNLOAD_AGAIN
        },
        /// A filesystem with features that cardwright does not know how to write, as the filesystem's own tools name them.
        #[error("cannot write to this {kind} filesystem: it has {found}")]
        Unsupported { kind: &'static str, found: String }
            => "Start from an unmodified image as Raspberry Pi publishes it",
        /// A filesystem that was not closed properly. The mark of it is a clause.
        #[error("the {kind} filesystem was not unmounted cleanly: {found}")]
        Dirty { kind: &'static str, found: String }
            => "Start from an image that was never booted or mounted for writing; cardwright does not replay journals",
        /// A filesystem that contradicts itself.
        #[error("the filesystem is damaged: {0}")]
        Damaged(String) => DOWNLOAD_AGAIN,
        /// Nothing is there.
        #[error("there is no such file or directory")]
        NotFound,
        /// Something of another kind is there.
        #[error("there is a {found} there, not a {expected}")]
        WrongKind { expected: FileKind, found: FileKind },
        /// A name on FAT that is only the short name of something else.
        #[error("this is only the short name (8.3) of `{of}`")]
        ShortName { of: String } => format!("Write `{of}` if you mean that file, or else choose another name"),
        /// Something is there already.
        #[error("something is already there")]
        AlreadyExists,
        /// A file larger than it may be.
        #[error("the file has {size}, and no more than {limit} are read at once")]
        TooLarge { size: ByteCount, limit: ByteCount },
        /// No space left.
        #[error("the filesystem is full: {needed} needed, {free} free")]
        Full { needed: ByteCount, free: ByteCount } => WRITE_LESS,
        /// It cannot become that large. The reason is a clause.
        #[error("cannot grow the filesystem to {to}: {reason}")]
        CannotGrow { to: ByteCount, reason: String }
            => "Write less to the image, or set a smaller `grow:` under `image:`",
        /// No space left for one more file, whatever its size.
        #[error("the filesystem has no space for another name")]
        NoRoomForNames => WRITE_LESS,
        /// FAT has no symbolic links.
        #[error("FAT has no symbolic links")]
        NoSymlinksHere,
    }
}

const DOWNLOAD_AGAIN: &str =
    "Download the image again, and compare its SHA-256 with the one beside the download";
const WRITE_LESS: &str = "Write less to the image";

/// Returns the error of a filesystem that contradicts itself.
pub(super) fn damaged(what: impl Into<String>) -> FsError {
    FsError::Damaged(what.into())
}

impl FsError {
    /// Returns the error of a disk that does not hold the `expected` filesystem: it names the other one that it holds,
    /// or else says what was `found`.
    pub(super) fn other_filesystem(expected: &'static str, disk: &dyn ReadAt, found: String) -> Self {
        match magic::filesystem(disk) {
            Ok(Some(name)) if !name.starts_with("FAT") || expected != "a FAT" => {
                Self::NotThisFilesystem { expected, found: format!("it is {name}") }
            }
            Ok(_) => Self::NotThisFilesystem { expected, found },
            Err(error) => error.into(),
        }
    }
}
