//! `cardwright init`: by flags, by defaults, and at a terminal.

use crate::support::{assert_snapshot, listing, oracle, text};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output};
use tempfile::TempDir;

const KEY: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOVEedS6/61Ls+hMGjUJ2gRXUcryrhpRGRO8NNW/QYgS ann@desk\n";

/// An empty folder `lab` in the home of somebody with one SSH key.
struct Home(TempDir);

impl Home {
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        fs::create_dir(home.path().join(".ssh")).unwrap();
        fs::write(home.path().join(".ssh/id_ed25519.pub"), KEY).unwrap();
        fs::create_dir(home.path().join("lab")).unwrap();
        Self(home)
    }

    fn lab(&self, name: &str) -> std::path::PathBuf {
        self.0.path().join("lab").join(name)
    }

    fn prepare(&self, command: &mut Command) {
        command.current_dir(self.0.path().join("lab")).env("HOME", self.0.path()).env("NO_COLOR", "1");
        command.env("CARDWRIGHT_CACHE", self.0.path().join("cache")).env("LANG", "de_DE.UTF-8");
        for name in ["SSH_AUTH_SOCK", "CI", "CARDWRIGHT_SECRET", "CLICOLOR_FORCE", "LC_ALL", "LC_MESSAGES"] {
            command.env_remove(name);
        }
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cardwright"));
        self.prepare(&mut command);
        command.args(arguments).stdin(std::process::Stdio::null()).output().unwrap()
    }

    /// What a person saw.
    fn seen(&self, output: &Output) -> String {
        let shown = format!(
            "exit code: {}\n----- stdout\n{}----- stderr\n{}",
            output.status.code().unwrap(),
            text(&output.stdout),
            text(&output.stderr)
        );
        shown.replace(&self.0.path().display().to_string(), "[HOME]")
    }

    fn assert_valid(&self) {
        let checked = self.run(&["check"]);
        assert!(checked.status.success(), "{}", self.seen(&checked));
    }
}

/// The flags without which the answers would be those of the machine that runs the tests.
const ROUTER: [&str; 2] = ["--router", "192.168.50.1/24"];

fn with(flags: &[&'static str]) -> Vec<&'static str> {
    ["init"].into_iter().chain(ROUTER).chain(flags.iter().copied()).collect()
}

#[test]
fn the_defaults_make_a_cluster_that_is_valid() {
    let home = Home::new();
    let output = home.run(&with(&["--yes"]));
    let seen = home.seen(&output);
    assert!(seen.lines().all(|line| line.chars().count() <= 80), "{seen}");
    assert_snapshot!("init__yes", seen);
    assert_snapshot!("init__nodes_yaml", fs::read_to_string(home.lab("nodes.yaml")).unwrap());
    home.assert_valid();
    let names: Vec<String> = listing(&home.lab("")).into_keys().collect();
    assert_eq!(names, [".gitignore", "cluster.secret", "manifests", "nodes.yaml"]);
    let secret = fs::metadata(home.lab("cluster.secret")).unwrap();
    assert_eq!(secret.permissions().mode() & 0o777, 0o600);
    assert_eq!(
        fs::read_to_string(home.lab("manifests/it-works.yaml")).unwrap(),
        include_str!("../../manifests/it-works.yaml")
    );
    if let Some(mut git) = oracle("git") {
        let run =
            |git: &mut Command| assert!(git.current_dir(home.lab("")).output().unwrap().status.success());
        run(git.arg("init"));
        for ignored in ["cluster.secret", "images/north.img.xz", "wifi.password"] {
            run(Command::new("git").args(["check-ignore", ignored]));
        }
        assert!(
            !Command::new("git")
                .current_dir(home.lab(""))
                .args(["check-ignore", "cardwright.lock"])
                .status()
                .unwrap()
                .success()
        );
    }
}

#[test]
fn the_first_build_needs_nothing_else() {
    let home = Home::new();
    let output = home.run(&with(&["--yes", "--image", "demo", "--nodes", "2", "new/cluster"]));
    assert!(output.status.success(), "{}", home.seen(&output));
    assert!(text(&output.stderr).contains("cd new/cluster && cardwright build"));
    let built = home.run(&["build", "-f", "new/cluster/nodes.yaml"]);
    assert!(built.status.success(), "{}", home.seen(&built));
    assert!(home.lab("new/cluster/images/east.img.xz").exists());
}

#[test]
fn nothing_is_overwritten_and_what_is_replaced_is_kept() {
    let home = Home::new();
    fs::write(home.lab("nodes.yaml"), "mine\n").unwrap();
    fs::write(home.lab(".gitignore"), "/target\ncluster.secret\n").unwrap();
    let before = listing(&home.lab(""));
    let mut seen = home.seen(&home.run(&with(&["--yes"])));
    assert_eq!(listing(&home.lab("")), before);
    seen += &home.seen(&home.run(&with(&["--yes", "--force"])));
    let secret = fs::read(home.lab("cluster.secret")).unwrap();
    fs::write(home.lab("manifests/it-works.yaml"), "mine too\n").unwrap();
    seen += &home.seen(&home.run(&with(&["--yes", "--force"])));
    assert_snapshot!("init__force", seen);
    assert_eq!(fs::read(home.lab("cluster.secret")).unwrap(), secret);
    assert_eq!(fs::read_to_string(home.lab("nodes.yaml.bak")).unwrap(), "mine\n");
    assert!(home.lab("nodes.yaml.bak1").exists());
    assert_eq!(fs::read_to_string(home.lab("manifests/it-works.yaml.bak")).unwrap(), "mine too\n");
    assert_eq!(fs::read_to_string(home.lab(".gitignore")).unwrap(), "/target\ncluster.secret\n");
    home.assert_valid();
}

#[test]
fn without_a_terminal_nothing_is_asked_and_what_is_missing_is_said() {
    let home = Home::new();
    let output = home.run(&with(&["--name", "lab"]));
    assert_eq!(output.status.code(), Some(2));
    assert_snapshot!("init__no_terminal", home.seen(&output));
    let output = home.run(&with(&["--yes", "--wifi", "my home"]));
    assert_eq!(output.status.code(), Some(2));
    assert!(
        text(&output.stderr).contains("the password of `my home`, in a file wifi.password"),
        "{}",
        home.seen(&output)
    );
    assert!(listing(&home.lab("")).is_empty());

    let all = with(&[
        "--name",
        "lab",
        "--nodes",
        "a,b",
        "--first-address",
        "192.168.50.31",
        "--dns",
        "1.1.1.1 9.9.9.9",
        "--key",
        "own",
        "--server",
        "b",
        "--k3s",
        "v1.36.4+k3s1",
        "--board",
        "pi3",
        "--image",
        "raspios-arm64",
    ]);
    let output = home.run(&all);
    assert!(output.status.success(), "{}", home.seen(&output));
    home.assert_valid();
    let nodes = fs::read_to_string(home.lab("nodes.yaml")).unwrap();
    for line in [
        "\ncluster: lab\n",
        "\nimage: raspios-arm64\n",
        "  dns: [1.1.1.1, 9.9.9.9]\n",
        "\nmemory: 1GiB\n",
        "  - {name: a, address: 192.168.50.31, k3s: agent}\n  - {name: b, address: 192.168.50.32, k3s: server}\n",
    ] {
        assert!(nodes.contains(line), "{line}\n{nodes}");
    }
}

#[test]
fn wrong_answers_are_refused_before_anything_is_written() {
    let home = Home::new();
    let mut seen = String::new();
    for flags in [
        &["--name", "My Cluster"][..],
        &["--nodes", "north,north"],
        &["--nodes", "0"],
        &["--wifi", "a name of more than thirty-two bytes"],
        &["--dns", "home"],
        &["--first-address", "192.168.51.11"],
        &["--first-address", "192.168.50.1"],
        &["--key", "~/.ssh/id_rsa.pub"],
        &["--server", "south-east"],
        &["--k3s", "latest"],
        &["--board", "pi1"],
        &["--image", "raspbian"],
        &["--router", "192.168.50.1"],
    ] {
        let router: &[&str] = if flags[0] == "--router" { &[] } else { &ROUTER };
        let output = home.run(&[&["init", "--yes"], router, flags].concat());
        assert_eq!(output.status.code(), Some(2), "{flags:?}");
        seen += text(&output.stderr).lines().next().unwrap();
        seen += "\n";
    }
    assert_snapshot!("init__wrong", seen);
    assert!(listing(&home.lab("")).is_empty());
}

/// Runs the program at a terminal of 80 columns: waits for each text, and types what belongs to it.
const TERMINAL: &str = r#"
import fcntl, json, os, pty, struct, sys, termios, time
steps, argv = json.loads(sys.argv[1]), sys.argv[2:]
pid, terminal = pty.fork()
if pid == 0:
    os.execv(argv[0], argv)
fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 80, 0, 0))
seen, done = b"", 0
def read():
    global seen
    try:
        piece = os.read(terminal, 65536)
    except OSError:
        piece = b""
    seen += piece
    return bool(piece)
for expected, answer in steps:
    while expected.encode() not in seen[done:]:
        if not read():
            sys.exit(f"it ended before {expected!r}: {seen.decode()}")
    done = seen.index(expected.encode(), done) + len(expected.encode())
    # What is typed while the program is not reading may be lost.
    for _ in range(6000):
        if not termios.tcgetattr(terminal)[3] & termios.ECHO:
            break
        time.sleep(0.01)
    os.write(terminal, answer.encode())
while read():
    pass
sys.stdout.buffer.write(seen)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"#;

fn at_terminal(home: &Home, steps: &[(&str, &str)], arguments: &[&str]) -> Option<Output> {
    let mut python = oracle("python3")?;
    home.prepare(&mut python);
    python.args(["-c", TERMINAL, &serde_json::to_string(steps).unwrap()]);
    python.arg(Path::new(env!("CARGO_BIN_EXE_cardwright"))).args(arguments).env("TERM", "xterm");
    Some(python.output().unwrap())
}

#[test]
fn at_a_terminal_it_asks_nine_questions() {
    let home = Home::new();
    let steps = [
        ("Name of the cluster", "attic\r"),
        ("Nodes: their names, or how many", "north east\r"),
        ("Wi-Fi network", "\r"),
        ("Router", "192.168.50.1/24\r"),
        ("First address", "192.168.50.1\r"),
        ("somebody has already", "192.168.50.41\r"),
        ("Public key", "\r"),
        ("k3s server", "east\r"),
        ("Boards", "\u{1b}[B\r"),
        ("Stock image", "\r"),
    ];
    let Some(output) = at_terminal(&home, &steps, &["init"]) else { return };
    let said = text(&output.stdout);
    assert!(output.status.success(), "{said}{}", text(&output.stderr));
    assert!(said.contains("cardwright build"), "{said}");
    home.assert_valid();
    let nodes = fs::read_to_string(home.lab("nodes.yaml")).unwrap();
    for line in [
        "\ncluster: attic\n",
        "\nimage: raspios-lite-arm64\n",
        "[\"~/.ssh/id_ed25519.pub\"]\n",
        "  - {name: north, address: 192.168.50.41, k3s: agent}\n  - {name: east,  address: 192.168.50.42, k3s: server}\n",
    ] {
        assert!(nodes.contains(line), "{line}\n{nodes}");
    }
}

#[test]
fn at_a_terminal_the_password_of_the_wifi_goes_into_a_file_of_its_own() {
    let home = Home::new();
    let steps = [("Wi-Fi network", "my home\r"), ("Country", "\r"), ("Its password", "hunter2 hunter2\r")];
    let flags = with(&[
        "--name",
        "lab",
        "--nodes",
        "2",
        "--first-address",
        "192.168.50.31",
        "--key",
        "own",
        "--server",
        "none",
        "--board",
        "zero2",
        "--image",
        "demo",
    ]);
    let Some(output) = at_terminal(&home, &steps, &flags) else { return };
    let said = text(&output.stdout);
    assert!(output.status.success() && !said.contains("hunter2"), "{said}{}", text(&output.stderr));
    let nodes = fs::read_to_string(home.lab("nodes.yaml")).unwrap();
    assert!(
        nodes.contains("wifi: {ssid: \"my home\", password_file: wifi.password, country: DE}\n"),
        "{nodes}"
    );
    assert_eq!(fs::read_to_string(home.lab("wifi.password")).unwrap(), "hunter2 hunter2\n");
    assert_eq!(fs::metadata(home.lab("wifi.password")).unwrap().permissions().mode() & 0o777, 0o600);
    home.assert_valid();
}

#[test]
fn questions_that_are_broken_off_leave_nothing() {
    let home = Home::new();
    for question in ["Name of the cluster", "Public key"] {
        let steps = [
            ("Name of the cluster", "attic\r"),
            ("Nodes: their", "2\r"),
            ("Wi-Fi", "\r"),
            ("First address", "\r"),
            (question, "\u{3}"),
        ];
        let first = [(question, "\u{3}")];
        let steps = if question.starts_with("Name") { &first[..] } else { &steps[..] };
        let Some(output) = at_terminal(&home, steps, &with(&[])) else { return };
        let said = text(&output.stdout);
        assert_eq!(output.status.code(), Some(130), "{said}");
        assert!(said.contains("interrupted"), "{said}");
        assert!(listing(&home.lab("")).is_empty());
    }
}

#[test]
fn a_key_is_found_from_the_current_folder_wherever_the_cluster_is() {
    let home = Home::new();
    fs::write(home.lab("mine.pub"), KEY).unwrap();
    for (folder, named) in
        [(".", "./mine.pub".to_owned()), ("new", home.lab("./mine.pub").display().to_string())]
    {
        let output = home.run(&with(&["--yes", "--image", "demo", "--key", "./mine.pub", folder]));
        assert!(output.status.success(), "{}", home.seen(&output));
        let nodes = fs::read_to_string(home.lab(folder).join("nodes.yaml")).unwrap();
        assert!(nodes.contains(&named.replace("/./", "/")) || nodes.contains(&named), "{nodes}");
    }
}

#[test]
fn a_folder_that_cannot_be_written_to_is_said_so_in_the_words_of_init() {
    let home = Home::new();
    fs::write(home.lab("file"), "").unwrap();
    let output = home.run(&with(&["--yes", "file/new"]));
    let said = text(&output.stderr);
    assert!(output.status.code() == Some(1) && said.contains("`cardwright init FOLDER`"), "{said}");
    assert!(!said.contains("--output"), "{said}");
}

#[test]
fn a_secret_that_is_damaged_is_found_by_check() {
    let home = Home::new();
    assert!(home.run(&with(&["--yes", "--image", "demo"])).status.success());
    home.assert_valid();
    fs::write(home.lab("cluster.secret"), "5a5a\n").unwrap();
    let output = home.run(&["check"]);
    assert!(
        output.status.code() == Some(2) && text(&output.stderr).contains("cluster.secret"),
        "{}",
        home.seen(&output)
    );
}

#[test]
fn a_country_without_wifi_is_refused() {
    let home = Home::new();
    let output = home.run(&with(&["--yes", "--country", "DE"]));
    let said = text(&output.stderr);
    assert!(output.status.code() == Some(2) && said.contains("no Wi-Fi is named"), "{said}");
    assert!(listing(&home.lab("")).is_empty());
}

#[test]
fn an_init_that_fails_leaves_the_files_as_they_were() {
    let home = Home::new();
    fs::write(home.lab("no-key.pub"), "no key\n").unwrap();
    let wrong = with(&["--yes", "--image", "demo", "--key", "no-key.pub"]);
    assert_eq!(home.run(&wrong).status.code(), Some(2));
    for name in ["nodes.yaml", "cluster.secret", ".gitignore", "manifests/it-works.yaml"] {
        assert!(!home.lab(name).exists(), "{name}");
    }
    assert!(home.run(&with(&["--yes", "--image", "demo"])).status.success());
    let before = listing(&home.lab(""));
    let forced: Vec<_> = wrong.iter().copied().chain(["--force"]).collect();
    assert_eq!(home.run(&forced).status.code(), Some(2));
    assert_eq!(listing(&home.lab("")), before);
}
