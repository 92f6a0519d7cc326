//! The network the machines hang on: a bridge with a tap for each of them.
//!
//! It is made in the network namespace that tests/harness/boot-test.sh starts the tests in, where there is
//! nothing but loopback: whatever a card sends does not leave that namespace.

use crate::boot::command::run;
use std::process::Command;

/// The address of this side of the wire: the gateway of every card, and where the tests' servers are.
pub(crate) const GATEWAY: &str = "192.168.50.1";
/// The interface of this side.
pub(crate) const BRIDGE: &str = "wire";

/// The address of this side of the second wire.
pub(crate) const SECOND_GATEWAY: &str = "192.168.60.1";
/// The interface of this side of the second wire: a tap that one machine's second adapter is at.
pub(crate) const SECOND: &str = "second";

/// A bridge that has [`GATEWAY`] as its address, and a second wire. Gone when dropped.
pub(crate) struct Wire {
    ports: usize,
}

impl Wire {
    /// Lays the wire, with `ports` places to plug a machine in.
    pub(crate) fn with_ports(ports: usize) -> Self {
        // A kernel may put tunnels into every namespace; they are down.
        let interfaces = run(Command::new("ip").args(["-o", "link", "show", "up"]));
        assert_eq!(
            interfaces.lines().count(),
            1,
            "cards are booted in a network namespace of their own, by tests/harness/boot-test.sh; here is more than loopback:\n{interfaces}"
        );
        let wire = Self { ports };
        ip(&format!("link add {BRIDGE} type bridge forward_delay 0"));
        ip(&format!("addr add {GATEWAY}/24 dev {BRIDGE}"));
        ip(&format!("link set {BRIDGE} up"));
        for port in 0..ports {
            ip(&format!("tuntap add {} mode tap", Self::port(port)));
            ip(&format!("link set {} master {BRIDGE} up", Self::port(port)));
        }
        ip(&format!("tuntap add {SECOND} mode tap"));
        ip(&format!("addr add {SECOND_GATEWAY}/24 dev {SECOND}"));
        ip(&format!("link set {SECOND} up"));
        wire
    }

    /// Has this side answer for one more address, written with its prefix, until the result is dropped.
    pub(crate) fn claim(address: &str) -> Claim {
        // One of IPv6 would be of no use until the kernel has looked for somebody else with it.
        let options = if address.contains(':') { " nodad" } else { "" };
        ip(&format!("addr add {address} dev {BRIDGE}{options}"));
        Claim { address: address.to_owned() }
    }

    /// The number of packets that came from the machine in a place.
    pub(crate) fn packets_from(port: usize) -> u64 {
        let shown = run(Command::new("ip").args(["-s", "-j", "link", "show", "dev", &Self::port(port)]));
        let shown: serde_json::Value = serde_json::from_str(&shown).unwrap();
        shown[0]["stats64"]["rx"]["packets"].as_u64().expect("ip counts packets")
    }

    /// The name of a tap.
    pub(crate) fn port(port: usize) -> String {
        format!("port{port}")
    }
}

/// One more address that this side has.
pub(crate) struct Claim {
    address: String,
}

impl Drop for Claim {
    fn drop(&mut self) {
        // Best effort, as below.
        let _ = Command::new("ip").args(["addr", "del", &self.address, "dev", BRIDGE]).status();
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        let taps = (0..self.ports).map(Self::port);
        for interface in taps.chain([BRIDGE, SECOND].map(str::to_owned)) {
            // Best effort: what is still there dies with the namespace.
            let _ = Command::new("ip").args(["link", "del", &interface]).status();
        }
    }
}

fn ip(arguments: &str) {
    run(Command::new("ip").args(arguments.split(' ')));
}
