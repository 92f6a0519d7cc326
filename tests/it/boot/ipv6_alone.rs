//! Nodes with IPv6 and nothing else.

use crate::boot::cluster::{Family, NODES, Uplink};
use crate::boot::dhcp_ear::DhcpEar;
use crate::boot::findings::Findings;
use crate::boot::k3s_binary::binary;
use crate::boot::k3s_cluster::{Install, More, build_with, records, serve_releases_at, wait_for_welcome};
use crate::boot::k3s_first_boot::installs_k3s;
use crate::boot::machine::Machine;
use crate::boot::time_server::start_time_server_at;
use crate::boot::wire::Wire;
use crate::support::release_server::Reply;
use std::collections::BTreeSet;

const NAME_SERVER: &str = "fd50::53";

#[test]
#[ignore = "boots two machines: run tests/harness/boot-test.sh --long"]
fn nodes_with_ipv6_alone_find_each_other_and_their_server() {
    let family = Family::V6;
    let gateway = family.gateway();
    let _wire = Wire::with_ports(2);
    let _gateway = Wire::claim(&format!("{gateway}/64"));
    let ear = DhcpEar::open();
    let _time = start_time_server_at(family);
    let releases = serve_releases_at(family, |_, _| Reply::Whole(binary()));
    let yaml = format!("network: {{ipv6: {{gateway: '{gateway}'}}, dns: ['{NAME_SERVER}']}}\n");
    let more = More { uplink: Uplink { family, yaml, ..Uplink::default() }, ..More::default() };
    let cluster = build_with("ipv6-alone", Install::Download, &["north", "east"], more);
    let (mut north, mut east) = (cluster.machine("north"), cluster.machine("east"));
    north.power_on();
    east.power_on();
    north.wait_for_login();
    east.wait_for_login();
    wait_for_welcome(&mut north, "east", 1);

    let mut findings = Findings::default();
    for (port, machine) in [&north, &east].into_iter().enumerate() {
        holds_ipv6_alone(machine, port, &mut findings);
        let (name, _) = NODES[port];
        findings.same("ssh as ssh_config tells it", &cluster.ssh(name, "hostname"), name);
    }
    findings.same("who asked for an address by DHCP", &ear.heard(), &BTreeSet::new());
    let joined = records(&east, "joined");
    let server = format!("https://[{}]:6443", family.address(0));
    findings.same("the server that east joined", &joined[0]["server"].as_str(), &Some(server.as_str()));
    findings.settle("with IPv6 alone");
    east.power_off();
    installs_k3s(&mut north, &releases, cluster.suite, Some(&family.address(0)));
}

fn holds_ipv6_alone(machine: &Machine, port: usize, findings: &mut Findings) {
    let (name, own) = (NODES[port].0, Family::V6.address(port));
    let mut same = |what: &str, command: &str, expected: &str| {
        findings.same(&format!("{what} of {name}"), &machine.ask(command), expected);
    };
    same("IPv4 addresses", "ip -4 -o addr show scope global", "");
    let addresses = "ip -6 -o addr show dev eth0 scope global | awk '{print $4}'";
    same("IPv6 addresses", addresses, &format!("{own}/64"));
    let routes = "ip -6 route show default | awk '{print $3, $5}'";
    same("routes out", routes, &format!("{} eth0", Family::V6.gateway()));
    same("name servers", "awk '$1 == \"nameserver\" {print $2}' /etc/resolv.conf", NAME_SERVER);
    same(
        "name servers of pods",
        "grep -v '^#' /etc/rancher/k3s/resolv.conf",
        &format!("nameserver {NAME_SERVER}"),
    );
    let running = "timeout 15m systemctl is-system-running --wait >/dev/null; systemctl is-system-running";
    same("the boot", running, "running");
    let (other, _) = NODES[1 - port];
    let answer = machine.ask(&format!("ping -c 1 -W 20 {other}"));
    let reached = answer.contains(&Family::V6.address(1 - port)) && answer.contains("1 received");
    findings.holds(&format!("{name} reaches {other}"), reached, answer);
}
