//! Nodes for tests.

use crate::cluster::{
    Boot, Hostname, Interface, InterfaceName, Ipv6Network, Network, Node, NodeSpans, PageSize, Ssh, Swap,
    User, UserName,
};
use crate::types::image_path;
use std::net::Ipv4Addr;

/// A node of 192.168.50.0/24 that asks for nothing special.
pub(super) fn node(name: &str, last: u8) -> Node {
    Node {
        name: Hostname::new(name).unwrap(),
        network: network(last),
        user: user("pi"),
        ssh: Ssh { password_login: false },
        timezone: None,
        spans: NodeSpans::default(),
        locale: None,
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
    Network {
        interface: Interface::Named(InterfaceName::new("eth0").unwrap()),
        address: Ipv4Addr::new(192, 168, 50, last),
        prefix: 24,
        gateway,
        dns: vec![gateway.into(), Ipv4Addr::new(1, 1, 1, 1).into()],
        search: Vec::new(),
        ipv6: None,
    }
}

pub(super) fn ipv6() -> Ipv6Network {
    Ipv6Network {
        address: "fd00::11".parse().unwrap(),
        prefix: 64,
        gateway: Some("fd00::1".parse().unwrap()),
    }
}

pub(super) fn user(name: &str) -> User {
    User {
        name: UserName::new(name).unwrap(),
        shell: image_path!("/bin/bash"),
        password_hash: None,
        ssh_authorized_keys: Vec::new(),
        sudo: true,
    }
}
