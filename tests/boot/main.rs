//! Cards that boot: images are built by cardwright from bootable stand-ins for Raspberry Pi OS, written to
//! cards, and started under QEMU. `tests/rig/boot-test.sh` makes what is needed and runs these tests; they
//! are ignored otherwise. What the stand-ins imitate, and what such a boot cannot show, is told in
//! tests/rig/README.md.

#![cfg(unix)]
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "tests; and who waits for a boot wants to see how far it is"
)]

mod apt_repository;
mod bullseye;
mod card;
mod cluster;
mod command;
mod dhcp_ear;
mod findings;
mod four_nodes;
mod k3s_binary;
mod k3s_bundled;
mod k3s_cluster;
mod k3s_first_boot;
mod late_time;
mod login;
mod machine;
#[path = "../support/release_server.rs"]
mod release_server;
mod router;
mod service;
mod single_node;
mod time_server;
mod wire;
mod wire_life;
