//! How a cluster is reached, and for how long: what nodes.yaml says about certificates and addresses.

use super::document::Kind;
use super::keys;
use super::reader::{Cursor, Fields, Located, Reader, Setting, Wrong, shown};
use super::settings;
use crate::types::UnixTime;
use std::net::Ipv4Addr;

/// How a k3s cluster is reached, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Access {
    /// The year that its certificate authorities count from.
    pub founded: FoundingYear,
    /// For how long the kubeconfig works.
    pub kubeconfig_lifetime: Lifetime,
    /// An address that whichever server is well answers at; inside the servers' subnet, and no node's own.
    pub virtual_address: Option<Ipv4Addr>,
}

/// The year a cluster was founded in, 2020 to 2089.
///
/// Certificate authorities end with the tenth year after it. It stands in nodes.yaml, or is the same for
/// all, because the authorities may depend neither on the clock nor on the stock image: every token pins
/// one of them, and a card made next year has to fit a cluster made today.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct FoundingYear(u16);

impl Default for FoundingYear {
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl FoundingYear {
    /// The year of the key schedule's first version. It may never change.
    pub const DEFAULT: Self = Self(2026);
    /// The first and the last year there is.
    const RANGE: std::ops::RangeInclusive<u16> = 2020..=2089;
    /// For how many years certificate authorities are valid after it, as those that k3s makes.
    const YEARS: u16 = 10;

    /// Checks and takes a year.
    pub fn new(year: u16) -> Option<Self> {
        Self::RANGE.contains(&year).then_some(Self(year))
    }

    /// Its first second, UTC.
    pub fn begin(self) -> UnixTime {
        first_second(i64::from(self.0))
    }

    /// The last second of the tenth year after it, UTC.
    pub fn authorities_end(self) -> UnixTime {
        UnixTime::new(first_second(i64::from(self.0) + i64::from(Self::YEARS) + 1).seconds() - 1)
    }
}

/// The first second of a year from 1970 to 2100. Of those before, all that 4 divides have a day more, 2000
/// among them.
fn first_second(year: i64) -> UnixTime {
    UnixTime::new((365 * (year - 1970) + (year - 1969) / 4) * 86_400)
}

impl std::fmt::Display for FoundingYear {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(formatter)
    }
}

/// How long something is valid: 1 to 3650 days.
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

    /// In seconds.
    pub fn seconds(self) -> i64 {
        i64::from(self.0) * 86_400
    }
}

/// What was read, and where the virtual address stood, which has to be held against the nodes.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct DraftAccess {
    founded: FoundingYear,
    kubeconfig_lifetime: Lifetime,
    pub(super) virtual_address: Option<Located<Ipv4Addr>>,
}

impl DraftAccess {
    pub(super) fn finish(self) -> Access {
        Access {
            founded: self.founded,
            kubeconfig_lifetime: self.kubeconfig_lifetime,
            virtual_address: self.virtual_address.map(|address| address.value),
        }
    }
}

/// Reads `founded`, `kubeconfig` and `virtual_address` among the fields of `k3s:`; `None` where one of them
/// is wrong.
pub(super) fn read(fields: &Fields<'_>, reader: &mut Reader) -> Option<DraftAccess> {
    let founded = fields.setting("founded", reader, |value, reader| value.parse_token(reader, year));
    let lifetime = fields.setting("kubeconfig", reader, kubeconfig);
    let virtual_address =
        fields.setting("virtual_address", reader, |value, reader| value.parse_token(reader, settings::ipv4));
    if matches!(founded, Setting::Invalid)
        || matches!(lifetime, Setting::Invalid)
        || matches!(virtual_address, Setting::Invalid)
    {
        return None;
    }
    Some(DraftAccess {
        founded: founded.value().unwrap_or(FoundingYear::DEFAULT),
        kubeconfig_lifetime: lifetime.value().unwrap_or(Lifetime::DEFAULT),
        virtual_address: virtual_address.given().cloned(),
    })
}

/// `{lifetime: 3y}`
fn kubeconfig(value: &Cursor<'_>, reader: &mut Reader) -> Option<Lifetime> {
    if matches!(value.kind(), Kind::Nothing) {
        return Some(Lifetime::default());
    }
    let fields = value.fields(&keys::KUBECONFIG, reader)?;
    match fields.setting("lifetime", reader, |value, reader| value.parse_token(reader, lifetime)) {
        Setting::Absent => Some(Lifetime::default()),
        Setting::Invalid => None,
        Setting::Given(lifetime) => Some(lifetime.value),
    }
}

fn year(text: &str) -> Result<FoundingYear, Wrong> {
    text.parse().ok().and_then(FoundingYear::new).ok_or_else(|| {
        let (first, last) = (FoundingYear::RANGE.start(), FoundingYear::RANGE.end());
        let message = format!("{} is no year from {first} to {last}", shown(text));
        Wrong::new(message, "Write the year in which the first card of the cluster was made, like `2026`")
    })
}

/// `90d` or `3y`, a year being 365 days.
fn lifetime(text: &str) -> Result<Lifetime, Wrong> {
    let unit = |unit: char, days: u16| {
        let number: u16 = text.strip_suffix(unit)?.parse().ok()?;
        Lifetime::from_days(number.checked_mul(days)?)
    };
    unit('d', 1).or_else(|| unit('y', 365)).ok_or_else(|| {
        let message = format!("{} is no time from one day to ten years", shown(text));
        Wrong::new(message, "Write it in days or years, like `90d` or `3y`")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Computed with `date -u -d '2037-01-01' +%s` and so on, less one.
    #[test]
    fn authorities_end_with_the_tenth_year() {
        for (year, end) in [(2020, 1_924_991_999), (2026, 2_114_380_799), (2089, 4_102_444_799)] {
            assert_eq!(FoundingYear::new(year).unwrap().authorities_end(), UnixTime::new(end));
        }
        assert!(FoundingYear::new(2019).is_none() && FoundingYear::new(2090).is_none());
    }

    #[test]
    fn a_lifetime_is_days_or_years() {
        assert_eq!(lifetime("90d").unwrap().seconds(), 7_776_000);
        assert_eq!(lifetime("10y").unwrap(), Lifetime::from_days(3650).unwrap());
        for wrong in ["0d", "11y", "3651d", "3", "y", "-1d", "+1d d", "65536d", "1.5y", "3 y"] {
            assert!(lifetime(wrong).is_err(), "{wrong}");
        }
    }
}
