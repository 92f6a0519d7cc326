//! Rules about addresses, networks and interfaces.

use crate::cluster::diagnostic::{Diagnostics, Finding, also_in};
use crate::cluster::document::value::{Field, Spanned};
use crate::cluster::draft::{ClusterDraft, NodeDraft};
use crate::cluster::fields::addresses::DEFAULT_IPV6_PREFIX;
use crate::cluster::fields::k3s::flags::Flags;
use crate::cluster::k3s_flags::{PODS, SERVICES, networks};
use crate::cluster::rules::links;
use crate::cluster::{FieldSpan, Interface, MacAddress, PodFamilies, Role};
use ipnet::IpNet;
use std::net::{IpAddr, Ipv4Addr};

/// Reports addresses, gateways and interfaces that do not fit each other.
pub(crate) fn check(draft: &ClusterDraft, diagnostics: &Diagnostics) {
    interfaces_exist(draft, diagnostics);
    addresses_are_unique(draft, diagnostics);
    networks_are_complete(draft, diagnostics);
    dhcp_brings_the_rest(draft, diagnostics);
    nodes_of_k3s_are_known(draft, diagnostics);
    ipv6_alone_is_complete(draft, diagnostics);
    pods_have_a_family_of_their_node(draft, diagnostics);
    let ipv4 = hosts(draft, Family::V4);
    let ipv6 = hosts(draft, Family::V6);
    for hosts in [&ipv4, &ipv6] {
        addresses_and_gateways_fit(hosts, diagnostics);
    }
    let hosts = ipv4
        .iter()
        .chain(&ipv6)
        .map(|host| OuterNetwork::subnet(host.node, host.subnet, host.network_span()));
    let beside = draft.nodes.iter().flat_map(|node| {
        links::subnets_beside(node).map(move |subnet| OuterNetwork::subnet(node, subnet.network, subnet.span))
    });
    let routes = draft.nodes.iter().flat_map(|node| {
        links::routes(node).map(move |route| OuterNetwork {
            node,
            network: route.value.to,
            span: &route.span,
            what: "the route to",
            otherwise: "Remove the route",
            gives_way: true,
        })
    });
    networks_are_clear_of_k3s(draft, &hosts.chain(beside).chain(routes).collect::<Vec<_>>(), diagnostics);
    ipv6_is_used(draft, diagnostics);
    the_virtual_address_is_free(draft, &ipv4, diagnostics);
}

/// Checks that each adapter is in one node, and warns of names that Raspberry Pi OS does not give.
fn interfaces_exist(draft: &ClusterDraft, diagnostics: &Diagnostics) {
    let mut macs: Vec<(MacAddress, &FieldSpan)> = Vec::new();
    let all =
        draft.nodes.iter().flat_map(|node| links::interfaces(node).map(move |interface| (node, interface)));
    for (node, Spanned { value, span }) in all {
        match value {
            Interface::WithMac(mac) => {
                if let Some((_, first)) = macs.iter().find(|(known, _)| known == mac) {
                    let (message, hint) = if *first == span {
                        let hint =
                            "Write it in the node that has the adapter: `network: {mac: …}`".to_owned();
                        (format!("every node would have to have the adapter `{mac}`"), hint)
                    } else {
                        (format!("another node has the adapter `{mac}`, too"), also_in(first, span))
                    };
                    diagnostics.report(span, Finding::new(message, hint));
                }
                macs.push((*mac, span));
            }
            Interface::Named(name) => {
                if links::is_called_as_usual(name, node) {
                    continue;
                }
                let message = format!(
                    "Raspberry Pi OS calls its wired interface `eth0`, not `{name}`: the card would not get its address"
                );
                let hint = "Write `eth0`, or `eth1` for an adapter on USB; an interface with a name of your own is found by `mac:` instead of `interface:`";
                diagnostics.warn(span, Finding::new(message, hint));
            }
        }
    }
}

/// Checks that every node with a static IPv4 address has a prefix and a gateway. A field that all of them lack is
/// reported once, at the top.
fn networks_are_complete(draft: &ClusterDraft, diagnostics: &Diagnostics) {
    fn missing<T>(draft: &ClusterDraft, field: impl Fn(&NodeDraft) -> &Field<T>) -> Vec<&NodeDraft> {
        draft.nodes.iter().filter(|node| node.has_static_ipv4() && field(node).is_absent()).collect()
    }
    for (key, example, nodes) in [
        ("prefix", "24", missing(draft, |node| &node.fields.network.prefix)),
        ("gateway", "192.168.50.1", missing(draft, |node| &node.fields.network.gateway)),
    ] {
        if nodes.is_empty() {
            continue;
        }
        if nodes.len() == draft.nodes.iter().filter(|node| node.has_static_ipv4()).count() {
            let span = draft.fields.network.span.as_ref().unwrap_or(&draft.span);
            let span = FieldSpan { path: format!("network.{key}"), ..span.clone() };
            let hint = format!("Add `{key}: {example}` under `network:`");
            diagnostics.report(&span, Finding::new(format!("the network has no `{key}`"), hint));
            continue;
        }
        for node in nodes {
            let message = format!("{} has no `{key}`", node.called());
            let hint =
                format!("Add `{key}: {example}` under `network:`, at the top for all nodes or in this one");
            diagnostics.report(&node.span, Finding::new(message, hint));
        }
    }
}

/// Reports what is said of a network whose DHCP server says it, beside `method: dhcp` itself. At the top it may be for
/// the nodes with a static address.
fn dhcp_brings_the_rest(draft: &ClusterDraft, diagnostics: &Diagnostics) {
    let is_used = draft.nodes.iter().any(NodeDraft::has_static_ipv4);
    for node in draft.nodes.iter().filter(|node| node.fields.network.link.is_by_dhcp()) {
        fn span_of<T>(field: &Field<T>) -> Option<&FieldSpan> {
            field.given().map(|given| &given.span)
        }
        let (own, top) = (&node.fields.network, &draft.fields.network);
        for (key, span, at_the_top) in [
            ("prefix", span_of(&own.prefix), span_of(&top.prefix)),
            ("gateway", span_of(&own.gateway), span_of(&top.gateway)),
        ] {
            // A prefix may stand behind the address: it harms nothing.
            let span = span.filter(|span| span.path.ends_with(key) || span.path.ends_with("netmask"));
            let is_senseless =
                |span: &&FieldSpan| Some(*span) != at_the_top || (top.link.is_by_dhcp() && !is_used);
            if let Some(span) = span.filter(is_senseless) {
                let message = format!("`{key}` stands beside `method: dhcp`, whose server says it");
                diagnostics.report(span, Finding::new(message, "Remove one of the two"));
            }
        }
    }
}

/// k3s is given the addresses of its servers beforehand, and certificates for them.
fn nodes_of_k3s_are_known(draft: &ClusterDraft, diagnostics: &Diagnostics) {
    for node in draft.nodes.iter().filter(|node| node.role().is_some() && node.keys.address.is_absent()) {
        if !node.fields.network.link.is_by_dhcp() {
            continue;
        }
        let message =
            format!("{} runs k3s, and nobody knows the address that a DHCP server gives it", node.called());
        let hint = "Reserve one in the router, and write it here: `address: 192.168.50.11`";
        diagnostics.report(&node.span, Finding::new(message, hint));
    }
}

/// A node without an IPv4 address needs a way out and name servers by IPv6, and k3s networks of it.
fn ipv6_alone_is_complete(draft: &ClusterDraft, diagnostics: &Diagnostics) {
    let families = pod_families(draft);
    for node in &draft.nodes {
        let Some(ipv6) = node.keys.ipv6.given().filter(|_| node.has_ipv6_alone()) else { continue };
        let network = &node.fields.network;
        let has_dns = network.dns.given().is_some_and(|servers| !servers.value.is_empty());
        match &network.ipv6.gateway {
            Field::Absent => {
                let message = format!("{} has IPv6 alone, and no way out", node.called());
                let hint = "Add `network: {ipv6: {gateway: fd00::1}}`, or an IPv4 `address`";
                diagnostics.report(&ipv6.span, Finding::new(message, hint));
            }
            Field::Given(gateway) if !has_dns && is_link_local(gateway.value.into()) => {
                let message = format!("{} has IPv6 alone, and no name server", node.called());
                let hint = "Name one under `network:`, like `dns: [fd00::53]`; a link-local gateway is none";
                diagnostics.report(&ipv6.span, Finding::new(message, hint));
            }
            Field::Given(_) | Field::Invalid => {}
        }
        if node.role().is_some() && families.is_some_and(|families| families.ipv4) {
            let message =
                format!("{} has IPv6 alone, and the pods of k3s would have IPv4 addresses", node.called());
            let hint = "Add an IPv4 `address`, or write `server: {config: {cluster-cidr: \"fd00:42::/56\", service-cidr: \"fd00:43::/112\"}}` under `k3s:`";
            diagnostics.report(&ipv6.span, Finding::new(message, hint));
        }
    }
}

/// Pods with IPv6 addresses need a node with one: k3s does not start without, as flannel finds none on the node's interface
/// (docs.k3s.io, "Basic Network Options").
fn pods_have_a_family_of_their_node(draft: &ClusterDraft, diagnostics: &Diagnostics) {
    let Some(families) = pod_families(draft).filter(|families| families.ipv6) else { return };
    let (have, leave) = if families.ipv4 {
        ("addresses of both families", "leave the IPv6 networks out of `cluster-cidr` and `service-cidr`")
    } else {
        ("IPv6 addresses alone", "add IPv4 networks to `cluster-cidr` and `service-cidr`")
    };
    for node in draft.nodes.iter().filter(|node| node.role().is_some() && node.keys.ipv6.is_absent()) {
        let message = format!("{} has no IPv6 address, and the pods of k3s would have {have}", node.called());
        let hint = format!("Give it one, like `ipv6: fd00::11`, or {leave}");
        let span = node.keys.address.given().map_or(&node.span, |address| &address.span);
        diagnostics.report(span, Finding::new(message, hint));
    }
}

/// Returns the families of the pods' addresses, where there is k3s.
fn pod_families(draft: &ClusterDraft) -> Option<PodFamilies> {
    let k3s = draft.k3s.given()?;
    Some(PodFamilies::of_server(Some(&k3s.value.config_of(Role::Server, &server_flags(draft)))))
}

/// Returns the flags that the first server has of its own. Where no server is left, what servers would be told counts:
/// the ranges are wrong for the next one.
fn server_flags(draft: &ClusterDraft) -> Flags {
    let mut roles = draft.nodes.iter().filter_map(|node| node.keys.k3s.given());
    let server = roles.find(|k3s| k3s.value.role == Some(Role::Server));
    server.map_or_else(Flags::default, |server| server.value.flags.clone())
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Family {
    V4,
    V6,
}

/// A node on its network, of one family of addresses.
struct AddressedNode<'d> {
    node: &'d NodeDraft,
    address: Spanned<IpAddr>,
    gateway: Option<Spanned<IpAddr>>,
    /// The place of the prefix, where there is one.
    prefix_span: Option<&'d FieldSpan>,
    /// The address with its prefix, as the network that it is in.
    subnet: IpNet,
}

impl AddressedNode<'_> {
    fn prefix(&self) -> u8 {
        self.subnet.prefix_len()
    }

    /// Returns the position that describes the network, for problems of the network as a whole.
    fn network_span(&self) -> &FieldSpan {
        self.gateway.as_ref().map_or(&self.address.span, |gateway| &gateway.span)
    }
}

fn hosts(draft: &ClusterDraft, family: Family) -> Vec<AddressedNode<'_>> {
    draft.nodes.iter().filter_map(|node| host(node, family)).collect()
}

/// Returns an address of either family.
fn general<T: Copy + Into<IpAddr>>(spanned: &Spanned<T>) -> Spanned<IpAddr> {
    Spanned { value: spanned.value.into(), span: spanned.span.clone() }
}

fn host(node: &NodeDraft, family: Family) -> Option<AddressedNode<'_>> {
    let fields = &node.fields;
    let (address, gateway, (prefix, prefix_span)) = match family {
        // Its network is what the DHCP server says.
        Family::V4 if fields.network.link.is_by_dhcp() => return None,
        Family::V4 => (
            general(node.keys.address.given()?),
            fields.network.gateway.given().map(general),
            fields.network.prefix.given().map(|prefix| (prefix.value, Some(&prefix.span)))?,
        ),
        Family::V6 => (
            general(node.keys.ipv6.given()?),
            fields.network.ipv6.gateway.given().map(general),
            match &fields.network.ipv6.prefix {
                Field::Absent => (DEFAULT_IPV6_PREFIX, None),
                Field::Invalid => return None,
                Field::Given(prefix) => (prefix.value, Some(&prefix.span)),
            },
        ),
    };
    let subnet = subnet_at(address.value, prefix);
    Some(AddressedNode { node, address, gateway, prefix_span, subnet })
}

/// Returns the subnet of this prefix that an address is in.
#[expect(clippy::expect_used, reason = "prefixes are checked when nodes.yaml is read")]
fn subnet_at(address: IpAddr, prefix: u8) -> IpNet {
    IpNet::new(address, prefix).expect("a checked prefix fits its family of addresses").trunc()
}

fn addresses_are_unique(draft: &ClusterDraft, diagnostics: &Diagnostics) {
    let addresses: Vec<(&NodeDraft, Spanned<IpAddr>)> = draft
        .nodes
        .iter()
        .flat_map(|node| {
            let ipv4 = node.keys.address.given().map(general);
            let main = ipv4.into_iter().chain(node.keys.ipv6.given().map(general));
            main.chain(links::addresses(node)).map(move |address| (node, address))
        })
        .collect();
    for (index, (_, address)) in addresses.iter().enumerate() {
        let earlier = addresses.iter().take(index).find(|(_, earlier)| earlier.value == address.value);
        if let Some((node, earlier)) = earlier {
            let (message, hint) = if earlier.span == address.span {
                let message = format!("every node would have the address `{}`", address.value);
                (message, "Write it in the one node that has it".to_owned())
            } else {
                let message = format!("{} has the address `{}`, too", node.called(), address.value);
                (message, also_in(&earlier.span, &address.span))
            };
            diagnostics.report(&address.span, Finding::new(message, hint));
        }
    }
}

/// Reports a prefix that leaves many nodes outside the gateway's subnet: it is rather one number that is wrong than
/// many. Returns the places of the addresses.
fn prefixes_hold_their_nodes(hosts: &[AddressedNode<'_>], diagnostics: &Diagnostics) -> Vec<FieldSpan> {
    const MANY: usize = 3;
    let mut reported = Vec::new();
    let mut known: Vec<(&FieldSpan, &FieldSpan)> = Vec::new();
    for host in hosts {
        let (Some(gateway), Some(prefix)) = (&host.gateway, host.prefix_span) else { continue };
        if is_link_local(gateway.value) || known.contains(&(&gateway.span, prefix)) {
            continue;
        }
        known.push((&gateway.span, prefix));
        let subnet = subnet_at(gateway.value, host.prefix());
        let beside = |other: &&AddressedNode<'_>| {
            other.prefix_span == Some(prefix)
                && other.gateway.as_ref().is_some_and(|other| other.span == gateway.span)
        };
        let outside = hosts.iter().filter(beside).filter(|other| other.subnet != subnet);
        let outside: Vec<&AddressedNode<'_>> = outside.collect();
        let is_one_elsewhere = outside.iter().all(|other| other.subnet == host.subnet);
        let addresses = || outside.iter().map(|other| other.address.value);
        let holds = |length: &u8| {
            let wider = subnet_at(gateway.value, *length);
            addresses().all(|address| wider.contains(&address))
        };
        let wider = (8..host.prefix()).rev().find(holds);
        if let Some(range) = range_of_all(&outside, hosts) {
            let message = format!(
                "this range goes on beyond the subnet {subnet}: its last node would have `{}`",
                range.last
            );
            let prefix = wider.map_or_else(String::new, |length| {
                format!(", or write the prefix `{length}`, which holds them all")
            });
            let hint = format!("Begin lower, or with fewer nodes{prefix}");
            diagnostics.report(range.span, Finding::new(message, hint));
            reported.extend(range.nodes.iter().map(|other| other.address.span.clone()));
            continue;
        }
        // A prefix behind an address is that node's own.
        if outside.len() < MANY
            || is_one_elsewhere
            || outside.iter().any(|other| other.address.span == *prefix)
        {
            continue;
        }
        let message = format!(
            "{} nodes are outside the subnet {subnet}, which this prefix makes around the gateway: {} and others",
            outside.len(),
            addresses().take(2).map(|address| format!("`{address}`")).collect::<Vec<_>>().join(", ")
        );
        let hint = match wider {
            Some(length) => format!("Write `{length}`, which holds them all, or correct their addresses"),
            None => "Write a shorter prefix, or correct their addresses".to_owned(),
        };
        diagnostics.report(prefix, Finding::new(message, hint));
        reported.extend(outside.iter().map(|other| other.address.span.clone()));
    }
    reported
}

/// Nodes that one `count:` stands for.
struct Range<'d> {
    nodes: Vec<&'d AddressedNode<'d>>,
    /// The place of its first address.
    span: &'d FieldSpan,
    /// The address of its last node.
    last: IpAddr,
}

/// Returns the range that all of some nodes are of, if they are of one: it has more than one node at one place.
fn range_of_all<'d>(some: &[&'d AddressedNode<'d>], hosts: &'d [AddressedNode<'d>]) -> Option<Range<'d>> {
    let at = |node: &AddressedNode<'_>| (node.address.span.file.clone(), node.address.span.position);
    let place = at(some.first()?);
    let nodes: Vec<_> = hosts.iter().filter(|node| at(node) == place).collect();
    let (first, last) = (nodes.first()?, nodes.last()?.address.value);
    let is_range = nodes.len() > 1 && some.iter().all(|node| at(node) == place);
    is_range.then_some(Range { span: &first.address.span, last, nodes })
}

fn addresses_and_gateways_fit(hosts: &[AddressedNode<'_>], diagnostics: &Diagnostics) {
    let reported = prefixes_hold_their_nodes(hosts, diagnostics);
    for host in hosts.iter().filter(|host| !reported.contains(&host.address.span)) {
        let address = &host.address;
        let subnet = match subnet_of_gateway(host, hosts) {
            Judgement::Subnet(subnet) => subnet,
            Judgement::GatewayIsOutside(gateway) => {
                let message =
                    format!("the gateway `{}` is not inside the subnet {}", gateway.value, host.subnet);
                diagnostics
                    .report(&gateway.span, Finding::new(message, one_of("The gateway is", host.subnet)));
                host.subnet
            }
        };
        let hint = one_of(&format!("Give {}", host.node.called()), subnet);
        if !subnet.contains(&address.value) {
            let message = format!("`{}` is not inside the subnet {subnet}", address.value);
            diagnostics.report(&address.span, Finding::new(message, hint));
            continue;
        }
        let is_gateway = host.gateway.as_ref().is_some_and(|gateway| gateway.value == address.value);
        let hint = match &host.gateway {
            Some(gateway) if is_gateway => {
                let own = one_of_but(&format!("Give {}", host.node.called()), subnet, Some(gateway.value));
                format!("{own}; the gateway is said in {}", gateway.span.line_from(&address.span))
            }
            _ => hint,
        };
        let taken = if is_gateway { Some("the gateway") } else { reserved(address.value, subnet) };
        if let Some(what) = taken {
            let message = format!("`{}` is {what}", address.value);
            diagnostics.report(&address.span, Finding::new(message, hint));
        }
        for server in host.node.fields.network.dns.given().into_iter().flat_map(|servers| &servers.value) {
            if subnet.contains(server)
                && let Some(what) = reserved(*server, subnet)
            {
                let message = format!("the name server `{server}` is {what}");
                let span =
                    host.node.fields.network.dns.given().map_or(&address.span, |servers| &servers.span);
                diagnostics.report(span, Finding::new(message, one_of("The name server is", subnet)));
            }
        }
        if let Some(gateway) = &host.gateway
            && subnet.contains(&gateway.value)
            && let Some(what) = reserved(gateway.value, subnet)
        {
            let message = format!("the gateway `{}` is {what}", gateway.value);
            diagnostics.report(&gateway.span, Finding::new(message, one_of("The gateway is", subnet)));
        }
    }
}

enum Judgement<'m> {
    Subnet(IpNet),
    GatewayIsOutside(&'m Spanned<IpAddr>),
}

/// Returns the subnet that a node has to be in: the gateway's. But where no node that uses this gateway is in
/// it, and they agree among themselves, it is the gateway that is wrong.
fn subnet_of_gateway<'m>(host: &'m AddressedNode<'_>, hosts: &[AddressedNode<'_>]) -> Judgement<'m> {
    let Some(gateway) = host.gateway.as_ref().filter(|gateway| !is_link_local(gateway.value)) else {
        return Judgement::Subnet(host.subnet);
    };
    let subnet = subnet_at(gateway.value, host.prefix());
    if host.subnet == subnet {
        return Judgement::Subnet(subnet);
    }
    let mut beside = hosts.iter().filter(|other| {
        other.prefix() == host.prefix()
            && other.gateway.as_ref().is_some_and(|other| other.span == gateway.span)
    });
    if beside.all(|other| other.subnet == host.subnet) {
        Judgement::GatewayIsOutside(gateway)
    } else {
        Judgement::Subnet(subnet)
    }
}

/// Routers mostly announce themselves with their link-local address.
fn is_link_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(_) => false,
        IpAddr::V6(address) => address.is_unicast_link_local(),
    }
}

/// Returns the meaning of a subnet's address that no machine may have.
fn reserved(address: IpAddr, subnet: IpNet) -> Option<&'static str> {
    if address == subnet.network() {
        Some(match address {
            IpAddr::V4(_) => "the address of the network itself",
            // RFC 4291, section 2.6.1.
            IpAddr::V6(_) => "the address of all routers of the network",
        })
    } else if address.is_ipv4() && address == subnet.broadcast() {
        Some("the broadcast address")
    } else {
        None
    }
}

fn one_of(whom: &str, subnet: IpNet) -> String {
    one_of_but(whom, subnet, None)
}

/// Does as [`one_of`], without an address that is taken where that is the first or the last.
fn one_of_but(whom: &str, subnet: IpNet, taken: Option<IpAddr>) -> String {
    let ends = match subnet {
        IpNet::V4(subnet) => {
            let mut hosts = subnet.hosts().filter(|host| taken != Some(IpAddr::V4(*host)));
            hosts.next().zip(hosts.next_back())
        }
        IpNet::V6(_) => None,
    };
    match ends {
        Some((first, last)) => format!("{whom} an address from {first} to {last}"),
        None => format!("{whom} an address inside {subnet}"),
    }
}

/// The flags for the networks inside the cluster, each with its users.
const INNER_NETWORKS: [((&str, &str), &str); 2] = [(PODS, "pods"), (SERVICES, "services")];

/// A network outside of k3s that a node reaches.
struct OuterNetwork<'d> {
    node: &'d NodeDraft,
    network: IpNet,
    span: &'d FieldSpan,
    /// What the network is to the node.
    what: &'static str,
    /// A way to do without.
    otherwise: &'static str,
    /// Set for a route: of two, the narrower one is taken, so a wide one leaves k3s its networks.
    gives_way: bool,
}

impl<'d> OuterNetwork<'d> {
    fn subnet(node: &'d NodeDraft, network: IpNet, span: &'d FieldSpan) -> Self {
        Self { node, network, span, what: "the subnet", otherwise: "Use another subnet", gives_way: false }
    }
}

/// Holds the subnets and the routes of nodes against the networks inside k3s: what is sent to those would leave the node.
fn networks_are_clear_of_k3s(draft: &ClusterDraft, outer: &[OuterNetwork<'_>], diagnostics: &Diagnostics) {
    let Field::Given(k3s) = &draft.k3s else { return };
    let own = server_flags(draft);
    let config = k3s.value.config_of(Role::Server, &own);
    let inner = INNER_NETWORKS.into_iter().flat_map(|(flag, _)| networks(&config, flag));
    let taken = outer.iter().map(|outer| outer.network).chain(inner);
    let free = free_network(&taken.collect::<Vec<_>>());
    for (flag @ (key, _), whose) in INNER_NETWORKS {
        let networks = networks(&config, flag);
        for outer in outer.iter().filter(|outer| outer.node.role().is_some()) {
            let OuterNetwork { network: subnet, span, what, otherwise, .. } = outer;
            let overlap = networks
                .iter()
                .find(|inner| inner.contains(subnet) || (!outer.gives_way && subnet.contains(*inner)));
            if let Some(inner) = overlap {
                let message = format!("{what} {subnet} overlaps {inner}, which k3s uses for its {whose}");
                let hint = match free.filter(|_| matches!(inner, IpNet::V4(_))) {
                    Some(free) => {
                        let ranges: Vec<String> = networks
                            .iter()
                            .map(
                                |network| {
                                    if network == inner { free.to_string() } else { network.to_string() }
                                },
                            )
                            .collect();
                        let ranges = ranges.join(",");
                        let ranges = if ranges.contains(',') { format!("\"{ranges}\"") } else { ranges };
                        // Only servers have the flag.
                        format!(
                            "{otherwise}, or write `server: {{config: {{{key}: {ranges}}}}}` under `k3s:`"
                        )
                    }
                    None => {
                        format!("{otherwise}, or set `{key}` in `config:` of `server:` under `k3s:`")
                    }
                };
                diagnostics.report(span, Finding::new(message, hint));
            }
        }
    }
}

/// Returns a range for pods or services that overlaps none of these.
fn free_network(taken: &[IpNet]) -> Option<IpNet> {
    let candidates = (52..=250).map(|second| Ipv4Addr::new(10, second, 0, 0));
    let others = (16..=31).map(|second| Ipv4Addr::new(172, second, 0, 0));
    candidates
        .chain(others)
        .map(|first| subnet_at(first.into(), 16))
        .find(|free| taken.iter().all(|taken| !taken.contains(free) && !free.contains(taken)))
}

fn ipv6_is_used(draft: &ClusterDraft, diagnostics: &Diagnostics) {
    let unused = |span: &FieldSpan, who_lacks_it: &str, diagnostics: &Diagnostics| {
        let message = format!("IPv6 is described here, but {who_lacks_it} `ipv6` address");
        diagnostics.report(span, Finding::new(message, "Give it one, like `ipv6: fd00::11`, or remove this"));
    };
    let top = draft.fields.network.ipv6.span.as_ref();
    if let Some(top) = top
        && !draft.has_unreadable_nodes
        && draft.nodes.iter().all(|node| node.keys.ipv6.is_absent())
    {
        unused(top, "no node has an", diagnostics);
    }
    for node in draft.nodes.iter().filter(|node| node.keys.ipv6.is_absent()) {
        if let Some(own) = node.fields.network.ipv6.span.as_ref()
            && Some(own) != top
        {
            unused(own, &format!("{} has no", node.called()), diagnostics);
        }
    }
}

/// Checks that it is an address of the servers' network, and that nobody has it yet.
fn the_virtual_address_is_free(draft: &ClusterDraft, hosts: &[AddressedNode<'_>], diagnostics: &Diagnostics) {
    let k3s = draft.k3s.given().map(|k3s| &k3s.value);
    let Some(address) = k3s.and_then(|k3s| k3s.keys.virtual_address.given()).map(general) else { return };
    let owner = hosts.iter().find(|host| host.address.value == address.value);
    let is_gateway =
        hosts.iter().any(|host| host.gateway.as_ref().is_some_and(|gateway| gateway.value == address.value));
    let servers = hosts.iter().filter(|host| host.node.role() == Some(Role::Server));
    let mut misplaced = servers.filter_map(|server| {
        let subnet = server.subnet;
        let what = if subnet.contains(&address.value) {
            format!("is {}", reserved(address.value, subnet)?)
        } else {
            format!("is not inside the subnet {subnet} of the server {}", server.node.called())
        };
        Some((what, one_of("Give the cluster", subnet)))
    });
    let free = || "Give the cluster an address that nothing else has".to_owned();
    let problem = match owner {
        Some(owner) => Some((format!("is the address of {}", owner.node.called()), free())),
        None if is_gateway => Some(("is the gateway".to_owned(), free())),
        None => misplaced.next(),
    };
    if let Some((what, hint)) = problem {
        let message = format!("the virtual address `{}` {what}", address.value);
        diagnostics.report(&address.span, Finding::new(message, hint));
    }
}
