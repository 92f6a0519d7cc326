//! How far the work is, on standard error: a line that is written over on a terminal, nothing elsewhere.

use super::paint::{DIM, paint};
use cardwright::disk::ByteCount;
use cardwright::emit::Stage;
use cardwright::pipeline::Progress;
use std::io::{IsTerminal as _, Write as _, stderr};
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// Often enough to look alive, seldom enough to cost nothing.
const EVERY: Duration = Duration::from_millis(100);

/// One line that tells how far the work is.
pub(super) struct Bar {
    visible: bool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    done: u64,
    shown: Option<Instant>,
}

impl Bar {
    pub(super) fn new() -> Self {
        let wanted = std::env::var_os("CARDWRIGHT_NO_PROGRESS").is_none();
        Self { visible: wanted && stderr().is_terminal(), state: Mutex::default() }
    }

    fn tell(&self, doing: &str, advance: impl FnOnce(u64) -> u64, total: Option<ByteCount>) {
        if !self.visible {
            return;
        }
        // A poisoned lock means that another thread panicked: then nobody cares for progress.
        let Ok(mut state) = self.state.lock() else { return };
        state.done = advance(state.done);
        if state.shown.is_some_and(|shown| shown.elapsed() < EVERY) {
            return;
        }
        state.shown = Some(Instant::now());
        let text = match total {
            Some(total) if total.0 > 0 => {
                format!("{doing} {}% of {total}", state.done.saturating_mul(100) / total.0)
            }
            _ => format!("{doing} {}", ByteCount(state.done)),
        };
        let _ = write!(anstream::stderr(), "\r\x1b[2K{}", paint(DIM, text));
    }
}

impl Progress for Bar {
    fn downloading(&self, done: ByteCount, total: Option<ByteCount>) {
        self.tell("downloading", |_| done.0, total);
    }
    fn working(&self, _stage: Stage, more: ByteCount, total: ByteCount) {
        self.tell("writing", |done| done.saturating_add(more.0), Some(total));
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        let shown = self.state.get_mut().is_ok_and(|state| state.shown.is_some());
        if shown {
            let _ = write!(anstream::stderr(), "\r\x1b[2K");
        }
    }
}
