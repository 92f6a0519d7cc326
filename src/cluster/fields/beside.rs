//! Connections beside the one by which a node is reached: Wi-Fi, `interfaces:` and `vlans:` of `network:`.

use crate::cluster::diagnostic::{Finding, shown};
use crate::cluster::document::keys::Level;
use crate::cluster::document::table::keys;
use crate::cluster::document::types::{like, required, token};
use crate::cluster::document::value::{Field, Fields};
use crate::cluster::fields::addresses::{
    DEFAULT_IPV6_PREFIX, IPV4, IPV6, WithPrefix, ipv4, ipv6, with_prefix,
};
use crate::cluster::fields::link::{AdapterKeys, LinkFields};
use crate::cluster::{Connection, Interface, Ipv4, Ipv4Network, Ipv6Network, Link};
use serde_json::json;
use std::net::{Ipv4Addr, Ipv6Addr};

/// An interface beside the main one.
pub(crate) const ADAPTER: Level = Level {
    name: "interface",
    home: "in an interface, under `interfaces:` of `network:`",
    help: "A wired interface beside the main one. Neither a default route nor name servers come from there.",
    tables: &[AdapterKeys::TABLE, BesideFields::TABLE],
    ..Level::EMPTY
};

/// A VLAN.
pub(crate) const VLAN: Level = Level {
    name: "vlan",
    home: "in a VLAN, under `vlans:` of `network:`",
    help: "A virtual network on the wire, of which the switch has to know (IEEE 802.1Q). Neither a default route nor \
           name servers come from there. The device is called `vlan20`, by the number. Not on bullseye.",
    tables: &[VlanKeys::TABLE, AdapterKeys::TABLE, BesideFields::TABLE],
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
    draft BesideFields with link: LinkFields;

    key address: WithPrefix<Ipv4Addr> = like(IPV4, token(|text| with_prefix(text, 30, ipv4))); {
        help: "Static IPv4 address, with its network's prefix behind it.",
        example: "192.168.60.11/24",
    }
    key ipv6: WithPrefix<Ipv6Addr> = like(IPV6, token(|text| with_prefix(text, 126, ipv6))); {
        help: "Static IPv6 address; its network's prefix may stand behind it, 64 where it does not.",
        example: "fd60::11",
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

pub(crate) fn interface(fields: &Fields<'_>) -> BesideDraft {
    let interface = AdapterKeys::read(fields).interface;
    if interface.is_absent() {
        fields.report_missing("interface", "eth1");
    }
    BesideDraft { id: Field::Absent, interface, fields: BesideFields::read(fields) }
}

pub(crate) fn vlan(fields: &Fields<'_>) -> BesideDraft {
    let (id, interface) = (VlanKeys::read(fields).id, AdapterKeys::read(fields).interface);
    BesideDraft { id, interface, fields: BesideFields::read(fields) }
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
        !(self.address.is_absent() && self.ipv6.is_absent() && self.link.method.is_absent())
    }

    /// Returns a connection on this link; `None` where a part of it could not be read.
    pub(crate) fn finish(&self, link: Link) -> Option<Connection> {
        let address = self.address.to_value();
        let ipv4 = match address {
            address if self.link.is_by_dhcp() => {
                Ipv4::Dhcp { reserved: address.map(|address| address.address) }
            }
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
        Some(Connection { link, ipv4, ipv6, mtu: self.link.mtu.to_value(), routes: self.link.plain_routes() })
    }
}

fn vlan_id(text: &str) -> Result<u16, Finding> {
    let id = text.parse().ok().filter(|id| (1..=4094).contains(id));
    id.ok_or_else(|| {
        Finding::new(format!("{} is not the number of a VLAN", shown(text)), "Write a number from 1 to 4094")
    })
}
