//! `cardwright backup` with an `ssh` that runs the script here, on a folder that stands for a server, and cards that go on
//! with what it fetched.

use crate::support::{
    SECRET, SERVER_AND_AGENT, Workshop, assert_snapshot, debugfs, listing, python, root_file, stat, text,
};
use cardwright::backup::{self, Header};
use cardwright::cluster::Cluster;
use cardwright::identity::ClusterSecret;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Instant;

/// The token of the fixed secret, in its full form.
const TOKEN: &str = "K10aa::server:008cb6bdbd7f71a54e9e34f98624595ebc76a40e30e8d1687517aa14076b47a1\n";

const FILE: &str = "north.cardwright-backup";

/// A server in a folder, and the programs that are on it.
struct Server {
    workshop: Workshop,
}

impl Server {
    /// A server with this datastore: a file below `server/db`, and its content.
    fn with(nodes: &str, (path, content): (&str, &[u8])) -> Self {
        let server = Self { workshop: Workshop::with_nodes(nodes) };
        server.workshop.succeed(["build", "--only", "north", "--format", "img"]);
        server.put("token", TOKEN.as_bytes());
        server.put("tls/service.key", b"a key that k3s made");
        server.put("tls/etcd/client.crt", b"a certificate");
        server.put("tls/dynamic-cert.json", b"{}");
        server.put("cred/ipsec.psk", b"a secret of k3s's");
        server.put("manifests/traefik.yaml", b"not of a backup");
        server.put(&format!("db/{path}"), content);
        let here = "#!/bin/sh\nfor command; do :; done\nsed \"s#/var/lib/rancher/k3s#$PWD/card/k3s#\" | sh -c \"$command\"\n";
        server.program("ssh", here);
        server.program("id", "#!/bin/sh\necho 0\n");
        server.program("systemctl", "#!/bin/sh\necho \"$@\" >>systemctl-calls\n");
        server.k3s("v1.36.4+k3s1");
        server
    }

    /// One of which the datastore is sqlite, copied by stopping k3s.
    fn sqlite(nodes: &str) -> Self {
        let server = Self::with(nodes, ("state.db", &b"SQLite format 3\0 and pages ".repeat(20_000)));
        server.program("python3", "#!/bin/sh\nexit 1\n");
        server
    }

    fn etcd() -> Self {
        Self::with(SERVER_AND_AGENT, ("etcd/member/wal/0.wal", b"a log"))
    }

    fn put(&self, path: &str, content: &[u8]) {
        let path = self.workshop.path("card/k3s/server").join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    fn program(&self, name: &str, script: &str) {
        let path = self.workshop.path("bin").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, script).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// A k3s of this version, that makes snapshots.
    fn k3s(&self, version: &str) {
        let script = format!(
            "#!/bin/sh\n\
             [ \"$1\" != --version ] || {{ echo \"k3s version {version} (4ea6f6a2)\"; exit; }}\n\
             echo \"$@\" >k3s-call\n\
             echo 'Snapshot cardwright-backup-north-1 saved.'\n\
             printf 'etcd as it was' >\"$6/cardwright-backup-north-1\"\n"
        );
        self.program("k3s", &script);
    }

    /// The program, which finds what is in `bin` first.
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.workshop.command();
        let path = std::env::var("PATH").unwrap();
        command.env("PATH", format!("{}:{path}", self.workshop.path("bin").display()));
        command.env("CARDWRIGHT_SECRET", SECRET).args(arguments);
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    #[track_caller]
    fn succeed(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert!(output.status.success(), "{}", text(&output.stderr));
        text(&output.stdout) + &text(&output.stderr)
    }

    /// Fetches a backup, and returns its bytes.
    #[track_caller]
    fn backup(&self) -> Vec<u8> {
        self.succeed(&["backup", "--to", FILE]);
        fs::read(self.workshop.path(FILE)).unwrap()
    }

    fn seen(&self, output: &Output) -> String {
        self.workshop.seen(output)
    }

    fn image(&self) -> PathBuf {
        self.workshop.path("images/north.img")
    }
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

#[test]
fn a_stopped_sqlite_is_fetched_and_goes_on_with_a_new_card() {
    let server = Server::sqlite(SERVER_AND_AGENT);
    let sealed = server.backup();
    assert_eq!(
        fs::read_to_string(server.workshop.path("systemctl-calls")).unwrap(),
        "stop k3s.service\nstart k3s.service\n"
    );
    let mode = fs::metadata(server.workshop.path(FILE)).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    for part in ["SQLite format", "a key that", "of k3s's", "008cb6bd", "db/state.db"] {
        assert!(!contains(&sealed, part.as_bytes()), "{part} can be read in the backup");
    }
    // Nothing is left on the node.
    let names = listing(&server.workshop.path("card/k3s/server"));
    assert!(!names.keys().any(|name| name.contains("backup")), "{:?}", names.keys());
    let header = Header::read(&server.workshop.path(FILE)).unwrap();
    assert_eq!((&*header.cluster, &*header.node, &*header.k3s), ("compass", "north", "v1.36.4+k3s1"));

    let before = fs::read(server.image()).unwrap();
    server.succeed(&["build", "--restore", FILE, "--format", "img", "north"]);
    let image = server.image();
    let found = |path: &str| root_file(&image, &format!("/var/lib/rancher/k3s/server/{path}"));
    let Some(database) = found("db/state.db") else { return };
    assert!(database == "SQLite format 3\0 and pages ".repeat(20_000));
    assert_eq!(found("token").unwrap(), TOKEN);
    assert_eq!(found("tls/service.key").unwrap(), "a key that k3s made");
    assert_eq!(found("cred/ipsec.psk").unwrap(), "a secret of k3s's");
    for (path, mode) in
        [("db", "0700"), ("db/state.db", "0600"), ("tls/etcd/client.crt", "0644"), ("token", "0600")]
    {
        let stat = stat(&image, &format!("/var/lib/rancher/k3s/server/{path}")).unwrap();
        assert!(stat.contains(&format!("Mode:  {mode}")) && stat.contains("User:     0"), "{path}: {stat}");
    }
    // k3s puts its own manifests there.
    assert!(!debugfs(&image, "ls /var/lib/rancher/k3s/server/manifests").unwrap().contains("traefik"));
    server.succeed(&["verify", "--every-file", "--restore", FILE, "images/north.img"]);
    assert!(!server.run(&["verify", "images/north.img"]).status.success());
    // Without it the card is what it was.
    server.succeed(&["build", "--format", "img", "north"]);
    assert!(fs::read(server.image()).unwrap() == before);
    // In nodes.yaml it is the same.
    let restored =
        SERVER_AND_AGENT.replace("k3s: server}", &format!("k3s: {{role: server, restore: {FILE}}}}}"));
    fs::write(server.workshop.path("nodes.yaml"), restored).unwrap();
    server.succeed(&["build", "--format", "img", "north"]);
    assert_eq!(found("token").unwrap(), TOKEN);
    server.succeed(&["verify", "images/north.img"]);
}

#[test]
fn a_running_sqlite_is_copied_as_it_is_at_one_moment() {
    let server = Server::with(SERVER_AND_AGENT, ("placeholder", b""));
    let database = server.workshop.path("card/k3s/server/db/state.db");
    // A connection that stays open, with all it wrote still in the log beside the file, and a change it did not finish.
    let script = "
import sqlite3, subprocess, sys
database = sqlite3.connect(sys.argv[1])
database.execute('PRAGMA journal_mode=WAL')
database.execute('CREATE TABLE kine (name TEXT)')
database.executemany('INSERT INTO kine VALUES (?)', [(f'/registry/{number}',) for number in range(5000)])
database.commit()
database.execute('DELETE FROM kine')
sys.exit(subprocess.run(sys.argv[2:]).returncode)
";
    let Some(python3) = crate::support::oracle("python3") else { return };
    let backup = server.command(&["backup", "--to", FILE]);
    let mut held = Command::new(python3.get_program());
    held.args(["-c", script]).arg(&database).arg(backup.get_program()).args(backup.get_args());
    held.current_dir(server.workshop.path(""));
    for (name, value) in backup.get_envs() {
        match value {
            Some(value) => held.env(name, value),
            None => held.env_remove(name),
        };
    }
    let output = held.output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(!server.workshop.path("systemctl-calls").exists(), "k3s was stopped");
    server.succeed(&["build", "--restore", FILE, "--format", "img", "north"]);
    let copy = server.workshop.path("copy.db");
    let request = format!("dump /var/lib/rancher/k3s/server/db/state.db {}", copy.display());
    if debugfs(&server.image(), &request).is_none() {
        return;
    }
    let count = "import sqlite3, sys; print(sqlite3.connect(sys.argv[1]).execute('SELECT count(*) FROM kine').fetchone()[0])";
    assert_eq!(python(count, &[&copy], b"").unwrap().trim(), "5000");
}

#[test]
fn a_snapshot_of_etcd_is_restored_by_a_script_of_the_first_start() {
    let server = Server::etcd();
    let sealed = server.backup();
    assert!(!contains(&sealed, b"etcd as it was"));
    let call = fs::read_to_string(server.workshop.path("k3s-call")).unwrap();
    assert!(call.starts_with("etcd-snapshot save --name cardwright-backup --etcd-snapshot-dir /"), "{call}");
    assert!(!server.workshop.path("systemctl-calls").exists(), "k3s was stopped");
    let plan = server.succeed(&["plan", "--restore", FILE, "north"]);
    let of_backup = ["/server", "/cardwright/", "k3s.service.d"];
    let lines: Vec<_> =
        plan.lines().filter(|line| of_backup.iter().any(|part| line.contains(part))).collect();
    assert_snapshot!("backup__plan", lines.join("\n"));
    // Secrets stay secret in every form of the plan.
    for arguments in [
        &["plan", "--contents", "--restore", FILE, "north"][..],
        &["plan", "--json", "--contents", "--restore", FILE, "north"],
    ] {
        let shown = server.succeed(arguments);
        for part in ["etcd as it was", "a key that k3s made", "a secret of k3s's", "008cb6bd"] {
            assert!(!shown.contains(part), "{part} is shown by {arguments:?}");
        }
    }
    server.succeed(&["build", "--restore", FILE, "--format", "img", "north"]);
    let image = server.image();
    let Some(snapshot) = root_file(&image, "/var/lib/cardwright/k3s-snapshot") else { return };
    assert_eq!(snapshot, "etcd as it was");
    let drop_in = root_file(&image, "/etc/systemd/system/k3s.service.d/cardwright.conf").unwrap();
    assert!(drop_in.ends_with("ExecStartPre=/usr/local/lib/cardwright/restore-k3s\n"), "{drop_in}");
    assert!(stat(&image, "/usr/local/lib/cardwright/restore-k3s").unwrap().contains("Mode:  0755"));
}

#[test]
fn a_backup_has_a_name_of_its_own_and_says_what_it_is() {
    let server = Server::etcd();
    let said = server.succeed(&["backup"]);
    let names: Vec<String> = listing(&server.workshop.path("backups")).into_keys().collect();
    let [name] = names.as_slice() else { panic!("{names:?}") };
    assert!(name.starts_with("compass-20") && name.ends_with(".cardwright-backup"), "{name}");
    assert_eq!(fs::metadata(server.workshop.path("backups")).unwrap().permissions().mode() & 0o777, 0o700);
    let said = said.replace(name.as_str(), "[NAME]");
    let said: Vec<_> = said.lines().filter(|line| !line.starts_with("Snapshot")).collect();
    assert_snapshot!("backup__fetched", said.join("\n"));
    // What a killed run leaves has another name, and goes with the next.
    let rest = server.workshop.path("backups/.compass-2020-01-01-000000.cardwright-backup.a1B2c3.partial");
    fs::write(&rest, "half").unwrap();
    let json: serde_json::Value =
        serde_json::from_slice(&server.run(&["backup", "--json", "north"]).stdout).unwrap();
    assert_eq!((json["node"].as_str(), json["datastore"].as_str()), (Some("north"), Some("etcd")));
    assert!(!rest.exists());
}

#[test]
fn what_keeps_a_backup_from_being_made_is_said() {
    let server = Server::sqlite(SERVER_AND_AGENT);
    let old = server.backup();
    let mut seen = Vec::new();
    let mut note = |what: &str, output: &Output| {
        seen.push(format!("## {what}\n{}", server.seen(output)));
        assert!(fs::read(server.workshop.path(FILE)).unwrap() == old, "{what}: the old file changed");
    };
    let arguments = ["backup", "--to", FILE];
    note("an agent", &server.run(&["backup", "--to", FILE, "east"]));
    note("another node", &server.run(&["backup", "--to", FILE, "nobody"]));
    server.program("df", "#!/bin/sh\necho\necho x 1 1 1000 x\n");
    note("no room", &server.run(&arguments));
    fs::remove_file(server.workshop.path("bin/df")).unwrap();
    // The connection is cut in the middle: of the script's output half is left.
    let here = fs::read_to_string(server.workshop.path("bin/ssh")).unwrap();
    server.program("ssh", &format!("{} | head -c 300000\n", here.trim_end()));
    note("cut off", &server.run(&arguments));
    server.program(
        "ssh",
        "#!/bin/sh\necho 'ssh: connect to host 10.0.0.11 port 22: No route to host' >&2\nexit 255\n",
    );
    note("no way to it", &server.run(&arguments));
    server.program("ssh", &here);
    server.program("id", "#!/bin/sh\necho 1000\n");
    server.program("sudo", "#!/bin/sh\necho 'sudo: a password is required' >&2\nexit 1\n");
    note("sudo asks", &server.run(&arguments));
    server.program("id", "#!/bin/sh\necho 0\n");
    fs::remove_dir_all(server.workshop.path("card/k3s/server/db")).unwrap();
    note("a datastore elsewhere", &server.run(&arguments));
    fs::remove_file(server.workshop.path("card/k3s/server/token")).unwrap();
    note("never started", &server.run(&arguments));
    assert_snapshot!("backup__not_made", seen.join("\n"));
    let names = listing(&server.workshop.path("card/k3s/server"));
    assert!(!names.keys().any(|name| name.contains("backup")), "{:?}", names.keys());
}

#[test]
fn k3s_is_started_again_however_the_copy_ends() {
    let server = Server::sqlite(SERVER_AND_AGENT);
    server.program("cp", "#!/bin/sh\nexit 1\n");
    assert!(!server.run(&["backup"]).status.success());
    assert_eq!(
        fs::read_to_string(server.workshop.path("systemctl-calls")).unwrap(),
        "stop k3s.service\nstart k3s.service\n"
    );
}

#[test]
fn what_keeps_a_backup_from_being_restored_is_said() {
    let server = Server::etcd();
    let whole = server.backup();
    let nodes = |text: &str| fs::write(server.workshop.path("nodes.yaml"), text).unwrap();
    let mut seen = Vec::new();
    let mut note = |what: &str, output: &Output| seen.push(format!("## {what}\n{}", server.seen(output)));
    let arguments = ["plan", "--restore", FILE, "north"];
    // Where there are no results of another secret.
    fs::rename(server.workshop.path("images"), server.workshop.path("elsewhere")).unwrap();
    let mut other = server.command(&arguments);
    note("another secret", &other.env("CARDWRIGHT_SECRET", "5a".repeat(32)).output().unwrap());
    fs::rename(server.workshop.path("elsewhere"), server.workshop.path("images")).unwrap();
    let mut damage = |what: &str, bytes: &[u8]| {
        fs::write(server.workshop.path(FILE), bytes).unwrap();
        note(what, &server.run(&arguments));
    };
    let mut changed = whole.clone();
    *changed.last_mut().unwrap() ^= 1;
    damage("a byte changed", &changed);
    damage("cut", &whole[..whole.len() - 1]);
    let text = String::from_utf8_lossy(&whole).into_owned();
    let at = text.find("compass").unwrap();
    let mut renamed = whole.clone();
    renamed[at..at + 7].copy_from_slice(b"campass");
    damage("another header", &renamed);
    damage("something else", b"nodes.yaml\n");
    damage("a later version", b"cardwright-backup 2\n{}\n");
    fs::write(server.workshop.path(FILE), &whole).unwrap();
    nodes(&SERVER_AND_AGENT.replace("v1.36.4", "v1.35.9"));
    note("an older k3s", &server.run(&arguments));
    nodes(&SERVER_AND_AGENT.replace("name: north", "name: nord"));
    note("a node that is gone", &server.run(&["plan", "--restore", FILE]));
    nodes(
        &SERVER_AND_AGENT
            .replace("north, address: 10.0.0.11, k3s: server", "north, address: 10.0.0.11, k3s: agent")
            .replace("12, k3s: agent", "12, k3s: server"),
    );
    note("a node that is an agent now", &server.run(&arguments));
    let restore = format!("restore: {FILE}");
    nodes(&SERVER_AND_AGENT.replace("k3s: agent", &format!("k3s: {{role: agent, {restore}}}")));
    note("an agent", &server.run(&["check"]));
    let third = format!("  - {{name: west, address: 10.0.0.13, k3s: {{role: server, {restore}}}}}\n");
    nodes(&(SERVER_AND_AGENT.replace("k3s: agent", "k3s: server") + &third));
    note("a server that joins", &server.run(&["check"]));
    nodes(&SERVER_AND_AGENT.replace("k3s: server", "k3s: {role: server, restore: nowhere}"));
    note("no such file", &server.run(&["check"]));
    nodes(&SERVER_AND_AGENT.replace("image: demo", "image: {path: demo, grow: none}"));
    assert_snapshot!("backup__not_restored", seen.join("\n"));

    // A later k3s is no mistake.
    nodes(&SERVER_AND_AGENT.replace("v1.36.4", "v1.37.0"));
    let said = server.succeed(&arguments);
    assert!(said.contains("its first start with v1.37.0+k3s1 is an upgrade"), "{said}");
    nodes(SERVER_AND_AGENT);
    server.put("token", TOKEN.replace("008c", "0000").as_bytes());
    server.backup();
    let output = server.run(&arguments);
    assert!(text_of(&output).contains("k3s token rotate"), "{}", text_of(&output));
}

fn text_of(output: &Output) -> String {
    text(&output.stderr)
}

#[test]
fn a_datastore_that_does_not_fit_on_a_card_is_said_so() {
    let server = Server::with(SERVER_AND_AGENT, ("state.db", &vec![7; 48 << 20]));
    server.program("python3", "#!/bin/sh\nexit 1\n");
    server.backup();
    let nodes = SERVER_AND_AGENT.replace("image: demo", "image: {path: demo, grow: none}");
    fs::write(server.workshop.path("nodes.yaml"), nodes).unwrap();
    let output = server.run(&["plan", "--restore", FILE, "north"]);
    assert_eq!(output.status.code(), Some(2));
    let said = text(&output.stderr);
    assert!(
        said.contains("does not fit") && said.contains("leave out /var/lib/rancher/k3s/server/db/state.db"),
        "{said}"
    );
}

#[test]
fn the_only_server_is_not_built_once_more_without_a_word() {
    let server = Server::sqlite(SERVER_AND_AGENT);
    let build = || server.succeed(&["build", "--format", "img"]);
    // Images of the demo do not boot.
    assert!(!build().contains("cardwright backup"));
    let card = r#"{"cards": [{"cluster": "compass", "node": "north", "device": "/dev/sdb", "size": 1, "time": 1, "date": "2026-11-28", "written": 1, "sha256": ""}]}"#;
    fs::write(server.workshop.path("cards.json"), card).unwrap();
    let said = build();
    assert!(
        said.contains("`north` is the only server") && said.contains("\n  cardwright backup\n"),
        "{said}"
    );
    assert!(!server.succeed(&["build", "--format", "img", "east"]).contains("cardwright backup"));
    server.backup();
    let restored = server.succeed(&["build", "--format", "img", "--restore", FILE]);
    assert!(!restored.contains("the only server"), "{restored}");
}

#[test]
fn a_backup_that_is_killed_at_any_moment_leaves_an_old_file_or_a_new_one() {
    let server = Server::sqlite(SERVER_AND_AGENT);
    let began = Instant::now();
    let old = server.backup();
    let whole = began.elapsed();
    let cluster = Cluster::load(&server.workshop.path("nodes.yaml")).unwrap();
    let secret = ClusterSecret::from_hex(SECRET).unwrap();
    let open = |path: &Path| backup::open(path, &cluster, cluster.node("north").unwrap(), &secret);
    let mut new = 0;
    for part in 1..=30 {
        let mut run = server.command(&["backup", "--to", FILE]);
        let mut run = run.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(whole * part / 26);
        run.kill().unwrap();
        run.wait().unwrap();
        let path = server.workshop.path(FILE);
        if fs::read(&path).unwrap() != old {
            new += 1;
            open(&path).unwrap_or_else(|error| panic!("after {part} parts: {error}"));
        }
    }
    println!("{new} of 30 runs were through before they were killed");
    server.backup();
    let names = listing(&server.workshop.path(""));
    assert!(!names.keys().any(|name| name.ends_with(".partial")), "{:?}", names.keys());
}
