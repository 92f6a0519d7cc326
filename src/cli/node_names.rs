//! The names of nodes, for a shell that completes words.

use cardwright::cluster::{Cluster, Node};
use clap_complete::engine::CompletionCandidate;
use std::path::Path;

/// The file in the current folder that is meant where none is named.
pub(super) const NODES_YAML: &str = "nodes.yaml";

/// Returns the names of the nodes in nodes.yaml of this folder; none where that cannot be read, since nobody would see why.
pub(super) fn candidates() -> Vec<CompletionCandidate> {
    let Ok(cluster) = Cluster::load(Path::new(NODES_YAML)) else { return Vec::new() };
    let about = |node: &Node| {
        let role = node.role().map_or_else(String::new, |role| format!(", k3s {role}"));
        format!("{}{role}", node.host())
    };
    cluster
        .nodes
        .iter()
        .map(|node| CompletionCandidate::new(node.name.as_str()).help(Some(about(node).into())))
        .collect()
}
