//! One node of each release: what nodes.yaml says is what the booted machine is.

use crate::boot::cluster::{NAME_SERVERS, NODES, Recipe, Suite, TestCluster, Uplink, User};
use crate::boot::dhcp_ear::DhcpEar;
use crate::boot::findings::Findings;
use crate::boot::login::ssh_command;
use crate::boot::machine::Machine;
use crate::boot::wire::{GATEWAY, Wire};
use std::collections::BTreeSet;

pub(crate) const PASSWORD: &str = "not-for-ssh";

#[test]
#[ignore = "boots a machine: run tests/harness/boot-test.sh"]
fn a_trixie_card_boots_as_the_node_it_was_built_for() {
    let user = User { name: "ada", password: PASSWORD, passwordless_sudo: true };
    boots_as_its_node(&build("trixie", Suite::Trixie, "none", &user), |_, _| ());
}

#[test]
#[ignore = "boots a machine: run tests/harness/boot-test.sh"]
fn a_bookworm_card_boots_as_the_node_it_was_built_for() {
    let user = User { name: "pi", password: PASSWORD, passwordless_sudo: false };
    // Grown once by cardwright, and by the first boot once more.
    boots_as_its_node(&build("bookworm", Suite::Bookworm, "1GiB", &user), |_, _| ());
}

/// Trixie's first boot presets every unit. On a root filesystem that is mounted read-only at that time
/// nothing comes of it; with `rw` on the kernel's command line everything that is merely disabled is
/// enabled.
#[test]
#[ignore = "boots a machine: run tests/harness/boot-test.sh"]
fn what_trixies_presets_enable_changes_nothing() {
    let _wire = Wire::with_ports(1);
    let ear = DhcpEar::open();
    let user = User { name: "pi", password: PASSWORD, passwordless_sudo: true };
    let cluster = build("trixie-presets", Suite::Trixie, "none", &user);
    let mut machine = cluster.machine_with("north", |settings| settings.kernel_words = "rw".to_owned());
    machine.power_on();
    machine.wait_for_login();
    // The proof that the presets took effect: systemd itself ships this unit disabled, and nobody asked
    // for it.
    machine.wait_until("systemctl is-enabled systemd-networkd.service", "enabled");
    holds_what_nodes_yaml_says(&machine, &cluster, &ear).settle("with presets");
    machine.reboot();
    holds_what_nodes_yaml_says(&machine, &cluster, &ear).settle("with presets, after the second boot");
}

pub(crate) fn build(test: &str, suite: Suite, grow: &str, user: &User) -> TestCluster {
    let nodes = NODES.map(|(name, address)| format!("  - {{name: {name}, address: {address}}}\n"));
    let rest = format!("nodes:\n{}", nodes.concat());
    let uplink = &Uplink::default();
    Recipe { suite, grow, user, uplink, only: &["north"], beside: &[], rest: &rest }.build(test)
}

/// Boots `north` twice and looks at it; `more` looks at what is particular to the test.
pub(crate) fn boots_as_its_node(cluster: &TestCluster, more: impl Fn(&Machine, &mut Findings)) {
    let _wire = Wire::with_ports(1);
    let ear = DhcpEar::open();
    let suite = cluster.suite;
    let mut machine = cluster.machine("north");
    let stock_id = machine.card().disk_id();
    machine.power_on();
    machine.wait_for_login();
    let mut findings = holds_what_nodes_yaml_says(&machine, cluster, &ear);
    more(&machine, &mut findings);
    holds_what_the_first_boot_does(&machine, suite, &stock_id, &mut findings);
    let machine_id = machine.ask("cat /etc/machine-id");
    findings.same("a machine-id", &machine_id.len(), &32);
    findings.settle("after the first boot");

    machine.reboot();
    let mut findings = holds_what_nodes_yaml_says(&machine, cluster, &ear);
    more(&machine, &mut findings);
    findings.same("the machine-id stays", &machine.ask("cat /etc/machine-id"), &machine_id);
    findings.settle("after the second boot");
    machine.power_off();
    machine.card().judge_root();
}

/// Everything that nodes.yaml says of `north` with its static address, and that nothing else happened.
fn holds_what_nodes_yaml_says(machine: &Machine, cluster: &TestCluster, ear: &DhcpEar) -> Findings {
    let mut findings = Findings::default();
    holds_the_node(machine, cluster, &mut findings);
    findings.same("who asked for an address by DHCP", &ear.heard(), &BTreeSet::new());
    findings.same(
        "DHCP leases",
        &machine
            .ask_as_root("find /var/lib/NetworkManager /var/lib/dhcp* -name '*lease*' 2>/dev/null | wc -l"),
        "0",
    );
    findings
}

/// The same, wherever the address comes from.
pub(crate) fn holds_the_node(machine: &Machine, cluster: &TestCluster, findings: &mut Findings) {
    let ask = |command: &str| machine.ask(command);
    let interface = cluster.uplink.interface;

    let state = ask("timeout 15m systemctl is-system-running --wait >/dev/null; systemctl is-system-running");
    findings.same("the boot comes to its end", &state, "running");
    findings.same("units that failed", &ask("systemctl --failed --plain --no-legend"), "");

    findings.same("host name", &ask("hostname"), "north");
    findings.same("/etc/hostname", &ask("cat /etc/hostname"), "north");
    for (name, address) in NODES {
        let expected = if name == "north" { "127.0.1.1" } else { address };
        let found = ask(&format!("getent ahostsv4 {name}"));
        // A node's own name may be either: what counts is that it is a name of itself.
        let itself = name == "north" && found.starts_with(address);
        findings.holds(&format!("{name} has an address"), itself || found.starts_with(expected), found);
        let lines = ask(&format!("grep -cw '^{address}.*{name}' /etc/hosts"));
        findings.same(&format!("lines of /etc/hosts for {name}"), &lines, "1");
    }
    findings.holds(
        "no name of the stock image",
        !ask("cat /etc/hosts").contains("raspberrypi"),
        ask("cat /etc/hosts"),
    );

    let address = format!("{}/24", NODES[0].1);
    findings.same(
        "addresses",
        &ask(&format!("ip -4 -o addr show dev {interface} | awk '{{print $4}}'")),
        &address,
    );
    findings.same(
        "routes out",
        &ask("ip -4 route show default | awk '{print $3, $5}'"),
        &format!("{GATEWAY} {interface}"),
    );
    findings.same(
        "name servers",
        &ask("awk '$1 == \"nameserver\" {print $2}' /etc/resolv.conf | tr '\\n' ' '"),
        &NAME_SERVERS.join(" "),
    );
    if cluster.suite != Suite::Bullseye {
        let in_use = ask("nmcli -t -f TYPE con show --active | grep -v loopback | sort");
        findings.same("connections in use", &in_use, cluster.uplink.connections);
    }

    findings.same("ssh as ssh_config tells it", &cluster.ssh("north", "hostname"), "north");

    let user = cluster.user.as_str();
    findings.same(
        "the user",
        &ask("id -un; id -u; id -g; pwd"),
        &format!("{user}\n1000\n1000\n/home/{user}"),
    );
    findings.same("root by sudo", &machine.ask_as_root("id -u"), "0");
    let asked = if cluster.sudo_password.is_some() { "password" } else { "nothing" };
    let found = ask("sudo -k; sudo -n true 2>/dev/null && echo nothing || echo password");
    findings.same("what sudo asks for", &found, asked);
    findings.same("no other user", &ask("getent passwd pi | wc -l"), &usize::from(user == "pi").to_string());
    findings.same("the password is the user's", &password_is_right(machine, user), "right");

    findings.holds("ssh with a password is refused", refuses_passwords(user), "accepted, or asked for");
    findings.same(
        "the wizard",
        &ask("ls /run/userconfig-asked 2>/dev/null; systemctl is-active userconfig"),
        "inactive",
    );
    findings.same("a prompt on the console", &ask("systemctl is-active getty@tty1"), "active");
    let traces = "ls -d /etc/netplan/*.yaml /var/lib/cloud/instance /etc/ssh/sshd_config.d/rename_user.conf 2>/dev/null";
    findings.same("traces of cloud-init and the wizard", &ask(traces), "");

    if matches!(cluster.suite, Suite::Trixie | Suite::TrixieArmhf) {
        findings.same("cloud-init", &ask("cloud-init status"), "status: disabled");
    }

    let boot = cluster.suite.boot_mount();
    findings.same("lines of cmdline.txt", &ask(&format!("wc -l <{boot}/cmdline.txt")), "1");
    findings.same("the boot partition is mounted", &ask(&format!("findmnt -no FSTYPE {boot}")), "vfat");
}

/// What a first boot of the stock image does it does here too: nothing of it was lost by the editing.
fn holds_what_the_first_boot_does(machine: &Machine, suite: Suite, stock_id: &str, findings: &mut Findings) {
    let size = machine.ask("df --output=size -B1000000 / | tail -n 1 | tr -d ' '");
    findings.holds(
        "the root filesystem grew to the card",
        size.parse().is_ok_and(|size: u32| size > 2800),
        size,
    );
    let id = machine.card().disk_id();
    findings.holds("the card has an id of its own", id != stock_id, &id);
    let root = format!("PARTUUID={id}-02");
    let cmdline = machine.ask(&format!("cat {}/cmdline.txt", suite.boot_mount()));
    findings.holds("cmdline.txt names it", cmdline.contains(&root), &cmdline);
    findings.holds(
        "fstab names it",
        machine.ask("cat /etc/fstab").contains(&root),
        machine.ask("cat /etc/fstab"),
    );
    let asked_again = cmdline.split(' ').any(|word| word == "resize" || word.starts_with("init="));
    findings.holds("it is not asked for again", !asked_again, &cmdline);
}

fn password_is_right(machine: &Machine, user: &str) -> String {
    // What PAM compares: the hash in the shadow file, made of the password and the salt.
    let hash = "openssl passwd -6 -salt boottest";
    machine.ask_as_root(&format!(
        "test \"$(getent shadow {user} | cut -d: -f2)\" = \"$({hash} {PASSWORD})\" && echo right || echo wrong"
    ))
}

/// Whether sshd offers nothing but keys.
fn refuses_passwords(user: &str) -> bool {
    let mut ssh = ssh_command();
    ssh.args(["-o", "PubkeyAuthentication=no", "-o", "BatchMode=yes", "-v"]);
    let output = ssh.arg(format!("{user}@{}", NODES[0].1)).arg("true").output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    !output.status.success() && said.contains("Permission denied (publickey).")
}
