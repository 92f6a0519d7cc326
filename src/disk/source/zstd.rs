//! Images packed with Zstandard.

use super::Given;
use super::unpack::{self, PIECE};
use crate::disk::cursor::Cursor;
use crate::disk::{DiskError, DiskFile};
use std::io::{self, BufReader, Read};
use zstd::stream::read::Decoder;

/// The base-two logarithm of the largest window that is given memory: 128 MiB, which is also the most
/// that `zstd -d` accepts without being told to.
const LARGEST_WINDOW: u32 = 27;

/// Unpacks all frames of the file, checking their checksums where they have some.
pub(super) fn unpack(given: &Given<'_>) -> Result<DiskFile, DiskError> {
    let packed = BufReader::with_capacity(PIECE, Cursor::new(given.bytes));
    let decoder = Decoder::with_buffer(packed).and_then(|mut decoder| {
        decoder.window_log_max(LARGEST_WINDOW)?;
        Ok(decoder)
    });
    let decoder = decoder.map_err(|error| given.cannot_unpack(error))?;
    unpack::unpack(given, "zstd", Explained(decoder))
}

/// Says what to make of the one error that is not damage.
struct Explained<R>(R);

impl<R: Read> Read for Explained<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer).map_err(|error| match error.to_string() {
            // The text of ZSTD_error_frameParameter_windowTooLarge; the crate passes on no code.
            text if text.contains("requires too much memory") => {
                io::Error::other("it was packed with a window of more than 128 MiB (zstd --long)")
            }
            _ => error,
        })
    }
}
