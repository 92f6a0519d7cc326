//! The addresses that pods have, and the name servers that they can reach.

use crate::cluster::k3s_flags::{PODS, given, networks};
use crate::cluster::{Cluster, NodeK3s};
use ipnet::IpNet;
use serde_json::{Map, Value};
use std::net::IpAddr;

/// k3s's flag for the resolv.conf of pods, and the kubelet's behind it.
pub(crate) const RESOLV_CONF: &str = "resolv-conf";

/// The families of addresses that pods have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PodFamilies {
    /// The pods have IPv4 addresses.
    pub ipv4: bool,
    /// The pods have IPv6 addresses.
    pub ipv6: bool,
}

impl PodFamilies {
    /// Returns the families of the networks in a server's configuration; IPv4 alone where there is no server
    /// (docs.k3s.io, "Dual-stack Networking").
    pub(crate) fn of_server(config: Option<&Map<String, Value>>) -> Self {
        let Some(config) = config else { return Self { ipv4: true, ipv6: false } };
        let networks = networks(config, PODS);
        let any = |family: fn(&IpNet) -> bool| networks.iter().any(family);
        Self { ipv4: any(|network| network.addr().is_ipv4()), ipv6: any(|network| network.addr().is_ipv6()) }
    }

    /// Returns `true` if pods with such addresses can reach a name server: not one that is link-local, nor
    /// the machine's own address, which inside a pod is the pod.
    pub fn reach(self, server: &IpAddr) -> bool {
        let server = server.to_canonical();
        if server.is_loopback() || server.is_unspecified() || server.is_multicast() {
            return false;
        }
        match server {
            IpAddr::V4(server) => self.ipv4 && !server.is_link_local() && !server.is_broadcast(),
            IpAddr::V6(server) => self.ipv6 && !server.is_unicast_link_local(),
        }
    }
}

impl Cluster {
    /// Returns the families of addresses that the pods of this cluster have: the first server says so.
    ///
    /// # Panics
    /// When `cluster-cidr` of its configuration is no network; that of a nodes.yaml was checked.
    pub fn pod_families(&self) -> PodFamilies {
        let server = self.first_server().and_then(|server| server.k3s.as_ref());
        PodFamilies::of_server(server.map(|k3s| &k3s.config))
    }
}

impl NodeK3s {
    /// Returns `true` if nodes.yaml names another resolv.conf for the pods of this node.
    pub fn names_its_own_resolv_conf(&self) -> bool {
        names_a_resolv_conf(&self.config)
    }
}

/// Returns the resolv.conf files that a configuration names, each behind the flag that names it.
pub(crate) fn resolv_confs(config: &Map<String, Value>) -> Vec<(&'static str, String)> {
    const OF_KUBELET: &str = "kubelet-arg";
    let of_kubelet = given(config, OF_KUBELET).into_iter().filter_map(|argument| {
        let (flag, path) = argument.trim_start_matches('-').split_once('=')?;
        (flag == RESOLV_CONF).then(|| (OF_KUBELET, path.to_owned()))
    });
    let of_k3s = given(config, RESOLV_CONF).into_iter().map(|path| (RESOLV_CONF, path));
    of_k3s.chain(of_kubelet).collect()
}

/// Returns `true` if a configuration names a resolv.conf. An empty value counts: it is up to the user.
pub(crate) fn names_a_resolv_conf(config: &Map<String, Value>) -> bool {
    config.contains_key(RESOLV_CONF) || !resolv_confs(config).is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn families_of(config: &Value) -> PodFamilies {
        PodFamilies::of_server(config.as_object())
    }

    fn families(cluster_cidr: &Value) -> (bool, bool) {
        let PodFamilies { ipv4, ipv6 } = families_of(&json!({"cluster-cidr": cluster_cidr}));
        (ipv4, ipv6)
    }

    #[test]
    fn the_families_of_pods_are_those_of_their_networks() {
        assert_eq!(families_of(&json!({})), PodFamilies { ipv4: true, ipv6: false });
        assert_eq!(families(&json!("10.42.0.0/16")), (true, false));
        assert_eq!(families(&json!("fd00:42::/56")), (false, true));
        assert_eq!(families(&json!("10.42.0.0/16,fd00:42::/56")), (true, true));
        assert_eq!(families(&json!(["fd00:42::/56", "10.42.0.0/16"])), (true, true));
    }

    #[test]
    fn a_name_server_that_is_link_local_or_the_machine_itself_is_out_of_reach() {
        let both = PodFamilies { ipv4: true, ipv6: true };
        for server in ["192.168.50.1", "1.1.1.1", "fd00::53", "2001:db8::53"] {
            assert!(both.reach(&server.parse().unwrap()), "{server}");
        }
        for server in
            ["127.0.0.53", "169.254.1.1", "0.0.0.0", "::1", "fe80::1", "ff02::fb", "::ffff:127.0.0.1"]
        {
            assert!(!both.reach(&server.parse().unwrap()), "{server}");
        }
        let ipv4 = PodFamilies { ipv4: true, ipv6: false };
        assert!(!ipv4.reach(&"2001:db8::53".parse().unwrap()), "pods without IPv6 have no way there");
        let ipv6 = PodFamilies { ipv4: false, ipv6: true };
        assert!(!ipv6.reach(&"1.1.1.1".parse().unwrap()));
    }

    #[test]
    fn a_resolv_conf_is_named_as_a_flag_of_k3s_or_of_the_kubelet() {
        let names = |config: Value| names_a_resolv_conf(config.as_object().unwrap());
        assert!(names(json!({"resolv-conf": "/etc/mine"})));
        assert!(names(json!({"kubelet-arg": "resolv-conf=/etc/mine"})));
        assert!(names(json!({"kubelet-arg": ["max-pods=50", "--resolv-conf=/etc/mine"]})));
        assert!(!names(json!({"kubelet-arg": ["max-pods=50"], "disable": ["resolv-conf=x"]})));
    }
}
