//! Many nodes: ranges, and what nodes of one role have in common.

use super::{parse, rendered};
use crate::support::assert_snapshot;
use cardwright::cluster::{Node, Swap};
use std::fmt::Write as _;

const TOP: &str = "\
cluster: fleet
image: demo
network: {prefix: 23, gateway: 10.0.0.1}
k3s: {version: v1.36.4+k3s1}
";

#[test]
fn a_range_is_what_its_nodes_are_written_out() {
    let ranges = format!(
        "{TOP}nodes:
  - {{count: 3, name: server-1, address: 10.0.0.10, k3s: server}}
  - count: 40
    name: rack1-{{08}}
    address: 10.0.0.250
    ipv6: fd00::fffe/48
    k3s: agent
  - {{name: lone, address: 10.0.0.9}}
  - {{count: 2, name: \"{{9}}-box\", address: 10.0.1.200/23, k3s: {{role: agent, labels: {{room: attic}}}}, swap: off}}
"
    );
    let mut written = TOP.to_owned() + "nodes:\n";
    for number in 0..3 {
        writeln!(
            written,
            "  - {{name: server-{}, address: 10.0.0.{}, k3s: server}}",
            number + 1,
            number + 10
        )
        .unwrap();
    }
    for number in 0..40_u32 {
        let address = std::net::Ipv4Addr::from_bits(0x0a00_00fa + number);
        let ipv6 =
            std::net::Ipv6Addr::from_bits(0xfd00_0000_0000_0000_0000_0000_0000_fffe + u128::from(number));
        writeln!(
            written,
            "  - {{name: rack1-{:02}, address: {address}, ipv6: \"{ipv6}/48\", k3s: agent}}",
            number + 8
        )
        .unwrap();
    }
    written += "  - {name: lone, address: 10.0.0.9}\n";
    for (name, address) in [("9-box", 200), ("10-box", 201)] {
        writeln!(written,
            "  - {{name: {name}, address: 10.0.1.{address}/23, k3s: {{role: agent, labels: {{room: attic}}}}, swap: off}}"
        ).unwrap();
    }
    let (ranges, written) = (parse(&ranges).unwrap(), parse(&written).unwrap());
    assert_eq!((ranges.nodes.len(), written.nodes.len()), (46, 46));
    for (one, other) in ranges.nodes.iter().zip(&written.nodes) {
        let one = Node { spans: other.spans.clone(), ..one.clone() };
        assert_eq!(one, *other);
    }
}

#[test]
fn mistakes_in_ranges_stand_at_the_range_once() {
    let text = format!(
        "{TOP}nodes:
  - {{count: 1, name: server, address: 10.0.0.2, k3s: server}}
  - {{count: 40, name: \"rack1-{{01}}\", address: 10.0.1.240, k3s: agent}}
  - {{count: 3, name: rack, address: 10.0.0.20}}
  - {{count: 0, name: \"none-{{1}}\", address: 10.0.0.40}}
  - {{count: many, name: many-1, address: 10.0.0.41}}
  - {{count: 2, name: \"a{{b}}\", address: 10.0.0.42}}
  - {{name: \"one-{{1}}\", address: 10.0.0.43}}
  - {{count: 2, name: node-1, address: 10.0.0}}
  - {{count: 5, name: high-1, address: 255.255.255.253}}
  - {{count: 2, name: both-1, address: 10.0.0.60, network: {{mac: \"2c:cf:67:00:00:01\"}}}}
  - {{count: 9, name: again-1, address: 10.0.0.62}}
  - {{count: 2, name: again-9, address: 10.0.0.80}}
  - {{count: 300, name: \"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-{{1}}\", address: 10.0.0.90}}
  - {{count: 2, name: zone-1, address: 10.0.0.99, timezone: \"\"}}
"
    );
    assert_snapshot!("nodes_yaml__ranges", rendered(&parse(&text).unwrap_err()));
}

#[test]
fn defaults_of_a_role_stand_between_those_of_all_and_the_node() {
    let text = format!(
        "{TOP}timezone: Europe/Berlin
swap: stock
first_boot: [echo all]
defaults:
  server: {{timezone: Europe/Paris, first_boot: [echo server], user: {{name: ann}}}}
  agent: {{swap: off}}
nodes:
  - {{name: north, address: 10.0.0.11, k3s: server}}
  - {{name: east, address: 10.0.0.12, k3s: server, timezone: Etc/UTC, first_boot: [echo east]}}
  - {{name: south, address: 10.0.0.13, k3s: agent}}
  - {{name: west, address: 10.0.0.14}}
  - {{name: up, address: 10.0.0.15, k3s: server}}
"
    );
    let cluster = parse(&text).unwrap();
    let facts = cluster.nodes.iter().map(|node| {
        (
            node.timezone.as_deref().unwrap(),
            node.swap == Swap::Off,
            node.first_boot.join(","),
            node.user.name.to_string(),
        )
    });
    let fact = |zone, off, commands: &str, user: &str| (zone, off, commands.to_owned(), user.to_owned());
    assert_eq!(
        facts.collect::<Vec<_>>(),
        [
            fact("Europe/Paris", false, "echo all,echo server", "ann"),
            fact("Etc/UTC", false, "echo all,echo server,echo east", "ann"),
            fact("Europe/Berlin", true, "echo all", "pi"),
            fact("Europe/Berlin", false, "echo all", "pi"),
            fact("Europe/Paris", false, "echo all,echo server", "ann"),
        ]
    );
}

#[test]
fn mistakes_in_defaults_are_reported_where_they_stand() {
    let text = format!(
        "{TOP}defaults:
  servers: {{}}
  agent: {{swap: maybe, name: all, k3s: agent, labels: {{room: attic}}, timezne: Etc/UTC}}
  server: [north]
nodes:
  - {{name: north, address: 10.0.0.11, k3s: server}}
  - {{name: east, address: 10.0.0.12, k3s: agent}}
"
    );
    assert_snapshot!("nodes_yaml__defaults", rendered(&parse(&text).unwrap_err()));
}
