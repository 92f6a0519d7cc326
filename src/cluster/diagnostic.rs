//! Mistakes in nodes.yaml, and their positions in it.

use crate::types::Hint;
use crate::types::escape::escaped;
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A place in nodes.yaml.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// From 1.
    pub line: usize,
    /// In characters, from 1.
    pub column: usize,
}

/// A position in the file and in the document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldSpan {
    /// The file, where it is one that nodes.yaml includes.
    pub file: Option<Arc<Path>>,
    /// Line and column.
    pub position: Position,
    /// `nodes[2].address`.
    pub path: String,
}

/// One thing that is wrong, or that one is warned of.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Diagnostic {
    /// The file, where it is one that nodes.yaml includes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<PathBuf>,
    /// Line, from 1; 0 where the problem has no place (the file cannot be read).
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// The path in the document: `nodes[2].address`.
    pub at: String,
    /// The message, with the offending value in backticks.
    pub message: String,
    /// The hint.
    pub hint: Option<String>,
    /// Set when the line holds something that may not be shown.
    #[serde(skip)]
    pub hide_source: bool,
}

impl FieldSpan {
    /// Returns its line, as a message about another place names it.
    pub(crate) fn line_from(&self, other: &Self) -> String {
        let line = self.position.line;
        match &self.file {
            same if *same == other.file => format!("line {line}"),
            Some(file) => format!("line {line} of {}", shown(&file.display().to_string())),
            None => format!("line {line} of nodes.yaml"),
        }
    }
}

impl Diagnostic {
    /// Returns its place, for sorting: nodes.yaml comes before what it includes.
    pub(crate) fn place(&self) -> (Option<&Path>, usize, usize) {
        (self.file.as_deref(), self.line, self.column)
    }

    /// Makes a diagnostic of an error that shows with a stock image only. `span` is the field of nodes.yaml that it
    /// is about.
    pub fn at(span: Option<&FieldSpan>, error: &(impl fmt::Display + Hint)) -> Self {
        Self {
            file: span.and_then(|span| span.file.as_deref()).map(Path::to_path_buf),
            line: span.map_or(0, |span| span.position.line),
            column: span.map_or(0, |span| span.position.column),
            at: span.map_or_else(String::new, |span| span.path.clone()),
            message: error.to_string(),
            hint: error.hint(),
            hide_source: false,
        }
    }
}

/// Everything that is wrong with a nodes.yaml.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[error("{} is not valid", file.display())]
pub struct InvalidCluster {
    /// The file.
    pub file: PathBuf,
    /// Its text, as far as it could be read. To show a line of it, ask [`source_line`](Self::source_line),
    /// which knows the lines that hold secrets.
    pub text: String,
    /// The files that it includes, and their texts.
    pub included: Vec<(PathBuf, String)>,
    /// The errors, in the order of the file; at least one.
    pub problems: Vec<Diagnostic>,
}

/// A line with one of these words is never shown: it may hold a password hash, a token or a private key,
/// also where the problem is about something else in it.
const WORDS_OF_SECRETS: [&str; 6] = ["passw", "psk", "token", "secret", "private", "putty"];

/// Words of nodes.yaml that only look like those.
const HARMLESS: [&str; 4] = ["password_login", "passwordless", "sudo: password", "/etc/passwd"];

impl InvalidCluster {
    /// Returns the line that a problem is about, without its end; `None` where there is none or where it may hold
    /// a secret.
    pub fn source_line(&self, problem: &Diagnostic) -> Option<&str> {
        // Another problem may have found a secret in the same line.
        let is_hidden = |other: &Diagnostic| {
            other.hide_source && (&other.file, other.line) == (&problem.file, problem.line)
        };
        if self.problems.iter().any(is_hidden) {
            return None;
        }
        let text = match &problem.file {
            Some(file) => &self.included.iter().find(|(path, _)| path == file)?.1,
            None => &self.text,
        };
        let line = text.lines().nth(problem.line.checked_sub(1)?)?;
        let mut lower_case = without_password_file(&line.to_lowercase());
        for harmless in HARMLESS {
            lower_case = lower_case.replace(harmless, "");
        }
        if WORDS_OF_SECRETS.iter().any(|word| lower_case.contains(word)) {
            return None;
        }
        Some(line.strip_prefix('\u{feff}').unwrap_or(line))
    }
}

/// Returns a line without `password_file:` and the name of the file.
fn without_password_file(line: &str) -> String {
    const KEY: &str = "password_file:";
    let Some((before, after)) = line.split_once(KEY) else { return line.to_owned() };
    let rest = after.find([',', '}', '\'', '"']).and_then(|end| after.get(end..));
    format!("{before}{}", rest.unwrap_or(""))
}

impl fmt::Debug for InvalidCluster {
    /// Leaves out the text, which may hold secrets.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("InvalidCluster")
            .field("file", &self.file)
            .field("problems", &self.problems)
            .finish_non_exhaustive()
    }
}

impl Hint for InvalidCluster {
    /// Returns a hint about a file that cannot be read; otherwise every problem has a hint of its own.
    fn hint(&self) -> Option<String> {
        match self.problems.as_slice() {
            [only] if only.line == 0 => only.hint.clone(),
            _ => None,
        }
    }
}

/// An error in one value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(crate) message: String,
    pub(crate) hint: String,
    pub(crate) secret: bool,
}

impl Finding {
    /// Makes an error with a hint.
    pub(crate) fn new(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { message: message.into(), hint: hint.into(), secret: false }
    }

    /// Hides the line that it is about.
    pub(crate) fn secret(self) -> Self {
        self.secret_if(true)
    }

    /// Hides the line that it is about, on a condition.
    pub(crate) fn secret_if(self, secret: bool) -> Self {
        Self { secret, ..self }
    }

    /// Returns the same about something inside a file that nodes.yaml names.
    pub(crate) fn inside(self, called: &str) -> Self {
        Self { message: format!("{called}: {}", self.message), ..self }
    }

    fn at(self, span: &FieldSpan) -> Diagnostic {
        Diagnostic {
            file: span.file.as_deref().map(Path::to_path_buf),
            line: span.position.line,
            column: span.position.column,
            at: span.path.clone(),
            message: self.message,
            hint: Some(self.hint),
            hide_source: self.secret,
        }
    }
}

/// The most mistakes that are collected: more than anybody reads. It bounds the time that a hostile file takes.
const MOST_PROBLEMS: usize = 1000;

/// The mistakes and warnings found so far.
///
/// They are collected behind shared references, since whatever reads a value may report something.
#[derive(Debug, Default)]
pub(crate) struct Diagnostics {
    problems: RefCell<Vec<Diagnostic>>,
    warnings: RefCell<Vec<Diagnostic>>,
    /// Places of nodes.yaml that stand for several nodes.
    shared: RefCell<BTreeSet<(Option<Arc<Path>>, Position)>>,
}

impl Diagnostics {
    /// Reports a mistake; once, though aliases may repeat the text that it is in.
    pub(crate) fn report(&self, span: &FieldSpan, finding: Finding) {
        let problem = finding.at(span);
        let mut problems = self.problems.borrow_mut();
        let is_shared = self.shared.borrow().contains(&(span.file.clone(), span.position));
        let is_same = |other: &Diagnostic| {
            other.place() == problem.place() && (is_shared || other.message == problem.message)
        };
        if problems.len() < MOST_PROBLEMS && !problems.iter().any(is_same) {
            problems.push(problem);
        }
    }

    /// Takes note of a place that stands for several nodes: of the mistakes there, which mostly are the same for each
    /// node, the first is reported.
    pub(crate) fn share(&self, span: &FieldSpan) {
        self.shared.borrow_mut().insert((span.file.clone(), span.position));
    }

    /// Warns of something valid; once, though every node may have it from the same field.
    pub(crate) fn warn(&self, span: &FieldSpan, finding: Finding) {
        let warning = finding.at(span);
        let mut warnings = self.warnings.borrow_mut();
        if !warnings.contains(&warning) {
            warnings.push(warning);
        }
    }

    /// Returns the mistakes and the warnings, each in the order of the file.
    pub(crate) fn into_sorted(self) -> (Vec<Diagnostic>, Vec<Diagnostic>) {
        let sorted = |list: RefCell<Vec<Diagnostic>>| {
            let mut list = list.into_inner();
            list.sort_by(|one, other| one.place().cmp(&other.place()));
            list
        };
        (sorted(self.problems), sorted(self.warnings))
    }
}

/// Returns a text as a message shows it: on one line, and not too long.
pub(crate) fn shown(text: &str) -> String {
    const LONGEST: usize = 80;
    let (beginning, more) = match text.char_indices().nth(LONGEST) {
        Some((end, _)) => (text.split_at(end).0, "…"),
        None => (text, ""),
    };
    format!("`{}{more}`", escaped(beginning))
}

/// Returns the hint about two values that must differ.
pub(crate) fn also_in(first: &FieldSpan, second: &FieldSpan) -> String {
    format!("Change one of the two; the other is in {}", first.line_from(second))
}
