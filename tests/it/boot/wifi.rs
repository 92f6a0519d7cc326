//! Nodes on Wi-Fi: what nodes.yaml says of the wireless network is what the booted machine joins.

use crate::boot::access_point::{PASSPHRASE, SSID, Security, files};
use crate::boot::cluster::{NAME_SERVERS, NODES, Recipe, Suite, Uplink, User};
use crate::boot::findings::Findings;
use crate::boot::k3s_cluster::{Install, More, build_with, records, serve_good_releases};
use crate::boot::k3s_first_boot::installs_k3s;
use crate::boot::machine::Machine;
use crate::boot::single_node::{PASSWORD, boots_as_its_node};
use crate::boot::time_server::start_time_server;
use crate::boot::wire::{GATEWAY, SECOND_GATEWAY, Wire};

#[test]
#[ignore = "boots a machine: run tests/harness/boot-test.sh --long"]
fn a_trixie_node_joins_a_network_with_wpa2() {
    joins("trixie-wpa2", Suite::Trixie, Security::Wpa2);
}

#[test]
#[ignore = "boots a machine: run tests/harness/boot-test.sh --long"]
fn a_trixie_node_joins_a_network_with_wpa3() {
    joins("trixie-wpa3", Suite::Trixie, Security::Wpa3);
}

#[test]
#[ignore = "boots a machine: run tests/harness/boot-test.sh --long"]
fn a_trixie_node_joins_a_hidden_network() {
    joins("trixie-hidden", Suite::Trixie, Security::Wpa2Hidden);
}

#[test]
#[ignore = "boots a machine: run tests/harness/boot-test.sh --long"]
fn a_bookworm_node_joins_a_hidden_network() {
    joins("bookworm-hidden", Suite::Bookworm, Security::Wpa2Hidden);
}

#[test]
#[ignore = "boots a machine: run tests/harness/boot-test.sh --long"]
fn a_bookworm_node_joins_an_open_network() {
    joins("bookworm-open", Suite::Bookworm, Security::Open);
}

#[test]
#[ignore = "boots a machine: run tests/harness/boot-test.sh --long"]
fn a_bullseye_node_joins_a_network_with_wpa2() {
    joins("bullseye-wpa2", Suite::Bullseye, Security::Wpa2);
}

fn joins(test: &str, suite: Suite, security: Security) {
    let user = User { name: "ada", password: PASSWORD, passwordless_sudo: true };
    let nodes = NODES.map(|(name, address)| format!("  - {{name: {name}, address: {address}}}\n"));
    let rest = format!("files:\n{}nodes:\n{}", files(suite, security, "eth0"), nodes.concat());
    let uplink = &uplink(security);
    let (user, only) = (&user, &["north"]);
    let cluster = Recipe { suite, grow: "none", user, uplink, only, beside: &[], rest: &rest }.build(test);
    boots_as_its_node(&cluster, |machine, findings| is_on_the_air(machine, security, findings));
}

/// k3s stays on the wire where there is one beside the air.
#[test]
#[ignore = "boots a machine: run tests/harness/boot-test.sh --long"]
fn a_node_with_a_wire_and_wifi_has_k3s_on_the_wire() {
    let _wire = Wire::with_ports(1);
    let _time = start_time_server();
    let releases = serve_good_releases();
    let (name, address) = NODES[0];
    let (security, beside) = (Security::Wpa2, "192.168.60.11/24");
    let uplink = Uplink { has_second_wire: true, ..Uplink::default() };
    let more = More {
        uplink,
        of_north: format!(", wifi: {{{}, address: {beside}}}", keys_of(security)),
        files: files(Suite::Trixie, security, "eth1"),
        ..More::default()
    };
    let cluster = build_with("wire-and-wifi", Install::Download, &[name], more);
    let mut machine = cluster.machine(name);
    machine.power_on();
    machine.wait_for_login();
    machine.wait_until("ip -4 -o addr show dev wlan0 | awk '{print $4}'", beside);
    let mut findings = Findings::default();
    let on_eth0 = machine.ask("ip -4 -o addr show dev eth0 | awk '{print $4}'");
    findings.same("the address on the wire", &on_eth0, &format!("{address}/24"));
    let routes = machine.ask("ip -4 route show default | awk '{print $3, $5}'");
    findings.same("routes out", &routes, &format!("{GATEWAY} eth0"));
    let by_air = machine.ask(&format!("ping -c 1 -W 20 -I wlan0 {SECOND_GATEWAY}"));
    findings.holds("somebody answers over the air", by_air.contains("1 received"), by_air);
    let servers = machine.ask("grep ^nameserver /etc/resolv.conf | cut -d ' ' -f 2 | tr '\\n' ' '");
    findings.same("name servers", &servers, &NAME_SERVERS.join(" "));
    machine.wait_until("systemctl is-active k3s", "active");
    let call = &records(&machine, "calls")[0];
    findings.same("flannel-iface", &call["config"]["flannel-iface"].to_string(), r#""eth0""#);
    findings.settle("with a wire and Wi-Fi");
    installs_k3s(&mut machine, &releases, cluster.suite, Some(address));
}

fn keys_of(security: Security) -> String {
    // YAML takes what JSON writes.
    let ssid = serde_json::to_string(SSID).unwrap();
    let password = serde_json::to_string(PASSPHRASE).unwrap();
    let security = match security {
        Security::Open => "security: open".to_owned(),
        Security::Wpa2 => format!("password: {password}"),
        Security::Wpa2Hidden => format!("password: {password}, hidden: true"),
        Security::Wpa3 => format!("password: {password}, security: wpa3"),
    };
    format!("ssid: {ssid}, country: DE, {security}")
}

fn uplink(security: Security) -> Uplink {
    let (dns, keys) = (NAME_SERVERS.join(", "), keys_of(security));
    let yaml = format!("network: {{prefix: 24, gateway: {GATEWAY}, dns: [{dns}]}}\nwifi: {{{keys}}}\n");
    Uplink { interface: "wlan0", connections: "802-11-wireless", yaml, ..Uplink::default() }
}

/// There is no way but the air, and on it the node keeps the rules.
fn is_on_the_air(machine: &Machine, security: Security, findings: &mut Findings) {
    let interfaces = machine.ask("ip -o link show up | awk -F': ' '{print $2}' | tr '\\n' ' '");
    findings.same("interfaces", &interfaces, "lo wlan0");
    let status = machine.ask_as_root("wpa_cli -i wlan0 status");
    let value = |key: &str| {
        let prefix = format!("{key}=");
        status.lines().find_map(|line| line.strip_prefix(&prefix)).unwrap_or_default().to_owned()
    };
    findings.same("the association", &value("wpa_state"), "COMPLETED");
    findings.same("the management of keys", &value("key_mgmt"), security.key_management());
    // It writes bytes that are no ASCII as \xHH.
    findings.same("the network", &value("ssid"), &printf(SSID));
    let link = machine.ask_as_root("iw dev wlan0 link");
    findings.holds("iw says so too", link.contains("Connected to") && link.contains("freq: 2437"), link);
    let domain = machine.ask_as_root("iw reg get");
    findings.holds("the regulatory domain", domain.contains("country DE"), domain);
    let blocked = machine.ask("cat /sys/class/ieee80211/phy0/rfkill*/soft");
    findings.same("the radio is blocked", &blocked, "0");
    // The access point's own file has it as well.
    let written = "grep -rlF kitchen /etc /boot /var/lib --exclude-dir=access-point | wc -l";
    let expected = if security == Security::Wpa3 { "1" } else { "0" };
    findings.same("files with the passphrase", &machine.ask_as_root(written), expected);
}

/// As wpa_supplicant prints a name (its `printf_encode`).
fn printf(name: &str) -> String {
    let printed = |byte| match byte {
        b'"' => "\\\"".to_owned(),
        b'\\' => "\\\\".to_owned(),
        32..=126 => char::from(byte).to_string(),
        _ => format!("\\x{byte:02x}"),
    };
    name.bytes().map(printed).collect::<Vec<_>>().concat()
}
