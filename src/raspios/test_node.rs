//! Nodes for tests.

use crate::cluster::{
    Boot, Connection, Country, Hostname, Interface, InterfaceName, Ipv4, Ipv4Network, Ipv6Network, Link,
    Network, Node, NodeSpans, PageSize, Passphrase, Ssh, Ssid, Swap, User, UserName, Wifi, WifiKey,
    WifiSecurity,
};
use std::net::Ipv4Addr;

/// A node of 192.168.50.0/24 that asks for nothing special.
pub(super) fn node(name: &str, last: u8) -> Node {
    Node {
        name: Hostname::new(name).unwrap(),
        network: network(last),
        user: user("pi"),
        users: Vec::new(),
        ssh: Ssh { password_login: false },
        timezone: None,
        spans: NodeSpans::default(),
        locale: None,
        keyboard: None,
        ntp: Vec::new(),
        boot: Boot { config: Vec::new(), cmdline: Vec::new(), page_size: PageSize::Stock },
        swap: Swap::Stock,
        memory: None,
        files: Vec::new(),
        first_boot: Vec::new(),
        k3s: None,
    }
}

pub(super) fn network(last: u8) -> Network {
    let gateway = Ipv4Addr::new(192, 168, 50, 1);
    let ipv4 = Ipv4Network { address: Ipv4Addr::new(192, 168, 50, last), prefix: 24, gateway: Some(gateway) };
    Network {
        main: connection(Link::Wired(named("eth0")), Ipv4::Static(ipv4)),
        beside: Vec::new(),
        dns: vec![gateway.into(), Ipv4Addr::new(1, 1, 1, 1).into()],
        search: Vec::new(),
    }
}

pub(super) fn connection(link: Link, ipv4: Ipv4) -> Connection {
    Connection { link, ipv4, ipv6: None, mtu: None, routes: Vec::new() }
}

pub(super) fn named(interface: &str) -> Interface {
    Interface::Named(InterfaceName::new(interface).unwrap())
}

/// The first network of the standard's test vectors.
pub(super) fn wifi() -> Wifi {
    let ssid = Ssid::new("IEEE").unwrap();
    let key = WifiKey::derive(&ssid, &Passphrase::new("password").unwrap());
    let (interface, country) = (named("wlan0"), Country::parse("DE").unwrap());
    Wifi { interface, ssid, security: WifiSecurity::Wpa2(key), country, hidden: false }
}

pub(super) fn ipv6() -> Ipv6Network {
    Ipv6Network {
        address: "fd00::11".parse().unwrap(),
        prefix: 64,
        gateway: Some("fd00::1".parse().unwrap()),
    }
}

pub(super) fn user(name: &str) -> User {
    User::named(UserName::new(name).unwrap())
}
