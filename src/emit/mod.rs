//! What comes out: images and the papers beside them, one file per output.
//!
//! Nothing here is ever half-written: every output is made beside its final place, flushed to the disk
//! and then renamed ([`PendingFile`]).

mod checksums;
mod error;
mod pending;
mod raw;

pub use checksums::{digest_file, digest_files, write_sha256sums};
pub use error::EmitError;
pub use pending::PendingFile;
pub use raw::{RawTarget, unpack, write_raw};
