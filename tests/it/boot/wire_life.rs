//! What happens to the wire of a node that runs k3s: a router announces name servers, the switch restarts,
//! pods come and go. And an address that somebody else has.

use crate::boot::cluster::{NAME_SERVERS, NODES, Recipe, Suite, TestCluster, Uplink, User};
use crate::boot::findings::Findings;
use crate::boot::k3s_binary::{STUB, binary};
use crate::boot::k3s_cluster::VERSION;
use crate::boot::machine::{Machine, PATIENCE};
use crate::boot::router::{NAME_SERVER, NETWORK, Router};
use crate::boot::single_node;
use crate::boot::time_server::start_time_server;
use crate::boot::wire::{GATEWAY, Wire};
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

#[test]
#[ignore = "boots a machine: run tests/harness/boot-test.sh --long"]
fn a_trixie_node_keeps_its_network_through_routers_and_switches() {
    keeps_its_network("trixie-wire", Suite::Trixie);
}

#[test]
#[ignore = "boots a machine: run tests/harness/boot-test.sh --long"]
fn a_bookworm_node_keeps_its_network_through_routers_and_switches() {
    keeps_its_network("bookworm-wire", Suite::Bookworm);
}

#[test]
#[ignore = "boots a machine: run tests/harness/boot-test.sh --long"]
fn a_bullseye_node_keeps_its_network_through_routers_switches_and_pods() {
    keeps_its_network("bullseye-wire", Suite::Bullseye);
}

/// `NetworkManager` 1.52 looks for somebody else with the address before it takes one, and comes up without.
#[test]
#[ignore = "boots a machine: run tests/harness/boot-test.sh --long"]
fn an_address_that_somebody_else_has_is_taken_when_it_is_free() {
    let _wire = Wire::with_ports(1);
    let (node, address) = NODES[0];
    let claim = Wire::claim(&format!("{address}/24"));
    let user = User { name: "pi", password: single_node::PASSWORD, passwordless_sudo: true };
    let cluster = single_node::build("address-in-use", Suite::Trixie, "none", &user);
    let mut machine = cluster.machine(node);
    machine.power_on();
    let began = Instant::now();
    while Wire::packets_from(0) == 0 {
        assert!(began.elapsed() < PATIENCE, "not a packet came from the machine");
        sleep(Duration::from_secs(1));
    }
    // The question whether the address is free is among the first packets.
    sleep(Duration::from_secs(60));
    drop(claim);
    let freed = Instant::now();
    machine.wait_for_login();
    eprintln!("the address was taken {} s after it was free", freed.elapsed().as_secs());
    let mut findings = Findings::default();
    let told = machine.ask_as_root("journalctl -b --no-pager -u NetworkManager");
    findings.holds("the conflict was noticed", told.contains("already in use in the network"), &told);
    findings.same("addresses", &addresses(&machine), &format!("{address}/24"));
    findings.settle("with an address that was in use");
    machine.power_off();
}

fn build(test: &str, suite: Suite) -> TestCluster {
    let user = User { name: "pi", password: single_node::PASSWORD, passwordless_sudo: true };
    let stub = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/boot/k3s_life.sh");
    let (name, address) = NODES[0];
    let rest = format!(
        "files:\n\
         \x20 - {{path: /etc/systemd/timesyncd.conf.d/wire.conf, content: \"[Time]\\nNTP={GATEWAY}\\n\"}}\n\
         \x20 - {{path: {STUB}, source: '{}', mode: 0755}}\n\
         k3s: {{version: {VERSION}, install: {{bundled: {{binary: {{arm64: k3s-arm64}}}}}}}}\n\
         nodes: [{{name: {name}, address: {address}, k3s: server}}]\n",
        stub.display(),
    );
    let beside = [("k3s-arm64", binary())];
    let uplink = &Uplink::default();
    Recipe { suite, grow: "auto", user: &user, uplink, only: &[name], beside: &beside, rest: &rest }
        .build(test)
}

fn keeps_its_network(test: &str, suite: Suite) {
    let _wire = Wire::with_ports(1);
    let _time = start_time_server();
    let cluster = build(test, suite);
    let _router = Router::start(cluster.folder());
    let mut machine = cluster.machine(NODES[0].0);
    machine.power_on();
    machine.wait_for_login();
    machine.wait_until("systemctl is-active k3s", "active");
    wait_for_router(&mut machine);
    let mut findings = Findings::default();
    holds_the_network(&machine, &mut findings, "with a router that announces name servers");
    findings.same(
        "name servers of pods",
        &machine.ask("grep -v '^#' /etc/rancher/k3s/resolv.conf"),
        &format!("nameserver {GATEWAY}\nnameserver 192.168.50.2"),
    );

    pods_come_and_go(&machine, &mut findings);
    holds_the_network(&machine, &mut findings, "with pods that come and go");
    if suite == Suite::Bullseye {
        // Which links it takes it says; the wire is one.
        let told = machine.ask_as_root("journalctl -b --no-pager -o cat -u dhcpcd");
        findings.holds("dhcpcd tells of the wire", told.contains("eth0"), &told);
        findings.holds("dhcpcd understands its configuration", !told.contains("unknown option"), &told);
        let of_pods: Vec<_> = told.lines().filter(|line| line.contains("veth")).collect();
        findings.holds("dhcpcd leaves the links of pods alone", of_pods.is_empty(), &of_pods);
    }

    let process = "systemctl show -p MainPID -p NRestarts k3s";
    let before = machine.ask(process);
    start_watch(&machine);
    restart_switch(&mut machine, Duration::from_secs(60));
    let watched = watch(&machine);
    let dead = watched.iter().filter(|line| line.starts_with("0 ")).count();
    findings.holds("the wire was seen dead", dead >= 10, &watched);
    let complete = |line: &&String| matches!(line.as_str(), "0 1 1" | "1 1 1");
    let without: Vec<_> = watched.iter().filter(|line| !complete(line)).collect();
    findings.holds("address and default route stayed", without.is_empty(), &without);
    findings.same("k3s", &machine.ask(process), &before);
    findings.same("starts of k3s", &machine.ask("wc -l </var/lib/k3s-stub/starts"), "1");
    holds_the_network(&machine, &mut findings, "after the switch restarted");
    findings.settle("on the wire");

    // That all this could have been seen: without what cardwright wrote, it is.
    machine.ask_as_root(
        "sed -i /ignore-/d /etc/NetworkManager/conf.d/*cardwright* /etc/NetworkManager/system-connections/*; \
         sed -i '/^nolink/d; /^nooption/d; /^denyinterfaces/d' /etc/dhcpcd.conf",
    );
    machine.reboot();
    wait_for_router(&mut machine);
    machine.wait_until(&format!("grep -c {NAME_SERVER} /etc/resolv.conf"), "1");
    if suite == Suite::Bullseye {
        machine.ask_as_root(
            "ip link add veth0 type veth peer name pod0; ip link set veth0 up; ip link set pod0 up",
        );
        machine.wait_until("ip -4 -o addr show dev veth0 | grep -c 'inet 169.254'", "1");
    }
    start_watch(&machine);
    restart_switch(&mut machine, Duration::from_secs(30));
    machine.wait_until("grep -c '^0 0 0$' /run/wire-watch | grep -c '[1-9]'", "1");
    machine.power_off();
    machine.card().judge_root();
}

/// Waits until the machine has an address of the announced network, and the route.
fn wait_for_router(machine: &mut Machine) {
    machine.wait_until(
        &format!("ip -6 addr show dev eth0 scope global | grep -c {NETWORK} | grep -c '[1-9]'"),
        "1",
    );
    machine.wait_until("ip -6 route show default | grep -c via | grep -c '[1-9]'", "1");
}

fn addresses(machine: &Machine) -> String {
    machine.ask("ip -4 -o addr show scope global | awk '$2 !~ /^(cni|flannel)/ {print $4}'")
}

/// Address, routes and name servers are those of nodes.yaml.
fn holds_the_network(machine: &Machine, findings: &mut Findings, when: &str) {
    findings.same(&format!("addresses {when}"), &addresses(machine), &format!("{}/24", NODES[0].1));
    findings.same(
        &format!("routes out {when}"),
        &machine.ask("ip -4 route show default | awk '{print $3, $5}'"),
        &format!("{GATEWAY} eth0"),
    );
    let resolv_conf = machine.ask("cat /etc/resolv.conf");
    let servers: Vec<_> = resolv_conf.lines().filter_map(|line| line.strip_prefix("nameserver ")).collect();
    findings.same(&format!("name servers {when}"), &servers, &NAME_SERVERS);
    findings.holds(&format!("domains {when}"), !resolv_conf.contains("router.example"), &resolv_conf);
}

/// Makes and removes the links of pods as the bridge plugin of CNI does, the inner end in the pod's namespace
/// from the beginning, and looks whether anything took one for the node's own.
fn pods_come_and_go(machine: &Machine, findings: &mut Findings) {
    let said = machine.ask_as_root(
        "set -e; \
         ip link add cni0 type bridge; ip addr add 10.42.0.1/24 dev cni0; ip link set cni0 up; \
         for life in 0 1 25; do \
           for pod in 1 2 3 4 5 6 7 8; do \
             inside=pod$life-$pod; outside=veth${life}a$pod; ip netns add $inside; \
             ip -n $inside link add eth0 type veth peer name $outside netns 1; \
             ip link set $outside master cni0 up; ip -n $inside link set eth0 up; \
           done; \
           sleep $life; \
           ip -4 -o addr show | grep veth && echo 'a link of a pod has an address'; \
           ip -4 route show default | grep -v eth0 && echo 'a default route through a pod'; \
           for pod in 1 2 3 4 5 6 7 8; do ip netns del pod$life-$pod; done; \
         done; \
         ip link del cni0; echo done",
    );
    findings.same("pods", &said, "done");
    let configurator = machine.ask("systemctl is-active NetworkManager dhcpcd | grep -x active");
    findings.same("who configures the network", &configurator, "active");
}

/// Starts writing down, every second: the carrier, the node's address, its default route.
fn start_watch(machine: &Machine) {
    let address = NODES[0].1;
    let script = format!(
        "while sleep 1; do echo \"$(cat /sys/class/net/eth0/carrier) \
         $(ip -4 -o addr show dev eth0 | grep -c \"inet {address}/24\") \
         $(ip -4 route show default | grep -c \"via {GATEWAY} dev eth0\")\"; done >/run/wire-watch"
    );
    machine.ask_as_root(&format!("systemd-run -q --unit=wire-watch sh -c '{script}'"));
}

fn watch(machine: &Machine) -> Vec<String> {
    machine.ask("cat /run/wire-watch").lines().map(str::to_owned).collect()
}

/// The link is dead for that long.
fn restart_switch(machine: &mut Machine, time: Duration) {
    machine.wait_until("wc -l </run/wire-watch | grep -c '[1-9]'", "1");
    machine.set_link(false);
    sleep(time);
    machine.set_link(true);
    machine.wait_until("tail -n 1 /run/wire-watch", "1 1 1");
}
