//! The difference between a build and the one before it, node by node and in the words of nodes.yaml.

use super::Error;
use super::own_secret::read_text;
use super::session::Session;
use crate::cluster::{Cluster, Node, Role};
use crate::identity::ClusterSecret;
use crate::output::OutputError;
use crate::output::sidecar::{NodeDigests, PlanDigests, plans_json};
use crate::patch::{Edit, Partition, Patch};
use crate::plan::{self, CardChange, HOSTS, K3S_CONFIG};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The changes of a node since the last build.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct NodeChange {
    /// The name of the node.
    pub node: String,
    /// The kind of the change.
    pub state: NodeState,
    /// The reasons, in the words of nodes.yaml.
    pub why: Vec<String>,
    /// What has to be done with its card.
    pub card: CardChange,
    /// The image of a node that is gone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<PathBuf>,
}

/// The kind of a node's change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum NodeState {
    /// Its plan is the same.
    Unchanged,
    /// Its plan is another.
    Changed,
    /// It was not there.
    New,
    /// It is no longer in nodes.yaml.
    Gone,
}

/// A change that wants its steps in an order.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Undertaking {
    /// All cards are made from another stock image.
    AnotherOs {
        /// The only server, which keeps the cluster on its card.
        only_server: Option<String>,
    },
    /// The cluster has several servers, and had one.
    MoreServers {
        /// The one that it had.
        first: String,
        /// Those that it gets.
        joining: Vec<String>,
    },
}

/// Returns what of a build's changes wants an order.
pub(super) fn undertakings(
    cluster: &Cluster,
    before: Option<&PlanDigests>,
    now: &PlanDigests,
) -> Vec<Undertaking> {
    let Some(before) = before.filter(|before| before.is_of(now)) else { return Vec::new() };
    let servers: Vec<String> = cluster.servers().map(|server| server.name.to_string()).collect();
    let was_server = |name: &String| before.nodes.iter().any(|node| node.server && node.node == *name);
    let (former, joining): (Vec<String>, Vec<String>) = servers.iter().cloned().partition(was_server);
    let had_one = before.nodes.iter().filter(|node| node.server).count() == 1;
    let is_another_os = now
        .nodes
        .iter()
        .any(|new| before.nodes.iter().any(|old| old.node == new.node && old.stock != new.stock));
    let only_server = servers.first().filter(|_| servers.len() == 1).cloned();
    let mut undertakings = Vec::new();
    if is_another_os {
        undertakings.push(Undertaking::AnotherOs { only_server });
    }
    if let Some(first) = former.first().filter(|_| had_one && !joining.is_empty()) {
        undertakings.push(Undertaking::MoreServers { first: first.clone(), joining });
    }
    undertakings
}

/// Returns the digests of the plan of a node, whose image has this name.
pub(super) fn digests_of(
    session: &Session,
    node: &Node,
    patch: &Patch,
    image: &str,
) -> Result<NodeDigests, Error> {
    let stock = session.stock.image.file_digest().map_err(OutputError::StockImage)?;
    let keyed = |text: &str| session.secret.keyed_digest(text);
    let edit =
        |edit: &Edit| Some((format!("{}:{}", edit.partition, edit.path), keyed(&plan::identity_of(edit)?)));
    let flags = node.k3s.iter().flat_map(|k3s| &k3s.config);
    Ok(NodeDigests {
        node: node.name.to_string(),
        image: image.to_owned(),
        stock: stock.to_string(),
        k3s: session.cluster.k3s.as_ref().filter(|_| node.k3s.is_some()).map(|k3s| k3s.version.to_string()),
        server: node.role() == Some(Role::Server),
        edits: patch.edits.iter().filter_map(edit).collect(),
        flags: flags.map(|(flag, value)| (flag.clone(), keyed(&value.to_string()))).collect(),
    })
}

/// Joins the digests of nodes with what they share.
pub(super) fn plans_of(cluster: &Cluster, secret: &ClusterSecret, nodes: Vec<NodeDigests>) -> PlanDigests {
    let host = |node: &Node| {
        let addresses: Vec<String> =
            node.network.main.addresses().map(|address| address.to_string()).collect();
        (node.name.to_string(), secret.keyed_digest(&addresses.join(" ")))
    };
    let hosts = cluster.nodes.iter().map(host).collect();
    PlanDigests::new(cluster.name.as_str(), &secret.fingerprint().to_string(), hosts, nodes)
}

/// Reads the plans of the last build; `None` where there was none that says it.
pub(super) fn read(folder: &Path) -> Option<PlanDigests> {
    PlanDigests::parse(&read_text(&folder.join(plans_json::NAME))?)
}

/// Compares a build with the one before it; without one, there is nothing to say.
pub(super) fn compare(cluster: &Cluster, before: Option<&PlanDigests>, now: &PlanDigests) -> Vec<NodeChange> {
    let Some(before) = before.filter(|before| before.is_of(now)) else { return Vec::new() };
    let find = |name: &str| before.nodes.iter().find(|node| node.node == name);
    let mut changes = Vec::new();
    for (node, new) in now.nodes.iter().filter_map(|new| Some((cluster.node(&new.node)?, new))) {
        let name = new.node.clone();
        changes.push(match find(&name) {
            None => NodeChange {
                node: name,
                state: NodeState::New,
                why: Vec::new(),
                card: CardChange::Flash,
                image: None,
            },
            Some(old) => {
                let (why, card) = reasons(node, (before, old), (now, new));
                let state = if card == CardChange::Stays { NodeState::Unchanged } else { NodeState::Changed };
                NodeChange { node: name, state, why, card, image: None }
            }
        });
    }
    let gone = before.nodes.iter().filter(|old| cluster.node(&old.node).is_none());
    changes.extend(gone.map(|old| NodeChange {
        node: old.node.clone(),
        state: NodeState::Gone,
        why: Vec::new(),
        card: CardChange::Stays,
        image: Some(cluster.output.folder.join(&old.image)).filter(|image| image.is_file()),
    }));
    changes
}

/// Puts the plan of the last build back where this one was an exception: the card of a server that rejoins, or that goes on
/// with a backup, is as any other once it has started, and not flashed again because the next build is an ordinary one.
pub(super) fn leave_out_exceptions(cluster: &Cluster, before: Option<&PlanDigests>, now: &mut PlanDigests) {
    let is_exception = |name: &str| {
        let k3s = cluster.node(name).and_then(|node| node.k3s.as_ref());
        k3s.is_some_and(|k3s| k3s.rejoins || k3s.restore.is_some() || k3s.through.is_some())
    };
    let before = before.filter(|before| before.is_of(now));
    let nodes = std::mem::take(&mut now.nodes).into_iter().filter_map(|node| {
        if !is_exception(&node.node) {
            return Some(node);
        }
        before?.nodes.iter().find(|old| old.node == node.node).cloned()
    });
    now.nodes = nodes.collect();
}

/// Returns why the card of a node is another, and what has to be done with it.
fn reasons(
    node: &Node,
    (before, old): (&PlanDigests, &NodeDigests),
    (now, new): (&PlanDigests, &NodeDigests),
) -> (Vec<String>, CardChange) {
    if old.stock != new.stock {
        return (vec!["another stock image".to_owned()], CardChange::Flash);
    }
    let (mut why, mut card) = (Vec::new(), CardChange::Stays);
    let versions = old.k3s.as_ref().zip(new.k3s.as_ref()).filter(|(old, new)| old != new);
    if let Some((_, new)) = versions {
        why.push(format!("k3s {new}"));
        card = CardChange::Upgrade;
    }
    for key in differing(&old.edits, &new.edits) {
        let Some((partition, path)) = key.split_once(':') else { continue };
        let partition =
            if partition == Partition::Boot.to_string() { Partition::Boot } else { Partition::Root };
        let (words, change) = plan::change_of(partition, path, node);
        if versions.is_some() && plan::is_of_k3s_version(partition, path) {
            continue;
        }
        let words = match path {
            HOSTS => hosts(&before.hosts, &now.hosts).unwrap_or_else(|| vec![words]),
            K3S_CONFIG => flags(node, &old.flags, &new.flags).unwrap_or_else(|| vec![words]),
            _ => vec![words],
        };
        card = card.max(change);
        for words in words {
            if !why.contains(&words) {
                why.push(words);
            }
        }
    }
    plan::without_consequences(&mut why);
    (why, card)
}

/// Returns the keys whose values differ, or that only one has.
fn differing<'map>(
    one: &'map BTreeMap<String, String>,
    other: &'map BTreeMap<String, String>,
) -> impl Iterator<Item = &'map str> {
    let gone = one.keys().filter(|key| !other.contains_key(*key));
    let changed = other.iter().filter(|(key, value)| one.get(*key) != Some(value)).map(|(key, _)| key);
    gone.chain(changed).map(String::as_str)
}

fn hosts(before: &BTreeMap<String, String>, now: &BTreeMap<String, String>) -> Option<Vec<String>> {
    let words = |name: &str| match (before.contains_key(name), now.contains_key(name)) {
        (false, _) => format!("hosts: {name} is new"),
        (_, false) => format!("hosts: {name} is gone"),
        _ => format!("hosts: {name} has another address"),
    };
    let words: Vec<String> = differing(before, now).map(words).collect();
    (!words.is_empty()).then_some(words)
}

fn flags(
    node: &Node,
    before: &BTreeMap<String, String>,
    now: &BTreeMap<String, String>,
) -> Option<Vec<String>> {
    let words = |flag: &str| match flag {
        "node-label" => format!("labels of {}", node.name),
        "node-taint" => format!("taints of {}", node.name),
        "disable" => "disable".to_owned(),
        flag => format!("`{flag}` in config of {}", node.name),
    };
    let words: Vec<String> = differing(before, now).map(words).collect();
    (!words.is_empty()).then_some(words)
}
