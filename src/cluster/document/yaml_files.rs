//! YAML of others that nodes.yaml names: read only as far as one has to, to see that it is what it should be.

use crate::cluster::diagnostic::{Finding, shown};
use crate::cluster::document::folders;
use crate::cluster::document::syntax::{SyntaxError, syntax_error};
use crate::io::plain_file;
use crate::types::number::usize_from;
use serde_json::Value;
use serde_yaml::{NonFiniteFloatPolicy, Spanned};
use std::io::Read as _;
use std::path::Path;

/// Larger files are no text that somebody wrote: the custom resources of the largest operators have two
/// million bytes.
const MOST_BYTES: u64 = 8 << 20;

/// The limit of the values that its aliases unfold to: some million values are read in a second.
const MOST_VALUES: usize = 1 << 20;

/// Three times what the schemas inside custom resources need.
const DEEPEST: usize = 96;

/// One document of a file.
pub(crate) struct OtherDocument {
    /// Its first line, from 1.
    pub(crate) line: usize,
    pub(crate) value: Value,
}

/// Returns the text of a file, which `called` names in what is said about it.
pub(crate) fn read_text(path: &Path, called: &str) -> Result<String, Finding> {
    let mut bytes = Vec::new();
    plain_file::open(path)
        .and_then(|file| file.take(MOST_BYTES + 1).read_to_end(&mut bytes))
        .map_err(|error| folders::unreadable(path, called, &error))?;
    if bytes.len() as u64 > MOST_BYTES {
        let message = format!("{called} is larger than 8 MiB");
        return Err(Finding::new(message, "Check that this is the file that you mean"));
    }
    String::from_utf8(bytes)
        .map_err(|_| Finding::new(format!("{called} is not UTF-8"), "Save the file as UTF-8"))
}

/// Returns the documents of a text, without those that hold nothing.
pub(crate) fn documents(text: &str, called: &str) -> Result<Vec<OtherDocument>, Finding> {
    let options = serde_yaml::options! {
        non_finite_float_policy: NonFiniteFloatPolicy::AsString,
        with_snippet: false,
        budget: serde_yaml::budget! {
            max_nodes: MOST_VALUES,
            max_depth: DEEPEST,
            flow_nesting_limit: DEEPEST,
            max_documents: MOST_VALUES,
            max_recorded_anchor_events: MOST_VALUES,
        },
    };
    let read: Result<Vec<Spanned<Value>>, _> = serde_yaml::from_multiple_with_options(text, options);
    let documents = read.map_err(|error| {
        let SyntaxError { position, finding } = syntax_error(&error);
        finding.inside(&format!("{called}, line {}", position.line))
    })?;
    let documents = documents.into_iter().filter(|document| !document.value.is_null());
    Ok(documents
        .map(|document| OtherDocument { line: usize_from(document.defined.line()), value: document.value })
        .collect())
}

/// Returns the one value of a JSON text.
pub(crate) fn json(text: &str, called: &str) -> Result<OtherDocument, Finding> {
    let value = serde_json::from_str(text).map_err(|error| {
        let message = format!("{called}, line {}: {}", error.line(), error);
        Finding::new(message, "Correct the file, or write it as YAML")
    })?;
    Ok(OtherDocument { line: 1, value })
}

/// Returns the name of a file for messages.
pub(crate) fn called(path: &Path) -> String {
    shown(&path.display().to_string())
}
