//! Texts in a POSIX shell.

/// Returns a text as one word of a shell, in quotes where it needs them.
pub fn word(text: &str) -> String {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "/._-+".contains(letter);
    if !text.is_empty() && text.chars().all(plain) { text.to_owned() } else { quoted(text) }
}

/// Returns a text in quotes, between which the shell takes all but the quote itself as it is.
pub fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::{quoted, word};

    #[test]
    fn a_quote_cannot_end_the_quotes() {
        assert_eq!(quoted("a b"), "'a b'");
        assert_eq!(quoted("'; reboot; '"), r"''\''; reboot; '\'''");
    }

    #[test]
    fn a_word_has_quotes_where_it_needs_them() {
        for plain in ["images/north.img.xz", "/a_b-c+1"] {
            assert_eq!(word(plain), plain);
        }
        for (text, quoted) in [("", "''"), ("a b", "'a b'"), ("$HOME", "'$HOME'"), ("~", "'~'")] {
            assert_eq!(word(text), quoted);
        }
    }
}
