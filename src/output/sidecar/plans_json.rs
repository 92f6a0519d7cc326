//! plans.json: the plans that images were made from, as digests, so that the next build can tell what changed.
//!
//! The digests are keyed with the cluster's secret: they tell whether a file is the same, and nothing about its content.
//! The file is about the last build that was finished, whatever became of its images.

use super::lists::Format;
use super::{BuildRecord, JoinedRecord, Sidecar, json_text};
use crate::output::OutputError;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// The name of the file.
pub(crate) const NAME: &str = "plans.json";

const KIND: &str = "urn:cardwright:plans:v1";

pub(super) const FORMAT: Format = Format { lists: &["/nodes"], parts: &[("", "plans.json")] };

/// The plans of the nodes of a cluster.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PlanDigests {
    /// The kind of the file, by which it is known to be ours.
    kind: String,
    /// The name of the cluster.
    pub cluster: String,
    /// The fingerprint of its secret.
    pub secret_fingerprint: String,
    /// The names in /etc/hosts, with a digest of what they stand for.
    pub hosts: BTreeMap<String, String>,
    /// The nodes, in the order of nodes.yaml; then those that are gone from it.
    pub nodes: Vec<NodeDigests>,
}

/// The plan of a node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeDigests {
    /// The name of the node.
    pub node: String,
    /// The name of its image.
    pub image: String,
    /// The SHA-256 of the stock image.
    pub stock: String,
    /// The version of k3s, where the node runs it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub k3s: Option<String>,
    /// The node is a server of k3s.
    #[serde(default)]
    pub server: bool,
    /// A digest of each edit, by partition and path.
    pub edits: BTreeMap<String, String>,
    /// A digest of the value of each flag of k3s.
    pub flags: BTreeMap<String, String>,
}

impl PlanDigests {
    /// Joins the plans of nodes.
    pub fn new(
        cluster: &str,
        secret: &str,
        hosts: BTreeMap<String, String>,
        nodes: Vec<NodeDigests>,
    ) -> Self {
        let (cluster, secret_fingerprint) = (cluster.to_owned(), secret.to_owned());
        Self { kind: KIND.to_owned(), cluster, secret_fingerprint, hosts, nodes }
    }

    /// Reads the text of a plans.json; `None` where it is none of this program.
    pub fn parse(text: &str) -> Option<Self> {
        serde_json::from_str::<Self>(text).ok().filter(|plans| plans.kind == KIND)
    }

    /// Returns the text of the file.
    #[expect(clippy::expect_used, reason = "there are only texts in it")]
    pub(crate) fn text(&self) -> String {
        let value: Value = serde_json::to_value(self).expect("texts can be written as JSON");
        json_text(&value)
    }

    /// Returns `true` if another one is of the same cluster, with the same secret.
    pub fn is_of(&self, other: &Self) -> bool {
        self.cluster == other.cluster && self.secret_fingerprint == other.secret_fingerprint
    }
}

pub(crate) struct PlansJson;

impl Sidecar for PlansJson {
    fn key(&self) -> &'static str {
        "plans"
    }

    fn file_name(&self, _cluster: &str) -> String {
        NAME.to_owned()
    }

    fn is_ours(&self, text: &str, _image_names: &[String]) -> bool {
        PlanDigests::parse(text).is_some()
    }

    /// A node that was not built now keeps what was known, as long as its image is there.
    fn content(&self, record: &BuildRecord<'_>, before: &str) -> Result<Option<String>, OutputError> {
        let Some(plans) = &record.plans else { return Ok(None) };
        let mut plans = plans.clone();
        if let Some(before) = PlanDigests::parse(before).filter(|before| before.is_of(&plans)) {
            for node in before.nodes {
                let is_new = plans.nodes.iter().any(|new| new.node == node.node);
                if !is_new && record.folder.join(&node.image).is_file() {
                    plans.nodes.push(node);
                }
            }
        }
        Ok(Some(plans.text()))
    }

    fn joined(&self, joined: &JoinedRecord<'_>, _before: &str) -> Option<String> {
        joined.plans.as_ref().map(json_text)
    }

    /// It is about the last build, not about its images.
    fn without(&self, text: &str, _images: &[String]) -> Option<String> {
        (!text.is_empty()).then(|| text.to_owned())
    }
}
