//! The bar on a terminal.

use cardwright::types::ByteCount;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::sync::{Mutex, MutexGuard, PoisonError};

const WITH_TOTAL: &str =
    "{msg:13} {wide_bar:.green/dim} {bytes} of {total_bytes}  {bytes_per_sec}  {eta} left";
const WITHOUT_TOTAL: &str = "{msg:13} {bytes}  {bytes_per_sec}";

/// The bar that is on the screen.
static SHOWN: Mutex<Option<ProgressBar>> = Mutex::new(None);

fn shown() -> MutexGuard<'static, Option<ProgressBar>> {
    SHOWN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A bar on standard error with rate and time left; gone when it is dropped.
pub(super) struct Bar(ProgressBar);

impl Bar {
    pub(super) fn on_terminal(is_terminal: bool) -> Option<Self> {
        is_terminal.then(|| {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
            *shown() = Some(bar.clone());
            Self(bar)
        })
    }

    /// Begins another stage, from 0.
    #[expect(clippy::expect_used, reason = "the templates do not change")]
    pub(super) fn begin(&self, stage: &'static str, total: Option<ByteCount>) {
        self.0.reset();
        self.0.set_message(stage);
        match total {
            Some(total) => self.0.set_length(total.get()),
            None => self.0.unset_length(),
        }
        let template = if total.is_some() { WITH_TOTAL } else { WITHOUT_TOTAL };
        let style = ProgressStyle::with_template(template).expect("a test parses both templates");
        self.0.set_style(style.progress_chars("━━ "));
    }

    pub(super) fn set(&self, done: ByteCount) {
        self.0.set_position(done.get());
    }

    pub(super) fn add(&self, more: ByteCount) {
        self.0.inc(more.get());
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
        *shown() = None;
    }
}

/// Runs what writes a line to standard error; a bar that is there is drawn anew below it.
pub(super) fn write_above(write: impl FnOnce()) {
    let bar = shown().clone();
    match bar {
        Some(bar) => bar.suspend(write),
        None => write(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_templates_are_understood() {
        for template in [WITH_TOTAL, WITHOUT_TOTAL] {
            ProgressStyle::with_template(template).unwrap();
        }
    }
}
