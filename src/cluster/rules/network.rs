//! Rules about addresses, networks and interfaces.

use crate::cluster::diagnostic::{Wrong, also_in};
use crate::cluster::document::value::{Located, Reader, Setting};
use crate::cluster::draft::{DEFAULT_IPV6_PREFIX, Draft, DraftNode};
use crate::cluster::fields::k3s::config;
use crate::cluster::fields::k3s::flags::Flags;
use crate::cluster::{FieldSpan, Interface, MacAddress, Role};
use ipnet::IpNet;
use std::net::{IpAddr, Ipv4Addr};

/// Reports addresses, gateways and interfaces that do not fit each other.
pub(crate) fn check(draft: &Draft, reader: &mut Reader) {
    interfaces_exist(draft, reader);
    addresses_are_unique(draft, reader);
    networks_are_complete(draft, reader);
    let ipv4 = members(draft, Family::V4);
    let ipv6 = members(draft, Family::V6);
    for members in [&ipv4, &ipv6] {
        addresses_and_gateways_fit(members, reader);
        subnets_are_clear_of_k3s(draft, members, reader);
    }
    ipv6_is_used(draft, reader);
    the_virtual_address_is_free(draft, &ipv4, reader);
}

/// Raspberry Pi OS switches predictable names off (a link from systemd's 99-default.link to /dev/null): its
/// wired interface is `eth0`, and adapters on USB are `eth1` and so on. Only who names interfaces otherwise
/// has others.
fn interfaces_exist(draft: &Draft, reader: &mut Reader) {
    const NAMING_RULES: [&str; 4] = [
        "/etc/systemd/network/",
        "/etc/udev/rules.d/",
        "/usr/lib/systemd/network/",
        "/usr/lib/udev/rules.d/",
    ];
    let mut macs: Vec<(MacAddress, &FieldSpan)> = Vec::new();
    for node in &draft.nodes {
        let Some(Located { value, spot }) = node.settings.interface.given() else { continue };
        match value {
            Interface::WithMac(mac) => {
                if let Some((_, first)) = macs.iter().find(|(known, _)| known == mac) {
                    let (message, hint) = if *first == spot {
                        let hint =
                            "Write it in the node that has the adapter: `network: {mac: …}`".to_owned();
                        (format!("every node would have to have the adapter `{mac}`"), hint)
                    } else {
                        (format!("another node has the adapter `{mac}`, too"), also_in(first))
                    };
                    reader.report(spot, Wrong::new(message, hint));
                }
                macs.push((*mac, spot));
            }
            Interface::Named(name) => {
                let number = name.as_str().strip_prefix("eth");
                let usual = number.is_some_and(|number| {
                    !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
                });
                let mut files = node.settings.files.iter().map(|file| file.value.path.to_string());
                if usual || files.any(|path| NAMING_RULES.iter().any(|folder| path.starts_with(folder))) {
                    continue;
                }
                let message = format!(
                    "Raspberry Pi OS calls its wired interface `eth0`, not `{name}`: the card would not get its address"
                );
                let hint = "Write `eth0`, or `eth1` for an adapter on USB; an interface with a name of your own is found by `mac:` instead of `interface:`";
                reader.warn(spot, Wrong::new(message, hint));
            }
        }
    }
}

/// Every node has a prefix and a gateway. What all nodes lack is missing once, at the top.
fn networks_are_complete(draft: &Draft, reader: &mut Reader) {
    fn missing<T>(draft: &Draft, setting: impl Fn(&DraftNode) -> &Setting<T>) -> Vec<&DraftNode> {
        draft.nodes.iter().filter(|node| setting(node).is_absent()).collect()
    }
    for (key, example, nodes) in [
        ("prefix", "24", missing(draft, |node| &node.settings.prefix)),
        ("gateway", "192.168.50.1", missing(draft, |node| &node.settings.gateway)),
    ] {
        if nodes.is_empty() {
            continue;
        }
        if nodes.len() == draft.nodes.len() {
            let spot = draft.network.as_ref().unwrap_or(&draft.spot);
            let spot = FieldSpan { path: format!("network.{key}"), ..spot.clone() };
            let hint = format!("Add `{key}: {example}` under `network:`");
            reader.report(&spot, Wrong::new(format!("the network has no `{key}`"), hint));
            continue;
        }
        for node in nodes {
            let message = format!("{} has no `{key}`", node.called());
            let hint =
                format!("Add `{key}: {example}` under `network:`, at the top for all nodes or in this one");
            reader.report(&node.spot, Wrong::new(message, hint));
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Family {
    V4,
    V6,
}

/// A node on its network, of one family of addresses.
struct Member<'d> {
    node: &'d DraftNode,
    address: Located<IpAddr>,
    gateway: Option<Located<IpAddr>>,
    /// The address with its prefix, as the network that it is in.
    subnet: IpNet,
}

impl Member<'_> {
    fn prefix(&self) -> u8 {
        self.subnet.prefix_len()
    }

    /// Where the network is described, for problems of the network as a whole.
    fn network_spot(&self) -> &FieldSpan {
        self.gateway.as_ref().map_or(&self.address.spot, |gateway| &gateway.spot)
    }
}

fn members(draft: &Draft, family: Family) -> Vec<Member<'_>> {
    draft.nodes.iter().filter_map(|node| member(node, family)).collect()
}

/// An address of either family.
fn general<T: Copy + Into<IpAddr>>(located: &Located<T>) -> Located<IpAddr> {
    Located { value: located.value.into(), spot: located.spot.clone() }
}

fn member(node: &DraftNode, family: Family) -> Option<Member<'_>> {
    let settings = &node.settings;
    let (address, gateway, prefix) = match family {
        Family::V4 => (
            general(node.address.given()?),
            settings.gateway.given().map(general),
            settings.prefix.given()?.value,
        ),
        Family::V6 => (
            general(node.ipv6.given()?),
            settings.ipv6_gateway.given().map(general),
            match &settings.ipv6_prefix {
                Setting::Absent => DEFAULT_IPV6_PREFIX,
                Setting::Invalid => return None,
                Setting::Given(prefix) => prefix.value,
            },
        ),
    };
    let subnet = IpNet::new(address.value, prefix).ok()?.trunc();
    Some(Member { node, address, gateway, subnet })
}

fn addresses_are_unique(draft: &Draft, reader: &mut Reader) {
    let addresses: Vec<(&DraftNode, Located<IpAddr>)> = draft
        .nodes
        .iter()
        .flat_map(|node| {
            let ipv4 = node.address.given().map(general);
            ipv4.into_iter().chain(node.ipv6.given().map(general)).map(move |address| (node, address))
        })
        .collect();
    for (index, (_, address)) in addresses.iter().enumerate() {
        let earlier = addresses.iter().take(index).find(|(_, earlier)| earlier.value == address.value);
        if let Some((node, earlier)) = earlier {
            let message = format!("{} has the address `{}`, too", node.called(), address.value);
            reader.report(&address.spot, Wrong::new(message, also_in(&earlier.spot)));
        }
    }
}

fn addresses_and_gateways_fit(members: &[Member<'_>], reader: &mut Reader) {
    for member in members {
        let address = &member.address;
        let subnet = match subnet_of_gateway(member, members) {
            Judgement::Subnet(subnet) => subnet,
            Judgement::GatewayIsOutside(gateway) => {
                let message =
                    format!("the gateway `{}` is not inside the subnet {}", gateway.value, member.subnet);
                reader.report(&gateway.spot, Wrong::new(message, one_of("The gateway is", member.subnet)));
                member.subnet
            }
        };
        let hint = one_of(&format!("Give {}", member.node.called()), subnet);
        if !subnet.contains(&address.value) {
            let message = format!("`{}` is not inside the subnet {subnet}", address.value);
            reader.report(&address.spot, Wrong::new(message, hint));
            continue;
        }
        let taken = match &member.gateway {
            Some(gateway) if gateway.value == address.value => Some("the gateway"),
            _ => reserved(address.value, subnet),
        };
        if let Some(what) = taken {
            let message = format!("`{}` is {what}", address.value);
            reader.report(&address.spot, Wrong::new(message, hint));
        }
        for server in member.node.settings.dns.given().into_iter().flat_map(|servers| &servers.value) {
            if subnet.contains(server)
                && let Some(what) = reserved(*server, subnet)
            {
                let message = format!("the name server `{server}` is {what}");
                let spot = member.node.settings.dns.given().map_or(&address.spot, |servers| &servers.spot);
                reader.report(spot, Wrong::new(message, one_of("The name server is", subnet)));
            }
        }
        if let Some(gateway) = &member.gateway
            && subnet.contains(&gateway.value)
            && let Some(what) = reserved(gateway.value, subnet)
        {
            let message = format!("the gateway `{}` is {what}", gateway.value);
            reader.report(&gateway.spot, Wrong::new(message, one_of("The gateway is", subnet)));
        }
    }
}

enum Judgement<'m> {
    Subnet(IpNet),
    GatewayIsOutside(&'m Located<IpAddr>),
}

/// The subnet that a node has to be in is the gateway's. But where no node that uses this gateway is in
/// it, and they agree among themselves, it is the gateway that is wrong.
fn subnet_of_gateway<'m>(member: &'m Member<'_>, members: &[Member<'_>]) -> Judgement<'m> {
    let Some(gateway) = member.gateway.as_ref().filter(|gateway| !is_link_local(gateway.value)) else {
        return Judgement::Subnet(member.subnet);
    };
    let Ok(subnet) = IpNet::new(gateway.value, member.prefix()) else {
        return Judgement::Subnet(member.subnet);
    };
    let subnet = subnet.trunc();
    let mut beside = members.iter().filter(|other| {
        other.prefix() == member.prefix()
            && other.gateway.as_ref().is_some_and(|other| other.spot == gateway.spot)
    });
    if beside.all(|other| other.subnet == member.subnet) && member.subnet != subnet {
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

/// What an address of a subnet stands for, where it is for no machine.
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
    let ends = match subnet {
        IpNet::V4(subnet) => {
            let mut hosts = subnet.hosts();
            hosts.next().zip(hosts.next_back())
        }
        IpNet::V6(_) => None,
    };
    match ends {
        Some((first, last)) => format!("{whom} an address from {first} to {last}"),
        None => format!("{whom} an address inside {subnet}"),
    }
}

/// What k3s uses inside the cluster where nothing else is said: docs.k3s.io/cli/server, `--cluster-cidr`
/// and `--service-cidr`.
const INNER_NETWORKS: [(&str, &str, &str); 2] =
    [("cluster-cidr", "10.42.0.0/16", "pods"), ("service-cidr", "10.43.0.0/16", "services")];

fn subnets_are_clear_of_k3s(draft: &Draft, members: &[Member<'_>], reader: &mut Reader) {
    let Setting::Given(k3s) = &draft.k3s else { return };
    // Where no server is left, what servers would be told counts: the ranges are wrong for the next one.
    let own = draft
        .nodes
        .iter()
        .filter_map(|node| node.k3s.given())
        .find(|k3s| k3s.value.role == Some(Role::Server))
        .map_or_else(Flags::default, |server| server.value.flags.clone());
    let config = k3s.value.config_of(Role::Server, &own);
    let networks_of = |(key, default, _): (&str, &str, &str)| {
        let networks = config.get(key).and_then(|value| value.as_str()).unwrap_or(default);
        config::networks(networks).unwrap_or_else(|_| Vec::new())
    };
    let taken =
        members.iter().map(|member| member.subnet).chain(INNER_NETWORKS.into_iter().flat_map(networks_of));
    let free = free_network(&taken.collect::<Vec<_>>());
    for inner_network in INNER_NETWORKS {
        let (key, _, whose) = inner_network;
        let networks = networks_of(inner_network);
        for member in members.iter().filter(|member| member.node.role().is_some()) {
            let subnet = member.subnet;
            let overlap = networks.iter().find(|inner| inner.contains(&subnet) || subnet.contains(*inner));
            if let Some(inner) = overlap {
                let message = format!("the subnet {subnet} overlaps {inner}, which k3s uses for its {whose}");
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
                            "Use another subnet, or write `server: {{config: {{{key}: {ranges}}}}}` under `k3s:`"
                        )
                    }
                    None => {
                        format!("Use another subnet, or set `{key}` in `config:` of `server:` under `k3s:`")
                    }
                };
                reader.report(member.network_spot(), Wrong::new(message, hint));
            }
        }
    }
}

/// A range for pods or services that overlaps none of these.
fn free_network(taken: &[IpNet]) -> Option<IpNet> {
    let candidates = (52..=250).map(|second| Ipv4Addr::new(10, second, 0, 0));
    let others = (16..=31).map(|second| Ipv4Addr::new(172, second, 0, 0));
    candidates
        .chain(others)
        .filter_map(|first| IpNet::new(first.into(), 16).ok())
        .find(|free| taken.iter().all(|taken| !taken.contains(free) && !free.contains(taken)))
}

fn ipv6_is_used(draft: &Draft, reader: &mut Reader) {
    let unused = |spot: &FieldSpan, who_lacks_it: &str, reader: &mut Reader| {
        let message = format!("IPv6 is described here, but {who_lacks_it} `ipv6` address");
        reader.report(spot, Wrong::new(message, "Give it one, like `ipv6: fd00::11`, or remove this"));
    };
    let top = draft.settings.ipv6.given();
    if let Some(top) = top
        && !draft.has_unreadable_nodes
        && draft.nodes.iter().all(|node| node.ipv6.is_absent())
    {
        unused(&top.spot, "no node has an", reader);
    }
    for node in draft.nodes.iter().filter(|node| node.ipv6.is_absent()) {
        if let Some(own) = node.settings.ipv6.given()
            && Some(own) != top
        {
            unused(&own.spot, &format!("{} has no", node.called()), reader);
        }
    }
}

/// It is an address of the servers' network, and nobody has it yet.
fn the_virtual_address_is_free(draft: &Draft, members: &[Member<'_>], reader: &mut Reader) {
    let k3s = draft.k3s.given().map(|k3s| &k3s.value);
    let Some(address) = k3s.and_then(|k3s| k3s.access.virtual_address.as_ref()).map(general) else { return };
    let owner = members.iter().find(|member| member.address.value == address.value);
    let is_gateway = members
        .iter()
        .any(|member| member.gateway.as_ref().is_some_and(|gateway| gateway.value == address.value));
    let servers = members.iter().filter(|member| member.node.role() == Some(Role::Server));
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
        reader.report(&address.spot, Wrong::new(message, hint));
    }
}
