//! gzip (RFC 1952) around deflate (RFC 1951).
//!
//! A part is a run of deflate blocks that ends at a byte boundary and refers to nothing before it. All
//! parts lie in one member: readers that take the last four bytes of the file for its size are right then.

use super::concatenated::{Concatenated, Rest, peek, start_of};
use super::error::TrailingData;
use super::part::{Compression, EncodedPart, PartEncoder, Record};
use super::zstd;
use crate::types::number::usize_from;
use flate2::bufread::GzDecoder;
use flate2::{Compress, FlushCompress};
use std::io::{self, BufRead, Read};

/// Decompresses all members of a file, and checks length and CRC-32 of each. Zeros behind the last one are left out,
/// as gzip(1) does: tapes and block devices pad with them. Anything else there is an error.
pub(super) fn decoder(compressed: impl BufRead) -> impl Read {
    Concatenated::new(GzDecoder::new(start_of(compressed)), |member| next_member(member.into_inner()))
}

/// The first two bytes of every member (`ID1` and `ID2`, section 2.3.1).
const MAGIC: [u8; 2] = [0x1f, 0x8b];

/// Opens the member that begins where the one before it ended; `None` at the end of the file.
fn next_member<R: BufRead>(rest: Rest<R>) -> io::Result<Option<GzDecoder<Rest<R>>>> {
    let (start, mut rest) = peek(rest, MAGIC.len())?;
    if start == MAGIC {
        return Ok(Some(GzDecoder::new(rest)));
    }
    let (mut length, mut zeros) = (0, true);
    loop {
        let bytes = rest.fill_buf()?;
        if bytes.is_empty() {
            break;
        }
        zeros &= bytes.iter().all(|byte| *byte == 0);
        let done = bytes.len();
        length += done as u64;
        rest.consume(done);
    }
    if zeros { Ok(None) } else { Err(io::Error::new(io::ErrorKind::InvalidData, TrailingData { length })) }
}

/// Magic number, deflate, no flags, no time, no compression level, unknown operating system.
const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];

/// The last block of a member: an empty stored one (RFC 1951, section 3.2.4).
const LAST_BLOCK: [u8; 5] = [1, 0, 0, 0xff, 0xff];

/// Files of one member.
pub(super) struct Gzip(pub(super) Compression);

impl PartEncoder for Gzip {
    fn largest_part(&self) -> usize {
        self.0.largest_part()
    }

    fn head(&self) -> Vec<u8> {
        HEADER.to_vec()
    }

    fn compress(&self, bytes: &[u8]) -> io::Result<EncodedPart> {
        if !zstd::shrinks(bytes)? {
            return Ok(self.store(bytes));
        }
        let level = match self.0 {
            Compression::Fast => flate2::Compression::default(),
            Compression::Best => flate2::Compression::best(),
        };
        let mut deflater = Compress::new(level, false);
        let mut compressed = Vec::with_capacity(bytes.len() / 2 + 1024);
        loop {
            let done = usize_from(deflater.total_in());
            let rest = bytes.split_at(done).1;
            // Ends at a byte boundary, with an empty stored block.
            deflater.compress_vec(rest, &mut compressed, FlushCompress::Full).map_err(io::Error::other)?;
            // Everything is written only if the buffer could have taken more.
            if deflater.total_in() == bytes.len() as u64 && compressed.len() < compressed.capacity() {
                break;
            }
            compressed.reserve(bytes.len() / 4 + 1024);
        }
        Ok(part(compressed, bytes))
    }

    #[expect(clippy::expect_used, reason = "the length of a chunk is bounded here")]
    fn store(&self, bytes: &[u8]) -> EncodedPart {
        let mut compressed = Vec::with_capacity(bytes.len() + bytes.len() / 1024 + 5);
        for chunk in bytes.chunks(usize::from(u16::MAX)) {
            let length = u16::try_from(chunk.len()).expect("chunks have at most 65,535 bytes");
            compressed.push(0);
            compressed.extend(length.to_le_bytes());
            compressed.extend((!length).to_le_bytes());
            compressed.extend(chunk);
        }
        part(compressed, bytes)
    }

    fn tail(&self, records: &[Record]) -> Vec<u8> {
        let mut whole = crc32fast::Hasher::new();
        for record in records {
            whole.combine(&crc32fast::Hasher::new_with_initial_len(record.crc32, record.size));
        }
        let size = records.iter().fold(0_u64, |sum, record| sum.wrapping_add(record.size));
        // ISIZE is the size modulo 2^32: its lower four bytes.
        let [s0, s1, s2, s3, ..] = size.to_le_bytes();
        [&LAST_BLOCK[..], &whole.finalize().to_le_bytes(), &[s0, s1, s2, s3]].concat()
    }
}

fn part(compressed: Vec<u8>, bytes: &[u8]) -> EncodedPart {
    let record = Record {
        size: bytes.len() as u64,
        compressed: compressed.len() as u64,
        crc32: crc32fast::hash(bytes),
    };
    EncodedPart { bytes: compressed, record }
}
