//! Connections as dhcpcd takes them: a section for each at the end of /etc/dhcpcd.conf (dhcpcd.conf(5)).

use super::text::{edit_required, with_block};
use super::{RaspiosError, Release};
use crate::cluster::{Connection, Ipv4, Ipv4Network, Link, Node, NodeK3s};
use crate::patch::{Draft, Partition};
use crate::types::image_path;

/// Options that dhcpcd is not to take from router advertisements and from DHCPv6 servers: name servers
/// and domains. Those of nodes.yaml are all there are, as with NetworkManager.
///
/// A line each: dhcpcd 8.1 tells the kind of option from the beginning of the line alone.
const ANNOUNCED_NAME_SERVERS: [&str; 4] =
    ["nd_rdnss", "nd_dnssl", "dhcp6_name_servers", "dhcp6_domain_search"];

/// Writes the sections of all connections, in place of those cardwright wrote before.
pub(super) fn write_block(draft: &mut Draft<'_>, release: &Release, node: &Node) -> Result<(), RaspiosError> {
    let connections = node.network.connections();
    let unsupported =
        connections.filter_map(|connection| unsupported(connection, connection == &node.network.main));
    if let Some((wanted, instead)) = unsupported.into_iter().next() {
        return Err(RaspiosError::Unsupported { wanted, codename: release.codename, instead });
    }
    let lines = lines(node);
    edit_required(draft, Partition::Root, &image_path!("/etc/dhcpcd.conf"), |text| with_block(text, &lines))
}

/// The MTU of a link that nobody changed.
const ETHERNET_MTU: u16 = 1500;

/// Returns what dhcpcd cannot do of a connection, and the remedy.
fn unsupported(connection: &Connection, is_main: bool) -> Option<(&'static str, &'static str)> {
    let has_ipv6_route = connection.routes.iter().any(|route| route.via.is_ipv6());
    Some(match (&connection.link, connection) {
        (Link::Vlan { .. }, _) => ("a VLAN", "Take an image of bookworm or trixie"),
        (_, Connection { ipv4: Ipv4::Off, .. }) => {
            ("IPv6 alone", "Give the node an `address`, or take an image of bookworm or trixie")
        }
        (_, Connection { ipv6: Some(ipv6), .. }) if ipv6.gateway.is_some() => {
            ("an IPv6 gateway", "Leave `ipv6.gateway` out: dhcpcd takes it from the router's announcements")
        }
        // dhcpcd.conf(5) has sections for names of interfaces, and for networks of Wi-Fi.
        (link, _) if link.interface().name().is_none() => match link {
            Link::Wifi(_) => {
                ("Wi-Fi by the MAC address of its radio", "Write `interface: wlan0` instead of `mac`")
            }
            Link::Wired(_) | Link::Vlan { .. } => (
                "an interface by its MAC address",
                "Write `interface: eth0`, or `eth1` for an adapter on USB, instead of `mac`",
            ),
        },
        // It puts the MTU on its routes, which bounds what the node sends, and leaves the link as it is.
        _ if connection.mtu.is_some_and(|mtu| mtu > ETHERNET_MTU) => {
            ("an `mtu` above 1500", "Leave `mtu` out, or take an image of bookworm or trixie")
        }
        _ if has_ipv6_route => {
            ("an IPv6 route", "Leave it out: dhcpcd takes it from the router's announcements")
        }
        _ if connection.routes.iter().any(|route| route.metric.is_some()) => {
            ("the metric of a route", "Leave `metric` out, or take an image of bookworm or trixie")
        }
        // It reads routes beside a static address only.
        _ if !connection.routes.is_empty() && matches!(connection.ipv4, Ipv4::Dhcp { .. }) => (
            "a route beside an address by DHCP",
            "Let the DHCP server announce it, or take an image of bookworm or trixie",
        ),
        _ if !is_main && connection.ipv6.is_some() => (
            "an IPv6 address beside the main connection",
            "Leave it out, or take an image of bookworm or trixie",
        ),
        _ => return None,
    })
}

fn lines(node: &Node) -> Vec<String> {
    let mut lines = Vec::new();
    if node.k3s.is_some() {
        // It would put addresses and a default route on every pod's link, and dies of many that come and go
        // (raspberrypi/linux issue 4092, k3s issue 2599). It counts at the global level only: before the
        // first `interface`.
        lines.push(format!("denyinterfaces {}", NodeK3s::LINKS.join(" ")));
    }
    for connection in node.network.connections() {
        lines.extend(section(node, connection));
    }
    lines
}

fn section(node: &Node, connection: &Connection) -> Vec<String> {
    let is_main = *connection == node.network.main;
    let mut lines: Vec<String> =
        connection.link.interface().name().map(|name| format!("interface {name}")).into_iter().collect();
    if let Ipv4::Static(Ipv4Network { address, prefix, gateway }) = &connection.ipv4 {
        if is_main && node.k3s.is_some() && matches!(connection.link, Link::Wired(_)) {
            // Address and routes stay when the switch restarts: k3s ends without a default route, and does not
            // start before there is one.
            lines.push("nolink".to_owned());
        }
        lines.push(format!("static ip_address={address}/{prefix}"));
        lines.extend(gateway.map(|gateway| format!("static routers={gateway}")));
    }
    let routes: Vec<_> =
        connection.routes.iter().map(|route| format!("{} {}", route.to, route.via)).collect();
    if !routes.is_empty() {
        lines.push(format!("static routes={}", routes.join(" ")));
    }
    lines.extend(connection.mtu.map(|mtu| format!("static interface_mtu={mtu}")));
    if let Some(ipv6) = &connection.ipv6 {
        lines.push(format!("static ip6_address={}/{}", ipv6.address, ipv6.prefix));
    }
    if is_main {
        lines.extend(setting("static domain_name_servers", &node.network.dns));
        lines.extend(setting("static domain_search", &node.network.search));
    } else {
        // Neither a way out nor name servers come from there.
        lines.extend(
            ["nogateway", "noipv6rs", "nooption domain_name_servers", "nooption domain_search"]
                .map(str::to_owned),
        );
    }
    lines.extend(ANNOUNCED_NAME_SERVERS.map(|option| format!("nooption {option}")));
    lines
}

/// Returns the line of a setting with several values; none without any.
fn setting(name: &str, values: &[impl ToString]) -> Option<String> {
    let values: Vec<_> = values.iter().map(ToString::to_string).collect();
    (!values.is_empty()).then(|| format!("{name}={}", values.join(" ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::{Interface, MacAddress, Role, Route};
    use crate::patch::MemoryStock;
    use crate::raspios::test_node::{connection, ipv6, named, node};
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
        node.k3s = Some(NodeK3s { role, config, rejoins: false, through: None, restore: None });
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
        node.network.main.ipv6 = Some(ipv6());
        let _ = patch(&stock, |draft| {
            let error = write_block(draft, &release, &node).unwrap_err();
            assert_eq!(error.to_string(), "an IPv6 gateway cannot be set on bullseye");
        });
        node.network.main.ipv6.as_mut().unwrap().gateway = None;
        let by_name = std::mem::replace(
            &mut node.network.main.link,
            Link::Wired(Interface::WithMac(MacAddress::parse("b8:27:eb:12:34:56").unwrap())),
        );
        let _ = patch(&stock, |draft| {
            let error = write_block(draft, &release, &node).unwrap_err();
            assert_eq!(error.to_string(), "an interface by its MAC address cannot be set on bullseye");
        });
        node.network.main.link = by_name;
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

    type Change = fn(&mut Connection);

    fn block_of(node: &Node) -> String {
        let stock = bullseye();
        let release = detect(&stock).unwrap();
        text(&patch(&stock, |draft| set_network(draft, &release, node).unwrap()), "/etc/dhcpcd.conf")
    }

    #[test]
    fn an_address_by_dhcp_needs_no_line() {
        let mut node = node("north", 11);
        node.network.main.ipv4 = Ipv4::Dhcp { reserved: None };
        node.network.dns.clear();
        let text = block_of(&node);
        assert!(text.contains("# cardwright: begin\ninterface eth0\nnooption nd_rdnss\n"), "{text}");
        node.network.dns.push([1, 1, 1, 1].into());
        assert!(block_of(&node).contains("\nstatic domain_name_servers=1.1.1.1\n"));
    }

    #[test]
    fn a_second_interface_gives_neither_a_way_out_nor_name_servers() {
        let mut node = node("north", 11);
        let second = Ipv4Network { address: [10, 0, 0, 11].into(), prefix: 24, gateway: None };
        node.network.beside.push(connection(Link::Wired(named("eth1")), Ipv4::Static(second)));
        node.network.main.mtu = Some(1400);
        let route = Route { to: "10.9.0.0/16".parse().unwrap(), via: [192, 168, 50, 9].into(), metric: None };
        node.network.main.routes.push(route);
        let text = block_of(&node);
        let main = "interface eth0\nstatic ip_address=192.168.50.11/24\nstatic routers=192.168.50.1\n\
                    static routes=10.9.0.0/16 192.168.50.9\nstatic interface_mtu=1400\n";
        let second = "interface eth1\nstatic ip_address=10.0.0.11/24\nnogateway\nnoipv6rs\n\
                      nooption domain_name_servers\nnooption domain_search\n";
        assert!(text.contains(main) && text.contains(second), "{text}");
        let stock = bullseye();
        let release = detect(&stock).unwrap();
        let vlan = Link::Vlan { id: 20, parent: named("eth0") };
        let route = |to: &str, via: &str, metric| Route {
            to: to.parse().unwrap(),
            via: via.parse().unwrap(),
            metric,
        };
        let cases: [(Change, Vec<Route>, &str); 6] = [
            (|main| main.ipv4 = Ipv4::Off, vec![], "IPv6 alone"),
            (|main| main.mtu = Some(9000), vec![], "an `mtu` above 1500"),
            (|_| (), vec![route("fd01::/64", "fd00::9", None)], "an IPv6 route"),
            (|_| (), vec![route("10.9.0.0/16", "192.168.50.9", Some(5))], "the metric of a route"),
            (
                |main| main.ipv4 = Ipv4::Dhcp { reserved: None },
                vec![route("10.9.0.0/16", "192.168.50.9", None)],
                "a route beside an address by DHCP",
            ),
            (|_| (), vec![], "a VLAN"),
        ];
        for (change, routes, wanted) in cases {
            let mut node = node.clone();
            change(&mut node.network.main);
            node.network.main.routes = routes;
            if wanted == "a VLAN" {
                node.network.beside[0].link = vlan.clone();
            }
            let _ = patch(&stock, |draft| {
                let error = write_block(draft, &release, &node).unwrap_err();
                assert_eq!(error.to_string(), format!("{wanted} cannot be set on bullseye"));
            });
        }
    }
}
