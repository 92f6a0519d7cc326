//! `network:`, `address:` and `ipv6:`.

use crate::cluster::diagnostic::{Diagnostics, Finding, shown};
use crate::cluster::document::table::keys;
use crate::cluster::document::types::{like, list, text, token, words};
use crate::cluster::document::value::{Field, Spanned};
use crate::cluster::{
    Connection, Interface, InterfaceName, Ipv4, Ipv4Network, Ipv6Network, Link, Network, mac,
};
use crate::types::absent::OrEmpty as _;
use serde_json::{Value, json};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

keys! {
    level NETWORK: "network", "under `network:`", "The network by which a node is reached.";
    draft NetworkFields, then settle_prefixes;

    key method: Method = words(METHODS); {
        help: "Whether the address is static, or given by a DHCP server. An `address` of the node is then the one \
              that the server has reserved, which k3s needs; a node without one is found as `NAME.local`.",
        schema: || json!({"enum": ["static", "dhcp"], "default": "static"}),
        others: "bootproto ipv4_method",
    }
    key interface: Interface = like("^(?!wl)[A-Za-z0-9._-]{1,15}$", text(interface)); {
        help: "The wired interface: `eth0`, or `eth1` for an adapter on USB.",
        schema: || json!({"default": "eth0"}),
        others: "nic ifname iface device dev",
    }
    | mac = like("^[0-9A-Fa-f]{2}([:-][0-9A-Fa-f]{2}){5}$", token(adapter)); {
            help: "The wired interface by its MAC address, whatever it is called; instead of `interface`. Not \
                  on bullseye.",
            example: "b8:27:eb:12:34:56",
        others: "macaddress mac_address hwaddr hwaddress match",
    }
    key prefix: u8 = token(|text| prefix(text, 30)); {
        help: "How many bits of an address name the network: 24 for 255.255.255.0.",
        example: "24",
        schema: prefix_schema,
        others: "cidr prefixlen prefix_length bits",
    }
    | netmask = token(|text| prefix(text, 30)); {
            help: "The prefix, written as a netmask; instead of `prefix`.",
            example: "255.255.255.0",
            schema: prefix_schema,
        others: "mask subnet_mask auto_setup_net_static_mask",
    }
    key gateway: WithPrefix<Ipv4Addr> = like(IPV4, token(|text| with_prefix(text, 30, ipv4))); {
        help: "The router's address, inside the subnet.",
        example: "192.168.50.1",
        others: "routers router gw gateway4 default_gateway via auto_setup_net_static_gateway \
              ipv4_static_gateway",
    }
    key dns: Vec<IpAddr> = list(like("^[0-9A-Fa-f:.]+$", token(name_server))); {
        help: "Addresses of name servers, in order; the gateway where absent. Those that routers announce are \
              ignored. Pods ask the first three that they can reach.",
        example: "[192.168.50.1, 1.1.1.1]",
        others: "nameservers nameserver name_servers dns_servers dns_nameservers resolvers domain_name_servers \
              auto_setup_net_static_dns ipv4_static_dns",
    }
    key search: Vec<String> = list(like("^[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?$", text(domain))); {
        help: "Domains that are searched for short names.",
        example: "[home.arpa]",
        others: "domain domains domain_search search_domains dns_search ipv4_static_dns_search",
    }
    level ipv6: NetworkIpv6Fields = NETWORK_IPV6; {
        help: "IPv6, for the nodes that have an `ipv6` address.",
        example: "{gateway: fd00::1}",
    }
}

keys! {
    level NETWORK_IPV6: "network_ipv6", "under `ipv6:` of `network:`", "IPv6, beside IPv4.";
    draft NetworkIpv6Fields;

    key prefix: u8 = token(|text| prefix(text, 126)); {
        help: "How many bits of an address name the network.",
        schema: || json!({"type": "integer", "minimum": 1, "maximum": 126, "default": 64}),
    }
    key gateway: WithPrefix<Ipv6Addr> = like(IPV6, token(|text| with_prefix(text, 126, ipv6_on_the_wire))); {
        help: "The router's address: inside the subnet, or link-local; without one, what routers announce is \
              used.",
        example: "fd00::1",
    }
}

/// The pattern of an IPv4 address, behind which a prefix may stand.
pub(crate) const IPV4: &str = r"^((25[0-5]|2[0-4]\d|1?\d?\d)(\.(?!$|/)|(?=$|/))){4}(/([1-9]|[12]\d|30))?$";

/// The pattern of an IPv6 address, behind which a prefix may stand.
pub(crate) const IPV6: &str = r"^(?=.*:.*:)[0-9A-Fa-f:.]+(/\d+)?$";

/// The JSON Schema of a prefix, which may be written as a netmask.
fn prefix_schema() -> Value {
    let netmask = r"^(/?([1-9]|[12]\d|30)|(128|192|224|24[08]|25[245])\.0\.0\.0|255\.(0|128|192|224|24[08]|25[245])\.0\.0|255\.255\.(0|128|192|224|24[08]|25[245])\.0|255\.255\.255\.(0|128|192|224|24[08]|252))$";
    json!({"anyOf": [{"type": "integer", "minimum": 1, "maximum": 30}, {"type": "string", "pattern": netmask}]})
}

/// Where an address comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Method {
    Static,
    Dhcp,
}

const METHODS: [(&str, Method); 2] = [("static", Method::Static), ("dhcp", Method::Dhcp)];

impl NetworkFields {
    /// Returns `true` if a DHCP server gives the address.
    pub(crate) fn is_by_dhcp(&self) -> bool {
        self.method.given().is_some_and(|method| method.value == Method::Dhcp)
    }

    /// Returns the network of a node with these addresses; `None` where a part of it could not be read.
    pub(crate) fn finish(&self, address: Option<Ipv4Addr>, ipv6: Option<Ipv6Addr>) -> Option<Network> {
        let gateway = self.gateway.to_value().map(|gateway| gateway.address);
        let ipv6_gateway = self.ipv6.gateway.to_value().map(|gateway| gateway.address);
        let ipv4 = match address {
            reserved if self.is_by_dhcp() => Ipv4::Dhcp { reserved },
            Some(address) => Ipv4::Static(Ipv4Network {
                address,
                prefix: self.prefix.to_value()?,
                gateway: Some(gateway?),
            }),
            None => Ipv4::Off,
        };
        let routers = match ipv4 {
            Ipv4::Static(_) => gateway.map(IpAddr::V4),
            Ipv4::Dhcp { .. } => None,
            Ipv4::Off => ipv6_gateway.map(IpAddr::V6),
        };
        let named = self.dns.to_value().filter(|servers| !servers.is_empty());
        let ipv6 = ipv6.map(|address| Ipv6Network {
            address,
            prefix: self.ipv6.prefix.to_value().unwrap_or(DEFAULT_IPV6_PREFIX),
            gateway: ipv6_gateway,
        });
        let link = Link::Wired(self.interface.to_value().unwrap_or_else(default_interface));
        Some(Network {
            main: Connection { link, ipv4, ipv6, mtu: None, routes: Vec::new() },
            beside: Vec::new(),
            dns: named.unwrap_or_else(|| routers.into_iter().collect()),
            search: self.search.to_value().or_empty(),
        })
    }
}

/// The prefix of every IPv6 network on a wire (RFC 4291, section 2.5.1).
pub(crate) const DEFAULT_IPV6_PREFIX: u8 = 64;

/// Returns the name that Raspberry Pi OS gives the wired interface of a board.
#[expect(clippy::expect_used, reason = "the name is a constant")]
fn default_interface() -> Interface {
    Interface::Named(InterfaceName::new("eth0").expect("`eth0` is a valid name"))
}

/// An address behind which its network's prefix may stand, as netplan and `ip` write it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct WithPrefix<A> {
    pub(crate) address: A,
    prefix: Option<u8>,
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

/// Takes the prefixes behind addresses of routers for those of their networks.
fn settle_prefixes(network: &mut NetworkFields, diagnostics: &Diagnostics) {
    settle_prefix(&network.gateway, &mut network.prefix, diagnostics);
    settle_prefix(&network.ipv6.gateway, &mut network.ipv6.prefix, diagnostics);
}

/// Takes the prefix behind an address for its network's, where nobody named that. Otherwise the two have to be the same.
pub(crate) fn settle_prefix<A>(
    address: &Field<WithPrefix<A>>,
    prefix: &mut Field<u8>,
    diagnostics: &Diagnostics,
) {
    let Some(Spanned { value: WithPrefix { prefix: Some(own), .. }, span }) = address.given() else { return };
    match &*prefix {
        Field::Absent => *prefix = Field::Given(Spanned { value: *own, span: span.clone() }),
        Field::Given(network) if *own != network.value => {
            let message =
                format!("the prefix {own} of this address is not that of its network, {}", network.value);
            let hint = format!(
                "Leave it out, or make the two the same; the network's is in line {}",
                network.span.position.line
            );
            diagnostics.report(span, Finding::new(message, hint));
        }
        Field::Invalid | Field::Given(_) => {}
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
fn ipv6_on_the_wire(text: &str) -> Result<Ipv6Addr, Finding> {
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
fn name_server(text: &str) -> Result<IpAddr, Finding> {
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
fn prefix(text: &str, longest: u8) -> Result<u8, Finding> {
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

fn interface(text: &str) -> Result<Interface, Finding> {
    if text.starts_with("wl") {
        let message = format!("{} is a wireless interface; cardwright sets up the wired one", shown(text));
        return Err(Finding::new(message, "Write `eth0`"));
    }
    InterfaceName::new(text).map(Interface::Named).map_err(|reason| {
        Finding::new(format!("{} is no name of an interface: it {reason}", shown(text)), "Write `eth0`")
    })
}

fn adapter(text: &str) -> Result<Interface, Finding> {
    mac::mac(text).map(Interface::WithMac)
}

fn domain(text: &str) -> Result<String, Finding> {
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
