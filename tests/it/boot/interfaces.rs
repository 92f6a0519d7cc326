//! Nodes with a second adapter, a VLAN, routes and another MTU, whose console and programs speak another language than
//! the stock image's.

use crate::boot::cluster::{NODES, Recipe, Suite, Uplink, User};
use crate::boot::findings::Findings;
use crate::boot::machine::{Machine, SECOND_ADAPTER};
use crate::boot::single_node::{PASSWORD, boots_as_its_node};
use crate::boot::vlan_neighbour::VlanNeighbour;
use crate::boot::wire::SECOND_GATEWAY;

#[test]
#[ignore = "boots a machine: run tests/harness/boot-test.sh --long"]
fn a_trixie_node_has_all_its_interfaces_and_speaks_german() {
    has_all_of_it("trixie-interfaces", Suite::Trixie);
}

#[test]
#[ignore = "boots a machine: run tests/harness/boot-test.sh --long"]
fn a_bookworm_node_has_all_its_interfaces_and_speaks_german() {
    has_all_of_it("bookworm-interfaces", Suite::Bookworm);
}

#[test]
#[ignore = "boots a machine: run tests/harness/boot-test.sh --long"]
fn a_bullseye_node_has_all_its_interfaces_and_speaks_german() {
    has_all_of_it("bullseye-interfaces", Suite::Bullseye);
}

/// What a node has beside its address. dhcpcd knows neither VLANs nor adapters by their hardware address.
fn keys_of_north(suite: Suite) -> String {
    let (second, vlans) = match suite {
        Suite::Bullseye => ("interface: eth1".to_owned(), ""),
        Suite::Bookworm | Suite::Trixie | Suite::TrixieArmhf => (
            format!("mac: '{SECOND_ADAPTER}'"),
            ", vlans: [{id: 20, address: 192.168.20.11/24, routes: [{to: 10.7.0.0/16, via: 192.168.20.9}]}]",
        ),
    };
    format!(
        "network: {{mtu: 1400, routes: [{{to: 10.8.0.0/16, via: 192.168.50.9}}], \
         interfaces: [{{{second}, address: 192.168.60.11/24, routes: [{{to: 10.9.0.0/16, via: 192.168.60.9}}]}}]{vlans}}}"
    )
}

fn has_all_of_it(test: &str, suite: Suite) {
    let user = &User { name: "ada", password: PASSWORD, passwordless_sudo: true };
    let nodes = NODES.map(|(name, address)| {
        let more = if name == "north" { format!(", {}", keys_of_north(suite)) } else { String::new() };
        format!("  - {{name: {name}, address: {address}{more}}}\n")
    });
    let rest = format!(
        "timezone: Asia/Kolkata\nlocale: de_DE.UTF-8\nkeyboard: {{layout: de, variant: nodeadkeys}}\nnodes:\n{}",
        nodes.concat()
    );
    let connections = "802-3-ethernet\n802-3-ethernet\nvlan";
    let uplink = &Uplink { has_second_wire: true, connections, ..Uplink::default() };
    let recipe = Recipe { suite, grow: "none", user, uplink, only: &["north"], beside: &[], rest: &rest };
    boots_as_its_node(&recipe.build(test), |machine, findings| {
        has_its_interfaces(machine, suite, findings);
        speaks_german(machine, findings);
    });
}

fn has_its_interfaces(machine: &Machine, suite: Suite, findings: &mut Findings) {
    let address =
        |interface: &str| machine.ask(&format!("ip -4 -o addr show dev {interface} | awk '{{print $4}}'"));
    let route = |to: &str| machine.ask(&format!("ip -4 route show {to} | awk '{{print $3, $5}}'"));
    // dhcpcd leaves the link as it is.
    let mtu = match suite {
        Suite::Bullseye => "ip -4 route show default | grep -o 'mtu [0-9]*' | cut -d ' ' -f 2",
        Suite::Bookworm | Suite::Trixie | Suite::TrixieArmhf => "cat /sys/class/net/eth0/mtu",
    };
    findings.same("the MTU", &machine.ask(mtu), "1400");
    findings.same("a route on the wire", &route("10.8.0.0/16"), "192.168.50.9 eth0");
    findings.same("the address on the second wire", &address("eth1"), "192.168.60.11/24");
    findings.same("a route on the second wire", &route("10.9.0.0/16"), "192.168.60.9 eth1");
    let answer = machine.ask(&format!("ping -c 1 -W 20 {SECOND_GATEWAY}"));
    findings.holds("the second wire carries", answer.contains("1 received"), answer);
    if suite == Suite::Bullseye {
        return;
    }
    let link = machine.ask("ip -d link show dev vlan20");
    findings.holds("the VLAN", link.contains("vlan20@eth0") && link.contains("802.1Q id 20"), link);
    findings.same("the address in the VLAN", &address("vlan20"), "192.168.20.11/24");
    findings.same("a route in the VLAN", &route("10.7.0.0/16"), "192.168.20.9 vlan20");
    // It tells who has the address, and answers nothing else.
    let _neighbour = VlanNeighbour::start(0, 20, "192.168.20.9");
    let neighbour = "ping -c 5 -W 2 192.168.20.9 >/dev/null; ip neigh show 192.168.20.9 dev vlan20";
    let neighbour = machine.ask(neighbour);
    findings.holds("the VLAN carries", neighbour.contains(VlanNeighbour::HARDWARE_ADDRESS), neighbour);
}

fn speaks_german(machine: &Machine, findings: &mut Findings) {
    let at_noon = "date -d '2026-03-01 12:00 UTC' '+%H:%M %B'";
    findings.same("time zone and language of a login", &machine.ask(at_noon), "17:30 März");
    findings.same(
        "the locale",
        &machine.ask("locale 2>&1 | grep -e LANG= -e LC_TIME= -e annot"),
        "LANG=de_DE.UTF-8\nLC_TIME=\"de_DE.UTF-8\"",
    );
    // What the console does with the key beside T, which has the Y in English and the Z in German (keycode 21 of
    // linux/input-event-codes.h).
    let key = machine
        .ask_as_root("dumpkeys --keys-only </dev/tty1 | awk '$1 == \"keycode\" && $2 == 21 {print $4}'");
    findings.same("the key beside T", &key, "+z");
    let dead = machine
        .ask_as_root("dumpkeys --keys-only </dev/tty1 | awk '$1 == \"keycode\" && $2 == 41 {print $4}'");
    findings.same("a key of the variant", &dead, "asciicircum");
}
