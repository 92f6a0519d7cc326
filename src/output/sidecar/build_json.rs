//! build.json: the origin of the images, as an in-toto statement with SLSA's provenance
//! (<https://in-toto.io/Statement/v1>, <https://slsa.dev/provenance/v1>).
//!
//! Nothing in it depends on when or where the build ran, and nothing is secret or made from a secret but
//! the images themselves, and the fingerprint, which tells one secret from others and nothing else.

use super::lists::Format;
use super::{BuildRecord, JoinedRecord, Sidecar, json_text, name_of};
use crate::output::{BuiltImage, OutputError};
use crate::types::Digest;
use serde_json::{Value, json};

/// The name of the file.
pub(crate) const NAME: &str = "build.json";

/// The kind of build, by which a build.json is known to be ours.
const BUILD_TYPE: &str = "urn:cardwright:build:v1";

const IMAGES: &str = "/subject";
const NODES: &str = "/predicate/buildDefinition/externalParameters/nodes";
const SECRET: &str = "/predicate/buildDefinition/externalParameters/secretFingerprint";
pub(super) const EXTENSION: &str = "/predicate/buildDefinition/externalParameters/format";
pub(super) const NODES_YAML: &str = "/predicate/buildDefinition/resolvedDependencies/1/digest/sha256";
pub(super) const VERSION: &str = "/predicate/runDetails/builder/version/cardwright";

pub(super) const FORMAT: Format = Format {
    lists: &[IMAGES, NODES, "/predicate/runDetails/byproducts"],
    parts: &[
        (VERSION, "version of cardwright"),
        ("/predicate/buildDefinition/externalParameters/cluster", "cluster"),
        (SECRET, "cluster secret"),
        (NODES_YAML, "nodes.yaml"),
        ("/predicate/buildDefinition/resolvedDependencies/0", "stock image"),
        (EXTENSION, "format"),
        ("/predicate/buildDefinition/internalParameters/SOURCE_DATE_EPOCH", "SOURCE_DATE_EPOCH"),
        ("", "build.json"),
    ],
};

/// The origin of a build.
#[derive(Debug, Clone)]
pub struct Provenance {
    /// The time that everything in the images has, in seconds since 1970.
    pub time: i64,
    /// The name of the stock image's file, and its SHA-256.
    pub stock: (String, Digest),
    /// The SHA-256 of nodes.yaml, as it was read.
    pub nodes_yaml: Digest,
    /// The fingerprint of the cluster's secret.
    pub secret: String,
}

pub(crate) struct BuildJson;

impl Sidecar for BuildJson {
    fn key(&self) -> &'static str {
        "provenance"
    }

    fn file_name(&self, _cluster: &str) -> String {
        NAME.to_owned()
    }

    fn is_ours(&self, text: &str, _image_names: &[String]) -> bool {
        images_of(text).is_some()
    }

    fn content(&self, record: &BuildRecord<'_>, _before: &str) -> Result<Option<String>, OutputError> {
        let Some(provenance) = &record.provenance else { return Ok(None) };
        let named = |name: &str, digest: Digest| json!({ "name": name, "digest": { "sha256": digest } });
        let nodes: Vec<&str> = record.images.iter().map(|image| image.node.as_str()).collect();
        // Without a SHA-256 an image cannot be a subject of a statement.
        let subject = |image: &BuiltImage| Some(named(&name_of(&image.path), image.sha256?));
        let subject: Vec<Value> = record.images.iter().filter_map(subject).collect();
        let stock = named(&provenance.stock.0, provenance.stock.1);
        let nodes_yaml = named("nodes.yaml", provenance.nodes_yaml);
        // As `plan --json` shows them, without secrets.
        let plan = |image: &BuiltImage| named(&format!("plan of {}", image.node), image.plan);
        let plans: Vec<Value> = record.images.iter().map(plan).collect();
        let statement = json!({
            "_type": "https://in-toto.io/Statement/v1",
            "subject": subject,
            "predicateType": "https://slsa.dev/provenance/v1",
            "predicate": {
                "buildDefinition": {
                    "buildType": BUILD_TYPE,
                    "externalParameters": {
                        "cluster": record.cluster,
                        "nodes": nodes,
                        "secretFingerprint": provenance.secret,
                        "format": record.format,
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
        Ok(Some(json_text(&statement)))
    }

    fn joined(&self, joined: &JoinedRecord<'_>, _before: &str) -> Option<String> {
        Some(json_text(&joined.statement))
    }
}

/// Returns the names of the images that a build.json speaks of, and their SHA-256, where that can be read;
/// `None` where the text is no build.json of this program.
pub(crate) fn images_of(text: &str) -> Option<Vec<(String, Option<Digest>)>> {
    images_in(&serde_json::from_str(text).ok()?)
}

/// Returns the fingerprint of the secret that the images were made with, where a build.json of this program says it.
pub(crate) fn secret_of(text: &str) -> Option<String> {
    let statement = serde_json::from_str(text).ok()?;
    images_in(&statement)?;
    Some(statement.pointer(SECRET)?.as_str()?.to_owned())
}

/// Returns the SHA-256 of the nodes.yaml that an image was made from, where a build.json speaks of it.
pub(crate) fn nodes_yaml_of(text: &str, image: &str) -> Option<Digest> {
    let statement: Value = serde_json::from_str(text).ok()?;
    let is_of = images_in(&statement)?.iter().any(|(name, _)| name == image);
    Digest::parse(statement.pointer(NODES_YAML)?.as_str()?).filter(|_| is_of)
}

/// Returns the names of the nodes that a build.json speaks of.
pub(super) fn nodes_in(statement: &Value) -> Option<Vec<String>> {
    let nodes = statement.pointer(NODES)?.as_array()?.iter();
    nodes.map(|node| Some(node.as_str()?.to_owned())).collect()
}

/// As [`images_of`] the text.
pub(super) fn images_in(statement: &Value) -> Option<Vec<(String, Option<Digest>)>> {
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
