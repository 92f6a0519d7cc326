//! Texts in a POSIX shell.

/// A text as one word that the shell takes as it is.
pub(super) fn quote(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::quote;

    #[test]
    fn a_quote_cannot_end_the_quotes() {
        assert_eq!(quote("a b"), "'a b'");
        assert_eq!(quote("'; reboot; '"), r"''\''; reboot; '\'''");
    }
}
