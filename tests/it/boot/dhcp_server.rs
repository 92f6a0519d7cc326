//! A router's DHCP server.

use crate::boot::machine::hardware_address;
use crate::boot::wire::{BRIDGE, GATEWAY};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// dnsmasq, on this side of the wire. It is over when dropped.
pub(crate) struct DhcpServer {
    dnsmasq: Child,
    leases: PathBuf,
}

impl DhcpServer {
    /// Answers from now on, and gives the machines in these places of the wire the addresses that are reserved for
    /// them; keeps leases and log in `folder`.
    pub(crate) fn start(folder: &Path, name_servers: &[&str], reserved: &[(usize, &str)]) -> Self {
        let leases = folder.join("leases");
        let mut dnsmasq = Command::new("dnsmasq");
        dnsmasq.args([
            "--keep-in-foreground",
            "--conf-file=/dev/null",
            "--pid-file=",
            "--user=root",
            "--port=0",
        ]);
        dnsmasq.args(["--bind-interfaces", "--dhcp-authoritative", "--log-dhcp"]);
        dnsmasq.arg(format!("--interface={BRIDGE}"));
        dnsmasq.arg("--dhcp-range=192.168.50.100,192.168.50.150,255.255.255.0,1h");
        dnsmasq.arg(format!("--dhcp-option=option:router,{GATEWAY}"));
        dnsmasq.arg(format!("--dhcp-option=option:dns-server,{}", name_servers.join(",")));
        for (port, address) in reserved {
            dnsmasq.arg(format!("--dhcp-host={},{address}", hardware_address(*port)));
        }
        dnsmasq.arg(format!("--dhcp-leasefile={}", leases.display()));
        dnsmasq.arg(format!("--log-facility={}", folder.join("dnsmasq.log").display()));
        Self { dnsmasq: dnsmasq.stdin(Stdio::null()).spawn().expect("dnsmasq starts"), leases }
    }

    /// The leases: hardware address, address, and the name the machine gave itself.
    pub(crate) fn leases(&self) -> Vec<[String; 3]> {
        let text = fs::read_to_string(&self.leases).unwrap_or_default();
        text.lines()
            .map(|line| {
                let words: Vec<_> = line.split(' ').collect();
                [1, 2, 3].map(|index| words[index].to_owned())
            })
            .collect()
    }
}

impl Drop for DhcpServer {
    fn drop(&mut self) {
        let _ = self.dnsmasq.kill();
        let _ = self.dnsmasq.wait();
    }
}
