//! Reading values out of the tree: every mistake is put down and reading goes on.

use crate::cluster::diagnostic::{Finding, shown};
use crate::cluster::document::advice;
use crate::cluster::document::folders::Folders;
use crate::cluster::document::keys::Level;
use crate::cluster::document::syntax::{Scalar, ScalarType, SyntaxError, YamlEntry, YamlKind, YamlValue};
use crate::cluster::{Diagnostic, FieldSpan, ssh};

/// A value and where it stood.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Spanned<T> {
    pub(crate) value: T,
    pub(crate) span: FieldSpan,
}

/// What became of a key.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) enum Field<T> {
    /// It is not there.
    #[default]
    Absent,
    /// It is there and wrong, which was put down: nothing more need be said of it.
    Invalid,
    /// It is there.
    Given(Spanned<T>),
}

impl<T> Field<T> {
    pub(crate) fn given(&self) -> Option<&Spanned<T>> {
        match self {
            Self::Given(spanned) => Some(spanned),
            Self::Absent | Self::Invalid => None,
        }
    }

    pub(crate) fn value(self) -> Option<T> {
        match self {
            Self::Given(spanned) => Some(spanned.value),
            Self::Absent | Self::Invalid => None,
        }
    }

    pub(crate) fn is_absent(&self) -> bool {
        matches!(self, Self::Absent)
    }
}

impl<T: Clone> Field<T> {
    /// This one, or where it is absent the other.
    pub(crate) fn or(&self, other: &Self) -> Self {
        if self.is_absent() { other.clone() } else { self.clone() }
    }
}

/// More than anybody reads. It keeps the time bounded that a hostile file takes.
const MOST_PROBLEMS: usize = 1000;

/// Collects what is wrong, and knows which folders paths are relative to.
#[derive(Debug)]
pub(crate) struct Reader {
    pub(crate) problems: Vec<Diagnostic>,
    /// What is not wrong, but has to be said.
    pub(crate) warnings: Vec<Diagnostic>,
    pub(crate) folders: Folders,
}

impl Reader {
    pub(crate) fn new(folders: Folders) -> Self {
        Self { problems: Vec::new(), warnings: Vec::new(), folders }
    }

    /// Puts down what is wrong at a spot.
    pub(crate) fn report(&mut self, span: &FieldSpan, finding: Finding) {
        let problem = finding.at(span);
        if self.problems.len() >= MOST_PROBLEMS {
            return;
        }
        // What is wrong in something that aliases repeat is said once.
        let again = self.problems.iter().any(|other| {
            (other.line, other.column, &other.message) == (problem.line, problem.column, &problem.message)
        });
        if !again {
            self.problems.push(problem);
        }
    }

    /// Puts down what is valid and may still disappoint; once, though every node has it from the same place.
    pub(crate) fn warn(&mut self, span: &FieldSpan, about: Finding) {
        let warning = about.at(span);
        if !self.warnings.contains(&warning) {
            self.warnings.push(warning);
        }
    }

    /// Puts down what is wrong with the YAML itself.
    pub(crate) fn report_syntax_error(&mut self, syntax_error: SyntaxError, secret: bool) {
        let span = FieldSpan { position: syntax_error.position, path: String::new() };
        self.report(&span, Finding { message: syntax_error.message, hint: syntax_error.hint, secret });
    }
}

/// One value of the tree, with its path.
#[derive(Debug, Clone)]
pub(crate) struct FieldValue<'t> {
    value: &'t YamlValue,
    path: String,
}

impl<'t> FieldValue<'t> {
    /// The whole document.
    pub(crate) fn root(value: &'t YamlValue) -> Self {
        Self { value, path: String::new() }
    }

    pub(crate) fn span(&self) -> FieldSpan {
        FieldSpan { position: self.value.position, path: self.path.clone() }
    }

    pub(crate) fn kind(&self) -> &'t YamlKind {
        &self.value.kind
    }

    pub(crate) fn spanned<T>(&self, value: T) -> Spanned<T> {
        Spanned { value, span: self.span() }
    }

    /// The fields of a mapping; unknown keys are put down. Nothing counts as a mapping without any.
    pub(crate) fn fields(&self, level: &'static Level, reader: &mut Reader) -> Option<Fields<'t>> {
        let entries = match &self.value.kind {
            YamlKind::Mapping(entries) => entries.as_slice(),
            YamlKind::Nothing => &[],
            YamlKind::Scalar(_) | YamlKind::List(_) => {
                let known = level.keys.iter().map(|key| format!("`{key}:`")).collect::<Vec<_>>();
                let hint = format!("Known here: {}", known.join(", "));
                let secret =
                    matches!(&self.value.kind, YamlKind::Scalar(scalar) if ssh::is_private_key(&scalar.text));
                let finding = Finding::new(format!("{} stands where keys belong", self.description()), hint);
                reader.report(&self.span(), if secret { finding.secret() } else { finding });
                return None;
            }
        };
        for entry in entries.iter().filter(|entry| !level.keys.contains(&entry.key.as_str())) {
            let span = FieldSpan { position: entry.position, path: self.path_of(&entry.key) };
            let role =
                entries.iter().find(|entry| entry.key == "k3s").and_then(|entry| match &entry.value.kind {
                    YamlKind::Scalar(scalar) => Some(scalar.text.as_str()),
                    YamlKind::Nothing | YamlKind::List(_) | YamlKind::Mapping(_) => None,
                });
            let hint = advice::advice_beside_role(level, &entry.key, role)
                .unwrap_or_else(|| advice::advice(level, &entry.key));
            let finding = Finding::new(format!("unknown key {}", shown(&entry.key)), hint);
            reader.report(&span, if advice::may_be_secret(&entry.key) { finding.secret() } else { finding });
        }
        let mistyped = entries.iter().filter_map(|entry| {
            (!level.keys.contains(&entry.key.as_str())).then(|| advice::meant(level, &entry.key)).flatten()
        });
        Some(Fields { value: self.clone(), entries, mistyped: mistyped.collect() })
    }

    /// All entries of a mapping whose keys are free, each with its key's spot.
    pub(crate) fn entries(&self, reader: &mut Reader) -> Option<Vec<(Spanned<&'t str>, FieldValue<'t>)>> {
        match &self.value.kind {
            YamlKind::Mapping(entries) => Some(
                entries
                    .iter()
                    .map(|entry| {
                        let path = self.path_of(&entry.key);
                        let span = FieldSpan { position: entry.position, path: path.clone() };
                        (
                            Spanned { value: entry.key.as_str(), span },
                            FieldValue { value: &entry.value, path },
                        )
                    })
                    .collect(),
            ),
            YamlKind::Nothing => Some(Vec::new()),
            YamlKind::Scalar(_) | YamlKind::List(_) => {
                let message = format!("{} stands where keys belong", self.description());
                reader.report(&self.span(), Finding::new(message, "Write it as `key: value`, one in a line"));
                None
            }
        }
    }

    /// The items of a list. Nothing counts as an empty one, and a single value as a list of it.
    pub(crate) fn items(&self, reader: &mut Reader) -> Option<Vec<FieldValue<'t>>> {
        match &self.value.kind {
            YamlKind::List(items) => Some(self.numbered(items)),
            YamlKind::Nothing => Some(Vec::new()),
            YamlKind::Scalar(_) => Some(vec![self.clone()]),
            YamlKind::Mapping(_) => {
                let message = format!("{} stands where a list belongs", self.description());
                let hint =
                    "Put it in brackets, `[…]`, or begin every item with `- `, also when there is only one";
                reader.report(&self.span(), Finding::new(message, hint));
                None
            }
        }
    }

    /// The items of a list of mappings: one that stands alone counts as a list of it where it has a key of
    /// theirs.
    pub(crate) fn mappings(&self, levels: &[&Level], reader: &mut Reader) -> Option<Vec<FieldValue<'t>>> {
        let known = |key: &str| levels.iter().any(|level| level.keys.contains(&key));
        match &self.value.kind {
            YamlKind::Mapping(entries) if entries.iter().any(|entry| known(&entry.key)) => {
                Some(vec![self.clone()])
            }
            _ => self.items(reader),
        }
    }

    fn numbered(&self, items: &'t [YamlValue]) -> Vec<FieldValue<'t>> {
        items
            .iter()
            .enumerate()
            .map(|(index, value)| FieldValue { value, path: format!("{}[{index}]", self.path) })
            .collect()
    }

    /// What is wrong with `read`'s result is put down; the items that are right come out.
    /// `None` where one of them was wrong.
    pub(crate) fn list<T>(
        &self,
        reader: &mut Reader,
        mut read: impl FnMut(&FieldValue<'t>, &mut Reader) -> Option<T>,
    ) -> Option<Vec<T>> {
        let items = self.items(reader)?;
        let read: Vec<Option<T>> = items.iter().map(|item| read(item, reader)).collect();
        read.into_iter().collect()
    }

    /// As [`list`](Self::list), of [`mappings`](Self::mappings).
    pub(crate) fn list_of_mappings<T>(
        &self,
        levels: &[&Level],
        reader: &mut Reader,
        mut read: impl FnMut(&FieldValue<'t>, &mut Reader) -> Option<T>,
    ) -> Option<Vec<T>> {
        let items = self.mappings(levels, reader)?;
        let read: Vec<Option<T>> = items.iter().map(|item| read(item, reader)).collect();
        read.into_iter().collect()
    }

    fn scalar(&self, reader: &mut Reader) -> Option<&'t Scalar> {
        let finding = match &self.value.kind {
            YamlKind::Scalar(scalar) => return Some(scalar),
            YamlKind::Nothing => Finding::new("there is no value here", "Write one, or remove the key"),
            YamlKind::List(_) | YamlKind::Mapping(_) => Finding::new(
                format!("{} stands where one value belongs", self.description()),
                "Write a single value",
            ),
        };
        reader.report(&self.span(), finding);
        None
    }

    /// A single value as it is written, whatever YAML takes it for: `192.168.50.1`, `24`, `0644`.
    pub(crate) fn token(&self, reader: &mut Reader) -> Option<&'t str> {
        Some(self.scalar(reader)?.text.as_str())
    }

    /// A text. What YAML, or an older YAML, reads as something else has to be in quotes.
    pub(crate) fn text(&self, reader: &mut Reader) -> Option<&'t str> {
        let scalar = self.scalar(reader)?;
        let taken_for = match scalar.resolved {
            ScalarType::Text if !(scalar.plain && is_old_boolean(&scalar.text)) => return Some(&scalar.text),
            ScalarType::Text | ScalarType::Boolean(_) => "true or false",
            ScalarType::Unsigned(_) | ScalarType::Signed(_) | ScalarType::Fraction(_) => "a number",
        };
        let message = format!("YAML reads {} as {taken_for}, not as a text", shown(&scalar.text));
        let hint = format!("Put it in quotes: `\"{}\"`", scalar.text);
        reader.report(&self.span(), Finding::new(message, hint));
        None
    }

    /// `true` or `false`, or what an older YAML takes for them.
    pub(crate) fn boolean(&self, reader: &mut Reader) -> Option<bool> {
        let scalar = self.scalar(reader)?;
        if let ScalarType::Boolean(value) = scalar.resolved {
            return Some(value);
        }
        if let Some(value) = old_boolean(&scalar.text).filter(|_| scalar.plain) {
            return Some(value);
        }
        let message = match scalar.text.as_str() {
            "true" | "false" => format!("{} is a text, being in quotes", shown(&scalar.text)),
            text => format!("{} is neither `true` nor `false`", shown(text)),
        };
        reader.report(&self.span(), Finding::new(message, "Write `true` or `false`, without quotes"));
        None
    }

    /// Returns `true` for a word that means "not at all": `none`, `off`, or what an older YAML takes for
    /// `false`.
    pub(crate) fn is_off(&self) -> bool {
        let YamlKind::Scalar(scalar) = &self.value.kind else { return false };
        scalar.resolved == ScalarType::Boolean(false)
            || scalar.text.eq_ignore_ascii_case("none")
            || old_boolean(&scalar.text) == Some(false)
    }

    /// One of a few words.
    pub(crate) fn one_of<T: Clone>(&self, known: &[(&str, T)], reader: &mut Reader) -> Option<T> {
        let text = self.token(reader)?;
        if let Some((_, value)) = known.iter().find(|(word, _)| *word == text) {
            return Some(value.clone());
        }
        let words: Vec<&str> = known.iter().map(|(word, _)| *word).collect();
        let hint = match advice::nearest(text, &words) {
            Some((word, _)) => format!("Did you mean `{word}`?"),
            None => format!("Write {}", either(&words)),
        };
        reader.report(&self.span(), Finding::new(format!("{} is not known here", shown(text)), hint));
        None
    }

    /// A text that `parse` understands.
    pub(crate) fn parse<T>(
        &self,
        reader: &mut Reader,
        parse: impl FnOnce(&str) -> Result<T, Finding>,
    ) -> Option<T> {
        let text = self.text(reader)?;
        self.understood(parse(text), reader)
    }

    /// A single value, as it is written, that `parse` understands.
    pub(crate) fn parse_token<T>(
        &self,
        reader: &mut Reader,
        parse: impl FnOnce(&str) -> Result<T, Finding>,
    ) -> Option<T> {
        let text = self.token(reader)?;
        self.understood(parse(text), reader)
    }

    fn understood<T>(&self, result: Result<T, Finding>, reader: &mut Reader) -> Option<T> {
        result.map_err(|finding| reader.report(&self.span(), finding)).ok()
    }

    fn path_of(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    fn description(&self) -> &'static str {
        match &self.value.kind {
            YamlKind::Nothing => "nothing",
            YamlKind::Scalar(_) => "a single value",
            YamlKind::List(_) => "a list",
            YamlKind::Mapping(_) => "a mapping",
        }
    }
}

/// The fields of a mapping.
#[derive(Debug, Clone)]
pub(crate) struct Fields<'t> {
    value: FieldValue<'t>,
    entries: &'t [YamlEntry],
    /// Keys that are there under a wrong name, which was put down: nobody need be told that they are missing.
    mistyped: Vec<&'static str>,
}

impl<'t> Fields<'t> {
    /// Where the mapping stands.
    pub(crate) fn span(&self) -> FieldSpan {
        self.value.span()
    }

    pub(crate) fn get(&self, key: &str) -> Option<FieldValue<'t>> {
        let entry = self.entries.iter().find(|entry| entry.key == key)?;
        Some(FieldValue { value: &entry.value, path: self.value.path_of(key) })
    }

    /// Whether a key is there under a wrong name.
    pub(crate) fn is_mistyped(&self, key: &str) -> bool {
        self.mistyped.contains(&key)
    }

    /// A key that may be absent.
    pub(crate) fn optional<T>(
        &self,
        key: &str,
        reader: &mut Reader,
        read: impl FnOnce(&FieldValue<'t>, &mut Reader) -> Option<T>,
    ) -> Field<T> {
        let Some(value) = self.get(key) else {
            return if self.is_mistyped(key) { Field::Invalid } else { Field::Absent };
        };
        match read(&value, reader) {
            Some(read) => Field::Given(value.spanned(read)),
            None => Field::Invalid,
        }
    }

    /// A key that has to be there.
    pub(crate) fn required<T>(
        &self,
        key: &str,
        example: &str,
        reader: &mut Reader,
        read: impl FnOnce(&FieldValue<'t>, &mut Reader) -> Option<T>,
    ) -> Field<T> {
        let field = self.optional(key, reader, read);
        if field.is_absent() {
            self.report_missing(key, example, reader);
            return Field::Invalid;
        }
        field
    }

    /// Puts down that a key is missing.
    pub(crate) fn report_missing(&self, key: &str, example: &str, reader: &mut Reader) {
        let span = FieldSpan { path: self.value.path_of(key), ..self.span() };
        reader.report(&span, Finding::new(format!("`{key}` is missing"), format!("Add `{key}: {example}`")));
    }
}

/// `a`, `b` or `c`.
fn either(words: &[&str]) -> String {
    let words: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    match words.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} or {last}", rest.join(", ")),
        None => String::new(),
    }
}

/// What YAML 1.1, and so most other programs, take for true or false.
fn is_old_boolean(text: &str) -> bool {
    old_boolean(text).is_some() || matches!(text, "y" | "Y" | "n" | "N")
}

/// Those of them that mean it in plain English.
fn old_boolean(text: &str) -> Option<bool> {
    match text.to_lowercase().as_str() {
        "yes" | "on" => Some(true),
        "no" | "off" => Some(false),
        _ => None,
    }
}
