//! nodes.schema.json, held by a validator that nobody here wrote against every text that these tests read.
//!
//! The tests beside this one are run once more, in another process, which keeps each text that they give to
//! the program. The schema has to take every valid one. Of the invalid ones it has to refuse what a schema can: what it
//! lets pass is a snapshot, in which every line is for a reason that one value alone does not have, or that is no matter of
//! its form (another node, a file, the meaning of an address).

use crate::support::{assert_snapshot, oracle, text};
use cardwright::cluster::{Cluster, InvalidCluster, json_schema};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

/// Names the folder for the texts.
const COLLECTED: &str = "CARDWRIGHT_COLLECTED_TEXTS";

/// Set where tests of other modules are to end at the first start of the program: its nodes.yaml is all that counts.
const FIRST_START: &str = "CARDWRIGHT_COLLECTED_AT_FIRST_START";

/// Keeps a text, and what is said about it, where that is asked for.
pub(super) fn collect(beside: &Path, text: &str, parsed: Result<&Cluster, &InvalidCluster>) {
    let Some(collected) = std::env::var_os(COLLECTED) else { return };
    let named = |text: &str| cardwright::types::Digest::of(text.as_bytes()).to_string()[..16].to_owned();
    let path = Path::new(&collected).join(named(text));
    for (_, text) in parsed.iter().flat_map(|cluster| &cluster.included) {
        let folder = Path::new(&collected).join(INCLUDED);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(named(text.reveal())).with_extension("yaml"), text.reveal()).unwrap();
    }
    if let Err(invalid) = parsed {
        let beside = beside.display().to_string();
        let said = invalid.problems.iter().map(|problem| problem.message.replace(&beside, "(folder)") + "\n");
        fs::write(path.with_extension("said"), said.collect::<String>()).unwrap();
    }
    fs::write(path.with_extension("yaml"), text).unwrap();
}

/// The folder for files that valid ones include.
const INCLUDED: &str = "included";

/// Keeps the nodes.yaml, if it is valid, of a folder in which the program is about to start, and ends the test, where that is asked for.
pub(crate) fn collect_at_first_start(folder: &Path) {
    if std::env::var_os(FIRST_START).is_none() {
        return;
    }
    let path = folder.join("nodes.yaml");
    if let Ok(text) = fs::read_to_string(&path)
        && let Ok(cluster) = Cluster::parse(&text, &path)
    {
        collect(folder, &text, Ok(&cluster));
    }
    panic!("this run only collects what tests give to the program");
}

/// The texts of a folder with what is said about them; nothing for a valid one.
fn collected(folder: &Path) -> BTreeMap<String, Option<String>> {
    let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let texts = names.filter(|path| path.extension().is_some_and(|extension| extension == "yaml"));
    texts
        .map(|path| (path.display().to_string(), fs::read_to_string(path.with_extension("said")).ok()))
        .collect()
}

#[test]
fn the_schema_takes_what_is_valid_and_refuses_what_it_can() {
    if std::env::var_os(COLLECTED).is_some() {
        return;
    }
    let Some(mut validator) = oracle("check-jsonschema") else { return };
    let folder = tempfile::tempdir().unwrap();
    let filters = ["clusters", "contradictions", "example", "fleets", "mistakes", "networks"]
        .map(|name| format!("nodes_yaml::{name}::"));
    let run = Command::new(std::env::current_exe().unwrap())
        .args(filters)
        .env(COLLECTED, folder.path())
        .output()
        .unwrap();
    assert!(run.status.success(), "{}{}", text(&run.stdout), text(&run.stderr));
    let others = [
        "access_files",
        "artifacts",
        "command_line",
        "demo",
        "identity",
        "k3s_settings",
        "nodes_yaml::fleets",
        "outputs",
        "sessions",
        "shards",
        "users",
        "verify",
    ];
    let ended = Command::new(std::env::current_exe().unwrap())
        .args(others.map(|name| format!("{name}::")))
        .env(COLLECTED, folder.path())
        .env(FIRST_START, "1")
        .output()
        .unwrap();
    assert!(text(&ended.stdout).contains("only collects"), "{}", text(&ended.stdout));
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    fs::copy(root.join("nodes.yaml"), folder.path().join("example.yaml")).unwrap();
    let texts = collected(folder.path());
    assert!(texts.len() > 500, "{}", texts.len());

    validator.args(["--output-format", "json", "--schemafile"]).arg(root.join("nodes.schema.json"));
    let report: Value =
        serde_json::from_slice(&validator.args(texts.keys()).output().unwrap().stdout).unwrap();
    let files = |list: &str| {
        let list = report[list].as_array().into_iter().flatten();
        list.map(|error| error["filename"].as_str().unwrap().to_owned()).collect::<BTreeSet<String>>()
    };
    let (refused, unreadable) = (files("errors"), files("parse_errors"));
    assert!(refused.len() > 100, "{}", refused.len());
    let (mut wrong, mut passed) = (String::new(), BTreeSet::new());
    for (path, said) in &texts {
        match said {
            None if refused.contains(path) => {
                let errors = report["errors"].as_array().unwrap().iter();
                let why =
                    errors.filter(|error| error["filename"] == **path).map(|error| &error["best_deep_match"]);
                writeln!(wrong, "{}{:#?}", fs::read_to_string(path).unwrap(), why.collect::<Vec<_>>())
                    .unwrap();
            }
            Some(said) if !refused.contains(path) && !unreadable.contains(path) => {
                passed.extend(said.lines().map(|line| line.to_owned() + "\n"));
            }
            _ => {}
        }
    }
    assert!(wrong.is_empty(), "valid, and refused by the schema:\n{wrong}");
    included_files_are_taken(&folder.path().join(INCLUDED));
    assert_snapshot!("nodes_yaml__schema_lets_pass", passed.into_iter().collect::<String>());
}

/// Holds files that others include against the part of the schema that is for them.
fn included_files_are_taken(folder: &Path) {
    let mut schema = json_schema();
    let definitions = schema["definitions"].take();
    let schema = serde_json::json!({"$ref": "#/definitions/included", "definitions": definitions});
    let path = folder.join("included.schema.json");
    fs::write(&path, schema.to_string()).unwrap();
    let files: Vec<String> = collected(folder).into_keys().collect();
    assert!(files.len() > 2, "{files:?}");
    let output =
        oracle("check-jsonschema").unwrap().arg("--schemafile").arg(path).args(files).output().unwrap();
    assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
}
