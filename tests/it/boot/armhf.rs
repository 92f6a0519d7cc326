//! Nodes of trixie of 32 bits, on the kernel of 64 bits.

use crate::boot::cluster::{Suite, Uplink, User};
use crate::boot::findings::Findings;
use crate::boot::k3s_first_boot::k3s_is_installed;
use crate::boot::machine::Machine;
use crate::boot::single_node::{PASSWORD, boots_as_its_node, build};

#[test]
#[ignore = "boots a machine: run tests/harness/boot-test.sh --long"]
fn an_armhf_card_boots_as_the_node_it_was_built_for() {
    let user = User { name: "ada", password: PASSWORD, passwordless_sudo: true };
    boots_as_its_node(&build("armhf", Suite::TrixieArmhf, "none", &user), has_32_bits);
}

#[test]
#[ignore = "boots a machine: run tests/harness/boot-test.sh --long"]
fn an_armhf_card_installs_k3s() {
    k3s_is_installed("armhf-k3s", Suite::TrixieArmhf, Uplink::default());
}

/// What runs is of 32 bits, and the kernel is not.
fn has_32_bits(machine: &Machine, findings: &mut Findings) {
    findings.same("the programs", &machine.ask("dpkg --print-architecture; getconf LONG_BIT"), "armhf\n32");
    findings.same("the kernel", &machine.ask("uname -m"), "aarch64");
}
