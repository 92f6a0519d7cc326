//! The state of a node, from what was seen of it.

use super::duration_words;
use super::facts::Facts;
use super::kubernetes::KubernetesNode;
use super::probe::{ApiFailure, LoginFailure, Reach};
use super::problem::{NodeProblem, Outlook};
use crate::cluster::{Cluster, Node, Role};
use crate::types::number::excess;
use crate::types::{ByteCount, UnixTime};
use std::collections::BTreeMap;
use std::time::Duration;

/// The topics of the status file: the scripts that write into it.
const K3S: &str = "k3s";
const FIRST_BOOT: &str = "first_boot";

/// The time after which a first boot is over, and time servers have answered where there is one.
const SETTLED: u64 = 300;

/// A clock that is off by less is right enough for certificates.
const NEAR_ENOUGH: u64 = 60;

/// The number of restarts that no longer are a server that was not there yet.
const MANY_RESTARTS: u32 = 3;

/// The way of a node from its power switch to ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum NodeState {
    /// Nobody has looked yet.
    Looking,
    /// Nothing answers at its address.
    Silent,
    /// Something answers, and there is no login yet.
    Starting,
    /// A script of the first start waits for the network or the time.
    Waiting,
    /// A script of the first start is at work.
    Installing,
    /// k3s runs, and the cluster does not know the node yet.
    Joining,
    /// The cluster knows it, and gives it no pods.
    NotReady,
    /// Something is wrong that waiting does not help.
    Wrong,
    /// Done.
    Ready,
}

impl NodeState {
    /// Returns the word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Looking => "looking",
            Self::Silent => "not found",
            Self::Starting => "starting",
            Self::Waiting => "waiting",
            Self::Installing => "installing",
            Self::Joining => "joining",
            Self::NotReady => "not ready",
            Self::Wrong => "wrong",
            Self::Ready => "ready",
        }
    }
}

/// A node as it is now.
#[derive(Debug, Clone, PartialEq)]
pub struct NodeStatus {
    /// Its name.
    pub node: String,
    /// The address or name that it is found at.
    pub host: String,
    /// Its role in k3s.
    pub role: Option<Role>,
    /// How far it is.
    pub state: NodeState,
    /// The same in more words: what it waits for, what it installs, its version and age.
    pub detail: String,
    /// What it tells about itself, the last time that it did.
    pub facts: Option<Facts>,
    /// What the cluster knows of it.
    pub kubernetes: Option<KubernetesNode>,
    /// What is wrong with it, or keeps it from being ready.
    pub problems: Vec<NodeProblem>,
}

impl NodeStatus {
    /// Returns whether it is done.
    pub fn is_ready(&self) -> bool {
        self.state == NodeState::Ready
    }
}

/// A look at a node.
pub(super) struct Look {
    pub(super) reach: Reach,
    /// Absent where nobody could log in.
    pub(super) login: Option<Result<Facts, LoginFailure>>,
}

/// What was seen of a node.
#[derive(Debug, Clone, Default)]
pub(super) struct Seen {
    pub(super) reach: Option<Reach>,
    pub(super) login: Option<Result<Facts, LoginFailure>>,
    /// The board that answered last, and when, since the beginning of the watch.
    board: Option<(String, Duration)>,
    /// Two boards that answer under this name.
    twice: Option<(String, String)>,
    /// The number of looks in a row that found something lasting.
    pub(super) lasting: u32,
}

impl Seen {
    /// Takes what the last look found. `now` counts from the beginning of the watch.
    pub(super) fn take(&mut self, look: Look, now: Duration) {
        if let Some(Ok(Facts { board: Some(board), uptime, .. })) = &look.login {
            if let Some((before, then)) = self.board.take().filter(|(before, _)| before != board) {
                // A card may move to another board; but that one was on already when the first still answered.
                let both = now.checked_sub(then).zip(*uptime).is_some_and(|(ago, up)| up > ago.as_secs() + 1);
                if both {
                    self.twice = Some((before, board.clone()));
                }
            }
            self.board = Some((board.clone(), now));
        }
        self.reach = Some(look.reach);
        self.login = look.login;
    }

    fn facts(&self) -> Option<&Facts> {
        self.login.as_ref()?.as_ref().ok()
    }
}

/// Everything that was seen, of all nodes.
pub(super) struct Scene<'watch> {
    pub(super) cluster: &'watch Cluster,
    /// Fingerprints of host keys, and whose they are.
    pub(super) keys: &'watch BTreeMap<String, String>,
    pub(super) seen: &'watch BTreeMap<String, Seen>,
    /// The answers of the servers that were asked.
    pub(super) api: &'watch BTreeMap<String, Result<Vec<KubernetesNode>, ApiFailure>>,
    pub(super) now: UnixTime,
}

impl Scene<'_> {
    /// Returns the status of a node.
    pub(super) fn status_of(&self, node: &Node) -> NodeStatus {
        let name = node.name.as_str();
        let seen = self.seen.get(name);
        let facts = seen.and_then(Seen::facts);
        let kubernetes = node.role().and_then(|_| self.listed(name));
        let (state, detail) = self.progress(node, seen, kubernetes);
        let mut problems = self.wrong(node, seen);
        if let Some(facts) = facts {
            self.add_of_facts(node, facts, &mut problems);
        }
        problems.extend(
            kubernetes.iter().flat_map(|known| &known.pressures).map(|condition| NodeProblem::Pressure {
                node: name.to_owned(),
                condition: condition.clone(),
            }),
        );
        // Who logs in matters no more once it is ready.
        let is_wrong = |problem: &NodeProblem| {
            let is_moot = state == NodeState::Ready && matches!(problem, NodeProblem::LoginRefused { .. });
            problem.outlook() == Outlook::Lasting && !is_moot
        };
        let (state, detail) = match problems.iter().find(|problem| is_wrong(problem)) {
            Some(problem) => (NodeState::Wrong, problem.to_string()),
            None => (state, detail),
        };
        if state != NodeState::Ready && problems.is_empty() {
            problems.push(unfinished(node, state, &detail));
        }
        NodeStatus {
            node: name.to_owned(),
            host: node.host(),
            role: node.role(),
            state,
            detail,
            facts: facts.cloned(),
            kubernetes: kubernetes.cloned(),
            problems,
        }
    }

    /// Returns the node as the first server that answers lists it.
    fn listed(&self, name: &str) -> Option<&KubernetesNode> {
        let mut servers = self.cluster.servers();
        let nodes = servers.find_map(|server| self.api.get(server.name.as_str())?.as_ref().ok())?;
        nodes.iter().find(|node| node.name == name)
    }

    /// Returns how far a node is, where nothing is wrong with it.
    fn progress(
        &self,
        node: &Node,
        seen: Option<&Seen>,
        known: Option<&KubernetesNode>,
    ) -> (NodeState, String) {
        let said = |state, detail: &str| (state, detail.to_owned());
        let Some(reach) = seen.and_then(|seen| seen.reach.as_ref()) else {
            return said(NodeState::Looking, "");
        };
        match reach {
            Reach::Nothing(reason) => return said(NodeState::Silent, reason),
            Reach::Refused => return said(NodeState::Starting, "its ssh does not answer yet"),
            Reach::Open => {}
        }
        let facts = match seen.and_then(|seen| seen.login.as_ref()) {
            Some(Ok(facts)) => Some(facts),
            // The cluster may know it all the same.
            Some(Err(LoginFailure::Refused)) => None,
            Some(Err(LoginFailure::Other(reason))) => return said(NodeState::Starting, reason),
            _ => return said(NodeState::Starting, "its ssh answers"),
        };
        let ready = known.filter(|known| known.ready);
        let topics = [(K3S, ready.is_none() && node.role().is_some()), (FIRST_BOOT, true)];
        for (topic, _) in topics.iter().filter(|(_, counts)| *counts) {
            if let Some(found) = facts.and_then(|facts| first_start(facts, topic)) {
                return found;
            }
        }
        match (node.role(), known) {
            (None, _) if facts.is_some() => said(NodeState::Ready, "its ssh lets you in"),
            (None, _) => said(NodeState::Starting, "its ssh lets nobody in"),
            (Some(_), Some(known)) if known.ready => (NodeState::Ready, self.ready_words(known)),
            (Some(_), Some(known)) => {
                said(NodeState::NotReady, known.message.as_deref().unwrap_or("its kubelet says nothing"))
            }
            (Some(role), None) => (NodeState::Joining, self.joining_words(node, role)),
        }
    }

    fn ready_words(&self, known: &KubernetesNode) -> String {
        let age =
            known.created.and_then(|created| u64::try_from(self.now.seconds() - created.seconds()).ok());
        let age = age.map(|age| duration_words(Duration::from_secs(age)));
        [known.version.clone(), age].into_iter().flatten().collect::<Vec<_>>().join(", ")
    }

    fn joining_words(&self, node: &Node, role: Role) -> String {
        let answers = || self.api.values().any(Result::is_ok);
        match (role, self.api.get(node.name.as_str())) {
            _ if answers() => "k3s runs; the cluster does not know it yet".to_owned(),
            (Role::Server, Some(Err(ApiFailure::Other(reason)))) => format!("k3s starts; {reason}"),
            (Role::Server, _) => "k3s starts".to_owned(),
            (Role::Agent, _) => "k3s runs; no server answers yet".to_owned(),
        }
    }

    /// Returns what is wrong with who answers for a node.
    fn wrong(&self, node: &Node, seen: Option<&Seen>) -> Vec<NodeProblem> {
        let name = node.name.as_str();
        let mut problems = Vec::new();
        match seen.and_then(|seen| seen.login.as_ref()) {
            Some(Err(LoginFailure::OtherKey { key, hardware })) => {
                let other = key.as_ref().and_then(|key| self.keys.get(key)).filter(|other| *other != name);
                problems.push(match other {
                    Some(other) if self.card_at(other) == Some(name) => {
                        NodeProblem::Swapped { other: other.clone() }
                    }
                    Some(other) => NodeProblem::OtherCard { host: node.host(), other: other.clone() },
                    None => NodeProblem::AddressTaken {
                        host: node.host(),
                        key: key.clone(),
                        hardware: hardware.clone(),
                    },
                });
            }
            Some(Err(LoginFailure::Refused)) => {
                problems.push(NodeProblem::LoginRefused { user: node.ssh_user().name.to_string() });
            }
            _ => {}
        }
        if let Some(boards) = seen.and_then(|seen| seen.twice.clone()) {
            problems.push(NodeProblem::SameNodeTwice { boards });
        }
        problems.extend(match self.api.get(name) {
            Some(Err(ApiFailure::OtherAuthority)) => Some(NodeProblem::OtherAuthority),
            Some(Err(ApiFailure::Refused(status))) => Some(NodeProblem::ApiRefuses { status: *status }),
            Some(Err(ApiFailure::CertificateTime)) => {
                Some(NodeProblem::CertificateTime { node: name.to_owned() })
            }
            _ => None,
        });
        problems
    }

    /// Returns the node whose card answers at the address of another.
    fn card_at(&self, node: &str) -> Option<&str> {
        match self.seen.get(node)?.login.as_ref()? {
            Err(LoginFailure::OtherKey { key: Some(key), .. }) => self.keys.get(key).map(String::as_str),
            _ => None,
        }
    }

    /// Adds what is wrong by what a node tells.
    fn add_of_facts(&self, node: &Node, facts: &Facts, problems: &mut Vec<NodeProblem>) {
        let name = node.name.as_str();
        let has_settled = facts.uptime.is_some_and(|uptime| uptime > SETTLED);
        if let (Some(root), Some(disk)) = (facts.root, facts.disk) {
            let is_over = if node.role().is_some() { !facts.is_pending(K3S) } else { has_settled };
            if is_over && is_small(root, disk) {
                problems.push(NodeProblem::NotGrown { node: name.to_owned(), root, disk });
            }
        }
        if node.role().is_some()
            && facts.controllers.as_ref().is_some_and(|all| all.iter().all(|one| one != "memory"))
        {
            problems.push(NodeProblem::NoMemoryCgroup);
        }
        let waits_for_time = [K3S, FIRST_BOOT].iter().filter_map(|topic| facts.last(topic)).any(|line| {
            line.text.starts_with("failed: the clock is wrong")
                || line.text.contains("no time server answered")
        });
        let off = facts
            .time
            .map(|time| time.seconds().abs_diff(self.now.seconds()))
            .filter(|off| *off > NEAR_ENOUGH);
        if facts.synchronized == Some(false) && (waits_for_time || (has_settled && off.is_some())) {
            problems.push(NodeProblem::NoTime { off: off.map(Duration::from_secs) });
        }
        if facts.route == Some(false) {
            problems.push(NodeProblem::NoRoute);
        } else if let (Some(false), Some(host)) = (facts.resolves, super::download_host(self.cluster)) {
            problems.push(NodeProblem::NoNames { host });
        }
        let is_explained = !problems.is_empty();
        for topic in [K3S, FIRST_BOOT].into_iter().filter(|topic| !is_explained && facts.is_pending(topic)) {
            let reason = facts.last(topic).and_then(|line| line.text.strip_prefix("failed: "));
            problems.extend(reason.map(|reason| NodeProblem::Failing {
                node: name.to_owned(),
                topic: topic.to_owned(),
                reason: reason.to_owned(),
            }));
        }
        if let Some(unit) =
            facts.unit.as_ref().filter(|unit| unit.restarts >= MANY_RESTARTS && unit.state != "active")
        {
            problems.push(NodeProblem::Restarts {
                node: name.to_owned(),
                unit: unit.name.clone(),
                times: unit.restarts,
            });
        }
    }
}

/// Returns how far a script of the first start is that is not through yet; `None` where it is, or there is none.
fn first_start(facts: &Facts, topic: &str) -> Option<(NodeState, String)> {
    if !facts.is_pending(topic) {
        return None;
    }
    let Some(line) = facts.last(topic) else {
        return Some((NodeState::Starting, format!("{topic} has not begun yet")));
    };
    // The text after the colon stays as it is: why something failed is the point.
    let (word, rest) = line.text.split_once(": ").unwrap_or(("", line.text.as_str()));
    Some(match word {
        "waiting" => (NodeState::Waiting, rest.to_owned()),
        _ => (NodeState::Installing, if word == "installing" { rest } else { line.text.as_str() }.to_owned()),
    })
}

/// Returns whether a filesystem leaves more of its disk unused than the boot partition and rounding do.
fn is_small(root: ByteCount, disk: ByteCount) -> bool {
    let unused = excess(disk.get(), root.get());
    unused > (disk.get() / 4).max(2 << 30)
}

/// Says what is still missing.
fn unfinished(node: &Node, state: NodeState, detail: &str) -> NodeProblem {
    match state {
        NodeState::Silent => NodeProblem::Silent { host: node.host() },
        NodeState::Starting => NodeProblem::NoLogin { host: node.host(), reason: detail.to_owned() },
        _ if detail.is_empty() => {
            NodeProblem::Unfinished { node: node.name.to_string(), state: state.word().to_owned() }
        }
        _ => NodeProblem::Unfinished {
            node: node.name.to_string(),
            state: format!("{}: {detail}", state.word()),
        },
    }
}
