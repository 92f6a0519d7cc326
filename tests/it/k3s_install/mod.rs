//! The scripts of the first start, run for real: by the shell Debian runs scripts with, in a folder that stands
//! for the card, against a server of releases on this machine. Only systemctl, timedatectl and ip are
//! stand-ins.
mod card;
mod first_boot;
mod late_time;
mod restore;

use crate::support::release_server::{ReleaseServer, Reply};
use crate::support::{content, oracle};
use card::Card;
use std::path::Path;
use std::time::Duration;

const VERSION: &str = "v1.36.4+k3s1";

/// A megabyte that is not the same everywhere, in the place of k3s.
fn program() -> Vec<u8> {
    (0..1_000_000_u32)
        .flat_map(|number| [(number * 7).to_le_bytes()[0], (number >> 8).to_le_bytes()[0]])
        .collect()
}

fn other_program() -> Vec<u8> {
    program().into_iter().map(|byte| byte ^ 1).collect()
}

/// A server whose every answer is the program.
fn good_server() -> ReleaseServer {
    ReleaseServer::start(|_, _| Reply::Whole(program()))
}

#[track_caller]
fn assert_installed(card: &Card) {
    assert_eq!(card.read("usr/local/bin/k3s"), program(), "{}", card.status());
    assert_eq!(card.mode("usr/local/bin/k3s"), 0o755);
    assert!(!card.exists("var/lib/cardwright/k3s.part"));
    assert_eq!(card.text("var/lib/cardwright/k3s-installed"), format!("{VERSION}\n"));
    assert_eq!(card.systemctl_calls(), "start --no-block k3s-agent.service\n");
    let status = card.status();
    assert!(status.ends_with(&format!(" k3s: done: k3s {VERSION} started as agent\n")), "{status}");
}

#[test]
fn k3s_is_downloaded_linked_and_started() {
    let server = good_server();
    let card = Card::new(&server.address(), &program());
    let run = card.run();
    assert!(run.success(), "{}", run.output);
    assert_installed(&card);
    for name in ["kubectl", "crictl", "ctr"] {
        assert_eq!(card.link(&format!("usr/local/bin/{name}")), "k3s");
    }
    let paths: Vec<_> = server.requests().into_iter().map(|request| request.path).collect();
    assert_eq!(paths, ["/v1.36.4%2Bk3s1/k3s-arm64"]);
}

#[test]
fn a_second_run_does_nothing() {
    let server = good_server();
    let card = Card::new(&server.address(), &program());
    assert!(card.run().success());
    let before = card.status();
    assert!(card.run().success());
    assert_eq!(server.requests().len(), 1);
    assert_eq!(card.status(), before);
    assert_installed(&card);
}

#[test]
fn a_server_that_is_down_at_first_is_asked_again() {
    let address = ReleaseServer::unused_address();
    let card = Card::new(&address, &program());
    let run = card.pause(1).spawn();
    card.wait_for_status("failed: could not download k3s-arm64: ");
    let _server = ReleaseServer::start_at(&address, |_, _| Reply::Whole(program()));
    let run = run.wait();
    assert!(run.success(), "{}", run.output);
    assert_installed(&card);
    assert!(card.status().contains("installing: downloading k3s-arm64 v1.36.4+k3s1 (attempt 2)\n"));
}

#[test]
fn a_server_that_stays_down_ends_the_run_with_an_error_and_the_next_run_goes_on() {
    let address = ReleaseServer::unused_address();
    let card = Card::new(&address, &program());
    assert!(!card.run().success());
    assert!(card.last_status().starts_with("failed: could not download k3s-arm64: "), "{}", card.status());
    assert!(!card.exists("var/lib/cardwright/k3s-installed"));
    let _server = ReleaseServer::start_at(&address, |_, _| Reply::Whole(program()));
    assert!(card.run().success());
    assert_installed(&card);
}

#[test]
fn a_download_cut_half_way_goes_on_where_it_ended() {
    let server = ReleaseServer::start(|number, _| match number {
        0 => Reply::CutAfter(700_000, program()),
        _ => Reply::Whole(program()),
    });
    let card = Card::new(&server.address(), &program());
    assert!(card.run().success());
    assert_installed(&card);
    let starts: Vec<_> = server.requests().into_iter().map(|request| request.from).collect();
    assert_eq!(starts, [None, Some(700_000)]);
}

#[test]
fn a_server_that_cannot_go_on_half_way_is_asked_for_the_whole() {
    let server = ReleaseServer::start(|number, _| match number {
        0 => Reply::CutAfter(700_000, program()),
        _ => Reply::WholeWithoutRanges(program()),
    });
    let card = Card::new(&server.address(), &program());
    let run = card.run();
    assert!(run.success(), "{}", run.output);
    assert_installed(&card);
}

#[test]
fn a_wrong_program_is_refused_reported_and_asked_for_again() {
    let server = ReleaseServer::start(|number, _| match number {
        0 => Reply::Whole(other_program()),
        _ => Reply::Whole(program()),
    });
    let card = Card::new(&server.address(), &program());
    assert!(card.run().success());
    assert_installed(&card);
    assert!(card.status().contains("failed: k3s-arm64 is not what it should be: its SHA-256 is "));
    let starts: Vec<_> = server.requests().into_iter().map(|request| request.from).collect();
    assert_eq!(starts, [None, None], "nothing of the wrong program may be kept");
}

#[test]
fn a_program_that_stays_wrong_is_never_installed() {
    let server = ReleaseServer::start(|_, _| Reply::Whole(other_program()));
    let card = Card::new(&server.address(), &program());
    assert!(!card.run().success());
    assert!(!card.exists("usr/local/bin/k3s"));
    assert!(!card.exists("var/lib/cardwright/k3s-installed"));
    assert_eq!(card.systemctl_calls(), "");
    assert_eq!(server.requests().len(), 5);
    assert!(card.last_status().starts_with("failed: "), "{}", card.status());
}

#[test]
fn after_a_power_cut_during_the_download_the_next_run_goes_on() {
    let server = ReleaseServer::start(|number, _| match number {
        0 => Reply::StallAfter(700_000, program()),
        _ => Reply::Whole(program()),
    });
    let card = Card::new(&server.address(), &program());
    let run = card.spawn();
    card.wait_until(|card| card.size("var/lib/cardwright/k3s.part") > 0);
    run.kill();
    let kept = card.size("var/lib/cardwright/k3s.part");
    assert!(!card.exists("usr/local/bin/k3s"));
    assert!(card.run().success());
    assert_installed(&card);
    assert_eq!(server.requests().last().unwrap().from, Some(kept));
}

#[test]
fn after_a_power_cut_before_the_end_nothing_is_downloaded_again() {
    let server = good_server();
    let card = Card::new(&server.address(), &program());
    card.write("usr/local/bin/k3s", &program(), 0o755);
    assert!(card.run().success());
    assert_eq!(server.requests(), []);
    assert_installed(&card);
}

#[test]
fn whatever_a_power_cut_left_of_the_download_is_no_obstacle() {
    for left in [Vec::new(), vec![0; 5_000_000], other_program(), vec![0; 1000], program()] {
        let server = good_server();
        let card = Card::new(&server.address(), &program());
        card.write("var/lib/cardwright/k3s.part", &left, 0o644);
        let run = card.run();
        assert!(run.success(), "{} bytes: {}", left.len(), run.output);
        assert_installed(&card);
    }
}

#[test]
fn without_a_pin_the_digest_is_the_releases_own() {
    let server = ReleaseServer::start(|_, request| {
        if request.path.ends_with("/sha256sum-arm64.txt") {
            let digest = cardwright::types::Digest::of(&program());
            let other = cardwright::types::Digest::of(&other_program());
            let lines = format!("{other}  k3s-airgap-images-arm64.tar\n{digest}  k3s-arm64\n");
            Reply::Whole(lines.into_bytes())
        } else {
            Reply::Whole(program())
        }
    });
    let card = Card::new(&server.address(), &program());
    card.forget_pin();
    let run = card.run();
    assert!(run.success(), "{}", run.output);
    assert_installed(&card);
    assert_eq!(server.requests().len(), 2);
}

#[test]
fn without_a_pin_and_without_a_digest_nothing_is_installed() {
    let server = ReleaseServer::start(|_, request| {
        if request.path.ends_with("/sha256sum-arm64.txt") {
            Reply::Whole(b"<html>Please log in</html>\n".to_vec())
        } else {
            Reply::Whole(program())
        }
    });
    let card = Card::new(&server.address(), &program());
    card.forget_pin();
    assert!(!card.run().success());
    assert!(!card.exists("usr/local/bin/k3s"));
    assert!(card.last_status().starts_with("failed: sha256sum-arm64.txt has no digest of k3s-arm64"));
}

#[test]
fn a_clock_before_the_making_of_the_card_is_waited_for() {
    let server = good_server();
    let card = Card::new(&server.address(), &program());
    card.clock("86400");
    card.synchronized("no");
    assert!(!card.run().success());
    assert!(card.last_status().starts_with("failed: the clock is wrong: "), "{}", card.status());
    assert_eq!(server.requests(), []);
    card.synchronized("yes");
    assert!(card.run().success());
    assert_installed(&card);
}

#[test]
fn a_sane_clock_is_enough_where_no_time_server_answers() {
    let server = good_server();
    let card = Card::new(&server.address(), &program());
    card.clock("1900000000");
    card.synchronized("no");
    assert!(card.run().success());
    assert!(card.status().contains("no time server answered"));
    let calls = card.systemctl_calls();
    assert_eq!(calls, format!("{}start --no-block k3s-agent.service\n", late_time::WAITED_FOR));
}

#[test]
fn while_the_time_is_waited_for_timesyncd_is_made_to_ask_again() {
    let server = good_server();
    let card = Card::new(&server.address(), &program());
    card.synchronized("no");
    card.wait(16);
    let time_comes = "#!/bin/sh\n[ \"$1\" = start ] || : >\"$CARDWRIGHT_ROOT/run/systemd/timesync/synchronized\"\n\
                      echo \"$@\" >>\"$CARDWRIGHT_ROOT/systemctl-calls\"\n";
    card.tool("systemctl", time_comes);
    let run = card.run();
    assert!(run.success(), "{}", run.output);
    assert!(!card.status().contains("no time server answered"), "{}", card.status());
    let calls = "try-restart systemd-timesyncd.service\nstart --no-block k3s-agent.service\n";
    assert_eq!(card.systemctl_calls(), calls);
}

#[test]
fn without_a_network_the_run_ends_with_an_error() {
    let server = good_server();
    let card = Card::new(&server.address(), &program());
    card.default_route("");
    assert!(!card.run().success());
    assert!(card.last_status().starts_with("failed: there is no network"), "{}", card.status());
    assert_eq!(server.requests(), []);
}

#[test]
fn a_command_that_the_system_has_is_left_alone() {
    let server = good_server();
    let card = Card::new(&server.address(), &program());
    card.tool("kubectl", "#!/bin/sh\n");
    card.write("usr/local/bin/ctr", b"mine", 0o644);
    assert!(card.run().success());
    assert!(!card.exists("usr/local/bin/kubectl"));
    assert_eq!(card.text("usr/local/bin/ctr"), "mine");
    assert_eq!(card.link("usr/local/bin/crictl"), "k3s");
}

#[test]
fn a_unit_that_cannot_be_started_is_tried_again() {
    let server = good_server();
    let card = Card::new(&server.address(), &program());
    card.tool("systemctl", "#!/bin/sh\nexit 1\n");
    assert!(!card.run().success());
    assert_eq!(card.last_status(), "failed: k3s-agent.service could not be started");
    assert!(!card.exists("var/lib/cardwright/k3s-installed"));
}

#[test]
fn a_boot_partition_that_cannot_be_written_to_is_no_obstacle() {
    let server = good_server();
    let card = Card::new(&server.address(), &program());
    card.remove_boot_partition();
    assert!(card.run().success());
    assert!(card.exists("var/lib/cardwright/k3s-installed"));
}

#[test]
fn the_status_keeps_its_last_lines_only() {
    let address = ReleaseServer::unused_address();
    let card = Card::new(&address, &program());
    for _ in 0..8 {
        assert!(!card.run().success());
    }
    assert_eq!(card.status().lines().count(), 50);
}

#[test]
fn without_curl_wget_does_it() {
    if oracle("wget").is_none() {
        return;
    }
    let server = ReleaseServer::start(|number, _| match number {
        0 => Reply::CutAfter(700_000, program()),
        _ => Reply::Whole(program()),
    });
    let card = Card::new(&server.address(), &program());
    card.remove_tool("curl");
    let run = card.run();
    assert!(run.success(), "{}", run.output);
    assert_installed(&card);
    assert_eq!(server.requests().last().unwrap().from, Some(700_000));
}

/// What is left behind when a k3s that is on the card already may start.
#[track_caller]
fn assert_may_start(card: &Card) {
    assert_eq!(card.text("var/lib/cardwright/k3s-installed"), format!("{VERSION}\n"));
    let status = card.status();
    assert!(status.ends_with(&format!(" k3s: done: k3s {VERSION} starts as agent\n")), "{status}");
    assert!(!card.systemctl_calls().contains("k3s-agent"), "its own unit is what starts it");
}

#[test]
fn a_bundled_k3s_starts_at_once_where_network_and_time_are_there() {
    let card = Card::bundled();
    let run = card.run();
    assert!(run.success(), "{}", run.output);
    assert_may_start(&card);
    assert_eq!(card.status().lines().count(), 1, "{}", card.status());
}

#[test]
fn a_bundled_k3s_waits_once_and_not_at_every_start() {
    let card = Card::bundled();
    assert!(card.run().success());
    card.default_route("");
    card.synchronized("no");
    assert!(card.run().success());
    assert_may_start(&card);
}

#[test]
fn a_bundled_k3s_waits_for_a_network() {
    let card = Card::bundled();
    card.default_route("");
    assert!(!card.run().success());
    assert!(card.last_status().starts_with("failed: there is no network"), "{}", card.status());
    assert!(!card.exists("var/lib/cardwright/k3s-installed"));
    card.default_route("default via 192.168.50.1 dev eth0");
    assert!(card.run().success());
    assert_may_start(&card);
}

#[test]
fn a_bundled_k3s_makes_no_certificates_by_a_wrong_clock_and_needs_no_time_server() {
    let card = Card::bundled();
    card.synchronized("no");
    card.clock("86400");
    assert!(!card.run().success());
    assert!(card.last_status().starts_with("failed: the clock is wrong: "), "{}", card.status());
    card.clock("1900000000");
    assert!(card.run().success());
    assert!(card.status().contains("no time server answered within 0 seconds, going on"));
    assert_may_start(&card);
}

#[test]
fn a_bundled_k3s_starts_without_a_boot_partition_that_can_be_written_to() {
    let card = Card::bundled();
    card.remove_boot_partition();
    assert!(card.run().success());
    assert!(card.exists("var/lib/cardwright/k3s-installed"));
}

#[test]
fn shellcheck_finds_nothing() {
    let cards = [
        (Card::new(&ReleaseServer::unused_address(), &program()), "install-k3s"),
        (Card::bundled(), "start-k3s"),
        (Card::bundled(), "k3s-time"),
        (Card::with_commands(&[], &["true"]), "first-boot"),
        (Card::restoring(b""), "restore-k3s"),
    ];
    let on_nodes = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/backup/backup.sh");
    let scripts = cards.iter().map(|(card, name)| card.script_called(name)).chain([on_nodes]);
    for script in scripts {
        let Some(mut shellcheck) = oracle("shellcheck") else { return };
        shellcheck.arg("--shell=dash").arg(script);
        content(shellcheck);
    }
}

/// How long a test waits for what has to happen.
const PATIENCE: Duration = Duration::from_secs(60);
