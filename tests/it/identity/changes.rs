//! Changing one node changes only what must change.

use cardwright::access::AccessFiles;
use cardwright::cluster::Cluster;
use cardwright::demo;
use cardwright::identity::ClusterSecret;
use cardwright::patch::Patch;
use cardwright::pipeline::{OpenedImage, Session, Silent};
use cardwright::stock_system::OpenOptions;
use std::collections::BTreeMap;
use std::path::Path;

const BEFORE: &str = "\
cluster: compass
image: demo
network: {prefix: 24, gateway: 192.168.50.1}
k3s: {version: v1.36.4+k3s1}
nodes:
  - {name: north, address: 192.168.50.11, k3s: server}
  - {name: east,  address: 192.168.50.12, k3s: agent}
  - {name: south, address: 192.168.50.13, k3s: agent}
";

struct Workbench;

impl Workbench {
    fn session(text: &str) -> Session {
        let secret = ClusterSecret::from_hex(crate::support::SECRET).unwrap();
        let cluster = cluster(text);
        let stock = OpenedImage::new(demo::open().unwrap(), &cluster, OpenOptions::default()).unwrap();
        Session::new(cluster, stock, secret, None)
    }

    /// The plans of the nodes by their addresses' last numbers, which stay when names change.
    fn plans(text: &str) -> BTreeMap<String, Patch> {
        let session = Self::session(text);
        let plans = session.plan(&Silent).unwrap();
        plans.nodes().map(Result::unwrap).map(|(node, patch)| (node.name.to_string(), patch)).collect()
    }

    /// Which paths differ on the card of a node, between two nodes.yaml.
    fn changed(after: &str, node: &str, called: &str) -> Vec<String> {
        let (before, after) = (Self::plans(BEFORE), Self::plans(after));
        let (before, after) = (&before[node], &after[called]);
        let edit = |patch: &Patch, path: &str| {
            patch.edits.iter().find(|edit| edit.path.as_str() == path).map(|edit| edit.action.clone())
        };
        let paths = before.edits.iter().chain(&after.edits).map(|edit| edit.path.to_string());
        let mut changed: Vec<_> = paths.filter(|path| edit(before, path) != edit(after, path)).collect();
        changed.sort();
        changed.dedup();
        changed
    }

    fn access_files(text: &str) -> AccessFiles {
        let session = Self::session(text);
        let secret = ClusterSecret::from_hex(crate::support::SECRET).unwrap();
        AccessFiles::new(session.cluster(), &secret, session.stock().system().time).unwrap()
    }
}

fn cluster(text: &str) -> Cluster {
    Cluster::parse(text, Path::new("nodes.yaml")).unwrap()
}

fn edited(from: &str, to: &str) -> String {
    assert!(BEFORE.contains(from));
    BEFORE.replace(from, to)
}

const HOSTS: &str = "/etc/hosts";
const CONFIG: &str = "/etc/rancher/k3s/config.yaml";
const NETWORK: &str = "/etc/NetworkManager/system-connections/eth0.nmconnection";

#[test]
fn another_address_changes_the_address() {
    let after = edited("192.168.50.13", "192.168.50.99");
    assert_eq!(Workbench::changed(&after, "south", "south"), [NETWORK, HOSTS, CONFIG]);
    for other in ["north", "east"] {
        assert_eq!(Workbench::changed(&after, other, other), [HOSTS], "{other}");
    }
    let (before, after) = (Workbench::access_files(BEFORE), Workbench::access_files(&after));
    assert_eq!(before.known_hosts.replace("192.168.50.13", "192.168.50.99"), after.known_hosts);
    assert_eq!(*before.kubeconfig.unwrap().0, *after.kubeconfig.unwrap().0);
}

#[test]
fn another_address_of_the_server_changes_where_the_others_join_and_nothing_they_trust() {
    let after = edited("192.168.50.11", "192.168.50.99");
    assert_eq!(Workbench::changed(&after, "north", "north"), [NETWORK, HOSTS, CONFIG]);
    for other in ["east", "south"] {
        assert_eq!(Workbench::changed(&after, other, other), [HOSTS, CONFIG], "{other}");
    }
}

#[test]
fn another_name_changes_what_is_the_nodes_own() {
    let after = edited("name: south", "name: polar");
    let changed = Workbench::changed(&after, "south", "polar");
    assert_eq!(
        changed,
        [
            // NetworkManager tells connections apart by a number made from the node's name.
            NETWORK,
            "/etc/cardwright/card.json",
            "/etc/hostname",
            HOSTS,
            CONFIG,
            "/etc/rancher/node/password",
            "/etc/ssh/cardwright_host_ed25519_key",
            "/etc/ssh/cardwright_host_ed25519_key.pub",
        ]
    );
    for other in ["north", "east"] {
        assert_eq!(Workbench::changed(&after, other, other), [HOSTS], "{other}");
    }
}

#[test]
fn another_role_changes_no_other_card() {
    let after = edited("192.168.50.13, k3s: agent", "192.168.50.13, k3s: none");
    let changed = Workbench::changed(&after, "south", "south");
    assert!(changed.iter().any(|path| path == CONFIG) && !changed.iter().any(|path| path.contains("/ssh/")));
    for other in ["north", "east"] {
        assert_eq!(Workbench::changed(&after, other, other), [""; 0], "{other}");
    }
}

#[test]
fn a_further_node_changes_no_other_nodes_keys() {
    let after = format!("{BEFORE}  - {{name: west, address: 192.168.50.14, k3s: agent}}\n");
    for node in ["north", "east", "south"] {
        assert_eq!(Workbench::changed(&after, node, node), [HOSTS], "{node}");
    }
    let (before, after) = (Workbench::access_files(BEFORE), Workbench::access_files(&after));
    assert!(after.known_hosts.starts_with(&before.known_hosts));
    assert_eq!(*before.kubeconfig.unwrap().0, *after.kubeconfig.unwrap().0);
}
