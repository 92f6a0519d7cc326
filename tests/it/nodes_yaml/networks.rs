//! The networks that people really have, and keyboards: what nodes.yaml says of them.

use crate::nodes_yaml::{EAST, answers, edited, parse, rendered};
use crate::support::{Workshop, assert_snapshot, root_file};
use cardwright::cluster::{Cluster, Ipv4};
use std::fs;

/// The valid file with some edits, which have to leave it valid.
fn valid(edits: &[(&str, &str)]) -> Cluster {
    let text = edited(edits);
    parse(&text).unwrap_or_else(|invalid| panic!("{}\n{text}", rendered(&invalid)))
}

const NETWORK: &str = "{prefix: 24, gateway: 192.168.50.1}";

#[test]
fn an_address_that_the_router_has_reserved_is_known_beforehand() {
    let cluster = valid(&[(NETWORK, "{method: dhcp}"), ("east, address: 192.168.50.12, k3s: agent", "east")]);
    let ipv4: Vec<_> = cluster.nodes.iter().map(|node| node.network.main.ipv4.clone()).collect();
    let reserved = Some([192, 168, 50, 11].into());
    assert_eq!(ipv4, [Ipv4::Dhcp { reserved }, Ipv4::Dhcp { reserved: None }]);
    assert!(cluster.nodes.iter().all(|node| node.network.dns.is_empty()));
    let hosts: Vec<_> = cluster.nodes.iter().map(cardwright::cluster::Node::host).collect();
    assert_eq!(hosts, ["192.168.50.11", "east.local"]);
}

#[test]
fn a_node_of_its_own_kind_takes_what_it_needs_from_the_top() {
    let cluster = valid(&[(EAST, "east, network: {method: dhcp, dns: 1.1.1.1}")]);
    assert_eq!(cluster.nodes[1].network.main.ipv4, Ipv4::Dhcp { reserved: None });
    assert_eq!(cluster.nodes[1].network.dns.len(), 1);
    let cluster = valid(&[
        (NETWORK, "{method: dhcp, prefix: 24, gateway: 192.168.50.1}"),
        (EAST, "east, address: 192.168.50.12, network: {method: static}"),
    ]);
    assert!(matches!(cluster.nodes[1].network.main.ipv4, Ipv4::Static(_)));
}

#[test]
fn mistakes_about_dhcp_and_ipv6_alone_are_explained() {
    assert_snapshot!(
        "nodes_yaml__dhcp",
        answers(&[
            &[(NETWORK, "{method: dhcp}"), (EAST, "east, k3s: agent")],
            &[(NETWORK, "{method: dhcp, prefix: 24, gateway: 192.168.50.1}")],
            &[(EAST, "east, network: {method: dhcp, gateway: 192.168.60.1}")],
            &[(NETWORK, "{method: auto}")],
            &[(NETWORK, "{dhcp: true}")],
            &[(EAST, "east")],
            &[(EAST, "east, ipv6: fd00::12")],
            &[(EAST, "east, ipv6: fd00::12, network: {ipv6: {gateway: 'fe80::1'}}")],
            &[(EAST, "east, ipv6: fd00::12, network: {ipv6: {gateway: 'fd00::1'}}, k3s: agent")],
        ])
    );
}

#[test]
fn keyboards_are_words_of_xkb() {
    assert!(valid(&[(EAST, "east, address: 192.168.50.12, keyboard: de")]).nodes[1].keyboard.is_some());
    let long =
        "east, address: 192.168.50.12, keyboard: {layout: de, variant: nodeadkeys, options: 'ctrl:nocaps'}";
    let keyboard = valid(&[(EAST, long)]).nodes[1].keyboard.clone().unwrap();
    assert_eq!((keyboard.layout.as_str(), keyboard.variant.unwrap().as_str()), ("de", "nodeadkeys"));
    let with = |keyboard: &'static str| [(EAST, keyboard)];
    assert_snapshot!(
        "nodes_yaml__keyboards",
        answers(&[
            &with("east, address: 192.168.50.12, keyboard: 'de; reboot'"),
            &with("east, address: 192.168.50.12, keyboard: no"),
            &with("east, address: 192.168.50.12, keyboard: {variant: nodeadkeys}"),
            &with("east, address: 192.168.50.12, keyboard: {xkblayout: de}"),
            &with("east, address: 192.168.50.12, keymap: de"),
        ])
    );
}

#[test]
fn a_node_that_nobody_knows_the_address_of_is_found_by_its_name() {
    let workshop = Workshop::with_example();
    let text = edited(&[(NETWORK, "{method: dhcp}"), (EAST, "east")]);
    fs::write(workshop.path("nodes.yaml"), text).unwrap();
    workshop.succeed(["build", "--format", "img"]);
    let read = |name: &str| fs::read_to_string(workshop.path("images").join(name)).unwrap();
    let config = read("ssh_config");
    assert!(config.contains("Host east east.local\n    HostName east.local\n"), "{config}");
    assert!(config.contains("Host north 192.168.50.11\n    HostName 192.168.50.11\n"), "{config}");
    assert!(read("known_hosts").contains("\neast,east.local ssh-ed25519 "));
    assert!(read("kubeconfig").contains("server: https://192.168.50.11:6443\n"));
    // A second build knows the files for its own.
    workshop.succeed(["build", "--format", "img"]);
    for node in ["north", "east"] {
        let image = workshop.path(&format!("images/{node}.img"));
        let Some(profile) = root_file(&image, "/etc/NetworkManager/system-connections/eth0.nmconnection")
        else {
            return;
        };
        assert!(profile.contains("[ipv4]\nmethod=auto\n"), "{profile}");
        let hosts = root_file(&image, "/etc/hosts").unwrap();
        assert!(hosts.contains("begin\n192.168.50.11\tnorth\n# cardwright: end"), "{hosts}");
    }
}
