//! A static address as dhcpcd takes it: a section at the end of /etc/dhcpcd.conf (dhcpcd.conf(5)).

use super::text::{edit_required, with_block};
use super::{RaspiosError, Release};
use crate::cluster::{Interface, InterfaceName, Network, Node, NodeK3s};
use crate::patch::{Draft, Partition};
use crate::types::image_path;

/// Options that dhcpcd is not to take from router advertisements and from DHCPv6 servers: name servers
/// and domains. Those of nodes.yaml are all there are, as with NetworkManager.
///
/// A line each: dhcpcd 8.1 tells the kind of option from the beginning of the line alone.
const ANNOUNCED_NAME_SERVERS: [&str; 4] =
    ["nd_rdnss", "nd_dnssl", "dhcp6_name_servers", "dhcp6_domain_search"];

/// Writes the section of the wired interface, in place of the one cardwright wrote before.
pub(super) fn write_block(draft: &mut Draft<'_>, release: &Release, node: &Node) -> Result<(), RaspiosError> {
    if node.network.ipv6.as_ref().is_some_and(|ipv6| ipv6.gateway.is_some()) {
        return Err(RaspiosError::Unsupported {
            wanted: "an IPv6 gateway",
            codename: release.codename,
            instead: "Leave `ipv6.gateway` out: dhcpcd takes it from the router's announcements",
        });
    }
    // dhcpcd.conf(5) has sections for names of interfaces, and for networks of Wi-Fi.
    let Interface::Named(interface) = &node.network.interface else {
        return Err(RaspiosError::Unsupported {
            wanted: "an interface by its MAC address",
            codename: release.codename,
            instead: "Write `interface: eth0`, or `eth1` for an adapter on USB, instead of `mac`",
        });
    };
    let lines = lines(interface, node);
    edit_required(draft, Partition::Root, &image_path!("/etc/dhcpcd.conf"), |text| with_block(text, &lines))
}

fn lines(interface: &InterfaceName, node: &Node) -> Vec<String> {
    let network = &node.network;
    let Network { address, prefix, gateway, .. } = network;
    let mut lines = Vec::new();
    if node.k3s.is_some() {
        // It would put addresses and a default route on every pod's link, and dies of many that come and go
        // (raspberrypi/linux issue 4092, k3s issue 2599). It counts at the global level only: before the
        // first `interface`.
        lines.push(format!("denyinterfaces {}", NodeK3s::LINKS.join(" ")));
    }
    lines.push(format!("interface {interface}"));
    if node.k3s.is_some() {
        // Address and routes stay when the switch restarts: k3s ends without a default route, and does not
        // start before there is one.
        lines.push("nolink".to_owned());
    }
    lines.extend([format!("static ip_address={address}/{prefix}"), format!("static routers={gateway}")]);
    if let Some(ipv6) = &network.ipv6 {
        lines.push(format!("static ip6_address={}/{}", ipv6.address, ipv6.prefix));
    }
    let servers: Vec<_> = network.dns.iter().map(ToString::to_string).collect();
    lines.push(format!("static domain_name_servers={}", servers.join(" ")));
    if !network.search.is_empty() {
        lines.push(format!("static domain_search={}", network.search.join(" ")));
    }
    lines.extend(ANNOUNCED_NAME_SERVERS.map(|option| format!("nooption {option}")));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::{MacAddress, Role};
    use crate::patch::MemoryStock;
    use crate::raspios::test_node::{ipv6, node};
    use crate::raspios::test_stock::{applied, bullseye, patch, paths, put, text};
    use crate::raspios::{detect, set_network};

    #[test]
    fn bullseye_gets_a_section_at_the_end_once() {
        let stock = bullseye();
        let release = detect(&stock).unwrap();
        let set = |stock: &MemoryStock| {
            patch(stock, |draft| set_network(draft, &release, &node("north", 11)).unwrap())
        };
        let once = set(&stock);
        assert_eq!(paths(&once), ["/etc/dhcpcd.conf"]);
        assert_eq!(
            text(&once, "/etc/dhcpcd.conf"),
            "hostname\n#interface eth0\n#static ip_address=192.168.0.10/24\n\
             # cardwright: begin\ninterface eth0\nstatic ip_address=192.168.50.11/24\n\
             static routers=192.168.50.1\nstatic domain_name_servers=192.168.50.1 1.1.1.1\n\
             nooption nd_rdnss\nnooption nd_dnssl\nnooption dhcp6_name_servers\nnooption dhcp6_domain_search\n\
             # cardwright: end\n"
        );
        assert_eq!(paths(&set(&applied(stock, &once))), <[&str; 0]>::default());
    }

    #[test]
    fn the_links_of_k3s_are_denied_before_the_interface_and_its_own_link_may_go() {
        let stock = bullseye();
        let release = detect(&stock).unwrap();
        let mut node = node("north", 11);
        let (role, config) = (Role::Agent, serde_json::Map::new());
        node.k3s = Some(NodeK3s { role, config, rejoins: false, through: None });
        let patch = patch(&stock, |draft| write_block(draft, &release, &node).unwrap());
        let text = text(&patch, "/etc/dhcpcd.conf");
        let block = "# cardwright: begin\ndenyinterfaces cni* flannel* veth*\ninterface eth0\nnolink\n\
                     static ip_address=192.168.50.11/24\n";
        assert!(text.contains(block), "{text}");
        // What is behind an `interface` line is not global any more.
        let before = text.split_once("denyinterfaces").unwrap().0;
        assert!(!before.lines().any(|line| line.starts_with("interface ")), "{text}");
    }

    #[test]
    fn what_dhcpcd_cannot_do_is_refused_rather_than_left_out() {
        let stock = bullseye();
        let release = detect(&stock).unwrap();
        let mut node = node("north", 11);
        node.network.ipv6 = Some(ipv6());
        let _ = patch(&stock, |draft| {
            let error = write_block(draft, &release, &node).unwrap_err();
            assert_eq!(error.to_string(), "an IPv6 gateway cannot be set on bullseye");
        });
        node.network.ipv6.as_mut().unwrap().gateway = None;
        let by_name = std::mem::replace(
            &mut node.network.interface,
            Interface::WithMac(MacAddress::parse("b8:27:eb:12:34:56").unwrap()),
        );
        let _ = patch(&stock, |draft| {
            let error = write_block(draft, &release, &node).unwrap_err();
            assert_eq!(error.to_string(), "an interface by its MAC address cannot be set on bullseye");
        });
        node.network.interface = by_name;
        let patch = patch(&stock, |draft| write_block(draft, &release, &node).unwrap());
        assert!(text(&patch, "/etc/dhcpcd.conf").contains("\nstatic ip6_address=fd00::11/64\n"));
    }

    #[test]
    fn without_its_configuration_there_is_no_dhcpcd() {
        let stock = put(MemoryStock::new(), "/etc/other", "");
        let release = detect(&bullseye()).unwrap();
        let _ = patch(&stock, |draft| {
            let error = write_block(draft, &release, &node("north", 11)).unwrap_err();
            assert!(matches!(error, RaspiosError::MissingFile { .. }));
        });
    }
}
