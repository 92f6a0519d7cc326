//! NetworkManager keeps its hands off the links of the cluster's own network, and leaves the node its address
//! while the wire is dead.
//!
//! On the cluster's links it would ask for addresses by DHCP and take them down again (rancher/rke2
//! issue 786).

use crate::cluster::{Interface, Link, Node, NodeK3s};
use crate::patch::{Draft, PatchError};
use crate::types::image_path;

pub(super) fn write(draft: &mut Draft<'_>, node: &Node) -> Result<(), PatchError> {
    draft.text(&image_path!("/etc/NetworkManager/conf.d/90-cardwright-k3s.conf"), content(node))
}

/// Returns the configuration. The carrier is ignored, because NetworkManager takes the addresses and routes away six
/// seconds after a switch begins to restart, and k3s ends: servers lose their own datastore behind the node's
/// address, and nothing of k3s starts without a default route. NetworkManager's package for servers sets the same for
/// all of them (its `00-server.conf`). An address that is static does not depend on what is at the other end, and one by DHCP
/// stays with the node until its lease ends (NetworkManager.conf(5), `ignore-carrier`).
fn content(node: &Node) -> String {
    let links = NodeK3s::LINKS.map(|link| format!("interface-name:{link}")).join(";");
    // NetworkManager.conf(5), "Device List Format".
    let device = match &node.network.main.link {
        Link::Wired(Interface::Named(name)) => format!("interface-name:{name}"),
        Link::Wired(Interface::WithMac(mac)) => format!("mac:{mac}"),
        // What has no wire has no carrier to ignore.
        Link::Wifi(_) | Link::Vlan { .. } => String::new(),
    };
    let wire = if device.is_empty() {
        device
    } else {
        format!(
            "
# And needs the node's address and default route while its switch restarts.
[device-cardwright-k3s]
match-device={device}
ignore-carrier=yes
"
        )
    };
    format!(
        "\
# Written by cardwright: k3s takes care of these links itself.
[keyfile]
unmanaged-devices={links}
{wire}"
    )
}
