//! Rules about the connections of a node beside its main one, and about routes.

use crate::cluster::diagnostic::{Diagnostics, Finding, also_in};
use crate::cluster::document::value::{Field, Spanned};
use crate::cluster::draft::{ClusterDraft, NodeDraft};
use crate::cluster::fields::addresses::{DEFAULT_IPV6_PREFIX, WithPrefix};
use crate::cluster::fields::beside::{BesideDraft, BesideFields};
use crate::cluster::{FieldSpan, Interface, InterfaceName, Route};
use ipnet::IpNet;
use std::net::IpAddr;

/// Reports connections without an address, interfaces and subnets that a node has twice, and routes to nowhere.
pub(crate) fn check(draft: &ClusterDraft, diagnostics: &Diagnostics) {
    for node in &draft.nodes {
        for (fields, span) in beside(node) {
            has_an_address(fields, span, diagnostics);
        }
        links_differ(node, diagnostics);
        vlans_are_on_a_wire(node, diagnostics);
        subnets_differ(node, diagnostics);
        routes_lead_somewhere(node, diagnostics);
    }
}

/// Returns what a node has beside its main connection, each with its place.
pub(crate) fn beside(node: &NodeDraft) -> impl Iterator<Item = (&BesideFields, &FieldSpan)> {
    let wifi = &node.fields.wifi;
    let wifi = wifi.span().filter(|_| wifi.span_of_main().is_none()).map(|span| (&wifi.beside, span));
    let items = items(node).map(|item| (&item.value.fields, &item.span));
    wifi.into_iter().chain(items)
}

fn items(node: &NodeDraft) -> impl Iterator<Item = &Spanned<BesideDraft>> {
    node.fields.network.interfaces.items().iter().chain(node.fields.network.vlans.items())
}

/// Returns the interfaces that a node names, those of VLANs aside: they are on others.
pub(crate) fn interfaces(node: &NodeDraft) -> impl Iterator<Item = &Spanned<Interface>> {
    let network = &node.fields.network;
    let wifi = node.fields.wifi.span().and_then(|_| node.fields.wifi.keys.interface.given());
    let others = network.interfaces.items().iter().filter_map(|item| item.value.interface.given());
    network.adapter.interface.given().into_iter().chain(wifi).chain(others)
}

/// Returns the addresses that are static or reserved beside the main connection's.
pub(crate) fn addresses(node: &NodeDraft) -> impl Iterator<Item = Spanned<IpAddr>> {
    fn general<A: Copy + Into<IpAddr>>(field: &Field<WithPrefix<A>>) -> Option<Spanned<IpAddr>> {
        field.given().map(|given| Spanned { value: given.value.address.into(), span: given.span.clone() })
    }
    beside(node).flat_map(|(fields, _)| general(&fields.address).into_iter().chain(general(&fields.ipv6)))
}

fn has_an_address(fields: &BesideFields, span: &FieldSpan, diagnostics: &Diagnostics) {
    match fields.address.given() {
        None if !fields.has_address() => {
            let hint = "Add `address: 192.168.60.11/24`, or `method: dhcp`";
            diagnostics.report(span, Finding::new("this interface has no address", hint));
        }
        None if fields.address.is_absent() && fields.ipv6.is_absent() && !fields.link.is_by_dhcp() => {
            let hint = "Add `address: 192.168.60.11/24`, or write `method: dhcp`";
            diagnostics.report(span, Finding::new("this interface has no static address", hint));
        }
        Some(Spanned { value: WithPrefix { address, prefix: None }, span }) if !fields.link.is_by_dhcp() => {
            let message = format!("`{address}` has no prefix, and nothing else says its network's");
            diagnostics.report(span, Finding::new(message, format!("Write it like `{address}/24`")));
        }
        _ => {}
    }
}

/// Returns `true` for a name that Raspberry Pi OS gives its interfaces, and where the node brings rules for names.
///
/// Raspberry Pi OS switches predictable names off (a link from systemd's 99-default.link to /dev/null): its
/// wired interface is `eth0`, and adapters on USB are `eth1` and so on. Only who names interfaces otherwise
/// has others.
pub(crate) fn is_called_as_usual(name: &InterfaceName, node: &NodeDraft) -> bool {
    const NAMING_RULES: [&str; 4] = [
        "/etc/systemd/network/",
        "/etc/udev/rules.d/",
        "/usr/lib/systemd/network/",
        "/usr/lib/udev/rules.d/",
    ];
    let number = ["eth", "wlan"].iter().find_map(|kind| name.as_str().strip_prefix(kind));
    let is_usual =
        number.is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()));
    let mut files = node.fields.files.items().iter().map(|file| file.value.path.to_string());
    is_usual || files.any(|path| NAMING_RULES.iter().any(|folder| path.starts_with(folder)))
}

/// Checks that no interface and no VLAN is there twice.
fn links_differ(node: &NodeDraft, diagnostics: &Diagnostics) {
    let network = &node.fields.network;
    let adapters = network.interfaces.items().iter().filter_map(|item| item.value.interface.given());
    let main = network.adapter.interface.given().filter(|_| node.fields.wifi.span_of_main().is_none());
    let wires: Vec<&Spanned<Interface>> = main.into_iter().chain(adapters).collect();
    let is_default = |interface: &Interface| {
        network.adapter.interface.is_absent() && interface.name().is_some_and(|name| name.as_str() == "eth0")
    };
    for (index, wire) in wires.iter().enumerate() {
        if let Some(first) = wires.iter().take(index).find(|first| first.value == wire.value) {
            diagnostics.report(
                &wire.span,
                Finding::new("the node has this interface twice", also_in(&first.span, &wire.span)),
            );
        } else if is_default(&wire.value) && node.fields.wifi.span_of_main().is_none() {
            let hint =
                "Write `eth1` for an adapter on USB, or name the main one as `interface:` under `network:`";
            diagnostics.report(&wire.span, Finding::new("`eth0` is the main interface already", hint));
        }
    }
    let vlans = network.vlans.items();
    for (index, vlan) in vlans.iter().enumerate() {
        let same = |other: &&Spanned<BesideDraft>| {
            let id = |item: &BesideDraft| item.id.to_value();
            id(&other.value).is_some() && id(&other.value) == id(&vlan.value)
        };
        if let Some(first) = vlans.iter().take(index).find(same) {
            diagnostics.report(
                &vlan.span,
                Finding::new("the node has this VLAN twice", also_in(&first.span, &vlan.span)),
            );
        }
    }
}

/// Checks that what VLANs are on is there, and lets their packets through.
fn vlans_are_on_a_wire(node: &NodeDraft, diagnostics: &Diagnostics) {
    const USUAL_MTU: u16 = 1500;
    let network = &node.fields.network;
    let adapters = network.interfaces.items();
    for vlan in network.vlans.items() {
        let parent = vlan.value.interface.given();
        let adapter = parent.and_then(|parent| {
            let is_it = |item: &&Spanned<BesideDraft>| {
                item.value.interface.given().is_some_and(|adapter| adapter.value == parent.value)
            };
            adapters.iter().find(is_it)
        });
        let main = network.adapter.interface.given();
        let is_main = parent.is_none_or(|parent| match main {
            Some(main) => main.value == parent.value,
            None => parent.value.name().is_some_and(|name| name.as_str() == "eth0"),
        });
        if let Some(parent) = parent.filter(|_| adapter.is_none() && !is_main) {
            let refused = match parent.value.name() {
                None => Some(
                    "this VLAN is on an interface that the node does not have by that MAC address".to_owned(),
                ),
                Some(name) => (!is_called_as_usual(name, node))
                    .then(|| format!("the node has no interface `{name}` that a VLAN could be on")),
            };
            if let Some(message) = refused {
                let hint = "Leave it out for the node's own wire, or name that or one of `interfaces:`; the VLAN itself is called by its number, like `vlan20`";
                diagnostics.report(&parent.span, Finding::new(message, hint));
                continue;
            }
        }
        let of_parent = match adapter {
            Some(adapter) => &adapter.value.fields.link.mtu,
            None if is_main && node.fields.wifi.span_of_main().is_none() => &network.link.mtu,
            None => &Field::Absent,
        };
        let most = of_parent.to_value().unwrap_or(USUAL_MTU);
        if let Some(mtu) =
            vlan.value.fields.link.mtu.given().filter(|mtu| mtu.value > most && !of_parent.is_invalid())
        {
            let message = format!(
                "packets of {} bytes do not fit through the interface that this VLAN is on, which takes {most}",
                mtu.value
            );
            let hint = format!("Write `mtu: {}` for that interface, too, or a smaller one here", mtu.value);
            diagnostics.report(&mtu.span, Finding::new(message, hint));
        }
    }
}

/// A subnet of a node, with the place of the address in it.
pub(super) struct Subnet<'d> {
    pub(super) network: IpNet,
    pub(super) span: &'d FieldSpan,
}

/// Returns the subnets of a node beside those of its main connection.
pub(super) fn subnets_beside(node: &NodeDraft) -> impl Iterator<Item = Subnet<'_>> {
    beside(node).flat_map(|(fields, _)| subnets_of(fields))
}

fn subnet<A: Copy + Into<IpAddr>>(address: &Field<WithPrefix<A>>, prefix: Option<u8>) -> Option<Subnet<'_>> {
    let Spanned { value, span } = address.given()?;
    let network = IpNet::new(value.address.into(), value.prefix.or(prefix)?).ok()?.trunc();
    Some(Subnet { network, span })
}

/// Returns the subnets of the main connection.
fn main_subnets(node: &NodeDraft) -> Vec<Subnet<'_>> {
    let network = &node.fields.network;
    let ipv6 = network.ipv6.prefix.to_value().unwrap_or(DEFAULT_IPV6_PREFIX);
    let ipv4 = network.prefix.to_value().filter(|_| node.has_static_ipv4());
    let ipv4 = ipv4.and_then(|prefix| subnet(&node.keys.address, Some(prefix)));
    ipv4.into_iter().chain(subnet(&node.keys.ipv6, Some(ipv6))).collect()
}

fn subnets_of(fields: &BesideFields) -> Vec<Subnet<'_>> {
    let ipv4 = if fields.link.is_by_dhcp() { None } else { subnet(&fields.address, None) };
    ipv4.into_iter().chain(subnet(&fields.ipv6, Some(DEFAULT_IPV6_PREFIX))).collect()
}

/// Returns the routes of all connections of a node.
pub(super) fn routes(node: &NodeDraft) -> impl Iterator<Item = &Spanned<Route>> {
    let beside = beside(node).flat_map(|(fields, _)| fields.link.routes.items());
    node.fields.network.link.routes.items().iter().chain(beside)
}

/// Checks that no two connections of a node are in one subnet: answers would leave by the other one.
fn subnets_differ(node: &NodeDraft, diagnostics: &Diagnostics) {
    let mut known = main_subnets(node);
    for (fields, _) in beside(node) {
        let own = subnets_of(fields);
        for Subnet { network, span } in &own {
            let overlapping = known
                .iter()
                .find(|other| other.network.contains(network) || network.contains(&other.network));
            if let Some(other) = overlapping {
                let message =
                    format!("the node has another interface in the subnet {} already", other.network);
                let hint =
                    "Give the two interfaces subnets of their own: answers would leave by either of them";
                diagnostics.report(span, Finding::new(message, hint));
            }
        }
        known.extend(own);
    }
}

/// Checks that the router of every route is in a subnet of the connection that the route is on.
fn routes_lead_somewhere(node: &NodeDraft, diagnostics: &Diagnostics) {
    let check = |routes: &[Spanned<Route>], subnets: &[Subnet<'_>], is_by_dhcp: bool| {
        for Spanned { value: Route { to, via, .. }, span } in routes {
            let mut of_family =
                subnets.iter().filter(|subnet| subnet.network.addr().is_ipv4() == via.is_ipv4());
            // The network of a DHCP server is not known, and a router's link-local address is in every one.
            let is_unknown = match via {
                IpAddr::V4(_) => is_by_dhcp,
                IpAddr::V6(via) => via.is_unicast_link_local(),
            };
            if !is_unknown && !of_family.any(|subnet| subnet.network.contains(via)) {
                let message = format!("the router `{via}` to {to} is in no subnet of this interface");
                let hint =
                    "Write the address of a router that is reached without another, or remove the route";
                diagnostics.report(span, Finding::new(message, hint));
            }
        }
    };
    let network = &node.fields.network;
    check(network.link.routes.items(), &main_subnets(node), network.link.is_by_dhcp());
    for (fields, _) in beside(node) {
        check(fields.link.routes.items(), &subnets_of(fields), fields.link.is_by_dhcp());
    }
}
