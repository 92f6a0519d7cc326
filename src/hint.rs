//! What a person can do about an error.

/// An error that knows what to do about it.
///
/// The command line prints the hint on a line of its own, after `hint:`. A hint is one sentence (or a
/// few) in the imperative, without a final full stop, and never holds a secret.
pub trait Hint {
    /// What to do, or `None` where nothing more helpful than the error itself can be said.
    fn hint(&self) -> Option<String>;
}
