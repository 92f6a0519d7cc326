//! A level of nodes.yaml and the rows of its table: plain data. `document::table` makes them.

use serde_json::Value;

/// One kind of mapping in nodes.yaml.
#[derive(Debug)]
pub(crate) struct Level {
    /// Its name among the definitions of nodes.schema.json; of the whole file, nothing.
    pub(crate) name: &'static str,
    /// Its place, as a hint says it.
    pub(crate) home: &'static str,
    /// A sentence about it.
    pub(crate) help: &'static str,
    /// Its tables. Levels may share some.
    pub(crate) tables: &'static [&'static Table],
    /// The part of its schema beside its keys.
    pub(crate) schema: fn() -> Value,
}

/// The rows of a table, behind those of the tables that it has in common with others.
#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) shared: &'static [&'static Self],
    pub(crate) rows: &'static [Row],
}

impl Table {
    fn all(&'static self) -> Vec<&'static Row> {
        self.shared.iter().flat_map(|table| table.all()).chain(self.rows).collect()
    }
}

/// Every kind of mapping in nodes.yaml.
pub(crate) type Levels = &'static [&'static Level];

impl Level {
    /// A level that has no keys.
    pub(crate) const EMPTY: Self = Self { name: "", home: "", help: "", tables: &[], schema: || Value::Null };

    /// Returns its rows in their order.
    pub(crate) fn rows(&self) -> impl Iterator<Item = &'static Row> + use<> {
        self.tables.iter().flat_map(|table| table.all())
    }

    /// Returns the keys that are offered: all but former names.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &'static str> + use<> {
        self.rows().filter(|row| !row.former).map(|row| row.key)
    }

    /// Returns `true` for a key that is offered.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.keys().any(|known| known == key)
    }

    /// Returns `true` if one of its values is a secret.
    pub(crate) fn has_secrets(&self) -> bool {
        ["password", "password_hash"].iter().any(|key| self.has(key))
    }

    /// Returns `true` for a key that is read, under its own or a former name.
    pub(crate) fn accepts(&self, key: &str) -> bool {
        self.rows().any(|row| row.key == key)
    }
}

/// The declaration of one key.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) key: &'static str,
    /// Its purpose: a sentence, with those that follow from it.
    pub(crate) help: &'static str,
    /// A value, as nodes.yaml writes it; empty where the help says it.
    pub(crate) example: &'static str,
    /// Words of other tools that mean it at its own level, in small letters with `_` for `-`.
    pub(crate) here: &'static str,
    /// Words of other tools that mean it wherever they stand.
    pub(crate) others: &'static str,
    /// The key that it is another way to say, so that only one of the two may be there.
    pub(crate) instead_of: &'static str,
    /// Set when it is the former name of another key: it is read, and offered to nobody.
    pub(crate) former: bool,
    /// The way in which a node's value combines with the cluster's; empty where the node's takes its place.
    pub(crate) merge: &'static str,
    /// Set when the value is a mapping with a table of its own, whose keys combine one by one.
    pub(crate) is_level: bool,
    /// The schema of the value, in place of that of its type.
    pub(crate) schema: fn() -> Value,
    /// The schema of values of its type.
    pub(crate) type_schema: fn() -> Value,
    /// Set when it has to be there.
    pub(crate) is_required: fn() -> bool,
}

impl Row {
    /// A row that says nothing.
    pub(crate) const EMPTY: Self = Self {
        key: "",
        help: "",
        example: "",
        here: "",
        others: "",
        instead_of: "",
        former: false,
        merge: "",
        is_level: false,
        schema: || Value::Null,
        type_schema: || Value::Null,
        is_required: || false,
    };
}
