//! NetworkManager keeps its hands off the links of the cluster's own network.
//!
//! It would otherwise ask for addresses on them by DHCP and take them down again (rancher/rke2
//! issue 786).

use super::K3sError;
use crate::patch::{Draft, ImagePath, Mode, Owner, Partition};

/// Bridges, tunnels and the ends of containers' cables, as flannel and the CNI plugins name them.
const CONTENT: &str = "\
# Written by cardwright: k3s takes care of these links itself.
[keyfile]
unmanaged-devices=interface-name:cni*;interface-name:flannel*;interface-name:veth*
";

pub(super) fn leave_cluster_links_alone(draft: &mut Draft<'_>) -> Result<(), K3sError> {
    let path = ImagePath::new("/etc/NetworkManager/conf.d/90-cardwright-k3s.conf")?;
    draft.file(Partition::Root, &path, CONTENT, Mode::FILE, Owner::ROOT)?;
    Ok(())
}
