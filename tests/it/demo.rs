//! The main job on the demo image: what the README's first command does, and what oracles say of it.

use crate::support::{
    NODES, Workshop, assert_oracles_accept, assert_snapshot, boot_file, change_root, root_file, stat, text,
};
use std::fs;

#[test]
fn four_images_come_out_of_the_example() {
    let workshop = Workshop::with_example();
    workshop.succeed(["build", "--format", "img", "--image", "demo"]);
    for node in NODES {
        let image = workshop.path(&format!("images/{node}.img"));
        assert_oracles_accept(&image);
        if let Some(hostname) = root_file(&image, "/etc/hostname") {
            assert_eq!(hostname, format!("{node}\n"));
        }
        if let Some(hosts) = root_file(&image, "/etc/hosts") {
            for other in NODES {
                assert!(hosts.contains(other), "{node}'s /etc/hosts does not know {other}:\n{hosts}");
            }
        }
        if let Some(cmdline) = boot_file(&image, "/cmdline.txt") {
            assert_eq!(cmdline.lines().count(), 1, "{cmdline}");
            assert!(cmdline.contains(" resize") && cmdline.contains("cgroup_enable=memory"), "{cmdline}");
        }
        workshop.succeed(["verify", "--every-file", "--image", "demo", &format!("images/{node}.img")]);
    }
    let login_key = fs::read_to_string(workshop.path("images/id_ed25519")).unwrap();
    assert!(login_key.starts_with("-----BEGIN OPENSSH PRIVATE KEY-----"));
}

#[test]
fn the_checksums_are_those_of_the_images() {
    let workshop = Workshop::with_example();
    workshop.succeed(["build", "--format", "img", "--image", "demo"]);
    let sums = fs::read_to_string(workshop.path("images/SHA256SUMS")).unwrap();
    assert_eq!(sums.lines().count(), 4);
    for (line, node) in sums.lines().zip(NODES) {
        let image = fs::read(workshop.path(&format!("images/{node}.img"))).unwrap();
        assert_eq!(line, format!("{}  {node}.img", cardwright::types::Digest::of(&image)));
    }
}

#[test]
fn two_builds_give_the_same_bytes_whatever_folder_time_and_threads() {
    let (first, second) = (Workshop::with_example(), Workshop::with_example());
    first.succeed(["build", "--format", "img", "--image", "demo", "--jobs", "1"]);
    // Another folder, another time, other file times, another number of threads, another umask-made file.
    let touched = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000_000);
    fs::File::options().write(true).open(second.path("nodes.yaml")).unwrap().set_modified(touched).unwrap();
    second.succeed(["build", "--format", "img", "--image", "demo", "--jobs", "7", "--output", "elsewhere"]);
    for file in
        ["north.img", "east.img", "south.img", "west.img", "SHA256SUMS", "id_ed25519", "id_ed25519.pub"]
    {
        let one = fs::read(first.path(&format!("images/{file}"))).unwrap();
        let other = fs::read(second.path(&format!("elsewhere/{file}"))).unwrap();
        assert!(one == other, "{file} differs");
    }
}

#[test]
fn the_secret_is_made_once_and_only_where_it_may_be() {
    let workshop = Workshop::with_example();
    let locked = workshop
        .command()
        .args(["build", "--format", "img", "--image", "demo", "--locked"])
        .output()
        .unwrap();
    assert_eq!(locked.status.code(), Some(1), "{}", text(&locked.stderr));
    let in_ci = workshop
        .command()
        .env("CI", "true")
        .args(["build", "--format", "img", "--image", "demo"])
        .output()
        .unwrap();
    assert_eq!(in_ci.status.code(), Some(1), "{}", text(&in_ci.stderr));
    assert!(!workshop.path("cluster.secret").exists());
    assert!(!workshop.path("images/north.img").exists());

    // Not set at all, or set to a no.
    let made = workshop
        .command()
        .env("CI", "0")
        .args(["build", "--format", "img", "--image", "demo"])
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", text(&made.stderr));
    assert!(text(&made.stderr).contains("cluster.secret"));
    let secret = fs::read_to_string(workshop.path("cluster.secret")).unwrap();
    assert_eq!(secret.trim_end().len(), 64);
    let again = workshop
        .command()
        .args(["build", "--format", "img", "--image", "demo", "--locked"])
        .output()
        .unwrap();
    assert!(again.status.success(), "{}", text(&again.stderr));
    assert_eq!(fs::read_to_string(workshop.path("cluster.secret")).unwrap(), secret);
}

#[test]
fn verify_finds_one_changed_byte() {
    let workshop = Workshop::with_example();
    workshop.succeed(["build", "--format", "img", "--image", "demo"]);
    let path = workshop.path("images/east.img");
    let mut image = fs::read(&path).unwrap();
    let hostname = memchr::memmem::find(&image, b"east\n").unwrap();
    image[hostname] = b'E';
    fs::write(&path, image).unwrap();
    let output = workshop.run(["verify", "--image", "demo", "images/east.img"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stdout).contains("/etc/host"), "{}", text(&output.stdout));
}

#[test]
fn verify_finds_an_image_of_another_node() {
    let workshop = Workshop::with_example();
    workshop.succeed(["build", "--format", "img", "--image", "demo"]);
    let output = workshop.run(["verify", "--image", "demo", "--node", "west", "images/east.img"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stdout).contains("/etc/hostname"), "{}", text(&output.stdout));
}

#[test]
fn a_card_is_not_taken_for_a_stock_image() {
    let workshop = Workshop::with_example();
    workshop.succeed(["build", "--format", "img", "--image", "demo"]);
    let output = workshop.run(["build", "--image", "images/north.img", "--output", "again"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("made by cardwright already"), "{}", text(&output.stderr));
}

/// A plain cluster with these files, each a flow mapping.
fn with_files(files: &[&str]) -> Workshop {
    let files = files.iter().map(|file| format!("  - {{{file}}}\n")).collect::<Vec<_>>().concat();
    Workshop::with_nodes(&format!(
        "cluster: compass\nimage: demo\nnetwork: {{prefix: 24, gateway: 192.168.50.1}}\nuser: {{name: ann}}\nfiles:\n{files}\
         nodes:\n  - {{name: north, address: 192.168.50.11}}\n"
    ))
}

#[test]
fn files_of_ones_own_land_as_root_would_have_copied_them() {
    let workshop = with_files(&[
        "path: ~/.bashrc, content: mine",
        "path: ~/.config/new/x, source: source.txt",
        "path: /etc/motd, content: hello",
        "path: /lib/own/x, content: hello, mode: 0600, owner: user",
        "path: /Overlays/own.dtbo, partition: boot, content: hello",
        "path: /ISSUE.TXT, partition: boot, content: hello",
    ]);
    fs::write(workshop.path("source.txt"), "from here").unwrap();
    workshop.succeed(["build", "--format", "img"]);
    let image = workshop.path("images/north.img");
    assert_oracles_accept(&image);
    workshop.succeed(["verify", "--every-file", "images/north.img"]);
    for (path, mode, owner) in [
        ("/home/ann/.bashrc", "0644", 1000),
        ("/home/ann/.config/new", "0755", 1000),
        ("/home/ann/.config/new/x", "0644", 1000),
        ("/etc/motd", "0644", 0),
        ("/usr/lib/own", "0755", 0),
        ("/usr/lib/own/x", "0600", 1000),
    ] {
        let Some(said) = stat(&image, path) else { return };
        let words: Vec<_> = said.split_whitespace().collect();
        let after = |word: &str| words.iter().skip_while(|found| **found != word).nth(1).copied();
        assert_eq!(
            (after("Mode:"), after("User:")),
            (Some(mode), Some(owner.to_string().as_str())),
            "{path}: {said}"
        );
    }
    assert_eq!(root_file(&image, "/home/ann/.config/new/x").as_deref(), Some("from here"));
}

#[test]
fn what_only_the_image_tells_of_a_file_is_said_with_its_line_before_anything_is_written() {
    let mut seen = String::new();
    for file in [
        "path: /etc/ssh, content: a",
        "path: /etc/hostname/x, content: a",
        "path: /home/pi/x, content: a",
        "path: /etc/NetworkManager/system-connections/eth0.nmconnection, content: a",
        "path: /bin, content: a",
        "path: /sbin, content: a",
        "path: /bin/a, content: b",
    ] {
        let workshop = with_files(&["path: /usr/bin/a, content: fine", file]);
        for command in ["plan", "build"] {
            let output = workshop.run([command]);
            let errors = text(&output.stderr);
            assert_eq!(output.status.code(), Some(2), "{file}: {errors}");
            if command == "plan" {
                seen += &errors;
            }
            assert!(errors.contains("--> nodes.yaml:7:12"), "{errors}");
            assert!(!workshop.path("images/north.img.xz").exists());
        }
    }
    assert_snapshot!("demo__file_not_on_image", seen);
}

#[test]
fn a_file_that_is_too_large_for_a_partition_is_said_with_its_line_and_not_read() {
    let mut seen = String::new();
    for (file, growing) in [
        ("path: /big.bin, partition: boot, source: big", ""),
        ("path: /big.bin, source: big", "path: demo, grow: no"),
        ("path: /big.bin, source: big", "path: demo, grow: auto"),
    ] {
        let workshop = with_files(&[file]);
        let yaml = fs::read_to_string(workshop.path("nodes.yaml")).unwrap();
        if !growing.is_empty() {
            let image = format!("image: {{{growing}}}");
            fs::write(workshop.path("nodes.yaml"), yaml.replace("image: demo", &image)).unwrap();
        }
        // Nothing but holes: reading so much would take minutes.
        fs::File::create(workshop.path("big")).unwrap().set_len(1 << 40).unwrap();
        let started = std::time::Instant::now();
        for command in ["check", "plan", "build"] {
            let output = workshop.run([command]);
            let errors = text(&output.stderr);
            assert_eq!(output.status.code(), Some(2), "{command}, {file}: {errors}");
            assert!(errors.contains("--> nodes.yaml:"), "{errors}");
            if command == "check" {
                seen += &errors;
            }
        }
        assert!(started.elapsed() < std::time::Duration::from_secs(60), "{:?}", started.elapsed());
        assert!(!workshop.path("images/north.img.xz").exists());
    }
    assert_snapshot!("demo__file_too_large", seen);
}

#[test]
fn a_large_sources_digest_is_in_the_plan_and_its_content_on_the_card() {
    let workshop = with_files(&["path: /opt/large, source: large"]);
    let content = vec![7; 3 << 20];
    fs::write(workshop.path("large"), &content).unwrap();
    let plan = workshop.run(["plan", "--json"]);
    let digest = cardwright::types::Digest::of(&content).to_string();
    assert!(text(&plan.stdout).contains(&digest), "{}", text(&plan.stdout));
    // Keys are never shown, in no plan.
    let said = text(&workshop.command().arg("plan").output().unwrap().stderr);
    assert!(said.contains("there is no ") && said.contains("another SHA-256"), "{said}");
    workshop.succeed(["build", "--format", "img"]);
    workshop.succeed(["verify", "--every-file", "images/north.img"]);
}

#[test]
fn verify_notices_an_extended_attribute_that_nobody_planned() {
    let workshop = with_files(&["path: ~/.bashrc, content: mine"]);
    workshop.succeed(["build", "--format", "img"]);
    let image = workshop.path("images/north.img");
    let Some(()) = change_root(&image, &["ea_set /home/ann/.bashrc user.own 1"]) else { return };
    let output = workshop.run(["verify", "images/north.img"]);
    assert_eq!(output.status.code(), Some(1));
    let seen = text(&output.stdout) + &text(&output.stderr);
    assert!(
        seen.contains("/home/ann/.bashrc has the extended attribute `user.own`, which it should not have"),
        "{seen}"
    );
}
