//! The main job on test images like Raspberry Pi OS that `tests/harness/make-test-image.sh` makes: as large, as
//! full and as hashed as the real ones are. Looked at by the kernel, e2fsck, fsck.vfat and mtools.
//!
//! Needs root (the script sets owners; the kernel mounts). Without it these tests say so and do nothing,
//! unless CARDWRIGHT_ORACLES asks for them.

use crate::support::mount::Mounted;
use crate::support::{Workshop, assert_oracles_accept, boot_file, content, oracle, partition, skipped};
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// Whether we are root.
fn is_root() -> bool {
    let root = fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0);
    if !root {
        skipped("the test images need root");
    }
    root
}

/// The raw test image for a release, made once per run. Its folder is removed with the build folder.
fn test_image(suite: &'static str) -> Option<&'static Path> {
    static TRIXIE: OnceLock<PathBuf> = OnceLock::new();
    static BOOKWORM: OnceLock<PathBuf> = OnceLock::new();
    if !is_root() {
        return None;
    }
    let cell = match suite {
        "trixie" => &TRIXIE,
        "bookworm" => &BOOKWORM,
        other => panic!("no test image of {other} is kept"),
    };
    let made = cell.get_or_init(|| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("test-images");
        fs::create_dir_all(&folder).unwrap();
        let image = folder.join(format!("{suite}.img"));
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/harness/make-test-image.sh");
        let mut make = Command::new(script);
        make.args(["--variant", "synthetic", suite]).arg(&image);
        content(make);
        image
    });
    Some(made)
}

/// The root filesystem of a raw image, mounted read-only.
fn mounted_root(image: &Path, at: &Path) -> Mounted {
    let (start, length) = partition(image, 2);
    let options = format!("ro,noload,loop,offset={start},sizelimit={length}");
    Mounted::new(&[&"-t", &"ext4", &"-o", &options, &image], at).expect("root may mount")
}

/// Every path below `folder`, relative to it.
fn tree(folder: &Path) -> BTreeSet<PathBuf> {
    fn walk(folder: &Path, top: &Path, paths: &mut BTreeSet<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            paths.insert(path.strip_prefix(top).unwrap().to_owned());
            if path.symlink_metadata().unwrap().is_dir() {
                walk(&path, top, paths);
            }
        }
    }
    let mut paths = BTreeSet::new();
    walk(folder, folder, &mut paths);
    paths
}

/// Compares every path of the card that the plan does not name with the stock image, through the kernel.
fn compare_untouched(stock: &Path, card: &Path, planned: &BTreeSet<PathBuf>) -> usize {
    let folders = [(); 2].map(|()| tempfile::tempdir().unwrap());
    let (stock, card) = (mounted_root(stock, folders[0].path()), mounted_root(card, folders[1].path()));
    let (stock, card) = (stock.path(), card.path());
    let (before, after) = (tree(stock), tree(card));
    let changed: BTreeSet<_> = before.symmetric_difference(&after).collect();
    for path in changed {
        assert!(planned.contains(path), "{} is no longer, or newly, there", path.display());
    }
    let mut compared = 0;
    for path in before.intersection(&after).filter(|path| !planned.contains(*path)) {
        let (old, new) = (stock.join(path), card.join(path));
        let (was, is) = (old.symlink_metadata().unwrap(), new.symlink_metadata().unwrap());
        let facts = |of: &fs::Metadata| (of.mode(), of.uid(), of.gid(), of.ino(), of.nlink());
        if was.is_dir() {
            let no_links = |of: &fs::Metadata| (of.mode(), of.uid(), of.gid(), of.ino());
            assert_eq!(no_links(&was), no_links(&is), "{}", path.display());
        } else {
            assert_eq!(
                (facts(&was), was.size(), was.mtime()),
                (facts(&is), is.size(), is.mtime()),
                "{}",
                path.display()
            );
        }
        if was.is_symlink() {
            assert_eq!(fs::read_link(&old).unwrap(), fs::read_link(&new).unwrap(), "{}", path.display());
        } else if was.is_file() {
            assert!(fs::read(&old).unwrap() == fs::read(&new).unwrap(), "{}", path.display());
        }
        compared += 1;
    }
    compared
}

/// The paths on the root partition that the plan for a node names.
fn planned(workshop: &Workshop, stock: &Path, node: &str) -> BTreeSet<PathBuf> {
    let plan = workshop.succeed(["plan", "--json", "--image", &stock.display().to_string(), node]);
    let plan: serde_json::Value = serde_json::from_str(&plan).unwrap();
    let edits = plan["nodes"][0]["edits"].as_array().unwrap();
    let on_root = edits.iter().filter(|edit| edit["partition"] == "root");
    on_root.map(|edit| PathBuf::from(edit["path"].as_str().unwrap().trim_start_matches('/'))).collect()
}

fn main_job(suite: &'static str) {
    let Some(stock) = test_image(suite) else { return };
    let before = cardwright::types::Digest::of(&fs::read(stock).unwrap());
    let workshop = Workshop::with_example();
    let image = stock.display().to_string();
    workshop.succeed(["build", "--format", "img", "--image", &image]);
    for node in ["north", "east", "south", "west"] {
        let card = workshop.path(&format!("images/{node}.img"));
        assert_oracles_accept(&card);
        if let Some(cmdline) = boot_file(&card, "/cmdline.txt") {
            assert_eq!(cmdline.lines().count(), 1, "{cmdline}");
        }
        workshop.succeed(["verify", "--every-file", "--image", &image, &card.display().to_string()]);
    }
    let north = workshop.path("images/north.img");
    let compared = compare_untouched(stock, &north, &planned(&workshop, stock, "north"));
    assert!(compared > 3000, "only {compared} paths were compared");
    let after = cardwright::types::Digest::of(&fs::read(stock).unwrap());
    assert_eq!(before, after, "the stock image was touched");
}

#[test]
fn the_main_job_on_trixie() {
    main_job("trixie");
}

#[test]
fn the_main_job_on_bookworm() {
    main_job("bookworm");
}

#[test]
fn every_packing_of_a_stock_image_gives_the_same_cards() {
    let Some(stock) = test_image("trixie") else { return };
    let packings: [(&str, &str, &[&str]); 5] = [
        ("xz", "many-blocks.bin", &["--stdout", "-0", "-T2", "--block-size=16MiB"]),
        ("xz", "one-block.bin", &["--stdout", "-0", "-T1"]),
        ("gzip", "gzip.bin", &["--stdout", "-1"]),
        ("zstd", "zstd.bin", &["--stdout", "-q", "-1"]),
        ("cat", "raw.bin", &[]),
    ];
    let mut wanted = None;
    for (tool, name, arguments) in packings {
        let Some(mut pack) = oracle(tool) else { continue };
        let workshop = Workshop::with_example();
        let packed = workshop.path(name);
        let status =
            pack.args(arguments).arg(stock).stdout(fs::File::create(&packed).unwrap()).status().unwrap();
        assert!(status.success());
        let mut build = workshop.command();
        build
            .env("CARDWRIGHT_SECRET", crate::support::SECRET)
            .args(["build", "--format", "img", "--image"])
            .arg(&packed);
        if let Some(memory) = crate::support::peak_memory(&build) {
            // The image itself has 664 MiB; a decoder of `xz -9` alone takes 65 MiB.
            assert!(memory < 300 << 20, "{memory} bytes of memory were taken to build from {name}");
        }
        let sums = fs::read_to_string(workshop.path("images/SHA256SUMS")).unwrap();
        assert_eq!(wanted.get_or_insert_with(|| sums.clone()), &sums, "from {name}");
    }
}
