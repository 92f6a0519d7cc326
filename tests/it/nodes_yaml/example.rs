//! The example with every key in a comment: without the `#` it is valid, and so is each other way to say a thing.

use crate::nodes_yaml::{parse_in, rendered};
use cardwright::cluster;
use std::collections::BTreeSet;
use std::fs;
use std::ops::Range;
use std::path::Path;

/// A line that sets a key where its `#`s are removed.
struct KeyLine {
    /// The column of the key itself, behind the `- ` of an item.
    column: usize,
    marks: usize,
    key: String,
    /// What the comment above it says.
    help: String,
    text: String,
}

fn key_lines(text: &str) -> Vec<KeyLine> {
    let (mut lines, mut help) = (Vec::new(), String::new());
    for line in text.lines() {
        let indented = line.trim_start();
        let rest = indented.trim_start_matches('#');
        if rest.is_empty() || rest.starts_with(' ') {
            help = if indented.is_empty() { String::new() } else { help + rest };
            continue;
        }
        let (indentation, marks) = (line.len() - indented.len(), indented.len() - rest.len());
        let key = rest.trim_start_matches("- ");
        let column = indentation + rest.len() - key.len();
        let key = key.split(':').next().unwrap().to_owned();
        let text = format!("{:indentation$}{rest}\n", "");
        lines.push(KeyLine { column, marks, key, help: std::mem::take(&mut help), text });
    }
    lines
}

/// The lines of a key and of what is below it.
fn block(lines: &[KeyLine], at: usize) -> Range<usize> {
    let below = lines[at + 1..].iter().take_while(|line| line.column > lines[at].column).count();
    at..at + 1 + below
}

/// The key, beside the one in the line `at`, that it is another way to say.
fn replaced(lines: &[KeyLine], at: usize) -> usize {
    let KeyLine { column, marks, key, help, .. } = &lines[at];
    let name =
        help.rsplit_once("nstead of `").map_or(key.as_str(), |(_, rest)| rest.split('`').next().unwrap());
    let beside = |line: &KeyLine| line.column == *column && line.marks < *marks && line.key == name;
    let before = lines[..at].iter().enumerate().rev().take_while(|(_, line)| line.column >= *column);
    let after = lines.iter().enumerate().skip(at + 1).take_while(|(_, line)| line.column >= *column);
    let found = before.chain(after).find(|(_, line)| beside(line));
    found.unwrap_or_else(|| panic!("{key} is no other way to say `{name}`: {help}")).0
}

fn folder_with_what_it_names() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let key =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("manifests/it-works.yaml")).unwrap();
    for name in ["manifests", "backups"] {
        fs::create_dir(folder.path().join(name)).unwrap();
    }
    for (name, content) in [
        ("manifests/it-works.yaml", key.as_str()),
        ("bob.pub", super::KEY),
        ("ann.password", "correct horse\n"),
        ("wifi.txt", "open sesame\n"),
        ("motd", "Welcome\n"),
        ("k3s-arm64", ""),
        ("backups/compass-2026-11-28-142310.cardwright-backup", ""),
        ("k3s-armhf", ""),
        ("k3s-airgap-images-arm64.tar.zst", ""),
        ("rack1.yaml", "nodes: {name: far, address: 192.168.50.200, network: {interfaces: [], vlans: []}}\n"),
    ] {
        fs::write(folder.path().join(name), content).unwrap();
    }
    folder
}

#[test]
fn every_key_of_the_example_is_valid_and_so_is_each_other_way_to_say_it() {
    let example = cluster::example();
    let lines = key_lines(&example);
    let folder = folder_with_what_it_names();
    let check = |chosen: &BTreeSet<usize>, left_out: &BTreeSet<usize>, what: &str| {
        let is_set = |at: &usize| !left_out.contains(at) && (lines[*at].marks == 1 || chosen.contains(at));
        let text: String = (0..lines.len()).filter(is_set).map(|at| lines[at].text.as_str()).collect();
        let parsed = parse_in(folder.path(), &text);
        parsed.unwrap_or_else(|invalid| panic!("{what}\n{text}\n{}", rendered(&invalid)));
    };
    check(&BTreeSet::new(), &BTreeSet::new(), "the example");

    let mut ways: Vec<Range<usize>> = Vec::new();
    for at in 0..lines.len() {
        let KeyLine { marks, .. } = lines[at];
        if marks == 1 || ways.iter().any(|way| way.contains(&at) && lines[way.start].marks == marks) {
            continue;
        }
        ways.push(block(&lines, at));
        // Where it is inside another one, that one as well. An adapter with a MAC address is one node's:
        // there is no other.
        let (mut chosen, mut left_out) = (BTreeSet::new(), BTreeSet::new());
        for way in ways.iter().filter(|way| way.contains(&at)) {
            let marks = lines[way.start].marks;
            chosen.extend(way.clone().filter(|at| lines[*at].marks == marks));
            left_out.extend(block(&lines, replaced(&lines, way.start)));
        }
        left_out
            .extend((0..lines.len()).filter(|at| ["count", "include"].contains(&lines[*at].key.as_str())));
        // That of an image by its name stands in cardwright.lock.
        if lines[at].help.contains("cardwright.lock") {
            let beside = |line: &KeyLine| line.key == "sha256" && line.column == lines[at].column;
            left_out.extend((0..lines.len()).filter(|at| beside(&lines[*at])));
        }
        check(&chosen, &left_out, &lines[at].text);
    }
    assert!(ways.len() > 10, "{}", ways.len());
}

#[test]
fn the_example_has_every_key() {
    let lines = key_lines(&cluster::example());
    let keys: BTreeSet<_> = lines.iter().map(|line| line.key.as_str()).collect();
    let schema = cluster::json_schema();
    let levels = schema["definitions"].as_object().unwrap().values().chain([&schema]);
    let known = levels.flat_map(|level| level["properties"].as_object().unwrap());
    let missing: Vec<_> =
        known.filter(|(key, row)| row.get("deprecated").is_none() && !keys.contains(key.as_str())).collect();
    assert!(missing.is_empty(), "{missing:?}");
    // Each of them has a value, or others below it.
    for (at, line) in lines.iter().enumerate() {
        assert!(!line.text.trim_end().ends_with(':') || block(&lines, at).len() > 1, "{}", line.text);
    }
}
