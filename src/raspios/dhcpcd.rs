//! A static address as dhcpcd takes it: a section at the end of /etc/dhcpcd.conf (dhcpcd.conf(5)).

use super::text::{edit_required, with_block};
use super::{RaspiosError, Release};
use crate::cluster::Network;
use crate::patch::{Draft, ImagePath, Partition};

/// Writes the section of the wired interface, in place of the one cardwright wrote before.
pub(super) fn write_block(
    draft: &mut Draft<'_>,
    release: &Release,
    network: &Network,
) -> Result<(), RaspiosError> {
    if network.ipv6.as_ref().is_some_and(|ipv6| ipv6.gateway.is_some()) {
        return Err(RaspiosError::Unsupported {
            wanted: "an IPv6 gateway",
            codename: release.codename,
            instead: "Leave `ipv6.gateway` out: dhcpcd takes it from the router's announcements",
        });
    }
    let lines = lines(network);
    edit_required(draft, Partition::Root, &ImagePath::new("/etc/dhcpcd.conf")?, |text| {
        with_block(text, &lines)
    })
}

fn lines(network: &Network) -> Vec<String> {
    let Network { interface, address, prefix, gateway, .. } = network;
    let mut lines = vec![
        format!("interface {interface}"),
        format!("static ip_address={address}/{prefix}"),
        format!("static routers={gateway}"),
    ];
    if let Some(ipv6) = &network.ipv6 {
        lines.push(format!("static ip6_address={}/{}", ipv6.address, ipv6.prefix));
    }
    let servers: Vec<_> = network.dns.iter().map(ToString::to_string).collect();
    lines.push(format!("static domain_name_servers={}", servers.join(" ")));
    if !network.search.is_empty() {
        lines.push(format!("static domain_search={}", network.search.join(" ")));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
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
             # cardwright: end\n"
        );
        assert_eq!(paths(&set(&applied(stock, &once))), <[&str; 0]>::default());
    }

    #[test]
    fn what_dhcpcd_cannot_do_is_refused_rather_than_left_out() {
        let stock = bullseye();
        let release = detect(&stock).unwrap();
        let mut network = node("north", 11).network;
        network.ipv6 = Some(ipv6());
        let _ = patch(&stock, |draft| {
            let error = write_block(draft, &release, &network).unwrap_err();
            assert_eq!(error.to_string(), "an IPv6 gateway cannot be set on bullseye");
        });
        network.ipv6.as_mut().unwrap().gateway = None;
        let patch = patch(&stock, |draft| write_block(draft, &release, &network).unwrap());
        assert!(text(&patch, "/etc/dhcpcd.conf").contains("\nstatic ip6_address=fd00::11/64\n"));
    }

    #[test]
    fn without_its_configuration_there_is_no_dhcpcd() {
        let stock = put(MemoryStock::new(), "/etc/other", "");
        let release = detect(&bullseye()).unwrap();
        let _ = patch(&stock, |draft| {
            let error = write_block(draft, &release, &node("north", 11).network).unwrap_err();
            assert!(matches!(error, RaspiosError::MissingFile { .. }));
        });
    }
}
