//! Results: images and the sidecar files beside them.
//!
//! ```text
//! ImageJob   (node, layer) ──▶ Replica ──▶ BuiltImage ──▶ sidecar files: SHA256SUMS, build.json, …
//!                                 ▲
//! LayeredDisk ──▶ template ───────┘   an image is a copy of it, with other bytes where nodes differ
//! ```
//!
//! A raw image is a replica of the disk that all nodes share. A compressed one is a replica of a compressed file of
//! that disk, the template, in which the regions where nodes differ are stored uncompressed.
//!
//! Nothing here is ever half-written: every file is written beside its final place, flushed to the disk
//! and then renamed ([`AtomicFile`](crate::io::AtomicFile)).

mod disk_hashes;
mod error;
mod image_job;
mod image_writer;
mod regions;
mod replicas;
pub mod sidecar;
mod template;

#[cfg(test)]
mod tests;

pub use error::OutputError;
pub use image_job::{BuiltImage, ImageJob};
pub use image_writer::{ImageWriter, NewImages};

use std::io;
use std::path::Path;

/// Returns the name of an image.
#[expect(clippy::expect_used, reason = "a file that was written has a name")]
pub(crate) fn name_of(image: &Path) -> String {
    image.file_name().expect("an image is a file").to_string_lossy().into_owned()
}

/// Removes a file that describes what is no longer so, if it is there.
///
/// # Errors
/// When it is there and cannot be removed.
pub(crate) fn remove(path: &Path) -> Result<(), OutputError> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(OutputError::write("removing", path)(error))
        }
        _ => Ok(()),
    }
}
