//! What a person can do about an error.

/// An error that knows what to do about it.
///
/// The command line prints the hint on a line of its own, after `hint:`. A hint is one sentence (or a
/// few) in the imperative, without a final full stop, and never holds a secret.
pub trait Hint {
    /// What to do, or `None` where nothing more helpful than the error itself can be said.
    fn hint(&self) -> Option<String>;
}

/// Something that is valid and may still disappoint.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Warning {
    /// The mistake or finding.
    pub message: String,
    /// The remedy.
    pub hint: Option<String>,
}

impl Warning {
    /// The warning that a typed one makes for people and programs.
    pub fn of(warning: &(impl std::fmt::Display + Hint)) -> Self {
        Self { message: warning.to_string(), hint: warning.hint() }
    }
}
