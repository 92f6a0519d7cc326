//! The dates of a FAT: local time without a zone, taken as UTC, in steps of two seconds from 1980 on.

use crate::types::UnixTime;
use crate::types::fields::{set_at, u16_at};

/// 1980-01-01 00:00:00.
const FIRST: UnixTime = UnixTime::new(315_532_800);
/// 2107-12-31 23:59:59: the year has seven bits.
const LAST: UnixTime = UnixTime::new(4_354_819_199);

/// A date and a time in the words of a directory entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct DosTime {
    date: u16,
    time: u16,
    /// The odd second, which `time` cannot express, in hundredths.
    hundredths: u8,
}

impl DosTime {
    /// Returns the nearest time that FAT has.
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

    /// Writes it into a directory entry as the time of the last change (`DIR_WrtTime`, `DIR_WrtDate`,
    /// `DIR_LstAccDate`) and, where it is new, of its creation (`DIR_CrtTimeTenth`, `DIR_CrtTime`,
    /// `DIR_CrtDate`).
    pub(super) fn stamp(self, entry: &mut [u8], with_creation: bool) {
        let (date, time) = (self.date.to_le_bytes(), self.time.to_le_bytes());
        if with_creation {
            set_at(entry, 13, &[self.hundredths]);
            set_at(entry, 14, &time);
            set_at(entry, 16, &date);
        }
        set_at(entry, 18, &date);
        set_at(entry, 22, &time);
        set_at(entry, 24, &date);
    }
}

/// Returns the time of the last change in a directory entry; the first one of FAT where the calendar has no such day.
pub(super) fn modified(entry: &[u8]) -> UnixTime {
    let (date, time) = (u16_at(entry, 24), u16_at(entry, 22));
    let date = [1980 + (date >> 9), date >> 5 & 15, date & 31];
    let time = [time >> 11, time >> 5 & 63, (time & 31) * 2];
    UnixTime::from_utc(date, time).unwrap_or(FIRST)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Writes a time into an entry and reads it again.
    fn written(time: i64) -> i64 {
        let mut entry = [0; 32];
        DosTime::new(UnixTime::new(time)).stamp(&mut entry, true);
        assert_eq!([&entry[14..16], &entry[16..18]], [&entry[22..24], &entry[24..26]]);
        assert_eq!(entry[18..20], entry[24..26]);
        modified(&entry).seconds()
    }

    #[test]
    fn every_day_of_a_fat_is_written_right() {
        let day = 86_400;
        for begin in (FIRST.seconds()..LAST.seconds()).step_by(day) {
            assert_eq!(written(begin + 45_296), begin + 45_296);
        }
        assert_eq!([FIRST.date(), LAST.date()], ["1980-01-01", "2107-12-31"]);
    }

    #[test]
    fn an_odd_second_is_in_the_hundredths_of_the_creation() {
        let mut entry = [0; 32];
        DosTime::new(UnixTime::new(1_781_740_801)).stamp(&mut entry, true);
        assert_eq!((entry[13], modified(&entry).seconds()), (100, 1_781_740_800));
    }

    #[test]
    fn times_before_and_after_are_the_nearest_there_are() {
        assert_eq!(written(0), FIRST.seconds());
        assert_eq!(written(i64::MIN), FIRST.seconds());
        assert_eq!(written(i64::MAX), LAST.seconds() - 1);
    }

    #[test]
    fn a_date_that_no_calendar_has_is_the_first_one() {
        let mut entry = [0; 32];
        entry[22..24].fill(0xff);
        assert_eq!(modified(&entry), FIRST);
    }
}
