//! Nodes that get their addresses from a router.

use crate::boot::cluster::{NAME_SERVERS, NODES, Recipe, Suite, TestCluster, Uplink, User};
use crate::boot::dhcp_server::DhcpServer;
use crate::boot::findings::Findings;
use crate::boot::k3s_cluster::{Install, More, build_with, serve_good_releases};
use crate::boot::k3s_first_boot::installs_k3s;
use crate::boot::machine::{Machine, hardware_address};
use crate::boot::mdns;
use crate::boot::single_node::{PASSWORD, holds_the_node};
use crate::boot::time_server::start_time_server;
use crate::boot::wire::Wire;

fn uplink() -> Uplink {
    Uplink { yaml: "network: {interface: eth0, method: dhcp}\n".to_owned(), ..Uplink::default() }
}

#[test]
#[ignore = "boots a machine: run tests/harness/boot-test.sh --long"]
fn a_node_whose_address_the_router_reserves_installs_k3s() {
    let _wire = Wire::with_ports(1);
    let _time = start_time_server();
    let releases = serve_good_releases();
    let cluster =
        build_with("dhcp", Install::Download, &["north"], More { uplink: uplink(), ..More::default() });
    let (name, address) = NODES[0];
    let router = DhcpServer::start(cluster.folder(), &NAME_SERVERS, &[(0, address)]);
    let mut machine = cluster.machine(name);
    machine.power_on();
    machine.wait_for_login();
    holds_the_lease(&machine, &cluster, &router, address);
    installs_k3s(&mut machine, &releases, cluster.suite, None);
}

#[test]
#[ignore = "boots a machine: run tests/harness/boot-test.sh --long"]
fn a_node_without_an_address_is_found_by_its_name() {
    let _wire = Wire::with_ports(1);
    let user = User { name: "ada", password: PASSWORD, passwordless_sudo: true };
    let (name, _) = NODES[0];
    let (uplink, rest) = (&uplink(), format!("nodes: [{{name: {name}}}]\n"));
    let recipe = Recipe {
        suite: Suite::Trixie,
        grow: "auto",
        user: &user,
        uplink,
        only: &[name],
        beside: &[],
        rest: &rest,
    };
    let cluster = recipe.build("mdns");
    // What the router knows and nodes.yaml does not.
    let address = "192.168.50.77";
    let router = DhcpServer::start(cluster.folder(), &NAME_SERVERS, &[(0, address)]);
    let mut machine = cluster.machine_with(name, |settings| settings.address = address.to_owned());
    machine.power_on();
    machine.wait_for_login();
    let mut findings = Findings::default();
    let known = [("host name", "hostname", name), ("its own name", "getent ahostsv4 north | wc -l", "3")];
    for (what, command, expected) in known {
        findings.same(what, &machine.ask(command), expected);
    }
    machine.wait_until("systemctl is-active avahi-daemon", "active");
    let found = mdns::resolve(name).map(|found| found.to_string());
    findings.same("the address that the machine says it has", &found.as_deref(), &Some(address));
    findings.same("the host of ssh_config", &cluster.ssh_host(name), &format!("{name}.local"));
    // This side has no resolver that asks the wire.
    let there = ["-o", &format!("HostName={address}"), "-o", &format!("HostKeyAlias={name}.local")];
    findings.same("ssh as ssh_config tells it", &cluster.ssh_with(name, &there, "hostname"), name);
    findings.same("leases", &router.leases(), &vec![lease(address)]);
    findings.settle("without an address");
    machine.power_off();
    machine.card().judge_root();
}

fn lease(address: &str) -> [String; 3] {
    [hardware_address(0), address.to_owned(), NODES[0].0.to_owned()]
}

/// Everything that nodes.yaml says of the node, and the lease is the one address it has.
fn holds_the_lease(machine: &Machine, cluster: &TestCluster, router: &DhcpServer, address: &str) {
    let mut findings = Findings::default();
    holds_the_node(machine, cluster, &mut findings);
    findings.same("leases", &router.leases(), &vec![lease(address)]);
    findings.settle("with the router's address");
}
