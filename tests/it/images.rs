//! Images by name, and what cardwright.lock pins, with a server in the place of Raspberry Pi's and GitHub's.

use crate::support::publisher::{PROGRAM, Publisher};
use crate::support::{Workshop, assert_snapshot, root_file, text};
use cardwright::types::Digest;
use serde_json::Value;
use std::fs;

/// A cluster of one with this image and, where that is not empty, k3s.
fn workshop(image: &str, k3s: &str) -> Workshop {
    let (section, role) =
        if k3s.is_empty() { (String::new(), "") } else { (format!("k3s: {k3s}\n"), ", k3s: server") };
    Workshop::with_nodes(&format!(
        "cluster: compass\nimage: {image}\noutput: {{format: img}}\nnetwork: {{prefix: 24, gateway: 192.168.50.1}}\n\
         {section}nodes: [{{name: north, address: 192.168.50.11{role}}}]\n"
    ))
}

fn lock(workshop: &Workshop) -> Value {
    serde_json::from_slice(&fs::read(workshop.path("cardwright.lock")).unwrap()).unwrap()
}

#[test]
fn images_are_listed() {
    let publisher = Publisher::start();
    let content = vec![7; 700_000];
    for file in [
        "2026-09-15-raspios-trixie-arm64-lite.img.xz",
        "2026-10-06-raspios-bookworm-arm64-lite.img.xz",
        "2026-10-06-raspios-trixie-arm64-lite.img.xz",
        "2026-10-06-raspios-trixie-armhf.img.xz",
        "2026-10-06-raspios-trixie-arm64-full.img.xz",
        "2026-10-06-raspios-forky-arm64.img.xz",
        "2026-09-15-raspios-bookworm-arm64-lite.img.xz",
        "ubuntu-26.04-preinstalled-server-arm64+raspi.img.xz",
    ] {
        publisher.publish_image(file, &content);
    }
    let workshop = workshop("demo", "");
    let output = publisher.run(&workshop, &["images"]);
    let seen = publisher.seen(&workshop, &output);
    assert!(seen.lines().all(|line| line.chars().count() <= 80), "{seen}");
    assert_snapshot!("images__list", seen);
    let report = publisher.run(&workshop, &["images", "--json", "--os-list", &publisher.url("/list.json")]);
    let report: Value = serde_json::from_slice(&report.stdout).unwrap();
    assert_eq!(report["images"].as_array().unwrap().len(), 6);
    assert_eq!(report["images"][0]["download_sha256"], Digest::of(&content).to_string());
    assert_eq!(report["images"][0]["codename"], "trixie");
}

#[test]
fn a_list_that_is_none_is_said_so() {
    let publisher = Publisher::start();
    publisher.publish("/none.json", b"<html>");
    publisher.publish("/empty.json", b"{}");
    let workshop = workshop("raspios-arm64", "");
    let mut seen = String::new();
    for path in ["/none.json", "/empty.json", "/missing.json", "/list.json"] {
        let output = publisher.run(&workshop, &["build", "--os-list", &publisher.url(path)]);
        seen += &publisher.seen(&workshop, &output);
    }
    publisher.publish_image("2026-10-06-raspios-trixie-arm64.img.xz", b"an image");
    let output = publisher.run(&workshop, &["build", "--image", "raspios-arm64@2026-09-15"]);
    seen += &publisher.seen(&workshop, &output);
    assert_snapshot!("images__no_list", seen);
    assert!(!workshop.path("images").exists() && !workshop.path("cardwright.lock").exists());
}

#[test]
fn names_are_checked() {
    let mut seen = String::new();
    for image in [
        "raspios-lite-arm46",
        "raspios-lite-arm64@trixie",
        "raspios-riscv-everything",
        "{name: stock.img.xz}",
        "{name: raspios-arm64, sha256: 00}",
        "{name: raspios-arm64, grow: much}",
        "./raspios-arm64",
        "{name: raspios-arm64, grow: 1GiB}",
    ] {
        let workshop = workshop(image, "");
        let output = workshop.run(["check"]);
        let said: Vec<String> = text(&output.stderr).lines().map(str::to_owned).collect();
        let said = said.iter().filter(|line| !line.trim_start().starts_with(['-', '|', '2']));
        let said = said.cloned().collect::<Vec<_>>().join("\n");
        seen.extend(["## image: ", image, "\n", &said, "\n"]);
    }
    assert_snapshot!("images__names", seen);
}

#[test]
fn an_image_by_its_name_is_downloaded_once_and_stays_the_same() {
    let publisher = Publisher::with_everything();
    let workshop = workshop("raspios-lite-arm64", "");
    // `check` asks nobody.
    let checked = publisher.run(&workshop, &["check"]);
    assert!(checked.status.success() && publisher.requests().is_empty());
    assert!(text(&checked.stderr).contains("`cardwright fetch` finds and downloads it"));

    let built = publisher.run(&workshop, &["build"]);
    assert!(built.status.success(), "{}", publisher.seen(&workshop, &built));
    assert!(text(&built.stderr).contains("which pins raspios-lite-arm64@2026-10-06"));
    let pinned = fs::read_to_string(workshop.path("cardwright.lock")).unwrap();
    assert_snapshot!(
        "images__lock",
        pinned.replace(&publisher.url(""), "http://SERVER").replace(env!("CARGO_PKG_VERSION"), "VERSION")
    );
    let image = fs::read(workshop.path("images/north.img")).unwrap();

    // A newer one changes nothing, and nobody is asked for anything any more.
    publisher.publish_image("2026-11-18-raspios-trixie-arm64-lite.img.xz", b"another image");
    let requests = publisher.requests().len();
    for arguments in
        [&["check"][..], &["build", "--locked"], &["build", "--offline"], &["verify", "images/north.img"]]
    {
        let output = publisher.run(&workshop, arguments);
        assert!(output.status.success(), "{arguments:?}: {}", publisher.seen(&workshop, &output));
    }
    assert_eq!(publisher.requests().len(), requests);
    assert!(fs::read(workshop.path("images/north.img")).unwrap() == image);
    assert_eq!(fs::read_to_string(workshop.path("cardwright.lock")).unwrap(), pinned);

    let mut seen = String::new();
    for arguments in [&["update", "--dry-run"][..], &["update"], &["update"]] {
        seen += &publisher.seen(&workshop, &publisher.run(&workshop, arguments));
    }
    assert_snapshot!("images__update", seen);
    assert_eq!(lock(&workshop)["image"]["release_date"], "2026-11-18");

    // A day that is named stays that day.
    let nodes = fs::read_to_string(workshop.path("nodes.yaml")).unwrap();
    let dated = nodes.replace("raspios-lite-arm64", "{name: raspios-lite-arm64@2026-10-06, grow: none}");
    fs::write(workshop.path("nodes.yaml"), dated).unwrap();
    assert!(publisher.run(&workshop, &["build"]).status.success());
    let report = publisher.run(&workshop, &["update", "--json"]);
    let report: Value = serde_json::from_slice(&report.stdout).unwrap();
    assert_eq!(report["changes"], serde_json::json!([]));
    assert_eq!(lock(&workshop)["image"]["release_date"], "2026-10-06");
    assert!(fs::read(workshop.path("images/north.img")).unwrap() == image);
}

#[test]
fn a_locked_build_refuses_every_difference_and_names_it() {
    let publisher = Publisher::with_everything();
    publisher.publish_image("2026-10-06-raspios-trixie-arm64.img.xz", b"desktop");
    let workshop = workshop("raspios-lite-arm64", "{version: v1.36.4+k3s1, install: bundled}");
    let locked = || publisher.run(&workshop, &["build", "--locked"]);
    let mut seen = publisher.seen(&workshop, &locked());
    assert!(publisher.run(&workshop, &["fetch"]).status.success());
    assert!(locked().status.success());

    let nodes = fs::read_to_string(workshop.path("nodes.yaml")).unwrap();
    let other = nodes.replace("-lite", "").replace("v1.36.4+k3s1", "v1.37.0+k3s1");
    fs::write(workshop.path("nodes.yaml"), other).unwrap();
    let pins = fs::read_to_string(workshop.path("cardwright.lock")).unwrap();
    let older = pins
        .replace(&format!("\"cardwright\": \"{}\"", env!("CARGO_PKG_VERSION")), "\"cardwright\": \"0.0.1\"");
    fs::write(workshop.path("cardwright.lock"), &older).unwrap();
    seen += &publisher.seen(&workshop, &locked()).replace(env!("CARGO_PKG_VERSION"), "VERSION");
    fs::write(workshop.path("nodes.yaml"), &nodes).unwrap();
    fs::write(workshop.path("cardwright.lock"), pins.replace("\"format\": 1", "\"format\": 2")).unwrap();
    seen += &publisher.seen(&workshop, &locked());
    fs::write(workshop.path("cardwright.lock"), "<<<<<<< HEAD\n").unwrap();
    seen += &publisher.seen(&workshop, &locked());
    assert_snapshot!("images__locked", seen);
}

#[test]
fn k3s_of_a_release_goes_inside_the_cards() {
    let publisher = Publisher::with_everything();
    let workshop = workshop("raspios-lite-arm64", "{version: v1.36.4+k3s1, install: bundled}");
    let built = publisher.run(&workshop, &["build"]);
    assert!(built.status.success(), "{}", publisher.seen(&workshop, &built));
    assert_eq!(lock(&workshop)["k3s"]["files"]["k3s-arm64"], Digest::of(PROGRAM).to_string());
    let image = workshop.path("images/north.img");
    let Some(found) = root_file(&image, "/usr/local/bin/k3s") else { return };
    assert!(found.ends_with("stub of k3s"), "{found}");
    let archive = "/var/lib/rancher/k3s/agent/images/k3s-airgap-images-arm64.tar.zst";
    assert_eq!(root_file(&image, archive).unwrap(), "an archive");
}
