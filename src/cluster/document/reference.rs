//! docs/nodes-yaml.md, the page about every key, made of the tables.

use crate::cluster::document::keys::{Level, Levels, Row};
use crate::cluster::document::schema::{is_required, property};
use crate::types::absent::OrEmpty as _;
use serde_json::Value;

/// Returns the page.
pub(crate) fn page(levels: Levels) -> String {
    let beginning = "\
# Every key of nodes.yaml

Made of the tables in `src/cluster/fields` by `UPDATE_DOCS=1 cargo test --test it reference`. `nodes.yaml` beside the README is
an example with comments; `cardwright schema` prints the same for editors. Nothing else is a key: what is mistyped is
refused, with the nearest key there is. Paths are relative to the folder of nodes.yaml, and `~/` is your home folder.
"
    .to_owned();
    let sections = levels.iter().map(|level| {
        let rows = level.rows().filter(|row| !row.former);
        let items: Vec<_> = rows.map(|row| item(row, level, is_shared(level, levels))).collect();
        let (anchor, title, help, items) = (anchor(level.name), title(level), level.help, items.concat());
        format!("\n<a id=\"{anchor}\"></a>\n\n## {title}\n\n{help}\n\n{items}")
    });
    std::iter::once(beginning).chain(sections).collect()
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
        (is_shared && !row.merge.is_empty()).then(|| "A node's are added to the cluster's.".to_owned()),
    ];
    let links = references(row).into_iter().map(|name| format!("See [{name}](#{name})."));
    let text: Vec<_> =
        remarks(row, level).into_iter().chain(parts.into_iter().flatten()).chain(links).collect();
    format!("- **`{}`**: {}\n", row.key, text.join(" "))
}

/// Returns what there is to say of a key, in sentences.
pub(crate) fn remarks(row: &Row, level: &Level) -> Vec<String> {
    let schema = property(row);
    let words = schema.get("enum").and_then(Value::as_array);
    let words = words.filter(|words| words.iter().all(Value::is_string)).map(|words| {
        let words = words.iter().filter_map(Value::as_str).map(|word| format!("`{word}`"));
        format!("One of {}.", words.collect::<Vec<_>>().join(", "))
    });
    let default = schema.get("default").map(ToString::to_string);
    let parts = [
        Some(row.help.to_owned()),
        is_required(row, level).then(|| "It has to be there.".to_owned()),
        words,
        default.map(|default| format!("Where absent: `{}`.", default.trim_matches('"'))),
    ];
    parts.into_iter().flatten().collect()
}

/// Lists the levels that a value of a row may be.
pub(crate) fn references(row: &Row) -> Vec<String> {
    let text = Value::Object(property(row)).to_string();
    let names = text.split("#/definitions/").skip(1).map(|rest| rest.split('"').next().or_empty().to_owned());
    let mut names: Vec<_> = names.collect();
    names.dedup();
    names
}
