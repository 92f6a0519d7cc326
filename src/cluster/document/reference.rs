//! docs/nodes-yaml.md, the page about every key, made of the tables.

use crate::cluster::document::keys::{Level, Levels, Row};
use crate::cluster::document::schema::{is_required, property};
use crate::types::absent::OrEmpty as _;
use serde_json::Value;

/// The beginning of the page.
const BEGINNING: &str = include_str!("reference.md");

/// Returns the page.
pub(crate) fn page(levels: Levels) -> String {
    let sections = levels.iter().map(|level| {
        let rows = level.rows().filter(|row| !row.former);
        let items: Vec<_> = rows.map(|row| item(row, level, is_shared(level, levels))).collect();
        let (anchor, title, help, items) = (anchor(level.name), title(level), level.help, items.concat());
        format!("\n<a id=\"{anchor}\"></a>\n\n## {title}\n\n{help}\n\n{items}")
    });
    std::iter::once(BEGINNING.to_owned()).chain(sections).collect()
}

fn anchor(name: &str) -> &str {
    if name.is_empty() { "top" } else { name }
}

/// Returns the place of a level with a capital letter.
fn title(level: &Level) -> String {
    let mut letters = level.home.chars();
    let first = letters.next().map(|letter| letter.to_ascii_uppercase());
    first.into_iter().chain(letters).collect()
}

/// Returns `true` if nodes have the level as well as the cluster, be it inside another level that they have.
fn is_shared(level: &Level, levels: Levels) -> bool {
    let refers = |above: &&&Level| above.rows().any(|row| references(row).contains(&level.name.to_owned()));
    level.name == "node" || levels.iter().filter(refers).any(|above| is_shared(above, levels))
}

fn item(row: &Row, level: &Level, is_shared: bool) -> String {
    let parts = [
        (!row.example.is_empty()).then(|| format!("Example: `{}: {}`.", row.key, row.example)),
        combination(row).filter(|_| is_shared).map(str::to_owned),
    ];
    let links = references(row).into_iter().map(|name| format!("See [{name}](#{name})."));
    let text: Vec<_> =
        remarks(row, level).into_iter().chain(parts.into_iter().flatten()).chain(links).collect();
    format!("- **`{}`**: {}\n", row.key, text.join(" "))
}

/// Returns what there is to say of a key, in sentences.
pub(crate) fn remarks(row: &Row, level: &Level) -> Vec<String> {
    let schema = Value::Object(property(row));
    let words: Vec<_> = words(&schema).iter().map(|word| format!("`{word}`")).collect();
    let default = schema.get("default").map(ToString::to_string);
    let parts = [
        Some(row.help.to_owned()),
        is_required(row, level).then(|| "It has to be there.".to_owned()),
        (words.len() > 1).then(|| format!("One of {}.", words.join(", "))),
        default.map(|default| format!("Where absent: `{}`.", default.trim_matches('"'))),
    ];
    parts.into_iter().flatten().collect()
}

/// Returns the words that a value may be: of several that mean the same, one.
fn words(schema: &Value) -> Vec<&str> {
    let known = schema.get("enum").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let mut words = match known {
        known if known.contains(&true.into()) => vec!["true", "false"],
        // The many words for "not at all".
        known if known.contains(&false.into()) => vec!["none"],
        known => known.iter().filter_map(Value::as_str).collect(),
    };
    for word in schema.get("anyOf").and_then(Value::as_array).into_iter().flatten().flat_map(self::words) {
        let is_said = words.contains(&word) || word == "none" && words.contains(&"off");
        if !is_said {
            words.push(word);
        }
    }
    words
}

/// Returns the way in which a node's value combines with the cluster's, where it is not plain.
fn combination(row: &Row) -> Option<&'static str> {
    let text = || Value::Object(property(row)).to_string();
    if row.is_level {
        Some("A node's keys go over the cluster's, one by one.")
    } else if !row.merge.is_empty() {
        Some("A node's are added to the cluster's.")
    } else if text().contains("\"array\"") || text().contains("$ref") {
        Some("A node's takes the place of the cluster's as a whole.")
    } else {
        None
    }
}

/// Lists the levels that a value of a row may be.
pub(crate) fn references(row: &Row) -> Vec<String> {
    let text = Value::Object(property(row)).to_string();
    let names = text.split("#/definitions/").skip(1).map(|rest| rest.split('"').next().or_empty().to_owned());
    let mut names: Vec<_> = names.collect();
    names.dedup();
    names
}
