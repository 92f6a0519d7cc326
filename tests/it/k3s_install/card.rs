//! A folder that stands for a card, with the files cardwright plans for a node's k3s.

use crate::k3s_install::{PATIENCE, VERSION};
use crate::support;
use cardwright::cluster::Cluster;
use cardwright::identity::ClusterSecret;
use cardwright::k3s::{Host, Restored, STATUS_FILE, configure, restore};
use cardwright::patch::{Action, Draft, MemoryStock};
use cardwright::raspios::{BootMount, run_at_first_boot};
use cardwright::types::{Architecture, Digest, UnixTime};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// All that the scripts run, besides what the stand-ins stand for.
const TOOLS: [&str; 18] = [
    "awk",
    "cat",
    "chmod",
    "curl",
    "cut",
    "date",
    "flock",
    "ln",
    "mkdir",
    "mv",
    "rm",
    "sed",
    "sha256sum",
    "sleep",
    "sync",
    "tail",
    "tee",
    "wc",
];

const HOST: Host<'_> =
    Host { boot_mount: "/boot/firmware", architecture: Architecture::Arm64, network_manager: true };

fn secret() -> ClusterSecret {
    ClusterSecret::from_hex(&"5a".repeat(32)).unwrap()
}

/// When the card was made.
const MADE: i64 = 1_781_740_800;

pub(crate) struct Card {
    folder: tempfile::TempDir,
    pause: std::cell::Cell<u32>,
    script: &'static str,
    wait: std::cell::Cell<u32>,
}

/// A run of the script that is still going on.
pub(crate) struct Running(Child);

/// How a run of the script ended.
pub(crate) struct Run {
    code: Option<i32>,
    /// All that it printed.
    pub(crate) output: String,
}

impl Card {
    /// East of a small cluster, whose k3s is to be `program` and comes from the server at `address`.
    pub(crate) fn new(address: &str, program: &[u8]) -> Self {
        let sha256 = Digest::of(program);
        let install =
            format!("{{download: {{base_url: \"http://{address}\", sha256: {{arm64: {sha256}}}}}}}");
        Self::planned("install-k3s", &install)
    }

    /// The same, with k3s on the card already.
    pub(crate) fn bundled() -> Self {
        let install = format!(
            "{{bundled: {{binary: {{arm64: {{url: \"https://x/k3s-arm64\", sha256: {}}}}}}}}}",
            "5a".repeat(32)
        );
        Self::planned("start-k3s", &install)
    }

    /// The first server of that cluster, with a snapshot of etcd on its card.
    pub(crate) fn restoring(snapshot: &[u8]) -> Self {
        let card = Self::empty("restore-k3s");
        let cluster = card.cluster("download");
        let (stock, north) = (MemoryStock::new(), cluster.node("north").unwrap());
        let mut draft = Draft::new(&stock, UnixTime::new(MADE));
        configure(&mut draft, &cluster, north, cluster.k3s.as_ref().unwrap(), &HOST, &secret()).unwrap();
        let time = "2026-11-28T14:23:10Z".to_owned();
        let restored = Restored { time, files: Vec::new(), snapshot: Some(snapshot.into()) };
        restore(&mut draft, north, &HOST, &restored).unwrap();
        card.apply(draft);
        card
    }

    /// A card with commands for the first boot: cardwright's own, and those of nodes.yaml. `ROOT` in them is
    /// the folder that stands for the card.
    pub(crate) fn with_commands(own: &[&str], commands: &[&str]) -> Self {
        let card = Self::empty("first-boot");
        let root = card.path("").display().to_string();
        let with_root = |commands: &[&str]| -> Vec<String> {
            commands.iter().map(|command| command.replace("ROOT/", &root)).collect()
        };
        let stock = MemoryStock::new();
        let mut draft = Draft::new(&stock, UnixTime::new(MADE));
        run_at_first_boot(&mut draft, BootMount::BootFirmware, &with_root(own), &with_root(commands))
            .unwrap();
        card.apply(draft);
        card
    }

    fn planned(script: &'static str, install: &str) -> Self {
        let card = Self::empty(script);
        card.plan(install);
        card
    }

    fn empty(script: &'static str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let card = Self { folder, pause: 0.into(), script, wait: 0.into() };
        for name in ["root/boot/firmware", "root/run/systemd/timesync", "root/var/log", "bin"] {
            std::fs::create_dir_all(card.folder.path().join(name)).unwrap();
        }
        for tool in TOOLS {
            symlink(support::tool(tool).unwrap_or_else(|| panic!("{tool} is not installed")), card.bin(tool))
                .unwrap();
        }
        if let Some(wget) = support::tool("wget") {
            symlink(wget, card.bin("wget")).unwrap();
        }
        card.unit_state("inactive");
        card.running_for(100, "first");
        card.default_route("default via 192.168.50.1 dev eth0");
        card.synchronized("yes");
        card
    }

    /// Returns the small cluster.
    fn cluster(&self, install: &str) -> Cluster {
        let text = format!(
            "\
cluster: compass
image: demo
network: {{prefix: 24, gateway: 192.168.50.1}}
k3s:
  version: {VERSION}
  install: {install}
nodes:
  - {{name: north, address: 192.168.50.11, k3s: server}}
  - {{name: east, address: 192.168.50.12, k3s: agent}}
"
        );
        Cluster::parse(&text, &self.folder.path().join("nodes.yaml")).unwrap()
    }

    /// Plans k3s.
    fn plan(&self, install: &str) {
        let cluster = self.cluster(install);
        let stock = MemoryStock::new();
        let mut draft = Draft::new(&stock, UnixTime::new(MADE));
        let east = cluster.node("east").unwrap();
        configure(&mut draft, &cluster, east, cluster.k3s.as_ref().unwrap(), &HOST, &secret()).unwrap();
        self.apply(draft);
    }

    /// Puts every file that is planned where cardwright keeps its programs, and what they need.
    fn apply(&self, draft: Draft<'_>) {
        for edit in draft.finish().edits {
            let path = edit.path.as_str();
            if let Action::File { content, mode, .. } = &edit.action
                && (path.starts_with("/usr/local/lib/") || path.starts_with("/var/lib/cardwright/"))
            {
                self.write(path.trim_start_matches('/'), content.bytes().unwrap(), mode.bits().into());
            }
        }
    }

    fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join("root").join(path)
    }

    /// One of the scripts.
    pub(crate) fn script_called(&self, name: &str) -> PathBuf {
        self.path("usr/local/lib/cardwright").join(name)
    }

    fn bin(&self, name: &str) -> PathBuf {
        self.folder.path().join("bin").join(name)
    }

    /// Runs the script to its end.
    pub(crate) fn run(&self) -> Run {
        self.spawn().wait()
    }

    /// Starts the script.
    pub(crate) fn spawn(&self) -> Running {
        self.spawn_script(self.script)
    }

    /// Runs what is run when the time comes, to its end.
    pub(crate) fn run_when_the_time_comes(&self) -> Run {
        self.spawn_script("k3s-time").wait()
    }

    fn spawn_script(&self, name: &str) -> Running {
        let shell = support::tool("dash").or_else(|| support::tool("sh")).unwrap();
        let child = Command::new(shell)
            .arg(self.script_called(name))
            .env_clear()
            .env("PATH", self.folder.path().join("bin"))
            .env("CARDWRIGHT_ROOT", self.folder.path().join("root"))
            .env("CARDWRIGHT_WAIT", self.wait.get().to_string())
            .env("CARDWRIGHT_PAUSE", self.pause.get().to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // A group of its own, so that a power cut takes what it started with it.
            .process_group(0)
            .spawn()
            .unwrap();
        Running(child)
    }

    /// Sets how many seconds pass between two attempts.
    pub(crate) fn pause(&self, seconds: u32) -> &Self {
        self.pause.set(seconds);
        self
    }

    /// Sets how many seconds are waited for the network, and for the time.
    pub(crate) fn wait(&self, seconds: u32) {
        self.wait.set(seconds);
    }

    /// Puts a stand-in for a program.
    pub(crate) fn tool(&self, name: &str, script: &str) {
        self.remove_tool(name);
        std::fs::write(self.bin(name), script).unwrap();
        std::fs::set_permissions(self.bin(name), std::fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// Takes a program away.
    pub(crate) fn remove_tool(&self, name: &str) {
        drop(std::fs::remove_file(self.bin(name)));
    }

    /// What `systemctl is-active` says. Every other call of systemctl is put down.
    pub(crate) fn unit_state(&self, state: &str) {
        let script = format!(
            "#!/bin/sh\nif [ \"$1\" = is-active ]; then echo {state}; exit 3; fi\n\
             echo \"$@\" >>\"$CARDWRIGHT_ROOT/systemctl-calls\"\n"
        );
        self.tool("systemctl", &script);
    }

    /// For how many seconds the system has been running, and which start that was.
    pub(crate) fn running_for(&self, seconds: u32, boot_id: &str) {
        self.write("proc/uptime", format!("{seconds}.25 7.00\n").as_bytes(), 0o444);
        self.write("proc/sys/kernel/random/boot_id", format!("{boot_id}\n").as_bytes(), 0o444);
    }

    /// What `timedatectl` says about the clock.
    pub(crate) fn synchronized(&self, answer: &str) {
        self.tool("timedatectl", &format!("#!/bin/sh\necho {answer}\n"));
    }

    /// What the clock says, in seconds since 1970.
    pub(crate) fn clock(&self, seconds: &str) {
        let date = support::tool("date").unwrap();
        let script = format!("#!/bin/sh\nexec {} --date=@{seconds} \"$@\"\n", date.display());
        self.tool("date", &script);
    }

    /// What `ip -4 route show default` says.
    pub(crate) fn default_route(&self, route: &str) {
        self.tool("ip", &format!("#!/bin/sh\n[ \"$1\" != -4 ] || echo {route}\n"));
    }

    /// Makes the settings say no digest.
    pub(crate) fn forget_pin(&self) {
        let path = "usr/local/lib/cardwright/install-k3s.settings";
        let settings = self.text(path);
        let (before, after) = settings.split_once("sha256='").unwrap();
        let (digest, after) = after.split_at(64);
        assert!(Digest::parse(digest).is_some());
        self.write(path, format!("{before}sha256='{after}").as_bytes(), 0o644);
    }

    /// Takes away what the status is written to.
    pub(crate) fn remove_boot_partition(&self) {
        std::fs::remove_dir(self.path("boot/firmware")).unwrap();
    }

    pub(crate) fn write(&self, path: &str, content: &[u8], mode: u32) {
        let path = self.path(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        drop(std::fs::remove_file(&path));
        std::fs::write(&path, content).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
    }

    pub(crate) fn read(&self, path: &str) -> Vec<u8> {
        std::fs::read(self.path(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    pub(crate) fn text(&self, path: &str) -> String {
        String::from_utf8(self.read(path)).unwrap()
    }

    pub(crate) fn exists(&self, path: &str) -> bool {
        self.path(path).symlink_metadata().is_ok()
    }

    pub(crate) fn mode(&self, path: &str) -> u32 {
        self.path(path).metadata().unwrap().permissions().mode() & 0o7777
    }

    /// 0 where there is nothing.
    pub(crate) fn size(&self, path: &str) -> u64 {
        self.path(path).metadata().map_or(0, |found| found.len())
    }

    pub(crate) fn link(&self, path: &str) -> String {
        self.path(path).read_link().unwrap().into_os_string().into_string().unwrap()
    }

    /// The status on the boot partition, empty where there is none.
    pub(crate) fn status(&self) -> String {
        std::fs::read_to_string(self.path("boot/firmware").join(STATUS_FILE)).unwrap_or_default()
    }

    /// Its last line, without time.
    pub(crate) fn last_status(&self) -> String {
        let status = self.status();
        let line = status.lines().last().unwrap_or_default();
        let (_, line) = line.split_once('Z').unwrap_or_default();
        let line = line.strip_prefix(" k3s: ").or_else(|| line.strip_prefix(" first_boot: "));
        line.unwrap_or_default().to_owned()
    }

    /// What `systemctl` was called with, a line a call.
    pub(crate) fn systemctl_calls(&self) -> String {
        std::fs::read_to_string(self.path("systemctl-calls")).unwrap_or_default()
    }

    pub(crate) fn wait_for_status(&self, text: &str) {
        self.wait_until(|card| card.status().contains(text));
    }

    #[track_caller]
    pub(crate) fn wait_until(&self, condition: impl Fn(&Self) -> bool) {
        let start = Instant::now();
        while !condition(self) {
            assert!(start.elapsed() < PATIENCE, "waited in vain; the status is:\n{}", self.status());
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Running {
    pub(crate) fn wait(self) -> Run {
        let output = self.0.wait_with_output().unwrap();
        let text = [output.stdout, output.stderr].concat();
        Run { code: output.status.code(), output: String::from_utf8_lossy(&text).into_owned() }
    }

    /// Ends it and all it started, at once.
    pub(crate) fn kill(self) {
        let group = format!("-{}", self.0.id());
        assert!(Command::new("kill").args(["-KILL", "--", &group]).status().unwrap().success());
        self.wait();
    }
}

impl Run {
    pub(crate) fn success(&self) -> bool {
        self.code == Some(0)
    }
}
