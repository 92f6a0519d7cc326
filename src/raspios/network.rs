//! A static address: for whoever configures the network of the release.

use super::{NetworkStack, RaspiosError, Release, dhcpcd, network_manager};
use crate::cluster::Node;
use crate::patch::Draft;

/// Gives the wired network of a node its static addresses, gateway and name servers.
///
/// # Errors
/// When the stock image cannot be read, or the release has no way to do what is asked for.
pub fn set_network(draft: &mut Draft<'_>, release: &Release, node: &Node) -> Result<(), RaspiosError> {
    match release.network {
        NetworkStack::NetworkManager => network_manager::write_profile(draft, node),
        NetworkStack::Dhcpcd => dhcpcd::write_block(draft, release, node),
    }
}
