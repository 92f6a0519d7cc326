//! Who the nodes are and who gets in: what comes out of a build, before oracles that nobody here wrote.

mod access_files;
mod changes;
mod kubernetes;
mod rejoin;
mod secrets;
mod shell;

use std::path::Path;

/// Three servers, an agent, a virtual address.
const THREE_SERVERS: &str = "\
cluster: compass
image: demo
network: {prefix: 24, gateway: 192.168.50.1}
k3s: {version: v1.36.4+k3s1, virtual_address: 192.168.50.10}
nodes:
  - {name: north, address: 192.168.50.11, k3s: server}
  - {name: east,  address: 192.168.50.12, k3s: server}
  - {name: south, address: 192.168.50.13, k3s: server}
  - {name: west,  address: 192.168.50.14, k3s: agent}
";

pub(crate) const TLS: &str = "/var/lib/rancher/k3s/server/tls";

/// A file of an image's root partition; `None` where there is nothing to read it with.
pub(crate) fn card_file(image: &Path, path: &str) -> Option<String> {
    let text = crate::support::root_file(image, path)?;
    assert!(!text.is_empty(), "{path} is not on {}", image.display());
    Some(text)
}
