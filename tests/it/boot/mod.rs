//! Cards that boot: images are built by cardwright from bootable test images like Raspberry Pi OS, written to
//! cards, and started under QEMU. `tests/harness/boot-test.sh` makes what is needed and runs these tests; they
//! are ignored otherwise. What the test images imitate, and what such a boot cannot show, is told in
//! tests/harness/README.md.

mod access_point;
mod apt_repository;
mod armhf;
mod bullseye;
mod card;
mod cluster;
mod command;
mod dhcp;
mod dhcp_ear;
mod dhcp_server;
mod evening;
mod findings;
mod four_nodes;
mod interfaces;
mod ipv6_alone;
mod k3s_binary;
mod k3s_bundled;
mod k3s_cluster;
mod k3s_first_boot;
mod late_time;
mod login;
mod machine;
mod mdns;
mod restore;
mod router;
mod service;
mod single_node;
mod time_server;
mod virtual_address;
mod vlan_neighbour;
mod wifi;
mod wire;
mod wire_life;
