//! The dates of a FAT: local time without a zone, taken as UTC, in steps of two seconds from 1980 on.

use crate::fs::fields::put_at;
use crate::types::UnixTime;

/// 1980-01-01 00:00:00.
const FIRST: UnixTime = UnixTime::new(315_532_800);
/// 2107-12-31 23:59:59: the year has seven bits.
const LAST: UnixTime = UnixTime::new(4_354_819_199);

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
    #[expect(clippy::expect_used, reason = "the time is brought into the range that FAT knows")]
    pub(super) fn new(time: UnixTime) -> Self {
        let time = time.clamp(FIRST, LAST).utc();
        let (year, month, day) = (time.year() - 1980, i16::from(time.month()), i16::from(time.day()));
        let (hour, minute, second) =
            (i16::from(time.hour()), i16::from(time.minute()), i16::from(time.second()));
        let year = u16::try_from(year).expect("the year is not before 1980");
        let word = |value: i16| u16::try_from(value).expect("the parts of a date are positive");
        Self {
            date: year << 9 | word(month << 5 | day),
            time: word(hour) << 11 | word((minute << 5) | (second / 2)),
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

/// The time that a directory entry tells; the first one of FAT where the calendar has no such day.
pub(super) fn unix_time(found: fatfs::DateTime) -> UnixTime {
    let (date, time) = (found.date, found.time);
    let told = UnixTime::from_utc([date.year, date.month, date.day], [time.hour, time.min, time.sec]);
    told.unwrap_or(FIRST)
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
        let day = 86_400;
        for begin in (FIRST.seconds()..LAST.seconds()).step_by(day) {
            assert_eq!(told(begin + 45_296), begin + 45_296);
        }
        assert_eq!([FIRST.date(), LAST.date()], ["1980-01-01", "2107-12-31"]);
    }

    #[test]
    fn times_before_and_after_are_the_nearest_there_are() {
        assert_eq!(told(0), FIRST.seconds());
        assert_eq!(told(i64::MIN), FIRST.seconds());
        assert_eq!(told(i64::MAX), LAST.seconds());
    }

    #[test]
    fn a_date_that_no_calendar_has_is_the_first_one() {
        let date = fatfs::Date { year: 1980, month: 0, day: 0 };
        let time = fatfs::Time { hour: 31, min: 63, sec: 62, millis: 0 };
        assert_eq!(unix_time(fatfs::DateTime { date, time }), FIRST);
    }
}
