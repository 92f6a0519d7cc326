//! A build says what changed since the last one, and what that means for each card.

use crate::support::{SECRET, Workshop, assert_snapshot, raw_demo, text};
use serde_json::Value;
use std::fs;

const NODES: &str = "\
cluster: compass
image: demo
network: {prefix: 24, gateway: 10.0.0.1}
k3s: {version: v1.36.4+k3s1}
files:
  - {path: /etc/motd, content: \"Welcome\\n\"}
nodes:
  - {name: north, address: 10.0.0.11, k3s: server}
  - {name: south, address: 10.0.0.12, k3s: agent}
  - {name: west, address: 10.0.0.13, k3s: agent}
";

/// The lines about what changed.
fn since(workshop: &Workshop, arguments: &[&str]) -> String {
    let said = workshop.succeed([&["build"], arguments].concat());
    let lines = said.lines().skip_while(|line| !line.starts_with("removed") && !line.starts_with("since"));
    lines.collect::<Vec<_>>().join("\n")
}

fn change(workshop: &Workshop, from: &str, to: &str) {
    let path = workshop.path("nodes.yaml");
    let before = fs::read_to_string(&path).unwrap();
    assert!(before.contains(from), "{from}");
    fs::write(path, before.replace(from, to)).unwrap();
}

#[test]
fn another_os_and_more_servers_want_an_order() {
    let workshop = Workshop::with_nodes(NODES);
    workshop.succeed(["build"]);
    change(
        &workshop,
        "name: south, address: 10.0.0.12, k3s: agent",
        "name: south, address: 10.0.0.12, k3s: server",
    );
    change(
        &workshop,
        "name: west, address: 10.0.0.13, k3s: agent",
        "name: west, address: 10.0.0.13, k3s: server",
    );
    fs::write(workshop.path("stock.img"), raw_demo()).unwrap();
    change(&workshop, "image: demo", "image: stock.img");
    let output = workshop.run(["build"]);
    let steps = text(&output.stderr);
    let from = steps.find("Another OS").unwrap_or_else(|| panic!("{steps}"));
    assert_snapshot!("changes__order", steps[from..].to_owned());
}

#[test]
fn a_build_says_what_changed_and_which_cards_have_to_be_flashed() {
    let workshop = Workshop::with_nodes(NODES);
    assert_eq!(since(&workshop, &[]), "");
    let mut said = vec![format!("nothing\n{}", since(&workshop, &[]))];
    // Lines that only move change nothing.
    change(&workshop, "cluster: compass\n", "# Ours.\n\ncluster: compass\n");
    for (what, from, to) in [
        ("lines", "nodes:\n", "\nnodes:\n"),
        ("a label", "10.0.0.13, k3s: agent", "10.0.0.13, k3s: {role: agent, labels: {room: attic}}"),
        ("a file", "Welcome\\n", "Come in\\n"),
        ("another k3s", "v1.36.4+k3s1", "v1.36.5+k3s1"),
        ("an address", "10.0.0.12", "10.0.0.22"),
        ("a role", "10.0.0.22, k3s: agent", "10.0.0.22, k3s: none"),
        (
            "a node more and one less",
            "{name: south, address: 10.0.0.22, k3s: none}",
            "{name: attic, address: 10.0.0.14, k3s: agent}",
        ),
    ] {
        change(&workshop, from, to);
        said.push(format!("{what}\n{}", since(&workshop, &[])));
    }
    said.push(format!("one alone\n{}", since(&workshop, &["--only", "west"])));
    assert_snapshot!("changes__since", said.join("\n\n"));
    let report: Value = serde_json::from_str(&workshop.succeed(["build", "--json"])).unwrap();
    let gone = report["changes"].as_array().unwrap().last().unwrap();
    assert_eq!(
        *gone,
        serde_json::json!({"node": "south", "state": "gone", "why": [], "card": "stays", "image": "images/south.img.xz"})
    );
    // An image that is somebody else's by now stays, as do those of nodes that are there.
    fs::rename(workshop.path("images/south.img.xz"), workshop.path("south.img.xz")).unwrap();
    fs::copy(workshop.path("images/west.img.xz"), workshop.path("images/south.img.xz")).unwrap();
    assert!(!since(&workshop, &["--prune"]).contains("removed"));
    fs::rename(workshop.path("south.img.xz"), workshop.path("images/south.img.xz")).unwrap();
    let pruned: Value = serde_json::from_str(&workshop.succeed(["build", "--prune", "--json"])).unwrap();
    assert_eq!(pruned["pruned"], serde_json::json!(["images/south.img.xz"]));
    assert!(!workshop.path("images/south.img.xz").exists() && workshop.path("images/west.img.xz").exists());
    assert!(!since(&workshop, &[]).contains("south"));
}

#[test]
fn cards_that_stay_are_not_flashed() {
    let workshop = Workshop::with_nodes(&NODES.replace("image: demo", "image: stock.img.xz"));
    fs::write(workshop.path("stock.img.xz"), cardwright::demo::IMAGE).unwrap();
    let advice = |workshop: &Workshop| text(&workshop.run(["build"]).stderr);
    assert!(advice(&workshop).contains("cardwright flash"));
    assert!(!advice(&workshop).contains("cardwright flash"));
    change(&workshop, "10.0.0.12", "10.0.0.22");
    let said = advice(&workshop);
    let flashed: Vec<&str> = said.lines().filter(|line| line.contains("sudo cardwright flash")).collect();
    assert_eq!(flashed, ["  sudo cardwright flash images/south.img.xz"], "{said}");
    // Another stock image is another card for all.
    let mut longer = cardwright::demo::IMAGE.to_vec();
    longer.extend([0; 4]);
    fs::write(workshop.path("stock.img.xz"), longer).unwrap();
    assert_eq!(since(&workshop, &[]).matches("another stock image: flash its card again").count(), 3);
}

#[test]
fn the_digests_of_plans_say_nothing_without_the_secret() {
    let workshop = Workshop::with_nodes(NODES);
    workshop.succeed(["build"]);
    let plans = fs::read_to_string(workshop.path("images/plans.json")).unwrap();
    let secret = cardwright::identity::ClusterSecret::from_hex(SECRET).unwrap();
    for content in ["north\n".to_owned(), format!("{}\n", *secret.node_password("north"))] {
        let digest = cardwright::types::Digest::of(content.as_bytes()).to_string();
        assert!(!plans.contains(digest.split_at(16).0), "{content}");
    }
    // With another secret, the same plan has other digests.
    let other = Workshop::with_nodes(NODES);
    let output = other.command().env("CARDWRIGHT_SECRET", "5a".repeat(32)).arg("build").output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    let theirs: Value = serde_json::from_slice(&fs::read(other.path("images/plans.json")).unwrap()).unwrap();
    let ours: Value = serde_json::from_str(&plans).unwrap();
    for key in ["root:/etc/hostname", "root:/etc/hosts"] {
        let of = |plans: &Value| plans["nodes"][0]["edits"][key].as_str().unwrap().to_owned();
        assert_eq!(of(&ours).len(), 16);
        assert_ne!(of(&ours), of(&theirs), "{key}");
    }
}
