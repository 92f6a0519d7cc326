//! Connections beside the one by which a node is reached: Wi-Fi, `interfaces:` and `vlans:` of `network:`.

use crate::cluster::diagnostic::{Finding, shown};
use crate::cluster::document::keys::Level;
use crate::cluster::document::schema;
use crate::cluster::document::table::keys;
use crate::cluster::document::types::{by, like, required, text, token, words};
use crate::cluster::document::value::{Field, FieldValue, Spanned};
use crate::cluster::fields::addresses::{
    DEFAULT_IPV6_PREFIX, IPV4, IPV6, METHODS, Method, WithPrefix, adapter, interface, ipv4, ipv6,
    ipv6_on_the_wire, with_prefix,
};
use crate::cluster::{Connection, Interface, Ipv4, Ipv4Network, Ipv6Network, Link, Route};
use ipnet::IpNet;
use serde_json::{Value, json};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::RangeInclusive;

/// An interface beside the main one.
pub(crate) const ADAPTER: Level = Level {
    name: "interface",
    home: "in an interface, under `interfaces:` of `network:`",
    help: "A wired interface beside the main one. Neither a default route nor name servers come from there.",
    groups: &[AdapterKeys::ROWS, BesideFields::ROWS],
    ..Level::EMPTY
};

/// A VLAN.
pub(crate) const VLAN: Level = Level {
    name: "vlan",
    home: "in a VLAN, under `vlans:` of `network:`",
    help: "A virtual network on the wire, of which the switch has to know (IEEE 802.1Q). Neither a default route nor \
           name servers come from there. Not on bullseye.",
    groups: &[VlanKeys::ROWS, AdapterKeys::ROWS, BesideFields::ROWS],
    ..Level::EMPTY
};

keys! {
    draft VlanKeys;

    key id: u16 = required("20", token(vlan_id)); {
        help: "Its number.",
        example: "20",
        schema: || json!({"type": ["integer", "string"], "minimum": 1, "maximum": 4094}),
        here: "vlan vlan_id tag number",
    }
}

keys! {
    draft AdapterKeys;

    key interface: Interface = like("^(?!wl)[A-Za-z0-9._-]{1,15}$", text(interface)); {
        help: "The interface, like `eth1`. Of a VLAN, the one that it is on; the node's own wire where absent.",
        example: "eth1",
        here: "name link parent",
        others: "nic ifname iface device dev",
    }
    | mac = like("^[0-9A-Fa-f]{2}([:-][0-9A-Fa-f]{2}){5}$", token(adapter)); {
        help: "The interface by its MAC address; instead of `interface`. Not on bullseye.",
        example: "b8:27:eb:12:34:57",
        others: "macaddress mac_address hwaddr hwaddress match",
    }
}

keys! {
    draft BesideFields;

    key address: WithPrefix<Ipv4Addr> = like(IPV4, token(|text| with_prefix(text, 30, ipv4))); {
        help: "Static IPv4 address, with its network's prefix behind it.",
        example: "192.168.60.11/24",
    }
    key ipv6: WithPrefix<Ipv6Addr> = like(IPV6, token(|text| with_prefix(text, 126, ipv6))); {
        help: "Static IPv6 address; its network's prefix may stand behind it, 64 where it does not.",
        example: "fd60::11",
    }
    key method: Method = words(METHODS); {
        help: "Whether the address is static, or given by a DHCP server.",
        schema: || json!({"enum": ["static", "dhcp"]}),
        others: "bootproto ipv4_method",
    }
    key mtu: u16 = token(mtu); {
        help: "The longest packet in bytes, where it is not the usual one.",
        example: "9000",
        schema: mtu_schema,
    }
    key routes: Vec<Spanned<Route>> = by(routes); {
        help: "Routes to networks behind other routers than the gateway.",
        example: "[{to: 10.8.0.0/16, via: 192.168.60.1}]",
        schema: || schema::one_or_more(&ROUTE),
        others: "route static_routes",
    }
}

/// A route.
pub(crate) const ROUTE: Level = Level {
    name: "route",
    home: "in a route, under `routes:`",
    help: "A route to a network behind another router than the gateway.",
    groups: &[RouteKeys::ROWS],
    ..Level::EMPTY
};

keys! {
    draft RouteKeys;

    key to: IpNet = required("10.8.0.0/16", like("^[0-9A-Fa-f:.]+(/[1-9]\\d*)?$", token(network))); {
        help: "The network.",
        example: "10.8.0.0/16",
        here: "destination dest dst network subnet",
    }
    key via: IpAddr = required("192.168.50.9", token(router)); {
        help: "The router, inside the interface's own subnet.",
        example: "192.168.50.9",
        here: "gateway gw next_hop nexthop router",
    }
    key metric: u32 = token(metric); {
        help: "Its rank among routes to the same network: the lowest is taken. Not on bullseye.",
        example: "50",
        schema: || json!({"type": "integer", "minimum": 0}),
        here: "priority preference",
    }
}

/// An item of `interfaces:` or `vlans:`.
#[derive(Debug, Clone)]
pub(crate) struct BesideDraft {
    /// The number of a VLAN; absent for an interface.
    pub(crate) id: Field<u16>,
    pub(crate) interface: Field<Interface>,
    pub(crate) fields: BesideFields,
}

pub(crate) fn interfaces(value: &FieldValue<'_>) -> Option<Vec<Spanned<BesideDraft>>> {
    value.list_of_mappings(&[&ADAPTER], |item| {
        let fields = item.fields(&ADAPTER)?;
        let interface = AdapterKeys::read(&fields).interface;
        if interface.is_absent() {
            fields.report_missing("interface", "eth1");
        }
        let fields = BesideFields::read(&fields);
        Some(item.spanned(BesideDraft { id: Field::Absent, interface, fields }))
    })
}

pub(crate) fn vlans(value: &FieldValue<'_>) -> Option<Vec<Spanned<BesideDraft>>> {
    value.list_of_mappings(&[&VLAN], |item| {
        let fields = item.fields(&VLAN)?;
        let (id, interface) = (VlanKeys::read(&fields).id, AdapterKeys::read(&fields).interface);
        Some(item.spanned(BesideDraft { id, interface, fields: BesideFields::read(&fields) }))
    })
}

impl BesideDraft {
    /// Returns the connection of a node whose own wire is `main`; `None` where a part of it could not be read.
    pub(crate) fn finish(&self, main: &Interface) -> Option<Connection> {
        let link = match self.id {
            Field::Absent => Link::Wired(self.interface.to_value()?),
            _ => Link::Vlan {
                id: self.id.to_value()?,
                parent: self.interface.to_value().unwrap_or_else(|| main.clone()),
            },
        };
        self.fields.finish(link)
    }
}

impl BesideFields {
    /// Returns `true` where some address is asked for.
    pub(crate) fn has_address(&self) -> bool {
        !(self.address.is_absent() && self.ipv6.is_absent() && self.method.is_absent())
    }

    /// Returns `true` if a DHCP server gives the address.
    pub(crate) fn is_by_dhcp(&self) -> bool {
        self.method.given().is_some_and(|method| method.value == Method::Dhcp)
    }

    /// Returns a connection on this link; `None` where a part of it could not be read.
    pub(crate) fn finish(&self, link: Link) -> Option<Connection> {
        let address = self.address.to_value();
        let ipv4 = match address {
            address if self.is_by_dhcp() => Ipv4::Dhcp { reserved: address.map(|address| address.address) },
            Some(WithPrefix { address, prefix }) => {
                Ipv4::Static(Ipv4Network { address, prefix: prefix?, gateway: None })
            }
            None => Ipv4::Off,
        };
        let ipv6 = self.ipv6.to_value().map(|WithPrefix { address, prefix }| Ipv6Network {
            address,
            prefix: prefix.unwrap_or(DEFAULT_IPV6_PREFIX),
            gateway: None,
        });
        Some(Connection { link, ipv4, ipv6, mtu: self.mtu.to_value(), routes: plain(&self.routes) })
    }
}

/// Returns the values without their places.
pub(crate) fn plain(routes: &Field<Vec<Spanned<Route>>>) -> Vec<Route> {
    routes.items().iter().map(|route| route.value.clone()).collect()
}

pub(crate) fn routes(value: &FieldValue<'_>) -> Option<Vec<Spanned<Route>>> {
    value.list_of_mappings(&[&ROUTE], |item| {
        let keys = RouteKeys::read(&item.fields(&ROUTE)?);
        let (to, via) = (keys.to.to_value()?, keys.via.to_value()?);
        if to.addr().is_ipv4() != via.is_ipv4() {
            let message =
                format!("no router at `{via}` leads to {to}: the two are of different families of addresses");
            item.report(Finding::new(message, "Write two of IPv4, or two of IPv6"));
            return None;
        }
        Some(item.spanned(Route { to, via, metric: keys.metric.to_value() }))
    })
}

fn network(text: &str) -> Result<IpNet, Finding> {
    const EXAMPLE: &str = "Write it like `10.8.0.0/16`";
    let network = text.parse::<IpNet>().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from));
    match network {
        None if text == "default" => Err(default_route(text)),
        None => Err(Finding::new(format!("{} is not a network", shown(text)), EXAMPLE)),
        Some(network) if network.prefix_len() == 0 => Err(default_route(text)),
        Some(network) if network.trunc() != network => {
            let message = format!("{} is an address inside the network {}", shown(text), network.trunc());
            Err(Finding::new(message, format!("Write `{}`", network.trunc())))
        }
        Some(network) => Ok(network),
    }
}

fn default_route(text: &str) -> Finding {
    let message = format!("{} is the default route, which leads to the gateway", shown(text));
    Finding::new(message, "Name the router as `gateway` under `network:`")
}

fn router(text: &str) -> Result<IpAddr, Finding> {
    if text.contains(':') { ipv6_on_the_wire(text).map(IpAddr::V6) } else { ipv4(text).map(IpAddr::V4) }
}

fn metric(text: &str) -> Result<u32, Finding> {
    text.parse().map_err(|_| {
        Finding::new(
            format!("{} is not a metric", shown(text)),
            "Write a number, like `50`: the lowest is taken",
        )
    })
}

fn vlan_id(text: &str) -> Result<u16, Finding> {
    let id = text.parse().ok().filter(|id| (1..=4094).contains(id));
    id.ok_or_else(|| {
        Finding::new(format!("{} is not the number of a VLAN", shown(text)), "Write a number from 1 to 4094")
    })
}

/// IPv6 needs packets of 1280 bytes (RFC 8200, section 5), and no adapter does much more than 9000.
const MTU: RangeInclusive<u16> = 1280..=9216;

/// The JSON Schema of `mtu:`.
pub(crate) fn mtu_schema() -> Value {
    json!({"type": "integer", "minimum": MTU.start(), "maximum": MTU.end()})
}

pub(crate) fn mtu(text: &str) -> Result<u16, Finding> {
    let mtu = text.parse().ok().filter(|mtu| MTU.contains(mtu));
    mtu.ok_or_else(|| {
        let message = format!(
            "{} is not a length of packets: a number from {} to {}",
            shown(text),
            MTU.start(),
            MTU.end()
        );
        Finding::new(message, "Write it like `9000`, or leave it out for the usual one, 1500")
    })
}
