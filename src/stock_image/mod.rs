//! The stock image, in whatever format: opened read-only, decoded where it is read, each byte once, and verified before
//! anything that was made from it is published.
//!
//! ```text
//! file ──detect──▶ raw: as it is │ xz: Block by Block │ others: as a whole ──▶ a disk, padded to whole sectors
//!   └──SHA-256, in the background──▶ verify() ──▶ VerifiedImage           └──▶ page cache: what the next run needs not decode
//! ```

mod blocks;
mod decode_once;
mod decompressed;
mod error;
mod file;
mod image;
mod known_digests;
mod page_cache;
mod shared_blocks;

#[cfg(test)]
mod tests;

pub use error::{StockImageError, StockWarning};
pub use image::{StockImage, VerifiedImage};
pub(crate) use shared_blocks::{SharingDisk, repeated_blocks, shared_blocks};
