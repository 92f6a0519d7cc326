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

/// The lines of code below a folder, each with its file: without tests, comments, and texts of more than one word.
fn lines_of_code(folder: &Path, lines: &mut Vec<(String, String)>) {
    let mut entries: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        let name = path.file_name().unwrap().to_str().unwrap();
        if path.is_dir() {
            lines_of_code(&path, lines);
        } else if path.extension().is_some_and(|extension| extension == "rs") && !name.starts_with("test") {
            let text = fs::read_to_string(&path).unwrap();
            let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
            let file = path.strip_prefix(env!("CARGO_MANIFEST_DIR")).unwrap().to_str().unwrap();
            let without_texts = |line: &str| -> String {
                let parts = line.split("//").next().unwrap().split('"').enumerate();
                parts
                    .map(|(index, part)| if index % 2 == 1 && part.contains(' ') { "" } else { part })
                    .collect()
            };
            lines.extend(code.lines().map(|line| (file.to_owned(), without_texts(line).trim().to_owned())));
        }
    }
}

/// Returns `true` if a line names a field or a key: `key swap: Swap`, `node.swap`, `"swap"`.
fn names_field(line: &str, field: &str) -> bool {
    [format!("key {field}:"), format!(".{field}"), format!("\"{field}\"")].iter().any(|named| {
        let ends = |rest: &str| !rest.starts_with(|next: char| next.is_alphanumeric() || "_(".contains(next));
        line.match_indices(named).any(|(at, _)| ends(&line[at + named.len()..]))
    })
}

#[test]
fn a_key_of_nodes_yaml_stands_in_its_row_and_where_its_concern_is_called() {
    let mut lines = Vec::new();
    lines_of_code(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut lines);
    assert!(lines.len() > 10_000, "{}", lines.len());
    // A type of values and what a concern does know nothing of the key. What other keys are held against, or what k3s or
    // access files need as well, stands in more places.
    for key in ["swap", "page_size", "ntp"] {
        let places: Vec<_> = lines.iter().filter(|(_, line)| names_field(line, key)).collect();
        let row = |(_, line): &&&(String, String)| line.starts_with(&format!("key {key}: "));
        assert_eq!(places.iter().filter(row).count(), 1, "{places:#?}");
        let others: Vec<_> = places.iter().filter(|place| !row(place)).collect();
        assert!(matches!(others[..], [(file, _)] if file == "src/plan/mod.rs"), "{key}: {places:#?}");
    }
}
