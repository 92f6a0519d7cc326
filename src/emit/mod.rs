//! What comes out: images and the papers beside them, one file per output.
//!
//! An image is the [`Disk`] that all cards begin as, with the layers of one [`Card`] above it. It is made as
//! a copy of an original that all cards share, with other bytes in the places where they differ: of the
//! disk itself, or of a packed file of it (the template) in which those places are not packed.
//!
//! Nothing here is ever half-written: every output is made beside its final place, flushed to the disk
//! and then renamed ([`PendingFile`]).

mod bmap;
mod card;
mod checksums;
mod contents;
mod copies;
mod error;
mod images;
mod manifest;
mod papers;
mod pending;
mod provenance;
mod reflink;
mod slots;
mod template;

#[cfg(test)]
mod tests;

pub(crate) use bmap::{is_bmap, path_beside as bmap_path};
pub use card::{Card, Disk};
pub use checksums::write_sha256sums;
pub(crate) use checksums::{CHECKSUMS, digests_of, speaks_of};
pub use error::EmitError;
pub use images::{Images, Made, Progress, Stage, Written};
pub(crate) use manifest::is_manifest;
pub use manifest::{Entry, Manifest, write_manifest};
pub use papers::{ImagePapers, Paper};
pub use pending::PendingFile;
pub(crate) use pending::sweep_all;
pub(crate) use provenance::images_of;
pub use provenance::{Provenance, write_provenance};

use std::io;
use std::path::Path;

/// Removes a file that speaks of what is no longer so, if it is there.
///
/// # Errors
/// When it is there and cannot be removed.
pub fn remove(path: &Path) -> Result<(), EmitError> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(EmitError::write("removing", path)(error))
        }
        _ => Ok(()),
    }
}
