//! Points in time.

/// Seconds since 1970-01-01 00:00 UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(transparent)]
pub struct UnixTime(i64);

impl UnixTime {
    /// The times that a file of an image can have: from 1980-01-01, the first day of FAT, to 2038-01-19
    /// 03:14:07, the last second that ext4 keeps without its extra bits of epoch, which ext4-view 1.0, the
    /// reader of what was written, takes for damage.
    pub const OF_FILES: std::ops::RangeInclusive<Self> = Self(315_532_800)..=Self(i32::MAX as i64);

    /// Takes a number of seconds since 1970, which may be negative.
    pub const fn new(seconds: i64) -> Self {
        Self(seconds)
    }

    /// Returns the number of seconds since 1970.
    pub const fn seconds(self) -> i64 {
        self.0
    }
}
