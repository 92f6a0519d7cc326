//! The progress of the work, on standard error: a bar on a terminal, a line a stage elsewhere.

#[cfg(feature = "progress")]
use super::bar::{Bar, write_above};
#[cfg(not(feature = "progress"))]
use super::no_bar::{NoBar as Bar, write_above};
use super::paint;
use cardwright::types::{ByteCount, Progress, Stage, Warning};
use std::collections::BTreeSet;
use std::io::{IsTerminal as _, stderr};
use std::sync::{Mutex, PoisonError};

/// Quicker stages are not worth a line.
const WORTH_A_LINE: ByteCount = ByteCount::new(256 << 20);

/// Reports how far the work is.
pub(super) struct Reporter {
    bar: Option<Bar>,
    /// Stages are reported as lines.
    in_lines: bool,
    stage: Mutex<Option<&'static str>>,
    /// The files that were reported as lines.
    files: Mutex<BTreeSet<String>>,
}

impl Reporter {
    pub(super) fn new() -> Self {
        let wanted = std::env::var_os("CARDWRIGHT_NO_PROGRESS").is_none();
        #[expect(clippy::disallowed_methods, reason = "nothing is written to it")]
        let is_terminal = stderr().is_terminal();
        let bar = Bar::on_terminal(wanted && is_terminal);
        Self { in_lines: wanted && bar.is_none(), bar, stage: Mutex::default(), files: Mutex::default() }
    }

    /// Begins another stage, if this is one.
    fn begin(&self, stage: &'static str, total: ByteCount) {
        // Nothing that is done under the lock leaves it half done.
        let mut before = self.stage.lock().unwrap_or_else(PoisonError::into_inner);
        if before.replace(stage) == Some(stage) {
            return;
        }
        if self.in_lines && total >= WORTH_A_LINE {
            paint::note(format!("{stage} {total}"));
        }
        self.bar.iter().for_each(|bar| bar.begin(stage, total));
    }
}

impl Progress for Reporter {
    fn downloading(&self, file: &str, done: ByteCount, total: Option<ByteCount>) {
        self.bar.iter().for_each(|bar| bar.file(file, done, total));
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        let is_worth_it = self.in_lines && total.is_none_or(|total| total >= WORTH_A_LINE);
        if is_worth_it && files.insert(file.to_owned()) {
            let total = total.map_or_else(String::new, |total| format!(", {total}"));
            paint::note(format!("downloading {file}{total}"));
        }
    }

    fn working(&self, stage: Stage, more: ByteCount, total: ByteCount) {
        self.begin(gerund(stage), total);
        self.bar.iter().for_each(|bar| bar.add(more));
    }

    fn warning(&self, warning: Warning) {
        write_above(|| super::warn(warning));
    }
}

/// Writes a line to standard error, above what changes there.
pub(super) fn note_above(line: paint::Line) {
    write_above(|| paint::note(line));
}

/// The word for a stage, in front of the bytes done and of all.
fn gerund(stage: Stage) -> &'static str {
    match stage {
        Stage::Decompressing => "decompressing",
        Stage::ReadingBoth => "reading both images",
        Stage::Compressing => "compressing",
        Stage::Writing => "writing",
        Stage::Hashing => "hashing",
        Stage::ReadingBack => "reading back",
        Stage::Sending => "sending",
    }
}
