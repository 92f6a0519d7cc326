//! The result for programs; `STATUS_HELP` in `arguments.rs` documents its fields.

use cardwright::cluster::{Cluster, Role};
use cardwright::status::{KubernetesNode, NodeState, NodeStatus, Outlook, StatusLine};
use cardwright::types::Hint as _;

#[derive(serde::Serialize)]
pub(super) struct Report<'status> {
    cluster: &'status str,
    ready: bool,
    nodes: Vec<NodeReport<'status>>,
}

#[derive(serde::Serialize)]
struct NodeReport<'status> {
    node: &'status str,
    host: &'status str,
    role: Option<Role>,
    ready: bool,
    state: NodeState,
    detail: &'status str,
    status_file: Vec<&'status StatusLine>,
    kubernetes: Option<&'status KubernetesNode>,
    problems: Vec<ProblemReport>,
}

#[derive(serde::Serialize)]
struct ProblemReport {
    name: &'static str,
    outlook: Outlook,
    message: String,
    hint: Option<String>,
}

impl<'status> Report<'status> {
    pub(super) fn of(cluster: &'status Cluster, statuses: &'status [NodeStatus]) -> Self {
        Self {
            cluster: cluster.name.as_str(),
            ready: statuses.iter().all(NodeStatus::is_ready),
            nodes: statuses.iter().map(NodeReport::of).collect(),
        }
    }
}

impl<'status> NodeReport<'status> {
    fn of(status: &'status NodeStatus) -> Self {
        let problems = status.problems.iter().map(|problem| ProblemReport {
            name: problem.name(),
            outlook: problem.outlook(),
            message: problem.to_string(),
            hint: problem.hint(),
        });
        Self {
            node: &status.node,
            host: &status.host,
            role: status.role,
            ready: status.is_ready(),
            state: status.state,
            detail: &status.detail,
            status_file: status.facts.iter().flat_map(|facts| &facts.status).collect(),
            kubernetes: status.kubernetes.as_ref(),
            problems: problems.collect(),
        }
    }
}
