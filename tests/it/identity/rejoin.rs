//! `--rejoin`: a server that is flashed again, of a cluster that went on without it.

use crate::identity::{THREE_SERVERS, TLS};
use crate::support::{Workshop, assert_snapshot, text};
use serde_json::Value;

/// The paths that a plan writes on a node's card.
fn paths(workshop: &Workshop, arguments: &[&str]) -> Vec<String> {
    let plan: Value =
        serde_json::from_str(&workshop.succeed([&["plan", "--json"], arguments].concat())).unwrap();
    let edits = plan["nodes"][0]["edits"].as_array().unwrap();
    edits.iter().map(|edit| edit["path"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn the_plan_shows_that_the_first_server_starts_nothing_again() {
    let workshop = Workshop::with_nodes(THREE_SERVERS);
    let (first, again) = (paths(&workshop, &["north"]), paths(&workshop, &["north", "--rejoin", "north"]));
    assert!(first.iter().any(|path| path.starts_with(TLS)));
    let missing: Vec<_> = first.iter().filter(|path| !again.contains(path)).collect();
    assert!(missing.iter().all(|path| path.starts_with("/var/lib/rancher")), "{missing:?}");
    assert!(!again.iter().any(|path| path.starts_with(TLS)), "{again:?}");
    let other = ["east", "--rejoin", "north"];
    assert_eq!(paths(&workshop, &["east"]), paths(&workshop, &other));
}

#[test]
fn a_card_that_rejoins_is_built_and_verified_as_one() {
    let workshop = Workshop::with_nodes(THREE_SERVERS);
    workshop.succeed(["build", "--format", "img"]);
    let read = |node: &str| std::fs::read(workshop.path(&format!("images/{node}.img"))).unwrap();
    let before = ["east", "south", "west"].map(read);
    let output = workshop.run(["build", "--format", "img", "--rejoin", "north"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("\n  kubectl delete node north\n"), "{}", text(&output.stderr));
    assert!(before == ["east", "south", "west"].map(read), "another card changed");
    workshop.succeed(["verify", "--every-file", "images/north.img"]);
    workshop.succeed(["verify", "--every-file", "--node", "north", "images/north.img"]);
}

#[test]
fn a_card_that_joins_through_another_server_is_built_and_verified_as_one() {
    let workshop = Workshop::with_nodes(THREE_SERVERS);
    let output = workshop.run([
        "build",
        "--format",
        "img",
        "--only",
        "west,east",
        "--rejoin",
        "east",
        "--through",
        "south",
    ]);
    let said = text(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert!(said.contains("\n  cardwright build --rejoin east --through north\n"), "{said}");
    workshop.succeed(["verify", "--every-file", "images/west.img"]);
    workshop.succeed(["verify", "--every-file", "images/east.img"]);
    workshop.succeed(["build", "--format", "img", "--only", "west"]);
    let output = workshop.run(["build", "--only", "west", "--through", "west"]);
    assert!(!output.status.success());
    assert!(text(&output.stderr).contains("`west`, which is no server"), "{}", text(&output.stderr));
}

#[test]
fn who_cannot_rejoin_is_told_so() {
    let workshop = Workshop::with_nodes(THREE_SERVERS);
    let mut seen = String::new();
    for node in ["west", "nobody"] {
        seen.push_str(&workshop.seen(&workshop.run(["plan", "--rejoin", node])));
    }
    let single = Workshop::with_example();
    seen.push_str(&single.seen(&single.run(["plan", "--image", "demo", "--rejoin", "north"])));
    assert_snapshot!("identity__who_cannot_rejoin", seen);
}
