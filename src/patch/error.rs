//! What can go wrong with a patch.

use super::Partition;
use crate::fs::{FsError, ImagePath};
use crate::hint::Hint;
use std::io;

/// An error of making, applying or checking a patch.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PatchError {
    /// A filesystem of the image did not do what it was asked for.
    #[error("{doing} `{path}` on the {partition} partition failed: {source}")]
    Filesystem {
        /// What was being done: a gerund.
        doing: &'static str,
        /// Where.
        partition: Partition,
        /// Which path.
        path: ImagePath,
        /// What the filesystem said.
        source: FsError,
    },
    /// Symbolic links that lead to each other.
    #[error("`{path}` on the {partition} partition is a symbolic link that leads back to itself")]
    LinkCircle {
        /// Where.
        partition: Partition,
        /// Which path.
        path: ImagePath,
    },
    /// A file that is to be edited as text is not text.
    #[error("`{path}` on the {partition} partition is not UTF-8 text")]
    NotText {
        /// Where.
        partition: Partition,
        /// Which path.
        path: ImagePath,
    },
    /// Something of another kind stands where a file or a directory is to be written.
    #[error(
        "`{path}` on the {partition} partition is to become a {wanted}, but the stock image has something else there"
    )]
    InTheWay {
        /// Where.
        partition: Partition,
        /// Which path.
        path: ImagePath,
        /// What it was to become.
        wanted: &'static str,
    },
    /// A secret was about to be written where it can be read by others.
    #[error(
        "`{path}` on the {partition} partition holds a secret and may only be written on the root partition with mode 0600"
    )]
    SecretInTheOpen {
        /// Where.
        partition: Partition,
        /// Which path.
        path: ImagePath,
    },
    /// A file of this machine that is to be put on the card could not be read.
    #[error("reading {} for the card failed: {source}", path.display())]
    SourceFile {
        /// Which file.
        path: std::path::PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl PatchError {
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
            Self::InTheWay { .. } => Some("Choose another path in nodes.yaml".to_owned()),
            Self::SecretInTheOpen { .. } | Self::SourceFile { .. } => None,
        }
    }
}
