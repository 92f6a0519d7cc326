//! Lines for people, in colour. Everything is understandable without colour; NO_COLOR and pipes have none.
//!
//! Nearly every line holds text of others: of nodes.yaml, of a stock image, of names of files. All output is
//! made of [`Span`]s, and making one escapes its text, so that the only escape sequences that reach a
//! terminal are those of the styles below. Nothing else in the program writes to standard output or error.

use anstyle::{AnsiColor, Style};
use cardwright::types::Warning;
use cardwright::types::escape::{escaped, escaped_json, escaped_with_tabs};
use clap::builder::StyledStr;
use clap::error::{ContextKind, ContextValue};
use std::fmt::Display;
use std::io::{self, Write as _};

/// An error's word.
pub(super) const RED: Style = AnsiColor::Red.on_default().bold();
/// Good, or new.
pub(super) const GREEN: Style = AnsiColor::Green.on_default();
/// Wants attention, or is changed.
pub(super) const YELLOW: Style = AnsiColor::Yellow.on_default();
/// A hint's word, and paths.
pub(super) const CYAN: Style = AnsiColor::Cyan.on_default();
/// Only there to be complete.
pub(super) const DIM: Style = Style::new().dimmed();
/// The subject of a line.
pub(super) const BOLD: Style = Style::new().bold();

/// A part of a line: a text that a terminal does not obey, in one style.
#[derive(Debug, Clone)]
pub(super) struct Span {
    style: Style,
    /// Escaped.
    text: String,
}

impl<T: Display> From<T> for Span {
    fn from(text: T) -> Self {
        paint(Style::new(), text)
    }
}

/// A text in a style.
pub(super) fn paint(style: Style, text: impl Display) -> Span {
    Span { style, text: escaped(&text.to_string()) }
}

/// A line of a file in a style: its tabs stay tabs.
pub(super) fn source(style: Style, text: &str) -> Span {
    Span { style, text: escaped_with_tabs(text) }
}

/// One line, without its end.
#[derive(Debug, Clone, Default)]
pub(super) struct Line(Vec<Span>);

impl Line {
    /// A line of these parts.
    pub(super) fn of(spans: impl IntoIterator<Item = Span>) -> Self {
        Self(spans.into_iter().collect())
    }

    /// The line with more at its end.
    pub(super) fn and(mut self, spans: impl IntoIterator<Item = Span>) -> Self {
        self.0.extend(spans);
        self
    }
}

#[cfg(test)]
impl Line {
    /// Its text without styles.
    pub(super) fn text(&self) -> String {
        self.0.iter().map(|span| span.text.as_str()).collect()
    }
}

impl IntoIterator for Line {
    type Item = Span;
    type IntoIter = std::vec::IntoIter<Span>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<T: Display> From<T> for Line {
    fn from(text: T) -> Self {
        Self::of([text.into()])
    }
}

/// A [`Line`] of texts and [`Span`]s.
macro_rules! spans {
    ($($part:expr),+ $(,)?) => {
        $crate::cli::paint::Line::of([$($crate::cli::paint::Span::from($part)),+])
    };
}
pub(super) use spans;

/// The bytes of a line with its end.
fn rendered(line: &Line) -> String {
    let spans = line.0.iter().map(|Span { style, text }| format!("{style}{text}{style:#}"));
    spans.chain(["\n".to_owned()]).collect()
}

#[expect(clippy::disallowed_methods, reason = "what is written here is escaped")]
fn stdout() -> impl io::Write {
    anstream::stdout()
}

#[expect(clippy::disallowed_methods, reason = "what is written here is escaped")]
fn stderr() -> impl io::Write {
    anstream::stderr()
}

/// Writes one line of result to standard output.
pub(super) fn line(line: impl Into<Line>) -> io::Result<()> {
    stdout().write_all(rendered(&line.into()).as_bytes())
}

/// Writes a value as JSON to standard output. Programs read it, but a terminal may show it.
pub(super) fn json(value: &impl serde::Serialize) -> io::Result<()> {
    let text = serde_json::to_string_pretty(value).map_err(io::Error::other)?;
    writeln!(stdout(), "{}", escaped_json(&text))
}

/// Writes one line of talk to standard error.
pub(super) fn note(line: impl Into<Line>) {
    if let Err(error) = stderr().write_all(rendered(&line.into()).as_bytes()) {
        tracing::debug!(%error, "standard error is gone");
    }
}

/// Returns a line, without its end, as standard error shows it, for what draws there by itself.
#[cfg(feature = "progress")]
pub(super) fn for_stderr(line: &Line) -> String {
    #[expect(clippy::disallowed_methods, reason = "nothing is written to it")]
    let choice = anstream::AutoStream::choice(&io::stderr());
    if choice == anstream::ColorChoice::Never {
        return line.0.iter().map(|span| span.text.as_str()).collect();
    }
    rendered(line).trim_end_matches('\n').to_owned()
}

/// Writes a question to standard error, without the end of a line: the answer follows it.
pub(super) fn question(line: &Line) {
    let text = rendered(line);
    if let Err(error) =
        stderr().write_all(text.trim_end_matches('\n').as_bytes()).and_then(|()| stderr().flush())
    {
        tracing::debug!(%error, "standard error is gone");
    }
}

/// Writes an error and what to do to standard error.
pub(super) fn error(message: impl Display, hint: Option<&str>) {
    error_list(message, [].into_iter(), hint);
}

/// Writes an error about several things, each on a line of its own, and what to do to standard error.
pub(super) fn error_list(message: impl Display, things: impl Iterator<Item = String>, hint: Option<&str>) {
    note(spans![paint(RED, "error:"), " ", message]);
    things.for_each(|thing| note(spans!["  ", thing]));
    hint.map(|hint| hint_line("", hint)).into_iter().for_each(note);
}

/// Writes what may disappoint and what to do to standard error.
pub(super) fn warning(warning: &Warning) {
    note(spans![paint(YELLOW, "warning:"), " ", &warning.message]);
    warning.hint.iter().map(|hint| hint_line("", hint)).for_each(note);
}

/// The line that says what to do.
pub(super) fn hint_line(margin: &str, hint: &str) -> Line {
    spans![margin, paint(CYAN, "hint:"), " ", hint]
}

/// Writes what clap has to say: help to standard output, an error about an argument to standard error.
pub(super) fn usage(mut error: clap::Error) -> io::Result<()> {
    let context: Vec<_> = error.context().map(|(kind, value)| (kind, harmless(kind, value))).collect();
    for (kind, value) in context {
        error.insert(kind, value);
    }
    let text = error.render().ansi().to_string();
    if error.use_stderr() { stderr().write_all(text.as_bytes()) } else { stdout().write_all(text.as_bytes()) }
}

/// Escapes a value that an error of clap's mentions: clap quotes arguments as they were given.
fn harmless(kind: ContextKind, value: &ContextValue) -> ContextValue {
    let plain = |text: &String| escaped(text);
    // Its advice mixes styles and arguments in one text; without styles it can be escaped.
    let styled = |text: &StyledStr| StyledStr::from(escaped(&text.to_string()));
    match (kind, value) {
        (ContextKind::Usage, usage) => usage.clone(),
        (_, ContextValue::String(text)) => ContextValue::String(plain(text)),
        (_, ContextValue::Strings(texts)) => ContextValue::Strings(texts.iter().map(plain).collect()),
        (_, ContextValue::StyledStr(text)) => ContextValue::StyledStr(styled(text)),
        (_, ContextValue::StyledStrs(texts)) => ContextValue::StyledStrs(texts.iter().map(styled).collect()),
        (_, other) => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_styles_are_escape_sequences() {
        let line = spans![paint(RED, "a\u{1b}[0m\nb"), "\u{9b}2J", source(Style::new(), "\tc\r")];
        assert_eq!(rendered(&line), "\u{1b}[1m\u{1b}[31ma\\u{1b}[0m\\nb\u{1b}[0m\\u{9b}2J\tc\\r\n");
    }
}
