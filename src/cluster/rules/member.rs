//! The nodes that run k3s, with all that k3s is told about them.

use crate::cluster::document::value::Spanned;
use crate::cluster::draft::{ClusterDraft, NodeDraft};
use crate::cluster::fields::k3s::{ClusterK3s, NodeRole};
use crate::cluster::{FieldSpan, Role};
use serde_json::{Map, Value};

/// A node of k3s with its whole configuration.
pub(crate) struct K3sMember<'d> {
    pub(crate) node: &'d NodeDraft,
    pub(crate) own: &'d Spanned<NodeRole>,
    pub(crate) role: Role,
    pub(crate) k3s: &'d ClusterK3s,
    pub(crate) config: Map<String, Value>,
}

/// Returns the nodes that run k3s, in the order of the file; none where `k3s:` or the node's own is invalid.
pub(crate) fn members<'d>(draft: &'d ClusterDraft) -> Vec<K3sMember<'d>> {
    let Some(k3s) = draft.k3s.given().map(|k3s| &k3s.value) else { return Vec::new() };
    let member = |node: &'d NodeDraft| {
        let own = node.keys.k3s.given()?;
        let role = own.value.role?;
        Some(K3sMember { node, own, role, k3s, config: k3s.config_of(role, &own.value.flags) })
    };
    draft.nodes.iter().filter_map(member).collect()
}

impl K3sMember<'_> {
    /// Returns the place that a flag is set at; the node's `k3s:` where it is set nowhere.
    pub(crate) fn span_of(&self, flag: &str) -> &FieldSpan {
        self.k3s.span_of(self.role, &self.own.value.flags, flag).unwrap_or(&self.own.span)
    }
}
