//! Block headers (section 3.1).

use super::stream::{CRC32, push_number, take_number};
use crate::types::number::usize_from;

/// The filter that every .xz file ends its chain with (section 5.3.1).
const LZMA2: u64 = 0x21;

/// Block flags: the header says the compressed size of the Block, and the size of its contents.
const COMPRESSED_SIZE_PRESENT: u8 = 0x40;
const UNCOMPRESSED_SIZE_PRESENT: u8 = 0x80;
/// Block flags: the number of filters, less one.
const FILTERS: u8 = 0x03;

/// The header of a Block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BlockHeader {
    /// The size of the header.
    pub(crate) length: u64,
    /// `true` if it says both sizes.
    pub(crate) has_sizes: bool,
    /// The dictionary of the LZMA2 filter, in bytes.
    pub(crate) dictionary: u64,
    /// Block flags without the sizes.
    filter_count: u8,
    /// The filters with their properties, as they are encoded.
    filters: Vec<u8>,
}

impl BlockHeader {
    /// Reads the header that `bytes` begin with; `None` where it is damaged, or has filters that are not known.
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
            let length = usize_from(take_number(&mut rest)?);
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

    /// Returns the header of stored Blocks: LZMA2 alone, with the smallest dictionary that holds a whole chunk, 64 KiB.
    pub(super) fn of_stored() -> Self {
        Self { length: 0, has_sizes: true, dictionary: 64 << 10, filter_count: 0, filters: vec![0x21, 1, 8] }
    }

    /// Encodes the same header with both sizes.
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

/// Decodes the one byte of LZMA2's properties (section 5.3.1).
fn dictionary_size(properties: &[u8]) -> Option<u64> {
    let [bits] = properties else { return None };
    let bits = u64::from(*bits);
    match bits {
        0..40 => Some((2 | (bits & 1)) << (bits / 2 + 11)),
        40 => Some(u64::from(u32::MAX)),
        _ => None,
    }
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
