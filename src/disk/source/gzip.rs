//! Images packed with gzip.

use super::Given;
use super::unpack::{self, PIECE};
use crate::disk::cursor::Cursor;
use crate::disk::{DiskError, DiskFile};
use flate2::bufread::MultiGzDecoder;
use std::io::BufReader;

/// Unpacks all members of the file. The decoder checks length and CRC-32 of each; what follows the last
/// one has to be nothing.
pub(super) fn unpack(given: &Given<'_>) -> Result<DiskFile, DiskError> {
    let packed = BufReader::with_capacity(PIECE, Cursor::new(given.bytes));
    unpack::unpack(given, "gzip", MultiGzDecoder::new(packed))
}
