//! All concerns together, on every release.

use super::test_node::node;
use super::test_stock::{applied, bookworm, bullseye, patch, path, paths, text, trixie};
use super::*;
use crate::cluster::{Sudo, TimeServer};
use crate::patch::{Draft, MemoryStock, Partition};

/// Everything that a node of nodes.yaml can ask for, in the order in which a card gets it.
fn customise(stock: &MemoryStock, draft: &mut Draft<'_>) -> Result<(), RaspiosError> {
    let release = detect(stock).unwrap();
    let node = node("north", 11);
    let account = set_user(draft, &node.user)?;
    set_password(draft, &account, None)?;
    set_authorized_keys(draft, &account, &["ssh-ed25519 AAAA"])?;
    set_sudo(draft, &account, Sudo::WithoutPassword)?;
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
    set_time_servers(draft, &[TimeServer::new("192.168.50.1").unwrap()])?;
    add_config_lines(draft, &["arm_freq=1500"])?;
    add_cmdline_words(draft, &["cgroup_enable=memory"])?;
    write_card_record(draft, &CardRecord::new("compass", "north"))
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

/// Every plan on every release claims the paths that the table says it does, also where the stock image has it right already.
#[test]
fn what_every_plan_claims_is_in_every_plan() {
    use crate::cluster::claimed::{self, ClaimedBy};
    for stock in [bullseye(), bookworm(), trixie()] {
        let mut draft = Draft::new(&stock, super::test_stock::TIME);
        customise(&stock, &mut draft).unwrap();
        set_host_key(&mut draft, "PRIVATE\n", "ssh-ed25519 AAAA north").unwrap();
        let known: Vec<_> = draft
            .claimed()
            .filter_map(|(_, at)| claimed::find(at, &path("/home/pi")))
            .map(|known| known.pattern)
            .collect();
        for every in claimed::ALL.iter().filter(|claimed| claimed.by == ClaimedBy::EveryPlan) {
            assert!(known.contains(&every.pattern), "{}", every.pattern);
        }
    }
}

#[test]
fn a_file_of_the_users_does_not_replace_what_makes_the_card_this_node() {
    use crate::cluster::{ExtraFile, FilePath, FileSource};
    use crate::types::Hint as _;
    let extra = |at: &str| ExtraFile {
        partition: Partition::Root,
        path: FilePath::Absolute(path(at)),
        content: FileSource::Inline("zzz\n".to_owned()),
        mode: None,
        owner: None,
        span: None,
    };
    let stock = trixie().symlink(Partition::Root, &path("/names"), "etc").symlink(
        Partition::Root,
        &path("/srv/key"),
        "../etc/ssh/cardwright_host_ed25519_key",
    );
    let release = detect(&stock).unwrap();
    let add = |at: &str| {
        let mut draft = Draft::new(&stock, super::test_stock::TIME);
        customise(&stock, &mut draft).unwrap();
        set_host_key(&mut draft, "PRIVATE\n", "ssh-ed25519 AAAA north").unwrap();
        let account = Account::first_user(&draft).unwrap();
        add_file(&mut draft, &release, &account, &extra(at))
    };
    for (at, hint) in [
        ("/etc/hostname", "`name:`"),
        ("/names/hostname", "`name:`"),
        ("/srv/key", "the cluster's secret"),
        ("/etc/NetworkManager/system-connections/eth0.nmconnection", "`network:`"),
        ("/home/pi/.ssh/authorized_keys", "`ssh_authorized_keys:`"),
        ("/etc/sudoers.d/010_pi-nopasswd", "`sudo:`"),
        ("/etc/locale.conf", "`locale:`"),
        ("/etc/default/locale", "`locale:`"),
        ("/etc/systemd/system/userconfig.service", "drop-in"),
        ("/usr/local/lib/cardwright/first-boot", "directory"),
        ("/etc/cardwright/card.json", "directory"),
    ] {
        let error = add(at).unwrap_err();
        assert!(error.to_string().contains("is written by cardwright itself"), "{at}: {error}");
        assert!(error.hint().unwrap().contains(hint), "{at}: {:?}", error.hint());
    }
    for at in [
        "/etc/hostname.txt",
        "/etc/NetworkManager/system-connections/eth1.nmconnection",
        "/etc/ssh/sshd_config.d/50-own.conf",
        "/etc/systemd/system/userconfig.service.d/own.conf",
    ] {
        add(at).unwrap();
    }
    // The stock image's own name is what the node is called: nothing is written, and it is claimed all the same.
    let mut draft = Draft::new(&stock, super::test_stock::TIME);
    set_hostname(&mut draft, &node("raspberrypi", 11).name).unwrap();
    let account = Account::first_user(&draft).unwrap();
    assert!(add_file(&mut draft, &release, &account, &extra("/etc/hostname")).is_err());
}

#[test]
fn what_is_written_after_the_users_files_does_not_replace_one() {
    use crate::patch::{NewFile, PatchError, Sensitivity};
    use crate::types::{Mode, Owner};
    let stock = trixie();
    let mut draft = Draft::new(&stock, super::test_stock::TIME);
    let at = path("/etc/cardwright/card.json");
    let (mode, owner, sensitivity) = (Mode::FILE, Owner::ROOT, Sensitivity::Plain);
    draft
        .extra_file(Partition::Root, &at, &at, NewFile { content: "x".into(), mode, owner, sensitivity })
        .unwrap();
    let error = write_card_record(&mut draft, &CardRecord::new("compass", "north")).unwrap_err();
    assert!(matches!(error, RaspiosError::Patch(PatchError::Claimed { .. })), "{error}");
}

#[test]
fn no_secret_and_no_key_is_on_the_boot_partition() {
    let stock = trixie();
    let patch = patch(&stock, |draft| customise(&stock, draft).unwrap());
    let on_boot: Vec<_> = patch.edits_of(Partition::Boot).map(|edit| edit.path.clone()).collect();
    assert_eq!(on_boot, [path("/config.txt"), path("/cmdline.txt")]);
}
