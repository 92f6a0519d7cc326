//! Making Blocks, compressed or stored, and files of them.

use super::block::BlockHeader;
use super::stream::{Check, HEADER_SIZE, stream_end, stream_header, take_number};
use crate::formats::part::{Compression, EncodedPart, PartEncoder, Record};
use crate::formats::zstd;
use crate::types::number::usize_from;
use std::io;
use xz2::stream::{Action, Status, Stream};

/// Files of one Stream. A part is a Block with both sizes in its header, which is what decoders of several threads need.
pub(in crate::formats) struct Xz {
    pub(in crate::formats) compression: Compression,
    /// The kind of check value of its Blocks.
    pub(in crate::formats) check: Check,
}

impl PartEncoder for Xz {
    fn largest_part(&self) -> usize {
        self.compression.largest_part()
    }

    fn head(&self) -> Vec<u8> {
        stream_header(self.check).to_vec()
    }

    fn compress(&self, bytes: &[u8]) -> io::Result<EncodedPart> {
        if !zstd::shrinks(bytes)? {
            return Ok(self.store(bytes));
        }
        // Above 0 the result gets some percent smaller, and takes several times as long.
        let preset = match self.compression {
            Compression::Fast => 0,
            Compression::Best => 6,
        };
        compressed_block(bytes, preset, self.check)
    }

    fn store(&self, bytes: &[u8]) -> EncodedPart {
        stored_block(bytes, self.check)
    }

    fn tail(&self, records: &[Record]) -> Vec<u8> {
        stream_end(self.check, records)
    }
}

/// Makes a Block of its parts; `check` is its check value.
fn block(header: &BlockHeader, data: &[u8], uncompressed: u64, check: &[u8]) -> EncodedPart {
    let mut bytes = header.with_sizes(data.len() as u64, uncompressed);
    let compressed = (bytes.len() + data.len() + check.len()) as u64;
    bytes.extend(data);
    // The padding comes before the check value, and does not count.
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes.extend(check);
    EncodedPart { bytes, record: Record { size: uncompressed, compressed, crc32: 0 } }
}

/// Makes a Block of uncompressed LZMA2 chunks: its layout depends on the size of its contents alone.
#[expect(clippy::expect_used, reason = "the length of a chunk is bounded here")]
fn stored_block(bytes: &[u8], check: Check) -> EncodedPart {
    const LARGEST_CHUNK: usize = 1 << 16;
    let mut compressed = Vec::with_capacity(bytes.len() + 3 * bytes.len().div_ceil(LARGEST_CHUNK) + 1);
    for (number, chunk) in bytes.chunks(LARGEST_CHUNK).enumerate() {
        // 1 resets the dictionary, which the first chunk has to do; 2 does not.
        compressed.push(if number == 0 { 1 } else { 2 });
        let size = u16::try_from(chunk.len() - 1).expect("no chunk is empty, and none longer than 64 KiB");
        compressed.extend(size.to_be_bytes());
        compressed.extend(chunk);
    }
    compressed.push(0);
    block(&BlockHeader::of_stored(), &compressed, bytes.len() as u64, &check.of(bytes))
}

/// Makes a compressed Block.
///
/// # Errors
/// When the encoder has not enough memory.
fn compressed_block(bytes: &[u8], preset: u32, check: Check) -> io::Result<EncodedPart> {
    let stream = encoded(bytes, preset, check)?;
    with_sizes(&stream, bytes.len() as u64, check)
        .ok_or_else(|| io::Error::other("the xz encoder did not make one Block"))
}

/// Makes a Stream of one Block. The encoder leaves the sizes out of its header.
fn encoded(bytes: &[u8], preset: u32, check: Check) -> io::Result<Vec<u8>> {
    let library_check = match check {
        Check::None => xz2::stream::Check::None,
        Check::Crc32 => xz2::stream::Check::Crc32,
        Check::Crc64 => xz2::stream::Check::Crc64,
        Check::Sha256 => xz2::stream::Check::Sha256,
    };
    let mut encoder = Stream::new_easy_encoder(preset, library_check)?;
    let mut stream = Vec::with_capacity(bytes.len() / 2 + 1024);
    loop {
        let done = usize_from(encoder.total_in());
        let rest = bytes.split_at(done).1;
        if encoder.process_vec(rest, &mut stream, Action::Finish)? == Status::StreamEnd {
            return Ok(stream);
        }
        stream.reserve(bytes.len() / 4 + 1024);
    }
}

/// Takes the one Block out of a Stream, and puts its sizes into its header.
fn with_sizes(stream: &[u8], uncompressed: u64, check: Check) -> Option<EncodedPart> {
    let from_block = stream.get(HEADER_SIZE..)?;
    let header = BlockHeader::parse(from_block)?;
    // Backward Size is behind the checksum of the footer.
    let footer = stream.last_chunk::<HEADER_SIZE>()?;
    let backward_size = u32::from_le_bytes(*footer.get(4..)?.first_chunk()?);
    let index_size = (usize_from(backward_size) + 1) * 4;
    let index_start = stream.len().checked_sub(HEADER_SIZE + index_size)?;
    let mut records = stream.get(index_start..)?.strip_prefix(&[0, 1])?;
    let unpadded = take_number(&mut records)?;
    let compressed = unpadded.checked_sub(header.length)?.checked_sub(check.size())?;
    let compressed = from_block.get(usize_from(header.length)..)?.get(..usize_from(compressed))?;
    let check_start = index_start.checked_sub(usize_from(check.size()))?;
    let value = stream.get(check_start..index_start)?;
    Some(block(&header, compressed, uncompressed, value))
}
