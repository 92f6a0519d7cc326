//! Errors of patches.

use super::{Content, Partition};
use crate::fs::{FileKind, FsError};
use crate::types::{Hint, ImagePath, InvalidPath};
use std::io;
use std::path::PathBuf;

/// An error of making, applying or checking a patch.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PatchError {
    /// A filesystem of the image did not do what it was asked for.
    #[error("cannot {doing} `{path}` on the {partition} partition: {source}")]
    Filesystem {
        /// The operation: a verb.
        doing: &'static str,
        /// The partition.
        partition: Partition,
        /// The path.
        path: ImagePath,
        /// The filesystem's error.
        source: FsError,
    },
    /// A name that makes no path.
    #[error(transparent)]
    Path(#[from] InvalidPath),
    /// Symbolic links that lead to each other.
    #[error("`{path}` on the {partition} partition is a symbolic link that leads back to itself")]
    LinkCircle {
        /// The partition.
        partition: Partition,
        /// The path.
        path: ImagePath,
    },
    /// A file that is to be edited as text is not text.
    #[error("`{path}` on the {partition} partition is not UTF-8 text")]
    NotText {
        /// The partition.
        partition: Partition,
        /// The path.
        path: ImagePath,
    },
    /// Something of another kind stands where a file or a directory is to be written.
    #[error("cannot {doing} `{path}` on the {partition} partition: a {found} is there")]
    InTheWay {
        /// The partition.
        partition: Partition,
        /// The path.
        path: ImagePath,
        /// The intention: a verb with its object.
        doing: &'static str,
        /// The kind of what is there, in the stock image or by an edit before.
        found: FileKind,
    },
    /// Something is to be written below what is no directory.
    #[error("cannot write `{path}` on the {partition} partition: `{above}` is a {found}, not a directory")]
    NoDirectory {
        /// The partition.
        partition: Partition,
        /// The path that was to be written.
        path: ImagePath,
        /// The path above it.
        above: ImagePath,
        /// The kind of what is there, in the stock image or by an edit before.
        found: FileKind,
    },
    /// Something is to be written below what is moved away.
    #[error("cannot write `{path}` on the {partition} partition: `{above}` is moved to `{to}`")]
    MovedAway {
        /// The partition.
        partition: Partition,
        /// The path that was to be written.
        path: ImagePath,
        /// The path above it.
        above: ImagePath,
        /// The path that this is moved to.
        to: ImagePath,
    },
    /// A file of the user's would replace one that cardwright itself writes, or the other way round.
    #[error("`{path}` on the {partition} partition is written by cardwright itself")]
    Claimed {
        /// The partition.
        partition: Partition,
        /// The path.
        path: ImagePath,
    },
    /// A secret was about to be written where it can be read by others.
    #[error(
        "`{path}` on the {partition} partition holds a secret and may only be written on the root partition with mode 0600"
    )]
    SecretInTheOpen {
        /// The partition.
        partition: Partition,
        /// The path.
        path: ImagePath,
    },
    /// A file of this machine that is to be put on the card could not be read.
    #[error("cannot read {}, which is to become `{path}` on the {partition} partition: {source}", file.display())]
    SourceFile {
        /// The file of this machine.
        file: PathBuf,
        /// The partition that it goes to.
        partition: Partition,
        /// As which path.
        path: ImagePath,
        /// The cause.
        source: io::Error,
    },
}

impl PatchError {
    /// Returns the error of reading `content`, which is to become `path`.
    #[expect(clippy::expect_used, reason = "a slice of bytes is read without an error")]
    pub(super) fn content(
        content: &Content,
        partition: Partition,
        path: &ImagePath,
        source: io::Error,
    ) -> Self {
        let file = content.source_path().expect("reading what is in memory does not fail").to_owned();
        Self::SourceFile { file, partition, path: path.clone(), source }
    }

    pub(super) fn stock(
        doing: &'static str,
        partition: Partition,
        path: &ImagePath,
        source: FsError,
    ) -> Self {
        Self::Filesystem { doing, partition, path: path.clone(), source }
    }
}

impl Hint for PatchError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Filesystem { source, .. } => source.hint(),
            Self::LinkCircle { .. } | Self::NotText { .. } => {
                Some("Start from an unmodified image as Raspberry Pi publishes it".to_owned())
            }
            Self::InTheWay { .. } | Self::NoDirectory { .. } | Self::Claimed { .. } => {
                Some("Choose another path in nodes.yaml".to_owned())
            }
            Self::MovedAway { path, above, to, .. } => {
                Some(format!("Write `{}` instead", path.after_rename(above, to)))
            }
            Self::SourceFile { .. } => {
                Some("Leave the file as it is while images are being built, and build again".to_owned())
            }
            Self::SecretInTheOpen { .. } | Self::Path(_) => None,
        }
    }
}
