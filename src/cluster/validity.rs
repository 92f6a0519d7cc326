//! The time for which certificates are valid.

use crate::types::UnixTime;

/// The year that a cluster's certificate authorities count from, 2020 to 2089.
///
/// Certificate authorities end with the tenth year after it. It stands in nodes.yaml, or is the same for
/// all, because the authorities may depend neither on the clock nor on the stock image: every token pins
/// one of them, and a card made next year has to fit a cluster made today.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct CaStartYear(u16);

impl Default for CaStartYear {
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl CaStartYear {
    /// The year of the key schedule's first version. It may never change.
    pub const DEFAULT: Self = Self(2026);
    /// The first and the last year there is.
    pub(crate) const RANGE: std::ops::RangeInclusive<u16> = 2020..=2089;
    /// The years that certificate authorities are valid after it, as those that k3s makes.
    const YEARS: u16 = 10;

    /// Checks and takes a year.
    pub fn new(year: u16) -> Option<Self> {
        Self::RANGE.contains(&year).then_some(Self(year))
    }

    /// Its first second, UTC.
    pub fn begin(self) -> UnixTime {
        first_second(self.0)
    }

    /// Returns the last second of the tenth year after it, UTC.
    pub fn authorities_end(self) -> UnixTime {
        UnixTime::new(first_second(self.0 + Self::YEARS + 1).seconds() - 1)
    }
}

/// Returns the first second of a year.
#[expect(clippy::expect_used, reason = "years are checked by CaStartYear::new")]
fn first_second(year: u16) -> UnixTime {
    UnixTime::from_utc([year, 1, 1], [0; 3]).expect("a year from 2020 to 2100 has a first day")
}

impl std::fmt::Display for CaStartYear {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(formatter)
    }
}

/// A period of validity: 1 to 3650 days.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Lifetime(u16);

impl Default for Lifetime {
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl Lifetime {
    /// Three years.
    pub const DEFAULT: Self = Self(3 * 365);

    /// Checks and takes a number of days.
    pub fn from_days(days: u16) -> Option<Self> {
        (1..=3650).contains(&days).then_some(Self(days))
    }

    /// Returns it in seconds.
    pub fn seconds(self) -> i64 {
        i64::from(self.0) * 86_400
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Computed with `date -u -d '2037-01-01' +%s` and so on, less one.
    #[test]
    fn authorities_end_with_the_tenth_year() {
        for (year, end) in [(2020, 1_924_991_999), (2026, 2_114_380_799), (2089, 4_102_444_799)] {
            assert_eq!(CaStartYear::new(year).unwrap().authorities_end(), UnixTime::new(end));
        }
        assert!(CaStartYear::new(2019).is_none() && CaStartYear::new(2090).is_none());
    }
}
