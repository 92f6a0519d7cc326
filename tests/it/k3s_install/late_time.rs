//! A k3s that went on without the time, and the time that comes later.

use crate::k3s_install::card::Card;
use crate::k3s_install::{good_server, program};

/// How k3s's going on without the time asks for what comes here.
pub(crate) const WAITED_FOR: &str = "start --no-block cardwright-k3s-time.path\n";

const GUESS: &str = "var/lib/cardwright/k3s-without-time";
const DAY: i64 = 86_400;
/// What the clock says when nobody tells the time: later than the card's making.
const GUESSED: i64 = 1_800_000_000;

/// A card whose k3s went on without the time, `GUESSED`, 100 seconds after the start of the system.
fn started_without_the_time() -> Card {
    let card = Card::bundled();
    card.synchronized("no");
    card.clock(&GUESSED.to_string());
    let run = card.run();
    assert!(run.success(), "{}", run.output);
    assert_eq!(card.text(GUESS), format!("{GUESSED} 100 first\n"));
    assert_eq!(card.systemctl_calls(), WAITED_FOR);
    card.unit_state("active");
    card
}

/// The time comes so many seconds later than the clock thought.
fn the_time_comes(card: &Card, moved: i64) {
    card.synchronized("yes");
    card.clock(&(GUESSED + moved).to_string());
    let run = card.run_when_the_time_comes();
    assert!(run.success(), "{}", run.output);
    assert!(!card.exists(GUESS));
}

/// The calls of systemctl since k3s went on.
fn calls(card: &Card) -> String {
    card.systemctl_calls().strip_prefix(WAITED_FOR).unwrap().to_owned()
}

const DONE: &str = "stop cardwright-k3s-time.path\n";
const STARTED_ANEW: &str = "restart --no-block k3s-agent.service\nstop cardwright-k3s-time.path\n";

#[test]
fn with_the_time_nothing_is_left_to_wait_for() {
    for card in [Card::bundled(), Card::new(&good_server().address(), &program())] {
        card.run();
        assert!(!card.exists(GUESS));
        assert!(!card.systemctl_calls().contains("cardwright-k3s-time"));
    }
}

#[test]
fn k3s_is_started_anew_once_when_the_clock_moved_by_more_than_a_day() {
    let card = started_without_the_time();
    the_time_comes(&card, 162 * DAY + 5);
    assert_eq!(calls(&card), STARTED_ANEW);
    let told = "done: k3s v1.36.4+k3s1 started anew: the time came, and the clock had been off by 162 days";
    assert_eq!(card.last_status(), told);
    assert!(card.run_when_the_time_comes().success());
    assert_eq!(calls(&card), format!("{STARTED_ANEW}{DONE}"));
}

#[test]
fn k3s_is_started_anew_as_well_when_the_clock_was_ahead() {
    let card = started_without_the_time();
    the_time_comes(&card, -2 * DAY);
    assert_eq!(calls(&card), STARTED_ANEW);
}

#[test]
fn k3s_goes_on_when_the_clock_was_right() {
    let card = started_without_the_time();
    // Ten days passed, and the clock was a minute behind.
    card.running_for(100 + 864_000, "first");
    the_time_comes(&card, 10 * DAY + 60);
    assert_eq!(calls(&card), DONE);
}

#[test]
fn a_k3s_that_waits_for_its_server_is_started_anew() {
    let card = started_without_the_time();
    card.unit_state("activating");
    the_time_comes(&card, 2 * DAY);
    assert_eq!(calls(&card), STARTED_ANEW);
}

#[test]
fn a_k3s_that_was_not_started_yet_is_left_alone() {
    let card = started_without_the_time();
    card.unit_state("inactive");
    the_time_comes(&card, 2 * DAY);
    assert_eq!(calls(&card), DONE);
}

#[test]
fn after_another_start_of_the_system_the_time_is_still_waited_for() {
    let card = started_without_the_time();
    card.running_for(20, "second");
    the_time_comes(&card, 2 * DAY);
    assert_eq!(calls(&card), STARTED_ANEW);
}

#[test]
fn a_time_that_went_again_is_waited_for() {
    let card = started_without_the_time();
    assert!(card.run_when_the_time_comes().success());
    assert!(card.exists(GUESS));
    assert_eq!(calls(&card), "");
}

#[test]
fn a_guess_that_cannot_be_read_counts_as_wrong() {
    let card = started_without_the_time();
    card.write(GUESS, b"", 0o644);
    the_time_comes(&card, 0);
    assert_eq!(calls(&card), STARTED_ANEW);
}

#[test]
fn a_download_that_goes_on_without_the_time_leaves_word_of_it() {
    let server = good_server();
    let card = Card::new(&server.address(), &program());
    card.synchronized("no");
    card.clock(&GUESSED.to_string());
    assert!(card.run().success());
    assert_eq!(card.text(GUESS), format!("{GUESSED} 100 first\n"));
}
