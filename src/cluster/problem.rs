//! What is wrong with a nodes.yaml, and where.

use std::path::PathBuf;

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Problem {
    /// Line, from 1; 0 where the problem has no place (the file cannot be read).
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// Where in the document: `nodes[2].address`.
    pub at: String,
    /// What is wrong, with the offending value in backticks.
    pub message: String,
    /// What to do.
    pub hint: Option<String>,
}

/// Everything that is wrong with a nodes.yaml.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{} is not valid", file.display())]
pub struct InvalidCluster {
    /// Which file.
    pub file: PathBuf,
    /// Its text, as far as it could be read: for showing the lines.
    pub text: String,
    /// What is wrong, in the order of the file; at least one.
    pub problems: Vec<Problem>,
}
