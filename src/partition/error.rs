//! The errors of partition tables.

use crate::types::Hint;
use std::io;

/// An error of reading or changing the partition table of a disk.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PartitionError {
    /// Not a disk image.
    #[error("not a disk image: {found}")]
    NoTable {
        /// The finding: a clause.
        found: String,
    },
    /// A table that contradicts itself.
    #[error("the partition table is damaged: {0}")]
    Damaged(String),
    /// A partition that ends after the disk does.
    #[error(
        "partition {number} ends at byte {end}, but the disk has only {size} bytes: the image is cut short"
    )]
    BeyondTheEnd {
        /// Its number.
        number: u32,
        /// Its end.
        end: u64,
        /// The size of the disk.
        size: u64,
    },
    /// A partition that cannot be made to reach to the end of a larger disk.
    #[error("partition {number} cannot be made larger: {reason}")]
    CannotResize {
        /// Its number.
        number: u32,
        /// The reason: a clause.
        reason: String,
    },
    /// The table could not be written.
    #[error("the partition table cannot be written: {0}")]
    Write(io::Error),
    /// The table could not be read.
    #[error("the partition table cannot be read: {0}")]
    Read(io::Error),
}

impl Hint for PartitionError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::NoTable { .. } | Self::Damaged(_) | Self::BeyondTheEnd { .. } => Some(
                "Download the image again, and compare its SHA-256 with the one published beside it"
                    .to_owned(),
            ),
            Self::CannotResize { .. } => Some(
                "Set `grow: none` under `image:`, or use the stock image as Raspberry Pi publishes it"
                    .to_owned(),
            ),
            Self::Write(_) | Self::Read(_) => None,
        }
    }
}
