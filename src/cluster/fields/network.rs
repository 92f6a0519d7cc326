//! `network:`, `address:` and `ipv6:`.

use crate::cluster::InterfaceName;
use crate::cluster::diagnostic::{Diagnostics, Finding, shown};
use crate::cluster::document::value::{Field, Spanned};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Returns what is said under one of two keys that mean the same; both at once are put down.
pub(crate) fn one_of_two<T>(keys: [&str; 2], fields: [Field<T>; 2], diagnostics: &Diagnostics) -> Field<T> {
    match fields {
        [Field::Given(_), Field::Given(second)] => {
            let message = format!("`{}` and `{}` are two ways to say one thing", keys[0], keys[1]);
            diagnostics.report(&second.span, Finding::new(message, "Keep one of the two"));
            Field::Invalid
        }
        [Field::Invalid, _] | [_, Field::Invalid] => Field::Invalid,
        [Field::Absent, other] | [other, Field::Absent] => other,
    }
}

/// An address behind which its network's prefix may stand, as netplan and `ip` write it.
pub(crate) fn with_prefix<A>(
    text: &str,
    longest: u8,
    address: fn(&str) -> Result<A, Finding>,
) -> Result<(A, Option<u8>), Finding> {
    match text.split_once('/') {
        None => Ok((address(text)?, None)),
        Some((text, bits)) => Ok((address(text)?, Some(prefix(bits, longest)?))),
    }
}

/// The address without its prefix. That has to be the network's; where nobody named the network's, it is it.
pub(crate) fn apart<A>(
    field: Field<(A, Option<u8>)>,
    prefix: &mut Field<u8>,
    diagnostics: &Diagnostics,
) -> Field<A> {
    let Spanned { value: (address, own), span } = match field {
        Field::Absent => return Field::Absent,
        Field::Invalid => return Field::Invalid,
        Field::Given(spanned) => spanned,
    };
    match (own, &*prefix) {
        (Some(own), Field::Absent) => {
            *prefix = Field::Given(Spanned { value: own, span: span.clone() });
        }
        (Some(own), Field::Given(network)) if own != network.value => {
            let message =
                format!("the prefix {own} of this address is not that of its network, {}", network.value);
            let hint = format!(
                "Leave it out, or make the two the same; the network's is in line {}",
                network.span.position.line
            );
            diagnostics.report(&span, Finding::new(message, hint));
        }
        (None, _) | (Some(_), Field::Invalid | Field::Given(_)) => {}
    }
    Field::Given(Spanned { value: address, span })
}

/// An IPv4 address that a machine can have.
pub(crate) fn ipv4(text: &str) -> Result<Ipv4Addr, Finding> {
    const EXAMPLE: &str = "Write it like `192.168.50.11`";
    if let Some((address, _)) = text.split_once('/') {
        let message = format!("{} has a prefix", shown(text));
        return Err(Finding::new(message, format!("Write `{address}`; the prefix belongs under `network:`")));
    }
    let Ok(address) = text.parse::<Ipv4Addr>() else {
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

/// The address of one machine: a name server is asked by it alone.
pub(crate) fn name_server(text: &str) -> Result<IpAddr, Finding> {
    const EXAMPLE: &str = "Write it like `192.168.50.1` or `fd00::1`; a name server is named by its address";
    let Ok(address) = text.parse::<IpAddr>() else {
        let parts: Vec<&str> = text.split([',', ' ']).filter(|part| !part.is_empty()).collect();
        let hint = if parts.len() > 1 {
            format!("Write a list: `[{}]`", parts.join(", "))
        } else {
            EXAMPLE.to_owned()
        };
        return Err(Finding::new(format!("{} is not an IP address", shown(text)), hint));
    };
    let of_one_machine = match address {
        // 0.0.0.0/8 means "here", 224.0.0.0/4 groups, 240.0.0.0/4 nobody and everybody (RFC 6890).
        IpAddr::V4(address) => (1..224).contains(&address.octets()[0]),
        IpAddr::V6(address) => {
            !address.is_unspecified() && !address.is_multicast() && address.to_ipv4_mapped().is_none()
        }
    };
    if of_one_machine {
        Ok(address)
    } else {
        Err(Finding::new(format!("`{address}` is not the address of one machine"), EXAMPLE))
    }
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

pub(crate) fn interface(text: &str) -> Result<InterfaceName, Finding> {
    if text.starts_with("wl") {
        let message = format!("{} is a wireless interface; cardwright sets up the wired one", shown(text));
        return Err(Finding::new(message, "Write `eth0`"));
    }
    InterfaceName::new(text).map_err(|reason| {
        Finding::new(format!("{} is no name of an interface: it {reason}", shown(text)), "Write `eth0`")
    })
}

pub(crate) fn domain(text: &str) -> Result<String, Finding> {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    if text.len() <= 253 && text.split('.').all(label) {
        Ok(text.to_owned())
    } else {
        Err(Finding::new(format!("{} is not a domain", shown(text)), "Write it like `home.arpa`"))
    }
}
