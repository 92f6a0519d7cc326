//! The errors of making the base layer.

use crate::fs::FsError;
use crate::partition::PartitionError;
use crate::patch::PatchError;
use crate::types::{ByteCount, ImagePath, errors};
use std::io;

errors! {
    /// An error of making the base layer.
    #[derive(Debug, thiserror::Error)]
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
        #[error("keeping what nodes get in a temporary file failed: {0}")]
        Scratch(io::Error) => "Make room in the folder that the images go to, or choose another one",
        /// The boot partition could not be read.
        #[error("reading how much is free on the boot partition failed: {0}")]
        BootFree(FsError),
        /// A file does not fit on the boot partition.
        #[error("`{path}` does not fit on the boot partition: it has {size}, and {free} are free there")]
        BootFull { path: ImagePath, size: ByteCount, free: ByteCount }
            => "Put it on the root partition, which can grow (`grow:` under `image:`), or leave it out",
        /// The files of a node do not fit: `needed` is the size of what is written and of what is to stay free, `growth`
        /// the size by which the image would have to grow.
        #[error("what is to be put on a card does not fit: {needed} are needed on the root partition, and {free} are free")]
        NoRoom { needed: ByteCount, free: ByteCount, growth: ByteCount, largest: Option<(ImagePath, ByteCount)> } => {
            let set = format!("Set `grow: {}MiB` (or `grow: auto`) under `image:`", growth.get() >> 20);
            match largest {
                Some((path, size)) => format!("{set}, or leave out {path} ({size})"),
                None => set,
            }
        },
    }
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
