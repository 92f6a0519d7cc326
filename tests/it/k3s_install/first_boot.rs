//! The commands of `first_boot:`.

use crate::k3s_install::card::{Card, Run};

const DONE: &str = "var/lib/cardwright/first-boot.done";
const LOG: &str = "var/log/cardwright-first-boot.log";

/// Runs the script and says whether all is done.
#[track_caller]
fn run(card: &Card, success: bool) -> Run {
    let run = card.run();
    assert_eq!(run.success(), success, "{}", run.output);
    assert_eq!(card.exists(DONE), success, "{}", run.output);
    run
}

#[test]
fn commands_run_in_order_and_their_output_is_kept() {
    let card = Card::with_commands(&[], &["echo one", "echo two >&2"]);
    let output = run(&card, true).output;
    assert_eq!(card.text(LOG), output);
    assert_eq!(card.mode(LOG), 0o600);
    assert!(output.find("one\n").unwrap() < output.find("two\n").unwrap());
    assert_eq!(card.last_status(), "done: all commands went through");
    assert_eq!(card.status().lines().count(), 1, "{}", card.status());
}

#[test]
fn a_failure_ends_the_run_and_the_next_one_goes_on_with_it() {
    let card = Card::with_commands(
        &[],
        &[
            "echo one >>ROOT/ran",
            "test -e ROOT/ready || exit 7\necho two >>ROOT/ran",
            "echo three >>ROOT/ran",
        ],
    );
    run(&card, false);
    assert_eq!(
        card.last_status(),
        "failed: command 2 of 3 ended with code 7, and is tried again until it succeeds"
    );
    assert_eq!(card.text("ran"), "one\n");
    card.write("ready", b"", 0o644);
    run(&card, true);
    assert_eq!(card.text("ran"), "one\ntwo\nthree\n");
    run(&card, true);
    assert_eq!(card.text("ran"), "one\ntwo\nthree\n");
}

#[test]
fn a_command_that_is_no_shell_script_fails_alone() {
    let card = Card::with_commands(&[], &["echo one >>ROOT/ran", "if 'unfinished"]);
    run(&card, false);
    assert_eq!(card.text("ran"), "one\n");
}

/// What fails the same way for weeks neither wears out the card nor pushes out what k3s said.
#[test]
fn the_same_failure_is_reported_once() {
    let card = Card::with_commands(&[], &["false"]);
    let of_k3s = "2026-11-27T10:00:00Z k3s: done: k3s v1.36.4+k3s1 started as agent\n";
    card.write("boot/firmware/cardwright-status.txt", of_k3s.as_bytes(), 0o644);
    for _ in 0..3 {
        run(&card, false);
    }
    assert_eq!(card.status().lines().count(), 2, "{}", card.status());
    assert!(card.status().starts_with(of_k3s), "{}", card.status());
}

#[test]
fn each_of_the_two_reports_keeps_its_last_lines() {
    let card = Card::with_commands(&[], &["true"]);
    let line = |number: usize, topic: &str| format!("2026-11-27T10:00:00Z {topic}: line {number}\n");
    let known: String =
        (0..60).flat_map(|number| [line(number, "k3s"), line(number, "first_boot")]).collect();
    card.write("boot/firmware/cardwright-status.txt", known.as_bytes(), 0o644);
    run(&card, true);
    let status = card.status();
    assert_eq!(status.matches(" k3s: ").count(), 60, "nobody else's lines are removed");
    assert_eq!(status.matches(" first_boot: ").count(), 50);
    assert!(
        !status.contains("first_boot: line 10\n") && status.contains("first_boot: line 11\n"),
        "{status}"
    );
    assert_eq!(card.last_status(), "done: all commands went through");
}

#[test]
fn commands_wait_for_a_network() {
    let card = Card::with_commands(&[], &["echo one >>ROOT/ran"]);
    card.default_route("");
    run(&card, false);
    assert_eq!(card.last_status(), "failed: there is no network: no default route after 0 seconds");
    assert!(!card.exists("ran"));
    card.default_route("default via 192.168.50.1 dev eth0");
    run(&card, true);
}

#[test]
fn commands_do_not_run_by_a_clock_that_cannot_be_right() {
    let card = Card::with_commands(&[], &["echo one >>ROOT/ran"]);
    card.synchronized("no");
    card.clock("86400");
    run(&card, false);
    assert!(
        card.last_status().starts_with("failed: the clock is wrong: it says 1970-01-02"),
        "{}",
        card.status()
    );
    assert!(!card.exists("ran"));
    card.clock("1900000000");
    run(&card, true);
    assert!(
        card.status().contains("no time server answered within 0 seconds, going on"),
        "{}",
        card.status()
    );
    // That is k3s's alone.
    assert!(!card.exists("var/lib/cardwright/k3s-without-time"));
    assert_eq!(card.systemctl_calls(), "");
}

/// apt refuses a repository that is dated ahead of the clock; nothing else ran it again before.
#[test]
fn a_command_that_needs_the_time_gets_it_in_the_end() {
    let card = Card::with_commands(
        &[],
        &["echo one >>ROOT/ran", "[ -e ROOT/run/systemd/timesync/synchronized ]", "echo three >>ROOT/ran"],
    );
    card.synchronized("no");
    card.clock("1900000000");
    run(&card, false);
    card.write("run/systemd/timesync/synchronized", b"", 0o644);
    run(&card, true);
    assert_eq!(card.text("ran"), "one\nthree\n");
}

#[test]
fn cardwrights_own_commands_wait_for_nothing() {
    let card = Card::with_commands(&["echo own >>ROOT/ran"], &["echo one >>ROOT/ran"]);
    card.default_route("");
    run(&card, false);
    assert_eq!(card.text("ran"), "own\n");
    let alone = Card::with_commands(&["echo own >>ROOT/ran"], &[]);
    alone.default_route("");
    run(&alone, true);
    let failing = Card::with_commands(&["false"], &["true"]);
    run(&failing, false);
    assert!(failing.last_status().starts_with("failed: cardwright's own command ended with code 1"));
}

#[test]
fn the_log_does_not_fill_the_card() {
    let card = Card::with_commands(&[], &["echo the end"]);
    card.write(LOG, "0123456789abcde\n".repeat(70_000).as_bytes(), 0o600);
    run(&card, true);
    assert!(card.size(LOG) < 600_000, "{}", card.size(LOG));
    assert_eq!(card.mode(LOG), 0o600);
    assert!(card.text(LOG).contains("\nthe end\n"));
}

#[test]
fn what_goes_wrong_beside_the_commands_is_reported() {
    let card = Card::with_commands(&[], &["true"]);
    card.tool("sync", "#!/bin/sh\n[ $# -gt 0 ] || exit 5\n");
    run(&card, false);
    assert_eq!(card.last_status(), "failed: unexpectedly, with code 5");
}
