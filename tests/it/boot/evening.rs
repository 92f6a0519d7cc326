//! The whole evening: from an empty folder to four nodes that are ready, each step timed, with what the network has in the
//! place of Raspberry Pi's and k3s's own servers.

use crate::boot::card::Card;
use crate::boot::cluster::{NODES, Suite};
use crate::boot::command::run;
use crate::boot::k3s_binary::{STUB, binary};
use crate::boot::login::login_key;
use crate::boot::machine::{Machine, Settings};
use crate::boot::time_server::start_time_server;
use crate::boot::wire::{GATEWAY, Wire};
use crate::support::publisher::{Publisher, RELEASE};
use cardwright::types::Digest;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Instant;

/// 4 GB as it is printed on a card.
const CARD_SIZE: u64 = 4_000_000_000;

/// The program in a folder, with the published files at hand.
struct Evening {
    folder: PathBuf,
    publisher: Publisher,
}

impl Evening {
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cardwright"));
        command.current_dir(&self.folder).args(arguments).stdin(Stdio::null());
        for name in
            ["CI", "CARDWRIGHT_SECRET", "SSH_AUTH_SOCK", "http_proxy", "HTTP_PROXY", "ALL_PROXY", "all_proxy"]
        {
            command.env_remove(name);
        }
        command.env("CARDWRIGHT_OS_LIST", self.publisher.url("/list.json"));
        command.env("CARDWRIGHT_GITHUB", self.publisher.url(""));
        command.env("CARDWRIGHT_CACHE", self.folder.with_extension("cache"));
        command
    }

    /// Runs a step, and prints what it said and how long it took.
    fn step(&self, arguments: &[&str]) {
        let began = Instant::now();
        let said = run(&mut self.command(arguments));
        eprintln!("$ cardwright {}\n{said}# {:.1} s", arguments.join(" "), began.elapsed().as_secs_f64());
    }
}

/// Publishes the test image under the name of today's, and a release of k3s that is the stub.
fn publish(folder: &Path) -> Publisher {
    let publisher = Publisher::start();
    let image = folder.with_extension("img.xz");
    run(Command::new("sh")
        .args(["-c", "xz -0 -T2 -c \"$1\" >\"$2\"", "xz"])
        .arg(Suite::Trixie.test_image())
        .arg(&image));
    publisher.publish_image("2026-10-06-raspios-trixie-arm64-lite.img.xz", &fs::read(image).unwrap());
    let mut sums = String::new();
    for (name, content) in
        [("k3s-arm64", binary()), ("k3s-airgap-images-arm64.tar.zst", b"an archive".to_vec())]
    {
        sums.extend([&Digest::of(&content).to_string(), "  ", name, "\n"]);
        publisher.publish(&format!("{RELEASE}/{name}"), &content);
    }
    publisher.publish(&format!("{RELEASE}/sha256sum-arm64.txt"), sums.as_bytes());
    publisher
}

/// Writes what this place needs into the nodes.yaml of `init`: k3s inside the cards, and the time of this side.
fn edit(nodes_yaml: &Path) {
    let stub = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/boot/k3s_stub.py");
    let mut text = fs::read_to_string(nodes_yaml).unwrap();
    for (before, after) in [
        ("install: download", "install: bundled".to_owned()),
        ("# ntp: 192.168.50.1", format!("ntp: {GATEWAY}")),
        (
            "# files: [{path: /etc/motd, content: Welcome}]",
            format!("files: [{{path: {STUB}, source: '{}', mode: 0755}}]", stub.display()),
        ),
    ] {
        assert!(text.contains(before), "{before}\n{text}");
        text = text.replace(before, &after);
    }
    fs::write(nodes_yaml, text).unwrap();
}

/// Writes a card by way of a loop device.
fn flash(evening: &Evening, node: &str) -> Card {
    let path = evening.folder.join(format!("{node}.card"));
    File::create(&path).unwrap().set_len(CARD_SIZE).unwrap();
    let device = run(Command::new("losetup").args(["--find", "--show"]).arg(&path));
    let device = device.trim();
    evening.step(&["flash", node, "--to", device, "--yes"]);
    run(Command::new("losetup").args(["-d", device]));
    Card { path }
}

#[test]
#[ignore = "boots four machines: run tests/harness/boot-test.sh --long"]
fn an_empty_folder_becomes_a_cluster_of_four() {
    let _wire = Wire::with_ports(4);
    let _time = start_time_server();
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("boot/evening");
    if folder.exists() {
        fs::remove_dir_all(&folder).unwrap();
    }
    fs::create_dir_all(&folder).unwrap();
    let (key, _) = login_key(folder.parent().unwrap());
    let evening = Evening { publisher: publish(&folder), folder };
    let began = Instant::now();
    let public_key = key.with_extension("pub").display().to_string();
    let names = NODES.map(|(name, _)| name).join(",");
    let router = format!("{GATEWAY}/24");
    evening.step(&[
        "init",
        "--yes",
        "--name",
        "lab",
        "--router",
        &router,
        "--dns",
        GATEWAY,
        "--nodes",
        &names,
        "--first-address",
        NODES[0].1,
        "--key",
        &public_key,
    ]);
    edit(&evening.folder.join("nodes.yaml"));
    evening.step(&["check"]);
    evening.step(&["fetch"]);
    evening.step(&["build"]);
    let mut machines = NODES.map(|(name, address)| {
        let port = NODES.iter().position(|(other, _)| *other == name).unwrap();
        let settings = Settings {
            port,
            address: address.to_owned(),
            has_second_wire: false,
            user: "pi".to_owned(),
            key: key.clone(),
            sudo_password: None,
            boot_mount: Suite::Trixie.boot_mount(),
            kernel_words: String::new(),
            clock: None,
        };
        Machine::new(&evening.folder.join(name), flash(&evening, name), settings)
    });
    let switched_on = Instant::now();
    for machine in &mut machines {
        machine.power_on();
    }
    let status = thread::spawn({
        let mut status = evening.command(&["status", "--timeout", "20m"]);
        move || status.output().unwrap()
    });
    for machine in &mut machines {
        machine.wait_for_login();
    }
    let status = status.join().unwrap();
    let said = String::from_utf8_lossy(&status.stdout);
    eprintln!("$ cardwright status\n{said}# {:.1} s", switched_on.elapsed().as_secs_f64());
    assert!(status.status.success(), "{}", String::from_utf8_lossy(&status.stderr));
    for (name, _) in NODES {
        assert!(said.lines().any(|line| line.contains(&format!("  {name}  ready  v1.36.4+k3s1"))), "{name}");
    }
    evening.step(&["status", "--once"]);
    eprintln!("# the evening took {:.0} s", began.elapsed().as_secs_f64());
}
