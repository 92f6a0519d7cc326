//! The network of a node: for whoever configures it on the release, and the radio where it has Wi-Fi.

use super::{NetworkStack, RaspiosError, Release, dhcpcd, network_manager, wifi};
use crate::cluster::Node;
use crate::patch::Draft;

/// Gives a node its connections, with addresses, gateway and name servers.
///
/// # Errors
/// When the stock image cannot be read, or the release has no way to do what is asked for.
pub fn set_network(draft: &mut Draft<'_>, release: &Release, node: &Node) -> Result<(), RaspiosError> {
    match release.network {
        NetworkStack::NetworkManager => network_manager::write_profiles(draft, node)?,
        NetworkStack::Dhcpcd => dhcpcd::write_block(draft, release, node)?,
    }
    match node.network.wifi() {
        Some(wifi) => wifi::switch_on(draft, release, wifi),
        None => Ok(()),
    }
}
