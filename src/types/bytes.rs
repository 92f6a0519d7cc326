//! Amounts of bytes, and offsets in bytes.

use crate::types::number::usize_from;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Range, Sub};

/// A distance from the start of a disk, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, serde::Serialize)]
pub struct ByteOffset(u64);

/// An amount of bytes.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, serde::Serialize, serde::Deserialize,
)]
pub struct ByteCount(u64);

impl ByteOffset {
    /// The start of a disk.
    pub const ZERO: Self = Self(0);

    /// Takes a distance in bytes.
    pub const fn new(bytes: u64) -> Self {
        Self(bytes)
    }

    /// Returns the distance in bytes.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// Returns the distance in bytes as an index in memory.
    pub fn as_usize(self) -> usize {
        usize_from(self.0)
    }

    /// Returns the offset `count` bytes further on, or `None` past the end of 64 bits.
    pub fn checked_add(self, count: ByteCount) -> Option<Self> {
        self.0.checked_add(count.0).map(Self)
    }
}

impl ByteCount {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// Takes a number of bytes.
    pub const fn new(bytes: u64) -> Self {
        Self(bytes)
    }

    /// Returns the amount of bytes in a slice.
    pub fn of(bytes: &(impl AsRef<[u8]> + ?Sized)) -> Self {
        Self(bytes.as_ref().len() as u64)
    }

    /// Returns the number of bytes.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// Returns the number of bytes as a length in memory.
    pub fn as_usize(self) -> usize {
        usize_from(self.0)
    }

    /// Cuts a disk of this size into chunks: the offset and the length of each. All but the last have `size` bytes.
    pub fn chunks(self, size: usize) -> impl Iterator<Item = (ByteOffset, usize)> {
        chunks(0..self.0, size)
    }
}

/// Cuts a range of bytes into chunks: the offset and the length of each. All but the last have `size` bytes.
pub fn chunks(range: Range<u64>, size: usize) -> impl Iterator<Item = (ByteOffset, usize)> {
    let Range { start, end } = range;
    (start..end).step_by(size).map(move |at| (ByteOffset(at), usize_from(end - at).min(size)))
}

// Whoever adds without asking knows that the sum fits; where it does not after all, the program stops
// (`overflow-checks` in Cargo.toml). Numbers from outside go through `checked_add`, or are compared first.

impl Add<ByteCount> for ByteOffset {
    type Output = Self;
    fn add(self, count: ByteCount) -> Self {
        Self(self.0 + count.0)
    }
}

impl Sub for ByteOffset {
    type Output = ByteCount;
    /// Returns the distance from `start` to this offset.
    fn sub(self, start: Self) -> ByteCount {
        ByteCount(self.0 - start.0)
    }
}

impl Add for ByteCount {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }
}

impl AddAssign for ByteCount {
    fn add_assign(&mut self, other: Self) {
        self.0 += other.0;
    }
}

impl Sub for ByteCount {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0 - other.0)
    }
}

impl Sum for ByteCount {
    fn sum<I: Iterator<Item = Self>>(counts: I) -> Self {
        counts.fold(Self::ZERO, Self::add)
    }
}

impl std::fmt::Display for ByteCount {
    /// Writes it as people read it: `512 MiB`, `2.9 GiB`, `147 KiB`, `96 B`.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let units = [("GiB", 1_u64 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
        for (name, size) in units {
            if self.0 >= size {
                let whole = self.0 / size;
                let tenth = (self.0 % size) * 10 / size;
                return if whole >= 100 || tenth == 0 {
                    write!(formatter, "{whole} {name}")
                } else {
                    write!(formatter, "{whole}.{tenth} {name}")
                };
            }
        }
        write!(formatter, "{} B", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::{ByteCount, ByteOffset, chunks};

    #[test]
    fn byte_counts_read_like_a_person_would_say_them() {
        let shown = |bytes| ByteCount::new(bytes).to_string();
        assert_eq!(shown(0), "0 B");
        assert_eq!(shown(1023), "1023 B");
        assert_eq!(shown(536_870_912), "512 MiB");
        assert_eq!(shown(3_078_619_136), "2.8 GiB");
        assert_eq!(shown(150_732), "147 KiB");
    }

    #[test]
    fn chunks_cover_a_range_and_the_last_may_be_short() {
        let cut =
            |range, size| chunks(range, size).map(|(at, length)| (at.get(), length)).collect::<Vec<_>>();
        assert_eq!(cut(0..10, 4), [(0, 4), (4, 4), (8, 2)]);
        assert_eq!(cut(3..11, 4), [(3, 4), (7, 4)]);
        assert_eq!(cut(7..7, 4), []);
        assert_eq!(cut(u64::MAX - 5..u64::MAX, 4), [(u64::MAX - 5, 4), (u64::MAX - 1, 1)]);
    }

    #[test]
    fn offsets_and_counts_add_up() {
        let (start, count) = (ByteOffset::new(512), ByteCount::new(100));
        assert_eq!(start + count - start, count);
        assert_eq!(count + count - count, count);
        assert_eq!(ByteOffset::new(u64::MAX).checked_add(ByteCount::new(1)), None);
    }
}
