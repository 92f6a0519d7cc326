//! All concerns together, on every release.

use super::test_node::node;
use super::test_stock::{applied, bookworm, bullseye, patch, path, paths, text, trixie};
use super::*;
use crate::patch::{Draft, MemoryStock, Partition};

/// Everything that a node of nodes.yaml can ask for, in the order in which a card gets it.
fn customise(stock: &MemoryStock, draft: &mut Draft<'_>) -> Result<(), RaspiosError> {
    let release = detect(stock).unwrap();
    let node = node("north", 11);
    let account = set_user(draft, &node.user)?;
    set_authorized_keys(draft, &account, &["ssh-ed25519 AAAA"])?;
    set_sudo(draft, &account, true)?;
    dismiss_wizard(draft)?;
    set_hostname(draft, &node.name)?;
    set_cluster_hosts(draft, std::slice::from_ref(&node))?;
    set_network(draft, &release, &node)?;
    enable_ssh(draft, &release, false)?;
    disable_cloud_init(draft, &release)?;
    set_timezone(draft, "Europe/Berlin")?;
    set_locale(draft, "de_DE.UTF-8")?;
    run_at_first_boot(draft, release.boot_mount, &["locale-gen"], &["true"])?;
    set_clock_floor(draft)?;
    add_config_lines(draft, &["arm_freq=1500"])?;
    add_cmdline_words(draft, &["cgroup_enable=memory"])?;
    write_card(draft, &Card::new("compass", "north"))
}

#[test]
fn what_was_made_right_once_is_left_alone() {
    for stock in [bullseye(), bookworm(), trixie()] {
        let once = patch(&stock, |draft| customise(&stock, draft).unwrap());
        let card = applied(stock, &once);
        let again = patch(&card, |draft| customise(&card, draft).unwrap());
        assert_eq!(paths(&again), <[&str; 0]>::default());
    }
}

#[test]
fn the_first_boot_of_the_stock_image_is_not_touched() {
    for stock in [bullseye(), bookworm(), trixie()] {
        let before = detect(&stock).unwrap();
        let patch = patch(&stock, |draft| customise(&stock, draft).unwrap());
        for kept in ["/etc/machine-id", "/etc/fstab", "/etc/systemd/system/rpi-resize.service"] {
            assert!(!paths(&patch).contains(&kept), "{kept}");
        }
        assert_eq!(text(&patch, "/cmdline.txt").lines().count(), 1);
        let card = applied(stock, &patch);
        assert_eq!(detect(&card).unwrap(), before);
        assert_eq!(booted_before(&card, &before).unwrap(), None);
    }
}

#[test]
fn no_secret_and_no_key_is_on_the_boot_partition() {
    let stock = trixie();
    let patch = patch(&stock, |draft| customise(&stock, draft).unwrap());
    let on_boot: Vec<_> = patch.edits_of(Partition::Boot).map(|edit| edit.path.clone()).collect();
    assert_eq!(on_boot, [path("/config.txt"), path("/cmdline.txt")]);
}
