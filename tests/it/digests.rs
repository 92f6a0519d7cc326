//! The bytes of every result are a promise: `digests.txt` has the SHA-256 of each, and a change of any fails here.
//!
//! Where a change is meant, UPDATE_DIGESTS=1 writes the table anew; CHANGELOG.md then says "Bytes of images change"
//! and why.

use crate::support::{SECRET, Workshop, many_blocks, raw_demo, text};
use cardwright::types::Digest;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// The time of all results, as a CI gives it.
const TIME: &str = "1790000000";

/// The first bytes of a program for arm64: as much of k3s as anything here looks at.
const PROGRAM: &[u8] = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x02\0\xb7\0stub of k3s";

const NETWORK: &str = "network: {prefix: 24, gateway: 192.168.50.1, dns: [192.168.50.1, 1.1.1.1]}\n";

/// A server alone, with a key and nothing else.
const ONE: &str = "\
user: {name: pi, ssh_authorized_keys: [\"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f me\"]}
k3s: {version: v1.36.4+k3s1}
nodes:
  - {name: north, address: 192.168.50.11, k3s: server}
";

/// Nodes without k3s.
const PLAIN: &str = "\
swap: off
first_boot: [echo hello]
nodes:
  - {name: north, address: 192.168.50.11}
  - {name: east, address: 192.168.50.12, first_boot: [echo east]}
";

/// Four nodes, and as many concerns as the demo image has files for.
const FOUR: &str = "\
timezone: Etc/UTC
ntp: 192.168.50.1
swap: off
memory: 4GiB
boot: {config: [dtparam=audio=off], cmdline: [\"usb-storage.quirks=152d:0578:u\"], page_size: 4k}
files:
  - {path: /etc/motd, content: \"Welcome to compass\\n\"}
  - {path: /usr/local/bin/backup, source: backup.sh, mode: 0755}
  - {path: ~/.bash_aliases, content: \"alias k=kubectl\\n\"}
first_boot: [apt-get update]
k3s:
  version: v1.36.4+k3s1
  manifests: [manifests/it-works.yaml]
  disable: [metrics-server]
  labels: {room: attic}
  agent: {taints: [\"room=attic:PreferNoSchedule\"]}
  registries: {mirrors: {docker.io: {endpoint: [\"https://mirror.example.org\"]}}}
  server: {config: {write-kubeconfig-mode: \"0640\", write-kubeconfig-group: sudo}}
  kubeconfig: {lifetime: 3y}
nodes:
  - {name: north, address: 192.168.50.11, k3s: server}
  - {name: east, address: 192.168.50.12, k3s: agent}
  - {name: south, address: 192.168.50.13, k3s: agent, timezone: Etc/UTC}
  - {name: west, address: 192.168.50.14, k3s: agent, boot: {config: [dtparam=i2c=on]}}
";

/// Three servers with an address in common, and an agent.
const SERVERS: &str = "\
k3s: {version: v1.36.4+k3s1, virtual_address: 192.168.50.10, manifests: [manifests/it-works.yaml]}
nodes:
  - {name: north, address: 192.168.50.11, k3s: server}
  - {name: east, address: 192.168.50.12, k3s: server}
  - {name: south, address: 192.168.50.13, k3s: server}
  - {name: west, address: 192.168.50.14, k3s: agent}
";

/// k3s inside the cards.
const BUNDLED: &str = "\
k3s: {version: v1.36.4+k3s1, install: {bundled: {binary: {arm64: k3s-arm64}, images: [images.tar.zst, nginx.tar]}}}
nodes:
  - {name: north, address: 192.168.50.11, k3s: server}
  - {name: east, address: 192.168.50.12, k3s: agent}
";

/// One build: a name, nodes.yaml below its first lines, the stock image and the format.
struct Case {
    name: &'static str,
    nodes: &'static str,
    image: &'static str,
    format: &'static str,
}

const MANY_BLOCKS: &str = "stock.img.xz";

/// The one-node cluster in every format; the four-node cluster in every format of both stock images; the others in
/// the formats that are made in different ways.
fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    let mut add = |name, nodes, image, format| cases.push(Case { name, nodes, image, format });
    for format in ["img", "img.xz", "img.zst", "img.gz"] {
        add("one", ONE, "demo", format);
        add("four", FOUR, "demo", format);
        add("four-many-blocks", FOUR, MANY_BLOCKS, format);
    }
    add("plain", PLAIN, "demo", "img");
    add("plain", PLAIN, MANY_BLOCKS, "img.xz");
    add("three-servers", SERVERS, "demo", "img.zst");
    add("three-servers", SERVERS, MANY_BLOCKS, "img.xz");
    add("bundled", BUNDLED, "demo", "img");
    add("bundled", BUNDLED, MANY_BLOCKS, "img.xz");
    add("bundled-grown", BUNDLED, "{path: stock.img.xz, grow: 16MiB}", "img.xz");
    add("bundled-grown", BUNDLED, "{path: stock.img.xz, grow: 16MiB}", "img.gz");
    cases
}

/// Bytes that nothing makes smaller.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 1_u64;
    let words = (0..length / 8).map(|_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    });
    words.flat_map(u64::to_le_bytes).collect()
}

/// Builds a case and returns the digest of every file that came out.
fn build(case: &Case, stock: &[u8], threads: &str) -> BTreeMap<String, String> {
    let image = case.image;
    let workshop =
        Workshop::with_nodes(&format!("cluster: compass\nimage: {image}\n{NETWORK}{}", case.nodes));
    fs::write(workshop.path(MANY_BLOCKS), stock).unwrap();
    fs::write(workshop.path("backup.sh"), "#!/bin/sh\nexit 0\n").unwrap();
    fs::write(workshop.path("k3s-arm64"), PROGRAM).unwrap();
    fs::write(workshop.path("images.tar.zst"), noise(1 << 20)).unwrap();
    fs::write(workshop.path("nginx.tar"), b"another archive").unwrap();
    let mut command = workshop.command();
    command.env("CARDWRIGHT_SECRET", SECRET).env("SOURCE_DATE_EPOCH", TIME);
    command.args(["build", "--jobs", threads, "--format", case.format, "--bmap"]);
    command.args(["--imager", "--base-url", "https://example.org/compass/"]);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}: {}", case.name, text(&output.stderr));
    let mut digests = BTreeMap::new();
    for entry in fs::read_dir(workshop.path("images")).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        // A page for people, whose words and looks are no promise. That it is the same on every run is held elsewhere.
        if name == "index.html" {
            continue;
        }
        let bytes = fs::read(entry.path()).unwrap();
        let mine = workshop.path("").display().to_string();
        let has_path =
            !name.contains(".img") && String::from_utf8_lossy(&bytes).contains(mine.trim_end_matches('/'));
        // The login key's path is in ssh_config: the folder's own name is no part of what is promised.
        let bytes = if has_path {
            text(&bytes).replace(mine.trim_end_matches('/'), "FOLDER").into_bytes()
        } else {
            bytes
        };
        digests.insert(format!("{}.{}/{name}", case.name, case.format), Digest::of(&bytes).to_string());
    }
    digests
}

#[test]
fn the_bytes_of_all_results_are_those_of_the_table() {
    let stock = many_blocks(&raw_demo());
    let mut found = BTreeMap::from([(format!("stock/{MANY_BLOCKS}"), Digest::of(&stock).to_string())]);
    for (number, case) in cases().iter().enumerate() {
        found.extend(build(case, &stock, ["1", "5"][number % 2]));
    }
    let lines: Vec<_> = found.iter().map(|(name, digest)| format!("{digest}  {name}\n")).collect();
    let found = lines.concat();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/digests.txt");
    if std::env::var_os("UPDATE_DIGESTS").is_some() {
        fs::write(&path, &found).unwrap();
        return;
    }
    let table = fs::read_to_string(&path).unwrap();
    let differ = |one: &str, other: &str| {
        let lines: Vec<_> = one.lines().filter(|line| !other.lines().any(|known| known == *line)).collect();
        lines.join("\n  ")
    };
    assert!(
        found == table,
        "The bytes of results are a promise, and these changed. If that is meant, say so in CHANGELOG.md and write the \
         table anew with UPDATE_DIGESTS=1.\nin the table:\n  {}\nfound:\n  {}",
        differ(&table, &found),
        differ(&found, &table)
    );
}
