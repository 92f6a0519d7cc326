//! A router that announces itself, a network, and name servers (RFC 4861, RFC 8106).

use crate::boot::command::run;
use crate::boot::wire::BRIDGE;
use std::fs::{self, File};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// How every address of the announced network begins.
pub(crate) const NETWORK: &str = "2001:db8:50:";

/// One of the two name servers that are announced; the other is link-local.
pub(crate) const NAME_SERVER: &str = "2001:db8:50::53";

/// radvd, on this side of the wire. It is over when dropped.
pub(crate) struct Router {
    radvd: Child,
}

impl Router {
    /// Announces every few seconds, from now on; keeps configuration and log in `folder`.
    pub(crate) fn start(folder: &Path) -> Self {
        // Routers have a link-local address; the bridge gets one of the kernel's only with a carrier.
        run(Command::new("ip").args(["-6", "addr", "add", "fe80::1/64", "dev", BRIDGE, "nodad"]));
        let configuration = folder.join("radvd.conf");
        let text = format!(
            "interface {BRIDGE} {{\n\
             \tAdvSendAdvert on;\n\tMinRtrAdvInterval 3;\n\tMaxRtrAdvInterval 4;\n\
             \tprefix {NETWORK}:/64 {{}};\n\
             \tRDNSS fe80::53 {NAME_SERVER} {{ AdvRDNSSLifetime 600; }};\n\
             \tDNSSL router.example {{ AdvDNSSLLifetime 600; }};\n\
             }};\n"
        );
        fs::write(&configuration, text).unwrap();
        let mut radvd = Command::new("radvd");
        radvd.args(["--nodaemon", "--logmethod", "stderr", "--config"]).arg(&configuration);
        radvd.arg("--pidfile").arg(folder.join("radvd.pid"));
        radvd.stdin(Stdio::null()).stderr(File::create(folder.join("radvd.log")).unwrap());
        Self { radvd: radvd.spawn().expect("radvd starts") }
    }
}

impl Drop for Router {
    fn drop(&mut self) {
        let _ = self.radvd.kill();
        let _ = self.radvd.wait();
        let _ = Command::new("ip").args(["-6", "addr", "del", "fe80::1/64", "dev", BRIDGE]).status();
    }
}
