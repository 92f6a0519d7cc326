//! Blocks (section 3): their headers, and two ways to make one.

use super::format::{CRC32, Check, HEADER_SIZE, push_number, take_number};
use crate::formats::{Part, Record};
use std::io;
use xz2::stream::{Action, Status, Stream};

/// The filter that every .xz file ends its chain with (section 5.3.1).
const LZMA2: u64 = 0x21;

/// Block flags: the header says how many bytes the Block has packed, and how many it holds.
const COMPRESSED_SIZE_PRESENT: u8 = 0x40;
const UNCOMPRESSED_SIZE_PRESENT: u8 = 0x80;
/// Block flags: the number of filters, less one.
const FILTERS: u8 = 0x03;

/// The preset of the encoder. Above 0 it gets some percent smaller and several times slower.
const PRESET: u32 = 0;

/// The header of a Block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BlockHeader {
    /// How many bytes the header has.
    pub(crate) length: u64,
    /// Whether it says both sizes.
    pub(crate) has_sizes: bool,
    /// The dictionary of the LZMA2 filter, in bytes.
    pub(crate) dictionary: u64,
    /// Block flags without the sizes.
    filter_count: u8,
    /// The filters with their properties, as they stand there.
    filters: Vec<u8>,
}

impl BlockHeader {
    /// Reads the header that `bytes` begin with. `None` where it is damaged, or has filters that are not
    /// known.
    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        let length = (usize::from(*bytes.first()?) + 1) * 4;
        let (body, checksum) = bytes.get(..length)?.split_last_chunk::<4>()?;
        if length < 8 || CRC32.checksum(body).to_le_bytes() != *checksum {
            return None;
        }
        let (flags, mut rest) = body.get(1..)?.split_first()?;
        for present in [COMPRESSED_SIZE_PRESENT, UNCOMPRESSED_SIZE_PRESENT] {
            if flags & present != 0 {
                take_number(&mut rest)?;
            }
        }
        let from_filters = rest;
        let mut dictionary = None;
        for _ in 0..=(flags & FILTERS) {
            let id = take_number(&mut rest)?;
            let length = usize::try_from(take_number(&mut rest)?).ok()?;
            let properties = rest.get(..length)?;
            rest = rest.get(length..)?;
            dictionary = if id == LZMA2 { Some(dictionary_size(properties)?) } else { None };
        }
        let filters = from_filters.get(..from_filters.len() - rest.len())?;
        let both = COMPRESSED_SIZE_PRESENT | UNCOMPRESSED_SIZE_PRESENT;
        Some(Self {
            length: length as u64,
            has_sizes: flags & both == both,
            // LZMA2 is the last of the filters, always.
            dictionary: dictionary?,
            filter_count: flags & FILTERS,
            filters: filters.to_vec(),
        })
    }

    /// LZMA2 alone, with the smallest dictionary that holds a whole chunk: 64 KiB.
    fn of_stored() -> Self {
        Self { length: 0, has_sizes: true, dictionary: 64 << 10, filter_count: 0, filters: vec![0x21, 1, 8] }
    }

    /// The same header, saying both sizes.
    #[expect(clippy::expect_used, reason = "the filters were read from a header, or are our own")]
    pub(crate) fn with_sizes(&self, compressed: u64, uncompressed: u64) -> Vec<u8> {
        let mut header = vec![0, self.filter_count | COMPRESSED_SIZE_PRESENT | UNCOMPRESSED_SIZE_PRESENT];
        push_number(&mut header, compressed);
        push_number(&mut header, uncompressed);
        header.extend(&self.filters);
        header.resize(header.len().next_multiple_of(4), 0);
        // In units of four bytes, less one, and the checksum counts. Four filters with their properties
        // have at most some 60 bytes.
        let size = u8::try_from(header.len() / 4).expect("the filters of a Block take less than 1 KiB");
        *header.first_mut().expect("its first byte was put there above") = size;
        header.extend(CRC32.checksum(&header).to_le_bytes());
        header
    }
}

/// What the one byte of LZMA2's properties says (section 5.3.1).
fn dictionary_size(properties: &[u8]) -> Option<u64> {
    let [bits] = properties else { return None };
    let bits = u64::from(*bits);
    match bits {
        0..40 => Some((2 | (bits & 1)) << (bits / 2 + 11)),
        40 => Some(u64::from(u32::MAX)),
        _ => None,
    }
}

/// A Block from its parts; `check` is its check value.
fn block(header: &BlockHeader, compressed: &[u8], uncompressed: u64, check: &[u8]) -> Part {
    let mut bytes = header.with_sizes(compressed.len() as u64, uncompressed);
    let packed = (bytes.len() + compressed.len() + check.len()) as u64;
    bytes.extend(compressed);
    // The padding comes before the check value, and does not count.
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes.extend(check);
    Part { bytes, record: Record { size: uncompressed, packed, crc32: 0 } }
}

/// A Block of uncompressed LZMA2 chunks: its layout depends on nothing but how much it holds.
#[expect(clippy::expect_used, reason = "the length of a chunk is bounded here")]
pub(super) fn stored_block(bytes: &[u8], check: Check) -> Part {
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

/// A compressed Block.
///
/// # Errors
/// When the encoder has not enough memory.
pub(super) fn packed_block(bytes: &[u8], check: Check) -> io::Result<Part> {
    let stream = encoded(bytes, check)?;
    taken_out(&stream, bytes.len() as u64, check)
        .ok_or_else(|| io::Error::other("the xz encoder made something else than one Block"))
}

/// A stream of one Block, as the encoder makes it: without sizes in the header of the Block.
fn encoded(bytes: &[u8], check: Check) -> io::Result<Vec<u8>> {
    let library_check = match check {
        Check::None => xz2::stream::Check::None,
        Check::Crc32 => xz2::stream::Check::Crc32,
        Check::Crc64 => xz2::stream::Check::Crc64,
        Check::Sha256 => xz2::stream::Check::Sha256,
    };
    let mut encoder = Stream::new_easy_encoder(PRESET, library_check)?;
    let mut stream = Vec::with_capacity(bytes.len() / 2 + 1024);
    loop {
        let done = usize::try_from(encoder.total_in()).map_err(io::Error::other)?;
        let rest = bytes.split_at(done).1;
        if encoder.process_vec(rest, &mut stream, Action::Finish)? == Status::StreamEnd {
            return Ok(stream);
        }
        stream.reserve(bytes.len() / 4 + 1024);
    }
}

/// The one Block of a stream, with sizes in its header.
fn taken_out(stream: &[u8], uncompressed: u64, check: Check) -> Option<Part> {
    let from_block = stream.get(HEADER_SIZE..)?;
    let header = BlockHeader::parse(from_block)?;
    // Backward Size stands behind the checksum of the footer.
    let footer = stream.last_chunk::<HEADER_SIZE>()?;
    let backward_size = u32::from_le_bytes(*footer.get(4..)?.first_chunk()?);
    let index_size = (usize::try_from(backward_size).ok()? + 1) * 4;
    let index_start = stream.len().checked_sub(HEADER_SIZE + index_size)?;
    let mut records = stream.get(index_start..)?.strip_prefix(&[0, 1])?;
    let unpadded = take_number(&mut records)?;
    let compressed = unpadded.checked_sub(header.length)?.checked_sub(check.size())?;
    let start = usize::try_from(header.length).ok()?;
    let compressed = from_block.get(start..)?.get(..usize::try_from(compressed).ok()?)?;
    let check_start = index_start.checked_sub(usize::try_from(check.size()).ok()?)?;
    let value = stream.get(check_start..index_start)?;
    Some(block(&header, compressed, uncompressed, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_checksum(mut header: Vec<u8>) -> Vec<u8> {
        header.extend(CRC32.checksum(&header).to_le_bytes());
        header
    }

    #[test]
    fn the_dictionary_of_a_block_is_found_behind_sizes_and_filters() {
        // As `xz -6` writes it: LZMA2 alone, 8 MiB, no sizes.
        let plain = BlockHeader::parse(&with_checksum(vec![2, 0x00, 0x21, 1, 0x16, 0, 0, 0])).unwrap();
        assert_eq!((plain.dictionary, plain.has_sizes, plain.length), (8 << 20, false, 12));
        // With both sizes, and ARM64 before LZMA2 of 64 MiB.
        let both = [3, 0xc1, 0x80, 1, 5, 0x0a, 0, 0x21, 1, 0x1c, 0, 0];
        let both = BlockHeader::parse(&with_checksum(both.to_vec())).unwrap();
        assert_eq!((both.dictionary, both.has_sizes), (64 << 20, true));
        assert_eq!(
            both.with_sizes(128, 5),
            with_checksum(vec![3, 0xc1, 0x80, 1, 5, 0x0a, 0, 0x21, 1, 0x1c, 0, 0])
        );
        let bits = |bits| with_checksum(vec![2, 0x00, 0x21, 1, bits, 0, 0, 0]);
        assert_eq!(BlockHeader::parse(&bits(40)).unwrap().dictionary, u64::from(u32::MAX));
        assert_eq!(BlockHeader::parse(&bits(41)), None);
        assert_eq!(BlockHeader::parse(&with_checksum(vec![2, 0, 0x0a, 0xff, 0xff, 0xff, 0x7f, 0])), None);
        assert_eq!(BlockHeader::parse(&[2, 0x00, 0x21, 1, 0x16, 0, 0, 0, 1, 2, 3, 4]), None);
        assert_eq!(BlockHeader::parse(&[]), None);
    }
}
