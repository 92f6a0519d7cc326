//! Numbers that ext4 made wider: a lower half where ext3 had the whole number, and an upper half further behind,
//! which is only there in a filesystem with the `64bit` feature.

use crate::types::fields::{set_at, u16_at, u32_at};

/// The offsets of the two halves of a number.
#[derive(Debug, Clone, Copy)]
pub(super) struct Halves {
    pub(super) low: usize,
    pub(super) high: usize,
}

impl Halves {
    pub(super) const fn new(low: usize, high: usize) -> Self {
        Self { low, high }
    }

    /// Returns a number of two halves of 32 bits.
    pub(super) fn u64(self, bytes: &[u8], is_wide: bool) -> u64 {
        let upper = if is_wide { u64::from(u32_at(bytes, self.high)) << 32 } else { 0 };
        upper | u64::from(u32_at(bytes, self.low))
    }

    /// Returns a number of two halves of 16 bits.
    pub(super) fn u32(self, bytes: &[u8], is_wide: bool) -> u32 {
        let upper = if is_wide { u32::from(u16_at(bytes, self.high)) << 16 } else { 0 };
        upper | u32::from(u16_at(bytes, self.low))
    }

    /// Sets a number of two halves of 32 bits, as far as there is room for it.
    pub(super) fn set_u64(self, bytes: &mut [u8], is_wide: bool, number: u64) {
        let [a, b, c, d, upper @ ..] = number.to_le_bytes();
        set_at(bytes, self.low, &[a, b, c, d]);
        if is_wide {
            set_at(bytes, self.high, &upper);
        }
    }

    /// Sets a number of two halves of 16 bits, as far as there is room for it.
    pub(super) fn set_u32(self, bytes: &mut [u8], is_wide: bool, number: u32) {
        let [a, b, upper @ ..] = number.to_le_bytes();
        set_at(bytes, self.low, &[a, b]);
        if is_wide {
            set_at(bytes, self.high, &upper);
        }
    }
}
