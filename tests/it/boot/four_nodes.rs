//! The four nodes of one cluster on one wire.

use crate::boot::cluster::NODES;
use crate::boot::findings::Findings;
use crate::boot::k3s_cluster::{Install, build, records, serve_good_releases, wait_for_welcome};
use crate::boot::login::host_keys;
use crate::boot::time_server::start_time_server;
use crate::boot::wire::Wire;

#[test]
#[ignore = "boots four machines: run tests/harness/boot-test.sh --long"]
fn four_nodes_find_each_other_and_their_server() {
    let _wire = Wire::with_ports(4);
    let _time = start_time_server();
    let _releases = serve_good_releases();
    let cluster = build("four-nodes", Install::Download);
    let mut machines = NODES.map(|(name, _)| cluster.machine(name));
    for machine in &mut machines {
        machine.power_on();
    }
    for machine in &mut machines {
        machine.wait_for_login();
    }
    let mut findings = Findings::default();
    for ((name, _), machine) in NODES.iter().zip(&machines) {
        for (other, address) in NODES.iter().filter(|(other, _)| other != name) {
            let answer = machine.ask(&format!("ping -c 1 -W 20 {other}"));
            findings.holds(
                &format!("{name} reaches {other}"),
                answer.contains(address) && answer.contains("1 received"),
                answer,
            );
        }
    }
    let [north, _, south, _] = &mut machines;
    let passwords = ["east", "south", "west"].map(|agent| wait_for_welcome(north, agent, 1));
    findings.holds(
        "every node has a password of its own",
        passwords[0] != passwords[1] && passwords[1] != passwords[2],
        &passwords,
    );

    south.cut_power();
    south.power_on();
    south.wait_for_login();
    let password = wait_for_welcome(north, "south", 2);
    findings.same("south's password after the power cut", &password, &passwords[1]);
    let refused: Vec<_> =
        records(north, "visitors").into_iter().filter(|visit| visit["verdict"] != "welcome").collect();
    findings.holds("nobody was refused", refused.is_empty(), &refused);
    findings.settle("four nodes");
}

#[test]
#[ignore = "boots two machines: run tests/harness/boot-test.sh --long"]
fn a_card_that_is_written_again_is_the_same_node() {
    let _wire = Wire::with_ports(4);
    let _time = start_time_server();
    let _releases = serve_good_releases();
    let cluster = build("written-again", Install::Download);
    let mut north = cluster.machine("north");
    let mut west = cluster.machine("west");
    north.power_on();
    west.power_on();
    north.wait_for_login();
    west.wait_for_login();
    let password = wait_for_welcome(&mut north, "west", 1);
    let (_, address) = NODES[3];
    let keys = host_keys(address);
    west.cut_power();

    let mut west = cluster.machine("west");
    west.power_on();
    west.wait_for_login();
    let mut findings = Findings::default();
    findings.same("west's node password", &wait_for_welcome(&mut north, "west", 2), &password);
    findings.holds("west has host keys", !keys.is_empty(), &keys);
    findings.same("west's host keys", &host_keys(address), &keys);
    findings.same("west by known_hosts", &cluster.ssh("west", "hostname"), "west");
    findings.settle("a card written again");
}
