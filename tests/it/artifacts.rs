//! k3s and container images inside the cards, and cards larger than the stock image, on the demo image.

use crate::support::{
    Workshop, assert_oracles_accept, assert_snapshot, content, debugfs, oracle, partition, root_file, stat,
    text,
};
use cardwright::types::Digest;
use std::fs;
use std::path::Path;

const MIB: u64 = 1 << 20;
/// What stands in for k3s: a program of the right architecture, as far as its first bytes tell.
const PROGRAM: &[u8] = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x02\0\xb7\0stub of k3s";

/// A cluster of two with `image` and `install` as given, `k3s-arm64` and two archives beside it, the first of
/// `megabytes`.
fn workshop(image: &str, install: &str, megabytes: usize) -> Workshop {
    let workshop = Workshop::with_nodes(&format!(
        "\
cluster: compass
image: {image}
output: {{format: img}}
network: {{prefix: 24, gateway: 192.168.50.1}}
k3s: {{version: v1.36.4+k3s1, install: {install}}}
nodes:
  - {{name: north, address: 192.168.50.11, k3s: server}}
  - {{name: east, address: 192.168.50.12, k3s: agent}}
"
    ));
    fs::write(workshop.path("k3s-arm64"), PROGRAM).unwrap();
    fs::write(workshop.path("images.tar.zst"), archive(megabytes)).unwrap();
    fs::write(workshop.path("nginx.tar"), b"another archive").unwrap();
    workshop
}

const BUNDLED: &str = "{bundled: {binary: {arm64: k3s-arm64}, images: [images.tar.zst, nginx.tar]}}";

/// Bytes that no packing makes smaller.
fn archive(megabytes: usize) -> Vec<u8> {
    let mut state = 1_u64;
    let words = (0..megabytes << 17).map(|_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    });
    words.flat_map(u64::to_le_bytes).collect()
}

/// The SHA-256 of a file on the card, as debugfs reads it.
fn digest_on_card(image: &Path, path: &str, folder: &Path) -> Option<Digest> {
    let out = folder.join("dumped");
    debugfs(image, &format!("dump {path} {}", out.display()))?;
    Some(Digest::of(&fs::read(out).unwrap()))
}

#[test]
fn a_bundled_k3s_is_on_every_card_and_nothing_is_downloaded() {
    let workshop = workshop("demo", BUNDLED, 2);
    workshop.succeed(["build"]);
    for (node, unit) in [("north", "k3s"), ("east", "k3s-agent")] {
        let image = workshop.path(&format!("images/{node}.img"));
        assert_oracles_accept(&image);
        workshop.succeed(["verify", "--every-file", &format!("images/{node}.img")]);
        assert_eq!(fs::metadata(&image).unwrap().len(), 96 * MIB, "what fits does not grow");
        for (path, expected) in [
            ("/usr/local/bin/k3s", Digest::of(PROGRAM)),
            ("/var/lib/rancher/k3s/agent/images/images.tar.zst", Digest::of(&archive(2))),
            ("/var/lib/rancher/k3s/agent/images/nginx.tar", Digest::of(b"another archive")),
            ("/var/lib/rancher/k3s/agent/images/.cache.json", Digest::of(b"")),
        ] {
            let Some(found) = digest_on_card(&image, path, &workshop.path("images")) else { return };
            assert_eq!(found, expected, "{path}");
        }
        let said = stat(&image, "/usr/local/bin/k3s").unwrap();
        assert!(said.contains("Mode:  0755") && said.contains("User:     0   Group:     0"), "{said}");
        for link in ["kubectl", "crictl", "ctr"] {
            let said = stat(&image, &format!("/usr/local/bin/{link}")).unwrap();
            assert!(said.contains("Fast link dest: \"k3s\""), "{said}");
        }
        let wants = format!("/etc/systemd/system/multi-user.target.wants/{unit}.service");
        assert!(stat(&image, &wants).unwrap().contains("Type: symlink"));
        let drop_in = format!("/etc/systemd/system/{unit}.service.d/cardwright.conf");
        let drop_in = root_file(&image, &drop_in).unwrap();
        assert!(drop_in.contains("ExecStartPre=/usr/local/lib/cardwright/start-k3s\n"), "{drop_in}");
        let missing = stat(&image, "/usr/local/lib/cardwright/install-k3s").unwrap();
        assert!(missing.contains("File not found"), "{missing}");
    }
}

#[test]
fn the_plan_shows_the_artifacts_as_what_it_is() {
    let workshop = workshop("demo", BUNDLED, 1);
    let report: serde_json::Value = serde_json::from_str(&workshop.succeed(["plan", "--json"])).unwrap();
    assert_eq!(report["disk"], serde_json::json!({"size": 96 * MIB, "growth": 0}));
    for node in report["nodes"].as_array().unwrap() {
        let edits = node["edits"].as_array().unwrap();
        let edit = |path: &str| edits.iter().find(|edit| edit["path"] == path).unwrap();
        let images = edit("/var/lib/rancher/k3s/agent/images/images.tar.zst");
        assert_eq!(images["sha256"], Digest::of(&archive(1)).to_string());
        assert_eq!((images["size"].as_u64(), images["shared"].as_bool()), (Some(MIB), Some(true)));
        assert_eq!(edit("/usr/local/bin/k3s")["shared"], true);
        assert_eq!(edit("/etc/hostname").get("shared"), None);
    }
    let shown = workshop.succeed(["plan", "east"]);
    assert!(
        shown.contains(&format!("{} B  /usr/local/bin/k3s  (the same on every node)\n", PROGRAM.len())),
        "{shown}"
    );
}

#[test]
fn a_card_grows_where_the_artifacts_does_not_fit() {
    let workshop = workshop("demo", BUNDLED, 60);
    workshop.succeed(["build"]);
    let shown = workshop.succeed(["plan", "north"]);
    assert!(shown.starts_with("cards of 160 MiB: the root partition is 64 MiB larger"), "{shown}");
    for node in ["north", "east"] {
        let image = workshop.path(&format!("images/{node}.img"));
        assert_eq!(fs::metadata(&image).unwrap().len(), 160 * MIB);
        assert_eq!(partition(&image, 2), (48 * MIB, 112 * MIB));
        assert_oracles_accept(&image);
        workshop.succeed(["verify", "--every-file", &format!("images/{node}.img")]);
    }
    let again = fs::read(workshop.path("images/east.img")).unwrap();
    workshop.succeed(["build", "--jobs", "3", "--output", "again"]);
    assert!(fs::read(workshop.path("again/east.img")).unwrap() == again, "two builds differ");
}

#[test]
fn a_card_grows_as_much_as_nodes_yaml_says_and_still_grows_at_the_first_boot() {
    let workshop = workshop("{path: demo, grow: 200MiB}", "download", 1);
    workshop.succeed(["build"]);
    let image = workshop.path("images/north.img");
    assert_eq!(partition(&image, 2), (48 * MIB, 248 * MIB));
    assert_oracles_accept(&image);
    workshop.succeed(["verify", "--every-file", "images/north.img"]);
    // sfdisk agrees on the table, and partition 2 ends where the image does.
    if let Some(mut sfdisk) = oracle("sfdisk") {
        sfdisk.arg("--verify").arg(&image);
        let said = content(sfdisk);
        assert!(said.contains("No errors detected"), "{said}");
    }
    // The first boot: the card is larger, the end of partition 2 moves there, resize2fs follows.
    let card = workshop.path("card.img");
    fs::copy(&image, &card).unwrap();
    fs::File::options().write(true).open(&card).unwrap().set_len(700 * MIB).unwrap();
    let (Some(mut shell), Some(mut resize2fs)) = (oracle("sh"), oracle("resize2fs")) else { return };
    shell.args(["-c", "echo ', +' | /usr/sbin/sfdisk --no-reread -N 2 \"$0\""]).arg(&card);
    content(shell);
    let (start, length) = partition(&card, 2);
    assert_eq!(start + length, 700 * MIB);
    let root = crate::support::cut(&card, start, length);
    resize2fs.arg("-f").arg(root.path());
    content(resize2fs);
    let mut e2fsck = oracle("e2fsck").unwrap();
    e2fsck.arg("-fn").arg(root.path());
    content(e2fsck);
}

/// What a person sees, but for how much a node's own small files take.
fn assert_says(workshop: &Workshop, command: &str, snapshot: &str) {
    let seen = workshop.seen(&workshop.run([command]));
    insta::with_settings!({omit_expression => true, filters => [(r"76(\.\d)? MiB", "76 MiB")]}, {
        assert_snapshot!(snapshot, seen);
    });
}

#[test]
fn where_nothing_may_grow_it_is_said_what_does_not_fit() {
    let image = "{path: demo, grow: none}";
    let workshop = workshop(image, BUNDLED, 60);
    assert_says(&workshop, "build", "artifacts__does_not_fit");
    assert!(!workshop.path("images/north.img").exists());
}

#[test]
fn a_growth_that_is_too_small_is_said_so() {
    let workshop = workshop("{path: demo, grow: 16MiB}", BUNDLED, 60);
    assert_says(&workshop, "build", "artifacts__growth_too_small");
}

#[test]
fn a_program_that_cannot_be_k3s_is_refused() {
    let workshop = workshop("demo", BUNDLED, 1);
    fs::write(workshop.path("k3s-arm64"), b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x02\0\x3e\0").unwrap();
    assert_says(&workshop, "build", "artifacts__no_k3s");
}

#[test]
fn another_digest_than_the_pinned_one_is_refused() {
    let pinned = format!(
        "{{bundled: {{binary: {{arm64: k3s-arm64}}, images: [{{path: nginx.tar, sha256: {}}}]}}}}",
        "ab".repeat(32)
    );
    let workshop = workshop("demo", &pinned, 1);
    assert_says(&workshop, "plan", "artifacts__another_digest");
}

#[test]
fn verify_finds_a_changed_byte_in_the_artifacts_and_a_card_that_did_not_grow() {
    let workshop = workshop("{path: demo, grow: 64MiB}", BUNDLED, 1);
    workshop.succeed(["build"]);
    let path = workshop.path("images/east.img");
    let image = fs::read(&path).unwrap();
    let mut changed = image.clone();
    let at = memchr::memmem::find(&changed, b"stub of k3s").unwrap();
    changed[at] ^= 1;
    fs::write(&path, &changed).unwrap();
    let output = workshop.run(["verify", "images/east.img"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        text(&output.stdout).contains("/usr/local/bin/k3s has another content"),
        "{}",
        text(&output.stdout)
    );

    // The same cards, but nodes.yaml asks for larger ones.
    fs::write(&path, &image).unwrap();
    let nodes = fs::read_to_string(workshop.path("nodes.yaml")).unwrap();
    fs::write(workshop.path("nodes.yaml"), nodes.replace("64MiB", "128MiB")).unwrap();
    let output = workshop.run(["verify", "images/east.img"]);
    assert!(text(&output.stdout).contains("another partition table"), "{}", text(&output.stdout));
}

/// A node without k3s has nothing of it on its card, though the others have.
#[test]
fn a_node_without_k3s_gets_no_artifacts() {
    let workshop = workshop("demo", BUNDLED, 1);
    let nodes = fs::read_to_string(workshop.path("nodes.yaml")).unwrap();
    fs::write(workshop.path("nodes.yaml"), nodes + "  - {name: plain, address: 192.168.50.13}\n").unwrap();
    workshop.succeed(["build"]);
    for node in ["north", "plain"] {
        assert_oracles_accept(&workshop.path(&format!("images/{node}.img")));
        workshop.succeed(["verify", "--every-file", &format!("images/{node}.img")]);
    }
    let Some(said) = stat(&workshop.path("images/plain.img"), "/usr/local/bin/k3s") else { return };
    assert!(said.contains("File not found"), "{said}");
}
