//! `registries:` of `k3s:`, where images come from and with which credentials: nothing in it is ever shown.

use super::document::Kind;
use super::k3s::json;
use super::reader::{Cursor, Reader, Wrong, shown};
use super::yaml_files::{self, called};
use super::{Registries, Secret};
use serde_json::{Map, Value};

/// What k3s reads in its registries.yaml (docs.k3s.io, "Private Registry Configuration").
const KEYS: [&str; 2] = ["mirrors", "configs"];

/// A mapping, or a file that holds one.
pub(super) fn read(value: &Cursor<'_>, reader: &mut Reader) -> Option<Registries> {
    if matches!(value.kind(), Kind::Scalar(_)) {
        let folders = reader.folders.clone();
        return value.parse(reader, |text| from_file(&folders.existing_file(text)?));
    }
    let mut registries = Map::new();
    let mut complete = true;
    for (key, value) in value.entries(reader)? {
        match check(key.value, matches!(value.kind(), Kind::Mapping(_) | Kind::Nothing)) {
            Ok(()) => drop(registries.insert(key.value.to_owned(), json(&value, reader))),
            Err(wrong) => {
                reader.report(&key.spot, wrong.secret());
                complete = false;
            }
        }
    }
    complete.then_some(Registries::Inline(registries))
}

fn from_file(path: &std::path::Path) -> Result<Registries, Wrong> {
    let called = called(path);
    let text = yaml_files::read_text(path, &called)?;
    let mut documents = yaml_files::documents(&text, &called)?;
    let registries = documents.pop().filter(|_| documents.is_empty()).map(|document| document.value);
    let Some(Value::Object(registries)) = registries else {
        let message = format!("{called} is not one mapping with `mirrors:` and `configs:`");
        return Err(Wrong::new(
            message,
            "Write it as docs.k3s.io has it under \"Private Registry Configuration\"",
        ));
    };
    for (key, value) in &registries {
        check(key, value.is_object() || value.is_null()).map_err(|wrong| wrong.inside(&called))?;
    }
    Ok(Registries::File(Secret::new(text)))
}

/// Whether k3s reads what stands under a key.
fn check(key: &str, is_mapping: bool) -> Result<(), Wrong> {
    if !KEYS.contains(&key) {
        let message = format!("{} means nothing to k3s among registries", shown(key));
        return Err(Wrong::new(
            message,
            "Write `mirrors:` with a registry and its endpoints, or `configs:` with its credentials",
        ));
    }
    if !is_mapping {
        let message = format!("`{key}` is a mapping with a registry to a key, like `docker.io:`");
        return Err(Wrong::new(
            message,
            "Write the name of a registry, a colon, and its settings in the lines below",
        ));
    }
    Ok(())
}
