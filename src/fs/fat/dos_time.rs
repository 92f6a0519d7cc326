//! The dates of a FAT: local time without a zone, taken as UTC, in steps of two seconds from 1980 on.

use crate::fs::fields::put_at;
use crate::types::UnixTime;

const SECONDS_PER_DAY: i64 = 86400;
/// 1980-01-01, in days since 1970.
const FIRST_DAY: i64 = 3652;
/// 2107-12-31: the year has seven bits.
const LAST_DAY: i64 = 50402;

/// A date and a time in the words of a directory entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct DosTime {
    date: u16,
    time: u16,
    /// The second that `time` has no room for, in hundredths.
    hundredths: u8,
}

impl DosTime {
    /// The nearest that FAT can tell.
    #[expect(clippy::expect_used, reason = "the day is brought into the range that FAT knows")]
    pub(super) fn new(time: UnixTime) -> Self {
        let (day, second) =
            (time.seconds().div_euclid(SECONDS_PER_DAY), time.seconds().rem_euclid(SECONDS_PER_DAY));
        let (day, second) = match day {
            ..FIRST_DAY => (FIRST_DAY, 0),
            FIRST_DAY..=LAST_DAY => (day, second),
            _ => (LAST_DAY, SECONDS_PER_DAY - 1),
        };
        let (year, month, day) = date_of(day);
        let word = |value: i64| u16::try_from(value).expect("a day that FAT knows fits its fields");
        Self {
            date: word((year - 1980) << 9 | month << 5 | day),
            time: word((second / 3600) << 11 | (second / 60 % 60) << 5 | (second % 60 / 2)),
            hundredths: if second % 2 == 1 { 100 } else { 0 },
        }
    }

    /// Puts it into a directory entry as the time of the last change (`DIR_WrtTime`, `DIR_WrtDate`,
    /// `DIR_LstAccDate`) and, where it is new, of its creation (`DIR_CrtTimeTenth`, `DIR_CrtTime`,
    /// `DIR_CrtDate`).
    pub(super) fn stamp(self, entry: &mut [u8], with_creation: bool) {
        let (date, time) = (self.date.to_le_bytes(), self.time.to_le_bytes());
        if with_creation {
            put_at(entry, 13, &[self.hundredths]);
            put_at(entry, 14, &time);
            put_at(entry, 16, &date);
        }
        put_at(entry, 18, &date);
        put_at(entry, 22, &time);
        put_at(entry, 24, &date);
    }
}

/// The time that a directory entry tells.
pub(super) fn unix_time(found: fatfs::DateTime) -> UnixTime {
    let (date, time) = (found.date, found.time);
    let day = day_of(i64::from(date.year), i64::from(date.month), i64::from(date.day));
    let second = i64::from(time.hour) * 3600 + i64::from(time.min) * 60 + i64::from(time.sec);
    UnixTime::new(day * SECONDS_PER_DAY + second)
}

/// Days since 1970 of a date in the Gregorian calendar. Years begin in March here, so that the leap day
/// is their last.
fn day_of(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month <= 2 { (year - 1, month + 9) } else { (year, month - 3) };
    let leap_days = year / 4 - year / 100 + year / 400;
    // 719468 days lie between March of the year 0 and 1970.
    year * 365 + leap_days + (month * 153 + 2) / 5 + day - 1 - 719_468
}

fn date_of(day: i64) -> (i64, i64, i64) {
    let mut year = 1970 + day / 366;
    while day_of(year + 1, 1, 1) <= day {
        year += 1;
    }
    let month = (2..=12).rev().find(|month| day_of(year, *month, 1) <= day).unwrap_or(1);
    (year, month, day - day_of(year, month, 1) + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(time: i64) -> i64 {
        let dos = DosTime::new(UnixTime::new(time));
        let date =
            fatfs::Date { year: (dos.date >> 9) + 1980, month: dos.date >> 5 & 15, day: dos.date & 31 };
        let (hour, min) = (dos.time >> 11, dos.time >> 5 & 63);
        let time =
            fatfs::Time { hour, min, sec: (dos.time & 31) * 2 + u16::from(dos.hundredths / 100), millis: 0 };
        unix_time(fatfs::DateTime { date, time }).seconds()
    }

    #[test]
    fn every_day_of_a_fat_is_told_right() {
        for day in FIRST_DAY..=LAST_DAY {
            assert_eq!(told(day * SECONDS_PER_DAY + 45_296), day * SECONDS_PER_DAY + 45_296);
        }
        assert_eq!(date_of(LAST_DAY), (2107, 12, 31));
        assert_eq!(date_of(FIRST_DAY), (1980, 1, 1));
    }

    #[test]
    fn times_before_and_after_are_the_nearest_there_are() {
        assert_eq!(told(0), FIRST_DAY * SECONDS_PER_DAY);
        assert_eq!(told(i64::MIN), FIRST_DAY * SECONDS_PER_DAY);
        assert_eq!(told(i64::MAX), LAST_DAY * SECONDS_PER_DAY + 86399);
    }

    #[test]
    fn a_date_that_no_calendar_has_is_still_a_number() {
        let date = fatfs::Date { year: 1980, month: 0, day: 0 };
        let time = fatfs::Time { hour: 31, min: 63, sec: 62, millis: 0 };
        assert!(unix_time(fatfs::DateTime { date, time }).seconds() > 0);
    }
}
