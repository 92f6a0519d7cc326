//! The bitmaps of a group: a bit for each block or inode, set where it is in use.

use crate::types::number::usize_from;
use std::ops::Range;

/// One block of bits. A group has no more blocks and inodes than that, which is checked with the superblock.
pub(super) struct Bitmap(Vec<u8>);

const ENOUGH_BITS: &str = "a group has no more blocks and inodes than its bitmaps have bits";

impl Bitmap {
    /// Takes the bytes of a block.
    pub(super) fn new(block: Vec<u8>) -> Self {
        Self(block)
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }

    #[expect(clippy::expect_used, reason = "the size of a group is checked with the superblock")]
    pub(super) fn is_set(&self, bit: u64) -> bool {
        self.0.get(usize_from(bit / 8)).expect(ENOUGH_BITS) & (1 << (bit % 8)) != 0
    }

    #[expect(clippy::expect_used, reason = "the size of a group is checked with the superblock")]
    pub(super) fn set(&mut self, bits: Range<u64>, value: bool) {
        for bit in bits {
            let byte = self.0.get_mut(usize_from(bit / 8)).expect(ENOUGH_BITS);
            let mask = 1_u8 << (bit % 8);
            *byte = if value { *byte | mask } else { *byte & !mask };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Bitmap;

    #[test]
    fn bits_are_set_and_cleared() {
        let mut bitmap = Bitmap::new(vec![0_u8; 3]);
        bitmap.set(3..21, true);
        bitmap.set(8..10, false);
        assert_eq!(bitmap.bytes(), [0b1111_1000, 0b1111_1100, 0b0001_1111]);
        bitmap.set(20..24, true);
        assert_eq!(bitmap.bytes(), [0b1111_1000, 0b1111_1100, 0b1111_1111]);
        assert_eq!([2, 3, 9, 10].map(|bit| bitmap.is_set(bit)), [false, true, false, true]);
    }

    #[test]
    #[should_panic(expected = "than its bitmaps have bits")]
    fn a_bit_beyond_the_bitmap_is_not_left_out() {
        Bitmap::new(vec![0; 3]).set(20..25, true);
    }
}
