//! Nodes of bullseye. Not beside those of later releases: making its test image is left to who asks for the longer
//! boots.

use crate::boot::cluster::{Suite, Uplink, User};
use crate::boot::k3s_first_boot::k3s_is_installed;
use crate::boot::single_node::{PASSWORD, boots_as_its_node, build};

#[test]
#[ignore = "boots a machine: run tests/harness/boot-test.sh --long"]
fn a_bullseye_card_boots_as_the_node_it_was_built_for() {
    let user = User { name: "ada", password: PASSWORD, passwordless_sudo: true };
    boots_as_its_node(&build("bullseye", Suite::Bullseye, "none", &user), |_, _| ());
}

#[test]
#[ignore = "boots a machine: run tests/harness/boot-test.sh --long"]
fn a_bullseye_card_installs_k3s() {
    k3s_is_installed("bullseye-k3s", Suite::Bullseye, Uplink::default());
}
