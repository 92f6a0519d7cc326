//! The types of values that a row of a table can have: each reads a value, and describes it to the schema.
//!
//! They are put together as the value is: `list(token(name_server))`, `required("north", text(host_name))`.

use crate::cluster::diagnostic::Finding;
use crate::cluster::document::keys::Level;
use crate::cluster::document::schema;
use crate::cluster::document::syntax::YamlKind;
use crate::cluster::document::value::{Field, FieldValue, Fields, Spanned};
use serde_json::{Value, json};

/// A type of value.
pub(crate) trait ValueType {
    /// The value that is read.
    type Read;

    /// Reads a value; `None` where it is wrong, which is reported.
    fn read(&self, value: &FieldValue<'_>) -> Option<Self::Read>;

    /// Returns the JSON Schema of the value.
    fn schema(&self) -> Value;

    /// Reads the value of a key.
    fn field(&self, fields: &Fields<'_>, key: &'static str) -> Field<Self::Read> {
        fields.optional(key, |value| self.read(value))
    }

    /// Returns `true` if the key has to be there.
    fn is_required(&self) -> bool {
        false
    }
}

/// A text that `parse` understands.
pub(crate) fn text<T>(parse: fn(&str) -> Result<T, Finding>) -> Text<T> {
    Text(parse)
}

pub(crate) struct Text<T>(fn(&str) -> Result<T, Finding>);

impl<T> ValueType for Text<T> {
    type Read = T;

    fn read(&self, value: &FieldValue<'_>) -> Option<T> {
        value.parse(self.0)
    }

    fn schema(&self) -> Value {
        json!({"type": "string"})
    }
}

/// A single value that `parse` understands as it is written, whatever YAML takes it for: `24`, `0644`.
pub(crate) fn token<T>(parse: fn(&str) -> Result<T, Finding>) -> Token<T> {
    Token(parse)
}

pub(crate) struct Token<T>(fn(&str) -> Result<T, Finding>);

impl<T> ValueType for Token<T> {
    type Read = T;

    fn read(&self, value: &FieldValue<'_>) -> Option<T> {
        value.parse_token(self.0)
    }

    fn schema(&self) -> Value {
        json!({"type": "string"})
    }
}

/// One of a few words.
pub(crate) fn words<T: Clone, const COUNT: usize>(known: [(&'static str, T); COUNT]) -> Words<T, COUNT> {
    Words(known)
}

pub(crate) struct Words<T, const COUNT: usize>([(&'static str, T); COUNT]);

impl<T: Clone, const COUNT: usize> ValueType for Words<T, COUNT> {
    type Read = T;

    fn read(&self, value: &FieldValue<'_>) -> Option<T> {
        value.one_of(&self.0)
    }

    fn schema(&self) -> Value {
        let words: Vec<_> = self.0.iter().map(|(word, _)| *word).collect();
        json!({"enum": words})
    }
}

/// `true` or `false`, or what an older YAML takes for them.
pub(crate) fn boolean() -> Boolean {
    Boolean
}

pub(crate) struct Boolean;

impl ValueType for Boolean {
    type Read = bool;

    fn read(&self, value: &FieldValue<'_>) -> Option<bool> {
        value.boolean()
    }

    fn schema(&self) -> Value {
        json!({"enum": [true, false, "yes", "no", "on", "off"]})
    }
}

/// A list, or a single item of it.
pub(crate) fn list<V: ValueType>(item: V) -> List<V> {
    List(item)
}

pub(crate) struct List<V>(V);

impl<V: ValueType> ValueType for List<V> {
    type Read = Vec<V::Read>;

    fn read(&self, value: &FieldValue<'_>) -> Option<Self::Read> {
        value.list(|item| self.0.read(item))
    }

    fn schema(&self) -> Value {
        json!({"type": ["array", "string"], "items": self.0.schema()})
    }
}

/// A value whose schema has a pattern, so that editors refuse most of what `parse` does.
pub(crate) fn like<V: ValueType>(pattern: &'static str, value: V) -> Like<V> {
    Like { pattern, value }
}

pub(crate) struct Like<V> {
    pattern: &'static str,
    value: V,
}

impl<V: ValueType> ValueType for Like<V> {
    type Read = V::Read;

    fn read(&self, value: &FieldValue<'_>) -> Option<Self::Read> {
        self.value.read(value)
    }

    fn schema(&self) -> Value {
        json!({"type": "string", "pattern": self.pattern})
    }
}

/// A value with its span, where rules ask for that of an item.
pub(crate) fn spanned<V: ValueType>(value: V) -> WithSpan<V> {
    WithSpan(value)
}

pub(crate) struct WithSpan<V>(V);

impl<V: ValueType> ValueType for WithSpan<V> {
    type Read = Spanned<V::Read>;

    fn read(&self, value: &FieldValue<'_>) -> Option<Self::Read> {
        self.0.read(value).map(|read| value.spanned(read))
    }

    fn schema(&self) -> Value {
        self.0.schema()
    }
}

/// A value of its own kind. Its row has the schema.
pub(crate) fn by<T>(read: fn(&FieldValue<'_>) -> Option<T>) -> By<T> {
    By(read)
}

pub(crate) struct By<T>(fn(&FieldValue<'_>) -> Option<T>);

impl<T> ValueType for By<T> {
    type Read = T;

    fn read(&self, value: &FieldValue<'_>) -> Option<T> {
        (self.0)(value)
    }

    fn schema(&self) -> Value {
        json!({})
    }
}

/// A key that has to be there; the example is for the hint where it is not.
pub(crate) fn required<V: ValueType>(example: &'static str, value: V) -> Required<V> {
    Required { example, value }
}

pub(crate) struct Required<V> {
    example: &'static str,
    value: V,
}

impl<V: ValueType> ValueType for Required<V> {
    type Read = V::Read;

    fn read(&self, value: &FieldValue<'_>) -> Option<Self::Read> {
        self.value.read(value)
    }

    fn schema(&self) -> Value {
        self.value.schema()
    }

    fn field(&self, fields: &Fields<'_>, key: &'static str) -> Field<Self::Read> {
        fields.required(key, self.example, |value| self.value.read(value))
    }

    fn is_required(&self) -> bool {
        true
    }
}

/// A key under which nothing, and words like `none`, mean the same as its absence.
pub(crate) fn unless_off<V: ValueType>(value: V) -> UnlessOff<V> {
    UnlessOff(value)
}

pub(crate) struct UnlessOff<V>(V);

impl<V: ValueType> ValueType for UnlessOff<V> {
    type Read = V::Read;

    fn read(&self, value: &FieldValue<'_>) -> Option<Self::Read> {
        self.0.read(value)
    }

    fn schema(&self) -> Value {
        self.0.schema()
    }

    fn field(&self, fields: &Fields<'_>, key: &'static str) -> Field<Self::Read> {
        match fields.get(key) {
            Some(value) if *value.kind() == YamlKind::Nothing || value.is_off() => Field::Absent,
            _ => fields.optional(key, |value| self.read(value)),
        }
    }
}

/// A value, or a word like `none` that means `off`.
pub(crate) fn or_off<V: ValueType>(off: V::Read, value: V) -> OrOff<V> {
    OrOff { off, value }
}

pub(crate) struct OrOff<V: ValueType> {
    off: V::Read,
    value: V,
}

impl<V: ValueType<Read: Clone>> ValueType for OrOff<V> {
    type Read = V::Read;

    fn read(&self, value: &FieldValue<'_>) -> Option<Self::Read> {
        if value.is_off() { Some(self.off.clone()) } else { self.value.read(value) }
    }

    fn schema(&self) -> Value {
        json!({"anyOf": [self.value.schema(), off()]})
    }
}

/// A list of mappings of a level, or one of them alone.
pub(crate) fn mappings<T>(level: &'static Level, read: fn(&Fields<'_>) -> Option<T>) -> Mappings<T> {
    Mappings { level, read }
}

pub(crate) struct Mappings<T> {
    level: &'static Level,
    read: fn(&Fields<'_>) -> Option<T>,
}

impl<T> ValueType for Mappings<T> {
    type Read = Vec<Spanned<T>>;

    fn read(&self, value: &FieldValue<'_>) -> Option<Self::Read> {
        value.list_of_mappings(self.level, |item| {
            (self.read)(&item.fields(self.level)?).map(|read| item.spanned(read))
        })
    }

    fn schema(&self) -> Value {
        schema::one_or_more(self.level)
    }
}

/// Returns the schema of a word that means "not at all", as `FieldValue::is_off` has it.
pub(crate) fn off() -> Value {
    json!({"enum": [false, "no", "No", "NO", "off", "Off", "OFF", "none", "None", "NONE"]})
}
