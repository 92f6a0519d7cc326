//! Somebody in a VLAN on a machine's wire.

use crate::boot::wire::Wire;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// Answers in the VLAN for an address, until it is dropped.
pub(crate) struct VlanNeighbour {
    python: Child,
}

impl VlanNeighbour {
    /// The hardware address that it says it has.
    pub(crate) const HARDWARE_ADDRESS: &str = "02:00:00:00:00:14";

    /// Answers from now on, in VLAN `id`, the machine in that place of the wire.
    pub(crate) fn start(port: usize, id: u16, address: &str) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/boot/vlan_neighbour.py");
        let mut python = Command::new("python3");
        python.arg(script).args([&Wire::port(port), &id.to_string(), address, Self::HARDWARE_ADDRESS]);
        Self { python: python.stdin(Stdio::null()).spawn().expect("python3 starts") }
    }
}

impl Drop for VlanNeighbour {
    fn drop(&mut self) {
        let _ = self.python.kill();
        let _ = self.python.wait();
    }
}
