//! Words of the kernel's command line that take back what a plan sets up.
//!
//! cmdline.txt is the strongest of all settings: the kernel and systemd obey it before they read a single
//! file of the root partition. A word that is left over from somebody's experiment makes a card that looks
//! right and is not.

use super::RaspiosError;
use crate::patch::{Draft, Partition};
use crate::types::absent::OrEmpty as _;
use crate::types::image_path;

/// The purpose of a node, as far as words can contradict it.
#[derive(Debug, Clone, Copy, Default)]
pub struct ExpectedCmdline {
    /// It has a static IPv6 address.
    pub ipv6: bool,
    /// It runs k3s.
    pub k3s: bool,
}

/// Finds the words of cmdline.txt, as it is going to be, that contradict the plan: one error each.
///
/// # Errors
/// Fails when the stock image cannot be read.
pub fn check_cmdline(
    draft: &Draft<'_>,
    expected: ExpectedCmdline,
) -> Result<Vec<RaspiosError>, RaspiosError> {
    let line = draft.read_text(Partition::Boot, &image_path!("/cmdline.txt"))?.or_empty();
    let contradictions = contradictions(&line, expected).into_iter();
    Ok(contradictions
        .map(|(word, breaks)| RaspiosError::Contradiction { word: word.to_owned(), breaks })
        .collect())
}

/// Units without which a card is not what the plan says.
const NEEDED_UNITS: [&str; 6] =
    ["ssh.", "NetworkManager.", "dhcpcd.", "k3s", "cardwright-", "systemd-networkd."];

/// Targets that an ordinary boot ends in.
const ORDINARY_TARGETS: [&str; 3] = ["default.target", "multi-user.target", "graphical.target"];

/// Controllers that k3s does not run without (k3s check-config).
const NEEDED_CONTROLLERS: [&str; 4] = ["memory", "cpu", "cpuset", "pids"];

/// Returns the words, each with what it breaks.
fn contradictions(line: &str, expected: ExpectedCmdline) -> Vec<(&str, &'static str)> {
    let words = || line.split_ascii_whitespace();
    let mut found = Vec::new();
    for word in words() {
        if let Some(breaks) = breaks(word, expected) {
            found.push((word, breaks));
        }
    }
    // The kernel takes the last of them, wherever the first one came from.
    let roots: Vec<&str> = words().filter(|word| word.starts_with("root=")).collect();
    if let Some(last) = roots.last().filter(|last| roots.iter().any(|root| root != *last)) {
        found.push((*last, "there is another `root=` before it, and the kernel takes the last one"));
    }
    if expected.k3s {
        // Later words win: the firmware itself begins with `cgroup_disable=memory` (kernel/cgroup/cgroup.c, as
        // Raspberry Pi patches it).
        for controller in NEEDED_CONTROLLERS {
            let names = |list: &str| list.split(',').any(|name| name == controller);
            let mut last = words().filter(|word| {
                let list =
                    word.strip_prefix("cgroup_disable=").or_else(|| word.strip_prefix("cgroup_enable="));
                list.is_some_and(names)
            });
            if let Some(word) = last.next_back().filter(|word| word.starts_with("cgroup_disable=")) {
                found.push((word, "k3s does not start without the control groups that it switches off"));
            }
        }
    }
    found.dedup();
    found
}

/// Returns what one word breaks by itself.
fn breaks(word: &str, expected: ExpectedCmdline) -> Option<&'static str> {
    let (key, value) = word.split_once('=').unwrap_or((word, ""));
    let is_off = ["0", "no", "off", "false", "n", "f"].contains(&value.to_ascii_lowercase().as_str());
    match key {
        // Documentation/admin-guide/nfs/nfsroot.rst. An interface that has an address already counts as
        // somebody else's for NetworkManager, which then leaves it alone.
        "ip" | "nfsaddrs" if !["off", "none", "::::::off", "::::::none"].contains(&value) => {
            Some("the kernel sets up the network by it, and the static address is never set")
        }
        "ipv6.disable" if value == "1" && expected.ipv6 => {
            Some("it switches IPv6 off, and the node is to have an IPv6 address")
        }
        // kernel-command-line(7), hostname(5).
        "systemd.hostname" => Some("it wins over /etc/hostname, so that the node has another name"),
        "systemd.unit" if !ORDINARY_TARGETS.contains(&value) => {
            Some("the boot ends there, and starts neither the network nor k3s")
        }
        "systemd.run" => Some("the boot ends in that command, and starts neither the network nor k3s"),
        "emergency" | "-b" | "rescue" | "single" | "s" | "S" | "1" if value.is_empty() => {
            Some("the boot ends in a rescue shell, and starts neither the network nor k3s")
        }
        "systemd.mask" if NEEDED_UNITS.iter().any(|unit| value.starts_with(unit)) => {
            Some("it keeps a unit from starting without which nobody reaches the node")
        }
        "init" if !is_ordinary_init(value) => Some("the kernel starts that program in the place of systemd"),
        "cloud-init" if value == "enabled" => {
            Some("it switches cloud-init on, which cardwright switches off")
        }
        // overlayroot(8); raspi-config writes the other one.
        "overlayroot" if !["", "disabled"].contains(&value) => Some(LOSES_EVERYTHING),
        "boot" if value == "overlay" => Some(LOSES_EVERYTHING),
        // k3s's kubelet refuses version 1 of control groups (`failCgroupV1`).
        "systemd.unified_cgroup_hierarchy" if is_off && expected.k3s => {
            Some("k3s does not start on control groups of version 1")
        }
        _ => None,
    }
}

const LOSES_EVERYTHING: &str = "what the card writes is gone at the next boot, and with it the cluster";

/// Returns `true` if an `init=` is systemd, or the first boot that ends in it.
fn is_ordinary_init(path: &str) -> bool {
    path.ends_with("/firstboot")
        || ["/sbin/init", "/usr/sbin/init", "/lib/systemd/systemd", "/usr/lib/systemd/systemd"]
            .contains(&path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::raspios::test_stock::{bookworm, bullseye, patch, put_boot, trixie};

    const ALL: ExpectedCmdline = ExpectedCmdline { ipv6: true, k3s: true };

    fn words(line: &str) -> Vec<&str> {
        contradictions(line, ALL).into_iter().map(|(word, _)| word).collect()
    }

    #[test]
    fn stock_lines_contradict_nothing() {
        for stock in [trixie(), bookworm(), bullseye()] {
            let _ = patch(&stock, |draft| assert!(check_cmdline(draft, ALL).unwrap().is_empty()));
        }
    }

    #[test]
    fn words_that_take_back_what_is_planned_are_found() {
        for word in [
            "ip=dhcp",
            "ip=192.168.1.5::192.168.1.1:255.255.255.0:x:eth0:off",
            "nfsaddrs=dhcp",
            "ipv6.disable=1",
            "systemd.hostname=other",
            "systemd.unit=rescue.target",
            "systemd.unit=kernel-command-line.target",
            "systemd.run=/boot/x",
            "single",
            "emergency",
            "systemd.mask=ssh.service",
            "systemd.mask=NetworkManager.service",
            "init=/bin/sh",
            "cloud-init=enabled",
            "overlayroot=tmpfs",
            "boot=overlay",
            "systemd.unified_cgroup_hierarchy=0",
            "systemd.unified_cgroup_hierarchy=no",
            "cgroup_disable=memory",
            "cgroup_disable=rdma,cpu",
        ] {
            assert_eq!(words(&format!("console=tty1 root=PARTUUID=1-02 {word} rootwait")), [word]);
        }
    }

    #[test]
    fn words_that_harm_nothing_pass() {
        for line in [
            "ip=off ip=none ipv6.disable=0",
            "systemd.unit=multi-user.target systemd.mask=bluetooth.service systemd.unified_cgroup_hierarchy=1",
            "init=/usr/lib/raspberrypi-sys-mods/firstboot",
            "init=/sbin/init",
            "root=PARTUUID=1-02 root=PARTUUID=1-02",
            // What comes later wins.
            "cgroup_disable=memory cgroup_memory=1 cgroup_enable=memory",
            "cgroup_disable=rdma splash s=1",
        ] {
            assert_eq!(words(line), <[&str; 0]>::default(), "{line}");
        }
        let without_k3s = ExpectedCmdline { ipv6: false, k3s: false };
        for word in ["cgroup_disable=memory", "systemd.unified_cgroup_hierarchy=0", "ipv6.disable=1"] {
            assert_eq!(contradictions(word, without_k3s), [], "{word}");
        }
    }

    #[test]
    fn of_several_the_one_that_wins_is_named() {
        assert_eq!(words("root=PARTUUID=1-02 rootwait root=/dev/sda2"), ["root=/dev/sda2"]);
        assert_eq!(words("cgroup_enable=memory cgroup_disable=memory"), ["cgroup_disable=memory"]);
        assert_eq!(words("cgroup_disable=memory cgroup_enable=memory cgroup_disable=memory,cpu").len(), 1);
    }

    #[test]
    fn the_error_says_what_breaks() {
        let stock = put_boot(trixie(), "/cmdline.txt", "root=PARTUUID=1-02 rootwait resize ip=dhcp\n");
        let _ = patch(&stock, |draft| {
            let errors = check_cmdline(draft, ALL).unwrap();
            assert_eq!(
                errors[0].to_string(),
                "`ip=dhcp` in cmdline.txt contradicts the plan: the kernel sets up the network by it, and the \
                 static address is never set"
            );
        });
    }
}
