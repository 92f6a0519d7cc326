//! The end of an interrupted program: nothing that is half-written stays behind.

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
            cardwright::io::temporary::discard_all();
            // On a terminal the line of the progress bar is unfinished.
            super::paint::note("");
            super::paint::note("interrupted");
            std::process::exit(128 + signal);
        }
    });
}

/// Elsewhere the next run sweeps up.
#[cfg(not(unix))]
pub(super) fn clean_up_at_signals() {}
