//! A static address as NetworkManager takes it: a connection profile in its keyfile format
//! (nm-settings-keyfile(5)).
//!
//! The file must belong to root and be closed to everybody else: NetworkManager ignores it otherwise.

use super::RaspiosError;
use crate::cluster::{Interface, Network, Node};
use crate::patch::{Draft, Partition};
use crate::types::absent::OrEmpty as _;
use crate::types::{Mode, Owner, image_path};
use std::net::IpAddr;
use uuid::Uuid;

const FOLDER: &str = "/etc/NetworkManager/system-connections";

/// Writes the profile of the node's wired interface.
pub(super) fn write_profile(draft: &mut Draft<'_>, node: &Node) -> Result<(), RaspiosError> {
    let folder = image_path!(FOLDER);
    draft.directory(Partition::Root, &folder, Mode::PRIVATE_DIRECTORY, Owner::ROOT)?;
    let path = folder.join(&format!("{}.nmconnection", name(&node.network.interface)))?;
    Ok(draft.file(Partition::Root, &path, profile(node), Mode::SECRET, Owner::ROOT)?)
}

/// Returns the name of the profile: the interface's own, where it has one in nodes.yaml.
fn name(interface: &Interface) -> &str {
    match interface {
        Interface::Named(name) => name.as_str(),
        Interface::WithMac(_) => "wired",
    }
}

/// Returns the profile. Its priority lets it win over every one that cloud-init, netplan or NetworkManager itself
/// make for the same interface: theirs have 0 or less.
fn profile(node: &Node) -> String {
    let network = &node.network;
    let Network { interface, address, prefix, gateway, .. } = network;
    // Any UUID will do as long as it stays the same, on this card and on the next one made for this node.
    let id = name(interface);
    let uuid_name = format!("{id}.{}.connection.cardwright", node.name);
    let uuid = Uuid::new_v5(&Uuid::NAMESPACE_DNS, uuid_name.as_bytes());
    let (by_name, by_mac) = match interface {
        Interface::Named(name) => (format!("interface-name={name}\n"), String::new()),
        Interface::WithMac(mac) => (String::new(), format!("mac-address={mac}\n")),
    };
    let ipv6 = match &network.ipv6 {
        Some(ipv6) => {
            let gateway = ipv6.gateway.map(|gateway| format!(",{gateway}")).or_empty();
            format!("method=manual\naddress1={}/{}{gateway}\n", ipv6.address, ipv6.prefix)
        }
        // As the stock image has it: whatever the router announces.
        None => "method=auto\n".to_owned(),
    };
    let [dns4, dns6] = [IpAddr::is_ipv4, IpAddr::is_ipv6].map(|family| name_servers(network, family));
    format!(
        "[connection]\nid={id}\nuuid={uuid}\ntype=ethernet\n{by_name}\
         autoconnect=true\nautoconnect-priority=100\n\n[ethernet]\n{by_mac}\n\
         [ipv4]\nmethod=manual\naddress1={address}/{prefix},{gateway}\n{dns4}may-fail=false\n\n\
         [ipv6]\n{ipv6}{dns6}addr-gen-mode=default\nmay-fail=true\n"
    )
}

/// Returns the name servers of one family, and the domains, which belong to one section as well as the other.
///
/// Those of nodes.yaml are all there are. NetworkManager would otherwise add what routers and DHCP servers
/// announce (nm-settings-nmcli(1), `ipv6.ignore-auto-dns`), and one link-local address among them makes k3s
/// give up the node's resolv.conf for 8.8.8.8 (k3s-io/k3s, pkg/agent/config, `isValidResolvConf`).
fn name_servers(network: &Network, family: fn(&IpAddr) -> bool) -> String {
    let servers: Vec<_> =
        network.dns.iter().filter(|server| family(server)).map(ToString::to_string).collect();
    let (dns, search) = if servers.is_empty() {
        (String::new(), String::new())
    } else {
        (list("dns", &servers), list("dns-search", &network.search))
    };
    format!("{dns}{search}ignore-auto-dns=true\n")
}

/// Returns a list, which ends in `;` as well as having it between; nothing for an empty one.
fn list(key: &str, values: &[String]) -> String {
    if values.is_empty() { String::new() } else { format!("{key}={};\n", values.join(";")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::MacAddress;
    use crate::patch::Sensitivity;
    use crate::raspios::test_node::{ipv6, node};
    use crate::raspios::test_stock::{applied, attributes, patch, paths, text, trixie};

    const PROFILE: &str = "/etc/NetworkManager/system-connections/eth0.nmconnection";

    #[test]
    fn the_profile_is_one_that_network_manager_reads() {
        let stock = trixie();
        let patch = patch(&stock, |draft| write_profile(draft, &node("north", 11)).unwrap());
        assert_eq!(paths(&patch), [PROFILE], "the folder is right already");
        assert_eq!(attributes(&patch, PROFILE), (0o600, Owner::ROOT, Sensitivity::Plain));
        assert_eq!(
            text(&patch, PROFILE),
            "[connection]\nid=eth0\nuuid=fbba8884-7a8f-5c23-910c-275a1b3d1291\ntype=ethernet\n\
             interface-name=eth0\nautoconnect=true\nautoconnect-priority=100\n\n[ethernet]\n\n\
             [ipv4]\nmethod=manual\naddress1=192.168.50.11/24,192.168.50.1\n\
             dns=192.168.50.1;1.1.1.1;\nignore-auto-dns=true\nmay-fail=false\n\n\
             [ipv6]\nmethod=auto\nignore-auto-dns=true\naddr-gen-mode=default\nmay-fail=true\n"
        );
    }

    #[test]
    fn the_name_of_a_profile_is_the_same_for_ever_and_different_for_every_node() {
        let uuid = |name, last| profile(&node(name, last)).lines().nth(2).unwrap().to_owned();
        assert_eq!(uuid("north", 11), uuid("north", 12));
        assert_ne!(uuid("north", 11), uuid("east", 11));
    }

    #[test]
    fn an_adapter_is_found_by_its_mac_address_whatever_its_name() {
        let mut node = node("north", 11);
        node.network.interface = Interface::WithMac(MacAddress::parse("b8:27:eb:12:34:56").unwrap());
        let text = profile(&node);
        assert!(text.starts_with("[connection]\nid=wired\nuuid="), "{text}");
        assert!(text.contains("\n[ethernet]\nmac-address=B8:27:EB:12:34:56\n\n[ipv4]\n"), "{text}");
        assert!(!text.contains("interface-name"), "{text}");
        let stock = trixie();
        let patch = patch(&stock, |draft| write_profile(draft, &node).unwrap());
        assert_eq!(paths(&patch), ["/etc/NetworkManager/system-connections/wired.nmconnection"]);
    }

    #[test]
    fn ipv6_and_domains_are_written_where_they_belong() {
        let mut node = node("north", 11);
        node.network.ipv6 = Some(ipv6());
        node.network.dns.push("fd00::53".parse().unwrap());
        node.network.search = vec!["lan".to_owned(), "example.org".to_owned()];
        let text = profile(&node);
        let (ipv4, ipv6) = text.split_once("[ipv6]").unwrap();
        assert!(ipv4.contains("dns=192.168.50.1;1.1.1.1;\ndns-search=lan;example.org;\n"), "{text}");
        assert!(ipv6.contains("method=manual\naddress1=fd00::11/64,fd00::1\ndns=fd00::53;\n"), "{text}");
    }

    #[test]
    fn name_servers_that_routers_announce_are_ignored_in_both_families() {
        let mut node = node("north", 11);
        for ipv6 in [None, Some(ipv6())] {
            node.network.ipv6 = ipv6;
            let text = profile(&node);
            let (ipv4, ipv6) = text.split_once("[ipv6]").unwrap();
            for section in [ipv4, ipv6] {
                assert!(section.contains("\nignore-auto-dns=true\n"), "{text}");
            }
        }
    }

    #[test]
    fn a_missing_folder_is_made_for_root_alone() {
        let stock = crate::raspios::test_stock::bullseye();
        let made = patch(&stock, |draft| write_profile(draft, &node("north", 11)).unwrap());
        assert_eq!(attributes(&made, FOLDER), (0o700, Owner::ROOT, Sensitivity::Plain));
        let again = applied(stock, &made);
        let again = patch(&again, |draft| write_profile(draft, &node("north", 11)).unwrap());
        assert_eq!(paths(&again), <[&str; 0]>::default());
    }
}
