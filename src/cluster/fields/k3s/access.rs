//! The certificates and addresses through which a cluster is reached.

use crate::cluster::diagnostic::{Finding, shown};
use crate::cluster::document::table::keys;
use crate::cluster::document::types::{like, token};
use crate::cluster::{CaStartYear, Lifetime};
use serde_json::{Value, json};

keys! {
    level KUBECONFIG: "kubeconfig", "under `kubeconfig:` of `k3s:`", "The kubeconfig beside the images.";
    draft KubeconfigFields;

    key lifetime: Lifetime = like(r"^([1-9]\d{0,3}d|([1-9]|10)y)$", token(lifetime)); {
        help: "For how long it works, in days or years: counted from the stock image's date, or SOURCE_DATE_EPOCH.",
        example: "90d",
        schema: || json!({"default": "3y"}),
    }
}

/// The JSON Schema of a year.
pub(crate) fn year_schema() -> Value {
    let (first, last) = (CaStartYear::RANGE.start(), CaStartYear::RANGE.end());
    json!({"type": "integer", "minimum": first, "maximum": last, "default": 2026})
}

pub(crate) fn year(text: &str) -> Result<CaStartYear, Finding> {
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
