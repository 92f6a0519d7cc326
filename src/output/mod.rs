//! What comes out: images and the papers beside them, one file per output.
//!
//! An image is the [`Disk`] that all cards begin as, with the layers of one [`Card`] above it. It is made as
//! a copy of an original that all cards share, with other bytes in the places where they differ: of the
//! disk itself, or of a packed file of it (the template) in which those places are not packed.
//!
//! Nothing here is ever half-written: every output is made beside its final place, flushed to the disk
//! and then renamed ([`AtomicFile`]).

mod contents;
mod error;
mod image_job;
mod images;
mod regions;
mod replicas;
pub(crate) mod sidecar;
mod template;

#[cfg(test)]
mod tests;

pub use error::OutputError;
pub use image_job::{Card, Disk};
pub use images::{Images, Made, Progress, Stage, Written};
pub(crate) use sidecar::bmap::{is_bmap, path_beside as bmap_path};
pub use sidecar::checksums::write_sha256sums;
pub(crate) use sidecar::checksums::{CHECKSUMS, digests_of, speaks_of};
pub(crate) use sidecar::manifest::is_manifest;
pub use sidecar::manifest::{Entry, Manifest, write_manifest};
pub(crate) use sidecar::provenance::images_of;
pub use sidecar::provenance::{Provenance, write_provenance};
pub use sidecar::{SidecarOptions, Sidecars};

use std::io;
use std::path::Path;

/// Removes a file that speaks of what is no longer so, if it is there.
///
/// # Errors
/// When it is there and cannot be removed.
pub fn remove(path: &Path) -> Result<(), OutputError> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(OutputError::write("removing", path)(error))
        }
        _ => Ok(()),
    }
}
