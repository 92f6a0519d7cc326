//! A server whose card is lost, and a new one that goes on with its backup.

use crate::boot::command::run;
use crate::boot::findings::Findings;
use crate::boot::k3s_cluster::{Install, More, build_with, records, serve_good_releases};
use crate::boot::machine::Machine;
use crate::boot::time_server::start_time_server;
use crate::boot::wire::Wire;
use std::process::Command;

#[test]
#[ignore = "boots a machine twice: run tests/harness/boot-test.sh --long"]
fn a_new_card_goes_on_with_the_backup_of_the_old_one() {
    let _wire = Wire::with_ports(1);
    let _time = start_time_server();
    let _releases = serve_good_releases();
    let cluster = build_with("restore", Install::Download, &["north"], More::default());
    let cardwright = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cardwright"));
        command
            .current_dir(cluster.folder())
            .env_remove("CI")
            .env_remove("CARDWRIGHT_SECRET")
            .args(arguments);
        run(&mut command)
    };
    let mut north = cluster.machine("north");
    start(&mut north);
    let id = north.ask("cat /etc/machine-id");
    let mut findings = Findings::default();
    findings.same("what the first start found", &found(&north), &Vec::<String>::new());
    // ssh_config names no key where nodes.yaml does: there, people have their own.
    let key = cluster.folder().join("login");
    let config = cluster.folder().join("images/ssh_config");
    let text = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, text + &format!("\nHost *\n    IdentityFile {}\n", key.display())).unwrap();
    eprintln!("{}", cardwright(&["backup", "--to", "north.cardwright-backup"]));
    findings.same("k3s while the backup was made", &north.ask("systemctl is-active k3s"), "active");
    findings.same("starts of k3s", &records(&north, "calls").len(), &1);
    let left = north.ask_as_root("ls -A /var/lib/rancher/k3s/server | grep backup");
    findings.same("what the backup left on the node", &left, "");
    north.cut_power();
    drop(north);

    std::fs::remove_file(&config).unwrap();
    cardwright(&["build", "--restore", "north.cardwright-backup", "north"]);
    let mut north = cluster.machine("north");
    start(&mut north);
    findings.holds("it is another system", north.ask("cat /etc/machine-id") != id, &id);
    findings.same("what its first start found", &found(&north), &vec![id]);
    let modes = north.ask_as_root(
        "stat -c '%a %U' /var/lib/rancher/k3s/server/db /var/lib/rancher/k3s/server/db/state.db",
    );
    findings.same("modes of the datastore", &modes, "700 root\n600 root");
    findings.settle("a restored server");
    north.power_off();
    north.card().judge_root();
}

fn start(machine: &mut Machine) {
    machine.power_on();
    machine.wait_for_login();
    machine.wait_until("systemctl is-active k3s", "active");
}

/// The machines whose starts the stub found in its datastore, the last time.
fn found(machine: &Machine) -> Vec<String> {
    let records = records(machine, "datastore");
    let last = records.last().expect("the stub has a datastore");
    last["found"].as_array().unwrap().iter().map(|id| id.as_str().unwrap().to_owned()).collect()
}
