//! The addresses that pods have, and the name servers that they can reach.

use crate::cluster::{Cluster, NodeK3s};
use serde_json::{Map, Value};
use std::net::IpAddr;

/// k3s's flag for the resolv.conf of pods, and the kubelet's behind it.
pub(crate) const FLAG: &str = "resolv-conf";

/// The families of addresses that pods have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PodFamilies {
    /// The pods have IPv4 addresses.
    pub ipv4: bool,
    /// The pods have IPv6 addresses.
    pub ipv6: bool,
}

impl PodFamilies {
    /// The families of the networks in k3s's `cluster-cidr`, which is one text with commas or a list. IPv4
    /// alone where it is absent (docs.k3s.io, "Dual-stack Networking").
    pub(crate) fn of_networks(cluster_cidr: Option<&Value>) -> Self {
        let networks: Vec<&str> = match cluster_cidr {
            Some(Value::String(networks)) => networks.split(',').collect(),
            Some(Value::Array(networks)) => networks.iter().filter_map(Value::as_str).collect(),
            _ => return Self { ipv4: true, ipv6: false },
        };
        let ipv6 = networks.iter().any(|network| network.contains(':'));
        Self { ipv4: !ipv6 || networks.iter().any(|network| !network.contains(':')), ipv6 }
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
    /// The families of addresses that the pods of this cluster have: the first server says so.
    pub fn pod_families(&self) -> PodFamilies {
        let config = self.first_server().and_then(|server| server.k3s.as_ref()).map(|k3s| &k3s.config);
        PodFamilies::of_networks(config.and_then(|config| config.get("cluster-cidr")))
    }
}

impl NodeK3s {
    /// Returns `true` if nodes.yaml names another resolv.conf for the pods of this node.
    pub fn names_its_own_resolv_conf(&self) -> bool {
        names_a_resolv_conf(&self.config)
    }
}

pub(crate) fn names_a_resolv_conf(config: &Map<String, Value>) -> bool {
    let of_kubelet = |argument: &str| {
        argument.trim_start_matches('-').split_once('=').is_some_and(|(flag, _)| flag == FLAG)
    };
    let in_kubelet_arg = match config.get("kubelet-arg") {
        Some(Value::String(argument)) => of_kubelet(argument),
        Some(Value::Array(arguments)) => arguments.iter().filter_map(Value::as_str).any(of_kubelet),
        _ => false,
    };
    in_kubelet_arg || config.contains_key(FLAG)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn families(cluster_cidr: &Value) -> (bool, bool) {
        let PodFamilies { ipv4, ipv6 } = PodFamilies::of_networks(Some(cluster_cidr));
        (ipv4, ipv6)
    }

    #[test]
    fn the_families_of_pods_are_those_of_their_networks() {
        assert_eq!(PodFamilies::of_networks(None), PodFamilies { ipv4: true, ipv6: false });
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
