//! What a person sees: snapshots of the command line's own words.

use crate::support::{SECRET, Workshop, assert_snapshot, content, stat, text};
use std::fs;
use std::io::Write as _;

/// A cluster of one, without k3s.
const SINGLE: &str = "\
cluster: single
image: demo
network: {prefix: 24, gateway: 10.1.1.1}
user: {ssh_authorized_keys: [ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJlVjLLsdzCPQ4eJtKWZvUH8mPCYgYdYLVEGeiRTMNOR me]}
nodes:
  - {name: alone, address: 10.1.1.2}
";

#[test]
fn check_says_what_a_valid_file_holds() {
    let workshop = Workshop::with_example();
    assert_snapshot!("command_line__check", workshop.seen(&workshop.run(["check"])));
}

#[test]
fn check_shows_every_mistake_at_once() {
    let workshop = Workshop::with_nodes(
        "\
cluster: Compass
image: {path: stock.img, sha265: 00}
network: {prefix: 24, gateway: 192.168.51.1}
k3s: {version: latest}
nodes:
  - {name: north, adress: 192.168.50.11, k3s: server}
  - {name: North, address: 192.168.50.12, k3s: agent}
  - {name: south, address: 192.168.50.12, k3s: agnet}
",
    );
    assert_snapshot!("command_line__check_mistakes", workshop.seen(&workshop.run(["check"])));
}

#[test]
fn check_warns_of_what_is_valid_and_may_still_disappoint() {
    let workshop = Workshop::with_nodes(
        "\
cluster: compass
image: demo
network: {prefix: 24, gateway: 192.168.50.1}
k3s: {version: v1.36.4+k3s1}
nodes:
  - {name: north, address: 192.168.50.11, k3s: server}
  - {name: east, address: 192.168.50.12, k3s: server}
  - {name: south, address: 192.168.50.13, k3s: server}
",
    );
    assert_snapshot!("command_line__check_warnings", workshop.seen(&workshop.run(["check"])));
    let report: serde_json::Value = serde_json::from_str(&workshop.succeed(["check", "--json"])).unwrap();
    assert_eq!(report["warnings"][0]["line"], 7);
    assert!(text(&workshop.run(["build"]).stderr).starts_with("warning: 3 servers"));
}

#[test]
fn check_tells_programs_the_same() {
    let workshop = Workshop::with_nodes("cluster: c\nimage: demo\nnodes: []\n");
    let output = workshop.run(["check", "--json"]);
    assert_eq!(output.status.code(), Some(2));
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["valid"], false);
    assert!(!report["problems"].as_array().unwrap().is_empty());
}

#[test]
fn a_missing_nodes_yaml_is_said_so() {
    let workshop = Workshop::with_example();
    assert_snapshot!("command_line__no_nodes_yaml", workshop.seen(&workshop.run(["check", "nowhere.yaml"])));
}

#[test]
fn a_missing_stock_image_is_said_so() {
    let workshop = Workshop::with_example();
    assert_snapshot!("command_line__no_stock_image", workshop.seen(&workshop.run(["build"])));
    assert!(!workshop.path("images/north.img").exists());
}

#[test]
fn what_is_no_image_is_said_so() {
    let workshop = Workshop::with_example();
    fs::write(workshop.path("x.img"), "hello").unwrap();
    assert_snapshot!("command_line__no_image", workshop.seen(&workshop.run(["build", "--image", "x.img"])));
}

#[test]
fn a_truncated_image_is_said_so_and_leaves_nothing_behind() {
    let workshop = Workshop::with_example();
    let whole = cardwright::demo::IMAGE;
    fs::write(workshop.path("x.img.xz"), &whole[..whole.len() / 2]).unwrap();
    assert_snapshot!(
        "command_line__truncated_image",
        workshop.seen(&workshop.run(["build", "--image", "x.img.xz"]))
    );
    assert_eq!(fs::read_dir(workshop.path("images")).unwrap().count(), 0);
}

#[test]
fn another_hash_than_the_pinned_one_is_said_so() {
    let pinned =
        SINGLE.replace("image: demo", &format!("image: {{path: x.img, sha256: {}}}", "ab".repeat(32)));
    let workshop = Workshop::with_nodes(&pinned);
    fs::write(workshop.path("x.img"), "hello").unwrap();
    assert_snapshot!("command_line__another_hash", workshop.seen(&workshop.run(["build"])));
}

#[test]
fn a_folder_is_answered_with_the_file_in_it() {
    let workshop = Workshop::with_nodes(SINGLE);
    fs::create_dir(workshop.path("lab")).unwrap();
    fs::rename(workshop.path("nodes.yaml"), workshop.path("lab/nodes.yaml")).unwrap();
    for (folder, hint) in
        [("lab", "Name the file: `lab/nodes.yaml`"), ("lab/", "It is a folder: name the file in it")]
    {
        let output = workshop.run(["check", folder]);
        assert_eq!(output.status.code(), Some(2));
        let said = text(&output.stderr);
        assert!(said.contains(hint), "{said}");
    }
}

#[test]
fn a_plan_of_several_nodes_has_once_what_all_have() {
    let two = SINGLE.replace("  - {name: alone", "  - {name: other, address: 10.1.1.3}\n  - {name: alone");
    let workshop = Workshop::with_nodes(&two);
    let shown = workshop.succeed(["plan"]);
    let lines = |part: &str| shown.lines().filter(|line| line.contains(part)).count();
    assert_eq!(
        (lines("each of the 2 nodes"), lines("sshd.service ->"), lines("eth0.nmconnection")),
        (1, 1, 2)
    );
    assert_eq!(
        workshop.succeed(["plan", "alone"]).lines().filter(|line| line.contains("sshd.service ->")).count(),
        1
    );
}

#[test]
fn plan_shows_every_edit_of_a_node() {
    let workshop = Workshop::with_nodes(SINGLE);
    assert_snapshot!("command_line__plan", workshop.seen(&workshop.run(["plan"])));
}

#[test]
fn plan_knows_only_the_nodes_there_are() {
    let workshop = Workshop::with_nodes(SINGLE);
    let shown = workshop.succeed(["plan", "--contents"]);
    assert!(shown.contains("          | address1=10.1.1.2/24,10.1.1.1\n"), "{shown}");
    assert!(!shown.contains("PRIVATE KEY"), "{shown}");
    assert_snapshot!("command_line__plan_unknown_node", workshop.seen(&workshop.run(["plan", "nobody"])));
}

#[test]
fn inspect_draws_the_disk() {
    let workshop = Workshop::with_nodes(SINGLE);
    assert_snapshot!("command_line__inspect", workshop.seen(&workshop.run(["inspect", "demo"])));
}

#[test]
fn inspect_tells_whose_card_it_is() {
    let workshop = Workshop::with_nodes(SINGLE);
    workshop.succeed(["build", "--format", "img"]);
    let output = workshop.succeed(["inspect", "--json", "images/alone.img"]);
    let report: serde_json::Value = serde_json::from_str(&output).unwrap();
    assert_eq!(report["card"]["node"], "alone");
    assert_eq!(report["card"]["cluster"], "single");
    assert_eq!(report["release"]["codename"], "trixie");
}

#[test]
fn wrong_usage_ends_with_2() {
    let workshop = Workshop::with_nodes(SINGLE);
    assert_eq!(workshop.run(["bake"]).status.code(), Some(2));
    assert_eq!(workshop.run(["build", "--jobs", "0"]).status.code(), Some(2));
    // No time, a second before FAT begins, and the first second that is not read back.
    for wrong in ["yesterday", "315532799", "2147483648"] {
        let output = workshop.command().env("SOURCE_DATE_EPOCH", wrong).arg("plan").output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{wrong}: {}", text(&output.stderr));
    }
}

#[test]
fn an_empty_source_date_epoch_counts_as_none() {
    let workshop = Workshop::with_nodes(SINGLE);
    let mut command = workshop.command();
    command.env("CARDWRIGHT_SECRET", SECRET).env("SOURCE_DATE_EPOCH", "").arg("plan");
    content(command);
}

#[cfg(unix)]
#[test]
fn a_source_date_epoch_that_is_no_text_is_refused() {
    use std::os::unix::ffi::OsStrExt as _;
    let workshop = Workshop::with_nodes(SINGLE);
    let wrong = std::ffi::OsStr::from_bytes(b"17\xff");
    let output = workshop.command().env("SOURCE_DATE_EPOCH", wrong).arg("plan").output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{}", text(&output.stderr));
}

#[test]
fn results_go_to_standard_output_and_talk_to_standard_error() {
    let workshop = Workshop::with_nodes(SINGLE);
    fs::write(workshop.path("stock.img.xz"), cardwright::demo::IMAGE).unwrap();
    let output = workshop.run(["build", "--format", "img", "--image", "stock.img.xz"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert_eq!(text(&output.stdout).lines().count(), 1, "{}", text(&output.stdout));
    if cfg!(target_os = "linux") {
        assert!(text(&output.stderr).contains("sudo cardwright flash"), "{}", text(&output.stderr));
    }
    assert!(!text(&output.stderr).contains('\x1b'));
}

#[test]
fn a_card_of_the_last_second_that_files_can_have_is_read_back() {
    let workshop = Workshop::with_nodes(SINGLE);
    for arguments in [["build", "--locked"], ["verify", "images/alone.img.xz"]] {
        let mut command = workshop.command();
        command.env("CARDWRIGHT_SECRET", SECRET).env("SOURCE_DATE_EPOCH", "2147483647");
        command.args(arguments);
        content(command);
    }
}

#[test]
fn the_time_of_what_is_written_comes_from_source_date_epoch() {
    let workshop = Workshop::with_nodes(SINGLE);
    workshop.succeed(["build", "--format", "img"]);
    let before = fs::read(workshop.path("images/alone.img")).unwrap();
    let mut command = workshop.command();
    command
        .env("CARDWRIGHT_SECRET", SECRET)
        .env("SOURCE_DATE_EPOCH", "1700000000")
        .args(["build", "--format", "img"]);
    content(command);
    let image = workshop.path("images/alone.img");
    assert!(before != fs::read(&image).unwrap());
    if let Some(said) = stat(&image, "/etc/hostname") {
        // 1700000000 is 2023-11-14 22:13:20 UTC; debugfs prints the seconds in hexadecimal. The file keeps
        // its inode, and with it the time of its birth.
        assert_eq!(said.matches("0x6553f100").count(), 3, "{said}");
    }
}

#[test]
fn another_size_or_partition_table_is_a_difference_of_the_disk_and_of_no_file() {
    let workshop = Workshop::with_nodes(SINGLE);
    workshop.succeed(["build", "--format", "img"]);
    let image = fs::read(workshop.path("images/alone.img")).unwrap();
    let mut with_other_table = image.clone();
    // The disk's identifier in the MBR.
    with_other_table[440] ^= 1;
    let mut with_other_gap = image.clone();
    with_other_gap[4096] ^= 1;
    let longer = [&image[..], &[0; 512]].concat();
    let mut with_other_file = image.clone();
    // The record is a file that nothing else depends on.
    let at = memchr::memmem::find(&image, b"\"single\",").unwrap();
    with_other_file[at + 1] = b'S';
    let wanted = image.len();
    for (changed, kind, what) in [
        (longer, "disk", format!("has {} bytes, where it should have {wanted}", wanted + 512)),
        (with_other_table, "disk", "has another partition table than planned".to_owned()),
        (with_other_gap, "disk", "has other bytes before its first partition than planned".to_owned()),
        (with_other_file, "file", String::new()),
    ] {
        fs::write(workshop.path("changed.img"), changed).unwrap();
        let output = workshop.run(["verify", "--json", "changed.img"]);
        assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
        let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let differences = report["differences"].as_array().unwrap();
        assert!(differences.iter().all(|difference| difference["kind"] == kind), "{report}");
        if kind == "disk" {
            assert!(differences.contains(&serde_json::json!({ "kind": "disk", "what": what })), "{report}");
            let said = text(&workshop.run(["verify", "changed.img"]).stdout);
            assert!(said.contains(&format!("disk: it {what}\n")), "{said}");
        } else {
            assert_eq!(differences[0]["path"], "/etc/cardwright/card.json");
            assert_eq!(differences[0]["partition"], "root");
        }
    }
}

/// A cluster of two, without k3s.
const PAIR: &str = "\
cluster: pair
image: demo
network: {prefix: 24, gateway: 10.1.1.1}
nodes:
  - {name: one, address: 10.1.1.2}
  - {name: two, address: 10.1.1.3}
";

#[test]
fn a_node_and_a_nodes_yaml_are_named_with_or_without_a_flag_on_every_command() {
    let workshop = Workshop::with_nodes("");
    fs::create_dir(workshop.path("lab")).unwrap();
    // A folder of a node's name is no file.
    fs::create_dir(workshop.path("two")).unwrap();
    fs::write(workshop.path("lab/pair.yaml"), PAIR).unwrap();
    fs::write(workshop.path("nodes.yaml"), PAIR).unwrap();
    for named in [
        &["two"][..],
        &["-n", "two"],
        &["--node", "two"],
        &["--only", "two"],
        &["two", "nodes.yaml"],
        &["-f", "lab/pair.yaml", "two"],
        &["--file", "lab/pair.yaml", "-n", "two"],
        &["lab/pair.yaml", "two"],
        &["lab/pair.yaml", "--only", "two"],
    ] {
        let run = |command: &[&str]| workshop.succeed([command, named].concat());
        let built: serde_json::Value =
            serde_json::from_str(&run(&["build", "--json", "--format", "img", "-o", "out"])).unwrap();
        assert_eq!(built["images"].as_array().unwrap().len(), 1, "{named:?}: {built}");
        assert_eq!(built["images"][0]["node"], "two", "{named:?}");
        let planned: serde_json::Value = serde_json::from_str(&run(&["plan", "--json"])).unwrap();
        assert_eq!(planned["nodes"].as_array().unwrap().len(), 1, "{named:?}");
        assert_eq!(planned["nodes"][0]["node"], "two", "{named:?}");
        assert_eq!(run(&["check"]), "pair: 2 nodes\ntwo: 10.1.1.3/24 on eth0\n", "{named:?}");
    }
    for named in [&[][..], &["-n", "two"], &["--node", "two", "-f", "lab/pair.yaml"], &["--only", "two"]] {
        workshop.succeed([&["verify", "out/two.img"][..], named].concat());
    }
    workshop.succeed(["plan", "nodes.yaml"]);
    workshop.succeed(["check", "nodes.yaml"]);
}

#[test]
fn what_is_named_and_is_not_there_is_answered_with_what_is() {
    let workshop = Workshop::with_nodes(PAIR);
    let mut said = Vec::new();
    for (arguments, code) in [
        (&["build", "three"][..], 2),
        (&["check", "three"], 2),
        (&["check", "-n", "three"], 1),
        (&["plan", "three"], 1),
        (&["build", "-f", "a.yaml", "b.yaml"], 2),
        (&["plan", "three.yaml"], 2),
        (&["inspect", "-n", "one", "x.img"], 2),
        (&["inspect", "x.img"], 1),
        (&["verify", "x.img"], 1),
        (&["build", "--image", "x.img"], 1),
        (&["build", "--image", "2026-10-06-raspios-trixie-arm64-lite.img.xz"], 1),
    ] {
        let output = workshop.run(arguments);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}", text(&output.stderr));
        said.push(format!("$ cardwright {}\n{}", arguments.join(" "), text(&output.stderr)));
    }
    assert_snapshot!("command_line__not_there", said.join("\n"));
}

#[test]
fn verify_without_a_secret_asks_for_the_one_that_the_image_was_built_with() {
    let workshop = Workshop::with_nodes(SINGLE);
    workshop.succeed(["build", "--format", "img"]);
    let output = workshop.command().args(["verify", "images/alone.img"]).output().unwrap();
    assert_snapshot!("command_line__verify_no_secret", workshop.seen(&output));
    assert!(!workshop.path("cluster.secret").exists());
}

#[test]
fn a_download_that_broke_off_is_said_to_end_too_early() {
    let workshop = Workshop::with_nodes(SINGLE);
    fs::write(workshop.path("stock.img.xz"), cardwright::demo::IMAGE).unwrap();
    for format in ["img", "img.xz", "img.gz", "img.zst", "zip"] {
        let path = workshop.path(&format!("images/alone.{format}"));
        if format == "zip" {
            let mut zip = zip::ZipWriter::new(fs::File::create(&path).unwrap());
            zip.start_file("alone.img", zip::write::SimpleFileOptions::default()).unwrap();
            zip.write_all(&fs::read(workshop.path("images/alone.img")).unwrap()).unwrap();
            zip.finish().unwrap();
        } else {
            workshop.succeed(["build", "--image", "stock.img.xz", "--format", format]);
        }
        let whole = fs::read(&path).unwrap();
        // Less than a sector is not missed in a raw image, whose end is filled with zeros.
        let least = if format == "img" { 4097 } else { 1 };
        for length in [whole.len() / 3, whole.len() / 4 * 3, whole.len() - least] {
            fs::write(workshop.path("cut"), &whole[..length]).unwrap();
            for arguments in [&["inspect", "cut"][..], &["build", "--image", "cut"]] {
                let output = workshop.run(arguments);
                let said = text(&output.stderr) + &text(&output.stdout);
                let (early, short) = (said.contains("ends too early"), said.contains("cut short"));
                assert!(early || short, "{format} at {length}: {said}");
            }
        }
    }
}

#[test]
fn after_a_build_of_the_demo_nobody_is_told_to_flash_it() {
    let workshop = Workshop::with_nodes(SINGLE);
    let said = text(&workshop.run(["build"]).stderr);
    assert!(said.contains("they do not boot") && !said.contains("dd of="), "{said}");
    // What it says to run, runs.
    let commands: Vec<&str> = said.lines().filter_map(|line| line.strip_prefix("  cardwright ")).collect();
    assert_eq!(commands.len(), 3, "{said}");
    for command in commands {
        workshop.succeed(command.split(' '));
    }
}

#[test]
fn a_secret_that_cards_were_written_with_is_not_made_anew() {
    let workshop = Workshop::with_example();
    let card = serde_json::json!({
        "cluster": "compass", "node": "north", "device": "/dev/sdb", "size": 1000, "time": 0, "date": "1970-01-01",
        "written": 10, "sha256": "0".repeat(64),
    });
    fs::write(workshop.path("cards.json"), serde_json::json!({"cards": [card]}).to_string()).unwrap();
    let output = workshop.command().args(["build", "--image", "demo"]).output().unwrap();
    assert_snapshot!("command_line__secret_of_cards", workshop.seen(&output));
    assert!(!workshop.path("cluster.secret").exists() && !workshop.path("images/north.img.xz").exists());
}
