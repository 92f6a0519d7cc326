//! Tests of the order and of what is refused.

use super::*;
use crate::cluster::Cluster;
use crate::types::Hint as _;

fn cluster() -> Cluster {
    let text = "cluster: compass\nimage: demo\nnetwork: {gateway: 192.168.50.1, prefix: 24}\n\
                k3s: {version: v1.36.4+k3s1}\nnodes:\n\
                \x20 - {name: east, address: 192.168.50.12, k3s: agent}\n\
                \x20 - {name: north, address: 192.168.50.11, k3s: server}\n\
                \x20 - {name: attic, address: 192.168.50.13}\n\
                \x20 - {name: west, address: 192.168.50.14, k3s: server}\n\
                \x20 - {name: south, address: 192.168.50.15, k3s: server}\n";
    Cluster::parse(text, std::path::Path::new("nodes.yaml")).unwrap()
}

fn step<'c>(cluster: &'c Cluster, name: &str, version: &str) -> Step<'c> {
    let node = cluster.node(name).unwrap();
    let found = Found {
        version: K3sVersion::new(version).unwrap(),
        waits_for_restart: false,
        architecture: Architecture::Arm64,
    };
    Step { node, role: node.role().unwrap(), found }
}

#[test]
fn servers_come_before_agents() {
    let cluster = cluster();
    let names: Vec<_> = order(&cluster).into_iter().map(|(node, _)| node.name.as_str()).collect();
    assert_eq!(names, ["north", "west", "south", "east"]);
}

#[test]
fn a_minor_version_is_neither_left_out_nor_gone_back_to() {
    let cluster = cluster();
    let wanted = K3sVersion::new("v1.36.4+k3s1").unwrap();
    let refused = |version: &str| check(&wanted, &[step(&cluster, "north", version)], &[]).err();
    for may in ["v1.36.4+k3s1", "v1.36.3+k3s9", "v1.36.4-rc1+k3s1", "v1.35.0+k3s1"] {
        assert!(refused(may).is_none(), "{may}");
    }
    for (version, hint) in [
        ("v1.34.9+k3s1", "first to a `version:` that begins with `v1.35.`"),
        ("v1.30.1+k3s1", "begins with `v1.31.`"),
        ("v2.35.1+k3s1", "Write `version: v2.35.1+k3s1`, or a later one"),
        ("v1.36.4+k3s2", "Write `version: v1.36.4+k3s2`, or a later one"),
        ("v1.37.0+k3s1", "Write `version: v1.37.0+k3s1`, or a later one"),
    ] {
        let error = refused(version).unwrap();
        assert!(error.hint().unwrap().contains(hint), "{version}: {error}");
    }
}

#[test]
fn no_agent_becomes_newer_than_a_server_that_is_left_alone() {
    let cluster = cluster();
    let wanted = K3sVersion::new("v1.36.4+k3s1").unwrap();
    let agent = [step(&cluster, "east", "v1.35.9+k3s1")];
    let servers = |second: &str| [step(&cluster, "north", "v1.36.4+k3s1"), step(&cluster, "west", second)];
    assert!(check(&wanted, &agent, &servers("v1.36.4+k3s1")).is_ok());
    let error = check(&wanted, &agent, &servers("v1.35.9+k3s1")).unwrap_err();
    assert!(matches!(error, UpgradeError::ServersFirst { .. }), "{error}");
}
