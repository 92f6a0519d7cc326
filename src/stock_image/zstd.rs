//! Images packed with Zstandard.

use super::Given;
use super::decompress::{self, PIECE};
use crate::formats::zstd;
use crate::io::cursor::Cursor;
use crate::io::{DiskError, DiskFile};
use std::io::BufReader;

/// Unpacks all frames of the file.
pub(super) fn unpack(given: &Given<'_>) -> Result<DiskFile, DiskError> {
    let packed = BufReader::with_capacity(PIECE, Cursor::new(given.bytes));
    let decoder = zstd::decoder(packed).map_err(|error| given.cannot_unpack(error))?;
    decompress::unpack(given, "zstd", decoder)
}
