//! Three servers that share an address, by kube-vip.

use crate::boot::cluster::{NODES, TestCluster};
use crate::boot::findings::Findings;
use crate::boot::k3s_cluster::{Install, More, build_with, records, serve_good_releases, wait_for_welcome};
use crate::boot::machine::Machine;
use crate::boot::time_server::start_time_server;
use crate::boot::wire::Wire;

const VIRTUAL_ADDRESS: &str = "192.168.50.9";

#[test]
#[ignore = "boots four machines: run tests/harness/boot-test.sh --long"]
fn an_agent_goes_on_at_the_virtual_address_when_the_first_server_is_gone() {
    let _wire = Wire::with_ports(4);
    let _time = start_time_server();
    let _releases = serve_good_releases();
    let more = More {
        other_servers: &["east", "south"],
        of_k3s: "  virtual_address: {address: 192.168.50.9, by: kube-vip}\n",
        ..More::default()
    };
    let cluster = build_with("virtual-address", Install::Download, &NODES.map(|(name, _)| name), more);
    let [mut north, mut east, mut south, mut west] = NODES.map(|(name, _)| started(&cluster, name));
    for machine in [&mut north, &mut east, &mut south, &mut west] {
        machine.wait_for_login();
    }
    let mut findings = Findings::default();
    wait_for_welcome(&mut north, "west", 1);
    holds_it_alone(&north, [&east, &south], &mut findings);
    let server = format!("https://{VIRTUAL_ADDRESS}:6443");
    findings.same(
        "what west joined",
        &records(&west, "joined")[0]["server"].as_str(),
        &Some(server.as_str()),
    );
    // They bring the address, so they join where it is not needed.
    for joined in [&east, &south] {
        findings.same(
            "what a server joins",
            &joined.ask_as_root("grep ^server: /etc/rancher/k3s/config.yaml"),
            "server: https://192.168.50.11:6443",
        );
    }

    north.cut_power();
    east.wait_until(&addresses(), "1");
    west.ask_as_root("systemctl restart k3s-agent");
    wait_for_welcome(&mut east, "west", 1);
    findings.same("who else has the address", &south.ask(&addresses()), "0");
    let answer = cluster.ssh("west", &format!("ping -c 1 -W 20 {VIRTUAL_ADDRESS}"));
    findings.holds("the address answers west", answer.contains("1 received"), answer);
    findings.settle("a virtual address");
}

fn started(cluster: &TestCluster, name: &str) -> Machine {
    let mut machine = cluster.machine(name);
    machine.power_on();
    machine
}

/// Counts the virtual address among those of a machine.
fn addresses() -> String {
    format!("ip -o addr show dev eth0 | grep -c ' {VIRTUAL_ADDRESS}/32 ' || true")
}

fn holds_it_alone(holder: &Machine, others: [&Machine; 2], findings: &mut Findings) {
    findings.same("north has the address", &holder.ask(&addresses()), "1");
    for other in others {
        findings.same("nobody else has it", &other.ask(&addresses()), "0");
    }
}
