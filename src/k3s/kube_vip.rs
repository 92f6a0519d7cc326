//! kube-vip, which has one of the servers answer at the virtual address: the one that holds a lease in the cluster takes
//! the address and tells the network so by ARP; where it is lost, another takes the lease (kube-vip.io, "ARP").
//!
//! It is a daemon set of the servers, which k3s deploys: other than with kubeadm, a first server starts without the
//! address, so nothing has to be there before it (kube-vip.io, "K3s"). Servers join at the first server's address.

use super::Target;
use crate::cluster::{Answerer, InterfaceName, Manifest, VirtualAddress};

/// kube-vip 1.2.1, by the digest of its list of images for all architectures.
const IMAGE: &str = "ghcr.io/kube-vip/kube-vip:v1.2.1@sha256:49b77655f9f109bedc5eb25723bb0e4c57d8513ba33cc69c31be3f243eb2386d";

/// Returns the manifest where nodes.yaml wants one: what `kube-vip manifest rbac` and `kube-vip manifest daemonset` make,
/// for the control plane alone.
pub(super) fn manifest(target: &Target<'_>) -> Option<Manifest> {
    let VirtualAddress { address, by: Answerer::KubeVip } = target.k3s.access.virtual_address? else {
        return None;
    };
    // By itself, kube-vip takes the interface of the default route.
    let interface = interface(target).map_or_else(String::new, |name| {
        format!("\n            - {{name: vip_interface, value: \"{name}\"}}")
    });
    let text = include_str!("kube-vip.yaml")
        .replace("IMAGE", IMAGE)
        .replace("ADDRESS", &address.to_string())
        .replace("PORT", &target.cluster.supervisor_port().to_string())
        .replace("\n            # INTERFACE", &interface);
    Some(Manifest { file_name: format!("{}.yaml", Answerer::MANIFEST), text, holds_secrets: false })
}

/// Returns the interface that all servers have their address at, where it has one name on all of them: the pods are alike.
fn interface<'c>(target: &Target<'c>) -> Option<&'c InterfaceName> {
    let mut names = target.cluster.servers().map(|server| server.network.main.link.interface().name());
    let first = names.next()??;
    names.all(|name| name == Some(first)).then_some(first)
}
