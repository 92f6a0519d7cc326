//! A build writes over its own results and over nothing else.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::print_stderr,
    unreachable_pub,
    missing_docs,
    reason = "a test fails by panicking"
)]

mod support;

use cardwright::disk::{ByteOffset, ReadAt as _};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use support::{Workshop, content, judge, partition, text};

const NODES: &str = "\
cluster: compass
image: demo
network: {prefix: 24, gateway: 10.0.0.1}
k3s: {version: v1.36.4+k3s1}
nodes:
  - {name: north, address: 10.0.0.11, k3s: server}
  - {name: east, address: 10.0.0.12, k3s: agent}
";

const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJlVjLLsdzCPQ4eJtKWZvUH8mPCYgYdYLVEGeiRTMNOR me\n";

/// Everything in a folder, links by what they lead to.
fn listing(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    let name = |entry: &fs::DirEntry| entry.file_name().into_string().unwrap();
    entries.map(|entry| (name(&entry), fs::read(entry.path()).unwrap_or_else(|_| Vec::new()))).collect()
}

/// Builds without a secret in the environment; it has to be refused with all of `said`, and to change nothing.
#[track_caller]
fn refused(workshop: &Workshop, arguments: &[&str], said: &[&str]) {
    let folders = ["", "images"].map(|folder| workshop.path(folder));
    let before = folders.each_ref().map(|folder| listing(folder));
    let output = workshop.command().arg("build").args(arguments).output().unwrap();
    let shown = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{shown}");
    for words in said.iter().chain(&["hint: Choose another folder with `--output`"]) {
        assert!(shown.contains(words), "`{words}` is not in {shown}");
    }
    assert!(before == folders.each_ref().map(|folder| listing(folder)), "something changed");
}

/// The demo image, decompressed.
fn raw_demo() -> Vec<u8> {
    let image = cardwright::demo::open().unwrap();
    let mut bytes = vec![0; usize::try_from(image.size().0).unwrap()];
    image.read_at(ByteOffset(0), &mut bytes).unwrap();
    bytes
}

fn workshop(nodes: &str) -> Workshop {
    let workshop = Workshop::with_nodes(nodes);
    fs::create_dir(workshop.path("images")).unwrap();
    workshop
}

#[test]
fn the_stock_image_is_not_written_over_when_it_has_the_name_of_a_result() {
    let stock =
        [("north.img", raw_demo(), "img"), ("north.img.xz", cardwright::demo::IMAGE.to_vec(), "img.xz")];
    for (name, bytes, format) in stock {
        let workshop = workshop(&NODES.replace("demo", &format!("images/{name}")));
        fs::write(workshop.path(&format!("images/{name}")), &bytes).unwrap();
        let is_stock = format!("images/{name} is the stock image `images/{name}`");
        refused(&workshop, &["--format", format], &[&is_stock]);
        // Also when another one is taken this time, and when it is named from elsewhere.
        let is_named = format!("images/{name} is a file that nodes.yaml names, `images/{name}`");
        refused(&workshop, &["--format", format, "--image", "demo"], &[&is_named]);
        let whole = workshop.path("images").join(name);
        let whole = whole.to_str().unwrap();
        refused(&workshop, &["--format", format, "--image", whole], &["is the stock image `"]);
        // Neither has the other format's images in its way.
        workshop.succeed(["build", "--format", if format == "img" { "img.xz" } else { "img" }]);
        assert!(fs::read(workshop.path(&format!("images/{name}"))).unwrap() == bytes);
    }
}

#[cfg(unix)]
#[test]
fn an_input_is_found_behind_links_and_hard_links() {
    use std::os::unix::fs::symlink;
    let names = ["north.img", "north.img.bmap", "SHA256SUMS", "compass.rpi-imager-manifest", "kubeconfig"];
    for name in names {
        for hard in [true, false] {
            let workshop = workshop(&NODES.replace("demo", "stock.img"));
            fs::write(workshop.path("stock.img"), raw_demo()).unwrap();
            let link = workshop.path("images").join(name);
            if hard {
                fs::hard_link(workshop.path("stock.img"), link).unwrap();
            } else {
                symlink("../stock.img", link).unwrap();
            }
            let said = format!("images/{name} is the stock image `stock.img`");
            refused(&workshop, &["--format", "img"], &[&said]);
        }
    }
    let workshop = workshop(&NODES.replace("demo", "images/north.img"));
    fs::write(workshop.path("images/north.img"), raw_demo()).unwrap();
    symlink("images", workshop.path("also")).unwrap();
    refused(&workshop, &["--format", "img", "--output", "also"], &["also/north.img is the stock image"]);
}

#[test]
fn every_kind_of_input_is_kept() {
    let in_node = |more: &str| NODES.replace("address: 10.0.0.11,", &format!("address: 10.0.0.11, {more},"));
    let in_k3s = |more: &str| NODES.replace("v1.36.4+k3s1}", &format!("v1.36.4+k3s1, {more}}}"));
    let object = r#"{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}}"#;
    for (name, content, nodes) in [
        ("id_ed25519.pub", KEY, in_node("user: {ssh_authorized_keys: [images/id_ed25519.pub]}")),
        ("known_hosts", "x\n", in_node("files: [{path: /etc/x, source: images/known_hosts}]")),
        ("build.json", object, in_k3s("manifests: [images/build.json]")),
        ("ssh_config", "mirrors: {}\n", in_k3s("registries: images/ssh_config")),
        ("kubeconfig", "#!\n", in_k3s("install: {bundled: {binary: {arm64: images/kubeconfig}}}")),
    ] {
        let workshop = workshop(&nodes);
        fs::write(workshop.path("images").join(name), content).unwrap();
        let said = format!("images/{name} is a file that nodes.yaml names, `images/{name}`");
        refused(&workshop, &[], &[&said]);
    }
    let workshop = workshop(&in_k3s("manifests: [images]"));
    fs::write(workshop.path("images/build.json"), object).unwrap();
    refused(&workshop, &[], &["images/build.json is a file that nodes.yaml names"]);

    let workshop = workshop_with_file("images/SHA256SUMS", NODES);
    refused(&workshop, &["images/SHA256SUMS", "--output", "images"], &["SHA256SUMS is the nodes.yaml"]);

    let workshop = workshop_with_file("cluster.secret", &"5a".repeat(32));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = fs::Permissions::from_mode(0o600);
        fs::set_permissions(workshop.path("cluster.secret"), mode).unwrap();
    }
    fs::hard_link(workshop.path("cluster.secret"), workshop.path("images/kubeconfig")).unwrap();
    refused(&workshop, &[], &["images/kubeconfig is the cluster's secret `cluster.secret`"]);
}

fn workshop_with_file(name: &str, content: &str) -> Workshop {
    let workshop = workshop(NODES);
    fs::write(workshop.path(name), content).unwrap();
    workshop
}

/// What `build --output ~/.ssh` did.
#[test]
fn keys_and_known_hosts_of_the_users_own_are_kept() {
    let workshop = workshop(NODES);
    let (key, other) = (workshop.path("images/id_ed25519"), workshop.path("images/known_hosts"));
    let Some(mut keygen) = judge("ssh-keygen") else { return };
    content({
        keygen.args(["-q", "-t", "ed25519", "-N", "", "-C", "ann@laptop", "-f"]).arg(&key);
        keygen
    });
    let host = KEY.replace(" me", "");
    fs::write(&other, format!("github.com {host}")).unwrap();
    let output = workshop.run(["build"]);
    insta::assert_snapshot!(workshop.seen(&output));
    refused(
        &workshop,
        &[],
        &["images/id_ed25519 was", "images/id_ed25519.pub was", "images/known_hosts was"],
    );
    assert!(!workshop.path("cluster.secret").exists());
    for name in ["id_ed25519", "id_ed25519.pub", "known_hosts"] {
        fs::remove_file(workshop.path("images").join(name)).unwrap();
    }
    workshop.succeed(["build"]);
    workshop.succeed(["build"]);

    // ssh adds what it met to the file that the user has put to their own use.
    let ours = fs::read_to_string(&other).unwrap();
    fs::write(&other, format!("{ours}github.com {host}")).unwrap();
    refused(&workshop, &[], &["images/known_hosts was not written by cardwright, or was changed since"]);
    fs::write(&other, &ours).unwrap();
    // kubectl leaves comments out of what it writes.
    let kubeconfig = workshop.path("images/kubeconfig");
    let ours = fs::read_to_string(&kubeconfig).unwrap();
    fs::write(&kubeconfig, ours.split_once('\n').unwrap().1).unwrap();
    refused(&workshop, &[], &["images/kubeconfig was"]);
    fs::write(&kubeconfig, &ours).unwrap();
    // The same key under another comment, and with a passphrase, which hides the comment.
    for change in [["-c", "-C", "mine"], ["-p", "-N", "a passphrase"]] {
        let mut keygen = judge("ssh-keygen").unwrap();
        keygen.args(change).args(["-q", "-P", "", "-f"]).arg(&key);
        content(keygen);
        workshop.succeed(["build"]);
    }
}

#[test]
fn whatever_else_is_in_the_way_is_kept() {
    let others = [
        ("north.img.xz", cardwright::demo::IMAGE),
        ("east.img.xz", b"no image at all"),
        ("build.json", b"{\"scripts\": {}}"),
        ("SHA256SUMS", b"0123  raspios.img.xz\n"),
        ("north.img.bmap", b"<?xml version=\"1.0\" ?>\n<bmap version=\"2.0\"></bmap>\n"),
        ("compass.rpi-imager-manifest", b"{\"os_list\": []}"),
        ("ssh_config", b"# The nodes of my rack\nHost *\n"),
        ("kubeconfig", b"apiVersion: v1\nkind: Config\n"),
    ];
    let workshop = workshop(NODES);
    for (name, content) in others {
        let path = workshop.path("images").join(name);
        fs::write(&path, content).unwrap();
        refused(&workshop, &[], &[&format!("images/{name} was not written by cardwright")]);
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        refused(&workshop, &[], &[&format!("images/{name} is no regular file")]);
        fs::remove_dir(&path).unwrap();
        // Nothing is lost with an empty one.
        fs::write(&path, "").unwrap();
    }
    workshop.succeed(["build"]);
    // A folder that is refused is not made either.
    fs::write(workshop.path("images/north.img.xz"), cardwright::demo::IMAGE).unwrap();
    fs::remove_file(workshop.path("images/build.json")).unwrap();
    refused(&workshop, &[], &["images/north.img.xz was"]);
    // One that is not written this time is in nobody's way.
    workshop.succeed(["build", "--only", "east"]);
    workshop.succeed(["build", "--output", "elsewhere"]);
}

#[test]
fn a_build_replaces_earlier_results_in_every_format() {
    for format in ["img", "img.xz", "img.zst", "img.gz"] {
        let workshop = Workshop::with_nodes(NODES);
        let build = ["build", "--format", format, "--bmap", "--imager"];
        workshop.succeed(build);
        // By what build.json says, by what is in them, and without any list of them.
        workshop.succeed(build);
        for entry in fs::read_dir(workshop.path("images")).unwrap() {
            let path = entry.unwrap().path();
            let bytes = fs::read(&path).unwrap();
            fs::remove_file(&path).unwrap();
            fs::write(&path, bytes).unwrap();
        }
        fs::remove_file(workshop.path("images/build.json")).unwrap();
        workshop.succeed(build.iter().chain(&["--no-checksums"]));
        workshop.succeed(build.iter().chain(&["--no-checksums"]));
        // Other nodes, another name, another secret.
        fs::write(workshop.path("nodes.yaml"), NODES.replace("compass", "rose").replace("east", "west"))
            .unwrap();
        workshop.command().args(build).output().unwrap();
        workshop.succeed(build);
    }
}

#[test]
fn a_copy_of_a_card_that_was_in_use_is_kept() {
    let workshop = Workshop::with_nodes(NODES);
    workshop.succeed(["build", "--format", "img"]);
    let image = workshop.path("images/north.img");
    let Some(mut debugfs) = judge("debugfs") else { return };
    fs::write(workshop.path("machine-id"), "0123456789abcdef0123456789abcdef\n").unwrap();
    let commands =
        format!("rm /etc/machine-id\nwrite {} /etc/machine-id\n", workshop.path("machine-id").display());
    fs::write(workshop.path("commands"), commands).unwrap();
    debugfs.arg("-w").arg("-f").arg(workshop.path("commands"));
    debugfs.arg(format!("{}?offset={}", image.display(), partition(&image, 2).0));
    content(debugfs);
    refused(&workshop, &["--format", "img"], &["images/north.img is a copy of a card that was in use"]);
    workshop.succeed(["build", "--format", "img", "--only", "east"]);
}

#[test]
fn commands_that_show_make_no_secret() {
    let workshop = workshop(NODES);
    let before = listing(&workshop.path(""));
    let run = |arguments: &[&str]| {
        let output = workshop.command().env("CARDWRIGHT_CACHE", "").env("HOME", "").args(arguments).output();
        output.unwrap()
    };
    let output = run(&["plan"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("there is no cluster.secret yet, which `cardwright build` makes"));
    assert!(text(&output.stdout).contains("/etc/rancher/k3s/config.yaml"));
    let plan: serde_json::Value = serde_json::from_slice(&run(&["plan", "--json"]).stdout).unwrap();
    assert_eq!(plan["throwaway_secret"], true);
    for arguments in [&["check"][..], &["inspect", "demo"], &["verify", "demo"], &["plan", "--locked"]] {
        run(arguments);
    }
    assert_eq!(run(&["plan", "--locked"]).status.code(), Some(1));
    assert!(before == listing(&workshop.path("")), "something was made");
    // With a secret, the plan is that of the build.
    workshop.command().arg("build").output().unwrap();
    let plan: serde_json::Value = serde_json::from_slice(&run(&["plan", "--json"]).stdout).unwrap();
    assert_eq!(plan["throwaway_secret"], false);
}
