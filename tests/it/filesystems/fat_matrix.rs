//! One workload on FATs of several kinds; then fsck.vfat, mtools, and a fresh reader.

use crate::filesystems::disk::{FileDisk, changes, same, write_patched};
use crate::filesystems::model::{Recorder, TIME, Tree, assert_same, noise, path, read_tree};
use crate::filesystems::oracle::{check, run, text};
use crate::support::all_here;
use cardwright::fs::{FileKind, FsError, ReadFilesystem, WriteFilesystem, fat};
use cardwright::io::Overlay;
use cardwright::types::{ByteCount, ImagePath, Mode, Owner, UnixTime};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub(crate) const ORACLES: [&str; 5] = ["mkfs.fat", "fsck.vfat", "mcopy", "mmd", "mdir"];

/// An image in the shape of a stock boot partition: long names, short names in both cases, directories.
pub(crate) fn make(directory: &Path, megabytes: u64, options: &[&str]) -> PathBuf {
    let image = directory.join("stock.img");
    fs::File::create(&image).unwrap().set_len(megabytes << 20).unwrap();
    let mut arguments = vec!["-n", "bootfs", "-i", "1234ABCD"];
    arguments.extend(options);
    arguments.push(text(&image));
    check("mkfs.fat", &arguments);
    check("mmd", &["-i", text(&image), "::overlays"]);
    let copy = |name: &str, content: &[u8]| {
        let source = directory.join("source");
        fs::write(&source, content).unwrap();
        check("mcopy", &["-i", text(&image), text(&source), &format!("::{name}")]);
    };
    copy("cmdline.txt", b"console=tty1 root=PARTUUID=x-02 rootwait resize\n");
    copy("CONFIG.TXT", b"arm_64bit=1\n");
    copy("bcm2712-rpi-5-b.dtb", &noise(1, 70_000));
    copy("kernel8.img", &noise(2, 3_000_000));
    for number in 0..40 {
        copy(&format!("overlays/some-overlay-{number}.dtbo"), &noise(number, 700));
    }
    check("fsck.vfat", &["-n", text(&image)]);
    image
}

fn open(disk: Arc<Overlay>, tree: Tree) -> Recorder {
    Recorder { writer: Box::new(fat::FatWriter::open(disk, TIME).unwrap()), tree, has_modes: false }
}

fn work(recorder: &mut Recorder) {
    recorder.file("/cmdline.txt", b"console=tty1\n");
    recorder.file("/ssh", b"");
    // More names than the root directory has room for, into clusters that held something before.
    recorder.remove("/kernel8.img");
    recorder.file("/kernel_2712.img", &noise(20, 5_000_000));
    for number in 0..60 {
        recorder.file(&format!("/A file with a long name, number {number}.txt"), &noise(number, 300));
    }
    recorder.directory("/cardwright");
    recorder.directory("/cardwright/below");
    recorder.directory("/overlays/More Overlays");
    for number in 0..90 {
        recorder.file(&format!("/cardwright/below/node-{number}.yaml"), &noise(number, 600));
    }
    recorder.file("/user-data", b"#cloud-config\n");
    recorder.file("/.hidden", b"dot\n");
    recorder.file("/Grüße.txt", b"umlauts\n");
    recorder.rename("/cardwright/below", "/overlays/moved");
    recorder.rename("/ssh", "/ssh.txt");
    recorder.rename("/overlays/some-overlay-3.dtbo", "/first.dtbo");
    for number in 10..30 {
        recorder.remove(&format!("/overlays/some-overlay-{number}.dtbo"));
    }
}

/// Fills free clusters with what reads like directory entries, as deleted files leave it behind.
fn soil_free_clusters(image: &Path, directory: &Path) {
    let source = directory.join("entries");
    let entry = b"GARBAGE TXT\x20\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x05\0\x07\0\0\0";
    fs::write(&source, entry.repeat(300_000)).unwrap();
    check("mcopy", &["-i", text(image), text(&source), "::soil"]);
    check("mdel", &["-i", text(image), "::soil"]);
    check("fsck.vfat", &["-n", text(image)]);
}

fn work_and_check(megabytes: u64, options: &[&str]) {
    if !all_here(&ORACLES) {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let stock = make(directory.path(), megabytes, options);
    soil_free_clusters(&stock, directory.path());
    let before = read_tree(&fat::FatReader::open(FileDisk::open(&stock)).unwrap());
    let mut expected = Tree::new();
    let mut run_once = || {
        changes(&stock, |overlay| {
            let mut recorder = open(overlay, before.clone());
            work(&mut recorder);
            expected = recorder.finish();
        })
    };
    let (first, second) = (run_once(), run_once());
    assert!(same(&first, &second), "two runs differ");
    let patched = directory.path().join("patched.img");
    write_patched(&stock, &first, &patched);
    let said = check("fsck.vfat", &["-n", "-v", text(&patched)]);
    assert!(!said.contains("rong"), "{said}");
    let after = read_tree(&fat::FatReader::open(FileDisk::open(&patched)).unwrap());
    assert_same(&after, &renamed_keep_their_time(expected, &before));
    check_with_mtools(&patched, directory.path());
    tables_are_equal(&patched);
}

/// A file that only moved keeps the time it had.
fn renamed_keep_their_time(mut expected: Tree, before: &Tree) -> Tree {
    let old = before[&path("/overlays/some-overlay-3.dtbo")].modified;
    expected.get_mut(&path("/first.dtbo")).unwrap().modified = old;
    expected
}

fn check_with_mtools(patched: &Path, directory: &Path) {
    let read = |name: &str| {
        let copy = directory.join("copy");
        let _ = fs::remove_file(&copy);
        check("mcopy", &["-n", "-i", text(patched), &format!("::{name}"), text(&copy)]);
        fs::read(copy).unwrap()
    };
    assert_eq!(read("cmdline.txt"), b"console=tty1\n");
    assert_eq!(read("overlays/moved/node-89.yaml"), noise(89, 600));
    assert_eq!(read("kernel_2712.img"), noise(20, 5_000_000));
    assert_eq!(read("bcm2712-rpi-5-b.dtb"), noise(1, 70_000));
    let listing = check("mdir", &["-i", text(patched), "::"]);
    assert!(listing.contains("user-data") && !listing.contains("GARBAGE"), "{listing}");
    assert!(listing.contains("2026-06-18"), "{listing}");
}

/// Both copies of the table, found without any code of ours.
fn tables_are_equal(image: &Path) {
    let bytes = fs::read(image).unwrap();
    let word = |at: usize| usize::from(u16::from_le_bytes([bytes[at], bytes[at + 1]]));
    let sectors = match word(22) {
        0 => usize::try_from(u32::from_le_bytes(bytes[36..40].try_into().unwrap())).unwrap(),
        sectors => sectors,
    };
    let (start, length) = (word(14) * word(11), sectors * word(11));
    assert_eq!(bytes[16], 2);
    assert!(bytes[start..][..length] == bytes[start + length..][..length], "the tables differ");
}

#[test]
fn a_boot_partition_of_2026_is_written_without_a_flaw() {
    work_and_check(512, &["-F", "32", "-s", "1"]);
}

#[test]
fn a_boot_partition_of_2025_is_written_without_a_flaw() {
    work_and_check(512, &["-F", "32", "-s", "4"]);
}

#[test]
fn a_fat16_is_written_without_a_flaw() {
    work_and_check(64, &["-F", "16", "-s", "4"]);
}

#[test]
fn a_fat12_is_read_and_not_written_to() {
    if !all_here(&ORACLES) {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let stock = make(directory.path(), 6, &["-F", "12", "-s", "4"]);
    let disk = FileDisk::open(&stock);
    let reader = fat::FatReader::open(disk.clone()).unwrap();
    assert_eq!(reader.read(&path("/kernel8.img"), ByteCount::new(4 << 20)).unwrap(), noise(2, 3_000_000));
    assert_eq!(reader.list(&path("/overlays")).unwrap().len(), 40);
    assert_eq!(reader.summary().unwrap().kind, "FAT12");
    let writer = fat::FatWriter::open(Arc::new(Overlay::new(disk)), TIME);
    assert!(matches!(writer, Err(FsError::Unsupported { .. })));
}

#[test]
fn the_summary_says_what_the_tools_say() {
    if !all_here(&ORACLES) {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let stock = make(directory.path(), 512, &["-F", "32", "-s", "1"]);
    let summary = fat::FatReader::open(FileDisk::open(&stock)).unwrap().summary().unwrap();
    assert_eq!((summary.kind.as_str(), summary.label.as_str()), ("FAT32", "bootfs"));
    let bytes = fs::read(&stock).unwrap();
    let sectors = u32::from_le_bytes(bytes[32..36].try_into().unwrap());
    assert_eq!((summary.id.as_str(), summary.size), ("1234-ABCD", ByteCount::new(u64::from(sectors) * 512)));
    assert_eq!(summary.features, ["512 bytes per cluster"]);
    // fsck.vfat says `n files, used/all clusters`.
    let said = check("fsck.vfat", &["-n", text(&stock)]);
    let counts = said.lines().find_map(|line| line.split_once("files, ")).unwrap().1;
    let (used, all) = counts.split_once(' ').unwrap().0.split_once('/').unwrap();
    let free = all.parse::<u64>().unwrap() - used.parse::<u64>().unwrap();
    assert_eq!(summary.free, ByteCount::new(free * 512));
}

#[test]
fn a_name_is_found_in_any_case_and_stays_as_it_is_written() {
    if !all_here(&ORACLES) {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let stock = make(directory.path(), 64, &["-F", "16"]);
    changes(&stock, |overlay| {
        let names = |reader: &fat::FatReader| reader.list(&path("/")).unwrap();
        let before = names(&fat::FatReader::open(overlay.clone()).unwrap());
        let mut writer = fat::FatWriter::open(overlay.clone(), TIME).unwrap();
        let mut write = |at: &str| {
            writer.write_file(&path(at), &mut &b"new"[..], ByteCount::new(3), Mode::FILE, Owner::ROOT)
        };
        write("/CMDLINE.txt").unwrap();
        write("/config.txt").unwrap();
        write("/Bcm2712-RPI-5-b.DTB").unwrap();
        Box::new(writer).finish().unwrap();
        let reader = fat::FatReader::open(overlay).unwrap();
        assert_eq!(names(&reader), before);
        for at in ["/cmdline.txt", "/CONFIG.TXT", "/bcm2712-rpi-5-b.dtb"] {
            assert_eq!(reader.read(&path(at), ByteCount::new(10)).unwrap(), b"new", "{at}");
        }
    });
}

#[test]
fn what_is_in_the_way_stays_there_and_links_do_not_exist() {
    if !all_here(&ORACLES) {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let stock = make(directory.path(), 64, &["-F", "32", "-s", "1"]);
    let layer = changes(&stock, |overlay| {
        let mut writer = fat::FatWriter::open(overlay, TIME).unwrap();
        let mut write = |at: &str| {
            writer.write_file(&path(at), &mut &b"x"[..], ByteCount::new(1), Mode::FILE, Owner::ROOT)
        };
        assert!(matches!(write("/overlays"), Err(FsError::WrongKind { found: FileKind::Directory, .. })));
        assert!(matches!(write("/nothing/x"), Err(FsError::NotFound)));
        assert!(matches!(write("/cmdline.txt/x"), Err(FsError::WrongKind { .. })));
        assert!(write("/").is_err());
        assert!(matches!(write("/a:b"), Err(FsError::Io(_))));
        let size = ByteCount::new(100 << 20);
        let large =
            writer.write_file(&path("/large"), &mut std::io::repeat(1), size, Mode::FILE, Owner::ROOT);
        assert!(matches!(large, Err(FsError::Full { needed, .. }) if needed == size), "{large:?}");
        assert!(matches!(writer.make_symlink(&path("/x"), "y"), Err(FsError::NoSymlinksHere)));
        assert!(matches!(writer.remove(&path("/overlays")), Err(FsError::WrongKind { .. })));
        assert!(matches!(writer.remove(&path("/nothing")), Err(FsError::NotFound)));
        assert!(writer.make_directory(&path("/cmdline.txt"), Mode::EXECUTABLE, Owner::ROOT).is_err());
        let mut rename = |from: &str, to: &str| writer.rename(&path(from), &path(to));
        assert!(matches!(rename("/nothing", "/x"), Err(FsError::NotFound)));
        assert!(matches!(rename("/cmdline.txt", "/Config.txt"), Err(FsError::AlreadyExists)));
        assert!(rename("/overlays", "/Overlays/x").is_err());
        Box::new(writer).finish().unwrap();
    });
    assert_eq!(layer.indices().count(), 0);
}

#[test]
fn the_root_directory_of_a_fat16_fills_up_with_an_error() {
    if !all_here(&ORACLES) {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let stock = make(directory.path(), 64, &["-F", "16", "-r", "64"]);
    let layer = changes(&stock, |overlay| {
        let mut writer = fat::FatWriter::open(overlay, TIME).unwrap();
        let refused = (0..100).find_map(|number| {
            let at = path(&format!("/F{number}"));
            writer.write_file(&at, &mut &b"x"[..], ByteCount::new(1), Mode::FILE, Owner::ROOT).err()
        });
        assert!(matches!(refused, Some(FsError::NoRoomForNames)), "{refused:?}");
        Box::new(writer).finish().unwrap();
    });
    let patched = directory.path().join("patched.img");
    write_patched(&stock, &layer, &patched);
    check("fsck.vfat", &["-n", text(&patched)]);
}

#[test]
fn a_volume_that_was_not_closed_properly_is_refused() {
    if !all_here(&ORACLES) {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let stock = make(directory.path(), 64, &["-F", "32", "-s", "1"]);
    let clean = fs::read(&stock).unwrap();
    let refused = |bytes: Vec<u8>| {
        let disk = Arc::new(Overlay::new(Arc::new(bytes)));
        matches!(fat::FatWriter::open(disk, TIME), Err(FsError::Dirty { .. }))
    };
    assert!(!refused(clean.clone()));
    let mut marked = clean.clone();
    marked[0x41] |= 1;
    assert!(refused(marked));
    // The second entry of the first table, which begins at sector 32.
    let mut marked = clean;
    marked[32 * 512 + 7] &= !8;
    assert!(refused(marked));
}

#[test]
fn a_wrong_count_of_free_clusters_is_put_right() {
    if !all_here(&ORACLES) {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let stock = make(directory.path(), 64, &["-F", "32", "-s", "1"]);
    let mut bytes = fs::read(&stock).unwrap();
    bytes[512 + 488..512 + 492].copy_from_slice(&7_u32.to_le_bytes());
    fs::write(&stock, bytes).unwrap();
    let layer = changes(&stock, |overlay| {
        let mut recorder = open(overlay, Tree::new());
        recorder.file("/ssh", b"");
        recorder.finish();
    });
    let patched = directory.path().join("patched.img");
    write_patched(&stock, &layer, &patched);
    let (clean, said) = run("fsck.vfat", &["-n", text(&patched)]);
    assert!(clean && !said.contains("Free cluster"), "{said}");
}

#[test]
fn times_that_no_fat_can_tell_become_the_nearest() {
    if !all_here(&ORACLES) {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let stock = make(directory.path(), 64, &["-F", "16"]);
    changes(&stock, |overlay| {
        let mut writer = fat::FatWriter::open(overlay.clone(), UnixTime::new(0)).unwrap();
        writer.write_file(&path("/x"), &mut &b""[..], ByteCount::ZERO, Mode::FILE, Owner::ROOT).unwrap();
        Box::new(writer).finish().unwrap();
        let found = fat::FatReader::open(overlay).unwrap().metadata(&path("/X")).unwrap().unwrap();
        // 1980-01-01.
        assert_eq!(found.modified, UnixTime::new(315_532_800));
    });
}

/// The short names in a directory, as `mdir` shows them: `BCM271~1 DTB`.
fn short_names(image: &Path, directory: &str) -> Vec<String> {
    let said = check("mdir", &["-a", "-i", text(image), directory]);
    let lines = said.lines().filter(|line| line.len() > 12 && line.as_bytes()[8] == b' ');
    lines.map(|line| line[..12].to_owned()).filter(|name| !name.starts_with([' ', '.'])).collect()
}

#[test]
fn the_short_name_of_another_file_is_no_name() {
    if !all_here(&ORACLES) {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let stock = make(directory.path(), 64, &["-F", "32", "-s", "1"]);
    // bcm2712-rpi-5-b.dtb has the alias that mtools gave it.
    let alias = short_names(&stock, "::").into_iter().find(|name| name.starts_with("BCM271")).unwrap();
    assert_eq!(alias, "BCM271~1 DTB");
    let aliased = path("/BCM271~1.DTB");
    let below = path("/overlays/SOME-O~1.DTB");
    let is_refused = |result: Result<(), FsError>, long: &str| {
        assert!(matches!(&result, Err(FsError::ShortName { of }) if of == long), "{result:?}");
    };

    let reader = fat::FatReader::open(FileDisk::open(&stock)).unwrap();
    is_refused(reader.metadata(&aliased).map(|_| ()), "bcm2712-rpi-5-b.dtb");
    is_refused(reader.read(&aliased, ByteCount::new(1 << 20)).map(|_| ()), "bcm2712-rpi-5-b.dtb");
    is_refused(reader.metadata(&path("/bcm271~1.dtb")).map(|_| ()), "bcm2712-rpi-5-b.dtb");
    assert!(reader.metadata(&path("/BCM2712-RPI-5-B.DTB")).unwrap().is_some());

    let patch = changes(&stock, |overlay| {
        let mut writer = fat::FatWriter::open(overlay, TIME).unwrap();
        let mut write = |path: &ImagePath| {
            writer.write_file(path, &mut &b"mine"[..], ByteCount::new(4), Mode::FILE, Owner::ROOT)
        };
        is_refused(write(&aliased), "bcm2712-rpi-5-b.dtb");
        is_refused(write(&below), "some-overlay-0.dtbo");
        is_refused(writer.make_directory(&aliased, Mode::FILE, Owner::ROOT), "bcm2712-rpi-5-b.dtb");
        is_refused(writer.remove(&aliased), "bcm2712-rpi-5-b.dtb");
        is_refused(writer.rename(&aliased, &path("/x.dtb")), "bcm2712-rpi-5-b.dtb");
        is_refused(writer.rename(&path("/kernel8.img"), &aliased), "bcm2712-rpi-5-b.dtb");
        // Names that look like aliases and are none.
        for free in ["/BCM271~7.DTB", "/KERNEL~1.IMG"] {
            writer
                .write_file(&path(free), &mut &b"mine"[..], ByteCount::new(4), Mode::FILE, Owner::ROOT)
                .unwrap();
        }
        Box::new(writer).finish().unwrap();
    });
    let patched = directory.path().join("patched.img");
    write_patched(&stock, &patch, &patched);
    check("fsck.vfat", &["-n", text(&patched)]);
    let after = fat::FatReader::open(FileDisk::open(&patched)).unwrap();
    let content = |at: &str| after.read(&path(at), ByteCount::new(1 << 20)).unwrap();
    assert!(content("/bcm2712-rpi-5-b.dtb") == noise(1, 70_000));
    assert_eq!(content("/BCM271~7.DTB"), b"mine");
}

#[test]
fn short_names_that_are_made_up_are_nobody_elses() {
    if !all_here(&ORACLES) {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let stock = make(directory.path(), 64, &["-F", "32", "-s", "1"]);
    let patch = changes(&stock, |overlay| {
        let mut writer = fat::FatWriter::open(overlay, TIME).unwrap();
        let mut put = |name: String| {
            let result =
                writer.write_file(&path(&name), &mut &b""[..], ByteCount::ZERO, Mode::FILE, Owner::ROOT);
            result.unwrap_or_else(|error| panic!("{name}: {error}"));
        };
        // First the names that look like aliases, of both forms; then what would be given them.
        for number in 1..=4 {
            put(format!("/overlays/LONG-N~{number}.TXT"));
        }
        for number in 0..200 {
            put(format!("/overlays/long-name-{number}.txt"));
            put(format!("/overlays/Long Name {number}.txt"));
        }
        for number in 0..30 {
            put(format!("/overlays/x{}.y", "+".repeat(number + 1)));
        }
        Box::new(writer).finish().unwrap();
    });
    let patched = directory.path().join("patched.img");
    write_patched(&stock, &patch, &patched);
    check("fsck.vfat", &["-n", text(&patched)]);
    let names = short_names(&patched, "::overlays");
    assert_eq!(names.len(), 40 + 4 + 400 + 30);
    let unique: std::collections::BTreeSet<_> = names.iter().collect();
    assert_eq!(unique.len(), names.len(), "{names:?}");
    fat::FatReader::open(FileDisk::open(&patched)).unwrap();
}
