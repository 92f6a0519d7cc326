//! Values of flags that k3s takes, each for itself, and that contradict each other or the card.
//!
//! k3s starts with them, and what is wrong shows much later: a CoreDNS without an address, agents that look for their
//! server elsewhere, pods that are not created.

use crate::cluster::Role;
use crate::cluster::diagnostic::{Diagnostics, Finding, shown};
use crate::cluster::draft::{ClusterDraft, NodeDraft};
use crate::cluster::k3s_flags::{PODS, SERVICES, given, networks};
use crate::cluster::pods::{RESOLV_CONF, resolv_confs};
use crate::cluster::rules::member::K3sMember;
use crate::patch::Partition;
use ipnet::IpNet;
use std::net::IpAddr;

const CLUSTER_DNS: &str = "cluster-dns";

const ADVERTISED: &str = "advertise-address";

/// Reports what contradicts itself, and warns of what most probably does.
pub(crate) fn check(draft: &ClusterDraft, members: &[K3sMember<'_>], diagnostics: &Diagnostics) {
    for member in members {
        if member.role == Role::Server {
            member.ranges_are_apart(diagnostics);
            member.name_server_is_a_service(diagnostics);
            member.runs_pods(diagnostics);
            member.is_found_where_it_says(draft, diagnostics);
        }
        member.resolv_conf_is_there(diagnostics);
    }
}

impl K3sMember<'_> {
    fn ranges_are_apart(&self, diagnostics: &Diagnostics) {
        let services = networks(&self.config, SERVICES);
        for pods in networks(&self.config, PODS) {
            let Some(services) =
                services.iter().find(|services| pods.contains(*services) || services.contains(&pods))
            else {
                continue;
            };
            let (what, of_default) = if given(&self.config, SERVICES.0).is_empty() {
                (PODS.0, format!("{services}, which k3s takes for services"))
            } else if given(&self.config, PODS.0).is_empty() {
                (SERVICES.0, format!("{pods}, which k3s takes for pods"))
            } else {
                (PODS.0, format!("{services}, which is `{}`", SERVICES.0))
            };
            let range = if what == PODS.0 { pods } else { *services };
            let message = format!("`{what}` {range} overlaps {of_default}");
            let (of_pods, of_services) = match pods {
                IpNet::V4(_) => (PODS.1, SERVICES.1),
                IpNet::V6(_) => ("fd00:42::/56", "fd00:43::/112"),
            };
            let hint = format!(
                "Keep them apart, like {of_pods} for `{}` and {of_services} for `{}`",
                PODS.0, SERVICES.0
            );
            diagnostics.report(self.span_of(what), Finding::new(message, hint));
        }
    }

    /// Checks that the cluster's name server is an address for a Service, which has its address from `service-cidr`.
    fn name_server_is_a_service(&self, diagnostics: &Diagnostics) {
        let services = networks(&self.config, SERVICES);
        for text in given(&self.config, CLUSTER_DNS) {
            let span = self.span_of(CLUSTER_DNS);
            let Ok(address) = text.parse::<IpAddr>() else {
                let message = format!("{} is not an address for `{CLUSTER_DNS}`", shown(&text));
                diagnostics.report(span, Finding::new(message, "Write it like `10.43.0.10`"));
                continue;
            };
            let problem = match services.iter().find(|network| network.contains(&address)) {
                None => {
                    let ranges: Vec<_> = services.iter().map(IpNet::to_string).collect();
                    format!("is outside `{}`, {}", SERVICES.0, ranges.join(","))
                }
                // Kubernetes gives the first address to the Service `kubernetes`.
                Some(network) if network.hosts().next() == Some(address) || network.network() == address => {
                    format!("is taken in `{}`: the API server has its first address", SERVICES.0)
                }
                Some(_) => continue,
            };
            let hint =
                "Remove it, and k3s takes the tenth address of the services, or write another one of them";
            diagnostics.report(span, Finding::new(format!("`{CLUSTER_DNS}` {address} {problem}"), hint));
        }
    }

    /// Warns of servers without an agent (docs.k3s.io, "Running Agentless Servers (Experimental)").
    fn runs_pods(&self, diagnostics: &Diagnostics) {
        const FLAG: &str = "disable-agent";
        if given(&self.config, FLAG).first().is_some_and(|value| value == "true") {
            let message = format!(
                "with `{FLAG}`, {} runs no pods and `kubectl get nodes` does not list it",
                self.node.called()
            );
            let hint = "Remove it, or keep pods away with `taints: [\"node-role.kubernetes.io/control-plane:NoSchedule\"]`";
            diagnostics.warn(self.span_of(FLAG), Finding::new(message, hint));
        }
    }

    /// Agents go on to the addresses that servers advertise, whichever they joined at.
    fn is_found_where_it_says(&self, draft: &ClusterDraft, diagnostics: &Diagnostics) {
        for text in given(&self.config, ADVERTISED) {
            let span = self.span_of(ADVERTISED);
            let called = self.node.called();
            let Ok(address) = text.parse::<IpAddr>() else {
                let message = format!("{} is not an address for `{ADVERTISED}`", shown(&text));
                diagnostics.report(span, Finding::new(message, "Write an address of the node, or remove it"));
                continue;
            };
            let addresses = |node: &NodeDraft| {
                let ipv4 = node.keys.address.given().map(|address| IpAddr::V4(address.value.address));
                ipv4.into_iter()
                    .chain(node.keys.ipv6.given().map(|address| IpAddr::V6(address.value.address)))
                    .collect::<Vec<_>>()
            };
            let is_virtual = self
                .k3s
                .keys
                .virtual_address
                .given()
                .is_some_and(|shared| IpAddr::from(shared.value) == address);
            if is_virtual
                || addresses(self.node).contains(&address)
                || given(&self.config, "node-external-ip").contains(&text)
            {
                continue;
            }
            let hint = "Remove it: a server advertises the `address` of its node";
            let owner = draft.nodes.iter().find(|other| addresses(other).contains(&address));
            if let Some(other) = owner {
                let message = format!(
                    "{called} would advertise `{address}`, which is the address of {}",
                    other.called()
                );
                diagnostics.report(span, Finding::new(message, hint));
            } else {
                let message = format!(
                    "{called} would advertise `{address}`, which is no address of its own: nodes look for it there"
                );
                diagnostics.warn(span, Finding::new(message, hint));
            }
        }
    }

    /// Warns of a missing resolv.conf: the kubelet creates no pod without the file.
    fn resolv_conf_is_there(&self, diagnostics: &Diagnostics) {
        for (flag, path) in resolv_confs(&self.config) {
            // Of the system's own, made while it starts.
            if path.is_empty() || path == "/etc/resolv.conf" || path.starts_with("/run/") {
                continue;
            }
            let brought = self.node.fields.files.items().iter().any(|file| {
                let brought = file.value.path.to_string();
                match file.value.partition {
                    Partition::Root => brought == path,
                    Partition::Boot => ["/boot/firmware", "/boot"]
                        .iter()
                        .any(|mount| path.strip_prefix(mount) == Some(brought.as_str())),
                }
            });
            if !brought {
                let message = format!(
                    "no file of nodes.yaml is {}, and {} runs no pods without it",
                    shown(&path),
                    self.node.called()
                );
                let hint = format!(
                    "Bring it with `files:`, or remove `{RESOLV_CONF}`: cardwright writes one with the name servers of `dns:`"
                );
                diagnostics.warn(self.span_of(flag), Finding::new(message, hint));
            }
        }
    }
}
