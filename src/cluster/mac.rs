//! Addresses of network hardware.

use crate::cluster::diagnostic::{Finding, shown};
use std::fmt;

/// The address of one network interface: six bytes, neither a group's nor nobody's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MacAddress([u8; 6]);

impl MacAddress {
    /// Parses `b8:27:eb:12:34:56`, also with `-` between its bytes.
    pub fn parse(text: &str) -> Option<Self> {
        let separator = if text.contains('-') { '-' } else { ':' };
        let mut bytes = [0; 6];
        let mut parts = text.split(separator);
        for byte in &mut bytes {
            let digits = parts.next().filter(|digits| digits.len() == 2 && !digits.starts_with('+'))?;
            *byte = u8::from_str_radix(digits, 16).ok()?;
        }
        let [first, ..] = bytes;
        // IEEE 802: the lowest bit of the first byte marks the address of a group.
        let of_a_group = first & 1 == 1;
        (parts.next().is_none() && !of_a_group && bytes != [0; 6]).then_some(Self(bytes))
    }
}

impl fmt::Display for MacAddress {
    /// In capitals and with colons, as NetworkManager writes it.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = self.0.map(|byte| format!("{byte:02X}"));
        formatter.write_str(&bytes.join(":"))
    }
}

/// Reads one in nodes.yaml.
pub(crate) fn mac(text: &str) -> Result<MacAddress, Finding> {
    MacAddress::parse(text).ok_or_else(|| {
        let message = format!("{} is not the MAC address of an interface", shown(text));
        Finding::new(message, "Write it as `ip link` shows it on the node, like `b8:27:eb:12:34:56`")
    })
}

#[cfg(test)]
mod tests {
    use super::MacAddress;

    #[test]
    fn a_mac_address_is_six_bytes_of_one_machine() {
        for right in ["b8:27:eb:12:34:56", "B8-27-EB-12-34-56"] {
            assert_eq!(MacAddress::parse(right).unwrap().to_string(), "B8:27:EB:12:34:56");
        }
        for invalid in [
            "",
            "b8:27:eb:12:34",
            "b8:27:eb:12:34:56:78",
            "b8:27:eb:12:34:5",
            "b8:27:eb:12:34:+5",
            "b827eb123456",
            "b8:27-eb:12:34:56",
            "00:00:00:00:00:00",
            "ff:ff:ff:ff:ff:ff",
            "01:00:5e:00:00:01",
        ] {
            assert!(MacAddress::parse(invalid).is_none(), "{invalid}");
        }
    }
}
