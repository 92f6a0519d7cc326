//! Escaping of texts that others wrote.
//!
//! A name in nodes.yaml, an image or a file's name may hold characters that a terminal obeys instead of
//! showing (ECMA-48), or that let the rest of a line be read in another order (CVE-2021-42574). Whatever is
//! shown is escaped here; what becomes a path or a line of a file is refused where it holds them.

/// Returns `true` for a character that acts on a terminal, or on the text around it, rather than being shown.
///
/// These are the control characters of both sets (C0 with DEL, and C1), the two separators that end a line
/// or a paragraph, and Unicode's `Bidi_Control`.
pub fn is_control(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{2028}' | '\u{2029}'
                | '\u{61c}' | '\u{200e}' | '\u{200f}'
                | '\u{202a}'..='\u{202e}'
                | '\u{2066}'..='\u{2069}'
        )
}

/// Returns a text as one line that a terminal shows and does not obey: its control characters are written as Rust
/// writes them (`\n`, `\u{1b}`).
pub fn escaped(text: &str) -> String {
    escaped_but(text, |_| false)
}

/// Returns a line of a file as [`escaped`] does, but with its tabs.
pub fn escaped_with_tabs(line: &str) -> String {
    escaped_but(line, |character| character == '\t')
}

fn escaped_but(text: &str, stays: impl Fn(char) -> bool) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        if is_control(character) && !stays(character) {
            escaped.extend(character.escape_default());
        } else {
            escaped.push(character);
        }
    }
    escaped
}

/// Returns JSON without a control character in it: the same value to whoever parses it.
///
/// serde_json escapes what RFC 8259 asks for, which is the first 32 characters. The others can only stand
/// inside texts, where `\u` and four digits mean the same. Line ends between the values stay.
pub fn escaped_json(json: &str) -> String {
    let mut escaped = String::with_capacity(json.len());
    for character in json.chars() {
        if character != '\n' && is_control(character) {
            // All of them are in the Basic Multilingual Plane: four digits are enough.
            let code = format!("\\u{:04x}", u32::from(character));
            escaped.push_str(&code);
        } else {
            escaped.push(character);
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::{escaped, escaped_json, escaped_with_tabs, is_control};

    const HOSTILE: &str = "a\u{1b}[31m\n\r\u{7f}\u{9b}2J\u{2028}\u{202e}\u{2066}\u{200f}é\tz";

    #[test]
    fn nothing_that_a_terminal_obeys_is_left_and_all_else_is() {
        let text = escaped(HOSTILE);
        assert_eq!(text, r"a\u{1b}[31m\n\r\u{7f}\u{9b}2J\u{2028}\u{202e}\u{2066}\u{200f}é\tz");
        assert!(!text.contains(is_control));
        assert_eq!(escaped_with_tabs("a\tb\n"), "a\tb\\n");
    }

    #[test]
    fn json_keeps_its_value() {
        let value = serde_json::json!({ "key\u{9b}": [HOSTILE] });
        let json = escaped_json(&serde_json::to_string_pretty(&value).unwrap());
        assert!(!json.replace('\n', "").contains(is_control), "{json}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&json).unwrap(), value);
    }
}
