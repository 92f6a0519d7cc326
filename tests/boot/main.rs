//! Cards that boot: images are built by cardwright from bootable stand-ins for Raspberry Pi OS, written to
//! cards, and started under QEMU. `tests/rig/boot-test.sh` makes what is needed and runs these tests; they
//! are ignored otherwise. What the stand-ins imitate, and what such a boot cannot show, is told in
//! tests/rig/README.md.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]
#![expect(clippy::print_stderr, reason = "a boot takes minutes: who waits wants to see how far it is")]

mod card;
mod cluster;
mod command;
mod findings;
mod machine;
mod single_node;
mod wire;
