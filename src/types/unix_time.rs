//! Points in time.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::Offset;
use std::time::{SystemTime, UNIX_EPOCH};

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

    /// Returns the time by the clock of this machine.
    pub fn now() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        // A clock before 1970 is as wrong as one that says 1970.
        let seconds = since.map_or(0, |since| since.as_secs());
        Self(i64::try_from(seconds).map_or(0, |seconds| seconds))
    }

    /// Returns the number of seconds since 1970.
    pub const fn seconds(self) -> i64 {
        self.0
    }

    /// Returns the date and the time of day in UTC.
    ///
    /// # Panics
    /// When the year is not between -9999 and 9999; that of a [file](Self::OF_FILES) is.
    #[expect(clippy::expect_used, reason = "times are checked against OF_FILES where they come from")]
    pub(crate) fn utc(self) -> DateTime {
        Offset::UTC.to_datetime(Timestamp::from_second(self.0).expect("the time of a file has a date"))
    }

    /// Takes a date (year, month, day) and a time of day (hour, minute, second) in UTC. `None` where the calendar has
    /// no such day, or the day no such second.
    pub(crate) fn from_utc([year, month, day]: [u16; 3], [hour, minute, second]: [u16; 3]) -> Option<Self> {
        let small = |part: u16| i8::try_from(part).ok();
        let date = jiff::civil::Date::new(i16::try_from(year).ok()?, small(month)?, small(day)?).ok()?;
        let time = jiff::civil::Time::new(small(hour)?, small(minute)?, small(second)?, 0).ok()?;
        Some(Self(Offset::UTC.to_timestamp(DateTime::from_parts(date, time)).ok()?.as_second()))
    }

    /// Returns the date in UTC: `2026-10-06`.
    ///
    /// # Panics
    /// When the year is not between -9999 and 9999; that of a [file](Self::OF_FILES) is.
    pub fn date(self) -> String {
        self.utc().date().to_string()
    }
}

/// Returns `true` for a text like `2026-10-06`.
pub(crate) fn is_date(text: &str) -> bool {
    let fits = |(index, byte): (usize, u8)| match index {
        4 | 7 => byte == b'-',
        _ => byte.is_ascii_digit(),
    };
    text.len() == 10 && text.bytes().enumerate().all(fits)
}

#[cfg(test)]
mod tests {
    use super::UnixTime;

    #[test]
    fn seconds_are_dates_and_dates_are_seconds() {
        for (seconds, date, time, text) in [
            (0, [1970, 1, 1], [0, 0, 0], "1970-01-01"),
            (951_782_399, [2000, 2, 28], [23, 59, 59], "2000-02-28"),
            (951_782_400, [2000, 2, 29], [0, 0, 0], "2000-02-29"),
            (4_107_542_400, [2100, 3, 1], [0, 0, 0], "2100-03-01"),
        ] {
            assert_eq!(UnixTime::new(seconds).date(), text);
            assert_eq!(UnixTime::from_utc(date, time), Some(UnixTime::new(seconds)));
        }
        for (date, time) in
            [([2100, 2, 29], [0, 0, 0]), ([1980, 0, 0], [0, 0, 0]), ([1980, 1, 1], [0, 0, 60])]
        {
            assert_eq!(UnixTime::from_utc(date, time), None);
        }
    }
}
