//! The certificates and addresses through which a cluster is reached.

use crate::cluster::diagnostic::{Finding, shown};
use crate::cluster::document::schema;
use crate::cluster::document::syntax::YamlKind;
use crate::cluster::document::table::keys;
use crate::cluster::document::types::{ValueType as _, like, required, token, words};
use crate::cluster::document::value::FieldValue;
use crate::cluster::fields::addresses::ipv4;
use crate::cluster::{Answerer, CaStartYear, Lifetime, VirtualAddress};
use serde_json::{Value, json};
use std::net::Ipv4Addr;

keys! {
    level KUBECONFIG: "kubeconfig", "under `kubeconfig:` of `k3s:`", "The kubeconfig beside the images.";
    draft KubeconfigFields;

    key lifetime: Lifetime = like(r"^([1-9]\d{0,3}d|([1-9]|10)y)$", token(lifetime)); {
        help: "For how long it works, in days or years: counted from the stock image's date, or SOURCE_DATE_EPOCH.",
        example: "90d",
        schema: || json!({"default": "3y"}),
    }
}

keys! {
    level VIRTUAL_ADDRESS: "virtual_address", "under `virtual_address:` of `k3s:`",
        "An address for whichever server is well, and what answers there.";
    draft VirtualAddressFields;

    key address: Ipv4Addr = required("192.168.50.10", token(ipv4)); {
        help: "The address: of the servers' network, and nobody's yet.",
        example: "192.168.50.10",
        schema: || json!({"format": "ipv4"}),
    }
    key by: Answerer = words([("kube-vip", Answerer::KubeVip)]); {
        help: "What answers there: `kube-vip`, whose manifest is put on the first server's card, and whose container image \
              servers pull from ghcr.io. Where absent, something that you deploy.",
        example: "kube-vip",
    }
}

/// Reads an address alone, or the mapping.
pub(crate) fn virtual_address(value: &FieldValue<'_>) -> Option<VirtualAddress> {
    if !matches!(value.kind(), YamlKind::Mapping(_)) {
        let address = token(ipv4).read(value)?;
        return Some(VirtualAddress { address, by: Answerer::Other });
    }
    let VirtualAddressFields { address, by, .. } =
        VirtualAddressFields::read(&value.fields(&VIRTUAL_ADDRESS)?);
    let (address, by) = (address.to_value()?, if by.is_absent() { Answerer::Other } else { by.to_value()? });
    Some(VirtualAddress { address, by })
}

/// The JSON Schema of a virtual address.
pub(crate) fn virtual_address_schema() -> Value {
    json!({"anyOf": [{"type": "string", "format": "ipv4"}, schema::reference(&VIRTUAL_ADDRESS)]})
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
