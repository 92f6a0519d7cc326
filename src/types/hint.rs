//! Hints: the way out of an error.

/// An error that may have a hint: the way out of it.
///
/// The command line prints the hint on a line of its own, after `hint:`. A hint is one sentence (or a
/// few) in the imperative, without a final full stop, and never holds a secret.
pub trait Hint {
    /// Returns the hint, or `None` where it would say no more than the error itself.
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
    /// Takes the texts of a typed warning.
    pub fn of(warning: &(impl std::fmt::Display + Hint)) -> Self {
        Self { message: warning.to_string(), hint: warning.hint() }
    }
}
