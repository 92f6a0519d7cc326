//! The end of an interrupted program: nothing that is half-written stays behind.

use super::paint;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A sentence about what is unfinished, for the one who interrupts it.
static UNFINISHED: Mutex<Option<String>> = Mutex::new(None);

fn unfinished() -> MutexGuard<'static, Option<String>> {
    UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Sets the sentence that is said where the program is interrupted from now on.
pub(super) fn say_when_interrupted(sentence: Option<String>) {
    *unfinished() = sentence;
}

/// Does something that is done before the program ends, interrupted or not.
pub(super) fn uninterrupted<T>(work: impl FnOnce() -> T) -> T {
    let mut unfinished = unfinished();
    let result = work();
    *unfinished = None;
    result
}

/// Begins to wait for SIGINT and SIGTERM. At the first one, files in the making are removed and the program
/// exits as a shell says of a program that a signal ended: with 130 or 143.
#[cfg(unix)]
pub(super) fn clean_up_at_signals() {
    use signal_hook::consts::{SIGINT, SIGTERM};
    use signal_hook::iterator::Signals;
    let Ok(mut signals) = Signals::new([SIGINT, SIGTERM]) else {
        // Then a signal ends the program at once, as it does by itself; the next run sweeps up.
        return;
    };
    std::thread::spawn(move || {
        if let Some(signal) = signals.forever().next() {
            let unfinished = unfinished();
            cardwright::io::temporary::discard_all();
            // On a terminal the line of the progress bar is unfinished.
            paint::note("");
            paint::note("interrupted");
            unfinished.iter().for_each(paint::note);
            std::process::exit(128 + signal);
        }
    });
}

/// Elsewhere the next run sweeps up.
#[cfg(not(unix))]
pub(super) fn clean_up_at_signals() {}
