//! Many nodes: ranges, and what nodes of one role have in common.

use super::{parse, rendered};
use crate::support::{Workshop, assert_snapshot, text};
use cardwright::cluster::{Node, Swap};
use std::fmt::Write as _;
use std::fs;

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
fn addresses_of_other_interfaces_count_up_as_well() {
    let text = format!(
        "{TOP}nodes:
  - {{name: server, address: 10.0.0.9, k3s: server}}
  - count: 3
    name: rack1-1
    address: 10.0.0.10
    network: {{vlans: [{{id: 20, address: 10.20.1.254/16}}], interfaces: {{interface: eth1, ipv6: \"fd60::f/64\"}}}}
"
    );
    let cluster = parse(&text).unwrap_or_else(|invalid| panic!("{}", rendered(&invalid)));
    let networks: Vec<_> = cluster.nodes.iter().skip(1).map(|node| node.network.to_string()).collect();
    assert_eq!(
        networks,
        [
            "10.0.0.10/23 on eth0, fd60::f/64 on eth1, 10.20.1.254/16 on vlan20",
            "10.0.0.11/23 on eth0, fd60::10/64 on eth1, 10.20.1.255/16 on vlan20",
            "10.0.0.12/23 on eth0, fd60::11/64 on eth1, 10.20.2.0/16 on vlan20",
        ]
    );
}

#[test]
fn labels_and_flags_of_a_role_stand_between_those_of_all_and_the_node() {
    let text = format!(
        "{}defaults:
  agent: {{k3s: {{labels: {{rack: 1, disk: sd}}, taints: [\"a=b:NoSchedule\"], config: {{debug: true, v: 2}}}}}}
  server: {{k3s: {{config: {{flannel-ifcae: eth0}}}}}}
nodes:
  - {{name: north, address: 10.0.0.11, k3s: server}}
  - {{name: east, address: 10.0.0.12, k3s: agent}}
  - {{name: west, address: 10.0.0.13, k3s: {{role: agent, labels: {{disk: ssd}}, config: {{v: 3}}}}}}
",
        TOP.replace("k3s1}", "k3s1, labels: {room: attic, rack: 9}}")
    );
    let cluster = parse(&text).unwrap_or_else(|invalid| panic!("{}", rendered(&invalid)));
    let config =
        |node: usize| serde_json::to_value(&cluster.nodes[node].k3s.as_ref().unwrap().config).unwrap();
    assert_eq!(config(0)["node-label"], serde_json::json!(["room=attic", "rack=9"]));
    assert_eq!(
        config(1),
        serde_json::json!({
            "debug": true,
            "v": 2,
            "node-label": ["room=attic", "rack=1", "disk=sd"],
            "node-taint": ["a=b:NoSchedule"],
        })
    );
    assert_eq!(
        config(2),
        serde_json::json!({
            "debug": true,
            "v": 3,
            "node-label": ["room=attic", "rack=1", "disk=ssd"],
            "node-taint": ["a=b:NoSchedule"],
        })
    );
}

#[test]
fn a_prefix_that_leaves_most_nodes_outside_is_one_mistake() {
    let text = format!(
        "{}nodes:
  - {{name: north, address: 10.0.0.11, k3s: server}}
  - {{count: 20, name: rack1-01, address: 10.0.1.10, k3s: agent}}
  - {{count: 20, name: rack2-01, address: 10.0.2.10, k3s: agent}}
",
        TOP.replace("23", "24")
    );
    assert_snapshot!("nodes_yaml__prefix", rendered(&parse(&text).unwrap_err()));
}

#[test]
fn a_range_that_goes_on_beyond_its_subnet_is_a_mistake_of_the_range() {
    let text = format!(
        "{}nodes:
  - {{name: north, address: 10.0.0.11, k3s: server}}
  - {{count: 20, name: rack1-01, address: 10.0.0.250, k3s: agent}}
",
        TOP.replace("23", "24")
    );
    assert_snapshot!("nodes_yaml__long_range", rendered(&parse(&text).unwrap_err()));
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
  - {{count: 2, name: \"two-{{1}}-{{03}}\", address: 10.0.0.44}}
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

/// A workshop with files that include each other: nodes.yaml, racks/one.yaml, racks/deep/two.yaml and three.yaml.
fn with_racks(nodes: &str, one: &str, two: &str, three: &str) -> Workshop {
    let workshop = Workshop::with_nodes(&format!("{TOP}{nodes}"));
    fs::create_dir_all(workshop.path("racks/deep")).unwrap();
    for (name, content) in [("racks/one.yaml", one), ("racks/deep/two.yaml", two), ("three.yaml", three)] {
        fs::write(workshop.path(name), content).unwrap();
    }
    fs::write(workshop.path("racks/motd"), "rack 1\n").unwrap();
    workshop
}

#[test]
fn files_are_included_in_their_order_with_paths_and_defaults_of_their_own() {
    let workshop = with_racks(
        "include: [racks/one.yaml, three.yaml]
defaults: {agent: {timezone: Europe/Paris, swap: off}}
nodes: {name: north, address: 10.0.0.11, k3s: server}
",
        "include: deep/two.yaml
defaults: {agent: {timezone: Etc/UTC}}
nodes: [{count: 2, name: rack1-1, address: 10.0.0.21, k3s: agent, files: [{path: /etc/motd, source: motd}]}]
",
        "nodes: [{name: rack1-9, address: 10.0.0.29, k3s: agent}]\n",
        "nodes: [{name: rack3-1, address: 10.0.0.31, k3s: agent}]\n",
    );
    let text = fs::read_to_string(workshop.path("nodes.yaml")).unwrap();
    let load = || super::parse_in(&workshop.path(""), &text).unwrap();
    let cluster = load();
    let facts = |node: &Node| {
        let zone = node.timezone.clone().unwrap_or_default();
        format!("{} {zone} {}", node.name, node.swap == Swap::Off)
    };
    let expected = [
        "north  false",
        "rack1-1 Etc/UTC true",
        "rack1-2 Etc/UTC true",
        "rack1-9 Etc/UTC true",
        "rack3-1 Europe/Paris true",
    ];
    assert_eq!(cluster.nodes.iter().map(facts).collect::<Vec<_>>(), expected);
    // A build replaces none of them, and none is left out of what it was made from.
    for name in ["racks/one.yaml", "racks/deep/two.yaml", "three.yaml", "racks/motd"] {
        let path = workshop.path(name).canonicalize().unwrap();
        assert!(
            cluster.named_paths.iter().any(|named| named.canonicalize().is_ok_and(|named| named == path)),
            "{name}"
        );
    }
    for name in ["racks/one.yaml", "racks/deep/two.yaml", "three.yaml"] {
        let before = load().source_digest;
        let old = fs::read_to_string(workshop.path(name)).unwrap();
        fs::write(workshop.path(name), old + "# changed\n").unwrap();
        assert_ne!(load().source_digest, before);
    }
}

#[test]
fn mistakes_stand_in_the_file_that_they_are_in() {
    let workshop = with_racks(
        "include: [racks/one.yaml, three.yaml, nowhere.yaml, ./racks/one.yaml]
nodes:
  - {name: north, address: 10.0.0.11, k3s: server}
  - {name: east, address: 10.0.0.12, k3s: agnet}
",
        "cluster: other
include: [deep/two.yaml, one.yaml, ../nodes.yaml]
defaults: {agent: {swap: maybe}}
nodes:
  - {name: rack1-1, address: 10.0.0.11, k3s: agent}
  - {name: rack1-2, address: 10.0.0, k3s: agent, files: [{path: /etc/motd, source: mot}]}
  - {count: 300, name: rack1-100, address: 10.0.1.0, k3s: agent}
",
        "nodes:\n  - {name: rack1-1, address: 10.0.0.41}\n",
        "nodes: [{name: broken\n",
    );
    let output = workshop.run(["check"]);
    assert_eq!(output.status.code(), Some(2));
    assert_snapshot!("nodes_yaml__includes", text(&output.stderr));
    let output = workshop.run(["check", "--json"]);
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let files = report["problems"]
        .as_array()
        .unwrap()
        .iter()
        .map(|problem| problem.get("file").and_then(serde_json::Value::as_str));
    let mut files: Vec<_> = files.collect();
    files.dedup();
    assert_eq!(files, [None, Some("racks/deep/two.yaml"), Some("racks/one.yaml"), Some("three.yaml")]);
}

#[test]
fn what_belongs_into_nodes_yaml_is_sent_there() {
    let workshop = with_racks(
        "nodes: []\ninclude: [racks/*.yaml, racks/one.yaml, three.yaml]\ndefaults: {timezone: Etc/UTC}\n",
        "k3s: {version: v1.36.4+k3s1}\nnetwork: {prefix: 24}\nnodes: [{name: rack1-1, address: 10.0.0.11}]\n",
        "",
        "# nothing\n",
    );
    assert_snapshot!("nodes_yaml__misplaced", text(&workshop.run(["check"]).stderr));
    let workshop = with_racks(
        "nodes: []\ninclude: racks/one.yaml\n",
        "nodes: [{name: rack1-1, address: 10.0.0.11, k3s: server}]\n",
        "",
        "",
    );
    assert!(workshop.succeed(["check"]).contains("1 node"));
}

#[test]
fn what_does_not_fit_the_image_is_shown_in_the_file_that_asks_for_it() {
    let workshop = with_racks(
        "include: racks/one.yaml\n",
        "nodes: [{name: north, address: 10.0.0.11, k3s: server, timezone: Europe/Nowhere}]\n",
        "",
        "",
    );
    let output = workshop.run(["build"]);
    assert_eq!(output.status.code(), Some(2));
    let said = text(&output.stderr);
    assert!(
        said.contains("--> racks/one.yaml:1:66\n") && said.contains("1 | nodes: [{name: north"),
        "{said}"
    );
}
