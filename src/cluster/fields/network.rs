//! `network:`, `address:` and `ipv6:`.

use crate::cluster::diagnostic::{Diagnostics, Finding, shown};
use crate::cluster::document::table::keys;
use crate::cluster::document::types::{like, list, mappings, text, token};
use crate::cluster::document::value::{Field, Spanned};
use crate::cluster::fields::addresses::{
    DEFAULT_IPV6_PREFIX, IPV4, IPV6, WithPrefix, ipv4, ipv6_on_the_wire, prefix, with_prefix,
};
use crate::cluster::fields::beside::{self, ADAPTER, BesideDraft, VLAN};
use crate::cluster::fields::link::{AdapterKeys, LinkFields};
use crate::cluster::fields::wifi::WifiLayer;
use crate::cluster::wifi::DerivedKeys;
use crate::cluster::{Connection, Interface, InterfaceName, Ipv4, Ipv4Network, Ipv6Network, Link, Network};
use crate::types::absent::OrEmpty as _;
use serde_json::{Value, json};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

keys! {
    level NETWORK: "network", "under `network:`", "The network by which a node is reached.";
    draft NetworkFields with link: LinkFields with adapter: AdapterKeys, then settle_prefixes;

    key prefix: u8 = token(|text| prefix(text, 30)); {
        help: "How many bits of an address name the network: 24 for 255.255.255.0. Static addresses need it, a DHCP server \
              says it.",
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
        help: "The router's address, inside the subnet. Static addresses need it, a DHCP server says it.",
        example: "192.168.50.1",
        others: "routers router gw gateway4 default_gateway via auto_setup_net_static_gateway \
              ipv4_static_gateway",
    }
    key dns: Vec<IpAddr> = list(like("^[0-9A-Fa-f:.]+$", token(name_server))); {
        help: "Addresses of name servers, in order; the gateway where absent. Those that routers announce are \
              ignored; with `method: dhcp` these take the place of what the server names. Pods ask the first three that they can reach.",
        example: "[192.168.50.1, 1.1.1.1]",
        others: "nameservers nameserver name_servers dns_servers dns_nameservers resolvers domain_name_servers \
              auto_setup_net_static_dns ipv4_static_dns",
    }
    key search: Vec<String> = list(like("^[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?$", text(domain))); {
        help: "Domains that are searched for short names.",
        example: "[home.arpa]",
        others: "domain domains domain_search search_domains dns_search ipv4_static_dns_search",
    }
    key interfaces: Vec<Spanned<BesideDraft>> = mappings(&ADAPTER, |fields| Some(beside::interface(fields))); {
        help: "Wired interfaces beside the main one.",
        example: "[{interface: eth1, address: 10.0.0.11/24}]",
    }
    key vlans: Vec<Spanned<BesideDraft>> = mappings(&VLAN, |fields| Some(beside::vlan(fields))); {
        help: "VLANs on the wire. Not on bullseye.",
        example: "[{id: 20, address: 192.168.20.11/24}]",
        here: "vlan",
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
        example: "64",
        schema: || json!({"type": "integer", "minimum": 1, "maximum": 126, "default": 64}),
    }
    key gateway: WithPrefix<Ipv6Addr> = like(IPV6, token(|text| with_prefix(text, 126, ipv6_on_the_wire))); {
        help: "The router's address: inside the subnet, or link-local; without one, what routers announce is \
              used.",
        example: "fd00::1",
    }
}

/// The JSON Schema of a prefix, which may be written as a netmask.
fn prefix_schema() -> Value {
    let netmask = r"^(/?([1-9]|[12]\d|30)|(128|192|224|24[08]|25[245])\.0\.0\.0|255\.(0|128|192|224|24[08]|25[245])\.0\.0|255\.255\.(0|128|192|224|24[08]|25[245])\.0|255\.255\.255\.(0|128|192|224|24[08]|252))$";
    json!({"anyOf": [{"type": "integer", "minimum": 1, "maximum": 30}, {"type": "string", "pattern": netmask}]})
}

impl NetworkFields {
    /// Returns the network of a node with these addresses; `None` where a part of it could not be read.
    pub(crate) fn finish(
        &self,
        (address, ipv6): (Option<Ipv4Addr>, Option<Ipv6Addr>),
        wifi: &WifiLayer,
        derived: &mut DerivedKeys,
    ) -> Option<Network> {
        let gateway = self.gateway.to_value().map(|gateway| gateway.address);
        let ipv6_gateway = self.ipv6.gateway.to_value().map(|gateway| gateway.address);
        let (ipv4, router) = match address {
            reserved if self.link.is_by_dhcp() => (Ipv4::Dhcp { reserved }, None),
            Some(address) => {
                let network =
                    Ipv4Network { address, prefix: self.prefix.to_value()?, gateway: Some(gateway?) };
                (Ipv4::Static(network), gateway.map(IpAddr::V4))
            }
            None => (Ipv4::Off, ipv6_gateway.map(IpAddr::V6)),
        };
        let ipv6 = ipv6.map(|address| Ipv6Network {
            address,
            prefix: self.ipv6.prefix.to_value().unwrap_or(DEFAULT_IPV6_PREFIX),
            gateway: ipv6_gateway,
        });
        let wire = self.adapter.interface.to_value().unwrap_or_else(default_interface);
        let (mut main, mut beside) = (
            Connection {
                link: Link::Wired(wire.clone()),
                ipv4,
                ipv6,
                mtu: self.link.mtu.to_value(),
                routes: self.link.plain_routes(),
            },
            Vec::new(),
        );
        if wifi.span().is_some() {
            let link = Link::Wifi(Box::new(wifi.finish(derived)?));
            match wifi.span_of_main() {
                Some(_) => main.link = link,
                None => beside.push(wifi.beside.finish(link)?),
            }
        }
        for other in self.interfaces.items().iter().chain(self.vlans.items()) {
            beside.push(other.value.finish(&wire)?);
        }
        let named = self.dns.to_value().filter(|servers| !servers.is_empty());
        Some(Network {
            main,
            beside,
            dns: named.unwrap_or_else(|| router.into_iter().collect()),
            search: self.search.to_value().or_empty(),
        })
    }
}

/// Returns the name that Raspberry Pi OS gives the wired interface of a board.
#[expect(clippy::expect_used, reason = "the name is a constant")]
fn default_interface() -> Interface {
    Interface::Named(InterfaceName::new("eth0").expect("`eth0` is a valid name"))
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
                "Leave it out, or make the two the same; the network's is in {}",
                network.span.line_from(span)
            );
            diagnostics.report(span, Finding::new(message, hint));
        }
        Field::Invalid | Field::Given(_) => {}
    }
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
