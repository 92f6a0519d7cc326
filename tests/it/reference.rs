//! What is made of the tables of the keys of nodes.yaml, held against the files that are committed.

use cardwright::cluster;
use std::path::Path;

use crate::support::Workshop;

/// Compares a committed file with what the library makes, or writes it where `UPDATE_DOCS` is set.
fn assert_file(name: &str, made: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        return std::fs::write(path, made).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    let differing = committed.lines().zip(made.lines()).find(|(committed, made)| committed != made);
    assert!(
        committed == made,
        "{name} is not what the tables in src/cluster/fields say: {differing:?}\n\
         Run `UPDATE_DOCS=1 cargo test --locked --test it reference::`, look at the change, and commit it"
    );
}

#[test]
fn the_schema_is_that_of_the_tables() {
    let schema = format!("{:#}\n", cluster::json_schema());
    assert_file("nodes.schema.json", &schema);
    assert_eq!(Workshop::with_nodes("").succeed(["schema"]), schema);
}

#[test]
fn the_page_is_that_of_the_tables() {
    assert_file("docs/nodes-yaml.md", &cluster::reference());
}

#[test]
fn the_example_with_every_key_is_that_of_the_tables() {
    assert_file("docs/nodes.example.yaml", &cluster::example());
}
