//! Images packed with Zstandard.

use super::Given;
use super::unpack::{self, PIECE};
use crate::codec::zstd;
use crate::disk::cursor::Cursor;
use crate::disk::{DiskError, DiskFile};
use std::io::BufReader;

/// Unpacks all frames of the file.
pub(super) fn unpack(given: &Given<'_>) -> Result<DiskFile, DiskError> {
    let packed = BufReader::with_capacity(PIECE, Cursor::new(given.bytes));
    let decoder = zstd::decoder(packed).map_err(|error| given.cannot_unpack(error))?;
    unpack::unpack(given, "zstd", decoder)
}
