//! Images packed with gzip.

use super::Given;
use super::unpack::{self, PIECE};
use crate::codec::gzip;
use crate::disk::cursor::Cursor;
use crate::disk::{DiskError, DiskFile};
use std::io::BufReader;

/// Unpacks all members of the file.
pub(super) fn unpack(given: &Given<'_>) -> Result<DiskFile, DiskError> {
    let packed = BufReader::with_capacity(PIECE, Cursor::new(given.bytes));
    unpack::unpack(given, "gzip", gzip::decoder(packed))
}
