//! The person at the terminal.

use super::paint::{self, Line};
use std::io::{self, BufRead as _, IsTerminal as _};

/// Somebody who answers questions.
pub(super) trait Person {
    /// Returns `true` if there is somebody.
    fn is_there(&self) -> bool;

    /// Asks, and returns the answer without white space around it; `None` where there will be no more answers.
    fn ask(&mut self, question: Line) -> io::Result<Option<String>>;

    /// Asks a question that is answered by yes or no; anything but a clear yes is a no.
    fn agrees(&mut self, question: Line) -> io::Result<bool> {
        let answer = self.ask(question.and([" [y/N] ".into()]))?;
        Ok(answer.is_some_and(|answer| ["y", "yes"].contains(&answer.to_lowercase().as_str())))
    }
}

/// Whoever sits at the terminal that this program was started from.
pub(super) struct Terminal;

impl Person for Terminal {
    fn is_there(&self) -> bool {
        #[expect(clippy::disallowed_methods, reason = "nothing is written to it")]
        let is_seen = io::stderr().is_terminal();
        io::stdin().is_terminal() && is_seen
    }

    fn ask(&mut self, question: Line) -> io::Result<Option<String>> {
        paint::question(&question);
        let mut answer = String::new();
        let length = io::stdin().lock().read_line(&mut answer)?;
        Ok((length > 0).then(|| answer.trim().to_owned()))
    }
}
