//! Colour, and lines for people. Everything is understandable without colour; NO_COLOR and pipes have none.

use anstyle::{AnsiColor, Style};
use cardwright::hint::Warning;
use std::io::{self, Write as _};

/// An error's word.
pub(super) const RED: Style = AnsiColor::Red.on_default().bold();
/// What is good, or new.
pub(super) const GREEN: Style = AnsiColor::Green.on_default();
/// What wants attention, or is changed.
pub(super) const YELLOW: Style = AnsiColor::Yellow.on_default();
/// A hint's word, and paths.
pub(super) const CYAN: Style = AnsiColor::Cyan.on_default();
/// What is only there to be complete.
pub(super) const DIM: Style = Style::new().dimmed();
/// What a line is about.
pub(super) const BOLD: Style = Style::new().bold();

/// `text` in a style.
pub(super) fn paint(style: Style, text: impl std::fmt::Display) -> String {
    format!("{style}{text}{style:#}")
}

/// One line of result, on standard output.
pub(super) fn line(text: &str) -> io::Result<()> {
    writeln!(anstream::stdout(), "{text}")
}

/// A value as JSON, on standard output.
pub(super) fn json(value: &impl serde::Serialize) -> io::Result<()> {
    let text = serde_json::to_string_pretty(value).map_err(io::Error::other)?;
    writeln!(anstream::stdout(), "{text}")
}

/// One line of talk, on standard error.
pub(super) fn note(text: &str) {
    // Nobody is left to be told when standard error is gone.
    let _ = writeln!(anstream::stderr(), "{text}");
}

/// An error and what to do, on standard error.
pub(super) fn error(message: &str, hint: Option<&str>) {
    note(&format!("{} {message}", paint(RED, "error:")));
    if let Some(hint) = hint {
        note(&format!("{} {hint}", paint(CYAN, "hint:")));
    }
}

/// What may disappoint and what to do, on standard error.
pub(super) fn warning(warning: &Warning) {
    note(&format!("{} {}", paint(YELLOW, "warning:"), warning.message));
    if let Some(hint) = &warning.hint {
        note(&format!("{} {hint}", paint(CYAN, "hint:")));
    }
}
