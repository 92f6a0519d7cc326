//! The paths that cardwright itself writes, and what of nodes.yaml decides what is in them.
//!
//! A file of `files:` at one of them would take from a card what makes it that node: its name, its address, its
//! keys. What a plan wrote is what counts (`Draft::extra_file`); this table puts it into words, and knows what
//! every plan writes, so that `check` says it without an image. Tests plan nodes on all releases and hold what
//! they wrote against the table.

use crate::types::ImagePath;
use ClaimedBy::{EveryK3s, EveryPlan, Reserved, SomePlans};

/// A path, or a pattern of paths, on one partition.
#[derive(Debug)]
pub(crate) struct Claimed {
    /// `*` stands for any part of one name, `**` at the end for anything below; `~` is the user's home.
    pub(crate) pattern: &'static str,
    pub(crate) by: ClaimedBy,
    /// A clause: `the node's name is in it`.
    pub(crate) what: &'static str,
    /// A hint.
    pub(crate) instead: &'static str,
}

/// The plans that write it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ClaimedBy {
    /// Those of all nodes.
    EveryPlan,
    /// Those of all nodes that run k3s.
    EveryK3s,
    /// Some: by the release, or by something else that was asked for.
    SomePlans,
    /// Some, and only cardwright has a use for the name.
    Reserved,
}

const ACCOUNTS: &str = "Set the first user under `user:`, and others under `users:`";

const NETWORK: &str = "Describe the network under `network:` and `wifi:`; other interfaces go into files of their own beside it";

const SSHD: &str = "Put settings of your own into another file in `/etc/ssh/sshd_config.d`";

const SECRETS: &str = "It comes from the cluster's secret; choose another path";

const BACKUP: &str = "Leave out `restore:` of the node, or the file";

const RECORD: &str = "Choose another directory";

const UNITS: &str = "Give the unit another name, or put a drop-in beside it";

/// The hint of a path that is not in the table.
pub(crate) const OTHER: &str = "Choose another path; a drop-in beside it may stay";

/// Declares the table, a line each.
macro_rules! claimed {
    ($($pattern:literal $by:ident $what:literal $instead:expr;)*) => {
        pub(crate) const ALL: &[Claimed] =
            &[$(Claimed { pattern: $pattern, by: $by, what: $what, instead: $instead }),*];
    };
}

claimed! {
    "/etc/hostname" EveryPlan "the node's name is in it" "Change the node's `name:`";
    "/etc/hosts" EveryPlan "the names and addresses of all nodes are in it"
        "They come from `name:` and `address:`; a line of your own is added with `first_boot:`, as in `echo '192.168.50.9 nas' >>/etc/hosts`";
    "/etc/passwd" EveryPlan "the node's user is in it" ACCOUNTS;
    "/etc/shadow" EveryPlan "the user's password is in it" ACCOUNTS;
    "/etc/group" EveryPlan "the user's groups are in it" ACCOUNTS;
    "/etc/gshadow" EveryPlan "the user's groups are in it" ACCOUNTS;
    "/etc/subuid" SomePlans "the node's user is in it" ACCOUNTS;
    "/etc/subgid" SomePlans "the node's user is in it" ACCOUNTS;
    "~/.ssh/authorized_keys" EveryPlan "the keys that may log in are in it" "Name the keys under `user:`, as `ssh_authorized_keys:`";
    "/home/*/.ssh/authorized_keys" SomePlans "the keys that may log in are in it" "Name the keys under `users:`, as `ssh_authorized_keys:`";
    "/etc/sudoers.d/010_*-nopasswd" SomePlans "it says whether sudo asks for a password" "Set `sudo:` under `user:`";
    "/etc/NetworkManager/system-connections/*.nmconnection" SomePlans "the node's address is in it" NETWORK;
    "/etc/NetworkManager/conf.d/*" SomePlans "the links that k3s makes are left alone by it" OTHER;
    "/etc/dhcpcd.conf" SomePlans "the node's address is in it" NETWORK;
    "/etc/ssh/sshd_config" EveryPlan "sshd finds the node's own key through it" SSHD;
    "/etc/ssh/sshd_config.d/10-cardwright*.conf" EveryPlan "it says who may log in, and which key the node has"
        "Set `password_login:` under `ssh:`, or put settings of your own into another file beside it";
    "/etc/ssh/cardwright_host_ed25519_key*" EveryPlan "the node proves with it to be itself" SECRETS;
    "/etc/cardwright/**" EveryPlan "cardwright keeps its record of the card there" RECORD;
    "/usr/local/lib/cardwright/**" Reserved "cardwright keeps its own programs there" RECORD;
    "/etc/systemd/system/cardwright-*" Reserved "it is a unit of cardwright's" UNITS;
    "/etc/systemd/system/*.wants/cardwright-*" Reserved "it starts a unit of cardwright's" UNITS;
    "/etc/rancher/k3s/config.yaml" EveryK3s "k3s's role and the cluster's token are in it"
        "Write flags of k3s under `config:` of `k3s:`, or put a file into `/etc/rancher/k3s/config.yaml.d`";
    "/etc/rancher/k3s/registries.yaml" SomePlans "what `registries:` says is in it" "Write it under `registries:` of `k3s:`";
    "/etc/rancher/k3s/resolv.conf" SomePlans "the name servers of pods are in it"
        "List them as `dns:` under `network:`, or name another file as `resolv-conf` in `config:`";
    "/etc/rancher/node/password" EveryK3s "the node proves with it to be itself" SECRETS;
    "/var/lib/rancher/k3s/server/manifests/*" SomePlans "it is one of `manifests:`" "Name it under `manifests:` of `k3s:`";
    "/var/lib/rancher/k3s/server/tls/**" SomePlans "the cluster's own certificates and keys are in it" SECRETS;
    "/var/lib/rancher/k3s/server/cred/**" SomePlans "it comes from a backup" BACKUP;
    "/var/lib/rancher/k3s/server/db/**" SomePlans "it comes from a backup" BACKUP;
    "/var/lib/rancher/k3s/server/token" SomePlans "it comes from a backup" BACKUP;
    "/var/lib/cardwright/**" SomePlans "cardwright keeps there what its programs did" RECORD;
    "/var/lib/rancher/k3s/agent/images/**" SomePlans "it is one of the archives inside the card"
        "Name archives of your own as `images:` under `bundled:`";
    "/usr/local/bin/k3s" SomePlans "it is k3s itself" "Name the program as `binary:` under `bundled:`";
    "/etc/systemd/system/k3s*.service" EveryK3s "k3s is started by it" UNITS;
    "/etc/systemd/system/k3s*.service.env" EveryK3s "k3s is started with it" "Write flags of k3s under `config:` of `k3s:`";
    "/etc/systemd/system/k3s*.service.d/cardwright.conf" EveryK3s "k3s is started by it" "Put a drop-in of another name beside it";
    "/etc/systemd/system/*.wants/k3s*.service" SomePlans "k3s is started by it" UNITS;
    "/etc/localtime" SomePlans "the time zone is in it" "Set `timezone:`, or leave it out";
    "/etc/timezone" SomePlans "the time zone is in it" "Set `timezone:`, or leave it out";
    "/etc/locale.gen" SomePlans "the locale is in it" "Set `locale:`, or leave it out";
    "/etc/locale.conf" SomePlans "the locale is in it" "Set `locale:`, or leave it out";
    "/etc/default/locale" SomePlans "the locale is in it" "Set `locale:`, or leave it out";
    "/etc/default/keyboard" SomePlans "the keyboard is in it" "Set `keyboard:`, or leave it out";
    "/etc/console-setup/cached_*" SomePlans "it is made anew from the keyboard's setting" "Set `keyboard:`, or leave it out";
    "/etc/wpa_supplicant/wpa_supplicant.conf" SomePlans "the Wi-Fi is in it" "Describe the Wi-Fi under `wifi:`";
    "/var/lib/systemd/rfkill/*" SomePlans "it says whether the radio is on" "Describe the Wi-Fi under `wifi:`";
    "/var/lib/NetworkManager/NetworkManager.state" SomePlans "it says whether the radio is on" "Describe the Wi-Fi under `wifi:`";
    "/etc/systemd/timesyncd.conf.d/90-cardwright.conf" SomePlans "the time servers are in it" "Set `ntp:`, or leave it out";
    "/etc/rpi/swap.conf" SomePlans "it says that there is no swap" "Set `swap:`, or leave it out";
    "/etc/rpi/swap.conf.d/90-cardwright.conf" SomePlans "it says that there is no swap" "Set `swap:`, or leave it out";
}

const USER: &str = "Describe the user under `user:`";

const CARD: &str = "Set what is in it with `name:`, `user:` and `network:`";

const SEED: &str = "Set what is in it with `name:`, `user:` and `network:`; commands go under `first_boot:`, files under `files:`";

/// Declares the table of the boot partition, a line each.
macro_rules! claimed_on_boot {
    ($($pattern:literal $what:literal $instead:expr;)*) => {
        const ON_BOOT: &[Claimed] =
            &[$(Claimed { pattern: $pattern, by: Reserved, what: $what, instead: $instead }),*];
    };
}

// By these, another first boot takes a name, a user, keys or a network; a stock image that has one is refused or
// reported as customised (`raspios::customisations`), and a card that has one would be too. Releases differ in
// which they read. Where one reads it, it contradicts nodes.yaml, and where none does, it has no effect, so that
// no card has a use for it. `/ssh` and `/ssh.txt` are free: they ask for what every card has (sshswitch.service).
claimed_on_boot! {
    "/custom.toml" "a first boot takes name, user and network from it" CARD;
    "/rpi-preseed.toml" "a first boot takes name, user and network from it" CARD;
    "/firstrun.sh" "Raspberry Pi Imager's script has that name, which sets name, user and network"
        "Write commands of your own under `first_boot:`";
    "/userconf" "a first boot takes user and password from it" USER;
    "/userconf.txt" "a first boot takes user and password from it" USER;
    "/wpa_supplicant.conf" "a first boot takes a second network, Wi-Fi, from it"
        "Describe the Wi-Fi under `wifi:`";
    "/user-data" "cloud-init would take name and user from it, and is switched off" SEED;
    "/meta-data" "cloud-init would take the name from it, and is switched off" SEED;
    "/vendor-data" "cloud-init would take settings from it, and is switched off" SEED;
    "/network-config" "cloud-init would take the network from it, and is switched off"
        "Describe the network under `network:` and `wifi:`";
    "/cardwright-status*" "the card says there how its first boot went" "Choose another path";
}

/// Returns what there is to say about a path of the boot partition, in whatever letters.
pub(crate) fn find_on_boot(path: &ImagePath) -> Option<&'static Claimed> {
    let path = path.to_lowercase();
    ON_BOOT.iter().find(|claimed| matches(claimed.pattern, path.as_str()))
}

/// Returns what there is to say about a path without links in it, of a user whose home is `home`.
pub(crate) fn find(path: &ImagePath, home: &ImagePath) -> Option<&'static Claimed> {
    let own = || path.name().contains("cardwright").then_some(&OWN);
    ALL.iter().find(|claimed| claimed.matches(path, home)).or_else(own)
}

/// A drop-in of cardwright's in a directory that others have a use for.
const OWN: Claimed = Claimed {
    pattern: "*cardwright*",
    by: SomePlans,
    what: "it is a file of cardwright's own",
    instead: "Put settings of your own into another file beside it",
};

impl Claimed {
    fn matches(&self, path: &ImagePath, home: &ImagePath) -> bool {
        let path = path.as_str();
        match self.pattern.strip_prefix('~') {
            None => matches(self.pattern, path),
            Some(pattern) => path.strip_prefix(home.as_str()).is_some_and(|path| matches(pattern, path)),
        }
    }
}

/// Returns whether a path is one of those of a pattern, as in [`Claimed::pattern`].
pub(crate) fn matches(pattern: &str, path: &str) -> bool {
    let (mut wanted, mut found) = (pattern.split('/'), path.split('/'));
    loop {
        match (wanted.next(), found.next()) {
            (None, None) | (Some("**"), Some(_)) => return true,
            (Some(wanted), Some(found)) if name_matches(wanted, found) => {}
            _ => return false,
        }
    }
}

fn name_matches(pattern: &str, name: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == name,
        Some((start, end)) => {
            name.len() >= start.len() + end.len() && name.starts_with(start) && name.ends_with(end)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::image_path;

    #[test]
    fn files_that_settle_a_first_boot_are_not_the_users_to_write() {
        let found = |path: &str| find_on_boot(&ImagePath::new(path).unwrap());
        for (path, hint) in [
            ("/custom.toml", "`user:`"),
            ("/RPI-Preseed.toml", "`network:`"),
            ("/firstrun.sh", "`first_boot:`"),
            ("/userconf", "`user:`"),
            ("/userconf.txt", "`user:`"),
            ("/wpa_supplicant.conf", "Describe the Wi-Fi under `wifi:`"),
            ("/user-data", "`name:`"),
            ("/meta-data", "`name:`"),
            ("/vendor-data", "`first_boot:`"),
            ("/network-config", "`network:`"),
            ("/cardwright-status.txt", "another path"),
        ] {
            let found = found(path).unwrap_or_else(|| panic!("{path}"));
            assert!(found.instead.contains(hint), "{path}: {}", found.instead);
        }
        for free in ["/ssh", "/ssh.txt", "/usercfg.txt", "/overlays/custom.toml"] {
            assert!(found(free).is_none(), "{free}");
        }
    }

    #[test]
    fn patterns_are_of_whole_names() {
        let found = |path: &str| {
            let home = image_path!("/home/ann");
            find(&ImagePath::new(path).unwrap(), &home).map(|claimed| claimed.pattern)
        };
        for claimed in [
            "/etc/hostname",
            "/etc/sudoers.d/010_pi-nopasswd",
            "/home/ann/.ssh/authorized_keys",
            "/home/bob/.ssh/authorized_keys",
            "/etc/cardwright/card.json",
            "/var/lib/rancher/k3s/server/tls/etcd/server-ca.key",
            "/etc/ssh/cardwright_host_ed25519_key.pub",
        ] {
            assert!(found(claimed).is_some(), "{claimed}");
        }
        // Drop-ins beside them, and other people's.
        for free in [
            "/etc/hostname.d/x",
            "/etc/ssh/sshd_config.d/50-own.conf",
            "/etc/rancher/k3s/config.yaml.d/own.yaml",
            "/etc/systemd/system/k3s.service.d/own.conf",
            "/etc/sudoers.d/own",
            "/home/ann/.ssh/config",
        ] {
            assert_eq!(found(free), None, "{free}");
        }
    }
}
