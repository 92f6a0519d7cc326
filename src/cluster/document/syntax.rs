//! The text of nodes.yaml as a tree in which every key and every value knows where it stood.
//!
//! The YAML crate is named in this file, and in the one that reads the YAML of others (`yaml_files`).

use crate::cluster::diagnostic::{Diagnostics, Finding};
use crate::cluster::document::folders::Folders;
use crate::cluster::{FieldSpan, Position};
use crate::types::number::usize_from;
use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_yaml::{DuplicateKeyPolicy, Error, Location, NonFiniteFloatPolicy, Spanned};
use std::fmt;

/// A value and where it stands. What comes through an alias stands where its anchor is: there is the text
/// that may be wrong.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct YamlValue {
    pub(crate) position: Position,
    pub(crate) kind: YamlKind,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum YamlKind {
    /// Nothing after the colon, `~` or `null`.
    Nothing,
    Scalar(Scalar),
    List(Vec<YamlValue>),
    Mapping(Vec<YamlEntry>),
}

/// A single value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Scalar {
    /// The text as written, without quotes: of `0644`, not 644 nor 420.
    pub(crate) text: String,
    /// Its type in YAML 1.2.
    pub(crate) resolved: ScalarType,
    /// Set when it has no quotes.
    pub(crate) plain: bool,
    /// Set when a comment cuts it off: of `My #1 home`, YAML reads `My`.
    pub(crate) is_cut: bool,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum ScalarType {
    Text,
    Boolean(bool),
    Unsigned(u64),
    Signed(i64),
    Fraction(f64),
}

/// A key of a mapping and its value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct YamlEntry {
    pub(crate) key: String,
    pub(crate) position: Position,
    pub(crate) value: YamlValue,
}

/// The tree, and what is wrong with it as YAML though it could be read.
#[derive(Debug)]
pub(crate) struct Document {
    pub(crate) root: YamlValue,
    pub(crate) syntax_errors: Vec<SyntaxError>,
}

/// A mistake in the YAML itself.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct SyntaxError {
    pub(crate) position: Position,
    pub(crate) finding: Finding,
}

impl SyntaxError {
    fn new(position: Position, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { position, finding: Finding::new(message, hint) }
    }

    /// Returns `true` if it is that the file has nothing in it.
    pub(crate) fn is_of_an_empty_file(&self) -> bool {
        self.finding.message == EMPTY
    }

    /// Reports it, without the line it is in where that may be secret.
    pub(crate) fn report(self, secret: bool, folders: &Folders, diagnostics: &Diagnostics) {
        let file = folders.include.clone();
        let span = FieldSpan { file, position: self.position, path: String::new() };
        diagnostics.report(&span, self.finding.secret_if(secret));
    }
}

const EMPTY: &str = "the file is empty";

/// The most values that a nodes.yaml may have after its aliases are unfolded: enough for a thousand nodes that
/// override everything, and read in a fraction of a second.
const MOST_VALUES: usize = 50_000;

/// The greatest depth of its values: twice what the deepest setting needs. Every level is a recursion, and the
/// main thread has but 1 MiB of stack on Windows.
const DEEPEST: usize = 16;

/// Reads a text.
///
/// # Errors
/// When it is no YAML, or more than one document, or none.
pub(crate) fn read(text: &str) -> Result<Document, SyntaxError> {
    let options = serde_yaml::options! {
        // Every duplicate is reported by `settle`, not just the first.
        duplicate_keys: DuplicateKeyPolicy::PassThrough,
        // `on` and `yes` are texts, as YAML 1.2 says; who wants a truth value writes `true`.
        strict_booleans: true,
        non_finite_float_policy: NonFiniteFloatPolicy::AsString,
        reject_unsupported_tags: true,
        with_snippet: false,
        budget: serde_yaml::budget! {
            max_nodes: MOST_VALUES,
            max_depth: DEEPEST,
            flow_nesting_limit: DEEPEST,
            max_recorded_anchor_events: MOST_VALUES,
        },
    };
    let root: Spanned<Raw> =
        serde_yaml::from_str_with_options(text, options).map_err(|error| syntax_error(&error))?;
    let mut syntax_errors = Vec::new();
    let root = settle(root, text, &mut syntax_errors);
    if root.kind == YamlKind::Nothing {
        let hint = "Begin with `cluster:`, `image:`, `network:` and `nodes:`";
        return Err(SyntaxError::new(Position { line: 1, column: 1 }, EMPTY, hint));
    }
    Ok(Document { root, syntax_errors })
}

/// The crate's reading of the text, before the text itself is looked at again.
enum Raw {
    Nothing,
    Text(String),
    Other(ScalarType),
    List(Vec<Spanned<Raw>>),
    Mapping(Vec<(Spanned<Raw>, Spanned<Raw>)>),
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RawVisitor)
    }
}

struct RawVisitor;

impl<'de> Visitor<'de> for RawVisitor {
    type Value = Raw;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("any YAML value")
    }

    fn visit_unit<E>(self) -> Result<Raw, E> {
        Ok(Raw::Nothing)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Raw, E> {
        Ok(Raw::Other(ScalarType::Boolean(value)))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Raw, E> {
        Ok(Raw::Other(ScalarType::Unsigned(value)))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Raw, E> {
        Ok(Raw::Other(ScalarType::Signed(value)))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Raw, E> {
        Ok(Raw::Other(ScalarType::Fraction(value)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Raw, E> {
        Ok(Raw::Text(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<Raw, E> {
        Ok(Raw::Text(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Raw, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = list.next_element()? {
            items.push(item);
        }
        Ok(Raw::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut mapping: A) -> Result<Raw, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = mapping.next_entry()? {
            if entries.len() >= MOST_VALUES {
                return Err(A::Error::custom("too many keys"));
            }
            entries.push(entry);
        }
        Ok(Raw::Mapping(entries))
    }
}

/// Gives every value its place and its text as it was written.
fn settle(raw: Spanned<Raw>, text: &str, syntax_errors: &mut Vec<SyntaxError>) -> YamlValue {
    let position = position(raw.defined);
    let written = written(raw.defined, text);
    let is_cut = has_comment_behind(raw.defined, text);
    let kind = match raw.value {
        Raw::Nothing => YamlKind::Nothing,
        Raw::Text(value) => {
            let endless = written.filter(|written| value != *written && is_endless(written));
            let plain = endless.is_some() || written == Some(&value);
            YamlKind::Scalar(Scalar {
                text: endless.map_or(value, str::to_owned),
                resolved: endless.map_or(ScalarType::Text, |_| ScalarType::Fraction(f64::INFINITY)),
                plain,
                is_cut: plain && is_cut,
            })
        }
        Raw::Other(resolved) => YamlKind::Scalar(Scalar {
            text: match (written, resolved) {
                (Some(written), _) => written.trim_matches(['"', '\'']).to_owned(),
                (None, ScalarType::Boolean(value)) => value.to_string(),
                (None, ScalarType::Unsigned(value)) => value.to_string(),
                (None, ScalarType::Signed(value)) => value.to_string(),
                (None, ScalarType::Fraction(value)) => value.to_string(),
                (None, ScalarType::Text) => String::new(),
            },
            resolved,
            plain: true,
            is_cut,
        }),
        Raw::List(items) => {
            YamlKind::List(items.into_iter().map(|item| settle(item, text, syntax_errors)).collect())
        }
        Raw::Mapping(entries) => YamlKind::Mapping(settle_mapping(entries, text, syntax_errors)),
    };
    YamlValue { position, kind }
}

fn settle_mapping(
    raw: Vec<(Spanned<Raw>, Spanned<Raw>)>,
    text: &str,
    syntax_errors: &mut Vec<SyntaxError>,
) -> Vec<YamlEntry> {
    let mut entries: Vec<YamlEntry> = Vec::with_capacity(raw.len());
    let mut first_positions = std::collections::HashMap::new();
    let mut has_second_name = false;
    for (key, value) in raw {
        let key = settle(key, text, syntax_errors);
        let value = settle(value, text, syntax_errors);
        let name = match key.kind {
            YamlKind::Scalar(scalar) => scalar.text,
            YamlKind::Nothing => "null".to_owned(),
            YamlKind::List(_) | YamlKind::Mapping(_) => {
                let message = "a list or a mapping stands where a key belongs";
                let hint = "Put the value in quotes if it begins with `[`, `{` or `?`";
                syntax_errors.push(SyntaxError::new(key.position, message, hint));
                continue;
            }
        };
        if let Some(Position { line, .. }) = first_positions.get(&name) {
            // The rest of another node is no mistake of its own.
            if has_second_name {
                continue;
            }
            has_second_name = name == "name";
            let message = format!("the key `{name}` is here a second time");
            let hint = if name == "name" {
                format!("Begin another node with `- `, or keep one of the two; the first is in line {line}")
            } else {
                format!("Keep one of the two; the first is in line {line}")
            };
            syntax_errors.push(SyntaxError::new(key.position, message, hint));
            continue;
        }
        first_positions.insert(name.clone(), key.position);
        entries.push(YamlEntry { key: name, position: key.position, value });
    }
    entries
}

fn position(location: Location) -> Position {
    let number = |value: u64| usize_from(value).max(1);
    Position { line: number(location.line()), column: number(location.column()) }
}

/// Returns the text at a location.
fn written(location: Location, text: &str) -> Option<&str> {
    let span = location.span();
    let start = usize::try_from(span.byte_offset()?).ok()?;
    let length = usize::try_from(span.byte_len()?).ok()?;
    text.get(start..start.checked_add(length)?)
}

/// Returns `true` for a number that is too large for any: the crate gives `.inf` in the place of its text.
fn is_endless(written: &str) -> bool {
    written.parse::<f64>().is_ok_and(f64::is_infinite)
}

/// Returns `true` if a comment follows in the line in which a value ends.
fn has_comment_behind(location: Location, text: &str) -> bool {
    let span = location.span();
    let end = span.byte_offset().zip(span.byte_len()).and_then(|(start, length)| start.checked_add(length));
    let rest = end.and_then(|end| text.get(usize::try_from(end).ok()?..));
    rest.is_some_and(|rest| {
        rest.starts_with([' ', '\t']) && rest.trim_start_matches([' ', '\t']).starts_with('#')
    })
}

/// Words an error of the crate for a person.
pub(crate) fn syntax_error(error: &Error) -> SyntaxError {
    let position = error.location().map_or(Position { line: 1, column: 1 }, position);
    let (message, hint) = match error {
        Error::MultipleDocuments { .. } => (
            "a second document begins here".to_owned(),
            "Describe one cluster per file: remove everything from the line `---` on",
        ),
        Error::Budget { .. } | Error::AliasError { .. } | Error::AliasReplayLimitExceeded { .. } => (
            "the file is nested too deeply, or its aliases unfold to too much".to_owned(),
            "Write the values out instead of using aliases of aliases",
        ),
        Error::UnknownAnchor { .. } => (
            "this alias has no anchor".to_owned(),
            "Set the anchor (`&name`) before it is used (`*name`), or put the value in quotes if it begins with `*`",
        ),
        Error::RecursiveReferencesRequireWeakTypes { .. } => {
            ("this alias contains itself".to_owned(), "Write the value out")
        }
        // It may be a password that begins with a `!`.
        Error::UnsupportedTag { .. } => {
            ("this tag means nothing here".to_owned(), "Remove it, or put the value in quotes")
        }
        Error::ExternalMessage { msg, .. } => syntax(msg),
        other => {
            let message = other.to_string();
            // What others wrote is read without looking for duplicates first.
            if let Some(rest) = message.strip_prefix("duplicate mapping key: ") {
                let key = rest.split(", set DuplicateKeyPolicy").next().unwrap_or(rest);
                let message = format!("the key `{key}` is here a second time");
                return SyntaxError::new(position, message, "Keep one of the two");
            }
            let message =
                message.split_once(" at line ").map_or(&*message, |(message, _)| message).to_owned();
            (message, "Put the value in quotes if it is meant as a text")
        }
    };
    SyntaxError::new(position, message, hint)
}

/// Returns the parser's own words, put so that they help somebody who does not know YAML's grammar.
fn syntax(message: &str) -> (String, &'static str) {
    let has = |part: &str| message.contains(part);
    if has("tab") {
        ("a tab stands where spaces belong".to_owned(), "Indent with spaces")
    } else if has("unclosed quote") {
        ("the quote that begins here is never closed".to_owned(), "Close it, or remove it")
    } else if has("unclosed bracket") {
        ("the bracket that begins here is never closed".to_owned(), "Close it with `]` or `}`")
    } else if has("illegal placement of ':'") {
        (
            "a `:` stands where no key can be".to_owned(),
            "Look for a bracket that is not closed in the lines before",
        )
    } else if has("mapping values are not allowed") {
        (
            "a `:` stands where no key can be".to_owned(),
            "Indent this line like the other keys beside it, and put a value that holds `: ` in quotes",
        )
    } else if has("did not find expected '-'") || has("did not find expected key") {
        (
            "this line does not fit the lines above it".to_owned(),
            "Indent it exactly like the other keys of the same node or section",
        )
    } else if has("unexpected character") || has("cannot start any token") {
        ("a value cannot begin with this character".to_owned(), "Put the value in quotes")
    } else if has("unknown escape") {
        (
            "this text has a `\\` that begins no escape".to_owned(),
            "Use single quotes, in which `\\` means itself",
        )
    } else if has("recursion limit") {
        ("the file is nested too deeply".to_owned(), "Look for brackets that are not closed")
    } else {
        (
            format!("this is not YAML: {message}"),
            "Compare the indentation and the quotes of this line with the lines around it",
        )
    }
}

#[cfg(test)]
mod tests {
    use super::{Position, YamlKind, YamlValue, read};

    fn syntax_errors(text: &str) -> Vec<String> {
        let syntax_errors = match read(text) {
            Ok(document) => document.syntax_errors,
            Err(syntax_error) => vec![syntax_error],
        };
        syntax_errors
            .iter()
            .map(|syntax_error| {
                format!(
                    "{}:{} {}",
                    syntax_error.position.line, syntax_error.position.column, syntax_error.finding.message
                )
            })
            .collect()
    }

    fn entry<'a>(value: &'a YamlValue, key: &str) -> &'a YamlValue {
        let YamlKind::Mapping(entries) = &value.kind else { panic!("no mapping") };
        &entries.iter().find(|entry| entry.key == key).unwrap().value
    }

    fn text(value: &YamlValue) -> &str {
        let YamlKind::Scalar(scalar) = &value.kind else { panic!("no scalar") };
        &scalar.text
    }

    #[test]
    fn a_scalar_keeps_the_text_it_was_written_with() {
        let written = [
            "0644",
            "1e3",
            "0x1f",
            "1.10",
            "yes",
            "+5",
            "1_000",
            "99999999999999999999",
            "ü",
            "1e5000",
            "-12e4567",
            ".inf",
        ];
        for text_written in written {
            for source in [
                format!("k: {text_written}\n"),
                format!("k: {text_written} # comment\r\nl: 1\r\n"),
                format!("{{k: {text_written}}}"),
                format!("k: '{text_written}'"),
                format!("k: &a {text_written}"),
                format!("\u{feff}k: {text_written}"),
                format!("ä: ö\nk: {text_written}"),
            ] {
                let document = read(&source).unwrap();
                assert_eq!(text(entry(&document.root, "k")), text_written, "{source}");
            }
        }
    }

    #[test]
    fn a_comment_that_cuts_a_value_off_is_noticed() {
        let is_cut = |source: &str| {
            let document = read(source).unwrap();
            let YamlKind::Scalar(scalar) = &entry(&document.root, "k").kind else { panic!("no scalar") };
            scalar.is_cut
        };
        for cut in ["k: My #1 home\n", "k: 12 \t# x", "{k: a # b\n}", "k: 1e5000 #"] {
            assert!(is_cut(cut), "{cut}");
        }
        for whole in ["k: My#1\n", "k: 'My #1'\n", "k: 'My' # note\n", "k: My\n# note\n", "{k: a, b: c} # d"]
        {
            assert!(!is_cut(whole), "{whole}");
        }
    }

    #[test]
    fn places_are_lines_and_columns_of_characters() {
        let document = read("ä: 1\nb: {ü: x, c: y}\n").unwrap();
        assert_eq!(entry(entry(&document.root, "b"), "c").position, Position { line: 2, column: 14 });
    }

    #[test]
    fn aliases_and_merge_keys_give_what_stands_at_the_anchor() {
        let document = read("a: &x {name: n, size: s}\nb: *x\nc: {<<: *x, name: own}\n").unwrap();
        assert!(document.syntax_errors.is_empty(), "{:?}", document.syntax_errors);
        assert_eq!(entry(entry(&document.root, "b"), "name").position, Position { line: 1, column: 14 });
        assert_eq!(text(entry(entry(&document.root, "c"), "name")), "own");
        assert_eq!(text(entry(entry(&document.root, "c"), "size")), "s");
    }

    #[test]
    fn every_second_key_is_a_flaw() {
        assert_eq!(
            syntax_errors("a: 1\nb: {c: 1, c: 2}\na: 3\n"),
            ["2:11 the key `c` is here a second time", "3:1 the key `a` is here a second time"]
        );
        assert_eq!(
            syntax_errors("- name: a\n  b: 1\n  name: c\n  b: 2\n"),
            ["3:3 the key `name` is here a second time"],
            "a node without its dash is one mistake"
        );
    }

    #[test]
    fn what_is_no_yaml_has_a_place_and_a_sentence() {
        for (source, expected) in [
            ("", "1:1 the file is empty"),
            ("# only a comment\n", "1:1 the file is empty"),
            ("---\n", "1:1 the file is empty"),
            ("a: 1\n---\nb: 2\n", "3:1 a second document begins here"),
            ("a:\n\tb: 1\n", "2:2 a tab stands where spaces belong"),
            ("a: \"x\nb: 3\n", "1:4 the quote that begins here is never closed"),
            ("a: {b: 1\n", "1:4 the bracket that begins here is never closed"),
            ("a: [1, 2\nb: 3\n", "2:2 a `:` stands where no key can be"),
            ("a: b: c\n", "1:5 a `:` stands where no key can be"),
            ("- name: a\n address: b\n", "2:2 this line does not fit the lines above it"),
            ("a: @x\n", "1:4 a value cannot begin with this character"),
            ("a: \"\\q\"\n", "1:4 this text has a `\\` that begins no escape"),
            ("a: *nope\n", "1:4 this alias has no anchor"),
            ("a: &a [*a]\n", "1:8 this alias contains itself"),
            ("a: !secret x\n", "1:12 this tag means nothing here"),
            ("a: !!int foo\n", "1:10 invalid u64"),
            ("[a, b]: 1\n", "1:1 a list or a mapping stands where a key belongs"),
        ] {
            assert_eq!(syntax_errors(source), [expected], "{source:?}");
        }
    }

    #[test]
    fn bombs_are_refused_quickly() {
        let bomb = (1..9).fold("a0: &a0 [1,1,1,1,1,1,1,1,1,1]\n".to_owned(), |bomb, level| {
            let ten = vec![format!("*a{}", level - 1); 10].join(",");
            format!("{bomb}a{level}: &a{level} [{ten}]\n")
        });
        let chain = (1..200).fold("a0: &a0 [1]\n".to_owned(), |chain, level| {
            format!("{chain}a{level}: &a{level} [*a{}]\n", level - 1)
        });
        let bad_indent =
            (0..200).fold(String::new(), |text, level| format!("{text}{}a:\n", " ".repeat(level)));
        for (source, expected) in [
            (chain, "the file is nested too deeply, or its aliases unfold to too much"),
            (bad_indent, "the file is nested too deeply, or its aliases unfold to too much"),
            (bomb, "the file is nested too deeply, or its aliases unfold to too much"),
            ("[".repeat(5000), "the file is nested too deeply"),
            ("- ".repeat(5000), "the file is nested too deeply, or its aliases unfold to too much"),
        ] {
            let found = syntax_errors(&source);
            assert!(found.len() == 1 && found[0].ends_with(expected), "{found:?}");
        }
    }
}
