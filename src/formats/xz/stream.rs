//! The parts of a Stream around its Blocks (header, Index and footer), and the encoding of numbers.

use crate::formats::part::Record;
use crate::types::Digest;
use crc::{CRC_32_ISO_HDLC, CRC_64_XZ, Crc, Table};

/// The checksum of everything but the data.
pub(crate) const CRC32: Crc<u32> = Crc::<u32>::new(&CRC_32_ISO_HDLC);

/// The checksums of data: faster, by large tables.
static DATA_CRC32: Crc<u32, Table<16>> = Crc::<u32, Table<16>>::new(&CRC_32_ISO_HDLC);
static DATA_CRC64: Crc<u64, Table<16>> = Crc::<u64, Table<16>>::new(&CRC_64_XZ);

/// The first bytes of a Stream.
const HEADER_MAGIC: [u8; 6] = *b"\xfd7zXZ\0";

/// The last bytes of a Stream.
pub(super) const FOOTER_MAGIC: [u8; 2] = *b"YZ";

/// The size of a stream header, and of a stream footer.
pub(super) const HEADER_SIZE: usize = 12;

/// The kind of check value that Blocks have (section 2.1.1.2).
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
    /// Reads the stream flags; `None` for those that are not assigned yet.
    pub(super) fn from_flags(flags: [u8; 2]) -> Option<Self> {
        [Self::None, Self::Crc32, Self::Crc64, Self::Sha256].into_iter().find(|check| check.flags() == flags)
    }

    /// Returns the stream flags, as stream header and footer have them.
    pub(super) fn flags(self) -> [u8; 2] {
        match self {
            Self::None => [0, 0x00],
            Self::Crc32 => [0, 0x01],
            Self::Crc64 => [0, 0x04],
            Self::Sha256 => [0, 0x0a],
        }
    }

    /// Returns the size of a check value.
    pub(crate) fn size(self) -> u64 {
        match self {
            Self::None => 0,
            Self::Crc32 => 4,
            Self::Crc64 => 8,
            Self::Sha256 => 32,
        }
    }

    /// Computes the check value of the contents of a Block.
    pub(super) fn of(self, bytes: &[u8]) -> Vec<u8> {
        match self {
            Self::None => Vec::new(),
            Self::Crc32 => DATA_CRC32.checksum(bytes).to_le_bytes().to_vec(),
            Self::Crc64 => DATA_CRC64.checksum(bytes).to_le_bytes().to_vec(),
            Self::Sha256 => Digest::of(bytes).as_bytes().to_vec(),
        }
    }
}

/// Makes a stream header (section 2.1.1).
pub(super) fn stream_header(check: Check) -> [u8; HEADER_SIZE] {
    let [m0, m1, m2, m3, m4, m5] = HEADER_MAGIC;
    let [f0, f1] = check.flags();
    let [c0, c1, c2, c3] = CRC32.checksum(&[f0, f1]).to_le_bytes();
    [m0, m1, m2, m3, m4, m5, f0, f1, c0, c1, c2, c3]
}

/// Makes the Index of a Stream with these Blocks (section 4), and the footer behind it (section 2.1.2).
#[expect(clippy::expect_used, reason = "the number of Blocks is bounded where they are made and read")]
pub(super) fn stream_end(check: Check, blocks: &[Record]) -> Vec<u8> {
    let mut end = vec![0];
    push_number(&mut end, blocks.len() as u64);
    for block in blocks {
        push_number(&mut end, block.compressed);
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
pub(super) fn take_number(bytes: &mut &[u8]) -> Option<u64> {
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
pub(super) fn push_number(bytes: &mut Vec<u8>, number: u64) {
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
