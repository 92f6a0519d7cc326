//! The first boot with k3s on everything that goes wrong at a first boot: no time, no server, a connection
//! that breaks, a file that is not what it should be, no power.

use crate::boot::cluster::{NODES, Suite, Uplink};
use crate::boot::findings::Findings;
use crate::boot::k3s_binary::{binary, binary_for};
use crate::boot::k3s_cluster::{
    Install, More, VERSION, build_with, records, serve_releases, wait_for_status,
};
use crate::boot::machine::{Machine, PATIENCE};
use crate::boot::time_server::start_time_server;
use crate::boot::wire::Wire;
use crate::support::release_server::{ReleaseServer, Reply};
use std::sync::mpsc;
use std::time::{SystemTime, UNIX_EPOCH};

#[test]
#[ignore = "boots a machine: run tests/harness/boot-test.sh --long"]
fn k3s_is_installed_once_whatever_goes_wrong() {
    let _wire = Wire::with_ports(1);
    let cluster = build_with("k3s-first-boot", Install::Download, &["north"], More::default());
    let mut machine = cluster.machine_with("north", |settings| settings.clock = Some("1970-01-01T00:00:00"));
    machine.power_on();
    machine.wait_for_login();
    wait_for_status(&mut machine, "waiting: for the time");

    let _time = start_time_server();
    wait_for_status(&mut machine, "could not download k3s-arm64");

    // Half; then the other half, but of something else, which can only be seen at the end; then anew.
    let (half, other) = (binary().len() / 2, binary().iter().map(|byte| !byte).collect::<Vec<_>>());
    let (stalls, stalled) = mpsc::channel();
    let server = serve_releases(move |number, _| match number {
        0 => Reply::CutAfter(half, binary()),
        1 => Reply::Whole(other.clone()),
        2 => {
            stalls.send(()).unwrap();
            Reply::StallAfter(half, binary())
        }
        _ => Reply::Whole(binary()),
    });
    stalled.recv_timeout(PATIENCE).expect("a third download");
    machine.wait_until("stat -c %s /var/lib/cardwright/k3s.part", &half.to_string());
    machine.cut_power();

    machine.power_on();
    machine.wait_for_login();
    machine.wait_until("systemctl is-active k3s", "active");
    wait_for_status(&mut machine, &format!("done: k3s {VERSION} started as server"));
    let mut findings = Findings::default();
    holds_what_was_installed(&machine, Suite::Trixie, Some(NODES[0].1), &mut findings);
    let status = status(&machine);
    findings.holds("the wrong file was reported", status.contains("is not what it should be"), &status);
    findings.holds(
        "a download went on where it was cut",
        server.requests().iter().any(|request| request.from.is_some()),
        server.requests(),
    );
    findings.settle("after the installation");
    stays_as_it_is_after_a_reboot(&mut machine, &server);
}

/// The first boot on a release where nothing goes wrong.
pub(crate) fn k3s_is_installed(test: &str, suite: Suite, uplink: Uplink) {
    let _wire = Wire::with_ports(1);
    let _time = start_time_server();
    let server = serve_releases(move |_, _| Reply::Whole(binary_for(suite)));
    let cluster = build_with(test, Install::Download, &["north"], More { suite, uplink, ..More::default() });
    let mut machine = cluster.machine("north");
    machine.power_on();
    machine.wait_for_login();
    installs_k3s(&mut machine, &server, suite, Some(NODES[0].1));
}

/// Waits for k3s on a machine that was switched on, and looks at it before and after a restart.
pub(crate) fn installs_k3s(
    machine: &mut Machine,
    server: &ReleaseServer,
    suite: Suite,
    node_ip: Option<&str>,
) {
    machine.wait_until("systemctl is-active k3s", "active");
    wait_for_status(machine, &format!("done: k3s {VERSION} started as server"));
    let mut findings = Findings::default();
    holds_what_was_installed(machine, suite, node_ip, &mut findings);
    findings.settle("after the installation");
    stays_as_it_is_after_a_reboot(machine, server);
}

fn status(machine: &Machine) -> String {
    machine.ask(&format!("cat {}", machine.status_file()))
}

fn stays_as_it_is_after_a_reboot(machine: &mut Machine, server: &ReleaseServer) {
    let (before, status_before) = (server.requests(), status(machine));
    machine.reboot();
    machine.wait_until("systemctl is-active k3s", "active");
    let mut findings = Findings::default();
    findings.same("downloads", &server.requests(), &before);
    findings.same(
        "the installation at the second boot",
        &machine.ask("systemctl is-active cardwright-install-k3s"),
        "inactive",
    );
    findings.same("the status", &status(machine), &status_before);
    findings.same("starts of k3s", &records(machine, "calls").len(), &2);
    findings.settle("after the second boot");
    machine.power_off();
}

fn holds_what_was_installed(machine: &Machine, suite: Suite, node_ip: Option<&str>, findings: &mut Findings) {
    let calls = records(machine, "calls");
    findings.same("starts of k3s", &calls.len(), &1);
    let call = &calls[0];
    let config = &call["config"];
    findings.same("the command line", &call["arguments"].to_string(), r#"["server"]"#);
    findings.same("variables", &call["environment"].to_string(), "[]");
    findings.same("node-name", &config["node-name"].to_string(), r#""north""#);
    let configured = config.get("node-ip").map(ToString::to_string);
    let expected = match (&configured, node_ip) {
        (Some(configured), Some(address)) => configured.contains(address),
        (configured, expected) => configured.is_none() && expected.is_none(),
    };
    findings.holds("node-ip", expected, configured);
    findings.same("a key of the user's", &config["disable"].to_string(), r#"["traefik"]"#);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64();
    let started = call["time"].as_f64().unwrap();
    findings.holds(
        "k3s was started at the right time",
        (now - 3600.0..now + 60.0).contains(&started),
        started,
    );

    let links = "readlink /usr/local/bin/kubectl /usr/local/bin/crictl /usr/local/bin/ctr";
    findings.same("links", &machine.ask(links), "k3s\nk3s\nk3s");
    findings.same(
        "the program",
        &machine.ask("stat -c '%a %U:%G %s' /usr/local/bin/k3s"),
        &format!("755 root:root {}", binary_for(suite).len()),
    );
    let config_mode = machine.ask_as_root("stat -c '%a %U:%G' /etc/rancher/k3s/config.yaml");
    findings.same("config.yaml", &config_mode, "600 root:root");
    findings.same(
        "nothing half done is left",
        &machine.ask_as_root("ls /var/lib/cardwright | grep -c part"),
        "0",
    );
    findings.same("units that failed", &machine.ask("systemctl --failed --plain --no-legend"), "");

    // Not searched for on the machine: sudo would write the token down as a part of the command.
    let told = machine.ask_as_root(&format!("cat {}/*.txt; journalctl --no-pager", suite.boot_mount()));
    findings.holds("the journal tells of the installation", told.contains(VERSION), told.len());
    for key in ["token", "agent-token"] {
        let token = config[key].as_str().unwrap_or_default();
        findings.holds(&format!("{key} is long"), token.len() >= 32, token.len());
        findings.holds(
            &format!("{key} stays off the journal and the boot partition"),
            !told.contains(token),
            (),
        );
    }
}
