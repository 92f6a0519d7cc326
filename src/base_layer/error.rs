//! The errors of making the base layer.

use crate::fs::FsError;
use crate::partition::PartitionError;
use crate::patch::PatchError;
use crate::types::{ByteCount, Hint, ImagePath};
use std::io;

/// An error of making the base layer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BaseLayerError {
    /// The partition table could not be changed.
    #[error(transparent)]
    Disk(#[from] PartitionError),
    /// The filesystem could not be made larger.
    #[error("making the root partition larger failed: {0}")]
    Grow(FsError),
    /// The free space of the root filesystem could not be read.
    #[error("reading how much is free on the root partition failed: {0}")]
    Free(FsError),
    /// The files that all nodes share could not be written.
    #[error("writing what all nodes get: {0}")]
    Apply(#[from] PatchError),
    /// There is no room for the layer.
    #[error("keeping what all nodes get in a temporary file failed: {0}")]
    Scratch(io::Error),
    /// The boot partition could not be read.
    #[error("reading how much is free on the boot partition failed: {0}")]
    BootFree(FsError),
    /// A file does not fit on the boot partition.
    #[error("`{path}` does not fit on the boot partition: it has {size}, and {free} are free there")]
    BootFull {
        /// The path of the file.
        path: ImagePath,
        /// Its size.
        size: ByteCount,
        /// The free space that is left for it.
        free: ByteCount,
    },
    /// The files of a node do not fit.
    #[error(
        "what is to be put on a card does not fit: {needed} are needed on the root partition, and {free} are free"
    )]
    NoRoom {
        /// The size of what is written, and of what is to stay free.
        needed: ByteCount,
        /// The free space.
        free: ByteCount,
        /// The size by which the image would have to grow.
        growth: ByteCount,
        /// The largest file that is to be written.
        largest: Option<(ImagePath, ByteCount)>,
    },
}

impl BaseLayerError {
    /// Returns `true` if `image:` of nodes.yaml, or what is put on the nodes, has to change.
    pub(crate) fn is_about_room(&self) -> bool {
        matches!(
            self,
            Self::NoRoom { .. }
                | Self::Disk(PartitionError::CannotResize { .. })
                | Self::Grow(FsError::CannotGrow { .. })
        )
    }
}

impl Hint for BaseLayerError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Disk(error) => error.hint(),
            Self::Grow(error) | Self::Free(error) | Self::BootFree(error) => error.hint(),
            Self::BootFull { .. } => Some(
                "Put it on the root partition, which can grow (`grow:` under `image:`), or leave it out"
                    .to_owned(),
            ),
            Self::Apply(error) => error.hint(),
            Self::Scratch(_) => {
                Some("Make room in the folder that the images go to, or choose another one".to_owned())
            }
            Self::NoRoom { growth, largest, .. } => {
                let growth = format!("{}MiB", growth.get() >> 20);
                let set = format!("Set `grow: {growth}` (or `grow: auto`) under `image:`");
                Some(match largest {
                    Some((path, size)) => format!("{set}, or leave out {path} ({size})"),
                    None => set,
                })
            }
        }
    }
}
