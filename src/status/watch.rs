//! Looks at all nodes side by side, each on a thread of its own, again and again.

use super::kubernetes::KubernetesNode;
use super::node_status::{Look, NodeState, NodeStatus, Scene, Seen};
use super::probe::{ApiFailure, Probe, Reach};
use crate::cluster::{Cluster, Node};
use crate::types::UnixTime;
use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

/// The number of looks at once: each may be a process of its own.
const AT_ONCE: usize = 32;

/// The number of looks in a row that have to find the same before nobody waits any longer.
const SURE: u32 = 2;

enum Answer {
    OfNode(String, Box<Look>),
    OfApi(String, Result<Vec<KubernetesNode>, ApiFailure>),
}

/// The state of all that is watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// All nodes are ready.
    Ready,
    /// Some are not, and waiting does not help.
    Lost,
    /// Some are not yet.
    Open,
}

/// A watch over nodes of a cluster. Its threads end soon after it.
pub struct Watch {
    cluster: Cluster,
    nodes: Vec<Node>,
    servers: Vec<String>,
    keys: BTreeMap<String, String>,
    seen: BTreeMap<String, Seen>,
    api: BTreeMap<String, Result<Vec<KubernetesNode>, ApiFailure>>,
    answers: Receiver<Answer>,
    began: Instant,
}

impl Watch {
    /// Begins to look at these nodes, and to ask all servers where one of them has k3s. `keys` are the fingerprints of host
    /// keys, and whose they are; `pause` is the time between two looks at the same node.
    pub fn begin(
        cluster: &Cluster,
        nodes: &[&Node],
        keys: BTreeMap<String, String>,
        probe: &Arc<dyn Probe>,
        pause: Duration,
    ) -> Self {
        let (sender, answers) = sync_channel(AT_ONCE);
        let asker = Asker { probe: Arc::clone(probe), sender, slots: Arc::default(), pause };
        for node in nodes {
            let look = |probe: &dyn Probe, node: &Node| {
                let reach = probe.reach(node);
                let login = (reach == Reach::Open).then(|| probe.facts(node));
                Answer::OfNode(node.name.to_string(), Box::new(Look { reach, login }))
            };
            asker.clone().repeat(node, look);
        }
        let asks = nodes.iter().any(|node| node.role().is_some());
        let servers: Vec<&Node> = cluster.servers().filter(|_| asks).collect();
        for server in &servers {
            let ask = |probe: &dyn Probe, server: &Node| {
                Answer::OfApi(server.name.to_string(), probe.nodes(server))
            };
            asker.clone().repeat(server, ask);
        }
        Self {
            cluster: cluster.clone(),
            nodes: nodes.iter().map(|node| (*node).clone()).collect(),
            servers: servers.iter().map(|server| server.name.to_string()).collect(),
            keys,
            seen: BTreeMap::new(),
            api: BTreeMap::new(),
            answers,
            began: Instant::now(),
        }
    }

    /// Waits for something new, at most so long.
    pub fn wait(&mut self, patience: Duration) {
        let Ok(first) = self.answers.recv_timeout(patience) else { return };
        self.take(first);
        // Others answer meanwhile: whoever shows what is new does not wait until all are silent.
        for _ in 0..AT_ONCE {
            let Ok(next) = self.answers.try_recv() else { return };
            self.take(next);
        }
    }

    fn take(&mut self, answer: Answer) {
        match answer {
            Answer::OfApi(server, answer) => {
                self.api.insert(server, answer);
            }
            Answer::OfNode(name, look) => {
                let now = self.began.elapsed();
                self.seen.entry(name.clone()).or_default().take(*look, now);
                let node = self.nodes.iter().find(|node| node.name.as_str() == name);
                let is_wrong =
                    node.is_some_and(|node| self.scene().status_of(node).state == NodeState::Wrong);
                if let Some(seen) = self.seen.get_mut(&name) {
                    seen.lasting = if is_wrong { seen.lasting + 1 } else { 0 };
                }
            }
        }
    }

    fn scene(&self) -> Scene<'_> {
        let Self { cluster, keys, seen, api, .. } = self;
        Scene { cluster, keys, seen, api, now: now() }
    }

    /// Returns the status of every node, in the order in which they were named.
    pub fn statuses(&self) -> Vec<NodeStatus> {
        let scene = self.scene();
        self.nodes.iter().map(|node| scene.status_of(node)).collect()
    }

    /// Returns whether every question was answered once.
    pub fn has_looked(&self) -> bool {
        self.nodes.iter().all(|node| self.seen.contains_key(node.name.as_str()))
            && self.servers.iter().all(|server| self.api.contains_key(server))
    }

    /// Returns how all of it stands.
    pub fn verdict(&self) -> Verdict {
        let statuses = self.statuses();
        if statuses.iter().all(NodeStatus::is_ready) {
            return Verdict::Ready;
        }
        let is_lost = |node: &str| self.seen.get(node).is_some_and(|seen| seen.lasting >= SURE);
        let is_over = |status: &NodeStatus| status.is_ready() || is_lost(&status.node);
        // Without a server no other node becomes ready.
        let no_server = !self.servers.is_empty() && self.servers.iter().all(|server| is_lost(server));
        let waits_for_servers = |status: &NodeStatus| no_server && status.role.is_some();
        let all_over = statuses.iter().all(|status| is_over(status) || waits_for_servers(status));
        if all_over { Verdict::Lost } else { Verdict::Open }
    }
}

/// Returns the time that this machine's clock has.
#[expect(clippy::expect_used, reason = "a clock is not set to before 1970, or to beyond the year 9999")]
fn now() -> UnixTime {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("the clock is after 1970");
    UnixTime::new(i64::try_from(since.as_secs()).expect("the clock is before the end of time"))
}

/// The means of a thread that asks.
#[derive(Clone)]
struct Asker {
    probe: Arc<dyn Probe>,
    sender: SyncSender<Answer>,
    slots: Arc<Slots>,
    pause: Duration,
}

impl Asker {
    /// Asks the same question again and again, until nobody waits for the answer any more.
    fn repeat(self, node: &Node, question: impl Fn(&dyn Probe, &Node) -> Answer + Send + 'static) {
        let node = node.clone();
        thread::spawn(move || {
            loop {
                let answer = self.slots.hold(|| question(&*self.probe, &node));
                if self.sender.send(answer).is_err() {
                    return;
                }
                thread::sleep(self.pause);
            }
        });
    }
}

/// Lets a number of threads work at once.
struct Slots {
    free: Mutex<usize>,
    freed: Condvar,
}

impl Default for Slots {
    fn default() -> Self {
        Self { free: Mutex::new(AT_ONCE), freed: Condvar::new() }
    }
}

impl Slots {
    fn hold<T>(&self, work: impl FnOnce() -> T) -> T {
        let free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        let mut free = self.freed.wait_while(free, |free| *free == 0).unwrap_or_else(PoisonError::into_inner);
        *free -= 1;
        drop(free);
        let result = work();
        *self.free.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.freed.notify_one();
        result
    }
}
