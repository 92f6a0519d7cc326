//! The bars on a terminal.

use super::paint::{self, Line};
use cardwright::types::ByteCount;
use cardwright::types::escape::escaped;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

const STAGE: &str = "{msg:13} {wide_bar:.green/dim} {bytes} of {total_bytes}  {bytes_per_sec}  {eta} left";
const FILE: &str = "{msg:24!} {wide_bar:.green/dim} {bytes} of {total_bytes}  {bytes_per_sec}  {eta} left";
const WITHOUT_TOTAL: &str = "{msg:24!} {bytes}  {bytes_per_sec}";
const ROW: &str = "{wide_msg}";

/// The bars that are on the screen.
static SHOWN: Mutex<Option<MultiProgress>> = Mutex::new(None);

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing that is done under a lock leaves it half done.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Bars on standard error with rate and time left, one for the stage of the work and one for each file that is being
/// downloaded; gone when this is dropped.
pub(super) struct Bar {
    all: MultiProgress,
    stage: ProgressBar,
    files: Mutex<BTreeMap<String, ProgressBar>>,
}

impl Bar {
    pub(super) fn on_terminal(is_terminal: bool) -> Option<Self> {
        is_terminal.then(|| {
            let all = MultiProgress::new();
            *lock(&SHOWN) = Some(all.clone());
            let stage = all.add(ProgressBar::no_length());
            Self { all, stage, files: Mutex::default() }
        })
    }

    /// Begins another stage, from 0.
    pub(super) fn begin(&self, stage: &'static str, total: ByteCount) {
        self.stage.reset();
        self.stage.set_message(stage);
        self.stage.set_length(total.get());
        self.stage.set_style(style(STAGE));
    }

    pub(super) fn add(&self, more: ByteCount) {
        self.stage.inc(more.get());
    }

    /// Reports how much of a file there is.
    pub(super) fn file(&self, name: &str, done: ByteCount, total: Option<ByteCount>) {
        let mut files = lock(&self.files);
        let begin = || {
            let bar = self.all.add(ProgressBar::no_length());
            bar.set_style(style(if total.is_some() { FILE } else { WITHOUT_TOTAL }));
            bar.set_message(escaped(name));
            bar.set_position(done.get());
            // What was there before says nothing about the rate.
            bar.reset_eta();
            bar
        };
        let bar = files.entry(name.to_owned()).or_insert_with(begin);
        if let Some(total) = total {
            bar.set_length(total.get());
        }
        bar.set_position(done.get());
        if total == Some(done) {
            bar.finish_and_clear();
            files.remove(name);
        }
    }
}

#[expect(clippy::expect_used, reason = "the templates do not change")]
fn style(template: &str) -> ProgressStyle {
    let style = ProgressStyle::with_template(template).expect("a test parses all templates");
    style.progress_chars("━━ ")
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.stage.finish_and_clear();
        lock(&self.files).values().for_each(ProgressBar::finish_and_clear);
        *lock(&SHOWN) = None;
    }
}

/// Lines at the bottom of a terminal that change; gone when this is dropped.
pub(super) struct Rows {
    all: MultiProgress,
    rows: Mutex<Vec<ProgressBar>>,
}

impl Rows {
    pub(super) fn on_terminal(is_terminal: bool) -> Option<Self> {
        is_terminal.then(|| {
            let all = MultiProgress::new();
            *lock(&SHOWN) = Some(all.clone());
            Self { all, rows: Mutex::default() }
        })
    }

    /// Shows these lines in the place of those before, each as far as it fits.
    pub(super) fn show(&self, lines: &[Line]) {
        let mut rows = lock(&self.rows);
        while rows.len() < lines.len() {
            let row = self.all.add(ProgressBar::no_length());
            row.set_style(style(ROW));
            rows.push(row);
        }
        for (row, line) in rows.iter().zip(lines) {
            let text = paint::for_stderr(line);
            if row.message() != text {
                row.set_message(text);
            }
        }
    }
}

impl Drop for Rows {
    fn drop(&mut self) {
        lock(&self.rows).iter().for_each(ProgressBar::finish_and_clear);
        *lock(&SHOWN) = None;
    }
}

/// Runs what writes a line to standard error; bars that are there are drawn anew below it.
pub(super) fn write_above(write: impl FnOnce()) {
    let bars = lock(&SHOWN).clone();
    match bars {
        Some(bars) => bars.suspend(write),
        None => write(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_templates_are_understood() {
        for template in [STAGE, FILE, WITHOUT_TOTAL, ROW] {
            ProgressStyle::with_template(template).unwrap();
        }
    }
}
