//! `cardwright status`: in a network of its own, with real `sshd`s that have the host keys of cards, and a server that has
//! the authorities of one.

#![cfg(target_os = "linux")]

use crate::identity::{TLS, card_file};
use crate::support::{SECRET, Workshop, assert_snapshot, content, oracle, skipped, text};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::Duration;

/// Four nodes, with certificates that are valid also when this is an old program.
const NODES: &str = "\
cluster: compass
image: demo
output: {format: img}
network: {prefix: 24, gateway: 192.168.50.1}
k3s: {version: v1.36.4+k3s1, ca_start_year: 2089, kubeconfig: {lifetime: 10y}}
nodes:
  - {name: north, address: 192.168.50.11, k3s: server}
  - {name: east, address: 192.168.50.12, k3s: agent}
  - {name: south, address: 192.168.50.13, k3s: agent}
  - {name: west, address: 192.168.50.14}
";

/// A program that is ended when the test is over.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // One that has ended already is none the worse.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// A cluster that was built, and a network with nothing but loopback in it that has the addresses of nodes.
struct Lab {
    workshop: Workshop,
    namespace: Running,
    servers: Vec<Running>,
}

impl Lab {
    /// `None` where there can be no such network.
    fn new() -> Option<Self> {
        for tool in ["sshd", "ssh", "nsenter", "ip", "python3", "openssl"] {
            oracle(tool)?;
        }
        let mut unshare = oracle("unshare")?;
        unshare.args(["--net", "sh", "-c", "echo in && exec sleep 1000"]).stdout(Stdio::piped());
        let mut namespace = Running(unshare.stderr(Stdio::null()).spawn().unwrap());
        let mut said = String::new();
        BufReader::new(namespace.0.stdout.take().unwrap()).read_line(&mut said).unwrap();
        if said != "in\n" {
            skipped("a network of its own needs root");
            return None;
        }
        let workshop = Workshop::with_nodes(NODES);
        workshop.succeed(["build"]);
        fs::create_dir_all("/run/sshd").unwrap();
        let lab = Self { workshop, namespace, servers: Vec::new() };
        lab.inside("ip", &["link", "set", "lo", "up"]);
        lab.write_program("ssh", "#!/bin/sh\nexec /usr/bin/ssh -l root \"$@\"\n");
        Some(lab)
    }

    fn command(&self, program: &str) -> Command {
        let mut nsenter = Command::new("nsenter");
        nsenter.arg(format!("--net=/proc/{}/ns/net", self.namespace.0.id())).arg(program);
        nsenter
    }

    fn inside(&self, program: &str, arguments: &[&str]) {
        let mut command = self.command(program);
        command.args(arguments);
        content(command);
    }

    /// Writes a program that is found before those of the system.
    fn write_program(&self, name: &str, script: &str) {
        fs::create_dir_all(self.workshop.path("bin")).unwrap();
        let path = self.workshop.path("bin").join(name);
        fs::write(&path, script).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// Has a machine answer at an address: an sshd with the host key of a card. Whoever logs in gets to see what
    /// [`tell`](Self::tell) writes.
    fn switch_on(&mut self, address: &str, card: &str) {
        self.inside("ip", &["address", "add", &format!("{address}/32"), "dev", "lo"]);
        let image = self.workshop.path(&format!("images/{card}.img"));
        let key = |host: &str| format!("key-{host}-{address}");
        let host_key = self.workshop.path(&key("host"));
        fs::write(&host_key, card_file(&image, "/etc/ssh/cardwright_host_ed25519_key").unwrap()).unwrap();
        fs::set_permissions(&host_key, fs::Permissions::from_mode(0o600)).unwrap();
        self.serve_ssh(address, &host_key.display().to_string());
    }

    fn serve_ssh(&mut self, address: &str, host_key: &str) {
        let folder = self.workshop.path("").display().to_string();
        let config = format!(
            "ListenAddress {address}\nHostKey {host_key}\nAuthorizedKeysFile {folder}/images/id_ed25519.pub\n\
             StrictModes no\nUsePAM no\nPermitRootLogin yes\nPidFile none\nForceCommand sh {folder}/tells-{address}\n"
        );
        let path = self.workshop.path(&format!("sshd-{address}"));
        fs::write(&path, config).unwrap();
        let mut sshd = self.command("/usr/sbin/sshd");
        sshd.args(["-D", "-f"]).arg(&path).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        self.servers.push(Running(sshd.spawn().unwrap()));
        self.wait_for(address, 22);
    }

    /// Waits until something accepts connections.
    fn wait_for(&self, address: &str, port: u16) {
        const TRY: &str = "import socket, sys\nsocket.create_connection((sys.argv[1], int(sys.argv[2])), 5)";
        let tries =
            || self.command("python3").args(["-c", TRY, address, &port.to_string()]).output().unwrap();
        while !tries().status.success() {
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// Has the machine at an address answer with the output of a script.
    fn run_at(&self, address: &str, script: &str) {
        let path = self.workshop.path(&format!("tells-{address}"));
        fs::write(path.with_extension("new"), script).unwrap();
        fs::rename(path.with_extension("new"), path).unwrap();
    }

    /// Has the machine at an address tell facts.
    fn tell(&self, address: &str, facts: &str) {
        self.run_at(address, &format!("cat <<'EOF'\ncardwright-facts 1\n{HEALTHY}{facts}end\nEOF\n"));
    }

    /// Has an API answer at an address, with the authorities of north's card. What it answers is `mode`'s and `nodes.json`'s.
    fn serve_api(&mut self, address: &str) {
        let image = self.workshop.path("images/north.img");
        for name in ["server-ca.crt", "server-ca.key", "client-ca.crt"] {
            fs::write(self.workshop.path(name), card_file(&image, &format!("{TLS}/{name}")).unwrap())
                .unwrap();
        }
        let folder = self.workshop.path("");
        let mut openssl = oracle("openssl").unwrap();
        openssl.current_dir(&folder).args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
        ]);
        // Another authority, which has the same name.
        let subject = content({
            let mut openssl = oracle("openssl").unwrap();
            openssl.current_dir(&folder).args([
                "x509",
                "-in",
                "server-ca.crt",
                "-noout",
                "-subject",
                "-nameopt",
                "multiline",
            ]);
            openssl
        });
        let name = subject
            .lines()
            .find_map(|line| line.split_once("commonName"))
            .unwrap()
            .1
            .trim_start_matches([' ', '=']);
        content({
            openssl.args([
                "-subj",
                &format!("/CN={name}"),
                "-keyout",
                "other-ca.key",
                "-out",
                "other-ca.crt",
            ]);
            openssl
        });
        self.answer("ok", &json!({"items": []}));
        let mut python = self.command("python3");
        python.current_dir(&folder).args(["-c", API, address]).stdout(Stdio::piped());
        let mut python = Running(python.spawn().unwrap());
        let mut said = String::new();
        BufReader::new(python.0.stdout.take().unwrap()).read_line(&mut said).unwrap();
        assert_eq!(said, "listening\n");
        self.servers.push(python);
    }

    fn answer(&self, mode: &str, nodes: &Value) {
        for (name, content) in [("nodes.json", nodes.to_string()), ("mode", mode.to_owned())] {
            fs::write(self.workshop.path("new"), content).unwrap();
            fs::rename(self.workshop.path("new"), self.workshop.path(name)).unwrap();
        }
    }

    /// The program in this network.
    fn status(&self, arguments: &[&str]) -> Command {
        self.through(env!("CARGO_BIN_EXE_cardwright"), &[&["status"], arguments].concat())
    }

    /// A program in this network, with the environment of [`Workshop::command`].
    fn through(&self, program: &str, arguments: &[&str]) -> Command {
        let mut command = self.command(program);
        let like = self.workshop.command();
        command.current_dir(like.get_current_dir().unwrap()).args(arguments);
        for (name, value) in like.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        let path = format!("{}:{}", self.workshop.path("bin").display(), std::env::var("PATH").unwrap());
        command.env("PATH", path).env("HOME", self.workshop.path("home")).env_remove("SSH_AUTH_SOCK");
        command.stdin(Stdio::null());
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.status(arguments).output().unwrap()
    }

    fn seen(&self, output: &Output) -> String {
        self.workshop.seen(output)
    }
}

/// What a node tells on which all went well.
const HEALTHY: &str = "time 0\nuptime 400\nsynchronized yes\nroot 30000000\ndisk 62333952\nroute yes\ncontrollers cpu memory pids\n";

/// As [`HEALTHY`] of a node with k3s.
const DONE: &str =
    "status 2026-11-28T13:00:00Z k3s: done: k3s v1.36.4+k3s1 started as agent\nunit k3s active 0\n";

const INSTALLING: &str = "pending k3s\nstatus 2026-11-28T13:00:00Z k3s: installing: downloading k3s-arm64 v1.36.4+k3s1 (attempt 1)\n";

const API: &str = r#"
import http.server, ssl, subprocess, sys
address = sys.argv[1]
with open("api.ext", "w") as file:
    file.write(f"subjectAltName=IP:{address}\nbasicConstraints=critical,CA:FALSE\nauthorityKeyIdentifier=keyid\n")
def openssl(arguments):
    subprocess.run(["openssl", *arguments.split()], check=True, stderr=subprocess.DEVNULL)
openssl("req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=api -keyout api.key -out api.csr")
for authority in ("server", "other"):
    openssl(f"x509 -req -in api.csr -CA {authority}-ca.crt -CAkey {authority}-ca.key -set_serial 1 -days 30 -extfile api.ext -out {authority}.crt")

def mode():
    return open("mode").read()

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if not self.connection.getpeercert() or mode() == "refuses":
            return self.send_error(401)
        if mode() == "starts":
            return self.send_error(503)
        body = b"ok" if self.path == "/readyz" else open("nodes.json", "rb").read()
        self.send_response(200)
        if mode() == "endless" and self.path != "/readyz":
            self.end_headers()
            while True:
                self.wfile.write(b'{"items": [' * 10000)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_):
        pass

class Server(http.server.ThreadingHTTPServer):
    def get_request(self):
        connection, address = self.socket.accept()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain("other.crt" if mode() == "other" else "server.crt", "api.key")
        context.verify_mode = ssl.CERT_OPTIONAL
        context.load_verify_locations("other-ca.crt" if mode() == "stranger" else "client-ca.crt")
        return context.wrap_socket(connection, server_side=True), address
    def handle_error(self, *_):
        pass

server = Server((address, 6443), Handler)
print("listening", flush=True)
server.serve_forever()
"#;

/// A node as the API lists it.
fn node(name: &str, ready: &str, pressure: &str) -> Value {
    json!({
        "metadata": {"name": name, "creationTimestamp": "2026-01-01T00:00:00Z"},
        "status": {
            "conditions": [
                {"type": "MemoryPressure", "status": pressure},
                {"type": "Ready", "status": ready, "message": "container runtime network not ready"},
            ],
            "nodeInfo": {"kubeletVersion": "v1.36.4+k3s1"},
        },
    })
}

/// Without the age of nodes, which is another every day.
fn without_age(seen: &str) -> String {
    let lines = seen.lines().map(|line| match line.split_once("k3s1, ") {
        Some((before, _)) => format!("{before}k3s1, [AGE]\n"),
        None => format!("{line}\n"),
    });
    lines.collect()
}

/// The lines of every node, without their times. How often ssh did not answer yet is left to chance.
fn changes(said: &str) -> BTreeMap<String, Vec<String>> {
    let mut changes: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for line in said.lines().filter(|line| !line.contains("its ssh does not answer yet")) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let is_time =
            |word: &str| word.contains(':') && word.starts_with(|first: char| first.is_ascii_digit());
        if let [time, node, rest @ ..] = &words[..]
            && is_time(time)
        {
            changes.entry((*node).to_owned()).or_default().push(rest.join(" "));
        }
    }
    changes
}

#[test]
fn nodes_become_ready_one_after_another() {
    let Some(mut lab) = Lab::new() else { return };
    lab.tell("192.168.50.11", INSTALLING);
    lab.switch_on("192.168.50.11", "north");
    let mut status = lab.status(&["north", "west", "--timeout", "10m"]);
    let mut status = Running(status.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap());
    let mut lines = BufReader::new(status.0.stdout.take().unwrap()).lines().map(Result::unwrap);
    let mut said = String::new();
    let mut wait_for = |words: &[&str]| {
        let mut missing = words.to_vec();
        while !missing.is_empty() {
            let line = lines.next().unwrap_or_else(|| panic!("{missing:?} did not come:\n{said}"));
            missing.retain(|words| !line.contains(words));
            said.push_str(&line);
            said.push('\n');
        }
        said.clone()
    };
    wait_for(&["north  installing", "west  not found"]);
    lab.tell("192.168.50.11", DONE);
    wait_for(&["north  joining"]);
    lab.serve_api("192.168.50.11");
    wait_for(&["the cluster does not know it yet"]);
    lab.answer("ok", &json!({"items": [node("north", "False", "False")]}));
    wait_for(&["north  not ready"]);
    lab.answer("ok", &json!({"items": [node("north", "True", "False")]}));
    wait_for(&["north  ready"]);
    lab.tell(
        "192.168.50.14",
        "pending first_boot\nstatus 2026-11-28T13:00:00Z first_boot: waiting: for the time\n",
    );
    lab.switch_on("192.168.50.14", "west");
    wait_for(&["west  waiting"]);
    lab.tell("192.168.50.14", "");
    let all = wait_for(&["2 of 2 ready", "kubectl"]);
    assert_eq!(status.0.wait().unwrap().code(), Some(0));
    let mut errors = String::new();
    status.0.stderr.take().unwrap().read_to_string(&mut errors).unwrap();
    assert_eq!(errors, "");
    let shown: Vec<String> = changes(&all)
        .into_iter()
        .map(|(node, lines)| format!("{node}\n  {}\n", lines.join("\n  ")))
        .collect();
    assert_snapshot!("status__changes", without_age(&shown.join("")));
}

/// What goes wrong, all at once, as a look shows it to people and to programs.
#[test]
fn one_look_tells_what_is_wrong_and_what_to_do() {
    let Some(mut lab) = Lab::new() else { return };
    // North is a stranger, east and south are at each other's addresses, west has a small root filesystem.
    let stranger = lab.workshop.path("stranger");
    let mut keygen = oracle("ssh-keygen").unwrap();
    keygen.args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(&stranger);
    content(keygen);
    lab.inside("ip", &["address", "add", "192.168.50.11/32", "dev", "lo"]);
    lab.serve_ssh("192.168.50.11", &stranger.display().to_string());
    lab.switch_on("192.168.50.12", "south");
    lab.switch_on("192.168.50.13", "east");
    lab.switch_on("192.168.50.14", "west");
    lab.tell("192.168.50.14", "root 2000000\nsynchronized no\nstatus 2026-11-28T13:00:00Z first_boot: waiting: no time server answered within 180 seconds\n");
    let public = fs::read_to_string(stranger.with_extension("pub")).unwrap();
    let mut keygen = oracle("ssh-keygen").unwrap();
    keygen.arg("-lf").arg(stranger.with_extension("pub"));
    let fingerprint = content(keygen).split_whitespace().nth(1).unwrap().to_owned();
    let output = lab.run(&["--once"]);
    assert_eq!(output.status.code(), Some(1), "{public}");
    let days = |seen: &str| {
        let (before, after) = seen.split_once("its clock is off by ").unwrap();
        format!("{before}its clock is off by [DAYS]{}", after.split_once(" d").unwrap().1)
    };
    let seen = days(&lab.seen(&output).replace(&fingerprint, "[FINGERPRINT]"));
    assert_snapshot!("status__wrong", seen);

    let output = lab.run(&["--once", "--json", "west"]);
    assert_eq!(output.status.code(), Some(1));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&report["cluster"], &report["ready"]), (&json!("compass"), &json!(false)));
    let west = &report["nodes"][0];
    assert_eq!(west["status_file"][0]["topic"], "first_boot");
    assert_eq!(
        (&west["state"], &west["role"], &west["kubernetes"]),
        (&json!("wrong"), &Value::Null, &Value::Null)
    );
    let problems: Vec<_> =
        west["problems"].as_array().unwrap().iter().map(|problem| &problem["name"]).collect();
    assert_eq!(problems, ["not-grown", "no-time"]);
    // All of them are beyond help, which takes two looks, and not as long as the time that is left.
    let output = lab.run(&["--timeout", "1h"]);
    assert!(
        text(&output.stdout).contains("0 of 4 ready after 0:")
            && text(&output.stdout).contains("waiting does not help")
    );
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn the_api_is_trusted_by_the_clusters_own_authority_and_no_other() {
    let Some(mut lab) = Lab::new() else { return };
    lab.tell("192.168.50.11", DONE);
    lab.switch_on("192.168.50.11", "north");
    lab.serve_api("192.168.50.11");
    let ready = json!({"items": [node("north", "True", "True"), node("east", "True", "False")]});
    let mut all = Vec::new();
    for mode in ["ok", "other", "refuses", "stranger", "starts", "endless"] {
        lab.answer(mode, &ready);
        let output = lab.run(&["--once", "north"]);
        assert_eq!(output.status.code(), Some(i32::from(mode != "ok")));
        all.push(format!("# {mode}\n{}", lab.seen(&output)));
    }
    lab.answer("ok", &json!({"kind": "Status"}));
    all.push(format!("# no list\n{}", lab.seen(&lab.run(&["--once", "north"]))));
    assert_snapshot!("status__api", without_age(&all.join("\n")));
    let output = lab.run(&["--once", "--json", "north"]);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["nodes"][0]["state"], "joining");
}

/// Whatever answers at an address is a stranger until it has proved otherwise, and one that has may be broken.
#[test]
fn no_answer_keeps_it_waiting_or_reaches_the_terminal_as_it_is() {
    let Some(mut lab) = Lab::new() else { return };
    lab.switch_on("192.168.50.14", "west");
    let hostile = "\u{1b}[2J\u{1b}]0;x\u{7}\u{9b}2J\u{202e}x";
    for (script, ends) in [
        ("yes", "its answer does not end"),
        ("yes >&2", "y"),
        ("head -c 100000 /dev/urandom", "its answer is not whole"),
        ("printf 'cardwright-facts 1\\nroute yes\\n'", "its answer is not whole"),
        (&format!("printf '%s' '{hostile}' >&2; exit 1"), "\\u{1b}[2J"),
    ] {
        lab.run_at("192.168.50.14", script);
        let output = lab.run(&["--once", "west", "--timeout", "2m"]);
        let said = std::str::from_utf8(&output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(1), "{script}");
        assert!(said.contains(ends), "{script}: {said}");
        assert!(
            !said.chars().any(|c| c != '\n' && cardwright::types::escape::is_control(c)),
            "{script}: {said}"
        );
    }
    lab.tell(
        "192.168.50.14",
        &format!("pending first_boot\nstatus 2026 first_boot: waiting: {hostile}\nboard {hostile}\n"),
    );
    for arguments in [&["--once", "west"][..], &["--once", "west", "--json"]] {
        let output = lab.run(arguments);
        let said = text(&output.stdout);
        assert!(
            said.contains("2J")
                && !said.chars().any(|c| c != '\n' && cardwright::types::escape::is_control(c)),
            "{said}"
        );
    }
}

#[test]
fn an_interrupted_watch_says_so_and_ends() {
    let Some(lab) = Lab::new() else { return };
    let mut status = lab.status(&["--timeout", "10m"]);
    let mut status = Running(status.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap());
    let mut line = String::new();
    let mut output = BufReader::new(status.0.stdout.take().unwrap());
    output.read_line(&mut line).unwrap();
    assert!(line.contains("not found"), "{line}");
    content({
        let mut kill = Command::new("kill");
        kill.args(["-s", "INT", &status.0.id().to_string()]);
        kill
    });
    assert_eq!(status.0.wait().unwrap().code(), Some(130));
    let mut errors = String::new();
    status.0.stderr.take().unwrap().read_to_string(&mut errors).unwrap();
    assert_eq!(errors, "\ninterrupted\n");
}

#[test]
fn a_time_that_is_over_ends_with_what_is_missing() {
    let Some(lab) = Lab::new() else { return };
    let output = lab.run(&["--timeout", "0s", "north"]);
    assert_eq!(output.status.code(), Some(1));
    let output = lab.run(&["--timeout", "3s", "north", "west"]);
    assert_eq!(output.status.code(), Some(1));
    let seen = lab.seen(&output);
    let (before, after) = seen.split_once("0 of 2 ready after 0:").unwrap();
    let mut lines: Vec<&str> = before.lines().chain(after.lines().skip(1)).collect();
    lines.iter_mut().filter(|line| line.starts_with("  0:")).for_each(|line| *line = &line[6..]);
    // Both are looked for at once.
    lines.sort_unstable();
    assert_snapshot!("status__over", lines.join("\n"));
}

#[test]
fn what_keeps_it_from_looking_is_said_with_what_to_do() {
    let workshop = Workshop::with_nodes(NODES);
    let run = |arguments: &[&str]| workshop.seen(&workshop.run([&["status"], arguments].concat()));
    let mut all = vec![run(&[]), run(&["nroth"]), run(&["--timeout", "5"]), run(&["--timeout", "5y"])];
    workshop.succeed(["build"]);
    fs::remove_file(workshop.path("images/kubeconfig")).unwrap();
    all.push(run(&["--once"]));
    fs::write(workshop.path("images/kubeconfig"), "kind: Config\n").unwrap();
    all.push(run(&["--once"]));
    assert_snapshot!("status__cannot", all.join("\n"));
}

/// A screen as a terminal shows it, of what was written to it: as much of ECMA-48 as the table needs.
struct Screen {
    columns: usize,
    rows: Vec<Vec<char>>,
    row: usize,
    column: usize,
}

impl Screen {
    fn put(&mut self, letter: char) {
        // What follows a full row goes on in the next one.
        if self.column == self.columns {
            (self.row, self.column) = (self.row + 1, 0);
        }
        while self.rows.len() <= self.row {
            self.rows.push(Vec::new());
        }
        let row = &mut self.rows[self.row];
        while row.len() <= self.column {
            row.push(' ');
        }
        row[self.column] = letter;
        self.column += 1;
    }

    fn obey(&mut self, number: usize, letter: char) {
        match letter {
            'A' => self.row = self.row.saturating_sub(number.max(1)),
            'B' => self.row += number.max(1),
            'K' if number == 2 => {
                if let Some(row) = self.rows.get_mut(self.row) {
                    row.clear();
                }
            }
            'K' => {
                let column = self.column;
                if let Some(row) = self.rows.get_mut(self.row) {
                    row.truncate(column);
                }
            }
            'J' => self.rows.truncate(self.row),
            'm' | 'h' | 'l' => {}
            other => panic!("CSI {number} {other}"),
        }
    }

    fn text(&self) -> String {
        let rows = self.rows.iter().map(|row| row.iter().collect::<String>().trim_end().to_owned());
        rows.collect::<Vec<_>>().join("\n").trim_end().to_owned() + "\n"
    }

    /// All screens there were, each after a character.
    fn play(said: &str, columns: usize, mut see: impl FnMut(&Self)) -> Self {
        let mut screen = Self { columns, rows: Vec::new(), row: 0, column: 0 };
        let mut letters = said.chars();
        while let Some(letter) = letters.next() {
            match letter {
                '\r' => screen.column = 0,
                '\n' => screen.row += 1,
                '\u{1b}' => {
                    assert_eq!(letters.next(), Some('['));
                    let parameters: String =
                        letters.by_ref().take_while(|letter| !letter.is_ascii_alphabetic()).collect();
                    // `take_while` takes the letter as well: find it again.
                    let at = said.len() - letters.as_str().len() - 1;
                    let last = said[at..].chars().next().unwrap();
                    screen.obey(parameters.parse().unwrap_or(0), last);
                }
                letter => screen.put(letter),
            }
            see(&screen);
        }
        screen
    }
}

/// The table while it is watched, and what stays, at a terminal of this width.
#[test]
fn a_terminal_shows_a_table_that_fits() {
    let Some(mut lab) = Lab::new() else { return };
    let Some(_) = oracle("script") else { return };
    lab.tell("192.168.50.11", "root 2000000\nunit k3s active 0\n");
    lab.switch_on("192.168.50.11", "north");
    lab.switch_on("192.168.50.14", "north");
    for (columns, colour) in [(80, false), (120, true)] {
        let program = env!("CARGO_BIN_EXE_cardwright");
        let shell = format!("stty cols {columns} rows 30; {program} status north west");
        let mut script = lab.through("script", &["-qec", &shell, "/dev/null"]);
        if colour {
            script.env_remove("NO_COLOR").env("TERM", "xterm-256color");
        }
        let output = script.stderr(Stdio::null()).output().unwrap();
        let said = text(&output.stdout);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert_eq!(said.contains("\u{1b}[31m"), colour, "{said}");
        let mut live = String::new();
        let end = Screen::play(&said, columns, |screen| {
            let text = screen.text();
            let is_table = text.contains("Ctrl-C")
                && text.lines().any(|line| line.starts_with("west   192.168.50.14  wrong"));
            let is_whole =
                is_table && text.lines().any(|line| line.starts_with("north  192.168.50.11  wrong"));
            if is_whole && text.len() >= live.len() {
                live = text;
            }
        });
        // Above it is what is wrong, in the order in which it was found.
        let from = |text: &str, first: &str| text[text.rfind(first).unwrap()..].to_owned();
        let live = from(&live, "compass: ");
        assert!(live.lines().all(|line| line.chars().count() <= columns), "{live}");
        let end = from(&end.text(), "north  192.168.50.11  wrong");
        let seconds = |text: &str| {
            let of =
                |line: &str| match line.split_once("ready, 0:").or_else(|| line.split_once("ready after 0:"))
                {
                    Some((before, after)) => format!("{before}ready [TIME]{}", &after[2..]),
                    None => line.to_owned(),
                };
            text.lines().map(of).collect::<Vec<_>>().join("\n")
        };
        let shown =
            format!("----- while it is watched\n{}\n----- what stays\n{}\n", seconds(&live), seconds(&end));
        assert_snapshot!(format!("status__terminal_{columns}"), shown);
    }
}

/// The secret that the cluster of these tests has is the one that all tests have.
#[test]
fn the_fingerprints_are_those_that_ssh_keygen_prints() {
    let workshop = Workshop::with_nodes(NODES);
    workshop.succeed(["build"]);
    let Some(mut keygen) = oracle("ssh-keygen") else { return };
    keygen.arg("-lf").arg(workshop.path("images/known_hosts"));
    let said = content(keygen);
    let cluster = cardwright::cluster::Cluster::load(&workshop.path("nodes.yaml")).unwrap();
    let keys = cardwright::access::host_keys(&cluster).unwrap();
    assert_eq!((keys.len(), SECRET.len()), (4, 64));
    for (key, node) in keys {
        assert!(
            said.lines().any(|line| line.contains(&key) && line.contains(&node)),
            "{key} {node}:\n{said}"
        );
    }
}
