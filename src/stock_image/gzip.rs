//! Images packed with gzip.

use super::Given;
use super::decompress::{self, PIECE};
use crate::formats::gzip;
use crate::io::cursor::Cursor;
use crate::io::{DiskError, DiskFile};
use std::io::BufReader;

/// Unpacks all members of the file.
pub(super) fn unpack(given: &Given<'_>) -> Result<DiskFile, DiskError> {
    let packed = BufReader::with_capacity(PIECE, Cursor::new(given.bytes));
    decompress::unpack(given, "gzip", gzip::decoder(packed))
}
