//! The certificates and addresses through which a cluster is reached.

use crate::cluster::diagnostic::{Finding, shown};
use crate::cluster::document::syntax::YamlKind;
use crate::cluster::document::value::{Field, FieldValue, Fields, Spanned};
use crate::cluster::fields::addresses;
use crate::cluster::fields::k3s::KUBECONFIG;
use crate::cluster::{Access, CaStartYear, Lifetime};
use std::net::Ipv4Addr;

/// The fields, with the span of the virtual address, which has to be held against the nodes.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct AccessDraft {
    ca_start_year: CaStartYear,
    kubeconfig_lifetime: Lifetime,
    pub(crate) virtual_address: Option<Spanned<Ipv4Addr>>,
}

impl AccessDraft {
    pub(crate) fn finish(self) -> Access {
        Access {
            ca_start_year: self.ca_start_year,
            kubeconfig_lifetime: self.kubeconfig_lifetime,
            virtual_address: self.virtual_address.map(|address| address.value),
        }
    }
}

/// Reads `ca_start_year`, `kubeconfig` and `virtual_address` among the fields of `k3s:`; `None` where one of them
/// is wrong.
pub(crate) fn read(fields: &Fields<'_>) -> Option<AccessDraft> {
    let keys = ["ca_start_year", "founded"];
    let start = fields.one_of_two(keys, keys.map(|key| fields.token(key, year)));
    let lifetime = fields.optional("kubeconfig", kubeconfig);
    let virtual_address = fields.token("virtual_address", addresses::ipv4);
    if start.is_invalid() || lifetime.is_invalid() || virtual_address.is_invalid() {
        return None;
    }
    Some(AccessDraft {
        ca_start_year: start.value().unwrap_or(CaStartYear::DEFAULT),
        kubeconfig_lifetime: lifetime.value().unwrap_or(Lifetime::DEFAULT),
        virtual_address: virtual_address.given().cloned(),
    })
}

/// `{lifetime: 3y}`
fn kubeconfig(value: &FieldValue<'_>) -> Option<Lifetime> {
    if matches!(value.kind(), YamlKind::Nothing) {
        return Some(Lifetime::default());
    }
    let fields = value.fields(&KUBECONFIG)?;
    match fields.token("lifetime", lifetime) {
        Field::Absent => Some(Lifetime::default()),
        Field::Invalid => None,
        Field::Given(lifetime) => Some(lifetime.value),
    }
}

fn year(text: &str) -> Result<CaStartYear, Finding> {
    text.parse().ok().and_then(CaStartYear::new).ok_or_else(|| {
        let (first, last) = (CaStartYear::RANGE.start(), CaStartYear::RANGE.end());
        let message = format!("{} is no year from {first} to {last}", shown(text));
        Finding::new(message, "Write the year in which the first card of the cluster was made, like `2026`")
    })
}

/// `90d` or `3y`, a year being 365 days.
fn lifetime(text: &str) -> Result<Lifetime, Finding> {
    let unit = |unit: char, days: u16| {
        let number: u16 = text.strip_suffix(unit)?.parse().ok()?;
        Lifetime::from_days(number.checked_mul(days)?)
    };
    unit('d', 1).or_else(|| unit('y', 365)).ok_or_else(|| {
        let message = format!("{} is no time from one day to ten years", shown(text));
        Finding::new(message, "Write it in days or years, like `90d` or `3y`")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lifetime_is_days_or_years() {
        assert_eq!(lifetime("90d").unwrap().seconds(), 7_776_000);
        assert_eq!(lifetime("10y").unwrap(), Lifetime::from_days(3650).unwrap());
        for invalid in ["0d", "11y", "3651d", "3", "y", "-1d", "+1d d", "65536d", "1.5y", "3 y"] {
            assert!(lifetime(invalid).is_err(), "{invalid}");
        }
    }
}
