//! The formats that images are compressed in: raw, xz, gzip, Zstandard and zip. All there is to know about one is in
//! its own file or folder: how its files are decoded, and how they are made; how they begin is in `image_format`. The
//! libraries that know them are named in this module only.
//!
//! An image that comes out is made of parts that are compressed independently of each other (a `PartEncoder`):
//! that is what lets a part be replaced without compressing the rest again.

mod concatenated;
mod error;
mod gzip;
mod image_format;
pub(crate) mod magic;
mod part;
pub(crate) mod xz;
mod zip;
mod zstd;

#[cfg(test)]
mod tests;

pub use error::FormatError;
pub use image_format::ImageFormat;
pub use part::Compression;
pub(crate) use part::{EncodedPart, PartEncoder, Record};

use crate::types::ByteCount;

/// The most that is decompressed. Stock images have 2 to 16 GiB; a small file that claims to hold more than this is
/// made to fill disks.
pub(crate) const LARGEST_IMAGE: ByteCount = ByteCount::new(256 << 30);
