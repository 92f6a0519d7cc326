//! Whole plans, on every release.

use super::*;
use crate::cluster::claimed;
use crate::patch::{Action, Partition};
use crate::raspios::detect;
use crate::raspios::test_stock::{TIME, bookworm, bullseye, path, trixie};
use std::path::Path;

/// A cluster whose first node asks for something of every concern.
const EVERYTHING: &str = r#"
cluster: compass
image: demo
network: {gateway: 192.168.50.1, prefix: 24}
user:
  name: pi
  password_hash: "$6$saltsalt$GTwZk5DfdPrT3/F3kC57jq4mbcLXTK1gDIBLSRILk9jJ1DAYVLRrDpHMgbRLRLSAmBkKHAVY7gEx0vyR4JyA1"
  ssh_authorized_keys: []
users: [{name: ann, groups: [adm], sudo: nopasswd}]
wifi: {ssid: attic, password: correct horse, country: DE}
timezone: Europe/Berlin
locale: de_DE.UTF-8
keyboard: de
ntp: 192.168.50.1
boot: {page_size: 4k, config: [arm_freq=1500], cmdline: [quiet]}
swap: off
first_boot: ["true"]
k3s:
  version: v1.36.4+k3s1
  registries: {mirrors: {docker.io: {endpoint: ["http://192.168.50.2:5000"]}}}
nodes:
- {name: north, address: 192.168.50.11, k3s: server}
- {name: east, address: 192.168.50.12, k3s: agent}
"#;

/// Paths that only keep questions and programs of the stock image out of the way, and have no key in nodes.yaml.
const MUTES: [&str; 11] = [
    "/home/rpi-first-boot-wizard",
    "/var/lib/userconf-pi/",
    "/etc/lightdm/lightdm.conf",
    "/etc/systemd/system/",
    "/etc/cloud/",
    "/etc/xdg/",
    "/etc/sudoers.d/010_wiz",
    "/etc/ssh/sshd_config.d/rename_user.conf",
    "/etc/ssh/sshd_not_to_be_run",
    "/etc/fake-hwclock.data",
    "/var/lib/systemd/timesync/clock",
];

/// The table of the paths that a file of the user's may not replace has all that plans write.
#[test]
fn every_path_that_a_plan_writes_is_in_the_table_of_claimed_paths() {
    let cluster = Cluster::parse(EVERYTHING, Path::new("nodes.yaml")).unwrap();
    let secret = ClusterSecret::from_hex(&"5a".repeat(32)).unwrap();
    let home = path("/home/pi");
    for stock in [bullseye(), bookworm(), trixie()] {
        let release = detect(&stock).unwrap();
        let keys = FetchedKeys::default();
        let context = PlanContext {
            cluster: &cluster,
            secret: &secret,
            release: &release,
            stock: &stock,
            time: TIME,
            artifacts: None,
            keys: &keys,
            restored: &BTreeMap::new(),
        };
        for node in &cluster.nodes {
            let Assessment { patch, mistakes } = assess(&context, node).unwrap();
            assert!(mistakes.is_empty(), "{mistakes:?}");
            let written = |edit: &&crate::patch::Edit| !matches!(edit.action, Action::Directory { .. });
            let unclaimed: Vec<_> = patch
                .edits_of(Partition::Root)
                .filter(written)
                .filter(|edit| !MUTES.iter().any(|mute| edit.path.as_str().starts_with(mute)))
                .filter(|edit| claimed::find(&edit.path, &home).is_none())
                .map(|edit| edit.path.as_str())
                .collect();
            assert_eq!(unclaimed, <[&str; 0]>::default());
        }
    }
}
