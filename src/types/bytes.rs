//! Amounts of bytes, and distances in bytes.

/// A distance from the start of a disk, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, serde::Serialize)]
pub struct ByteOffset(pub u64);

/// An amount of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, serde::Serialize)]
pub struct ByteCount(pub u64);

impl ByteOffset {
    /// The offset `count` bytes further on, or `None` past the end of 64 bits.
    pub fn checked_add(self, count: ByteCount) -> Option<Self> {
        self.0.checked_add(count.0).map(Self)
    }
}

impl std::fmt::Display for ByteCount {
    /// As a person reads it: `512 MiB`, `2.9 GiB`, `147 KiB`, `96 B`.
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
    use crate::types::ByteCount;

    #[test]
    fn byte_counts_read_like_a_person_would_say_them() {
        let shown = |bytes| ByteCount(bytes).to_string();
        assert_eq!(shown(0), "0 B");
        assert_eq!(shown(1023), "1023 B");
        assert_eq!(shown(536_870_912), "512 MiB");
        assert_eq!(shown(3_078_619_136), "2.8 GiB");
        assert_eq!(shown(150_732), "147 KiB");
    }
}
