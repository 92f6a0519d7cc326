//! Readers of single values of the tree. Every mistake is reported, and reading goes on.

use crate::cluster::diagnostic::{Diagnostics, Finding, shown};
use crate::cluster::document::advice;
use crate::cluster::document::folders::Folders;
use crate::cluster::document::keys::{Level, Levels};
use crate::cluster::document::syntax::{Scalar, ScalarType, YamlEntry, YamlKind, YamlValue};
use crate::cluster::{FieldSpan, Position, ssh};

/// A value and its span.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Spanned<T> {
    pub(crate) value: T,
    pub(crate) span: FieldSpan,
}

/// The outcome of reading a key.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) enum Field<T> {
    /// It is not there.
    #[default]
    Absent,
    /// It is there and wrong, which was reported already.
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

    /// Reads on in a value; what `parse` refuses is reported at its place.
    pub(crate) fn parse<U>(
        &self,
        diagnostics: &Diagnostics,
        parse: impl FnOnce(&T) -> Result<U, Finding>,
    ) -> Field<U> {
        match self {
            Self::Absent => Field::Absent,
            Self::Invalid => Field::Invalid,
            Self::Given(Spanned { value, span }) => match parse(value) {
                Ok(value) => Field::Given(Spanned { value, span: span.clone() }),
                Err(finding) => {
                    diagnostics.report(span, finding);
                    Field::Invalid
                }
            },
        }
    }

    pub(crate) fn is_absent(&self) -> bool {
        matches!(self, Self::Absent)
    }

    pub(crate) fn is_invalid(&self) -> bool {
        matches!(self, Self::Invalid)
    }
}

impl<T: Clone> Field<T> {
    pub(crate) fn to_value(&self) -> Option<T> {
        self.given().map(|given| given.value.clone())
    }

    /// Returns this field, or the other one where this is absent.
    pub(crate) fn or(&self, other: &Self) -> Self {
        if self.is_absent() { other.clone() } else { self.clone() }
    }
}

impl<T> Field<Vec<T>> {
    /// Returns the items of a list; none where it is absent or invalid.
    pub(crate) fn items(&self) -> &[T] {
        self.given().map_or(&[], |given| given.value.as_slice())
    }
}

/// The value that a draft's one becomes when the rules have been checked: the same, or without what only they need.
pub(crate) trait Finish<T> {
    fn finish(self) -> T;
}

impl<T> Finish<T> for T {
    fn finish(self) -> T {
        self
    }
}

impl<T> Finish<Vec<T>> for Vec<Spanned<T>> {
    fn finish(self) -> Vec<T> {
        self.into_iter().map(|item| item.value).collect()
    }
}

/// One value of the tree, with its path, and what reading it needs.
#[derive(Debug, Clone)]
pub(crate) struct FieldValue<'t> {
    value: &'t YamlValue,
    path: String,
    diagnostics: &'t Diagnostics,
    folders: &'t Folders,
    levels: Levels,
}

impl<'t> FieldValue<'t> {
    /// Returns the whole document as a value. Hints are about the keys of `levels`.
    pub(crate) fn root(
        value: &'t YamlValue,
        diagnostics: &'t Diagnostics,
        folders: &'t Folders,
        levels: Levels,
    ) -> Self {
        Self { value, path: String::new(), diagnostics, folders, levels }
    }

    fn below(&self, value: &'t YamlValue, path: String) -> Self {
        Self { value, path, ..*self }
    }

    /// Returns the whole document of another file.
    pub(crate) fn other_file<'s>(&self, value: &'s YamlValue, folders: &'s Folders) -> FieldValue<'s>
    where
        't: 's,
    {
        FieldValue::root(value, self.diagnostics, folders, self.levels)
    }

    /// Returns another value in the place of this one.
    pub(crate) fn replaced<'s>(&self, value: &'s YamlValue) -> FieldValue<'s>
    where
        't: 's,
    {
        FieldValue { value, path: self.path.clone(), ..*self }
    }

    /// Returns the folders that paths are relative to.
    pub(crate) fn folders(&self) -> &'t Folders {
        self.folders
    }

    pub(crate) fn diagnostics(&self) -> &'t Diagnostics {
        self.diagnostics
    }

    /// Reports a mistake in this value.
    pub(crate) fn report(&self, finding: Finding) {
        self.diagnostics.report(&self.span(), finding);
    }

    /// Warns of this value.
    pub(crate) fn warn(&self, finding: Finding) {
        self.diagnostics.warn(&self.span(), finding);
    }

    pub(crate) fn span(&self) -> FieldSpan {
        self.span_at(self.value.position, self.path.clone())
    }

    fn span_at(&self, position: Position, path: String) -> FieldSpan {
        FieldSpan { file: self.folders.include.clone(), position, path }
    }

    pub(crate) fn kind(&self) -> &'t YamlKind {
        &self.value.kind
    }

    pub(crate) fn spanned<T>(&self, value: T) -> Spanned<T> {
        Spanned { value, span: self.span() }
    }

    /// Returns the fields of a mapping; unknown keys are reported. Nothing counts as a mapping without any.
    pub(crate) fn fields(&self, level: &'static Level) -> Option<Fields<'t>> {
        let entries = match &self.value.kind {
            YamlKind::Mapping(entries) => entries.as_slice(),
            YamlKind::Nothing => &[],
            YamlKind::Scalar(_) | YamlKind::List(_) => {
                let text = if let YamlKind::Scalar(scalar) = &self.value.kind { &*scalar.text } else { "" };
                let hint = advice::of_a_value(level, text);
                let secret = ssh::is_private_key(text) || level.has("password");
                let finding = Finding::new(format!("{} stands where keys belong", self.description()), hint);
                self.report(finding.secret_if(secret));
                return None;
            }
        };
        for (index, entry) in entries.iter().enumerate().filter(|(_, entry)| !level.accepts(&entry.key)) {
            let before = index.checked_sub(1).and_then(|before| entries.get(before));
            if entry.value.kind == YamlKind::Nothing
                && before.is_some_and(|before| advice::may_be_secret(&before.key))
            {
                // `{password: first,second}`
                let hint =
                    "Put the password in single quotes, if this is its end; otherwise write `key: value`";
                let finding =
                    Finding::new("a key that is not known, and has no value, stands behind a password", hint);
                self.diagnostics.report(&self.span_at(entry.position, self.path.clone()), finding.secret());
                continue;
            }
            let span = self.span_at(entry.position, self.path_of(&entry.key));
            let role =
                entries.iter().find(|entry| entry.key == "k3s").and_then(|entry| match &entry.value.kind {
                    YamlKind::Scalar(scalar) => Some(scalar.text.as_str()),
                    YamlKind::Nothing | YamlKind::List(_) | YamlKind::Mapping(_) => None,
                });
            let hint = advice::advice_beside_role(self.levels, level, &entry.key, role)
                .unwrap_or_else(|| advice::advice(self.levels, level, &entry.key));
            let finding = Finding::new(format!("unknown key {}", shown(&entry.key)), hint);
            self.diagnostics
                .report(&span, finding.secret_if(advice::has_a_secret(self.levels, level, &entry.key)));
        }
        let mistyped = entries.iter().filter_map(|entry| {
            (!level.accepts(&entry.key)).then(|| advice::meant(self.levels, level, &entry.key)).flatten()
        });
        Some(Fields { value: self.clone(), entries, mistyped: mistyped.collect() })
    }

    /// Returns all entries of a mapping whose keys are free, each with its key's span.
    pub(crate) fn entries(&self) -> Option<Vec<(Spanned<&'t str>, FieldValue<'t>)>> {
        match &self.value.kind {
            YamlKind::Mapping(entries) => Some(
                entries
                    .iter()
                    .map(|entry| {
                        let path = self.path_of(&entry.key);
                        let span = self.span_at(entry.position, path.clone());
                        (Spanned { value: entry.key.as_str(), span }, self.below(&entry.value, path))
                    })
                    .collect(),
            ),
            YamlKind::Nothing => Some(Vec::new()),
            YamlKind::Scalar(_) | YamlKind::List(_) => {
                let message = format!("{} stands where keys belong", self.description());
                self.report(Finding::new(message, "Write it as `key: value`, one in a line"));
                None
            }
        }
    }

    /// Returns the items of a list. Nothing counts as an empty one, and a single value as a list of it.
    pub(crate) fn items(&self) -> Option<Vec<FieldValue<'t>>> {
        match &self.value.kind {
            YamlKind::List(items) => Some(self.numbered(items)),
            YamlKind::Nothing => Some(Vec::new()),
            YamlKind::Scalar(_) => Some(vec![self.clone()]),
            YamlKind::Mapping(_) => {
                let message = format!("{} stands where a list belongs", self.description());
                let hint =
                    "Put it in brackets, `[…]`, or begin every item with `- `, also when there is only one";
                self.report(Finding::new(message, hint));
                None
            }
        }
    }

    /// Returns the items of a list of mappings: one that stands alone counts as a list of it where it has a key of
    /// theirs.
    pub(crate) fn mappings(&self, level: &Level) -> Option<Vec<FieldValue<'t>>> {
        match &self.value.kind {
            YamlKind::Mapping(entries) if entries.iter().any(|entry| level.has(&entry.key)) => {
                Some(vec![self.clone()])
            }
            _ => self.items(),
        }
    }

    fn numbered(&self, items: &'t [YamlValue]) -> Vec<FieldValue<'t>> {
        items
            .iter()
            .enumerate()
            .map(|(index, value)| self.below(value, format!("{}[{index}]", self.path)))
            .collect()
    }

    /// Reads every item of a list with `read`, which reports errors; `None` where one item has some.
    pub(crate) fn list<T>(&self, read: impl FnMut(&FieldValue<'t>) -> Option<T>) -> Option<Vec<T>> {
        let items = self.items()?;
        let read: Vec<Option<T>> = items.iter().map(read).collect();
        read.into_iter().collect()
    }

    /// Does as [`list`](Self::list) with [`mappings`](Self::mappings).
    pub(crate) fn list_of_mappings<T>(
        &self,
        level: &Level,
        read: impl FnMut(&FieldValue<'t>) -> Option<T>,
    ) -> Option<Vec<T>> {
        let items = self.mappings(level)?;
        let read: Vec<Option<T>> = items.iter().map(read).collect();
        read.into_iter().collect()
    }

    fn scalar(&self) -> Option<&'t Scalar> {
        let finding = match &self.value.kind {
            YamlKind::Scalar(scalar) => return Some(scalar),
            YamlKind::Nothing => Finding::new("there is no value here", "Write one, or remove the key"),
            YamlKind::List(_) | YamlKind::Mapping(_) => Finding::new(
                format!("{} stands where one value belongs", self.description()),
                "Write a single value",
            ),
        };
        self.report(finding);
        None
    }

    /// Reads a single value as it is written, whatever YAML takes it for: `192.168.50.1`, `24`, `0644`.
    pub(crate) fn token(&self) -> Option<&'t str> {
        Some(self.scalar()?.text.as_str())
    }

    /// Reads a text. What YAML, or an older YAML, reads as something else has to be in quotes.
    pub(crate) fn text(&self) -> Option<&'t str> {
        let scalar = self.scalar()?;
        let taken_for = match scalar.resolved {
            ScalarType::Text if !(scalar.plain && is_old_boolean(&scalar.text)) => return Some(&scalar.text),
            ScalarType::Text | ScalarType::Boolean(_) => "true or false",
            ScalarType::Unsigned(_) | ScalarType::Signed(_) | ScalarType::Fraction(_) => "a number",
        };
        let message = format!("YAML reads {} as {taken_for}, not as a text", shown(&scalar.text));
        let hint = format!("Put it in quotes: `\"{}\"`", scalar.text);
        self.report(Finding::new(message, hint));
        None
    }

    /// Reads `true` or `false`, or what an older YAML takes for them.
    pub(crate) fn boolean(&self) -> Option<bool> {
        let scalar = self.scalar()?;
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
        self.report(Finding::new(message, "Write `true` or `false`, without quotes"));
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

    /// Reads one of a few words.
    pub(crate) fn one_of<T: Clone>(&self, known: &[(&str, T)]) -> Option<T> {
        let text = self.token()?;
        if let Some((_, value)) = known.iter().find(|(word, _)| *word == text) {
            return Some(value.clone());
        }
        let words: Vec<&str> = known.iter().map(|(word, _)| *word).collect();
        let hint = match advice::nearest(text, &words) {
            Some((word, _)) => format!("Did you mean `{word}`?"),
            None => format!("Write {}", either(&words)),
        };
        self.report(Finding::new(format!("{} is not known here", shown(text)), hint));
        None
    }

    /// Warns of a comment that cuts the value off, which may have been meant as a part of it.
    pub(crate) fn warn_where_cut(&self, what: &str) {
        if matches!(&self.value.kind, YamlKind::Scalar(scalar) if scalar.is_cut) {
            let message = format!("{what} ends before the ` #`: YAML takes what follows for a comment");
            let hint = "Put all of it in single quotes, or the comment on a line of its own";
            self.warn(Finding::new(message, hint));
        }
    }

    /// Reads a text that `parse` understands.
    pub(crate) fn parse<T>(&self, parse: impl FnOnce(&str) -> Result<T, Finding>) -> Option<T> {
        let text = self.text()?;
        self.understood(parse(text))
    }

    /// Reads a single value, as it is written, that `parse` understands.
    pub(crate) fn parse_token<T>(&self, parse: impl FnOnce(&str) -> Result<T, Finding>) -> Option<T> {
        let text = self.token()?;
        self.understood(parse(text))
    }

    fn understood<T>(&self, result: Result<T, Finding>) -> Option<T> {
        result.map_err(|finding| self.report(finding)).ok()
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
    /// Keys that are there under a wrong name, which was reported: they are not reported as missing.
    mistyped: Vec<&'static str>,
}

impl<'t> Fields<'t> {
    /// Returns the position of the mapping.
    pub(crate) fn span(&self) -> FieldSpan {
        self.value.span()
    }

    pub(crate) fn get(&self, key: &str) -> Option<FieldValue<'t>> {
        let entry = self.entries.iter().find(|entry| entry.key == key)?;
        Some(self.value.below(&entry.value, self.value.path_of(key)))
    }

    /// Returns `true` if a key is there under a wrong name.
    pub(crate) fn is_mistyped(&self, key: &str) -> bool {
        self.mistyped.contains(&key)
    }

    /// Reads a key that may be absent.
    pub(crate) fn optional<T>(&self, key: &str, read: impl FnOnce(&FieldValue<'t>) -> Option<T>) -> Field<T> {
        let Some(value) = self.get(key) else {
            return if self.is_mistyped(key) { Field::Invalid } else { Field::Absent };
        };
        match read(&value) {
            Some(read) => Field::Given(value.spanned(read)),
            None => Field::Invalid,
        }
    }

    /// Returns what is said under one of two keys that mean the same; both at once are reported.
    pub(crate) fn one_of_two<T>(&self, keys: [&str; 2], fields: [Field<T>; 2]) -> Field<T> {
        match fields {
            [Field::Given(_), Field::Given(second)] => {
                let message = format!("`{}` and `{}` are two ways to say one thing", keys[0], keys[1]);
                self.diagnostics().report(&second.span, Finding::new(message, "Keep one of the two"));
                Field::Invalid
            }
            [Field::Invalid, _] | [_, Field::Invalid] => Field::Invalid,
            [Field::Absent, other] | [other, Field::Absent] => other,
        }
    }

    pub(crate) fn diagnostics(&self) -> &'t Diagnostics {
        self.value.diagnostics
    }

    /// Reports a mistake in the mapping as a whole.
    pub(crate) fn report(&self, finding: Finding) {
        self.value.report(finding);
    }

    /// Reads a key that has to be there.
    pub(crate) fn required<T>(
        &self,
        key: &str,
        example: &str,
        read: impl FnOnce(&FieldValue<'t>) -> Option<T>,
    ) -> Field<T> {
        let field = self.optional(key, read);
        if field.is_absent() {
            self.report_missing(key, example);
            return Field::Invalid;
        }
        field
    }

    /// Puts down that a key is missing.
    pub(crate) fn report_missing(&self, key: &str, example: &str) {
        let span = FieldSpan { path: self.value.path_of(key), ..self.span() };
        let finding = Finding::new(format!("`{key}` is missing"), format!("Add `{key}: {example}`"));
        self.value.diagnostics.report(&span, finding);
    }
}

/// Joins words: `a`, `b` or `c`.
fn either(words: &[&str]) -> String {
    let words: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    match words.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} or {last}", rest.join(", ")),
        None => String::new(),
    }
}

/// Returns `true` if YAML 1.1, and so most other programs, take a word for true or false.
fn is_old_boolean(text: &str) -> bool {
    old_boolean(text).is_some() || matches!(text, "y" | "Y" | "n" | "N")
}

/// Returns the value of a word that means it in plain English.
fn old_boolean(text: &str) -> Option<bool> {
    match text.to_lowercase().as_str() {
        "yes" | "on" => Some(true),
        "no" | "off" => Some(false),
        _ => None,
    }
}
