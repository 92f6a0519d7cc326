//! build.json: from what, with what and into what, as in-toto statements with SLSA's provenance tell it
//! (<https://in-toto.io/Statement/v1>, <https://slsa.dev/provenance/v1>).
//!
//! Nothing in it depends on when or where the build ran, and nothing is secret or made from a secret but
//! the images themselves.

use crate::formats::ImageFormat;
use crate::io::AtomicFile;
use crate::output::OutputError;
use crate::types::Digest;
use serde_json::{Value, json};
use std::path::Path;

/// The kind of build, by which a build.json is known to be ours.
const BUILD_TYPE: &str = "urn:cardwright:build:v1";

/// What a build was.
#[derive(Debug, Clone)]
pub struct Provenance {
    /// The name of the cluster.
    pub cluster: String,
    /// The names of the nodes whose images were made.
    pub nodes: Vec<String>,
    /// The format of the images.
    pub format: ImageFormat,
    /// The time that everything in the images has, in seconds since 1970.
    pub time: i64,
    /// The name of the stock image's file, and its SHA-256.
    pub stock: (String, Digest),
    /// The SHA-256 of nodes.yaml, as it was read.
    pub nodes_yaml: Digest,
    /// The name and SHA-256 of each image. Without a SHA-256 it cannot be a subject of a statement.
    pub images: Vec<(String, Digest)>,
    /// For each of the nodes, the SHA-256 of its plan as `plan --json` shows it, without secrets.
    pub plans: Vec<Digest>,
}

/// Writes build.json, at `path`.
///
/// # Errors
/// When it cannot be written.
pub fn write_provenance(path: &Path, provenance: &Provenance) -> Result<(), OutputError> {
    let named = |name: &str, digest: Digest| json!({ "name": name, "digest": { "sha256": digest } });
    let subject: Vec<Value> = provenance.images.iter().map(|(name, digest)| named(name, *digest)).collect();
    let stock = named(&provenance.stock.0, provenance.stock.1);
    let nodes_yaml = named("nodes.yaml", provenance.nodes_yaml);
    let plans = provenance.nodes.iter().zip(&provenance.plans);
    let plans: Vec<Value> = plans.map(|(node, digest)| named(&format!("plan of {node}"), *digest)).collect();
    let statement = json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": subject,
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {
            "buildDefinition": {
                "buildType": BUILD_TYPE,
                "externalParameters": {
                    "cluster": provenance.cluster,
                    "nodes": provenance.nodes,
                    "format": provenance.format,
                },
                "internalParameters": { "SOURCE_DATE_EPOCH": provenance.time },
                "resolvedDependencies": [stock, nodes_yaml],
            },
            "runDetails": {
                "builder": {
                    "id": "urn:cardwright",
                    "version": { "cardwright": env!("CARGO_PKG_VERSION") },
                },
                "byproducts": plans,
            },
        },
    });
    let text = serde_json::to_string_pretty(&statement).map_err(std::io::Error::other);
    let text = text.map_err(OutputError::write("writing", path))?;
    Ok(AtomicFile::write_whole(path, format!("{text}\n").as_bytes(), false)?)
}

/// Returns the names of the images that a build.json speaks of, and their SHA-256, where that can be read;
/// `None` where the text is no build.json of this program.
pub(crate) fn images_of(text: &str) -> Option<Vec<(String, Option<Digest>)>> {
    let statement: Value = serde_json::from_str(text).ok()?;
    if statement.pointer("/predicate/buildDefinition/buildType")? != BUILD_TYPE {
        return None;
    }
    let subjects = statement.get("subject")?.as_array()?.iter();
    let image = |subject: &Value| {
        let digest = subject.pointer("/digest/sha256").and_then(Value::as_str).and_then(Digest::parse);
        Some((subject.get("name")?.as_str()?.to_owned(), digest))
    };
    Some(subjects.filter_map(image).collect())
}
