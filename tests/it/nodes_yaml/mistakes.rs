//! What is said about mistakes, as a person reads it.

use crate::nodes_yaml::{
    EAST, FINGERPRINT, HASH, KEY, NORTH, TOP, VALID, answers, edited, parse, parse_in, rendered,
};
use crate::support::assert_snapshot;
use cardwright::cluster::Cluster;
use std::fmt::Write as _;
use std::path::Path;

#[test]
fn unknown_keys_are_refused_with_the_nearest_known_one() {
    assert_snapshot!(
        "nodes_yaml__unknown_keys",
        answers(&[
            &[("name: east, address", "name: east, adress")],
            &[("cluster:", "Cluster:")],
            &[(TOP, "image: demo\nhostname: x")],
            &[(TOP, "image: demo\npackages: [vim]")],
            &[(EAST, "east, address: 192.168.50.12, dns: [1.1.1.1]")],
            &[(EAST, "east, address: 192.168.50.12, output: {}")],
            &[("gateway", "router: 192.168.50.1, gateway")],
            &[(TOP, "image: {path: a, sha265: b}")],
            &[(TOP, "image: demo\nuser: {password: hunter2}")],
            &[(TOP, "image: demo\nuser: {pasword_hash: hunter2}")],
            &[("network:", "netwrok:")],
            &[("nodes:", "nods:")],
            &[("gateway:", "gatway:")],
            &[(
                TOP,
                "image: images/raspios.img.xz\nsha256: 483db18a48da399b5b7022ffae9a07bc6d99daab30e593aedac09b69ff422843"
            )],
            &[(EAST, "east, address: 192.168.50.12, k3s: agent, role: agent")],
        ])
    );
}

#[test]
fn keys_of_other_programs_are_answered_with_what_says_the_same() {
    let top = |text: &'static str| (TOP, text);
    assert_snapshot!(
        "nodes_yaml__keys_of_others",
        answers(&[
            // Raspberry Pi Imager and rpi-preseed.
            &[top("image: demo\nssh: {enabled: true, password_authentication: false}")],
            &[top("image: demo\nwlan: {ssid: home}\nkeymap: de\npackages: {install: [vim]}")],
            // cloud-init.
            &[top(
                "image: demo\nusers: [{name: ann, sudo: ALL, gecos: Ann}]\nssh_pwauth: false\nruncmd: [ls]"
            )],
            &[top("image: demo\nwrite_files: [{path: /x, content: a, permissions: '0644'}]")],
            &[top("image: demo\nfiles: [{path: /x, content: a, permissions: '0644', encoding: b64}]")],
            &[top("image: demo\nuser: {name: ann, plain_text_passwd: hunter2, lock_passwd: true}")],
            // netplan.
            &[("prefix: 24, gateway: 192.168.50.1", "version: 2, dhcp4: false, gateway4: 192.168.50.1")],
            &[(EAST, "east, addresses: [192.168.50.12/24], k3s: agent, macaddress: 'b8:27:eb:12:34:56'")],
            // DietPi.
            &[top("image: demo\nAUTO_SETUP_TIMEZONE: Europe/Berlin\nAUTO_SETUP_SWAPFILE_SIZE: 0")],
            // sdm.
            &[top("image: demo\nbootconfig: x\ncopyfile: y\nrunatboot: z")],
            // k3s-ansible.
            &[top("image: demo\nk3s_cluster: {}\nk3s_version: v1.36.4+k3s1\ntoken: hunter2")],
            &[(
                "version: v1.36.4+k3s1",
                "version: v1.36.4+k3s1, extra_server_args: x, api_endpoint: 10.0.0.1"
            )],
            &[(EAST, "east, ansible_host: 192.168.50.12, ansible_user: ann, k3s: agent")],
        ])
    );
}

#[test]
fn what_is_missing_is_named_with_an_example() {
    assert_snapshot!(
        "nodes_yaml__missing",
        answers(&[
            &[("cluster: compass\n", "")],
            &[("image: demo\n", "")],
            &[("network: {prefix: 24, gateway: 192.168.50.1}\n", "")],
            &[("prefix: 24, ", "")],
            &[(", gateway: 192.168.50.1", "")],
            &[("prefix: 24, ", ""), (EAST, "east, address: 192.168.50.12, network: {prefix: 24}")],
            &[("name: east, ", "")],
            &[(", address: 192.168.50.12", "")],
            &[("version: v1.36.4+k3s1", "")],
            &[("compass", "")],
            &[(VALID, "cluster: a\nimage: demo\nnetwork: {prefix: 24, gateway: 192.168.50.1}\n")],
            &[(VALID, "cluster: a\nimage: demo\nnetwork: {prefix: 24, gateway: 192.168.50.1}\nnodes: []\n")],
            &[(VALID, "cluster: a\nimage: demo\nnetwork: {prefix: 24, gateway: 192.168.50.1}\nnodes:\n")],
            &[(EAST, "east, address: 192.168.50.12, k3s: {config: {}}")],
        ])
    );
}

#[test]
fn what_has_the_wrong_shape_is_said_plainly() {
    assert_snapshot!(
        "nodes_yaml__wrong_shape",
        answers(&[
            &[(VALID, "compass")],
            &[(VALID, "- a\n- b\n")],
            &[("{prefix: 24, gateway: 192.168.50.1}", "eth0")],
            &[("{prefix: 24, gateway: 192.168.50.1}", "[eth0]")],
            &[("compass", "[a]")],
            &[("compass", "{a: b}")],
            &[("gateway: 192.168.50.1", "gateway: 192.168.50.1, dns: {first: 1.1.1.1}")],
            &[(VALID, "cluster: a\nimage: demo\nnodes: {north: {address: 10.0.0.2}}\n")],
            &[("  - {name: east, address: 192.168.50.12, k3s: agent}", "  - east")],
            &[("east", "1e3")],
            &[("east", "yes")],
            &[("east", "true")],
            &[("east", "12")],
            &[("east", "~")],
            &[(TOP, "image: demo\nssh: {password_login: yes}")],
            &[(TOP, "image: demo\nssh: {password_login: \"true\"}")],
            &[(TOP, "image: demo\nimage: other")],
            &[(TOP, "image: demo\ntimezone:")],
        ])
    );
}

#[test]
fn what_is_no_yaml_has_a_place_and_advice() {
    assert_snapshot!(
        "nodes_yaml__no_yaml",
        answers(&[
            &[("k3s: server}", "k3s: server")],
            &[("  - {name: east", " - {name: east")],
            &[("compass", "\"compass")],
            &[("compass", "a: b")],
            &[("nodes:\n  -", "nodes:\n\t-")],
            &[("compass", "@home")],
            &[("compass", "*home")],
            &[("nodes:", "---\nnodes:")],
            &[(VALID, "")],
            &[(
                "  - {name: north, address: 192.168.50.11, k3s: server}",
                "  - name: north\n\taddress: 192.168.50.11"
            )],
            &[("cluster: compass", "cluster:compass")],
            &[("{prefix: 24, gateway: 192.168.50.1}", "\n  prefix:24\n  gateway: 192.168.50.1")],
            &[("cluster: compass", "cluster=compass")],
            &[(
                "  - {name: east, address: 192.168.50.12, k3s: agent}",
                "  -name: east\n   address: 192.168.50.12"
            )],
            &[("cluster: compass", "cluster:\u{a0}compass")],
            &[("{prefix: 24, gateway: 192.168.50.1}", "\n  prefix:24")],
            &[(
                "  - {name: north, address: 192.168.50.11, k3s: server}",
                "  - name: north\n    address: 192.168.50.11\n    name: west\n    address: 192.168.50.13",
            )],
            &[("address: 192.168.50.12", "address: dhcp")],
            &[("{prefix: 24, gateway: 192.168.50.1}", "{dhcp: true}")],
            &[("192.168.50.12", "192.168.50.1")],
            &[("image: demo", "image: demo\nuser: ann")],
            &[("image: demo", "image: demo\nuser: {name: ann}\nusers: [{name: pi, login: false}]")],
            &[("v1.36.4+k3s1", "v1.36.4+k3s1, manifests: [https://example.org/a.yaml]")],
        ])
    );
}

#[test]
fn names_are_checked_and_unique() {
    assert_snapshot!(
        "nodes_yaml__names",
        answers(&[
            &[("east", "East")],
            &[("east", "my_pi.local")],
            &[("east", "\"12\"")],
            &[("east", "localhost")],
            &[("east", "ip6-allnodes")],
            &[("east", "ö")],
            &[("east", "north")],
            &[("compass", "../x")],
            &[("compass", "My Cluster")],
            &[("gateway", "interface: wlan0, gateway")],
            &[("gateway", "interface: eth0, mac: 'b8:27:eb:12:34:56', gateway")],
            &[("gateway", "mac: 'b8:27:eb:12:34:56', gateway")],
            &[("gateway", "mac: 'ff:ff:ff:ff:ff:ff', gateway")],
            &[
                ("50.11", "50.11, network: {mac: 'b8:27:eb:12:34:56'}"),
                ("50.12", "50.12, network: {mac: 'B8:27:EB:12:34:56'}"),
            ],
            &[("gateway", "interface: \"eth0:1\", gateway")],
        ])
    );
}

#[test]
fn addresses_are_checked_and_unique() {
    assert_snapshot!(
        "nodes_yaml__addresses",
        answers(&[
            &[("50.12", "51.12")],
            &[("50.12", "50.11")],
            &[("50.12", "50.0")],
            &[("50.12", "50.255")],
            &[("50.12", "50.1")],
            &[("50.12", "50.256")],
            &[("192.168.50.12", "10.1")],
            &[("50.12", "50.12/25")],
            &[("50.12", "50.12/32")],
            &[("50.12", "50.12/")],
            &[("gateway: 192.168.50.1", "gateway: 192.168.50.1/25")],
            &[("192.168.50.12", "127.0.0.1")],
            &[("192.168.50.12", "240.0.0.1")],
            &[("gateway: 192.168.50.1", "gateway: 192.168.51.1")],
            &[("gateway: 192.168.50.1", "gateway: 192.168.50.0")],
            &[("gateway: 192.168.50.1", "gateway: 192.168.50.255")],
            &[("prefix: 24", "prefix: 31")],
            &[("prefix: 24", "netmask: 255.0.255.0")],
            &[("prefix: 24", "netmask: 255.255.255.255")],
            &[("prefix: 24", "netmask: 0.0.0.255")],
            &[("prefix: 24", "prefix: 24, netmask: 255.255.255.0")],
            &[("prefix: 24", "prefix: 0")],
            &[("prefix: 24", "prefix: 28")],
            &[("gateway: 192.168.50.1", "gateway: 192.168.50.1, dns: [dns.example]")],
            &[("gateway: 192.168.50.1", "gateway: 192.168.50.1, dns: '1.1.1.1, 9.9.9.9'")],
            &[(
                "gateway: 192.168.50.1",
                "gateway: 192.168.50.1, dns: [0.0.0.0, 255.255.255.255, 224.0.0.251]"
            )],
            &[("gateway: 192.168.50.1", "gateway: 192.168.50.1, dns: ['::', 'ff02::1', '::ffff:1.1.1.1']")],
            &[("gateway: 192.168.50.1", "gateway: 192.168.50.1, dns: 192.168.50.255")],
            &[("gateway: 192.168.50.1", "gateway: 192.168.50.1, search: [a..b]")],
            &[(EAST, "east, address: 192.168.50.12, network: {gateway: 192.168.60.1}")],
        ])
    );
}

#[test]
fn ipv6_is_checked_where_it_is_asked_for() {
    let with = |network: &'static str| ("gateway: 192.168.50.1}", network);
    let on_east = |address: &'static str| ("192.168.50.12", address);
    assert_snapshot!(
        "nodes_yaml__ipv6",
        answers(&[
            &[on_east("192.168.50.12, ipv6: fd00::12")],
            &[on_east("192.168.50.12, ipv6: fd00::12/64")],
            &[on_east("192.168.50.12, ipv6: fd00:12")],
            &[on_east("192.168.50.12, ipv6: ff02::1")],
            &[on_east("192.168.50.12, ipv6: fe80::1")],
            &[on_east("192.168.50.12, ipv6: \"fd00::\"")],
            &[on_east("192.168.50.12, ipv6: fd00::12"), ("192.168.50.11", "192.168.50.11, ipv6: fd00:0::12")],
            &[with("gateway: 192.168.50.1, ipv6: {gateway: fd00::1}}")],
            &[
                with("gateway: 192.168.50.1, ipv6: {gateway: fd00:1::1}}"),
                on_east("192.168.50.12, ipv6: fd00::12")
            ],
            &[
                with("gateway: 192.168.50.1, ipv6: {gateway: fe80::1}}"),
                on_east("192.168.50.12, ipv6: fd00::12")
            ],
            &[with("gateway: 192.168.50.1, ipv6: {prefix: 127}}"), on_east("192.168.50.12, ipv6: fd00::12")],
            &[on_east("192.168.50.12, network: {ipv6: {prefix: 64}}")],
            &[
                on_east("192.168.50.12, ipv6: fd00::12"),
                (NORTH, "north, address: 192.168.50.11, ipv6: fd00::11, k3s: server"),
                ("v1.36.4+k3s1", "v1.36.4+k3s1, config: {cluster-cidr: \"10.42.0.0/16,fd00::/56\"}"),
            ],
        ])
    );
}

#[test]
fn the_subnet_is_clear_of_the_networks_inside_k3s() {
    let moved = |subnet: &str| VALID.replace("192.168.50.", subnet);
    let judge = |text: String| match parse(&text) {
        Ok(_) => "valid\n".to_owned(),
        Err(invalid) => rendered(&invalid),
    };
    let configured = |subnet: &str, config: &str| {
        moved(subnet).replace("v1.36.4+k3s1", &format!("v1.36.4+k3s1, config: {{{config}}}"))
    };
    let without_k3s = moved("10.42.0.")
        .replace("k3s: {version: v1.36.4+k3s1}\n", "")
        .replace(", k3s: server", "")
        .replace(", k3s: agent", "");
    let wide = VALID.replace("192.168.50.", "10.0.0.").replace("prefix: 24", "prefix: 8");
    assert_snapshot!(
        "nodes_yaml__subnet",
        [
            judge(moved("10.42.0.")),
            judge(moved("10.43.7.")),
            judge(moved("10.44.0.")),
            judge(wide),
            judge(without_k3s),
            judge(configured("10.42.0.", "cluster-cidr: 10.52.0.0/16")),
            judge(configured("10.52.0.", "cluster-cidr: 10.52.0.0/16")),
            judge(configured("10.52.0.", "service-cidr: 10.52.0.0")),
            judge(configured("10.42.0.", "service-cidr: 10.52.0.0/16")),
            judge(configured("10.42.0.", "cluster-cidr: \"10.42.0.0/16,fd00:42::/56\"")),
            judge(configured("10.52.0.", "cluster-cidr: 10.52.0.0/16").replace("k3s: server", "k3s: agent")),
        ]
        .join("\n")
    );
}

#[test]
fn roles_have_to_make_a_cluster() {
    let three =
        "east, address: 192.168.50.12, k3s: server}\n  - {name: west, address: 192.168.50.13, k3s: server";
    assert_snapshot!(
        "nodes_yaml__roles",
        answers(&[
            &[(NORTH, "north, address: 192.168.50.11, k3s: agent")],
            &[(EAST, "east, address: 192.168.50.12, k3s: server")],
            &[(EAST, three)],
            &[(", k3s: server", ""), (", k3s: agent", ", k3s: none")],
            &[("k3s: {version: v1.36.4+k3s1}\n", "")],
            &[("k3s: {version: v1.36.4+k3s1}\n", ""), (", k3s: server", ""), (", k3s: agent", "")],
            &[("k3s: server", "k3s: sever")],
            &[("k3s: server", "k3s: master")],
            &[("k3s: server", "k3s: Control_Plane")],
            &[("k3s: agent", "k3s: worker")],
            &[("k3s: agent", "k3s: node")],
            &[("k3s: agent", "k3s: {role: minion}")],
            &[("k3s: agent", "k3s: Agent")],
            &[("k3s: agent", "k3s: yes")],
            &[("k3s: agent", "k3s: waiter")],
            &[("k3s: server", "k3s: {role: server, config: {node-label: [a=b]}}")],
        ])
    );
}

#[test]
fn versions_and_settings_of_k3s_are_checked() {
    let k3s = |settings: &'static str| ("version: v1.36.4+k3s1", settings);
    assert_snapshot!(
        "nodes_yaml__k3s",
        answers(&[
            &[k3s("version: 1.36.4+k3s1")],
            &[k3s("version: v1.36.4")],
            &[k3s("version: 1.36.4")],
            &[k3s("version: 1.36")],
            &[k3s("version: stable")],
            &[k3s("version: v1.36.4+rke2r1")],
            &[k3s("version: v1.36.4+k3s1, install: bundled")],
            &[k3s("version: v1.36.4+k3s1, install: {}")],
            &[k3s("version: v1.36.4+k3s1, install: {bundled: {}}")],
            &[k3s("version: v1.36.4+k3s1, install: {bundled: {binary: {}}}")],
            &[k3s("version: v1.36.4+k3s1, install: {download: {}, bundled: {}}")],
            &[k3s("version: v1.36.4+k3s1, install: {bundled: {binary: {amd64: k3s}}}")],
            &[k3s("version: v1.36.4+k3s1, install: {bundled: {binary: {arm64: k3s-arm64}}}")],
            &[k3s("version: v1.36.4+k3s1, install: {bundled: {binary: {arm64: 'https://x/k3s-arm64'}}}")],
            &[k3s(
                "version: v1.36.4+k3s1, install: {bundled: {binary: {arm64: {url: 'https://x/k3s-arm64'}}}}"
            )],
            &[k3s(
                "version: v1.36.4+k3s1, install: {bundled: {binary: {arm64: {path: x, url: 'https://x/y'}}}}"
            )],
            &[k3s("version: v1.36.4+k3s1, install: {download: {base_url: mirror.lan}}")],
            &[k3s("version: v1.36.4+k3s1, install: {download: {base_url: 'https://ann:pw@mirror.lan'}}")],
            &[k3s("version: v1.36.4+k3s1, install: {download: {sha256: {arm64: abc}}}")],
            &[k3s("version: v1.36.4+k3s1, install: {download: {sha256: {amd64: abc}}}")],
            &[k3s("version: v1.36.4+k3s1, config: {token: abc}")],
            &[k3s("version: v1.36.4+k3s1, config: {agent-token: abc}")],
            &[k3s("version: v1.36.4+k3s1, agent: {config: {server: 'https://x:6443'}}")],
            &[k3s("version: v1.36.4+k3s1, server: {config: {cluster-init: true}}")],
            &[k3s("version: v1.36.4+k3s1, config: {node-ip+: 10.0.0.1}")],
            &[k3s("version: v1.36.4+k3s1, config: {--node-name: x}")],
            &[k3s("version: v1.36.4+k3s1, config: {--disable: x}")],
            &[k3s("version: v1.36.4+k3s1, config: {'token ': hunter2}")],
            &[k3s("version: v1.36.4+k3s1, config: {K3S_TOKEN: hunter2, Node_Name: x}")],
            &[k3s(
                "version: v1.36.4+k3s1, config: {write_kubeconfig_mode: '0640', Debug: true, 'a b': c, '': d}"
            )],
            &[k3s("version: v1.36.4+k3s1, config: [disable]")],
        ])
    );
}

#[test]
fn users_and_their_passwords_are_checked() {
    let top = |text: &'static str| (TOP, text);
    let with_hash = format!(
        "image: demo\nssh: {{password_login: true}}\nuser: {{sudo: password, password_hash: {HASH}}}"
    );
    assert_snapshot!(
        "nodes_yaml__users",
        answers(&[
            &[top("image: demo\nuser: {name: Ann}")],
            &[top("image: demo\nuser: {name: root}")],
            &[top("image: demo\nuser: {name: gpio}")],
            &[top("image: demo\nuser: {shell: zsh}")],
            &[top("image: demo\nuser: {password_hash: hunter2}")],
            &[top("image: demo\nuser: {password_hash: 123456}")],
            &[top("image: demo\nuser:\n  password_hash: >-\n    hunter2")],
            &[top("image: demo\nuser: {password_hash: $6$salt$short}")],
            &[top("image: demo\nuser: {sudo: always}")],
            &[top("image: demo\nuser: {sudo: password}")],
            &[top("image: demo\nssh: {password_login: true}")],
            &[(TOP, &with_hash)],
            &[top("image: demo\ntimezone: Europe Berlin")],
            &[top("image: demo\ntimezone: ../../etc/passwd")],
            &[top("image: demo\nlocale: german")],
            &[top("image: demo\nlocale: de_DE")],
            &[top("image: demo\nlocale: de_DE.ISO-8859-1")],
        ])
    );
}

#[test]
fn users_beside_the_first_one_are_checked() {
    let top = |text: &'static str| (TOP, text);
    let north = |text: &'static str| (NORTH, text);
    assert_snapshot!(
        "nodes_yaml__added_users",
        answers(&[
            &[top("image: demo\nusers: [{uid: 1002}, {name: Bob}, {name: gpio, shell: zsh}]")],
            &[top("image: demo\nusers: bob")],
            &[top(
                "image: demo\nusers:\n  - {name: pi, login: false}\n  - {name: bob, login: false}\n  - {name: bob, login: false}"
            )],
            &[
                top("image: demo\nuser: {name: ann}\nusers: [{name: bob, login: false}]"),
                north(
                    "north, users: [{name: ann, login: false}, {name: bob, login: false}], address: 192.168.50.11, k3s: server"
                ),
            ],
            &[top(
                "image: demo\nuser: {uid: 1500}\nusers: [{name: bob, uid: 1000}, {name: eve, uid: 1002}, {name: dan, uid: 1002}]"
            )],
            &[top(
                "image: demo\nusers: [{name: bob, uid: 999}, {name: eve, uid: 65534}, {name: dan, uid: x}]"
            )],
            &[top("image: demo\nusers: [{name: bob, groups: [\"a:b\", \"\"], sudo: maybe}]")],
            &[top(
                "image: demo\nusers: [{name: bob, groups: [sudo], sudo: password}, {name: eve, groups: sudo}]"
            )],
            &[top("image: demo\nuser: {login: false}")],
            &[top(
                "image: demo\nuser: {login: false, sudo: nopasswd, shell: /bin/sh}\nusers: [{name: bob, ssh_authorized_keys: [], shell: /usr/sbin/nologin}]"
            )],
            &[top("image: demo\nuser: {login: never}")],
        ])
    );
}

#[test]
fn files_with_passwords_are_checked_and_never_shown() {
    let folder = tempfile::tempdir().unwrap();
    for (name, content) in [
        ("empty", "\n".to_owned()),
        ("lines", "hunter2\nhunter3\n".to_owned()),
        ("control", "hunter2\t\n".to_owned()),
        ("long", "hunter2".repeat(80)),
        ("cut", "$6$salt$hunter2\n".to_owned()),
    ] {
        std::fs::write(folder.path().join(name), content).unwrap();
    }
    std::fs::write(folder.path().join("latin"), b"hunter2\xfc\n").unwrap();
    let mut out = String::new();
    for user in [
        "password_file: missing",
        "password_file: empty",
        "password_file: lines",
        "password_file: control",
        "password_file: long",
        "password_file: cut",
        "password_file: latin",
        "password_file: empty, password_hash: $6$salt$hunter2",
        "password: hunter2",
    ] {
        let text = edited(&[(TOP, &format!("image: demo\nuser: {{{user}}}"))]);
        writeln!(
            out,
            "## {}\n{}",
            user.replace("hunter2", "…"),
            rendered(&parse_in(folder.path(), &text).unwrap_err())
        )
        .unwrap();
    }
    let out = out.replace(&folder.path().display().to_string(), "FOLDER").replace('\\', "/");
    assert!(!out.contains("hunter"), "{out}");
    assert_snapshot!("nodes_yaml__password_files", out);
}

#[test]
fn keys_are_checked_and_private_ones_never_shown() {
    let folder = tempfile::tempdir().unwrap();
    let secret = "b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtzc2gtZWQyNTUx";
    let private =
        format!("-----BEGIN OPENSSH PRIVATE KEY-----\n{secret}\n-----END OPENSSH PRIVATE KEY-----\n");
    for (name, content) in [
        ("id_ed25519", private.as_str()),
        ("laptop.pub", &format!("# mine\n{KEY}\n\n{KEY}\n")),
        ("empty.pub", "\n# nothing\n"),
        ("notes.pub", &format!("{KEY}\nhunter2\n")),
        ("ssh2.pub", "---- BEGIN SSH2 PUBLIC KEY ----\nAAAAC3Nz\n---- END SSH2 PUBLIC KEY ----\n"),
        ("pem.pub", "-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----\n"),
        ("key.ppk", "PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none\n"),
        ("options.pub", &format!("no-pty {KEY}\nshell=\"/bin/sh\" {KEY}\n")),
        ("large.pub", &format!("{KEY}\n").repeat(12_000)),
    ] {
        std::fs::write(folder.path().join(name), content).unwrap();
    }
    let utf_16: Vec<u8> = "\u{feff}ssh-ed25519".encode_utf16().flat_map(u16::to_le_bytes).collect();
    std::fs::write(folder.path().join("utf16.pub"), utf_16).unwrap();
    std::fs::write(folder.path().join("latin.pub"), b"# J\xfcrgen\n").unwrap();
    let mut out = String::new();
    for entries in [
        format!("[laptop.pub, \"{KEY}\"]"),
        "[id_ed25519]".to_owned(),
        "[laptop.pub, missing.pub]".to_owned(),
        "[\".\"]".to_owned(),
        "[empty.pub]".to_owned(),
        "[notes.pub]".to_owned(),
        "[\"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILM ann\"]".to_owned(),
        "[\"ssh-dss AAAAB3NzaC1kc3M ann\"]".to_owned(),
        format!("[{secret}]"),
        format!("\n    - |\n      {}", private.replace('\n', "\n      ")),
        format!("\n    - |\n{private}"),
        format!("\n{private}"),
        "[\"PuTTY-User-Key-File-3: ssh-ed25519\"]".to_owned(),
        "[ssh2.pub, pem.pub, key.ppk]".to_owned(),
        "[options.pub, large.pub, utf16.pub, latin.pub]".to_owned(),
        format!("[\"# {KEY}\", \"garbage {KEY}\", \"no-such-option {KEY}\"]"),
        format!("['from=10.0.0.1 {KEY}', 'expiry-time=\"soon\" {KEY}']"),
        format!("['from=\"\" {KEY}', 'from=\"192.168.50.7/24\" {KEY}', 'from=\"!10.0.0.9\" {KEY}']"),
        format!("['permitlisten=\"x\" {KEY}', 'expiry-time=\"20200101\" {KEY}', 'principals=\"ann\" {KEY}']"),
        format!("[\"{}\"]", KEY.replace("ssh-ed25519 ", "ssh-ed25519-cert-v01@openssh.com ")),
        "[gh:ann, https://github.com/ann.keys, lp:ann]".to_owned(),
        "[github:ann, {github: ann}]".to_owned(),
        "{github: ann, fingerprints: [MD5:00:11, SHA256:abc]}".to_owned(),
        format!("[{{github: ann/bob, fingerprints: {FINGERPRINT}}}, {{fingerprints: {FINGERPRINT}}}]"),
        format!("{{github: ann, fingerprints: {FINGERPRINT}, name: ann}}"),
        "laptop.pub".to_owned(),
    ] {
        let text = edited(&[(TOP, &format!("image: demo\nuser:\n  ssh_authorized_keys: {entries}"))]);
        writeln!(out, "## {}", entries.replace(secret, "(key)")).unwrap();
        match parse_in(folder.path(), &text) {
            Ok(cluster) => {
                writeln!(out, "{} keys", cluster.nodes[0].user.ssh_authorized_keys.lines.len()).unwrap();
            }
            Err(invalid) => {
                out += &rendered(&invalid);
                assert!(!format!("{invalid:?} {invalid}").contains(&secret[..20]));
            }
        }
        out.push('\n');
    }
    let out = out.replace(&folder.path().display().to_string(), "FOLDER").replace('\\', "/");
    assert!(!out.contains(&secret[..20]), "{out}");
    assert_snapshot!("nodes_yaml__ssh_keys", out);
}

#[test]
fn labels_taints_components_and_registries_are_checked() {
    let k3s = |settings: &'static str| ("version: v1.36.4+k3s1", settings);
    assert_snapshot!(
        "nodes_yaml__labels_and_taints",
        answers(&[
            &[k3s("version: v1.36.4+k3s1, labels: [disk=ssd]")],
            &[k3s("version: v1.36.4+k3s1, labels: {'disk size': large}")],
            &[k3s("version: v1.36.4+k3s1, labels: {disk: 'very large'}")],
            &[k3s("version: v1.36.4+k3s1, agent: {labels: {node-role.kubernetes.io/worker: ''}}")],
            &[k3s("version: v1.36.4+k3s1, labels: {Example.org/disk: ssd}")],
            &[k3s("version: v1.36.4+k3s1, taints: [dedicated=db]")],
            &[k3s("version: v1.36.4+k3s1, taints: ['dedicated=db:noSchedule']")],
            &[k3s("version: v1.36.4+k3s1, taints: ['a b:NoSchedule']")],
            &[k3s("version: v1.36.4+k3s1, taints: {dedicated: db}")],
            &[k3s("version: v1.36.4+k3s1, disable: [trafik]")],
            &[k3s("version: v1.36.4+k3s1, disable: traefik")],
            &[k3s("version: v1.36.4+k3s1, server: {disable: [traefik]}")],
            &[k3s(
                "version: v1.36.4+k3s1, registries: {mirors: {}, configs: {a: {auth: {password: hunter2}}}}"
            )],
            &[k3s("version: v1.36.4+k3s1, registries: {configs: [hunter2]}")],
            &[k3s("version: v1.36.4+k3s1, registries: missing.yaml")],
            &[k3s("version: v1.36.4+k3s1, registries: {mirrors: {docker.io: {endpoint: mirror.lan}}}")],
            &[k3s("version: v1.36.4+k3s1, registries: {mirrors: {quay.io/a: {}, '*': {rewrite: {a: [b]}}}}")],
            &[k3s(
                "version: v1.36.4+k3s1, registries: {configs: {a: {auth: {username: [x]}, tls: {key_file: /a}}}}"
            )],
            &[k3s(
                "version: v1.36.4+k3s1, registries: {configs: {'a:70000': {auth: {username: ann}}, 'b:x': {auth: {auth: 'ann:x'}}}}"
            )],
            &[k3s(
                "version: v1.36.4+k3s1, registries: {mirrors: {'a:0': {endpoint: ['https://[fd00::1]:65536/v2', 'http://b:5000']}}}"
            )],
            &[(EAST, "east, address: 192.168.50.12, k3s: {role: agent, labels: {a: [b]}}")],
            &[(EAST, "east, address: 192.168.50.12, k3s: agent, labels: {a: b}")],
            &[(NORTH, "north, address: 192.168.50.11, k3s: server, taints: [a=b:NoSchedule]")],
        ])
    );
}

#[test]
fn values_of_flags_that_contradict_each_other_are_refused() {
    let with = |config: &str| {
        edited(&[
            ("v1.36.4+k3s1", &format!("v1.36.4+k3s1, server: {{config: {{{config}}}}}")),
            (NORTH, "north, address: 192.168.50.11, ipv6: fd00::11, k3s: server"),
            (EAST, "east, address: 192.168.50.12, ipv6: fd00::12, k3s: agent"),
        ])
    };
    let mut out = String::new();
    for config in [
        "cluster-cidr: 10.43.0.0/17",
        "service-cidr: 10.0.0.0/8",
        "cluster-cidr: 10.50.0.0/16, service-cidr: 10.50.128.0/20, cluster-dns: 10.50.128.10",
        "cluster-cidr: '10.42.0.0/16,fd00:42::/56', service-cidr: '10.43.0.0/16,fd00:42::/112'",
        "cluster-dns: 10.42.0.10",
        "cluster-dns: [10.43.0.10, 10.43.0.1]",
        "cluster-dns: kube-dns, service-cidr: 10.44.0.0/16",
        "service-cidr: 10.44.0.0/16, cluster-dns: 10.43.0.10",
        "advertise-address: 192.168.50.12",
        "advertise-address: north",
    ] {
        let text = with(config);
        writeln!(out, "## {config}").unwrap();
        out += &parse(&text).map_or_else(|invalid| rendered(&invalid), |_| "valid\n".to_owned());
    }
    for right in [
        "cluster-cidr: 10.50.0.0/16, service-cidr: 10.51.0.0/16, cluster-dns: 10.51.0.10",
        "cluster-cidr: '10.42.0.0/16,fd00:42::/56', service-cidr: '10.43.0.0/16,fd00:43::/112', cluster-dns: '10.43.0.53,fd00:43::a'",
        "advertise-address: 192.168.50.11",
    ] {
        let text = with(right);
        let cluster = parse(&text).unwrap_or_else(|invalid| panic!("{right}: {}", rendered(&invalid)));
        assert_eq!(cluster.warnings, [], "{right}");
    }
    assert_snapshot!("nodes_yaml__flag_values", out);
}

#[test]
fn boards_are_described_in_words_that_are_known() {
    assert_snapshot!(
        "nodes_yaml__boards",
        answers(&[
            &[(TOP, "image: demo\nswap: on")],
            &[(TOP, "image: demo\nswap: 2GiB")],
            &[(TOP, "image: demo\nmemory: 1TB")],
            &[(TOP, "image: demo\nmemory: 3")],
            &[(TOP, "image: demo\nmemory: lots")],
            &[(TOP, "image: demo\nboot: {page_size: 4096}")],
            &[(TOP, "image: demo\nboot: {page_size: 16k}")],
        ])
    );
}

#[test]
fn manifests_are_checked_before_they_are_on_a_card() {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in [
        (
            "good.yaml",
            "apiVersion: v1\nkind: Namespace\nmetadata: {name: a}\n---\n---\napiVersion: v1\nkind: List\nitems: []\n",
        ),
        ("good.json", "{\"apiVersion\": \"v1\", \"kind\": \"Namespace\", \"metadata\": {\"name\": \"a\"}}"),
        ("folder/a.yml", "apiVersion: v1\nkind: Namespace\nmetadata: {name: a}\n"),
        ("folder/README.md", "not for k3s"),
        ("empty/README.md", "not for k3s"),
        ("broken.yaml", "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: a\n name: b\n"),
        ("broken.json", "{\n  \"apiVersion\": \"v1\",\n}\n"),
        ("second.yaml", "apiVersion: v1\nkind: Namespace\nmetadata: {name: a}\n---\nspec: {}\n"),
        ("list.yaml", "- apiVersion: v1\n"),
        ("nothing.yaml", "# only words\n"),
        ("My_App.yaml", "apiVersion: v1\nkind: Namespace\n"),
        ("traefik.yaml", "apiVersion: v1\nkind: Namespace\n"),
        ("script.sh", ""),
        (
            "data.yaml",
            "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\ndata: {good: aHVudGVyMg==, plain: hunter2, short: aHVudGVyMg}\n\
             stringData: {pin: 1234, plain: hunter2}\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n\
             data: {port: 8080, text: a}\nbinaryData: {picture: '???'}\n",
        ),
        (
            "names.yaml",
            "apiVersion: v1\nkind: Namespace\nmetadata: {name: My_Space}\n---\napiVersion: v1\nkind: ConfigMap\n\
             metadata: {generateName: x-}\n---\napiVersion: v1\nkind: Service\n\
             metadata: {name: web, namespace: a.b, labels: {version: 1.0, app: two words, -x: y}}\n---\n\
             apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, annotations: [x]}\n\
             spec: {template: {metadata: {labels: {on: true}}}}\n",
        ),
        (
            "kustomize.yaml",
            "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: [a]\n",
        ),
        (
            "item.yaml",
            "apiVersion: v1\nkind: List\nitems: [{apiVersion: v1, kind: Secret, metadata: {name: 12}}]\n",
        ),
    ] {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    std::fs::write(folder.path().join("latin.yaml"), b"apiVersion: v1\nkind: \xe4\n").unwrap();
    let mut out = String::new();
    for manifests in [
        "[broken.yaml, broken.json]",
        "[second.yaml]",
        "[list.yaml]",
        "[nothing.yaml]",
        "[My_App.yaml]",
        "[traefik.yaml]",
        "[script.sh]",
        "[data.yaml]",
        "[latin.yaml]",
        "[good.yaml, good.json]",
        "[empty]",
        "[missing.yaml]",
        "[manifests/it-works.yaml]",
        "[names.yaml, kustomize.yaml]",
        "item.yaml",
    ] {
        let text = edited(&[("v1.36.4+k3s1", &format!("v1.36.4+k3s1, manifests: {manifests}"))]);
        writeln!(out, "## {manifests}").unwrap();
        out += &rendered(&parse_in(folder.path(), &text).unwrap_err());
    }
    assert_snapshot!("nodes_yaml__manifests", out.replace(&folder.path().display().to_string(), "[FOLDER]"));
}

#[test]
fn registries_in_a_file_are_checked_and_not_shown() {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in [
        ("a.yaml", "mirors: {}\n"),
        ("b.yaml", "- hunter2\n"),
        ("c.yaml", "configs:\n  a: {auth: {password: hunter2}\n"),
        ("d.yaml", "configs: hunter2\n"),
        ("e.yaml", "mirrors: {}\n---\nconfigs: {}\n"),
        (
            "f.yaml",
            "mirrors:\n  docker.io:\n    endpoints: [https://a]\n  https://quay.io:\n    endpoint: https://a\n  ghcr.io:\n    \
             endpoint: [mirror.lan:5000, 'https://ann:hunter2@a', 'https://']\n    rewrite: [a]\n",
        ),
        (
            "g.yaml",
            "configs:\n  a:\n    auth: {user: ann, password: 12345, token: hunter2}\n    \
             tls: {ca_file: mine.pem, cert_file: /a, insecure_skip_verify: 'true'}\n    proxy: x\n  b: hunter2\n",
        ),
        ("h.yaml", "mirrors: {a: {endpoint: []}, a: {}}\n"),
    ] {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    let mut out = String::new();
    for name in ["a.yaml", "b.yaml", "c.yaml", "d.yaml", "e.yaml", "f.yaml", "g.yaml", "h.yaml"] {
        let text = edited(&[("v1.36.4+k3s1", &format!("v1.36.4+k3s1, registries: {name}"))]);
        writeln!(out, "## {name}").unwrap();
        out += &rendered(&parse_in(folder.path(), &text).unwrap_err());
    }
    assert!(!out.contains("hunter2"), "{out}");
    assert_snapshot!("nodes_yaml__registries", out.replace(&folder.path().display().to_string(), "[FOLDER]"));
}

#[test]
fn archives_of_images_are_checked() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["k3s-arm64", "a.tar", "list.txt", "a.zip", "a b.tar", "deeper/a.tar"] {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, "").unwrap();
    }
    let mut out = String::new();
    for images in ["[list.txt]", "[a.zip]", "['a b.tar']", "[a.tar, deeper/a.tar]", "[missing.tar.zst]"] {
        let install = format!("{{bundled: {{binary: {{arm64: k3s-arm64}}, images: {images}}}}}");
        let text = edited(&[("v1.36.4+k3s1", &format!("v1.36.4+k3s1, install: {install}"))]);
        writeln!(out, "## {images}").unwrap();
        out += &rendered(&parse_in(folder.path(), &text).unwrap_err());
    }
    assert_snapshot!("nodes_yaml__archives", out.replace(&folder.path().display().to_string(), "[FOLDER]"));
}

#[test]
fn extra_files_are_checked() {
    let file = |text: &str| format!("image: demo\nfiles: [{{{text}}}]");
    let mut out = String::new();
    for text in [
        "path: /etc/motd, content: hello",
        "path: /etc/motd",
        "content: hello",
        "path: /etc/motd, content: a, source: b",
        "path: /etc/motd, source: missing.txt",
        "path: etc/motd, content: a",
        "path: /etc/../motd, content: a",
        "path: /, content: a",
        "path: /boot/firmware/config.txt, content: a",
        "path: /boot/firmware/ssh, content: a",
        "path: /Config.txt, partition: boot, content: a",
        "path: /run/x, content: a",
        "path: /boot/firmware/x, partition: boot, content: a",
        "path: '/a:b', partition: boot, content: a",
        "path: '/ümlaut.txt', partition: boot, content: a",
        "path: /x, partition: boot, mode: 0755, owner: user, content: a",
        "path: /x, partition: data, content: a",
        "path: /x, mode: u+x, content: a",
        "path: /x, mode: 99999, content: a",
        "path: /x, owner: ann, content: a",
        "path: /x, content: a}, {path: /x, content: b",
        "path: /x.txt, partition: boot, content: a}, {path: /X.TXT, partition: boot, content: b",
        "path: /var/run/x, content: a",
        "path: /var/lock/x, content: a",
        "path: '~', content: a",
        "path: ~bob/x, content: a",
        "path: ~/../x, content: a",
        "path: ~/x, partition: boot, content: a",
        "path: ~/x, content: a}, {path: /home/pi/x, content: b",
        "path: /a, content: a}, {path: /a/b, content: b",
        "path: /a/b/c, content: a}, {path: /a, content: b",
        "path: /a, partition: boot, content: a}, {path: /A/b, partition: boot, content: b",
        "path: /etc/hostname, content: a",
        "path: /etc/hosts, content: a",
        "path: ~/.ssh/authorized_keys, content: a",
        "path: /home/pi/.ssh/authorized_keys, content: a",
        "path: /etc/shadow, content: a",
        "path: /etc/ssh/sshd_config.d/10-cardwright.conf, content: a",
        "path: /etc/rancher/k3s/config.yaml, content: a",
        "path: /etc/cardwright/card.json, content: a",
        "path: /etc/systemd/system/cardwright-first-boot.service, content: a",
        "path: /config.txt., partition: boot, content: a",
        "path: '/cmdline.txt ', partition: boot, content: a",
        "path: /overlays./x, partition: boot, content: a",
        "path: /longfilename1.txt, partition: boot, content: a}, {path: /LONGFI~1.TXT, partition: boot, content: b",
        "path: /Custom.toml, partition: boot, content: a",
        "path: /rpi-preseed.toml, partition: boot, content: a",
        "path: /firstrun.sh, partition: boot, content: a",
        "path: /userconf, partition: boot, content: a",
        "path: /userconf.txt, partition: boot, content: a",
        "path: /wpa_supplicant.conf, partition: boot, content: a",
        "path: /user-data, partition: boot, content: a",
        "path: /meta-data, partition: boot, content: a",
        "path: /vendor-data, partition: boot, content: a",
        "path: /network-config, partition: boot, content: a",
        "path: /cardwright-status.txt, partition: boot, content: a",
    ] {
        out += &answers(&[&[(TOP, &file(text))]]);
    }
    assert_snapshot!("nodes_yaml__files", out.replace("no-such-folder\\", "no-such-folder/"));
}

#[test]
fn free_names_on_the_boot_partition_stay_free() {
    for path in ["/ssh", "/ssh.txt", "/a~b.txt", "/backup~12345678", "/x.tar.gz", "/overlays/custom.toml"] {
        let file = format!("image: demo\nfiles: [{{path: {path}, partition: boot, content: a}}]");
        parse(&edited(&[(TOP, &file)])).unwrap();
    }
}

#[test]
fn a_source_that_no_card_has_room_for_is_refused_by_its_size() {
    let folder = tempfile::tempdir().unwrap();
    let source = std::fs::File::create(folder.path().join("big")).unwrap();
    let text = edited(&[(TOP, "image: demo\nfiles: [{path: /big, source: big}]")]);
    // Not every filesystem of a developer's machine knows files that large.
    if source.set_len(2 << 40).is_ok() {
        assert_snapshot!(
            "nodes_yaml__source_too_large",
            rendered(&parse_in(folder.path(), &text).unwrap_err())
        );
    }
    source.set_len(20 << 30).unwrap();
    parse_in(folder.path(), &text).unwrap();
}

#[test]
fn files_of_a_node_and_of_the_cluster_are_held_against_each_other() {
    let text = edited(&[
        (
            TOP,
            "image: demo\nfiles: [{path: /opt/a, content: a}, {path: /etc/motd, content: a}, {path: ~/x, content: a}]",
        ),
        (
            "k3s: agent}",
            "k3s: agent, user: {name: ann}, files: [{path: /opt/a/b, content: b}, {path: /etc/motd, content: b}, {path: /home/ann/x/y, content: b}]}",
        ),
    ]);
    assert_snapshot!("nodes_yaml__files_of_both", rendered(&parse(&text).unwrap_err()));
    // What stands beside what cardwright writes, and a node without k3s, may be written to.
    for free in [
        "/etc/hostname.own",
        "/etc/ssh/sshd_config.d/50-own.conf",
        "/etc/rancher/k3s/config.yaml.d/own.yaml",
        "/etc/systemd/system/k3s.service.d/own.conf",
        "/home/bob/.ssh/authorized_keys",
    ] {
        parse(&edited(&[(TOP, &format!("image: demo\nfiles: [{{path: {free}, content: a}}]"))])).unwrap();
    }
    let plain = VALID
        .replace("k3s: {version: v1.36.4+k3s1}\n", "")
        .replace(", k3s: server", "")
        .replace(", k3s: agent", "");
    let plain = plain.replace(TOP, "image: demo\nfiles: [{path: /etc/rancher/k3s/config.yaml, content: a}]");
    parse(&plain).unwrap();
}

#[cfg(unix)]
#[test]
fn sources_that_are_no_plain_files_are_refused_and_not_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe.yaml");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    std::fs::create_dir(folder.path().join("manifests")).unwrap();
    std::os::unix::fs::symlink(&pipe, folder.path().join("manifests/own.yaml")).unwrap();
    let version = "version: v1.36.4+k3s1";
    let mut out = String::new();
    for edits in [
        (TOP, "image: demo\nfiles: [{path: /opt/x, source: pipe.yaml}]"),
        (TOP, "image: demo\nfiles: [{path: /opt/x, source: /dev/zero}]"),
        (TOP, "image: demo\nuser: {ssh_authorized_keys: [pipe.yaml]}"),
        (version, "version: v1.36.4+k3s1, manifests: [pipe.yaml]"),
        (version, "version: v1.36.4+k3s1, manifests: [manifests]"),
        (version, "version: v1.36.4+k3s1, registries: pipe.yaml"),
        (version, "version: v1.36.4+k3s1, install: {bundled: {binary: {arm64: pipe.yaml}}}"),
        (version, "version: v1.36.4+k3s1, install: {bundled: {binary: {arm64: {path: pipe.yaml}}}}"),
    ] {
        let invalid = parse_in(folder.path(), &edited(&[edits])).unwrap_err();
        for problem in &invalid.problems {
            writeln!(out, "{}. {}", problem.message, problem.hint.as_deref().unwrap()).unwrap();
        }
    }
    assert_snapshot!(
        "nodes_yaml__source_no_file",
        out.replace(&folder.path().display().to_string(), "FOLDER")
    );
}

#[test]
fn time_servers_are_checked() {
    let mut out = String::new();
    for server in [
        "''",
        "0.0.0.0",
        "127.0.0.1",
        "255.255.255.255",
        "'fe80::1'",
        "'::1'",
        "192.168.50.999",
        "192.168.50",
        "192.168.50.1/24",
        "'ntp://time.lan'",
        "'time.lan:123'",
        "time_1.lan",
        "time.lan.",
        "'a b'",
        "{a: b}",
        "[time.lan, 1.2]",
    ] {
        let text = format!("image: demo\nntp: {server}");
        out += &answers(&[&[(TOP, &text)]]);
    }
    assert_snapshot!("nodes_yaml__time_servers", out);
}

/// k3s reads its flags whatever they do to a card.
#[test]
fn flags_of_k3s_that_contradict_the_card_are_refused() {
    let mut out = String::new();
    for config in [
        "t: hunter2",
        "s: https://192.168.50.9:6443",
        "i+: 192.168.50.9",
        "d: /srv/k3s",
        "--o: /root/kubeconfig",
        "data-dir: /tmp/k3s",
        "data-dir: srv",
        "data-dir+: /srv/k3s",
        "https-listen-port: 6444",
        "https-listen-port: six",
        "supervisor-port: 9345",
        "advertise-port: 443",
        "bind-address: 127.0.0.1",
        "cluster-reset: true",
        "with-node-id: true",
        "rootless: true",
        "vpn-auth: 'name=tailscale,joinKey=hunter2'",
        "private-registry: /etc/registries.yaml",
        "disable-etcd: true",
        "config: /etc/k3s.yaml",
    ] {
        let text = format!("version: v1.36.4+k3s1, config: {{{config}}}");
        out += &answers(&[&[("version: v1.36.4+k3s1", &text)]]);
    }
    assert_snapshot!("nodes_yaml__flags_against_card", out);
}

#[test]
fn flags_that_servers_have_to_share_are_compared() {
    let servers = |north: &str, east: &str| {
        let with = |config: &str| format!("{{role: server, config: {{{config}}}}}");
        let third = "}
  - {name: south, address: 192.168.50.13, k3s: server}";
        edited(&[
            ("k3s: server", &format!("k3s: {}", with(north))),
            ("k3s: agent}", &format!("k3s: {}{third}", with(east))),
        ])
    };
    let judge =
        |text: String| parse(&text).map_or_else(|invalid| rendered(&invalid), |_| "valid\n".to_owned());
    let mut out = String::new();
    for (north, east) in [
        ("", "cluster-cidr: 10.52.0.0/16"),
        ("secrets-encryption: true", ""),
        ("flannel-backend: host-gw", "flannel-backend: wireguard-native"),
        ("disable: [servicelb]", "disable: [traefik]"),
        ("https-listen-port: 7443", ""),
        ("data-dir: /srv/k3s", ""),
    ] {
        let said = judge(servers(north, east));
        writeln!(out, "## north: {{{north}}}, east: {{{east}}}\n{said}").unwrap();
    }
    for (north, east) in [
        ("", "flannel-backend: vxlan, egress-selector-mode: agent"),
        ("disable: [traefik]", "disable: []"),
        ("cluster-dns: 10.43.0.10", "secrets-encryption: false"),
    ] {
        assert!(parse(&servers(north, east)).is_ok(), "{north} / {east}: {}", judge(servers(north, east)));
    }
    assert_snapshot!("nodes_yaml__flags_of_servers", out);
}

#[test]
fn boot_settings_and_commands_are_checked() {
    let top = |text: &'static str| (TOP, text);
    assert_snapshot!(
        "nodes_yaml__boot_settings",
        answers(&[
            &[top("image: demo\nboot: {config: [\"a=1\\nb=2\"]}")],
            &[top("image: demo\nboot: {config: [\"\"]}")],
            &[top(
                "image: demo\nboot: {config: [\"dtoverlay=gpio-fan,gpiopin=14,temp=60000,dtparam=audio=off,dtparam=i2c_arm=on,dtparam=spi=on,dtparam=watchdog=on\"]}"
            )],
            &[top("image: demo\nboot: {cmdline: [\"quiet splash\"]}")],
            &[top("image: demo\nboot: {cmdline: [init=/bin/sh]}")],
            &[top("image: demo\nboot: {cmdline: [root=/dev/sda2]}")],
            &[top("image: demo\nboot: {cmdline: [resized]}")],
            &[top("image: demo\nfirst_boot: [\" \"]")],
            &[top("image: demo\nfirst_boot: apt-get update")],
        ])
    );
}

#[test]
fn how_the_cluster_is_reached_is_checked() {
    let k3s = |settings: &'static str| ("version: v1.36.4+k3s1", settings);
    assert_snapshot!(
        "nodes_yaml__api_address",
        answers(&[
            &[k3s("version: v1.36.4+k3s1, ca_start_year: 26")],
            &[k3s("version: v1.36.4+k3s1, ca_start_year: 2026-11-25")],
            &[k3s("version: v1.36.4+k3s1, founded: 26")],
            &[k3s("version: v1.36.4+k3s1, founded: 2026, ca_start_year: 2026")],
            &[(TOP, "image: demo\nfounded: 2026")],
            &[k3s("version: v1.36.4+k3s1, kubeconfig: {lifetime: 3}")],
            &[k3s("version: v1.36.4+k3s1, kubeconfig: {lifetime: 11y}")],
            &[k3s("version: v1.36.4+k3s1, kubeconfig: 3y")],
            &[k3s("version: v1.36.4+k3s1, kubeconfig: {days: 90}")],
            &[k3s("version: v1.36.4+k3s1, virtual_address: 192.168.50.12")],
            &[k3s("version: v1.36.4+k3s1, virtual_address: 192.168.50.1")],
            &[k3s("version: v1.36.4+k3s1, virtual_address: 192.168.51.10")],
            &[k3s("version: v1.36.4+k3s1, virtual_address: 192.168.50.255")],
            &[k3s("version: v1.36.4+k3s1, virtual_address: kube.lan")],
            &[k3s("version: v1.36.4+k3s1, virtual_address: {by: kube-vip}")],
            &[k3s("version: v1.36.4+k3s1, virtual_address: {address: 192.168.50.9, by: keepalived}")],
            &[k3s(
                "version: v1.36.4+k3s1, virtual_address: {address: 192.168.50.12, by: kube-vip, interface: eth0}"
            )],
            &[k3s("version: v1.36.4+k3s1, virtual_ip: 192.168.50.10")],
        ])
    );
}

#[test]
fn images_and_outputs_are_checked() {
    let image = |text: &'static str| ("image: demo", text);
    assert_snapshot!(
        "nodes_yaml__images_and_outputs",
        answers(&[
            &[image("image: https://example.org/raspios.img.xz")],
            &[image("image: {url: https://example.org/raspios.img.xz}")],
            &[image("image: {url: ftp://example.org/raspios.img.xz, sha256: abc}")],
            &[image("image: {path: a.img, sha256: 483db18a}")],
            &[image("image: {path: a.img, url: https://example.org/a.img}")],
            &[image("image: {sha256: abc}")],
            &[image("image: {path: a.img, grow: 1GB}")],
            &[image("image: {path: a.img, grow: yes}")],
            &[image(
                "image: {path: demo, sha256: 483db18a48da399b5b7022ffae9a07bc6d99daab30e593aedac09b69ff422843}"
            )],
            &[image("image: ''")],
            &[image("image: ~ann/a.img")],
            &[image("image: demo\noutput: {format: img.xz}")],
            &[image("image: demo\noutput: {format: vmdk}")],
            &[image("image: demo\noutput: images")],
        ])
    );
}

#[test]
fn all_mistakes_are_reported_at_once_in_the_order_of_the_file() {
    let text = "\
cluster: Compass
image: {url: https://example.org/raspios.img.xz}
output: {dir: images, formt: img}
network: {prefix: 33, gateway: 192.168.50.1}
k3s: {version: v1.36.4, install: download}
nodes:
  - {name: north, address: 192.168.50.11, k3s: sever}
  - {name: north, address: 192.168.50.11}
  - {name: south, adress: 192.168.50.13}
  - {name: west, address: 192.168.50.14, ssh: {password_login: yes}}
";
    let invalid = parse(text).unwrap_err();
    // That the misspelt key is missing, too, is not said.
    assert_eq!(invalid.problems.len(), 10);
    let places: Vec<_> = invalid.problems.iter().map(|problem| (problem.line, problem.column)).collect();
    assert!(places.is_sorted(), "{places:?}");
    assert_snapshot!("nodes_yaml__order", rendered(&invalid));
}

#[test]
fn a_mistake_at_the_top_or_behind_an_alias_is_said_once_and_not_for_every_node() {
    assert_snapshot!(
        "nodes_yaml__said_once",
        answers(&[
            &[("gateway: 192.168.50.1", "gateway: 192.168.50")],
            &[
                ("nodes:", "nodes:\n  - &west {name: west, address: 192.168.50.13, timezone: a b}"),
                (
                    "{name: east, address: 192.168.50.12, k3s: agent}",
                    "{<<: *west, name: east, address: 192.168.50.12}"
                ),
            ],
        ])
    );
}

#[test]
fn a_file_that_cannot_be_read_is_one_problem() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("nodes.yaml");
    let problem = |path: &Path| {
        let invalid = Cluster::load(path).unwrap_err();
        assert_eq!(invalid.problems.len(), 1);
        let problem = invalid.problems[0].clone();
        assert_eq!(invalid.source_line(&problem), None);
        (problem.line, problem.column, problem.message)
    };
    let (line, _, message) = problem(&path);
    assert_eq!(line, 0);
    assert!(message.starts_with("the file cannot be read: "), "{message}");
    std::fs::write(&path, b"cluster: compass\nuser: {name: \xe4}\n").unwrap();
    assert_eq!(problem(&path), (2, 14, "this character is not UTF-8".to_owned()));
    std::fs::write(&path, "#".repeat(1024 * 1024 + 1)).unwrap();
    assert_eq!(problem(&path), (0, 0, "the file is larger than 1 MiB".to_owned()));
    std::fs::write(&path, VALID).unwrap();
    assert_eq!(Cluster::load(&path).unwrap().source, path);
}

#[test]
fn a_line_with_a_password_hash_is_not_shown_for_another_problem_in_it() {
    let text = edited(&[(TOP, &format!("image: demo\nuser: {{name: Ann, password_hash: {HASH}}}"))]);
    let invalid = parse(&text).unwrap_err();
    assert_eq!(invalid.problems.len(), 1);
    assert_eq!(invalid.source_line(&invalid.problems[0]), None);
    assert!(!format!("{invalid:?}").contains(HASH));
    assert!(!serde_json::to_string(&invalid.problems).unwrap().contains(HASH));
}
