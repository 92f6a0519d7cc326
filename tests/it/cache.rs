//! `cardwright cache`: what is in the cache, and what is removed from it.

use crate::support::{Workshop, assert_snapshot, text};
use std::fs::{self, File};

/// A cache with files in every bucket, of a former version and of somebody else.
fn workshop() -> Workshop {
    let workshop = Workshop::with_example();
    for (path, size) in [
        ("downloads-v1/1-stock.img.xz", 3 << 20),
        ("downloads-v1/2-k3s.part", 5000),
        ("downloads-v1/notes.txt", 7),
        ("pages-v1/3", 100),
        ("templates-v1/4", 2000),
        ("templates-v1/.new-a1B2c3", 50),
        ("templates/5", 1000),
        ("mine.txt", 9),
    ] {
        let digit = path.rsplit('/').next().unwrap().chars().next().unwrap();
        let path = if digit.is_ascii_digit() {
            path.replace(&format!("/{digit}"), &format!("/{}", digit.to_string().repeat(64)))
        } else {
            path.to_owned()
        };
        let path = workshop.path("cache").join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, vec![0; size]).unwrap();
    }
    workshop
}

fn names(workshop: &Workshop, folder: &str) -> Vec<String> {
    let entries = fs::read_dir(workshop.path(folder)).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// What a person saw, with today's date taken out.
fn seen(workshop: &Workshop, arguments: &[&str]) -> String {
    let seen = workshop.seen(&workshop.run(arguments));
    let is_date = |word: &&str| word.len() == 10 && word.starts_with("20") && word.matches('-').count() == 2;
    let date = seen.split_whitespace().find(is_date).map(str::to_owned);
    date.map_or_else(|| seen.clone(), |date| seen.replace(&date, "YYYY-MM-DD"))
}

#[test]
fn the_cache_is_listed() {
    let workshop = workshop();
    assert_snapshot!("cache__list", seen(&workshop, &["cache", "list"]));
    let report: serde_json::Value =
        serde_json::from_str(&workshop.succeed(["cache", "list", "--json"])).unwrap();
    assert_eq!(report["folder"], workshop.path("cache").display().to_string());
    let buckets = report["buckets"].as_array().unwrap();
    let counted =
        buckets.iter().map(|bucket| (bucket["files"].as_u64().unwrap(), bucket["size"].as_u64().unwrap()));
    assert_eq!(counted.collect::<Vec<_>>(), [(2, (3 << 20) + 5000), (1, 100), (0, 0), (2, 2050)]);
    assert!(buckets[0]["last_used"].as_u64().unwrap() > 1_700_000_000);
    assert_eq!(buckets[0]["max_size"].as_u64(), Some(20 << 30));
    let empty = Workshop::with_example();
    assert_snapshot!("cache__list_empty", seen(&empty, &["cache", "list"]));
    assert!(!empty.path("cache").exists());
}

#[test]
fn the_folder_of_the_cache_is_printed() {
    let workshop = Workshop::with_example();
    let said = workshop.succeed(["cache", "dir"]);
    assert_eq!(said, format!("{}\n", workshop.path("cache").display()));
    let mut command = workshop.command();
    for name in ["CARDWRIGHT_CACHE", "XDG_CACHE_HOME", "LOCALAPPDATA"] {
        command.env_remove(name);
    }
    // Without the variable, the system would be asked for the home folder; a relative one leads anywhere.
    command.env("HOME", "nowhere");
    let output = command.args(["cache", "dir"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output.stderr);
    assert!(said.starts_with("error: there is no folder for the cache") && said.contains("hint: "), "{said}");
}

#[test]
fn cleaning_removes_what_this_program_wrote_and_nothing_else() {
    let workshop = workshop();
    let former = format!("{}-old.img", "6".repeat(64));
    fs::write(workshop.path("cache").join(&former), "12345").unwrap();
    assert_snapshot!("cache__clean", seen(&workshop, &["cache", "clean"]));
    assert_eq!(names(&workshop, "cache"), ["downloads-v1", "mine.txt", "pages-v1", "templates-v1"]);
    assert_eq!(names(&workshop, "cache/downloads-v1"), ["notes.txt"]);
    // There is nothing left to remove, and that is no error.
    assert!(workshop.succeed(["cache", "clean"]).ends_with("freed 0 B\n"));
}

#[test]
fn a_bucket_is_cleaned_alone_and_files_in_use_stay() {
    let workshop = workshop();
    let part = workshop.path(&format!("cache/downloads-v1/{}-k3s.part", "2".repeat(64)));
    let used = File::open(&part).unwrap();
    used.lock_shared().unwrap();
    assert_snapshot!("cache__clean_in_use", seen(&workshop, &["cache", "clean", "downloads"]));
    assert!(part.exists());
    assert_eq!(
        names(&workshop, "cache"),
        ["downloads-v1", "mine.txt", "pages-v1", "templates", "templates-v1"]
    );
    drop(used);
    let report = workshop.succeed(["cache", "clean", "downloads", "pages", "--json"]);
    let report: serde_json::Value = serde_json::from_str(&report).unwrap();
    assert_eq!(report["buckets"].as_array().unwrap().len(), 2);
    assert_eq!(
        (&report["buckets"][0]["size"], &report["buckets"][0]["left"]),
        (&5000.into(), &serde_json::json!([]))
    );
    let output = workshop.run(["cache", "clean", "download"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        text(&output.stderr).contains("downloads, pages, digests, templates"),
        "{}",
        text(&output.stderr)
    );
}

#[test]
fn a_build_goes_on_after_its_cache_was_cleaned() {
    let workshop = Workshop::with_example();
    fs::write(workshop.path("stock.img.xz"), cardwright::demo::IMAGE).unwrap();
    let build = ["build", "--image", "stock.img.xz", "--only", "north"];
    workshop.succeed(build);
    let first = fs::read(workshop.path("images/SHA256SUMS")).unwrap();
    let listed = workshop.succeed(["cache", "list"]);
    assert!(listed.contains("templates      1") && listed.contains("pages          1"), "{listed}");
    workshop.succeed(["cache", "clean"]);
    let buckets = names(&workshop, "cache");
    assert!(buckets.iter().all(|bucket| names(&workshop, &format!("cache/{bucket}")).is_empty()));
    workshop.succeed(build);
    assert!(fs::read(workshop.path("images/SHA256SUMS")).unwrap() == first);
}
