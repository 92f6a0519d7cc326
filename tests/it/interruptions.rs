//! What is left when a build is killed, or finds no room: the old result or the new one, never a mix.

use crate::support::mount::Mounted;
use crate::support::{SECRET, Workshop, listing, text};
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Instant;

/// Two nodes with this gateway, which all that is written depends on.
fn nodes(gateway: &str) -> String {
    format!(
        "cluster: compass\nimage: demo\nnetwork: {{prefix: 24, gateway: {gateway}}}\nk3s: {{version: v1.36.4+k3s1}}\n\
         nodes:\n  - {{name: north, address: 10.0.0.11, k3s: server}}\n  - {{name: east, address: 10.0.0.12, k3s: agent}}\n"
    )
}

/// Every file in a folder that is no rest of an unfinished one.
fn results(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    listing(folder).into_iter().filter(|(name, _)| !name.ends_with(".partial")).collect()
}

#[test]
fn a_build_that_is_killed_at_any_moment_leaves_old_files_or_new_ones() {
    let workshop = Workshop::with_nodes(&nodes("10.0.0.1"));
    workshop.succeed(["build"]);
    let old = results(&workshop.path("images"));
    let elsewhere = Workshop::with_nodes(&nodes("10.0.0.2"));
    let began = Instant::now();
    elsewhere.succeed(["build"]);
    let whole = began.elapsed();
    let new = results(&elsewhere.path("images"));
    fs::write(workshop.path("nodes.yaml"), nodes("10.0.0.2")).unwrap();
    assert!(new.keys().eq(old.keys()), "{:?}", new.keys());
    assert!(new["north.img.xz"] != old["north.img.xz"]);

    // Spread over all of a build's time, and a little more.
    for part in 1..=16 {
        let mut build = workshop.command();
        build.env("CARDWRIGHT_SECRET", SECRET).arg("build").stdout(Stdio::null()).stderr(Stdio::null());
        let mut build = build.spawn().unwrap();
        thread::sleep(whole * part / 14);
        build.kill().unwrap();
        build.wait().unwrap();
        for (name, bytes) in results(&workshop.path("images")) {
            assert!(bytes == old[&name] || bytes == new[&name], "{name} is neither old nor new");
        }
    }
    workshop.succeed(["build"]);
    assert!(results(&workshop.path("images")) == new);
    let names = fs::read_dir(workshop.path("images")).unwrap().map(|entry| entry.unwrap().file_name());
    assert_eq!(names.count(), new.len(), "a rest of a killed build is still there");
}

/// Everything in a folder and below that is not whole.
fn rests(folder: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut rests = Vec::new();
    for entry in entries {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        if entry.file_type().unwrap().is_dir() {
            rests.extend(self::rests(&entry.path()));
        }
        if name.ends_with(".partial") || name.starts_with(".new-") || name.starts_with(".cardwright-") {
            rests.push(name);
        }
    }
    rests
}

#[test]
fn a_build_that_is_told_to_end_leaves_nothing_half_written() {
    for (signal, code) in [("INT", 130), ("TERM", 143)] {
        let workshop = Workshop::with_nodes(&nodes("10.0.0.1"));
        let began = Instant::now();
        workshop.succeed(["build"]);
        let mut whole = began.elapsed();
        let old = results(&workshop.path("images"));
        let elsewhere = Workshop::with_nodes(&nodes("10.0.0.2"));
        elsewhere.succeed(["build"]);
        let new = results(&elsewhere.path("images"));
        fs::write(workshop.path("nodes.yaml"), nodes("10.0.0.2")).unwrap();
        let mut ended = 0;
        for (number, part) in (1..=8).cycle().take(40).enumerate() {
            if number >= 8 && ended > 2 {
                break;
            }
            // Without what the last one has kept, so that there is something to do.
            if workshop.path("cache").exists() {
                fs::remove_dir_all(workshop.path("cache")).unwrap();
            }
            let mut build = workshop.command();
            build.env("CARDWRIGHT_SECRET", SECRET).arg("build").stdout(Stdio::null()).stderr(Stdio::null());
            let mut build = build.spawn().unwrap();
            thread::sleep(whole * part / 9);
            let told = Command::new("kill").args(["-s", signal, &build.id().to_string()]).output().unwrap();
            let status = build.wait().unwrap();
            // One that was done already, or that had not begun to listen.
            ended += u32::from(told.status.success() && status.code() == Some(code));
            if status.success() {
                // Builds are quicker than the first one was: other tests are over.
                whole = whole * 3 / 4;
            }
            if status.code().is_some() {
                assert_eq!(
                    rests(&workshop.path("")),
                    Vec::<String>::new(),
                    "after {part} parts of {whole:?}"
                );
            }
            for (name, bytes) in results(&workshop.path("images")) {
                assert!(bytes == old[&name] || bytes == new[&name], "{name} is neither old nor new");
            }
        }
        assert!(ended > 2, "only {ended} builds ended with {code}");
        workshop.succeed(["build"]);
        assert!(results(&workshop.path("images")) == new);
    }
}

#[test]
fn what_killed_builds_left_in_the_cache_is_swept_however_young_it_is() {
    let workshop = Workshop::with_nodes(&nodes("10.0.0.1"));
    for folder in ["templates-v1", "pages-v1"] {
        fs::create_dir_all(workshop.path("cache").join(folder)).unwrap();
        fs::write(workshop.path("cache").join(folder).join(".new-a1B2c3"), "half").unwrap();
    }
    fs::create_dir(workshop.path("images")).unwrap();
    for rest in [".north.img.partial", ".east.img.gz.a1B2c3.partial", ".kubeconfig.a1B2c3.partial"] {
        fs::write(workshop.path("images").join(rest), "half").unwrap();
    }
    // A raw image needs no template, and no other format's rest is in its way.
    workshop.succeed(["build", "--format", "img"]);
    assert_eq!(rests(&workshop.path("")), Vec::<String>::new());
}

#[test]
fn a_disk_that_is_full_keeps_what_was_on_it() {
    for format in ["img.xz", "img", "img.zst", "img.gz"] {
        let workshop = Workshop::with_nodes(&nodes("10.0.0.1"));
        let images = workshop.path("images");
        fs::create_dir(&images).unwrap();
        let in_memory: [&dyn AsRef<OsStr>; 5] = [&"-t", &"tmpfs", &"-o", &"size=64m", &"tmpfs"];
        let Some(disk) = Mounted::new(&in_memory, &images) else { return };
        workshop.succeed(["build", "--format", format]);
        let old = results(&images);
        let taken: usize = fs::read_dir(&images)
            .unwrap()
            .map(|entry| {
                usize::try_from(std::os::unix::fs::MetadataExt::blocks(&entry.unwrap().metadata().unwrap()))
                    .unwrap()
            })
            .sum();
        fs::write(workshop.path("nodes.yaml"), nodes("10.0.0.2")).unwrap();
        // Room for less than one image more. Blocks are counted in units of 512 bytes.
        disk.change(&format!("size={}k", taken / 2 + taken / 16));
        let output = workshop.run(["build", "--format", format]);
        assert_eq!(output.status.code(), Some(1), "{format}: {}", text(&output.stderr));
        let said = text(&output.stderr);
        assert!(said.contains("No space left") && said.contains("hint: Make room"), "{format}: {said}");
        assert!(results(&images) == old, "{format}: something changed");
        disk.change("size=128m");
        workshop.succeed(["build", "--format", format]);
        workshop.succeed(["verify", &format!("images/north.{format}")]);
    }
}
