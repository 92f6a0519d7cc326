//! Errors of patches.

use super::{Content, Partition};
use crate::fs::{FileKind, FsError};
use crate::types::{ImagePath, InvalidPath, errors};
use std::io;
use std::path::PathBuf;

errors! {
    /// An error of making, applying or checking a patch. `doing` is a verb, with its object where that is not the path;
    /// `found` is what is there, in the stock image or by an edit before.
    #[derive(Debug, thiserror::Error)]
    pub enum PatchError {
        /// A filesystem of the image did not do what it was asked for.
        #[error("cannot {doing} `{path}` on the {partition} partition: {source}")]
        Filesystem { doing: &'static str, partition: Partition, path: ImagePath, source: FsError } => source.hint(),
        /// A name that makes no path.
        #[error(transparent)]
        Path(#[from] InvalidPath),
        /// Symbolic links that lead to each other.
        #[error("`{path}` on the {partition} partition is a symbolic link that leads back to itself")]
        LinkCircle { partition: Partition, path: ImagePath } => UNMODIFIED,
        /// A file that is to be edited as text is not text.
        #[error("`{path}` on the {partition} partition is not UTF-8 text")]
        NotText { partition: Partition, path: ImagePath } => UNMODIFIED,
        /// Something of another kind stands where a file or a directory is to be written.
        #[error("cannot {doing} `{path}` on the {partition} partition: a {found} is there")]
        InTheWay { partition: Partition, path: ImagePath, doing: &'static str, found: FileKind } => ANOTHER_PATH,
        /// Something is to be written below what is no directory.
        #[error("cannot write `{path}` on the {partition} partition: `{above}` is a {found}, not a directory")]
        NoDirectory { partition: Partition, path: ImagePath, above: ImagePath, found: FileKind } => ANOTHER_PATH,
        /// Something is to be written below what is moved away.
        #[error("cannot write `{path}` on the {partition} partition: `{above}` is moved to `{to}`")]
        MovedAway { partition: Partition, path: ImagePath, above: ImagePath, to: ImagePath }
            => format!("Write `{}` instead", path.after_rename(above, to)),
        /// A file of the user's would replace one that cardwright itself writes, or the other way round.
        #[error("`{path}` on the {partition} partition is written by cardwright itself")]
        Claimed { partition: Partition, path: ImagePath } => ANOTHER_PATH,
        /// A secret was about to be written where it can be read by others.
        #[error("`{path}` on the {partition} partition holds a secret and may only be written on the root partition with mode 0600")]
        SecretInTheOpen { partition: Partition, path: ImagePath },
        /// A file of this machine that is to be put on the card could not be read.
        #[error("cannot read {}, which is to become `{path}` on the {partition} partition: {source}", file.display())]
        SourceFile { file: PathBuf, partition: Partition, path: ImagePath, source: io::Error }
            => "Leave the file as it is while images are being built, and build again",
    }
}

const UNMODIFIED: &str = "Start from an unmodified image as Raspberry Pi publishes it";
const ANOTHER_PATH: &str = "Choose another path in nodes.yaml";

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
