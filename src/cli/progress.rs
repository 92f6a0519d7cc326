//! How far the work is, on standard error: a bar with rate and time left on a terminal, a line a stage
//! elsewhere.

use super::paint;
use cardwright::output::Stage;
use cardwright::pipeline::Progress;
use cardwright::types::ByteCount;
use cardwright::types::Warning;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::{IsTerminal as _, stderr};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Quicker stages are not worth a line.
const WORTH_A_LINE: ByteCount = ByteCount::new(256 << 20);

/// Where it is known how much there is to do, and where it is not.
const KNOWN: &str = "{msg:11} {wide_bar:.green/dim} {bytes} of {total_bytes}  {bytes_per_sec}  {eta} left";
const UNKNOWN: &str = "{msg:11} {bytes}  {bytes_per_sec}";

/// The bar that is on the screen.
static SHOWN: Mutex<Option<ProgressBar>> = Mutex::new(None);

fn shown() -> MutexGuard<'static, Option<ProgressBar>> {
    SHOWN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs what writes a line to standard error; a bar that is there is drawn anew below it.
pub(super) fn above_the_bar(write: impl FnOnce()) {
    let bar = shown().clone();
    match bar {
        Some(bar) => bar.suspend(write),
        None => write(),
    }
}

/// Reports how far the work is.
pub(super) struct Bar {
    line: ProgressBar,
    /// Whether stages are told as lines.
    in_lines: bool,
    doing: Mutex<Option<&'static str>>,
}

impl Bar {
    pub(super) fn new() -> Self {
        let wanted = std::env::var_os("CARDWRIGHT_NO_PROGRESS").is_none();
        #[expect(clippy::disallowed_methods, reason = "nothing is written to it")]
        let is_terminal = stderr().is_terminal();
        let target =
            if wanted && is_terminal { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let line = ProgressBar::with_draw_target(None, target);
        *shown() = Some(line.clone());
        Self { line, in_lines: wanted && !is_terminal, doing: Mutex::default() }
    }

    /// Begins another stage, if this is one.
    fn stage(&self, doing: &'static str, total: Option<ByteCount>) {
        // Nothing that is done under the lock leaves it half done.
        let mut before = self.doing.lock().unwrap_or_else(PoisonError::into_inner);
        if *before == Some(doing) {
            return;
        }
        *before = Some(doing);
        if self.in_lines && total.is_none_or(|total| total >= WORTH_A_LINE) {
            let total = total.map_or_else(String::new, |total| format!(" {total}"));
            paint::note(format!("{doing}{total}"));
        }
        self.line.reset();
        self.line.set_message(doing);
        let template = if let Some(total) = total {
            self.line.set_length(total.get());
            KNOWN
        } else {
            self.line.unset_length();
            UNKNOWN
        };
        // The templates are right, as a test says.
        if let Ok(style) = ProgressStyle::with_template(template) {
            self.line.set_style(style.progress_chars("━━ "));
        }
    }
}

impl Progress for Bar {
    fn downloading(&self, done: ByteCount, total: Option<ByteCount>) {
        self.stage("downloading", total);
        self.line.set_position(done.get());
    }

    fn working(&self, stage: Stage, more: ByteCount, total: ByteCount) {
        self.stage(gerund(stage), Some(total));
        self.line.inc(more.get());
    }

    fn warning(&self, warning: Warning) {
        above_the_bar(|| super::warn(warning));
    }
}

/// The word for a stage, in front of the bytes done and of all.
fn gerund(stage: Stage) -> &'static str {
    match stage {
        Stage::Unpacking => "unpacking",
        Stage::ReadingBoth => "reading both images",
        Stage::Compression => "packing",
        Stage::Writing => "writing",
        Stage::Hashing => "hashing",
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.line.finish_and_clear();
        *shown() = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_templates_are_understood() {
        for template in [KNOWN, UNKNOWN] {
            ProgressStyle::with_template(template).unwrap();
        }
    }
}
