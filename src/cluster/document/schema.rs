//! nodes.schema.json, the JSON Schema of nodes.yaml, made of the tables of its keys.

use crate::cluster::document::keys::{Level, Levels, Row};
use serde_json::{Map, Value, json};

/// Returns the schema of these levels, the first of which is the whole file.
pub(crate) fn schema(levels: Levels) -> Value {
    let mut schema = Map::new();
    schema.insert("$schema".to_owned(), "http://json-schema.org/draft-07/schema#".into());
    schema.insert("title".to_owned(), "nodes.yaml of cardwright".into());
    if let Some((file, others)) = levels.split_first() {
        schema.extend(mapping(file));
        let definitions = others.iter().map(|level| (level.name.to_owned(), mapping(level).into()));
        schema.insert("definitions".to_owned(), Value::Object(definitions.collect()));
    }
    Value::Object(schema)
}

/// Returns a reference to the definition of a level.
pub(crate) fn reference(level: &Level) -> Value {
    json!({"$ref": format!("#/definitions/{}", level.name)})
}

/// Returns the schema of a mapping of a level, or a list of them.
pub(crate) fn one_or_more(level: &Level) -> Value {
    let item = reference(level);
    json!({"anyOf": [{"type": "array", "items": item}, item]})
}

fn mapping(level: &Level) -> Map<String, Value> {
    let mut schema = Map::new();
    schema.insert("description".to_owned(), level.help.into());
    schema.insert("type".to_owned(), "object".into());
    schema.insert("additionalProperties".to_owned(), false.into());
    let pairs = level.rows().filter(|row| !row.instead_of.is_empty());
    let pairs: Vec<_> = pairs.map(|row| json!({"required": [row.key, row.instead_of]})).collect();
    if !pairs.is_empty() {
        schema.insert("not".to_owned(), json!({"anyOf": pairs}));
    }
    schema.extend(object((level.schema)()));
    let required: Vec<_> = level.rows().filter(|row| is_required(row, level)).map(|row| row.key).collect();
    if !required.is_empty() {
        schema.insert("required".to_owned(), required.into());
    }
    let properties = level.rows().map(|row| (row.key.to_owned(), Value::Object(property(row))));
    schema.insert("properties".to_owned(), Value::Object(properties.collect()));
    schema
}

/// Returns `true` for a key that a mapping of the level has to have.
pub(crate) fn is_required(row: &Row, level: &Level) -> bool {
    let of_level = object((level.schema)());
    let of_level = of_level.get("required").and_then(Value::as_array).into_iter().flatten();
    (row.is_required)() || of_level.into_iter().any(|key| key == row.key)
}

/// Returns what the schema says of the value of a key.
pub(crate) fn property(row: &Row) -> Map<String, Value> {
    let (own, mut of_type) = (object((row.schema)()), object((row.type_schema)()));
    // What a row says of the kind of value takes the place of all that its type says.
    if ["type", "enum", "anyOf"].iter().any(|kind| own.contains_key(*kind)) {
        of_type.clear();
    }
    let mut schema = Map::new();
    schema.insert("description".to_owned(), row.help.into());
    if row.former {
        schema.insert("deprecated".to_owned(), true.into());
    }
    schema.extend(of_type);
    schema.extend(own);
    if !row.example.is_empty() {
        schema.insert("examples".to_owned(), json!([row.example]));
    }
    schema
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(object) => object,
        _ => Map::new(),
    }
}
