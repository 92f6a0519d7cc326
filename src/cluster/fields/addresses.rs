//! Addresses and interfaces, wherever nodes.yaml names some.

use crate::cluster::diagnostic::{Finding, shown};
use crate::cluster::{Interface, InterfaceName, mac};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The pattern of an IPv4 address, behind which a prefix may stand.
pub(crate) const IPV4: &str = r"^((25[0-5]|2[0-4]\d|1?\d?\d)(\.(?!$|/)|(?=$|/))){4}(/([1-9]|[12]\d|30))?$";

/// The pattern of an IPv6 address, behind which a prefix may stand.
pub(crate) const IPV6: &str = r"^(?=.*:.*:)[0-9A-Fa-f:.]+(/\d+)?$";

/// The prefix of every IPv6 network on a wire (RFC 4291, section 2.5.1).
pub(crate) const DEFAULT_IPV6_PREFIX: u8 = 64;

/// An address behind which its network's prefix may stand, as netplan and `ip` write it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct WithPrefix<A> {
    pub(crate) address: A,
    pub(crate) prefix: Option<u8>,
}

impl<A: Into<IpAddr>> From<WithPrefix<A>> for IpAddr {
    fn from(with_prefix: WithPrefix<A>) -> Self {
        with_prefix.address.into()
    }
}

pub(crate) fn with_prefix<A>(
    text: &str,
    longest: u8,
    address: fn(&str) -> Result<A, Finding>,
) -> Result<WithPrefix<A>, Finding> {
    match text.split_once('/') {
        None => Ok(WithPrefix { address: address(text)?, prefix: None }),
        Some((text, bits)) => {
            Ok(WithPrefix { address: address(text)?, prefix: Some(prefix(bits, longest)?) })
        }
    }
}

/// An IPv4 address that a machine can have.
pub(crate) fn ipv4(text: &str) -> Result<Ipv4Addr, Finding> {
    const EXAMPLE: &str = "Write it like `192.168.50.11`";
    if let Some((address, _)) = text.split_once('/') {
        let message = format!("{} has a prefix", shown(text));
        return Err(Finding::new(message, format!("Write `{address}`; the prefix belongs under `network:`")));
    }
    let Ok(address) = text.parse::<Ipv4Addr>() else {
        if matches!(text.to_ascii_lowercase().as_str(), "dhcp" | "auto") {
            let hint = "Write `network: {method: dhcp}`, and as `address` the one that the router has reserved, if any";
            return Err(Finding::new(format!("{} is not an IPv4 address", shown(text)), hint));
        }
        return Err(Finding::new(format!("{} is not an IPv4 address", shown(text)), EXAMPLE));
    };
    if address.is_unspecified()
        || address.is_loopback()
        || address.is_link_local()
        || address.octets().first().is_none_or(|first| *first == 0 || *first >= 224)
    {
        return Err(Finding::new(
            format!("`{address}` is not an address that a machine can be given"),
            EXAMPLE,
        ));
    }
    Ok(address)
}

/// An IPv6 address of a node: one that others can reach.
pub(crate) fn ipv6(text: &str) -> Result<Ipv6Addr, Finding> {
    let address = ipv6_on_the_wire(text)?;
    if address.is_unicast_link_local() {
        let message = format!("`{address}` is link-local: every machine gives itself such an address");
        return Err(Finding::new(message, "Write one of your network, like `fd00::11`"));
    }
    Ok(address)
}

/// An IPv6 address that a machine can have. That of a router is mostly link-local.
pub(crate) fn ipv6_on_the_wire(text: &str) -> Result<Ipv6Addr, Finding> {
    let Ok(address) = text.parse::<Ipv6Addr>() else {
        return Err(Finding::new(
            format!("{} is not an IPv6 address", shown(text)),
            "Write it like `fd00::11`",
        ));
    };
    let special = address.is_unspecified() || address.is_loopback() || address.is_multicast();
    if special || address.to_ipv4_mapped().is_some() {
        let message = format!("`{address}` is not an address that a machine can be given");
        return Err(Finding::new(message, "Write it like `fd00::11`"));
    }
    Ok(address)
}

/// A number, perhaps with the `/` that it has behind an address, or of IPv4 a netmask: `255.255.255.0`.
pub(crate) fn prefix(text: &str, longest: u8) -> Result<u8, Finding> {
    if longest == 30
        && let Ok(netmask) = text.parse::<Ipv4Addr>()
    {
        let ones = netmask.to_bits().leading_ones();
        let prefix = u8::try_from(ones).ok().filter(|prefix| (1..=longest).contains(prefix));
        let whole = ones + netmask.to_bits().trailing_zeros() == u32::BITS;
        return prefix.filter(|_| whole).ok_or_else(|| {
            let message = format!("`{netmask}` is not the netmask of a network with nodes in it");
            Finding::new(message, "Write it like `255.255.255.0`, or as a prefix: `24`")
        });
    }
    match text.strip_prefix('/').unwrap_or(text).parse::<u8>() {
        Ok(prefix) if (1..=longest).contains(&prefix) => Ok(prefix),
        _ => {
            let usual = if longest == 30 { "`24` for 255.255.255.0" } else { "`64`" };
            let message = format!("{} is not a prefix: a number from 1 to {longest}", shown(text));
            Err(Finding::new(
                message,
                format!("Write how many bits of the address name the network, mostly {usual}"),
            ))
        }
    }
}

pub(crate) fn interface(text: &str) -> Result<Interface, Finding> {
    if text.starts_with("wl") {
        let message = format!("{} is a wireless interface", shown(text));
        return Err(Finding::new(message, "Write `eth0`; what goes by radio is described under `wifi:`"));
    }
    InterfaceName::new(text).map(Interface::Named).map_err(|reason| {
        Finding::new(format!("{} is no name of an interface: it {reason}", shown(text)), "Write `eth0`")
    })
}

pub(crate) fn adapter(text: &str) -> Result<Interface, Finding> {
    mac::mac(text).map(Interface::WithMac)
}
