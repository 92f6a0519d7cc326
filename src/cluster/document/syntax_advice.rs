//! Advice on a text that is no YAML, from its lines: the parser mostly stops behind the mistake, and says what it wanted.

use crate::cluster::Position;
use crate::cluster::diagnostic::Finding;
use crate::cluster::document::syntax::SyntaxError;

/// Takes the mistake that people make in the place of what the parser found, where the lines around show one.
pub(crate) fn explain(error: &mut SyntaxError, text: &str) {
    let lines: Vec<&str> = text.lines().collect();
    let at = error.position.line;
    let line = |number: usize| number.checked_sub(1).and_then(|index| lines.get(index).copied());
    let found = |number: usize, look: fn(&str) -> Option<(usize, Finding)>| {
        let (index, finding) = look(line(number)?)?;
        let column = line(number)?.get(..index)?.chars().count() + 1;
        Some(SyntaxError { position: Position { line: number, column }, finding })
    };
    let before = || {
        let is_code = |number: &usize| {
            line(*number).is_some_and(|line| !line.trim().is_empty() && !line.trim_start().starts_with('#'))
        };
        (1..at).rev().filter(is_code)
    };
    let has_tab = |number: &usize| line(*number).and_then(tab).is_some();
    if has_tab(&at) && error.finding.message.contains("tab") {
        return;
    }
    let mut places = std::iter::once(at).chain(before().take(1)).chain([at + 1]);
    let explained = [at, at + 1]
        .into_iter()
        .find_map(|number| found(number, tab))
        .or_else(|| std::iter::once(at).chain(before().take(5)).find_map(|number| found(number, password)))
        .or_else(|| places.find_map(|number| found(number, separator)));
    if let Some(explained) = explained {
        *error = explained;
    }
}

/// Finds a tab in the indentation.
fn tab(line: &str) -> Option<(usize, Finding)> {
    let indentation = line.split(|letter: char| letter != ' ' && letter != '\t').next()?;
    Some((indentation.find('\t')?, Finding::new("a tab stands where spaces belong", "Indent with spaces")))
}

/// Finds a password without quotes that has one of YAML's own signs in it.
fn password(line: &str) -> Option<(usize, Finding)> {
    let keys = ["password:", "psk:", "passphrase:"];
    let start = keys.iter().find_map(|key| Some(line.find(key)? + key.len()))?;
    let value = line.get(start..)?;
    let value = value.trim_start();
    let start = line.len() - value.len();
    let own = value.split(',').next()?;
    // A bracket at the end closes the mapping that the password is in.
    let inner = own.trim_end().trim_end_matches(['}', ']']);
    let is_quoted = value.is_empty() || value.starts_with(['\'', '"']);
    let is_in_braces = line.get(..start).is_some_and(|before| before.contains('{'));
    let is_cut = is_in_braces && (inner.contains([']', '}']) || inner.contains(" #")) || inner.contains(": ");
    if is_quoted || !(is_cut || inner.starts_with(|first| "&*!|>%@`{[".contains(first))) {
        return None;
    }
    let hint = "Put the password in single quotes, and write a `'` in it twice";
    Some((start, Finding::new("this password has a sign in it that YAML takes for its own", hint).secret()))
}

/// Finds a separator that is not whole: `key:value`, `key=value`, `-key: value`, and a no-break space.
fn separator(line: &str) -> Option<(usize, Finding)> {
    if let Some(index) = line.find('\u{a0}').filter(|_| !line.contains(['"', '\''])) {
        let hint = "Write a plain space there; some keyboards make the other one with Alt or Option";
        return Some((index, Finding::new("a no-break space stands where a space belongs", hint)));
    }
    let indented = line.trim_start();
    let start = line.len() - indented.len();
    let is_letter = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    if let Some(key) = indented.strip_prefix('-').filter(|rest| rest.starts_with(is_letter)) {
        let key = key.split_once(':')?.0;
        let hint = format!("Write `- {key}: …`");
        return Some((start, Finding::new("a space is missing behind the `-`", hint)));
    }
    let item = indented.strip_prefix("- ").unwrap_or(indented);
    let key = item.get(..item.find(|letter: char| !is_letter(letter))?)?;
    let rest = item.get(key.len()..)?;
    let mut letters = rest.chars();
    let (sign, next) = (letters.next()?, letters.next()?);
    if !key.starts_with(|first: char| first.is_ascii_alphabetic()) || next.is_whitespace() {
        return None;
    }
    let message = match sign {
        ':' if next != '/' && rest.matches(':').count() == 1 => format!("a space is missing behind `{key}:`"),
        '=' if item.len() == indented.len() && !rest.contains(':') => {
            format!("`=` stands behind `{key}`, where `: ` belongs")
        }
        _ => return None,
    };
    Some((line.len() - rest.len(), Finding::new(message, format!("Write `{key}: …`"))))
}

#[cfg(test)]
mod tests {
    use super::explain;
    use crate::cluster::document::syntax::read;

    #[test]
    fn what_people_do_is_found_in_the_lines_around() {
        for (text, expected) in [
            ("a:\n  - name: x\n\tb: 1\n", "3:1 a tab stands where spaces belong"),
            ("a: 1\nb:\n  address:192.168.50.12\n  c: 1\n", "3:10 a space is missing behind `address:`"),
            ("timezone:Europe/Berlin\na: 1\n", "1:9 a space is missing behind `timezone:`"),
            ("a: 1\nkeyboard=de\n", "2:9 `=` stands behind `keyboard`, where `: ` belongs"),
            ("keyboard=de\na: 1\n", "1:9 `=` stands behind `keyboard`, where `: ` belongs"),
            ("n:\n  - name: x\n    b: 1\n  -name: y\n    b: 2\n", "4:3 a space is missing behind the `-`"),
            ("address:\u{a0}1\nb: 1\n", "1:9 a no-break space stands where a space belongs"),
            (
                "w: {password: foo}bar, c: DE}\n",
                "1:15 this password has a sign in it that YAML takes for its own",
            ),
            (
                "w: {password: a #b}\nn: 1\n",
                "1:15 this password has a sign in it that YAML takes for its own",
            ),
            ("w: {password: foo: bar}\n", "1:15 this password has a sign in it that YAML takes for its own"),
            ("w:\n  password: foo: bar\n", "2:13 this password has a sign in it that YAML takes for its own"),
            ("w:\n  password: !x47\n", "2:13 this password has a sign in it that YAML takes for its own"),
            ("w: {password: abc}\nb: c: d\n", "2:5 a `:` stands where no key can be"),
        ] {
            let mut error = match read(text) {
                Err(error) => error,
                Ok(document) => panic!("{text:?}: {document:?}"),
            };
            explain(&mut error, text);
            let (position, message) = (error.position, &error.finding.message);
            assert_eq!(format!("{}:{} {message}", position.line, position.column), expected, "{text:?}");
        }
    }
}
