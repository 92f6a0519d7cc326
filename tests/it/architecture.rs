//! The paths and names in ARCHITECTURE.md are there.

use std::fs;
use std::path::Path;

/// The text of a file, or of all files of a folder.
fn text_of(path: &Path) -> Option<String> {
    if !path.is_dir() {
        return fs::read_to_string(path).ok();
    }
    let files = fs::read_dir(path).unwrap().filter_map(|entry| text_of(&entry.unwrap().path()));
    Some(files.collect())
}

fn is_declared(name: &str, text: &str) -> bool {
    ["fn", "struct", "enum", "trait", "const", "type", "macro_rules!"].iter().any(|kind| {
        let declared = format!("{kind} {name}");
        let ends = |rest: &str| !rest.starts_with(|next: char| next.is_alphanumeric() || next == '_');
        text.match_indices(&declared).any(|(at, _)| ends(&text[at + declared.len()..]))
    })
}

#[test]
fn every_path_and_name_of_the_document_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let document = fs::read_to_string(root.join("ARCHITECTURE.md")).unwrap();
    let (mut paths, mut missing) = (0, Vec::new());
    let starts = ["`src/", "`tests/", "`benches/", "`nodes.schema.json`"];
    for (at, _) in starts.iter().flat_map(|start| document.match_indices(start)) {
        let (path, rest) = document[at + 1..].split_once('`').unwrap();
        let Some(text) = text_of(&root.join(path)) else {
            missing.push(path.to_owned());
            continue;
        };
        paths += 1;
        let names = rest.trim_start().strip_prefix('(').and_then(|rest| rest.split_once(')'));
        for name in names.iter().flat_map(|(names, _)| names.split('`').skip(1).step_by(2)) {
            if !is_declared(name, &text) {
                missing.push(format!("{path}: {name}"));
            }
        }
    }
    assert!(missing.is_empty() && paths > 20, "{paths} found; missing: {missing:#?}");
}
