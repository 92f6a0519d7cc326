//! One node of bullseye. Not beside those of later releases: making its test image is left to who asks for the
//! longer boots.

use crate::boot::cluster::{Suite, User};
use crate::boot::single_node::{PASSWORD, boots_as_its_node};

#[test]
#[ignore = "boots a machine: run tests/harness/boot-test.sh --long"]
fn a_bullseye_card_boots_as_the_node_it_was_built_for() {
    let user = User { name: "ada", password: PASSWORD, passwordless_sudo: true };
    boots_as_its_node("bullseye", Suite::Bullseye, "none", &user);
}
