//! Every state and every problem, from answers that are fed.

use super::facts::{StatusLine, Unit};
use super::node_status::{Look, Scene, Seen};
use super::*;
use crate::types::{ByteCount, Hint as _, UnixTime};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Condvar, Mutex};

const NOW: i64 = 1_795_870_800;

/// One server, one agent, one node without k3s.
fn cluster() -> Cluster {
    let text = "cluster: compass\nimage: x.img\nnetwork: {prefix: 24, gateway: 192.168.50.1}\nk3s: {version: v1.36.4+k3s1}\n\
        nodes:\n  - {name: north, address: 192.168.50.11, k3s: server}\n  - {name: east, address: 192.168.50.12, k3s: agent}\n\
        \x20 - {name: south, address: 192.168.50.13}\n";
    Cluster::parse(text, Path::new("nodes.yaml")).unwrap()
}

/// The facts of a node that is through.
fn healthy() -> Facts {
    Facts {
        status: vec![line("k3s", "done: k3s v1.36.4+k3s1 started as agent")],
        time: Some(UnixTime::new(NOW)),
        uptime: Some(400),
        synchronized: Some(true),
        board: Some("one".to_owned()),
        root: Some(ByteCount::new(29 << 30)),
        disk: Some(ByteCount::new(30 << 30)),
        route: Some(true),
        resolves: Some(true),
        controllers: Some(["cpu", "memory", "pids"].map(str::to_owned).to_vec()),
        unit: Some(Unit { name: "k3s-agent".to_owned(), state: "active".to_owned(), restarts: 0 }),
        ..Facts::default()
    }
}

fn line(topic: &str, text: &str) -> StatusLine {
    let [time, topic, text] = ["2026-11-28T13:00:00Z", topic, text].map(str::to_owned);
    StatusLine { time, topic, text }
}

fn with(change: impl FnOnce(&mut Facts)) -> Look {
    let mut facts = healthy();
    change(&mut facts);
    Look { reach: Reach::Open, login: Some(Ok(facts)) }
}

/// The facts of a node whose k3s is not through.
fn pending(text: &str) -> Look {
    with(|facts| {
        facts.pending = vec!["k3s".to_owned()];
        facts.status = vec![line("k3s", text)];
    })
}

fn refused(failure: LoginFailure) -> Look {
    Look { reach: Reach::Open, login: Some(Err(failure)) }
}

fn other_key(key: &str) -> Look {
    refused(LoginFailure::OtherKey { key: Some(key.to_owned()), hardware: None })
}

fn known(name: &str, ready: bool) -> KubernetesNode {
    KubernetesNode {
        name: name.to_owned(),
        ready,
        message: (!ready).then(|| "cni plugin not initialized".to_owned()),
        version: Some("v1.36.4+k3s1".to_owned()),
        created: Some(UnixTime::new(NOW - 200)),
        pressures: Vec::new(),
    }
}

/// Looks at nodes, and the answer of the server.
struct Seeing {
    seen: BTreeMap<String, Seen>,
    api: Result<Vec<KubernetesNode>, ApiFailure>,
}

impl Seeing {
    fn of(looks: impl IntoIterator<Item = (&'static str, Look)>) -> Self {
        let mut seeing = Self { seen: BTreeMap::new(), api: Err(ApiFailure::Other("not yet".to_owned())) };
        for (name, look) in looks {
            seeing.take(name, look, 0);
        }
        seeing
    }

    fn take(&mut self, name: &str, look: Look, seconds: u64) {
        self.seen.entry(name.to_owned()).or_default().take(look, Duration::from_secs(seconds));
    }

    fn and_api(mut self, api: Result<Vec<KubernetesNode>, ApiFailure>) -> Self {
        self.api = api;
        self
    }

    fn status(&self, name: &str) -> NodeStatus {
        let cluster = cluster();
        let keys = ["north", "east", "south"].map(|name| (format!("SHA256:{name}"), name.to_owned())).into();
        let api = [("north".to_owned(), self.api.clone())].into();
        let scene =
            Scene { cluster: &cluster, keys: &keys, seen: &self.seen, api: &api, now: UnixTime::new(NOW) };
        scene.status_of(cluster.node(name).unwrap())
    }
}

/// The state of east with its words, from one look.
fn east(look: Look) -> (NodeState, String) {
    let status = Seeing::of([("east", look)]).status("east");
    (status.state, status.detail)
}

/// The names of the problems of a node.
fn names(status: &NodeStatus) -> Vec<&'static str> {
    status.problems.iter().map(NodeProblem::name).collect()
}

#[test]
fn a_node_goes_through_all_states_to_ready() {
    let said = |(state, detail): (NodeState, &str)| (state, detail.to_owned());
    assert_eq!(Seeing::of([]).status("east").state, NodeState::Looking);
    let silent = Look { reach: Reach::Nothing("nothing answers".to_owned()), login: None };
    assert_eq!(east(silent), said((NodeState::Silent, "nothing answers")));
    assert_eq!(east(Look { reach: Reach::Refused, login: None }).0, NodeState::Starting);
    let closed = refused(LoginFailure::Other("Connection closed".to_owned()));
    assert_eq!(east(closed), said((NodeState::Starting, "Connection closed")));
    let nothing_yet = with(|facts| {
        facts.pending = vec!["k3s".to_owned()];
        facts.status.clear();
    });
    assert_eq!(east(nothing_yet), said((NodeState::Starting, "k3s has not begun yet")));
    for (text, expected) in [
        ("waiting: for the time", (NodeState::Waiting, "for the time")),
        (
            "installing: downloading k3s-arm64 v1 (attempt 1)",
            (NodeState::Installing, "downloading k3s-arm64 v1 (attempt 1)"),
        ),
        ("failed: could not download", (NodeState::Installing, "failed: could not download")),
    ] {
        assert_eq!(east(pending(text)), said(expected));
    }
    assert_eq!(east(with(|_| ())), said((NodeState::Joining, "k3s runs; no server answers yet")));
    let with_api = |nodes| Seeing::of([("east", with(|_| ()))]).and_api(Ok(nodes)).status("east");
    assert_eq!(with_api(vec![]).detail, "k3s runs; the cluster does not know it yet");
    let not_ready = with_api(vec![known("east", false)]);
    assert_eq!(
        (not_ready.state, not_ready.detail.as_str()),
        (NodeState::NotReady, "cni plugin not initialized")
    );
    let ready = with_api(vec![known("north", false), known("east", true)]);
    assert_eq!(
        (ready.state, ready.detail.as_str(), ready.problems.len()),
        (NodeState::Ready, "v1.36.4+k3s1, 3 min", 0)
    );
}

#[test]
fn a_node_without_k3s_is_ready_when_its_first_boot_is_through() {
    let south = |look| {
        let status = Seeing::of([("south", look)]).status("south");
        (status.state, names(&status))
    };
    assert_eq!(south(with(|_| ())), (NodeState::Ready, vec![]));
    let busy = |text: &'static str| {
        with(|facts| {
            facts.pending = vec!["first_boot".to_owned()];
            facts.status = vec![line("first_boot", text)];
        })
    };
    assert_eq!(south(busy("waiting: for the network")), (NodeState::Waiting, vec!["unfinished"]));
    assert_eq!(
        south(busy("failed: command 1 of 2 ended with code 3")),
        (NodeState::Installing, vec!["failing"])
    );
    assert_eq!(south(refused(LoginFailure::Refused)), (NodeState::Wrong, vec!["login-refused"]));
    // The memory cgroup is k3s's need.
    assert_eq!(south(with(|facts| facts.controllers = Some(vec![]))), (NodeState::Ready, vec![]));
}

#[test]
fn a_k3s_node_waits_for_the_commands_of_its_first_boot_too() {
    let look = with(|facts| {
        facts.pending = vec!["first_boot".to_owned()];
        facts.status.push(line("first_boot", "waiting: for the time"));
    });
    let status = Seeing::of([("east", look)]).and_api(Ok(vec![known("east", true)])).status("east");
    assert_eq!((status.state, status.detail.as_str()), (NodeState::Waiting, "for the time"));
}

#[test]
fn every_problem_is_found_with_what_to_do() {
    let mut said = Vec::new();
    let mut found = Vec::new();
    let mut say = |of: &str, status: &NodeStatus| {
        for problem in &status.problems {
            said.push(format!(
                "## {of}: {}, {:?}\n{problem}\nhint: {}\n",
                problem.name(),
                problem.outlook(),
                problem.hint().unwrap()
            ));
            found.push((problem.name(), status.state));
        }
    };
    let one = |look: Look| Seeing::of([("east", look)]).status("east");
    say("nothing there", &one(Look { reach: Reach::Nothing("nothing answers".to_owned()), login: None }));
    say("no login yet", &one(Look { reach: Reach::Refused, login: None }));
    say("still installing", &one(pending("installing: putting k3s in its place")));
    say("a key of nobody", &one(other_key("SHA256:printer")));
    let no_key = LoginFailure::OtherKey { key: None, hardware: Some("B8:27:EB:00:00:01".to_owned()) };
    say("no key of our kind, on a Raspberry Pi", &one(refused(no_key)));
    say("the key of south", &one(other_key("SHA256:south")));
    let swapped = Seeing::of([("east", other_key("SHA256:south")), ("south", other_key("SHA256:east"))]);
    say("each other's key", &swapped.status("east"));
    let mut twice = Seeing::of([("east", with(|_| ()))]);
    twice.take("east", with(|facts| facts.board = Some("two".to_owned())), 5);
    say("another board", &twice.status("east"));
    say("a small root filesystem", &one(with(|facts| facts.root = Some(ByteCount::new(2 << 30)))));
    let clock =
        "failed: the clock is wrong: it says 1970-01-01, and no time server answered within 180 seconds";
    let no_time = |facts: &mut Facts| {
        facts.pending = vec!["k3s".to_owned()];
        facts.status = vec![line("k3s", clock)];
        (facts.synchronized, facts.time) = (Some(false), Some(UnixTime::new(100)));
    };
    say("no time", &one(with(no_time)));
    say("no route", &one(with(|facts| facts.route = Some(false))));
    say("no names", &one(with(|facts| facts.resolves = Some(false))));
    say("no memory cgroup", &one(with(|facts| facts.controllers = Some(vec!["cpu".to_owned()]))));
    say("no login", &one(refused(LoginFailure::Refused)));
    say(
        "a failure",
        &one(pending("failed: could not download k3s-arm64: curl: (7) refused; trying again soon")),
    );
    let restarted = Unit { name: "k3s-agent".to_owned(), state: "activating".to_owned(), restarts: 12 };
    say("restarts", &one(with(|facts| facts.unit = Some(restarted))));
    for failure in [ApiFailure::OtherAuthority, ApiFailure::Refused(401), ApiFailure::CertificateTime] {
        let of = format!("{failure:?}");
        say(&of, &Seeing::of([("north", with(|_| ()))]).and_api(Err(failure)).status("north"));
    }
    let pressed = ["MemoryPressure", "DiskPressure", "PIDPressure"].map(str::to_owned).to_vec();
    let pressed = KubernetesNode { pressures: pressed, ..known("east", true) };
    say("pressure", &Seeing::of([("east", with(|_| ()))]).and_api(Ok(vec![pressed])).status("east"));
    insta::assert_snapshot!(said.join("\n"));

    for (name, state) in found {
        let lasting = [
            "address-taken",
            "other-card",
            "swapped",
            "same-node-twice",
            "not-grown",
            "no-memory-cgroup",
            "login-refused",
            "other-authority",
            "api-refuses",
        ];
        assert_eq!(state == NodeState::Wrong, lasting.contains(&name), "{name}");
        assert_eq!(state == NodeState::Ready, name == "pressure", "{name}");
    }
}

#[test]
fn a_card_that_moved_to_another_board_is_no_second_one() {
    let mut moved = Seeing::of([("east", with(|_| ()))]);
    let board = |name: &'static str, uptime| {
        with(move |facts| (facts.board, facts.uptime) = (Some(name.to_owned()), Some(uptime)))
    };
    moved.take("east", board("two", 60), 120);
    assert!(!names(&moved.status("east")).contains(&"same-node-twice"));
    moved.take("east", board("one", 300), 125);
    assert_eq!(names(&moved.status("east")), ["same-node-twice"]);
    // It stays so while one of them answers.
    moved.take("east", board("one", 305), 130);
    assert_eq!(names(&moved.status("east")), ["same-node-twice"]);
}

#[test]
fn what_is_no_problem_is_not_found() {
    let names =
        |look| names(&Seeing::of([("east", look)]).and_api(Ok(vec![known("east", true)])).status("east"));
    let none: Vec<&str> = vec![];
    // The first boot is not over yet.
    let small = |facts: &mut Facts| {
        facts.root = Some(ByteCount::new(2 << 30));
        facts.pending = vec!["k3s".to_owned()];
    };
    assert_eq!(names(with(small)), none);
    // A card of 4 GB.
    let little = |facts: &mut Facts| {
        (facts.root, facts.disk) = (Some(ByteCount::new(2_900_000_000)), Some(ByteCount::new(4_000_000_000)));
    };
    assert_eq!(names(with(little)), none);
    // Time servers that answer later are not missed, and a clock of the future is one that is off.
    let early = |facts: &mut Facts| (facts.synchronized, facts.uptime) = (Some(false), Some(20));
    assert_eq!(names(with(early)), none);
    let near = |facts: &mut Facts| facts.synchronized = Some(false);
    assert_eq!(names(with(near)), none);
    let far =
        |facts: &mut Facts| (facts.synchronized, facts.time) = (Some(false), Some(UnixTime::new(i64::MAX)));
    assert_eq!(names(with(far)), ["no-time"]);
    // What failed before, and went through.
    let past = |facts: &mut Facts| facts.status.insert(0, line("k3s", "failed: could not download"));
    assert_eq!(names(with(past)), none);
    // Who may not log in may still see that all is ready.
    let status = Seeing::of([("east", refused(LoginFailure::Refused))])
        .and_api(Ok(vec![known("east", true)]))
        .status("east");
    assert_eq!(status.state, NodeState::Ready);
}

/// A probe that answers as it is told, after it was let.
#[derive(Default)]
struct Fed {
    looks: Mutex<BTreeMap<String, fn() -> Look>>,
    is_let: Mutex<bool>,
    letting: Condvar,
}

impl Probe for Fed {
    fn reach(&self, node: &Node) -> Reach {
        let look = self.looks.lock().unwrap().get(node.name.as_str()).copied();
        let Some(look) = look else {
            let guard = self.is_let.lock().unwrap();
            drop(self.letting.wait_while(guard, |is_let| !*is_let).unwrap());
            return Reach::Refused;
        };
        look().reach
    }

    fn facts(&self, node: &Node) -> Result<Facts, LoginFailure> {
        self.looks.lock().unwrap()[node.name.as_str()]().login.unwrap()
    }

    fn nodes(&self, _: &Node) -> Result<Vec<KubernetesNode>, ApiFailure> {
        Ok(["north", "east"].map(|name| known(name, true)).to_vec())
    }
}

/// Waits until something holds of a watch; there is no time after which it cannot any more.
fn wait_until(watch: &mut Watch, holds: impl Fn(&Watch) -> bool) {
    while !holds(watch) {
        watch.wait(Duration::from_secs(1));
    }
}

#[test]
fn a_node_that_hangs_keeps_no_other_waiting() {
    let cluster = cluster();
    let fed = Arc::new(Fed::default());
    for name in ["north", "east"] {
        fed.looks.lock().unwrap().insert(name.to_owned(), || with(|_| ()));
    }
    let probe: Arc<dyn Probe> = fed.clone();
    let nodes: Vec<&Node> = cluster.nodes.iter().collect();
    let mut watch = Watch::begin(&cluster, &nodes, BTreeMap::new(), &probe, Duration::from_millis(1));
    let states = |watch: &Watch| watch.statuses().iter().map(|status| status.state).collect::<Vec<_>>();
    wait_until(&mut watch, |watch| states(watch)[..2] == [NodeState::Ready; 2]);
    assert_eq!(
        (states(&watch)[2], watch.verdict(), watch.has_looked()),
        (NodeState::Looking, Verdict::Open, false)
    );
    *fed.is_let.lock().unwrap() = true;
    fed.letting.notify_all();
    wait_until(&mut watch, Watch::has_looked);
    assert_eq!((states(&watch)[2], watch.verdict()), (NodeState::Starting, Verdict::Open));
    fed.looks.lock().unwrap().insert("south".to_owned(), || with(|_| ()));
    wait_until(&mut watch, |watch| watch.verdict() == Verdict::Ready);
}

#[test]
fn nobody_waits_where_that_does_not_help() {
    let cluster = cluster();
    let fed = Arc::new(Fed::default());
    let silent = || Look { reach: Reach::Nothing("nothing answers".to_owned()), login: None };
    // Without the server the agent never becomes ready.
    fed.looks.lock().unwrap().extend([
        ("north".to_owned(), (|| other_key("SHA256:x")) as fn() -> Look),
        ("east".to_owned(), silent as fn() -> Look),
        ("south".to_owned(), silent),
    ]);
    let probe: Arc<dyn Probe> = fed.clone();
    let nodes: Vec<&Node> = cluster.nodes.iter().collect();
    let mut all = Watch::begin(&cluster, &nodes, BTreeMap::new(), &probe, Duration::from_millis(1));
    let mut two = Watch::begin(&cluster, &nodes[..2], BTreeMap::new(), &probe, Duration::from_millis(1));
    wait_until(&mut two, |watch| watch.verdict() == Verdict::Lost);
    wait_until(&mut all, Watch::has_looked);
    assert_eq!(all.verdict(), Verdict::Open);
    fed.looks
        .lock()
        .unwrap()
        .insert("south".to_owned(), || with(|facts| facts.root = Some(ByteCount::new(1 << 30))));
    wait_until(&mut all, |watch| watch.verdict() == Verdict::Lost);
}

#[test]
fn durations_are_told_in_their_largest_unit() {
    let said = [5, 59, 60, 3600, 86_399, 864_000].map(|seconds| duration_words(Duration::from_secs(seconds)));
    assert_eq!(said, ["5 s", "59 s", "1 min", "1 h", "23 h", "10 d"]);
}

#[test]
fn the_server_of_the_download_is_looked_up_where_it_has_a_name() {
    let host = |url: &str| {
        let text = format!(
            "cluster: compass\nimage: x.img\nnetwork: {{prefix: 24, gateway: 192.168.50.1}}\n\
             k3s: {{version: v1.36.4+k3s1, install: {{download: {{base_url: '{url}', sha256: {{arm64: {}}}}}}}}}\n\
             nodes: [{{name: north, address: 192.168.50.11, k3s: server}}]\n",
            "0".repeat(64)
        );
        download_host(&Cluster::parse(&text, Path::new("nodes.yaml")).unwrap())
    };
    assert_eq!(download_host(&cluster()).as_deref(), Some("github.com"));
    assert_eq!(host("http://mirror.lan:8080/k3s").as_deref(), Some("mirror.lan"));
    assert_eq!(host("http://192.168.50.2/k3s"), None);
    assert_eq!(host("http://[fd00::2]:8080/k3s"), None);
}
