//! The facts that a node tells about itself: one command over ssh gathers all of them, as plain lines.

use crate::first_start::STATUS_FILE;
use crate::types::{ByteCount, UnixTime, shell};

/// The script that prints them.
const SCRIPT: &str = include_str!("facts.sh");

/// The first line of the answer, after whatever the start-up files of the user's shell say.
const FIRST: &str = "cardwright-facts 1";

/// A line that a script of the first start wrote into the status file: `2026-11-28T13:00:00Z k3s: done: …`.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct StatusLine {
    /// The time of the node's clock.
    pub time: String,
    /// The script: `k3s` or `first_boot`.
    pub topic: String,
    /// The line itself.
    pub text: String,
}

/// The unit that runs k3s.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unit {
    /// Its name, without `.service`.
    pub name: String,
    /// systemd's word: `active`, `activating`, `failed`.
    pub state: String,
    /// The number of times that systemd started it again by itself.
    pub restarts: u32,
}

/// The facts of a node; `None` where it does not tell.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// The status file on the boot partition, its last lines.
    pub status: Vec<StatusLine>,
    /// The scripts of the first start that are on the card and not through: topics.
    pub pending: Vec<String>,
    /// Its clock.
    pub time: Option<UnixTime>,
    /// The seconds since it started.
    pub uptime: Option<u64>,
    /// Whether its clock is that of a time server.
    pub synchronized: Option<bool>,
    /// The board: its serial number, or else the hardware address of its first interface.
    pub board: Option<String>,
    /// The size of the root filesystem.
    pub root: Option<ByteCount>,
    /// The size of the disk that the root filesystem is on.
    pub disk: Option<ByteCount>,
    /// Whether there is a default route.
    pub route: Option<bool>,
    /// Whether it finds the address of the server that k3s is downloaded from.
    pub resolves: Option<bool>,
    /// The controllers of its kernel's cgroups.
    pub controllers: Option<Vec<String>>,
    /// The unit of k3s.
    pub unit: Option<Unit>,
}

impl Facts {
    /// Returns the command that prints them. `server` is the host that k3s is downloaded from, where it is.
    pub(super) fn command(server: Option<&str>) -> String {
        let script = SCRIPT.replace("STATUS_FILE", STATUS_FILE);
        let server = server.map_or_else(|| "''".to_owned(), shell::quoted);
        // The user's shell on the node may be any; it only has to find `sh`.
        format!("sh -c {} facts {server}", shell::quoted(&script))
    }

    /// Reads the answer; `None` where it is not whole. What is unknown in it, or no number where one is to be, counts as
    /// not told: whoever wrote it may be anybody.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
        let first = lines.iter().position(|line| *line == FIRST)?;
        let lines = lines.get(first + 1..)?;
        let end = lines.iter().position(|line| *line == "end")?;
        let mut facts = Self::default();
        for line in lines.get(..end)? {
            let (key, value) = line.split_once(' ').unwrap_or((line, ""));
            facts.take(key, value.trim());
        }
        Some(facts)
    }

    fn take(&mut self, key: &str, value: &str) {
        let kibibytes =
            |value: &str, factor| value.parse().ok().and_then(|size: u64| size.checked_mul(factor));
        match key {
            "status" => self.status.extend(StatusLine::parse(value)),
            "pending" => self.pending.push(value.to_owned()),
            "time" => self.time = value.parse().ok().map(UnixTime::new),
            "uptime" => self.uptime = value.parse().ok(),
            "synchronized" => self.synchronized = yes_or_no(value),
            "board" if !value.is_empty() => self.board = Some(value.to_owned()),
            "mac" if self.board.is_none() && !value.is_empty() => self.board = Some(value.to_owned()),
            "root" => self.root = kibibytes(value, 1024).map(ByteCount::new),
            "disk" => self.disk = kibibytes(value, 512).map(ByteCount::new),
            "route" => self.route = yes_or_no(value),
            "resolves" => self.resolves = yes_or_no(value),
            "controllers" if !value.is_empty() => {
                self.controllers = Some(value.split_whitespace().map(str::to_owned).collect());
            }
            "unit" => self.unit = Unit::parse(value).or_else(|| self.unit.take()),
            _ => {}
        }
    }

    /// Returns the last line of a script of the first start.
    pub(super) fn last(&self, topic: &str) -> Option<&StatusLine> {
        self.status.iter().rfind(|line| line.topic == topic)
    }

    /// Returns whether a script of the first start is still to go through.
    pub(super) fn is_pending(&self, topic: &str) -> bool {
        self.pending.iter().any(|pending| pending == topic)
    }
}

fn yes_or_no(value: &str) -> Option<bool> {
    match value {
        "yes" => Some(true),
        "no" => Some(false),
        _ => None,
    }
}

impl StatusLine {
    fn parse(line: &str) -> Option<Self> {
        let (time, rest) = line.split_once(' ')?;
        let (topic, text) = rest.split_once(": ")?;
        Some(Self { time: time.to_owned(), topic: topic.to_owned(), text: text.to_owned() })
    }
}

impl Unit {
    fn parse(value: &str) -> Option<Self> {
        let mut words = value.split(' ');
        let (name, state, restarts) = (words.next()?, words.next()?, words.next()?.parse().ok()?);
        Some(Self { name: name.to_owned(), state: state.to_owned(), restarts })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_script_is_the_same_text_between_the_quotes_of_any_shell() {
        assert!(!SCRIPT.contains(['\'', '\\', '!']), "{SCRIPT}");
    }

    #[test]
    fn a_server_cannot_end_the_quotes() {
        assert!(Facts::command(Some("a'; reboot; '")).ends_with(r"' facts 'a'\''; reboot; '\'''"));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_real_shell_prints_what_is_understood() {
        let output =
            std::process::Command::new("sh").args(["-c", &Facts::command(Some("localhost"))]).output();
        let output = output.unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        let facts = Facts::parse(&said).unwrap_or_else(|| panic!("{said}"));
        assert_eq!(output.status.code(), Some(0));
        assert!(facts.time.is_some() && facts.uptime.is_some() && facts.root.is_some(), "{said}");
        assert_eq!((facts.resolves, facts.route.is_some()), (Some(true), true), "{said}");
    }

    #[test]
    fn an_answer_is_read_whole_or_not_at_all() {
        let answer = "Welcome!\ncardwright-facts 1\nstatus 2026-11-28T13:00:00Z k3s: done: k3s v1 started as agent\n\
            status no line of ours\ntime 1795870800\nuptime 100\nsynchronized no\nboard 10000000abcdef\nmac b8:27:eb:0:0:1\n\
            root 2097152\ndisk 62333952\nroute yes\nresolves no\ncontrollers cpu memory pids\nunit k3s-agent activating 3\n\
            pending first_boot\nmore than is known\nend\n";
        let facts = Facts::parse(answer).unwrap();
        let last = facts.last("k3s").unwrap();
        assert_eq!(
            (last.time.as_str(), last.text.as_str()),
            ("2026-11-28T13:00:00Z", "done: k3s v1 started as agent")
        );
        assert_eq!((facts.status.len(), facts.last("first_boot")), (1, None));
        assert!(facts.is_pending("first_boot") && !facts.is_pending("k3s"));
        assert_eq!((facts.time, facts.uptime), (Some(UnixTime::new(1_795_870_800)), Some(100)));
        assert_eq!((facts.synchronized, facts.route, facts.resolves), (Some(false), Some(true), Some(false)));
        assert_eq!(facts.board.as_deref(), Some("10000000abcdef"));
        assert_eq!(
            (facts.root, facts.disk),
            (Some(ByteCount::new(2 << 30)), Some(ByteCount::new(62_333_952 * 512)))
        );
        assert_eq!(facts.controllers.unwrap(), ["cpu", "memory", "pids"]);
        let unit = Unit { name: "k3s-agent".to_owned(), state: "activating".to_owned(), restarts: 3 };
        assert_eq!(facts.unit, Some(unit));
        for cut in ["", "end\n", "cardwright-facts 1\nroute yes\n", &answer.replace("facts 1", "facts 2")] {
            assert_eq!(Facts::parse(cut), None, "{cut}");
        }
        // Numbers of whoever answers.
        let wild = Facts::parse(
            "cardwright-facts 1\ntime x\nuptime -1\nroot 99999999999999999999\ndisk 18446744073709551615\nunit k3s\nend\n",
        );
        assert_eq!(wild, Some(Facts::default()));
    }
}
