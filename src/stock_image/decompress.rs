//! Unpacking into a nameless file, for what cannot be read at random.

use super::Given;
use crate::io::{DiskError, DiskFile};
use crate::types::{ByteCount, ByteOffset};
use std::fs::File;
use std::io::{self, Read};

/// The most that is unpacked. Stock images have 2 to 16 GiB; a small file that claims to hold more than
/// this is made to fill disks.
pub(super) const LARGEST_IMAGE: ByteCount = ByteCount::new(256 << 30);

/// How much is unpacked at once.
pub(super) const PIECE: usize = 1 << 20;

/// A new file in the scratch folder. It has no name (or none that outlives the program, on Windows), so
/// nothing is left behind however the program ends.
pub(super) fn nameless_file(given: &Given<'_>) -> Result<File, DiskError> {
    tempfile::tempfile_in(given.scratch).map_err(|source| given.cannot_unpack(source))
}

/// Unpacks all that `reader` has to give; `packing` is what errors call it.
pub(super) fn unpack(
    given: &Given<'_>,
    packing: &'static str,
    reader: impl Read,
) -> Result<DiskFile, DiskError> {
    let mut reader = reader;
    let mut disk = DiskFile::new(nameless_file(given)?).map_err(|source| given.cannot_unpack(source))?;
    let mut piece = vec![0; PIECE];
    let mut done = 0;
    loop {
        let length = fill(&mut reader, &mut piece)
            .map_err(|error| given.not_decoded(packing, ByteCount::new(done), error))?;
        let bytes = piece.split_at(length).0;
        if bytes.is_empty() {
            return Ok(disk);
        }
        let size = ByteCount::new(done + length as u64);
        if size > LARGEST_IMAGE {
            return Err(given.too_large());
        }
        disk.resize(size)
            .and_then(|()| disk.write_without_holes(ByteOffset::new(done), bytes))
            .map_err(|source| given.cannot_unpack(source))?;
        done = size.get();
    }
}

/// Reads until the buffer is full or nothing is left, so that what is written begins at block boundaries.
pub(super) fn fill(reader: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match reader.read(buffer.split_at_mut(filled).1) {
            Ok(0) => break,
            Ok(length) => filled += length,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}
