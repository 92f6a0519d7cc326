//! The keys that every connection has: the interface that it is on, `method:`, `mtu:` and `routes:`.

use crate::cluster::diagnostic::{Finding, shown};
use crate::cluster::document::table::keys;
use crate::cluster::document::types::{like, mappings, required, text, token, words};
use crate::cluster::document::value::{Fields, Spanned};
use crate::cluster::fields::addresses::{adapter, interface, ipv4, ipv6_on_the_wire};
use crate::cluster::{Interface, Route};
use ipnet::IpNet;
use serde_json::{Value, json};
use std::net::IpAddr;
use std::ops::RangeInclusive;

keys! {
    draft LinkFields;

    key method: Method = words([("static", Method::Static), ("dhcp", Method::Dhcp)]); {
        help: "Whether the address is static, or given by a DHCP server. Under `network:`, where it is `static` unless \
              this says `dhcp`, the `address` of a node is then the one that the server has reserved, which k3s needs; a \
              node without one is found as `NAME.local`.",
        example: "static",
        others: "bootproto ipv4_method",
    }
    key mtu: u16 = token(mtu); {
        help: "The longest packet in bytes, where it is not the usual one; on bullseye, at most 1500.",
        example: "9000",
        schema: mtu_schema,
    }
    key routes: Vec<Spanned<Route>> = mappings(&ROUTE, route); {
        help: "Routes to networks behind other routers than the gateway.",
        example: "[{to: 10.8.0.0/16, via: 192.168.50.9}]",
        others: "route static_routes",
    }
}

keys! {
    draft AdapterKeys;

    key interface: Interface = like("^(?!wl)[A-Za-z0-9._-]{1,15}$", text(interface)); {
        help: "The wired interface: `eth0`, which is the board's own, or `eth1` for an adapter on USB. Of the network and \
              of a VLAN, it is the board's own where nothing is said.",
        example: "eth0",
        here: "link parent",
        others: "nic ifname iface device dev",
    }
    | mac = like("^[0-9A-Fa-f]{2}([:-][0-9A-Fa-f]{2}){5}$", token(adapter)); {
        help: "The wired interface by its MAC address, whatever it is called; instead of `interface`. Not on bullseye.",
        example: "b8:27:eb:12:34:56",
        others: "macaddress mac_address hwaddr hwaddress match",
    }
}

keys! {
    level ROUTE: "route", "in a route, under `routes:`", "A route to a network behind another router than the gateway.";
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

/// The origin of an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Method {
    Static,
    Dhcp,
}

impl LinkFields {
    /// Returns `true` if a DHCP server gives the address.
    pub(crate) fn is_by_dhcp(&self) -> bool {
        self.method.given().is_some_and(|method| method.value == Method::Dhcp)
    }

    /// Returns the routes without their places.
    pub(crate) fn plain_routes(&self) -> Vec<Route> {
        self.routes.items().iter().map(|route| route.value.clone()).collect()
    }
}

fn route(fields: &Fields<'_>) -> Option<Route> {
    let keys = RouteKeys::read(fields);
    let (to, via) = (keys.to.to_value()?, keys.via.to_value()?);
    if to.addr().is_ipv4() != via.is_ipv4() {
        let message =
            format!("no router at `{via}` leads to {to}: the two are of different families of addresses");
        fields.report(Finding::new(message, "Write two of IPv4, or two of IPv6"));
        return None;
    }
    Some(Route { to, via, metric: keys.metric.to_value() })
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

/// IPv6 needs packets of 1280 bytes (RFC 8200, section 5), and no adapter does much more than 9000.
const MTU: RangeInclusive<u16> = 1280..=9216;

/// The JSON Schema of `mtu:`.
fn mtu_schema() -> Value {
    json!({"type": "integer", "minimum": MTU.start(), "maximum": MTU.end()})
}

fn mtu(text: &str) -> Result<u16, Finding> {
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
