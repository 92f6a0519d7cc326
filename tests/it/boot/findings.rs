//! What was found on a machine, collected, so that one boot tells everything that is wrong.

use std::fmt::Debug;

/// What was not as it should be. Has to be settled at the end.
#[must_use]
#[derive(Default)]
pub(crate) struct Findings {
    wrong: Vec<String>,
}

impl Findings {
    /// Notes `found` where it is not `expected`.
    pub(crate) fn same<F, E>(&mut self, what: &str, found: &F, expected: &E)
    where
        F: PartialEq<E> + Debug + ?Sized,
        E: Debug + ?Sized,
    {
        if found != expected {
            self.wrong.push(format!("{what}\n  expected: {expected:?}\n  found:    {found:?}"));
        }
    }

    /// Notes `found` where it does not hold.
    pub(crate) fn holds(&mut self, what: &str, holds: bool, found: impl Debug) {
        if !holds {
            self.wrong.push(format!("{what}\n  found:    {found:?}"));
        }
    }

    /// Panics with everything that was noted.
    pub(crate) fn settle(self, when: &str) {
        assert!(self.wrong.is_empty(), "{when}:\n{}", self.wrong.join("\n"));
    }
}
