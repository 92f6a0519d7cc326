//! A snapshot of etcd that is restored before the first start of k3s.

use crate::k3s_install::card::Card;

const DONE: &str = "var/lib/cardwright/k3s-restored";
const SNAPSHOT: &str = "var/lib/cardwright/k3s-snapshot";
const ETCD: &str = "var/lib/rancher/k3s/server/db/etcd";

/// A k3s that makes a datastore of a snapshot, as far as files go, after `before`.
fn k3s(before: &str) -> String {
    format!(
        "#!/bin/sh\n\
         echo \"$@\" >>\"$CARDWRIGHT_ROOT/k3s-calls\"\n\
         [ -z \"${{NOTIFY_SOCKET+set}}\" ] || exit 8\n\
         etcd=$CARDWRIGHT_ROOT/{ETCD}\n\
         [ ! -e \"$etcd\" ] || exit 9\n\
         mkdir -p \"$etcd\"\n\
         {before}\n\
         cat \"${{3#*=}}\" >\"$etcd/db\"\n"
    )
}

fn card(before: &str) -> Card {
    let card = Card::restoring(b"the snapshot");
    card.write("usr/local/bin/k3s", k3s(before).as_bytes(), 0o755);
    card
}

#[track_caller]
fn assert_restored(card: &Card) {
    assert_eq!(card.text(&format!("{ETCD}/db")), "the snapshot");
    assert_eq!(card.text(DONE), "2026-11-28T14:23:10Z\n");
    assert!(!card.exists(SNAPSHOT));
    assert_eq!(card.last_status(), "restoring: done");
}

#[test]
fn a_snapshot_is_restored_once() {
    let card = card("");
    assert_eq!(card.mode(SNAPSHOT), 0o600);
    let run = card.run();
    assert!(run.success(), "{}", run.output);
    assert_restored(&card);
    let calls = card.text("k3s-calls");
    let words: Vec<_> = calls.split_whitespace().collect();
    assert_eq!(words.len(), 4, "{calls}");
    assert_eq!([words[0], words[1], words[3]], ["server", "--cluster-reset", "--etcd-s3=false"]);
    assert!(
        words[2].starts_with("--cluster-reset-restore-path=/") && words[2].ends_with(SNAPSHOT),
        "{calls}"
    );
    // What happened since stays.
    card.write(&format!("{ETCD}/db"), b"a later state", 0o600);
    let status = card.status();
    for _ in 0..2 {
        assert!(card.run().success());
    }
    assert_eq!(card.text(&format!("{ETCD}/db")), "a later state");
    assert_eq!((card.text("k3s-calls"), card.status()), (calls, status));
}

#[test]
fn after_a_power_cut_it_begins_anew() {
    let card = card("[ -e \"$CARDWRIGHT_ROOT/powered\" ] || { echo half >\"$etcd/db\"; sleep 600; }");
    let run = card.spawn();
    card.wait_until(|card| card.size(&format!("{ETCD}/db")) > 0);
    run.kill();
    assert!(card.exists(SNAPSHOT) && !card.exists(DONE));
    card.write("powered", b"", 0o644);
    let run = card.run();
    assert!(run.success(), "{}", run.output);
    assert_restored(&card);
}

#[test]
fn a_power_cut_after_the_marker_leaves_what_was_restored() {
    let card = card("");
    assert!(card.run().success());
    card.write(SNAPSHOT, b"the snapshot", 0o600);
    card.write(&format!("{ETCD}/db"), b"a later state", 0o600);
    assert!(card.run().success());
    assert!(!card.exists(SNAPSHOT));
    assert_eq!(card.text(&format!("{ETCD}/db")), "a later state");
}

#[test]
fn a_k3s_that_cannot_restore_it_is_tried_again() {
    let card = card("[ -e \"$CARDWRIGHT_ROOT/ready\" ] || exit 1");
    for _ in 0..2 {
        assert!(!card.run().success());
        assert!(card.exists(SNAPSHOT) && !card.exists(DONE));
        assert_eq!(card.last_status(), "failed: k3s could not restore the cluster; its journal says why");
    }
    card.write("ready", b"", 0o644);
    assert!(card.run().success());
    assert_restored(&card);
}
