//! One workload on images of many features; then e2fsck, debugfs, and the reader that is not the writer.

use crate::filesystems::disk::{FileDisk, changes, same, write_patched};
use crate::filesystems::ext4_image::{MANY, make, make_in_kernel};
use crate::filesystems::model::{Recorder, TIME, Tree, assert_same, noise, path, read_tree};
use crate::filesystems::oracle::{check, text};
use crate::support::all_here;
use cardwright::fs::{FileKind, ReadFilesystem, ext4};
use cardwright::io::Rollback;
use cardwright::types::{Mode, Owner};
use std::path::Path;
use std::sync::Arc;

const ORACLES: [&str; 4] = ["mke2fs", "e2fsck", "debugfs", "dumpe2fs"];

fn open(disk: Arc<dyn Rollback>, tree: Tree) -> Recorder {
    Recorder { writer: Box::new(ext4::Ext4Writer::open(disk, TIME).unwrap()), tree, has_modes: true }
}

fn work(recorder: &mut Recorder) {
    recorder.file("/etc/hostname", b"north\n");
    recorder.file("/etc/config", &noise(10, 10_000));
    recorder.file("/etc/hosts", b"");
    let mut nested = "/opt".to_owned();
    recorder.directory(&nested);
    for depth in 1..=11 {
        nested = format!("{nested}/d{depth}");
        recorder.directory(&nested);
    }
    recorder.file(&format!("{nested}/deep"), b"deep\n");
    for number in 0..300 {
        recorder.file(&format!("/usr/lib/many/new-{number:03}"), &noise(number, 30));
    }
    recorder.directory("/opt/long");
    for number in 0..500 {
        recorder.file(&format!("/opt/long/{number:03}-{}", "x".repeat(200)), b"");
    }
    recorder.file("/usr/bin/large", &noise(11, 20 << 20));
    for length in [15, 59, 60, 96] {
        recorder.link(&format!("/opt/link-{length}"), &"t".repeat(length));
    }
    recorder.file_of("/usr/bin/set-user-id", b"#!", 0o4755, Owner::ROOT);
    recorder.file_of("/etc/secret", b"secret", 0o600, Owner { uid: 70_000, gid: 70_001 });
    recorder.directory_of("/home/pi", 0o700, Owner { uid: 70_000, gid: 1000 });
    recorder.rename("/home/pi", "/home/ann");
    recorder.rename("/srv/moved", "/opt/long/moved");
    for number in (0..MANY).step_by(7) {
        recorder.remove(&format!("/usr/lib/many/stock-{number:03}"));
    }
    recorder.remove("/etc/mtab");
    // A directory of several blocks, and one of a single one inside it.
    recorder.directory("/opt/gone");
    recorder.directory("/opt/gone/inside");
    let gone = |number: u32| format!("/opt/gone/{number:03}-{}", "x".repeat(100));
    (0..200).for_each(|number| recorder.file(&gone(number), b"gone"));
    (0..200).for_each(|number| recorder.remove(&gone(number)));
    recorder.remove("/opt/gone/inside");
    recorder.remove("/opt/gone");
    recorder.file("/etc/first-name", b"a file of its own\n");
    recorder.file("/etc/capable", b"without a capability\n");
    recorder.file("/etc/replaced-by-file", b"a file\n");
    recorder.link("/etc/replaced-by-link", "config");
}

/// Runs the workload, has the oracles check what it left, and checks that a second run leaves the same.
fn work_and_check(stock: &Path, directory: &Path) {
    let before = read_tree(&ext4::Ext4Reader::open(FileDisk::open(stock)).unwrap());
    assert!(before.len() > 700);
    let mut expected = Tree::new();
    let mut run = || {
        changes(stock, |overlay| {
            let mut recorder = open(overlay, before.clone());
            work(&mut recorder);
            expected = recorder.finish();
        })
    };
    let (first, second) = (run(), run());
    assert!(same(&first, &second), "two runs differ");

    let patched = directory.join("patched.img");
    write_patched(stock, &first, &patched);
    check("e2fsck", &["-fn", text(&patched)]);
    let after = read_tree(&ext4::Ext4Reader::open(FileDisk::open(&patched)).unwrap());
    assert_same(&after, &expected);
    assert_eq!(after[&path("/etc/second-name")].content, b"one file, two names\n");
    check_with_debugfs(&patched, stock);
    hostname_changes_little(stock, &before);
}

/// What the reader does not show.
fn check_with_debugfs(patched: &Path, stock: &Path) {
    let stat = |image: &Path, path: &str| check("debugfs", &["-R", &format!("stat {path}"), text(image)]);
    let lines_of = |said: &str, what: &str| {
        said.lines().filter(|line| line.trim_start().starts_with(what)).map(str::to_owned).collect::<Vec<_>>()
    };
    // 1781740800 is 0x6a333500.
    let new = stat(patched, "/usr/bin/set-user-id");
    for time in ["ctime", "atime", "mtime", "crtime"] {
        let lines = lines_of(&new, &format!("{time}:"));
        assert!(lines.iter().any(|line| line.contains("0x6a333500:00000000")), "{time}: {new}");
    }
    assert!(new.contains("Mode:  04755"), "{new}");
    let replaced = stat(patched, "/etc/hostname");
    for time in ["ctime", "atime", "mtime"] {
        assert!(lines_of(&replaced, &format!("{time}:"))[0].contains("0x6a333500:00000000"), "{replaced}");
    }
    assert_eq!(lines_of(&replaced, "crtime"), lines_of(&stat(stock, "/etc/hostname"), "crtime"));
    assert!(!stat(patched, "/etc/capable").contains("security.capability"));
    // The directory keeps its index, and its times.
    let (many, before) = (stat(patched, "/usr/lib/many"), stat(stock, "/usr/lib/many"));
    assert_eq!(lines_of(&many, "mtime"), lines_of(&before, "mtime"));
    assert!(before.contains("Flags: 0x81000") && many.contains("Flags: 0x81000"), "{many}");

    let moved = check("debugfs", &["-R", "ls -l /opt/long/moved", text(patched)]);
    let parent = check("debugfs", &["-R", "ls -l /opt/long", text(patched)]);
    let number = |listing: &str, name: &str| {
        let line = listing.lines().find(|line| line.ends_with(&format!(" {name}"))).unwrap();
        line.split_whitespace().next().unwrap().to_owned()
    };
    assert_eq!(number(&moved, ".."), number(&parent, "."));
}

/// A patch of the host name alone is a handful of blocks, and nothing in the superblock tells when.
fn hostname_changes_little(stock: &Path, before: &Tree) {
    let patch = changes(stock, |overlay| {
        let mut recorder = open(overlay, before.clone());
        recorder.file("/etc/hostname", b"north\n");
        recorder.finish();
    });
    let blocks = patch.indices().count();
    assert!(blocks < 30, "{blocks} blocks");
    let patched = stock.with_extension("hostname");
    write_patched(stock, &patch, &patched);
    check("e2fsck", &["-fn", text(&patched)]);
    let header = |image: &Path| {
        let said = check("dumpe2fs", &["-h", text(image)]);
        let varies = ["Free blocks", "Free inodes", "Checksum", "Journal sequence", "Journal checksum"];
        let lines = said.lines().filter(|line| !varies.iter().any(|start| line.starts_with(start)));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(header(&patched), header(stock));
}

fn try_made_with(options: &[&str]) {
    if all_here(&ORACLES) {
        let directory = tempfile::tempdir().unwrap();
        work_and_check(&make(directory.path(), 128, options), directory.path());
    }
}

#[test]
fn an_image_as_built_on_bookworm_is_written_without_a_flaw() {
    try_made_with(&["-O", "^64bit,^huge_file,^orphan_file,^metadata_csum_seed"]);
}

#[test]
fn an_image_as_built_on_trixie_is_written_without_a_flaw() {
    try_made_with(&["-O", "^64bit,^huge_file,orphan_file,metadata_csum_seed"]);
}

#[test]
fn an_image_filled_by_a_kernel_is_written_without_a_flaw() {
    if all_here(&ORACLES) {
        let directory = tempfile::tempdir().unwrap();
        let options = ["-O", "^64bit,^huge_file,orphan_file,metadata_csum_seed"];
        if let Some(stock) = make_in_kernel(directory.path(), 256, &options) {
            let many = check("debugfs", &["-R", "stat /usr/lib/many", text(&stock)]);
            assert!(many.contains("ETB0"), "its extents fit the inode: {many}");
            work_and_check(&stock, directory.path());
        }
    }
}

#[test]
fn an_image_with_wide_descriptors_is_written_without_a_flaw() {
    try_made_with(&["-O", "64bit,huge_file"]);
}

#[test]
fn an_image_without_metadata_checksums_is_written_without_a_flaw() {
    try_made_with(&["-O", "^64bit,^huge_file,^metadata_csum,^metadata_csum_seed,^uninit_bg"]);
}

#[test]
fn an_image_with_checksums_of_descriptors_alone_is_written_without_a_flaw() {
    try_made_with(&["-O", "^64bit,^huge_file,^metadata_csum,^metadata_csum_seed,uninit_bg"]);
}

#[test]
fn an_image_without_a_journal_is_written_without_a_flaw() {
    try_made_with(&["-O", "^64bit,^huge_file,^has_journal,^orphan_file"]);
}

#[test]
fn an_image_of_small_blocks_is_written_without_a_flaw() {
    try_made_with(&["-O", "^64bit,^huge_file", "-b", "1024"]);
}

#[test]
fn paths_lead_through_links_to_the_same_files() {
    if !all_here(&ORACLES) {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let stock = make(directory.path(), 64, &["-O", "^64bit,^huge_file"]);
    let before = read_tree(&ext4::Ext4Reader::open(FileDisk::open(&stock)).unwrap());
    let patch = changes(&stock, |overlay| {
        let mut recorder = open(overlay, before.clone());
        recorder.file("/lib/through-the-link", b"here\n");
        recorder.directory("/lib/many/new");
        recorder.rename("/lib/many/stock-001", "/lib/many/new/renamed");
        recorder.writer.remove(&path("/lib/many/stock-002")).unwrap();
        recorder.writer.finish().unwrap();
    });
    let patched = directory.path().join("patched.img");
    write_patched(&stock, &patch, &patched);
    check("e2fsck", &["-fn", text(&patched)]);
    let reader = ext4::Ext4Reader::open(FileDisk::open(&patched)).unwrap();
    assert_eq!(reader.metadata(&path("/lib")).unwrap().unwrap().kind, FileKind::Symlink);
    for found in ["/usr/lib/through-the-link", "/lib/through-the-link", "/usr/lib/many/new/renamed"] {
        assert_eq!(reader.metadata(&path(found)).unwrap().unwrap().kind, FileKind::File, "{found}");
    }
    assert_eq!(reader.metadata(&path("/usr/lib/many/stock-002")).unwrap(), None);
    assert_eq!(reader.metadata(&path("/etc/hostname/below")).unwrap(), None);
    assert_eq!(reader.metadata(&path("/etc/mtab/x/y")).unwrap(), None);
}

#[test]
fn the_summary_says_what_dumpe2fs_says() {
    if !all_here(&ORACLES) {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let options = ["-O", "^64bit,^huge_file,orphan_file,metadata_csum_seed"];
    let stock = make(directory.path(), 64, &options);
    let said = check("dumpe2fs", &["-h", text(&stock)]);
    let field = |name: &str| {
        let line = said.lines().find(|line| line.starts_with(&format!("{name}:"))).unwrap();
        line.split_once(':').unwrap().1.trim().to_owned()
    };
    let summary = ext4::Ext4Reader::open(FileDisk::open(&stock)).unwrap().summary().unwrap();
    assert_eq!(summary.kind, "ext4");
    assert_eq!(summary.label, field("Filesystem volume name"));
    assert_eq!(summary.id, field("Filesystem UUID"));
    assert_eq!(summary.features, field("Filesystem features").split_whitespace().collect::<Vec<_>>());
    for (ours, theirs) in [
        (summary.size, "Block count"),
        (summary.free, "Free blocks"),
        (summary.reserved, "Reserved block count"),
    ] {
        assert_eq!(ours.get() / 4096, field(theirs).parse::<u64>().unwrap(), "{theirs}");
    }
    assert!(summary.written.is_some());
}

#[test]
fn a_directory_that_is_there_only_gets_its_mode_and_owner() {
    if !all_here(&ORACLES) {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let stock = make(directory.path(), 64, &["-O", "^64bit,^huge_file"]);
    let mut seen = None;
    changes(&stock, |overlay| {
        let before = read_tree(&ext4::Ext4Reader::open(overlay.clone()).unwrap());
        let owner = Owner { uid: 1000, gid: 1000 };
        let mut recorder = open(overlay.clone(), before);
        recorder.directory_of("/home/pi", 0o700, owner);
        recorder.directory_of("/srv", 0o1777, Owner::ROOT);
        let expected = recorder.finish();
        assert_same(&read_tree(&ext4::Ext4Reader::open(overlay).unwrap()), &expected);
        seen = Some(expected[&path("/srv")].mode);
    });
    assert_eq!(seen, Mode::new(0o1777));
}
