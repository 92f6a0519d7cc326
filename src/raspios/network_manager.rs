//! A connection as NetworkManager takes it: a profile in its keyfile format (nm-settings-keyfile(5)).
//!
//! The file must belong to root and be closed to everybody else: NetworkManager ignores it otherwise.

use super::RaspiosError;
use crate::cluster::{
    Connection, Interface, Ipv4, Ipv4Network, Link, Network, Node, Route, Ssid, Wifi, WifiSecurity,
};
use crate::patch::{Draft, Partition};
use crate::types::absent::OrEmpty as _;
use crate::types::{Mode, Owner, image_path};
use std::net::IpAddr;
use uuid::Uuid;

const FOLDER: &str = "/etc/NetworkManager/system-connections";

/// Writes a profile for every connection of the node.
pub(super) fn write_profiles(draft: &mut Draft<'_>, node: &Node) -> Result<(), RaspiosError> {
    let folder = image_path!(FOLDER);
    draft.directory(Partition::Root, &folder, Mode::PRIVATE_DIRECTORY, Owner::ROOT)?;
    for connection in node.network.connections() {
        let path = folder.join(&format!("{}.nmconnection", name(connection, node)))?;
        let text = profile(node, connection);
        // What lets a node into a Wi-Fi is nobody's business.
        match connection.link {
            Link::Wifi(_) => draft.secret(&path, text)?,
            Link::Wired(_) | Link::Vlan { .. } => {
                draft.file(Partition::Root, &path, text, Mode::SECRET, Owner::ROOT)?;
            }
        }
    }
    Ok(())
}

/// Returns the name of a profile: the interface's own, where it has one in nodes.yaml.
fn name(connection: &Connection, node: &Node) -> String {
    match (&connection.link, connection.link.interface()) {
        (Link::Vlan { id, .. }, _) => format!("vlan{id}"),
        (_, Interface::Named(name)) => name.to_string(),
        (Link::Wifi(_), Interface::WithMac(_)) => "wifi".to_owned(),
        (Link::Wired(_), Interface::WithMac(_)) if *connection == node.network.main => "wired".to_owned(),
        (Link::Wired(_), Interface::WithMac(mac)) => {
            format!("wired-{}", mac.to_string().replace(':', "").to_lowercase())
        }
    }
}

/// Returns the identifier of a profile. Any will do as long as it stays the same, on this card and on the next one
/// made for this node.
fn uuid(id: &str, node: &Node) -> Uuid {
    let name = format!("{id}.{}.connection.cardwright", node.name);
    Uuid::new_v5(&Uuid::NAMESPACE_DNS, name.as_bytes())
}

/// Returns a profile. Its priority lets it win over every one that cloud-init, netplan or NetworkManager itself
/// make for the same interface: theirs have 0 or less.
fn profile(node: &Node, connection: &Connection) -> String {
    let id = name(connection, node);
    let (kind, interface_name) = match &connection.link {
        Link::Wired(interface) => ("ethernet", interface.name().map(ToString::to_string)),
        Link::Wifi(wifi) => ("wifi", wifi.interface.name().map(ToString::to_string)),
        Link::Vlan { .. } => ("vlan", Some(id.clone())),
    };
    let interface_name = interface_name.map(|name| format!("interface-name={name}\n")).or_empty();
    let uuid = uuid(&id, node);
    format!(
        "[connection]\nid={id}\nuuid={uuid}\ntype={kind}\n{interface_name}\
         autoconnect=true\nautoconnect-priority=100\n\n{}{}\n{}",
        link(node, connection),
        ipv4(node, connection),
        ipv6(node, connection)
    )
}

/// Returns the sections about the link itself, each with an empty line behind it.
fn link(node: &Node, connection: &Connection) -> String {
    let mtu = connection.mtu.map(|mtu| format!("mtu={mtu}\n")).or_empty();
    match &connection.link {
        Link::Wired(interface) => format!("[ethernet]\n{}{mtu}\n", mac_address(interface)),
        Link::Wifi(wifi) => wifi_sections(wifi, &mtu),
        Link::Vlan { id, parent } => {
            // One without a name is found by the profile that is on it.
            let parent = match parent {
                Interface::Named(name) => name.to_string(),
                Interface::WithMac(_) => {
                    let on_it =
                        node.network.connections().find(|other| other.link == Link::Wired(parent.clone()));
                    on_it.map(|other| uuid(&name(other, node), node).to_string()).or_empty()
                }
            };
            format!("[ethernet]\n{mtu}\n[vlan]\nid={id}\nparent={parent}\n\n")
        }
    }
}

fn mac_address(interface: &Interface) -> String {
    match interface {
        Interface::Named(_) => String::new(),
        Interface::WithMac(mac) => format!("mac-address={mac}\n"),
    }
}

fn wifi_sections(wifi: &Wifi, mtu: &str) -> String {
    let mut text = format!("[wifi]\nmode=infrastructure\nssid={}\n", ssid(&wifi.ssid));
    if wifi.hidden {
        text.push_str("hidden=true\n");
    }
    text.push_str(&mac_address(&wifi.interface));
    text.push_str(mtu);
    let (key_mgmt, psk) = match &wifi.security {
        WifiSecurity::Open => return text + "\n",
        WifiSecurity::Wpa2(key) => ("wpa-psk", key.reveal().to_owned()),
        // NetworkManager takes either for what it calls `wpa-psk`, by what the access point has.
        WifiSecurity::Mixed(passphrase) => ("wpa-psk", escaped(passphrase.reveal())),
        WifiSecurity::Wpa3(passphrase) => ("sae", escaped(passphrase.reveal())),
    };
    text + &format!("\n[wifi-security]\nkey-mgmt={key_mgmt}\npsk={psk}\n\n")
}

/// Returns the name of a Wi-Fi network as a keyfile has it: as it is, or as the numbers of its bytes. The numbers hold
/// every name; letters that the format itself uses would need two layers of escapes.
fn ssid(ssid: &Ssid) -> String {
    let bytes = ssid.as_bytes();
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-. ".contains(byte);
    let text = std::str::from_utf8(bytes).ok().filter(|text| {
        bytes.iter().all(is_plain) && text.trim() == *text && bytes.iter().any(u8::is_ascii_alphabetic)
    });
    match text {
        Some(text) => text.to_owned(),
        None => list_of(bytes),
    }
}

fn list_of(bytes: &[u8]) -> String {
    let numbers: Vec<_> = bytes.iter().map(ToString::to_string).collect();
    numbers.join(";") + ";"
}

/// Returns a value as GLib's reader of keyfiles takes it: with a backslash before another, and `\s` for a space,
/// which would be lost at either end.
fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace(' ', "\\s")
}

fn ipv4(node: &Node, connection: &Connection) -> String {
    let is_main = *connection == node.network.main;
    let method = match &connection.ipv4 {
        Ipv4::Static(Ipv4Network { address, prefix, gateway }) => {
            let gateway = gateway.map(|gateway| format!(",{gateway}")).or_empty();
            format!("method=manual\naddress1={address}/{prefix}{gateway}\n")
        }
        Ipv4::Dhcp { .. } => "method=auto\n".to_owned(),
        Ipv4::Off => return "[ipv4]\nmethod=disabled\n".to_owned(),
    };
    let routes = routes(connection, IpAddr::is_ipv4);
    let rest = if is_main {
        format!("{}may-fail=false\n", name_servers(&node.network, IpAddr::is_ipv4))
    } else {
        BESIDE.to_owned()
    };
    format!("[ipv4]\n{method}{routes}{rest}")
}

fn ipv6(node: &Node, connection: &Connection) -> String {
    let is_main = *connection == node.network.main;
    let method = match &connection.ipv6 {
        Some(ipv6) => {
            let gateway = ipv6.gateway.map(|gateway| format!(",{gateway}")).or_empty();
            format!("method=manual\naddress1={}/{}{gateway}\n", ipv6.address, ipv6.prefix)
        }
        // As the stock image has it: whatever the router announces.
        None => "method=auto\n".to_owned(),
    };
    let routes = routes(connection, IpAddr::is_ipv6);
    let dns = if is_main { name_servers(&node.network, IpAddr::is_ipv6) } else { BESIDE.to_owned() };
    let may_fail = connection.ipv4 != Ipv4::Off;
    format!("[ipv6]\n{method}{routes}{dns}addr-gen-mode=default\nmay-fail={may_fail}\n")
}

/// The lines of connections beside the main one: neither a way out nor name servers come from there.
const BESIDE: &str = "never-default=true\nignore-auto-dns=true\n";

/// Returns the routes of one family.
fn routes(connection: &Connection, family: fn(&IpAddr) -> bool) -> String {
    let routes = connection.routes.iter().filter(|route| family(&route.via));
    let line = |(number, Route { to, via, metric }): (u32, &Route)| {
        let metric = metric.map(|metric| format!(",{metric}")).or_empty();
        format!("route{number}={to},{via}{metric}\n")
    };
    (1..).zip(routes).map(line).collect::<Vec<_>>().concat()
}

/// Returns the name servers of one family, and the domains, which belong to one section as well as the other.
///
/// Those of nodes.yaml are all there are, where it names some. NetworkManager would otherwise add what routers and
/// DHCP servers announce (nm-settings-nmcli(1), `ipv6.ignore-auto-dns`), and one link-local address among them makes
/// k3s give up the node's resolv.conf for 8.8.8.8 (k3s-io/k3s, pkg/agent/config, `isValidResolvConf`).
fn name_servers(network: &Network, family: fn(&IpAddr) -> bool) -> String {
    let servers: Vec<_> =
        network.dns.iter().filter(|server| family(server)).map(ToString::to_string).collect();
    let of_dhcp = network.dns.is_empty() && family(&IpAddr::from([0; 4]));
    let (dns, search) = if servers.is_empty() && !of_dhcp {
        (String::new(), String::new())
    } else {
        (list("dns", &servers), list("dns-search", &network.search))
    };
    let ignored = if of_dhcp { "" } else { "ignore-auto-dns=true\n" };
    format!("{dns}{search}{ignored}")
}

/// Returns a list, which ends in `;` as well as having it between; nothing for an empty one.
fn list(key: &str, values: &[String]) -> String {
    if values.is_empty() { String::new() } else { format!("{key}={};\n", values.join(";")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::{MacAddress, Passphrase};
    use crate::patch::Sensitivity;
    use crate::raspios::test_node::{connection, ipv6, named, node, wifi};
    use crate::raspios::test_stock::{applied, attributes, bookworm, patch, paths, text, trixie};
    use std::io::Write as _;
    use std::process::{Command, Stdio};

    fn profile_of(node: &Node) -> String {
        profile(node, &node.network.main)
    }

    const PROFILE: &str = "/etc/NetworkManager/system-connections/eth0.nmconnection";

    #[test]
    fn the_profile_is_one_that_network_manager_reads() {
        let stock = trixie();
        let patch = patch(&stock, |draft| write_profiles(draft, &node("north", 11)).unwrap());
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
        let uuid = |name, last| profile_of(&node(name, last)).lines().nth(2).unwrap().to_owned();
        assert_eq!(uuid("north", 11), uuid("north", 12));
        assert_ne!(uuid("north", 11), uuid("east", 11));
    }

    #[test]
    fn an_adapter_is_found_by_its_mac_address_whatever_its_name() {
        let mut node = node("north", 11);
        node.network.main.link =
            Link::Wired(Interface::WithMac(MacAddress::parse("b8:27:eb:12:34:56").unwrap()));
        let text = profile_of(&node);
        assert!(text.starts_with("[connection]\nid=wired\nuuid="), "{text}");
        assert!(text.contains("\n[ethernet]\nmac-address=B8:27:EB:12:34:56\n\n[ipv4]\n"), "{text}");
        assert!(!text.contains("interface-name"), "{text}");
        let stock = trixie();
        let patch = patch(&stock, |draft| write_profiles(draft, &node).unwrap());
        assert_eq!(paths(&patch), ["/etc/NetworkManager/system-connections/wired.nmconnection"]);
    }

    #[test]
    fn ipv6_and_domains_are_written_where_they_belong() {
        let mut node = node("north", 11);
        node.network.main.ipv6 = Some(ipv6());
        node.network.dns.push("fd00::53".parse().unwrap());
        node.network.search = vec!["lan".to_owned(), "example.org".to_owned()];
        let text = profile_of(&node);
        let (ipv4, ipv6) = text.split_once("[ipv6]").unwrap();
        assert!(ipv4.contains("dns=192.168.50.1;1.1.1.1;\ndns-search=lan;example.org;\n"), "{text}");
        assert!(ipv6.contains("method=manual\naddress1=fd00::11/64,fd00::1\ndns=fd00::53;\n"), "{text}");
    }

    #[test]
    fn name_servers_that_routers_announce_are_ignored_in_both_families() {
        let mut node = node("north", 11);
        for ipv6 in [None, Some(ipv6())] {
            node.network.main.ipv6 = ipv6;
            let text = profile_of(&node);
            let (ipv4, ipv6) = text.split_once("[ipv6]").unwrap();
            for section in [ipv4, ipv6] {
                assert!(section.contains("\nignore-auto-dns=true\n"), "{text}");
            }
        }
    }

    #[test]
    fn a_missing_folder_is_made_for_root_alone() {
        let stock = crate::raspios::test_stock::bullseye();
        let made = patch(&stock, |draft| write_profiles(draft, &node("north", 11)).unwrap());
        assert_eq!(attributes(&made, FOLDER), (0o700, Owner::ROOT, Sensitivity::Plain));
        let again = applied(stock, &made);
        let again = patch(&again, |draft| write_profiles(draft, &node("north", 11)).unwrap());
        assert_eq!(paths(&again), <[&str; 0]>::default());
    }

    /// Returns a node whose only connection is this Wi-Fi.
    fn on_wifi(wifi: Wifi) -> Node {
        let mut node = node("north", 11);
        node.network.main.link = Link::Wifi(Box::new(wifi));
        node
    }

    #[test]
    fn the_profile_of_a_wifi_has_the_key_and_is_secret() {
        const PATH: &str = "/etc/NetworkManager/system-connections/wlan0.nmconnection";
        for stock in [trixie(), bookworm()] {
            let patch = patch(&stock, |draft| write_profiles(draft, &on_wifi(wifi())).unwrap());
            assert_eq!(paths(&patch), [PATH]);
            assert_eq!(attributes(&patch, PATH), (0o600, Owner::ROOT, Sensitivity::Secret));
            let text = text(&patch, PATH);
            let expected = "type=wifi\ninterface-name=wlan0\nautoconnect=true\nautoconnect-priority=100\n\n\
                 [wifi]\nmode=infrastructure\nssid=IEEE\n\n[wifi-security]\nkey-mgmt=wpa-psk\n\
                 psk=f42c6fc52df0ebef9ebb4b90b38a5f902e83fe1b135a70e23aed762e9710a12e\n\n\
                 [ipv4]\nmethod=manual\naddress1=192.168.50.11/24,192.168.50.1\n";
            assert!(text.contains(expected), "{text}");
        }
    }

    #[test]
    fn every_kind_of_wifi_has_its_words() {
        let passphrase = Passphrase::new("open sesame").unwrap();
        for (security, lines) in [
            (WifiSecurity::Open, ""),
            (
                WifiSecurity::Mixed(passphrase.clone()),
                "[wifi-security]\nkey-mgmt=wpa-psk\npsk=open\\ssesame\n\n",
            ),
            (WifiSecurity::Wpa3(passphrase), "[wifi-security]\nkey-mgmt=sae\npsk=open\\ssesame\n\n"),
        ] {
            let mac = Interface::WithMac(MacAddress::parse("b8:27:eb:12:34:56").unwrap());
            let text = profile_of(&on_wifi(Wifi { security, hidden: true, interface: mac, ..wifi() }));
            let expected = format!(
                "[wifi]\nmode=infrastructure\nssid=IEEE\nhidden=true\nmac-address=B8:27:EB:12:34:56\n\n{lines}[ipv4]\n"
            );
            assert!(text.contains(&expected) && text.contains("\nid=wifi\n"), "{text}");
        }
    }

    /// GLib's own reader of keyfiles, which NetworkManager uses.
    const GLIB: &str = r#"
import ctypes, sys
glib = ctypes.CDLL("libglib-2.0.so.0")
for name in ("g_key_file_new", "g_key_file_get_string", "g_key_file_get_integer_list"):
    getattr(glib, name).restype = ctypes.c_void_p
glib.g_key_file_load_from_data.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_void_p]
text = sys.stdin.buffer.read()
file = ctypes.c_void_p(glib.g_key_file_new())
assert glib.g_key_file_load_from_data(file, text, len(text), 0, None)
for group, key in ((b"wifi", b"ssid"), (b"wifi-security", b"psk")):
    value = ctypes.c_char_p(glib.g_key_file_get_string(file, group, key, None)).value
    if value.endswith(b";"):
        length = ctypes.c_size_t()
        numbers = glib.g_key_file_get_integer_list(file, group, key, ctypes.byref(length), None)
        value = bytes(ctypes.cast(numbers, ctypes.POINTER(ctypes.c_int))[:length.value])
    print(value.hex())
"#;

    #[test]
    fn names_and_passphrases_of_any_letters_are_read_back() {
        let names: [&[u8]; 12] = [
            b"my home",
            b" leading",
            b"trailing ",
            b"a;b",
            b"16;17;",
            b"1234",
            b"back\\slash",
            b"#hash",
            "Müller".as_bytes(),
            b"\xff\x00\xfe",
            b"[x]",
            b"a=b",
        ];
        for name in names {
            let ssid = Ssid::new(name).unwrap();
            let passphrase = " p\\a;s#s \"wörd\" ";
            let security = WifiSecurity::Wpa3(Passphrase::new(passphrase).unwrap());
            let text = profile_of(&on_wifi(Wifi { ssid, security, ..wifi() }));
            let mut child = Command::new("python3")
                .args(["-c", GLIB])
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap();
            child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
            let output = child.wait_with_output().unwrap();
            if String::from_utf8_lossy(&output.stderr).contains("libglib") {
                crate::types::test_oracle::skipped("libglib2.0-0 is not installed");
                return;
            }
            let expected = [name, passphrase.as_bytes()].map(base16ct::lower::encode_string);
            let found = String::from_utf8(output.stdout).unwrap();
            assert_eq!(found.lines().collect::<Vec<_>>(), expected, "{text}");
        }
    }

    #[test]
    fn an_address_by_dhcp_comes_with_name_servers() {
        let mut node = node("north", 11);
        node.network.main.ipv4 = Ipv4::Dhcp { reserved: None };
        node.network.search = vec!["lan".to_owned()];
        assert!(profile_of(&node).contains("[ipv4]\nmethod=auto\ndns=192.168.50.1;1.1.1.1;\ndns-search=lan;\nignore-auto-dns=true\nmay-fail=false\n"));
        node.network.dns.clear();
        let text = profile_of(&node);
        assert!(text.contains("[ipv4]\nmethod=auto\ndns-search=lan;\nmay-fail=false\n\n[ipv6]\n"), "{text}");
        assert!(text.contains("[ipv6]\nmethod=auto\nignore-auto-dns=true\n"), "{text}");
    }

    #[test]
    fn without_ipv4_the_ipv6_address_is_what_counts() {
        let mut node = node("north", 11);
        node.network.main.ipv4 = Ipv4::Off;
        node.network.main.ipv6 = Some(ipv6());
        node.network.dns = vec!["fd00::53".parse().unwrap()];
        let expected = "[ipv4]\nmethod=disabled\n\n[ipv6]\nmethod=manual\naddress1=fd00::11/64,fd00::1\n\
                        dns=fd00::53;\nignore-auto-dns=true\naddr-gen-mode=default\nmay-fail=false\n";
        assert!(profile_of(&node).ends_with(expected), "{}", profile_of(&node));
    }

    #[test]
    fn connections_beside_the_main_one_have_no_way_out() {
        let mac =
            |last: &str| Interface::WithMac(MacAddress::parse(&format!("b8:27:eb:12:34:{last}")).unwrap());
        let mut node = node("north", 11);
        node.network.main.link = Link::Wired(mac("56"));
        let second = Ipv4Network { address: [10, 0, 0, 11].into(), prefix: 24, gateway: None };
        node.network.beside = vec![
            connection(Link::Wired(mac("57")), Ipv4::Static(second)),
            connection(Link::Vlan { id: 20, parent: mac("56") }, Ipv4::Dhcp { reserved: None }),
            connection(Link::Vlan { id: 30, parent: named("eth1") }, Ipv4::Dhcp { reserved: None }),
        ];
        let stock = trixie();
        let patch = patch(&stock, |draft| write_profiles(draft, &node).unwrap());
        let at = |name: &str| text(&patch, &format!("{FOLDER}/{name}.nmconnection"));
        assert!(at("wired").contains("mac-address=B8:27:EB:12:34:56\n"));
        let second = at("wired-b827eb123457");
        let beside = "[ipv4]\nmethod=manual\naddress1=10.0.0.11/24\nnever-default=true\nignore-auto-dns=true\n\n\
                      [ipv6]\nmethod=auto\nnever-default=true\nignore-auto-dns=true\n";
        assert!(second.contains(beside), "{second}");
        let parent =
            at("wired").lines().find_map(|line| line.strip_prefix("uuid=").map(str::to_owned)).unwrap();
        let vlan = at("vlan20");
        assert!(vlan.contains(&format!("[vlan]\nid=20\nparent={parent}\n\n[ipv4]\nmethod=auto\n")), "{vlan}");
        assert!(vlan.contains("\ntype=vlan\ninterface-name=vlan20\n"), "{vlan}");
        assert!(at("vlan30").contains("[vlan]\nid=30\nparent=eth1\n"));
    }

    #[test]
    fn routes_and_the_mtu_are_written_where_they_belong() {
        let mut node = node("north", 11);
        let route = |to: &str, via: &str, metric| Route {
            to: to.parse().unwrap(),
            via: via.parse().unwrap(),
            metric,
        };
        node.network.main.mtu = Some(9000);
        node.network.main.routes = vec![
            route("10.8.0.0/16", "192.168.50.8", None),
            route("fd01::/64", "fd00::9", None),
            route("10.9.0.0/16", "192.168.50.9", Some(50)),
        ];
        let text = profile_of(&node);
        assert!(text.contains("[ethernet]\nmtu=9000\n\n"), "{text}");
        assert!(text.contains(
            "192.168.50.1\nroute1=10.8.0.0/16,192.168.50.8\nroute2=10.9.0.0/16,192.168.50.9,50\ndns="
        ));
        assert!(text.contains("[ipv6]\nmethod=auto\nroute1=fd01::/64,fd00::9\n"), "{text}");
    }
}
