//! The errors of partition tables.

use crate::types::errors;
use std::io;

errors! {
    /// An error of reading or changing the partition table of a disk.
    #[derive(Debug, thiserror::Error)]
    pub enum PartitionError {
        /// Not a disk image. What was found is a clause.
        #[error("not a disk image: {found}")]
        NoTable { found: String } => DOWNLOAD_AGAIN,
        /// A table that contradicts itself.
        #[error("the partition table is damaged: {0}")]
        Damaged(String) => DOWNLOAD_AGAIN,
        /// A partition that ends after the disk does.
        #[error("partition {number} ends at byte {end}, but the disk has only {size} bytes: the image is cut short")]
        BeyondTheEnd { number: u32, end: u64, size: u64 } => DOWNLOAD_AGAIN,
        /// A partition that cannot be made to reach to the end of a larger disk. The reason is a clause.
        #[error("partition {number} cannot be made larger: {reason}")]
        CannotResize { number: u32, reason: String }
            => "Set `grow: none` under `image:`, or use the stock image as Raspberry Pi publishes it",
        /// The table could not be written.
        #[error("the partition table cannot be written: {0}")]
        Write(io::Error),
        /// The table could not be read.
        #[error("the partition table cannot be read: {0}")]
        Read(io::Error),
    }
}

const DOWNLOAD_AGAIN: &str =
    "Download the image again, and compare its SHA-256 with the one published beside it";
