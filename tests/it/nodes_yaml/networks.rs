//! The networks that people really have, and keyboards: what nodes.yaml says of them.

use crate::nodes_yaml::{EAST, NORTH, TOP, answers, edited, parse, parse_in, rendered, warned_of};
use crate::support::{Workshop, assert_snapshot, root_file};
use cardwright::cluster::{Cluster, FileSource, Interface, Ipv4, Ipv4Network, Link, Node, WifiSecurity};
use std::fs;

/// The valid file with some edits, which have to leave it valid.
fn valid(edits: &[(&str, &str)]) -> Cluster {
    let text = edited(edits);
    parse(&text).unwrap_or_else(|invalid| panic!("{}\n{text}", rendered(&invalid)))
}

const NETWORK: &str = "{prefix: 24, gateway: 192.168.50.1}";

#[test]
fn an_address_that_the_router_has_reserved_is_known_beforehand() {
    let cluster = valid(&[(NETWORK, "{method: dhcp}"), ("east, address: 192.168.50.12, k3s: agent", "east")]);
    let ipv4: Vec<_> = cluster.nodes.iter().map(|node| node.network.main.ipv4.clone()).collect();
    let reserved = Some([192, 168, 50, 11].into());
    assert_eq!(ipv4, [Ipv4::Dhcp { reserved }, Ipv4::Dhcp { reserved: None }]);
    assert!(cluster.nodes.iter().all(|node| node.network.dns.is_empty()));
    let hosts: Vec<_> = cluster.nodes.iter().map(Node::host).collect();
    assert_eq!(hosts, ["192.168.50.11", "east.local"]);
}

#[test]
fn a_node_of_its_own_kind_takes_what_it_needs_from_the_top() {
    let cluster = valid(&[(EAST, "east, network: {method: dhcp, dns: 1.1.1.1}")]);
    assert_eq!(cluster.nodes[1].network.main.ipv4, Ipv4::Dhcp { reserved: None });
    assert_eq!(cluster.nodes[1].network.dns.len(), 1);
    let cluster = valid(&[
        (NETWORK, "{method: dhcp, prefix: 24, gateway: 192.168.50.1}"),
        (EAST, "east, address: 192.168.50.12, network: {method: static}"),
    ]);
    assert!(matches!(cluster.nodes[1].network.main.ipv4, Ipv4::Static(_)));
}

#[test]
fn mistakes_about_dhcp_and_ipv6_alone_are_explained() {
    assert_snapshot!(
        "nodes_yaml__dhcp",
        answers(&[
            &[(NETWORK, "{method: dhcp}"), (EAST, "east, k3s: agent")],
            &[(NETWORK, "{method: dhcp, prefix: 24, gateway: 192.168.50.1}")],
            &[(EAST, "east, network: {method: dhcp, gateway: 192.168.60.1}")],
            &[(NETWORK, "{method: auto}")],
            &[(NETWORK, "{dhcp: true}")],
            &[(EAST, "east")],
            &[(EAST, "east, ipv6: fd00::12")],
            &[(EAST, "east, ipv6: fd00::12, network: {ipv6: {gateway: 'fe80::1'}}")],
            &[(EAST, "east, ipv6: fd00::12, network: {ipv6: {gateway: 'fd00::1'}}, k3s: agent")],
            &[
                (
                    "v1.36.4+k3s1",
                    "v1.36.4+k3s1, server: {config: {cluster-cidr: 'fd00:42::/56', service-cidr: 'fd00:43::/112'}}",
                ),
                (NETWORK, "{prefix: 24, gateway: 192.168.50.1, dns: 'fd00::53'}"),
                (NORTH, "north, address: 192.168.50.11, ipv6: fd00::11, k3s: server"),
            ],
            &[
                (
                    "v1.36.4+k3s1",
                    "v1.36.4+k3s1, server: {config: {cluster-cidr: '10.42.0.0/16,fd00:42::/56', service-cidr: '10.43.0.0/16,fd00:43::/112'}}",
                ),
                (NORTH, "north, address: 192.168.50.11, ipv6: fd00::11, k3s: server"),
            ],
        ])
    );
}

#[test]
fn keyboards_are_words_of_xkb() {
    assert!(valid(&[(EAST, "east, address: 192.168.50.12, keyboard: de")]).nodes[1].keyboard.is_some());
    let long =
        "east, address: 192.168.50.12, keyboard: {layout: de, variant: nodeadkeys, options: 'ctrl:nocaps'}";
    let keyboard = valid(&[(EAST, long)]).nodes[1].keyboard.clone().unwrap();
    assert_eq!((keyboard.layout.as_str(), keyboard.variant.unwrap().as_str()), ("de", "nodeadkeys"));
    let with = |keyboard: &'static str| [(EAST, keyboard)];
    assert_snapshot!(
        "nodes_yaml__keyboards",
        answers(&[
            &with("east, address: 192.168.50.12, keyboard: 'de; reboot'"),
            &with("east, address: 192.168.50.12, keyboard: no"),
            &with("east, address: 192.168.50.12, keyboard: {variant: nodeadkeys}"),
            &with("east, address: 192.168.50.12, keyboard: {xkblayout: de}"),
            &with("east, address: 192.168.50.12, keymap: de"),
        ])
    );
}

#[test]
fn a_node_that_nobody_knows_the_address_of_is_found_by_its_name() {
    let workshop = Workshop::with_example();
    let text = edited(&[(NETWORK, "{method: dhcp}"), (EAST, "east")]);
    fs::write(workshop.path("nodes.yaml"), text).unwrap();
    workshop.succeed(["build", "--format", "img"]);
    let read = |name: &str| fs::read_to_string(workshop.path("images").join(name)).unwrap();
    let config = read("ssh_config");
    assert!(config.contains("Host east east.local\n    HostName east.local\n"), "{config}");
    assert!(config.contains("Host north 192.168.50.11\n    HostName 192.168.50.11\n"), "{config}");
    assert!(read("known_hosts").contains("\neast,east.local ssh-ed25519 "));
    assert!(read("kubeconfig").contains("server: https://192.168.50.11:6443\n"));
    // A second build knows the files for its own.
    workshop.succeed(["build", "--format", "img"]);
    for node in ["north", "east"] {
        let image = workshop.path(&format!("images/{node}.img"));
        let Some(profile) = root_file(&image, "/etc/NetworkManager/system-connections/eth0.nmconnection")
        else {
            return;
        };
        assert!(profile.contains("[ipv4]\nmethod=auto\n"), "{profile}");
        let hosts = root_file(&image, "/etc/hosts").unwrap();
        assert!(hosts.contains("begin\n192.168.50.11\tnorth\n# cardwright: end"), "{hosts}");
    }
}

const HOME: &str = "image: demo\nwifi: {ssid: IEEE, password: password, country: DE}";
const IEEE_KEY: &str = "f42c6fc52df0ebef9ebb4b90b38a5f902e83fe1b135a70e23aed762e9710a12e";

/// What the Wi-Fi of a node asks for.
fn security(node: &Node) -> &WifiSecurity {
    &node.network.wifi().unwrap().security
}

#[test]
fn wifi_takes_the_place_of_the_wire_or_stands_beside_it() {
    let cluster = valid(&[(TOP, HOME)]);
    for node in &cluster.nodes {
        assert!(node.network.beside.is_empty() && matches!(node.network.main.link, Link::Wifi(_)));
        let WifiSecurity::Wpa2(key) = security(node) else { panic!("{:?}", security(node)) };
        assert_eq!(key.reveal(), IEEE_KEY);
        assert_eq!(node.network.wifi().unwrap().interface.name().unwrap().as_str(), "wlan0");
    }
    assert_eq!(cluster.warnings.len(), 1, "{:?}", cluster.warnings);
    assert!(cluster.warnings[0].message.starts_with("`north` is a k3s server on Wi-Fi"));

    let east = "east, address: 192.168.50.12, k3s: agent, wifi: {address: 192.168.60.12/24}";
    let cluster = valid(&[
        (TOP, HOME),
        (EAST, east),
        (NORTH, "north, address: 192.168.50.11, k3s: server, wifi: none"),
    ]);
    let [north, east] = &cluster.nodes[..] else { panic!() };
    assert_eq!(north.network.wifi(), None);
    assert!(matches!(east.network.main.link, Link::Wired(Interface::Named(_))));
    assert!(matches!(east.network.beside[0].link, Link::Wifi(_)));
    let second = Ipv4Network { address: [192, 168, 60, 12].into(), prefix: 24, gateway: None };
    assert_eq!(east.network.beside[0].ipv4, Ipv4::Static(second));
    assert!(cluster.warnings.is_empty(), "{:?}", cluster.warnings);
}

#[test]
fn a_password_comes_from_a_file_or_as_a_key_and_is_not_shown() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("wifi.txt"), "password\n").unwrap();
    let read = |wifi: &str| {
        let text = edited(&[(TOP, &format!("image: demo\nwifi: {wifi}"))]);
        parse_in(folder.path(), &text).unwrap_or_else(|invalid| panic!("{}", rendered(&invalid)))
    };
    let key = format!("{{ssid: IEEE, psk: {IEEE_KEY}, country: DE}}");
    let hex = "{ssid: {hex: 49454545}, password_file: wifi.txt, country: DE}";
    for wifi in ["{ssid: IEEE, password_file: wifi.txt, country: DE}", hex, &key] {
        let cluster = read(wifi);
        let WifiSecurity::Wpa2(key) = security(&cluster.nodes[0]) else { panic!() };
        assert_eq!(key.reveal(), IEEE_KEY);
        let shown = format!("{cluster:?}");
        assert!(!shown.contains(IEEE_KEY) && !shown.contains("password\\n"), "{shown}");
    }
    for (word, expected) in [("wpa3", "Wpa3"), ("mixed", "Mixed")] {
        let cluster = read(&format!("{{ssid: IEEE, password: '12345678', country: DE, security: {word}}}"));
        let shown = format!("{:?}", security(&cluster.nodes[0]));
        assert!(shown.starts_with(expected) && !shown.contains("12345678"), "{shown}");
    }
    assert_eq!(security(&read("{ssid: 1234, country: DE, security: open}").nodes[0]), &WifiSecurity::Open);
}

#[test]
fn mistakes_about_wifi_are_explained_and_show_no_password() {
    let with = |wifi: &'static str| [(TOP, wifi)];
    let said = answers(&[
        &with("image: demo\nwifi: {ssid: home, password: open-sesame}"),
        &with("image: demo\nwifi: {password: open-sesame, country: DE}"),
        &with("image: demo\nwifi: {ssid: home, password: open-sesame, country: UK}"),
        &with("image: demo\nwifi: {ssid: home, country: XX,\n  password: open-sesame}"),
        &with("image: demo\nwifi: {ssid: home, country: DE}"),
        &with("image: demo\nwifi: {ssid: home, country: DE, password: sesame}"),
        &with("image: demo\nwifi:\n  ssid: home\n  country: DE\n  password: [open-sesame]"),
        &with("image: demo\nwifi: {ssid: home, country: DE, psk: open-sesame}"),
        &with("image: demo\nwifi: {ssid: home, country: DE, password_file: no.txt}"),
        &with("image: demo\nwifi: {ssid: home, country: DE, password: open-sesame, security: open}"),
        &with("image: demo\nwifi: {ssid: home, country: DE, password: open-sesame, security: wpa}"),
        &with("image: demo\nwifi: {ssid: '', country: DE, security: open}"),
        &with("image: demo\nwifi: {ssid: a-name-that-is-longer-than-32-bytes, country: DE, security: open}"),
        &with("image: demo\nwifi: {ssid: {hex: 4g}, country: DE, security: open}"),
        &with("image: demo\nwifi: {ssid: home, country: DE, security: open, interface: eth0}"),
        &with("image: demo\nwifi: {ssid: home, country: DE, security: open, address: 192.168.60.11}"),
        &with("image: demo\nwifi: {ssid: home, country: DE, security: open, address: 192.168.50.99/24}"),
        &with("image: demo\nssid: home"),
        &with(
            "image: demo\nwifi: {ssid: home, country: DE, security: open}\nboot: {cmdline: [cfg80211.ieee80211_regdom=GB]}",
        ),
        &with(
            "image: demo\nwifi: {ssid: home, country: DE, security: open}\nboot: {cmdline: [cfg80211.ieee80211-regdom=DE]}",
        ),
        &[
            (
                "image: demo",
                "image: demo\nwifi: {ssid: home, country: DE, psk: f42c6fc52df0ebef9ebb4b90b38a5f902e83fe1b135a70e23aed762e9710a12e}",
            ),
            (EAST, "east, address: 192.168.50.12, k3s: agent, wifi: {ssid: cellar}"),
        ],
        &[
            ("image: demo", "image: demo\nwifi: {ssid: home, country: DE, security: open}"),
            (EAST, "east, address: 192.168.50.12, network: {interface: eth0}"),
        ],
        &[(EAST, "east, address: 192.168.50.12, network: {interface: wlan0}")],
    ]);
    let shown: Vec<_> =
        said.lines().filter(|line| line.contains("sesame") && !line.starts_with("##")).collect();
    assert!(shown.is_empty(), "{shown:?}");
    assert_snapshot!("nodes_yaml__wifi", said);
}

#[test]
fn a_password_in_the_wrong_place_or_without_quotes_is_not_shown() {
    let with = |wifi: &'static str| [(TOP, wifi)];
    let said = answers(&[
        &with("image: demo\nwifi:\n  ssid: home\n  country: DE\n  password: !sesame47"),
        &with("image: demo\nwifi: {ssid: home, country: DE, password: sesame47,11abc}"),
        &with("image: demo\nwifi: {ssid: home, country: DE, password: sesame}47}"),
        &with("image: demo\nwifi: {ssid: home, country: DE, password: sesame47 #11}"),
        &with("image: demo\nwifi: {ssid: home, country: DE, password: sesame47: 11}"),
        &with("image: demo\nwifi: {ssid: home, country: DE, password: &sesame47}"),
        &with("image: demo\nwifi: {ssid: home, country: UK, password_file: sesame47}"),
        &with("image: demo\nwifi:\n  ssid: home\n  country: DE\n  key: sesame47"),
        &with("image: demo\nwifi:\n  ssid: home\n  country: DE\n  code: sesame47"),
        &with("image: demo\nwifi:\n  ssid: home\n  country: DE\n  pre-shared-key: sesame47"),
        &with("image: demo\nwifi:\n  ssid: home\n  country: DE\n  clef: sesame47"),
        &with("image: demo\nwifi:\n  ssid: home\n  country: DE\n  Password: sesame47"),
        &with("image: demo\nwifi: {country: UK, ssid: home, code: sesame47}"),
    ]);
    let said: Vec<_> = said.lines().filter(|line| !line.starts_with("##")).collect();
    let said = said.join("\n");
    for secret in ["sesame", "11abc", "47"] {
        assert!(!said.contains(secret), "{secret}: {said}");
    }
    assert_snapshot!("nodes_yaml__wifi_secrets", said);
}

#[cfg(unix)]
#[test]
fn what_most_probably_is_meant_otherwise_is_warned_of() {
    use std::fmt::Write as _;
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let put = |name: &str, text: &str, mode| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    };
    put("wifi.txt", "\u{feff}password\r\n", 0o644);
    put("blank.txt", "password \n", 0o600);
    put("bob.password", "hunter22\n", 0o600);
    put("nodes.yaml", "", 0o640);
    let home = "ssid: IEEE, password_file: wifi.txt, country: DE";
    let mut said = String::new();
    for (what, top, east) in [
        ("a file that all may read, with a byte order mark", format!("wifi: {{{home}}}"), String::new()),
        ("a blank", format!("wifi: {{{}}}", home.replace("wifi.txt", "blank.txt")), String::new()),
        (
            "comments",
            "wifi:\n  ssid: My #1 home\n  password: sesame47 #11\n  country: DE # where it is".to_owned(),
            String::new(),
        ),
        ("by DHCP beside the wire", String::new(), format!(", wifi: {{{home}, method: dhcp}}")),
        (
            "the wire is named",
            String::new(),
            format!(", wifi: {{{home}, method: dhcp}}, network: {{interface: eth0}}"),
        ),
        (
            "a password that SSH does not take",
            "users: [{name: bob, password_file: bob.password}]".to_owned(),
            String::new(),
        ),
        ("countries", format!("wifi: {{{home}}}"), ", wifi: {country: FR}".to_owned()),
    ] {
        let east = format!("{EAST}{east}");
        let text = edited(&[(TOP, &format!("image: demo\n{top}")), (EAST, &east)]);
        let cluster =
            parse_in(folder.path(), &text).unwrap_or_else(|invalid| panic!("{}", rendered(&invalid)));
        if let (Some(wifi), "a file that all may read, with a byte order mark") =
            (cluster.nodes[0].network.wifi(), what)
        {
            let WifiSecurity::Wpa2(key) = &wifi.security else { panic!("{wifi:?}") };
            assert_eq!(key.reveal(), IEEE_KEY);
        }
        writeln!(said, "## {what}\n{}", warned_of(&cluster)).unwrap();
    }
    let text = edited(&[(TOP, "image: demo\nwifi: {ssid: IEEE, password: wifi.txt, country: DE}")]);
    let refused = parse_in(folder.path(), &text).unwrap_err();
    write!(said, "## a file as a password\n{}", rendered(&refused)).unwrap();
    assert!(!said.contains("sesame"), "{said}");
    assert_snapshot!("nodes_yaml__wifi_warnings", said);
}

#[test]
fn a_number_keeps_its_text_however_large_it_is() {
    let file = "east, address: 192.168.50.12, k3s: {role: agent, labels: {h: 12e4567}}, \
                files: [{path: /etc/x, content: 12e4567}]";
    let wifi = "image: demo\nwifi: {ssid: 1e5000, password: 12345e67890, country: DE, security: wpa3}";
    let cluster = valid(&[(TOP, wifi), (EAST, file)]);
    let east = &cluster.nodes[1];
    assert_eq!(east.network.wifi().unwrap().ssid.as_bytes(), b"1e5000");
    let WifiSecurity::Wpa3(password) = security(east) else { panic!() };
    assert_eq!(password.reveal(), "12345e67890");
    assert_eq!(east.k3s.as_ref().unwrap().config["node-label"][0], "h=12e4567");
    assert_eq!(east.files[0].content, FileSource::Inline("12e4567".to_owned()));
}

#[test]
fn more_interfaces_vlans_routes_and_an_mtu_are_read() {
    let network = "{prefix: 24, gateway: 192.168.50.1, mtu: 9000, routes: {to: 10.8.0.0/16, via: 192.168.50.9, metric: 50}}";
    let east = "east, address: 192.168.50.12, k3s: agent, network: {\
                interfaces: [{interface: eth1, address: 10.0.0.12/24, ipv6: 'fd10::12', mtu: 1400}, {mac: 'b8:27:eb:12:34:57', method: dhcp}], \
                vlans: [{id: 20, address: 192.168.20.12/24, routes: [{to: 10.9.0.0/16, via: 192.168.20.1}]}, {id: 30, interface: eth1, method: dhcp}]}";
    let cluster = valid(&[(NETWORK, network), (EAST, east)]);
    let [north, east] = &cluster.nodes[..] else { panic!() };
    assert_eq!((north.network.main.mtu, north.network.main.routes[0].metric), (Some(9000), Some(50)));
    let beside = &east.network.beside;
    assert_eq!(beside.len(), 4);
    assert_eq!((beside[0].to_string(), beside[0].mtu), ("10.0.0.12/24".to_owned(), Some(1400)));
    assert!(matches!(
        beside[1],
        cardwright::cluster::Connection {
            link: Link::Wired(Interface::WithMac(_)),
            ipv4: Ipv4::Dhcp { .. },
            ..
        }
    ));
    let parent = |index: usize| match &beside[index].link {
        Link::Vlan { id, parent } => (*id, parent.name().unwrap().to_string()),
        other => panic!("{other:?}"),
    };
    assert_eq!([parent(2), parent(3)], [(20, "eth0".to_owned()), (30, "eth1".to_owned())]);
    assert_eq!(beside[2].routes[0].to.to_string(), "10.9.0.0/16");
}

#[test]
fn mistakes_about_more_interfaces_are_explained() {
    fn east(network: &str) -> String {
        format!("east, address: 192.168.50.12, network: {network}")
    }
    let mistakes: Vec<String> = [
        "{mtu: 500}",
        "{routes: [{to: 0.0.0.0/0, via: 192.168.50.9}, {to: 10.8.0.1/16, via: 192.168.50.9}, {to: net, via: 192.168.50.9}]}",
        "{routes: [{to: 10.8.0.0/16}, {to: 10.8.0.0/16, via: 'fd00::1'}, {to: 10.8.0.0/16, via: 192.168.60.9}]}",
        "{interfaces: [{address: 10.0.0.12/24}]}",
        "{interfaces: [{interface: eth1}]}",
        "{interfaces: [{interface: eth1, address: 10.0.0.12}]}",
        "{interfaces: [{interface: eth0, address: 10.0.0.12/24}]}",
        "{interfaces: [{interface: eth1, address: 10.0.0.12/24}, {interface: eth1, address: 10.0.1.12/24}]}",
        "{interfaces: [{interface: eth1, address: 192.168.50.13/24}]}",
        "{interfaces: [{interface: eth1, address: 192.168.60.11/24}, {interface: eth2, address: 192.168.60.11/24}]}",
        "{vlans: [{id: 4095, method: dhcp}, {method: dhcp}, {id: 7}]}",
        "{vlans: [{id: 20, method: dhcp}, {id: 20, method: dhcp}]}",
        "{vlans: [{id: 20, mac: 'b8:27:eb:12:34:57', method: dhcp}]}",
        "{vlan: 20}",
        "{routes: [{to: 10.42.8.0/24, via: 192.168.50.9}, {to: 10.0.0.0/8, via: 192.168.50.9}]}, k3s: agent",
        "{interfaces: [{interface: eth1, address: 10.9.0.12/24, routes: {to: 10.43.0.0/16, via: 10.9.0.1}}]}, k3s: agent",
        // Without k3s, there are no networks of it.
        "{routes: [{to: 10.42.8.0/24, via: 192.168.50.9}]}",
        "{interfaces: [{interface: eth1, address: 10.42.7.12/24}]}",
        "{interfaces: [{interface: eth1, address: 10.42.7.12/24, ipv6: 'fd42::12'}], vlans: [{id: 20, address: 10.43.0.9/24}]}, k3s: agent",
        "{vlans: [{id: 20, method: dhcp, name: storage}]}",
        "{interfaces: [{name: eth1, method: dhcp}]}",
        "{vlans: [{id: 20, method: dhcp, interface: eth0.20}, {id: 21, method: dhcp, interface: vlan20}]}",
        "{vlans: [{id: 20, method: dhcp, mtu: 9000}, {id: 21, method: dhcp, interface: eth1, mtu: 1600}]}",
        "{mtu: 9000, vlans: [{id: 20, method: dhcp, mtu: 9000}], interfaces: {mac: 'b8:27:eb:12:34:57'}}",
    ]
    .map(east)
    .to_vec();
    let edits: Vec<[(&str, &str); 1]> = mistakes.iter().map(|to| [(EAST, to.as_str())]).collect();
    let edits: Vec<&[(&str, &str)]> = edits.iter().map(|edit| &edit[..]).collect();
    assert_snapshot!("nodes_yaml__interfaces", answers(&edits));
}

#[test]
fn ipv6_alone_makes_a_cluster_with_networks_of_it() {
    let cluster = valid(&[
        (NETWORK, "{ipv6: {gateway: 'fd00::1'}}"),
        (
            "v1.36.4+k3s1",
            "v1.36.4+k3s1, server: {config: {cluster-cidr: 'fd00:42::/56', service-cidr: 'fd00:43::/112'}}",
        ),
        (NORTH, "north, ipv6: fd00::11, k3s: server"),
        (EAST, "east, ipv6: fd00::12, k3s: agent"),
    ]);
    let north = &cluster.nodes[0];
    assert_eq!(north.network.main.ipv4, Ipv4::Off);
    assert_eq!(north.network.dns, ["fd00::1".parse::<std::net::IpAddr>().unwrap()]);
    assert_eq!((north.host(), north.host_in_url()), ("fd00::11".to_owned(), "[fd00::11]".to_owned()));
}

#[test]
fn the_password_of_a_wifi_is_neither_on_a_card_nor_in_a_plan() {
    let workshop = Workshop::with_example();
    fs::write(workshop.path("nodes.yaml"), edited(&[(TOP, HOME)])).unwrap();
    workshop.succeed(["build", "--format", "img", "--only", "east"]);
    let image = workshop.path("images/east.img");
    let holds = |path: &std::path::Path, text: &str| memchr_in(&fs::read(path).unwrap(), text.as_bytes());
    assert!(holds(&image, IEEE_KEY), "the key is on the card");
    let Some(profile) = root_file(&image, "/etc/NetworkManager/system-connections/wlan0.nmconnection") else {
        return;
    };
    assert!(
        profile.contains(&format!("ssid=IEEE\n\n[wifi-security]\nkey-mgmt=wpa-psk\npsk={IEEE_KEY}\n")),
        "{profile}"
    );
    for arguments in [["plan", "--locked"], ["plan", "--json"]] {
        let said = workshop.succeed(arguments);
        assert!(!said.contains(IEEE_KEY), "{said}");
    }
}

fn memchr_in(bytes: &[u8], text: &[u8]) -> bool {
    bytes.windows(text.len()).any(|window| window == text)
}
