//! k3s inside the cards, in a place with nothing: no way out, no name server, no time server, no releases.

use crate::boot::findings::Findings;
use crate::boot::k3s_binary::binary;
use crate::boot::k3s_cluster::{ARCHIVE, Install, VERSION, build, records, wait_for_welcome};
use crate::boot::wire::Wire;
use cardwright::types::Digest;

const IMAGES: &str = "/var/lib/rancher/k3s/agent/images";

/// More than is free on the stock image, and no block like another: the cards have to grow.
fn archive() -> Vec<u8> {
    (0_u64..1 << 25).flat_map(|number| number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes()).collect()
}

#[test]
#[ignore = "boots two machines: run tests/harness/boot-test.sh --long"]
fn a_bundled_k3s_starts_and_is_joined_where_there_is_nothing_to_ask() {
    let _wire = Wire::with_ports(2);
    let cluster = build("k3s-bundled", Install::Bundled(archive()));
    let in_1970 = |node| cluster.machine_with(node, |settings| settings.clock = Some("1970-01-01T00:00:00"));
    let (mut north, mut east) = (in_1970("north"), in_1970("east"));
    north.power_on();
    east.power_on();
    north.wait_for_login();
    east.wait_for_login();
    wait_for_welcome(&mut north, "east", 1);

    let mut findings = Findings::default();
    for (machine, name, role) in [(&mut north, "north", "server"), (&mut east, "east", "agent")] {
        let unit = if role == "server" { "k3s" } else { "k3s-agent" };
        machine.wait_until(&format!("systemctl is-active {unit}"), "active");
        let status = machine.ask(&format!("cat {}", machine.status_file()));
        findings.holds(
            &format!("{name} says that it started"),
            status.ends_with(&format!(" k3s: done: k3s {VERSION} starts as {role}")),
            &status,
        );
        findings.holds(&format!("{name} did without the time"), status.contains("no time server"), &status);
        findings.same(&format!("starts of k3s on {name}"), &records(machine, "calls").len(), &1);
        let digests =
            machine.ask_as_root(&format!("sha256sum </usr/local/bin/k3s; sha256sum <{IMAGES}/{ARCHIVE}"));
        let expected = format!("{}  -\n{}  -", Digest::of(&binary()), Digest::of(&archive()));
        findings.same(&format!("k3s and the archive on {name}"), &digests, &expected);
        let failed = machine.ask("systemctl --failed --plain --no-legend");
        findings.same(&format!("units that failed on {name}"), &failed, "");
        let size = machine.ask("df --output=size -B1000000 / | tail -n 1 | tr -d ' '");
        findings.holds(
            &format!("the root filesystem of {name} grew to the card"),
            size.parse().is_ok_and(|size: u32| size > 2800),
            size,
        );
        findings.same(&format!("ssh to {name} as ssh_config tells it"), &cluster.ssh(name, "hostname"), name);
    }
    findings.settle("with k3s inside the cards");

    let status = north.ask(&format!("cat {}", north.status_file()));
    north.reboot();
    north.wait_until("systemctl is-active k3s", "active");
    let mut findings = Findings::default();
    findings.same("starts of k3s on north", &records(&north, "calls").len(), &2);
    findings.same("north's status", &north.ask(&format!("cat {}", north.status_file())), &status);
    findings.settle("after north's second boot");
    for machine in [&mut north, &mut east] {
        machine.power_off();
        machine.card().judge_root();
    }
}
