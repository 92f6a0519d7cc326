//! The network of a node: one connection by which others reach it, and more beside it.

use crate::cluster::{Interface, Wifi};
use ipnet::IpNet;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The network of a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Network {
    /// The connection by which others reach the node, and the node everybody else: the default route is there.
    pub main: Connection,
    /// Connections beside it, without a default route.
    pub beside: Vec<Connection>,
    /// Name servers, in order. There are none where a DHCP server is to name them.
    pub dns: Vec<IpAddr>,
    /// Domains that are searched for short names.
    pub search: Vec<String>,
}

/// A link with the addresses on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connection {
    /// The link.
    pub link: Link,
    /// Its IPv4 address.
    pub ipv4: Ipv4,
    /// Its static IPv6 address, where it has one.
    pub ipv6: Option<Ipv6Network>,
    /// The longest packet in bytes; what is usual for the link where absent.
    pub mtu: Option<u16>,
    /// Routes to networks behind other routers than the gateway.
    pub routes: Vec<Route>,
}

/// A link to a network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Link {
    /// A wire.
    Wired(Interface),
    /// Wi-Fi.
    Wifi(Box<Wifi>),
    /// A virtual network on the wire of an interface (IEEE 802.1Q).
    Vlan {
        /// Its number: 1 to 4094.
        id: u16,
        /// The interface.
        parent: Interface,
    },
}

/// The way in which a link gets its IPv4 address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ipv4 {
    /// It is static.
    Static(Ipv4Network),
    /// A DHCP server gives it.
    Dhcp {
        /// The address that the server has reserved, where that is known.
        reserved: Option<Ipv4Addr>,
    },
    /// It has none: the link speaks IPv6 alone.
    Off,
}

/// A static IPv4 address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ipv4Network {
    /// The address.
    pub address: Ipv4Addr,
    /// The length of the network's prefix in bits: 1 to 30.
    pub prefix: u8,
    /// The way out, inside the subnet; none beside the main connection.
    pub gateway: Option<Ipv4Addr>,
}

/// A static IPv6 address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ipv6Network {
    /// The address.
    pub address: Ipv6Addr,
    /// The length of the network's prefix in bits: 1 to 126.
    pub prefix: u8,
    /// The way out, where there is one.
    pub gateway: Option<Ipv6Addr>,
}

/// A route to a network behind another router than the gateway.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// The network.
    pub to: IpNet,
    /// The router: of the same family.
    pub via: IpAddr,
    /// Its rank among routes to the same network: the lowest is taken.
    pub metric: Option<u32>,
}

impl Ipv4 {
    /// Returns the address, as far as it is known beforehand.
    pub fn address(&self) -> Option<Ipv4Addr> {
        match self {
            Self::Static(network) => Some(network.address),
            Self::Dhcp { reserved } => *reserved,
            Self::Off => None,
        }
    }
}

impl Connection {
    /// Returns the addresses that are known beforehand, the IPv4 one first.
    pub fn addresses(&self) -> impl Iterator<Item = IpAddr> {
        let ipv4 = self.ipv4.address().map(IpAddr::V4);
        ipv4.into_iter().chain(self.ipv6.as_ref().map(|ipv6| IpAddr::V6(ipv6.address)))
    }
}

impl fmt::Display for Connection {
    /// Writes the address with its prefix.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.ipv4, &self.ipv6) {
            (Ipv4::Static(Ipv4Network { address, prefix, .. }), _) => write!(formatter, "{address}/{prefix}"),
            (Ipv4::Dhcp { reserved: Some(address) }, _) => write!(formatter, "{address} by DHCP"),
            (Ipv4::Off, Some(Ipv6Network { address, prefix, .. })) => write!(formatter, "{address}/{prefix}"),
            (Ipv4::Dhcp { reserved: None }, _) => formatter.write_str("by DHCP"),
            (Ipv4::Off, None) => formatter.write_str("no address"),
        }
    }
}

impl fmt::Display for Network {
    /// Writes all addresses, each with the interface that it is on: the main one first.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, connection) in self.connections().enumerate() {
            let comma = if number == 0 { "" } else { ", " };
            write!(formatter, "{comma}{connection} on {}", connection.link)?;
        }
        Ok(())
    }
}

impl fmt::Display for Link {
    /// Writes what the link is called on the node, or its MAC address.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self, self.interface()) {
            (Self::Vlan { id, .. }, _) => write!(formatter, "vlan{id}"),
            (_, Interface::Named(name)) => name.fmt(formatter),
            (_, Interface::WithMac(mac)) => mac.fmt(formatter),
        }
    }
}

impl Link {
    /// Returns the interface that it is on.
    pub fn interface(&self) -> &Interface {
        match self {
            Self::Wired(interface) | Self::Vlan { parent: interface, .. } => interface,
            Self::Wifi(wifi) => &wifi.interface,
        }
    }
}

impl Network {
    /// Returns all connections, the main one first.
    pub fn connections(&self) -> impl Iterator<Item = &Connection> {
        [&self.main].into_iter().chain(&self.beside)
    }

    /// Returns the Wi-Fi network that the node joins, where it joins one.
    pub fn wifi(&self) -> Option<&Wifi> {
        self.connections().find_map(|connection| match &connection.link {
            Link::Wifi(wifi) => Some(&**wifi),
            Link::Wired(_) | Link::Vlan { .. } => None,
        })
    }
}
