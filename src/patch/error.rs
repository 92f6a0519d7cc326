//! Errors of patches.

use super::{Content, PartitionPath};
use crate::fs::{FileKind, FsError};
use crate::types::{ImagePath, InvalidPath, errors};
use std::io;
use std::path::PathBuf;

/// The result of making, applying or checking a patch.
pub type PatchResult<T> = Result<T, PatchError>;

const UNMODIFIED: &str = "Start from an unmodified image as Raspberry Pi publishes it";
const ANOTHER_PATH: &str = "Choose another path in nodes.yaml";

errors! {
    /// An error of making, applying or checking a patch.
    #[derive(Debug, thiserror::Error)]
    pub enum PatchError {
        /// A filesystem of the image did not do what it was asked for, which is a verb.
        #[error("cannot {doing} {at}: {source}")]
        Filesystem { doing: &'static str, at: PartitionPath, source: FsError } => source.hint(),
        /// A name that makes no path.
        #[error(transparent)]
        Path(#[from] InvalidPath),
        /// Symbolic links that lead to each other.
        #[error("{at} is a symbolic link that leads back to itself")]
        LinkCircle { at: PartitionPath } => UNMODIFIED,
        /// A file that is to be edited as text is not text.
        #[error("{at} is not UTF-8 text")]
        NotText { at: PartitionPath } => UNMODIFIED,
        /// Something of another kind is where a file or a directory is to be written, in the stock image or by an edit
        /// before. The intention is a verb with its object.
        #[error("cannot {doing} {at}: a {found} is there")]
        InTheWay { doing: &'static str, at: PartitionPath, found: FileKind } => ANOTHER_PATH,
        /// Something is to be written below what is no directory, in the stock image or by an edit before.
        #[error("cannot write {at}: `{above}` is a {found}, not a directory")]
        NoDirectory { at: PartitionPath, above: ImagePath, found: FileKind } => ANOTHER_PATH,
        /// Something is to be written below what is moved away.
        #[error("cannot write {at}: `{above}` is moved to `{to}`")]
        MovedAway { at: PartitionPath, above: ImagePath, to: ImagePath }
            => format!("Write `{}` instead", at.path.after_rename(above, to)),
        /// A file of the user's would replace one that cardwright itself writes, or the other way round.
        #[error("{at} is written by cardwright itself")]
        Claimed { at: PartitionPath } => ANOTHER_PATH,
        /// A secret was about to be written where it can be read by others.
        #[error("{at} holds a secret and may only be written on the root partition with mode 0600")]
        SecretInTheOpen { at: PartitionPath },
        /// A file of this machine that is to be put on the card could not be read.
        #[error("cannot read {}, which is to become {at}: {source}", file.display())]
        SourceFile { file: PathBuf, at: PartitionPath, source: io::Error }
            => "Leave the file as it is while images are being built, and build again",
    }
}

impl PatchError {
    /// Returns a function for `map_err`: the error of a filesystem that did not do something at a path.
    pub(crate) fn filesystem(doing: &'static str, at: PartitionPath) -> impl FnOnce(FsError) -> Self {
        move |source| Self::Filesystem { doing, at, source }
    }

    /// Returns a function for `map_err`: the error of reading `content`, which is to become `at`.
    #[expect(clippy::expect_used, reason = "a slice of bytes is read without an error")]
    pub(super) fn content(content: &Content, at: PartitionPath) -> impl Fn(io::Error) -> Self {
        move |source| {
            let file = content.source_path().expect("reading what is in memory does not fail").to_owned();
            Self::SourceFile { file, at: at.clone(), source }
        }
    }
}
