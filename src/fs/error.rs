//! The errors of filesystems.

use super::FileKind;
use crate::formats::magic;
use crate::io::ReadAt;
use crate::types::{ByteCount, Hint};
use std::io;

/// An error of reading or writing a filesystem. It does not name the path: the caller knows it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FsError {
    /// The disk below could not be read or written.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// This is not the filesystem it was taken for.
    #[error("not {expected} filesystem: {found}")]
    NotThisFilesystem {
        /// `an ext4`, `a FAT`.
        expected: &'static str,
        /// The other filesystem that it is, or what it has: a clause.
        found: String,
    },
    /// A filesystem with features that cardwright does not know how to write.
    #[error("cannot write to this {kind} filesystem: it has {found}")]
    Unsupported {
        /// `ext4`, `FAT`.
        kind: &'static str,
        /// The features, as the filesystem's own tools name them.
        found: String,
    },
    /// A filesystem that was not closed properly.
    #[error("the {kind} filesystem was not unmounted cleanly: {found}")]
    Dirty {
        /// `ext4`, `FAT`.
        kind: &'static str,
        /// The mark of it: a clause.
        found: String,
    },
    /// A filesystem that contradicts itself.
    #[error("the filesystem is damaged: {0}")]
    Damaged(String),
    /// Nothing is there.
    #[error("there is no such file or directory")]
    NotFound,
    /// Something of another kind is there.
    #[error("there is a {found} there, not a {expected}")]
    WrongKind {
        /// The kind that was expected.
        expected: FileKind,
        /// The kind of what is there.
        found: FileKind,
    },
    /// A name on FAT that is only the short name of something else.
    #[error("this is only the short name (8.3) of `{of}`")]
    ShortName {
        /// The long name.
        of: String,
    },
    /// Something is there already.
    #[error("something is already there")]
    AlreadyExists,
    /// A file larger than it may be.
    #[error("the file has {size}, and no more than {limit} are read at once")]
    TooLarge {
        /// Its size.
        size: ByteCount,
        /// The largest size that is read.
        limit: ByteCount,
    },
    /// No space left.
    #[error("the filesystem is full: {needed} needed, {free} free")]
    Full {
        /// The size of what was to be written.
        needed: ByteCount,
        /// The free space.
        free: ByteCount,
    },
    /// It cannot become that large.
    #[error("cannot grow the filesystem to {to}: {reason}")]
    CannotGrow {
        /// The size that was asked for.
        to: ByteCount,
        /// The reason: a clause.
        reason: String,
    },
    /// No space left for one more file, whatever its size.
    #[error("the filesystem has no space for another name")]
    NoRoomForNames,
    /// FAT has no symbolic links.
    #[error("FAT has no symbolic links")]
    NoSymlinksHere,
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

impl Hint for FsError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::NotThisFilesystem { found, .. } if found.starts_with("it is ") => {
                Some("Start from an image as Raspberry Pi publishes it: its root partition is an ext4".to_owned())
            }
            Self::NotThisFilesystem { .. } | Self::Damaged(_) => {
                Some("Download the image again, and compare its SHA-256 with the one beside the download".to_owned())
            }
            Self::Unsupported { .. } => {
                Some("Start from an unmodified image as Raspberry Pi publishes it".to_owned())
            }
            Self::Dirty { .. } => Some(
                "Start from an image that was never booted or mounted for writing; cardwright does not replay journals"
                    .to_owned(),
            ),
            Self::ShortName { of } => {
                Some(format!("Write `{of}` if you mean that file, or else choose another name"))
            }
            Self::CannotGrow { .. } => Some("Write less to the image, or set a smaller `grow:` under `image:`".to_owned()),
            Self::Full { .. } | Self::NoRoomForNames => Some("Write less to the image".to_owned()),
            _ => None,
        }
    }
}
