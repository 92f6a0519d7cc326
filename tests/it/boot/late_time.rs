//! The time that comes late, to a machine without a clock: what `first_boot:` runs and k3s do without it, and
//! when it is there.

use crate::boot::apt_repository::{AptRepository, PACKAGE};
use crate::boot::findings::Findings;
use crate::boot::k3s_cluster::{Install, More, VERSION, build_with, records, wait_for_status};
use crate::boot::machine::Machine;
use crate::boot::time_server::start_time_server;
use crate::boot::wire::Wire;
use std::time::{SystemTime, UNIX_EPOCH};

const DAY: f64 = 86_400.0;

#[test]
#[ignore = "boots a machine: run tests/harness/boot-test.sh --long"]
fn commands_and_k3s_make_up_for_a_time_that_comes_late() {
    let _wire = Wire::with_ports(1);
    let repository = AptRepository::serve();
    let source = AptRepository::source("/etc/apt/keyrings/wire.asc");
    let more = More {
        files: format!(
            "\x20 - {{path: /etc/apt/sources.list.d/wire.list, content: \"{source}\\n\"}}\n\
             \x20 - {{path: /etc/apt/keyrings/wire.asc, source: wire.asc}}\n"
        ),
        keys: "first_boot: [\"echo one >>/root/ran\", apt-get update, \"echo three >>/root/ran\"]\n",
        beside: vec![("wire.asc", repository.key.clone())],
        ..More::default()
    };
    let cluster = build_with("late-time", Install::Bundled(b"an archive".to_vec()), &["north"], more);
    let mut machine = cluster.machine_with("north", |settings| settings.clock = Some("1970-01-01T00:00:00"));
    machine.power_on();
    machine.wait_for_login();

    // apt takes nothing that is dated ahead of the clock, and k3s goes on with the date of the card's making.
    wait_for_status(&mut machine, "first_boot: failed: command 2 of 3 ended with code 100");
    wait_for_status(&mut machine, &format!("k3s: done: k3s {VERSION} starts as server"));
    machine.wait_until("systemctl is-active k3s", "active");
    let mut findings = Findings::default();
    findings.same("what ran", &machine.ask_as_root("cat /root/ran"), "one");
    let starts = starts_of(&machine);
    findings.same("starts of k3s", &starts.len(), &1);
    findings.holds("k3s was started by a clock that is behind", starts[0] < now() - DAY, &starts);
    findings.same(
        "what waits for the time",
        &machine.ask("systemctl is-active cardwright-k3s-time.path"),
        "active",
    );
    findings.settle("without the time");

    let _time = start_time_server();
    wait_for_status(&mut machine, "first_boot: done: all commands went through");
    wait_for_status(&mut machine, "started anew: the time came");
    machine.wait_until("wc -l </var/lib/k3s-stub/calls", "2");
    machine.wait_until("systemctl is-active k3s", "active");
    let status = machine.ask(&format!("cat {}", machine.status_file()));
    let mut findings = Findings::default();
    findings.same("what ran", &machine.ask_as_root("cat /root/ran"), "one\nthree");
    let package = machine.ask(&format!("apt-cache show {PACKAGE}"));
    findings.holds("apt has read the repository", package.contains("Version: 1.0"), package);
    let timeout = machine.ask_as_root("apt-config dump DPkg::Lock::Timeout");
    findings.same("what is left of the commands' configuration of apt", &timeout, "");
    let second = starts_of(&machine)[1];
    findings.holds(
        "k3s was started by the right clock",
        (now() - 3600.0..now() + 60.0).contains(&second),
        second,
    );
    holds_what_is_left(&machine, &mut findings);
    findings.settle("with the time");

    machine.reboot();
    machine.wait_until("systemctl is-active k3s", "active");
    let mut findings = Findings::default();
    findings.same("starts of k3s", &starts_of(&machine).len(), &3);
    findings.same("what ran", &machine.ask_as_root("cat /root/ran"), "one\nthree");
    findings.same("the status", &machine.ask(&format!("cat {}", machine.status_file())), &status);
    holds_what_is_left(&machine, &mut findings);
    findings.settle("after the second boot");
    machine.power_off();
    machine.card().judge_root();
}

/// Nothing waits for the time any more, and nothing failed for good.
fn holds_what_is_left(machine: &Machine, findings: &mut Findings) {
    findings.same(
        "what waits for the time",
        &machine.ask("systemctl is-active cardwright-k3s-time.path"),
        "inactive",
    );
    let guess = machine.ask_as_root("ls /var/lib/cardwright | grep -c k3s-without-time");
    findings.same("what k3s went by", &guess, "0");
    findings.same("units that failed", &machine.ask("systemctl --failed --plain --no-legend"), "");
}

/// When k3s was started, by the machine's clock.
fn starts_of(machine: &Machine) -> Vec<f64> {
    records(machine, "calls").iter().map(|call| call["time"].as_f64().unwrap()).collect()
}

fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64()
}
