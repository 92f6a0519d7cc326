//! The parts of a stream around its Blocks: header, Index and footer, and how numbers are written.

use crate::formats::Record;
use crate::types::Digest;
use crc::{CRC_32_ISO_HDLC, CRC_64_XZ, Crc, Table};

/// The checksum of everything but the data.
pub(crate) const CRC32: Crc<u32> = Crc::<u32>::new(&CRC_32_ISO_HDLC);

/// The same, and its longer sibling, faster by large tables: for data.
static DATA_CRC32: Crc<u32, Table<16>> = Crc::<u32, Table<16>>::new(&CRC_32_ISO_HDLC);
static DATA_CRC64: Crc<u64, Table<16>> = Crc::<u64, Table<16>>::new(&CRC_64_XZ);

/// How a stream begins.
const HEADER_MAGIC: [u8; 6] = *b"\xfd7zXZ\0";

/// How a stream ends.
pub(crate) const FOOTER_MAGIC: [u8; 2] = *b"YZ";

/// A stream header is as long as a stream footer.
pub(crate) const HEADER_SIZE: usize = 12;

/// How the content of Blocks is checked (section 2.1.1.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Check {
    /// Not at all.
    None,
    /// CRC32, 4 bytes.
    Crc32,
    /// CRC64, 8 bytes.
    Crc64,
    /// SHA-256, 32 bytes.
    Sha256,
}

impl Check {
    /// Reads the stream flags. Check types that are not assigned yet, and flags, are not known.
    pub(crate) fn from_flags(flags: [u8; 2]) -> Option<Self> {
        match flags {
            [0, 0x00] => Some(Self::None),
            [0, 0x01] => Some(Self::Crc32),
            [0, 0x04] => Some(Self::Crc64),
            [0, 0x0a] => Some(Self::Sha256),
            _ => None,
        }
    }

    /// The stream flags, as stream header and footer have them.
    pub(crate) fn flags(self) -> [u8; 2] {
        match self {
            Self::None => [0, 0x00],
            Self::Crc32 => [0, 0x01],
            Self::Crc64 => [0, 0x04],
            Self::Sha256 => [0, 0x0a],
        }
    }

    /// How many bytes a check value has.
    pub(crate) fn size(self) -> u64 {
        match self {
            Self::None => 0,
            Self::Crc32 => 4,
            Self::Crc64 => 8,
            Self::Sha256 => 32,
        }
    }

    /// The check value of what a Block holds.
    pub(crate) fn of(self, bytes: &[u8]) -> Vec<u8> {
        match self {
            Self::None => Vec::new(),
            Self::Crc32 => DATA_CRC32.checksum(bytes).to_le_bytes().to_vec(),
            Self::Crc64 => DATA_CRC64.checksum(bytes).to_le_bytes().to_vec(),
            Self::Sha256 => Digest::of(bytes).as_bytes().to_vec(),
        }
    }
}

/// A stream header (section 2.1.1).
pub(crate) fn stream_header(check: Check) -> [u8; HEADER_SIZE] {
    let [m0, m1, m2, m3, m4, m5] = HEADER_MAGIC;
    let [f0, f1] = check.flags();
    let [c0, c1, c2, c3] = CRC32.checksum(&[f0, f1]).to_le_bytes();
    [m0, m1, m2, m3, m4, m5, f0, f1, c0, c1, c2, c3]
}

/// The Index of a stream with these Blocks (section 4), and the footer behind it (section 2.1.2).
#[expect(clippy::expect_used, reason = "the number of Blocks is bounded where they are made and read")]
pub(crate) fn stream_end(check: Check, blocks: &[Record]) -> Vec<u8> {
    let mut end = vec![0];
    push_number(&mut end, blocks.len() as u64);
    for block in blocks {
        push_number(&mut end, block.packed);
        push_number(&mut end, block.size);
    }
    end.resize(end.len().next_multiple_of(4), 0);
    end.extend(CRC32.checksum(&end).to_le_bytes());
    // In units of four bytes, less one.
    let backward_size =
        u32::try_from(end.len() / 4 - 1).expect("the number of Blocks is bounded far below 2^32");
    let mut footer = backward_size.to_le_bytes().to_vec();
    footer.extend(check.flags());
    end.extend(CRC32.checksum(&footer).to_le_bytes());
    end.extend(footer);
    end.extend(FOOTER_MAGIC);
    end
}

/// Takes a number off the front (section 1.2): seven bits a byte, the lowest first, at most nine bytes,
/// and no more bytes than the number needs.
pub(crate) fn take_number(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..63).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return (*byte != 0 || shift == 0).then_some(number);
        }
    }
    None
}

/// Writes a number as [`take_number`] reads it. It has to be below 2^63, as all that was read is.
pub(crate) fn push_number(bytes: &mut Vec<u8>, number: u64) {
    let mut rest = number;
    while rest >= 0x80 {
        bytes.push(rest.to_le_bytes()[0] | 0x80);
        rest >>= 7;
    }
    bytes.push(rest.to_le_bytes()[0]);
}

#[cfg(test)]
mod tests {
    use super::{push_number, take_number};

    #[test]
    fn numbers_are_read_as_they_are_written_and_in_no_other_way() {
        for number in [0, 1, 127, 128, 300, u64::from(u32::MAX), u64::MAX >> 1] {
            let mut bytes = Vec::new();
            push_number(&mut bytes, number);
            bytes.push(9);
            let mut rest = &bytes[..];
            assert_eq!(take_number(&mut rest), Some(number));
            assert_eq!(rest, [9]);
        }
        assert_eq!(take_number(&mut &[0x80, 0x00][..]), None);
        assert_eq!(take_number(&mut &[0xff; 12][..]), None);
        assert_eq!(take_number(&mut &[0x80][..]), None);
    }
}
