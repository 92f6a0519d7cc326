//! An ext4 made larger, on images of many features; then e2fsck, dumpe2fs, the kernel, the writer, and
//! resize2fs, which goes on where we stopped.

use crate::filesystems::disk::{FileDisk, patch, same, write_patched};
use crate::filesystems::ext4_image::{make, make_in_kernel};
use crate::filesystems::model::{Recorder, TIME, Tree, assert_same, noise, read_tree};
use crate::filesystems::oracle::{check, run, text};
use crate::support::all_here;
use cardwright::fs::{FsError, ReadFilesystem, ext4};
use cardwright::io::{Extended, Layer, Overlay, Rollback};
use cardwright::types::ByteCount;
use std::fs::{self, File, OpenOptions};
use std::path::Path;
use std::sync::Arc;

const ORACLES: [&str; 5] = ["mke2fs", "e2fsck", "debugfs", "dumpe2fs", "resize2fs"];
const TRIXIE: &str = "^64bit,^huge_file,orphan_file,metadata_csum_seed";
const MIB: u64 = 1 << 20;

/// What growing `stock` to `size` writes.
fn try_growth(stock: &Path, size: u64) -> Result<Layer, FsError> {
    let larger = Extended::new(FileDisk::open(stock), ByteCount::new(size)).unwrap();
    let overlay = Arc::new(Overlay::new(Arc::new(larger)));
    let disk: Arc<dyn Rollback> = overlay.clone();
    ext4::grow(&disk)?;
    drop(disk);
    Ok(Arc::into_inner(overlay).unwrap().into_layer().unwrap())
}

/// Grows `stock` into the file `grown`.
fn grow(stock: &Path, size: u64, grown: &Path) -> Layer {
    let layer = try_growth(stock, size).unwrap();
    assert!(same(&layer, &try_growth(stock, size).unwrap()), "two runs differ");
    write_patched(stock, &layer, grown);
    OpenOptions::new().write(true).open(grown).unwrap().set_len(size).unwrap();
    layer
}

fn tree(image: &Path) -> Tree {
    read_tree(&ext4::Ext4Reader::open(FileDisk::open(image)).unwrap())
}

/// A number that `dumpe2fs -h` prints.
fn field(image: &Path, name: &str) -> u64 {
    let said = check("dumpe2fs", &["-h", text(image)]);
    let line = said.lines().find(|line| line.starts_with(&format!("{name}:")));
    let line = line.unwrap_or_else(|| panic!("no {name} in {said}"));
    line.split_once(':').unwrap().1.trim().parse().unwrap()
}

/// Grows an image to a size, and lets everybody look at it.
fn work_and_check(stock: &Path, size: u64, directory: &Path) {
    let grown = directory.join("grown.img");
    grow(stock, size, &grown);
    check("e2fsck", &["-fn", text(&grown)]);
    let block_size = field(&grown, "Block size");
    let unused = size / block_size - field(&grown, "Block count");
    assert!(unused * block_size < 8 * MIB, "{unused} blocks are not used");
    assert!(field(&grown, "Free blocks") > field(stock, "Free blocks"));
    backups_are_right(&grown, block_size);
    let before = tree(stock);
    assert_same(&tree(&grown), &before);
    let written = writes_well(&grown, before);
    grows_further(&grown, size, &written);
}

/// The first and the last backup say of the filesystem and of every group what the original says. (Not of
/// what was never initialised: whoever opens a filesystem by a backup looks at everything.)
fn backups_are_right(grown: &Path, block_size: u64) {
    let places = |said: &str| {
        let of_groups =
            ["Group ", "  Block bitmap at", "  Inode bitmap at", "  Inode table at", "  Backup superblock"];
        let of_all = [
            "Inode count",
            "Block count",
            "Free blocks:",
            "Reserved GDT",
            "Blocks per group",
            "Checksum seed",
        ];
        let lines =
            said.lines().filter(|line| of_groups.iter().chain(&of_all).any(|start| line.starts_with(start)));
        lines
            .map(|line| line.split(" csum").next().unwrap().trim_end_matches(',').to_owned())
            .collect::<Vec<_>>()
    };
    let said = check("dumpe2fs", &[text(grown)]);
    let backups = said.lines().filter_map(|line| line.trim().strip_prefix("Backup superblock at "));
    let backups: Vec<&str> = backups.map(|line| line.split(',').next().unwrap()).collect();
    for backup in [backups.first(), backups.last()].into_iter().flatten() {
        let (at, block_size) = (format!("superblock={backup}"), format!("blocksize={block_size}"));
        let (_, other) = run("dumpe2fs", &["-o", &at, "-o", &block_size, text(grown)]);
        assert_eq!(places(&other), places(&said), "the backup at {backup}");
    }
}

/// Files land in the new groups, and all is well.
fn writes_well(grown: &Path, before: Tree) -> Tree {
    let overlay = Arc::new(Overlay::new(FileDisk::open(grown)));
    let writer = ext4::Ext4Writer::open(overlay.clone(), TIME).unwrap();
    let mut recorder = Recorder { writer: Box::new(writer), tree: before, has_modes: true };
    let room = field(grown, "Free blocks") * field(grown, "Block size");
    let size = usize::try_from((room / 2).min(48 * MIB)).unwrap();
    recorder.file("/usr/bin/large", &noise(1, size));
    for number in 0..200 {
        recorder.file(&format!("/etc/new-{number}"), &noise(number, 5000));
    }
    let expected = recorder.finish();
    let layer = Arc::into_inner(overlay).unwrap().into_layer().unwrap();
    patch(&layer, grown);
    check("e2fsck", &["-fn", text(grown)]);
    assert_same(&tree(grown), &expected);
    expected
}

/// What the first boot does: the disk is larger still, and resize2fs takes all of it.
fn grows_further(grown: &Path, size: u64, expected: &Tree) {
    let larger = size + size / 2 + 16 * MIB;
    OpenOptions::new().write(true).open(grown).unwrap().set_len(larger).unwrap();
    check("resize2fs", &["-f", text(grown)]);
    check("e2fsck", &["-fn", text(grown)]);
    assert_same(&tree(grown), expected);
}

/// Makes an image of `from` MiB and grows it to each of `to`.
fn try_made_with(from: u64, to: &[u64], options: &[&str]) {
    if all_here(&ORACLES) {
        let directory = tempfile::tempdir().unwrap();
        let stock = make(directory.path(), from, options);
        for size in to {
            work_and_check(&stock, size * MIB, directory.path());
        }
    }
}

#[test]
fn an_image_as_built_on_trixie_grows_by_a_little_to_a_whole_group_and_by_many() {
    try_made_with(200, &[201, 256, 257, 700], &["-O", TRIXIE]);
}

#[test]
fn an_image_as_built_on_bookworm_grows() {
    try_made_with(200, &[240, 900], &["-O", "^64bit,^huge_file,^orphan_file,^metadata_csum_seed"]);
}

#[test]
fn an_image_of_one_whole_group_grows() {
    try_made_with(128, &[131, 700], &["-O", TRIXIE]);
}

#[test]
fn an_image_with_wide_descriptors_grows() {
    try_made_with(200, &[250, 900], &["-O", "64bit,huge_file"]);
}

#[test]
fn an_image_without_metadata_checksums_grows() {
    let options = "^64bit,^huge_file,^metadata_csum,^metadata_csum_seed,^uninit_bg";
    try_made_with(200, &[240, 700], &["-O", options]);
}

#[test]
fn an_image_with_checksums_of_descriptors_alone_grows() {
    let options = "^64bit,^huge_file,^metadata_csum,^metadata_csum_seed,uninit_bg";
    try_made_with(200, &[240, 700], &["-O", options]);
}

#[test]
fn an_image_without_flex_bg_or_with_backups_everywhere_grows() {
    try_made_with(200, &[700], &["-O", "^64bit,^huge_file,^flex_bg"]);
    try_made_with(200, &[700], &["-O", "^64bit,^huge_file,^sparse_super,^resize_inode"]);
}

/// 32 descriptors fill a block of 1 KiB, 16 wide ones.
#[test]
fn an_image_of_small_blocks_grows_beyond_its_descriptor_blocks() {
    try_made_with(60, &[70, 256, 700], &["-O", "^64bit,^huge_file", "-b", "1024"]);
    try_made_with(60, &[700], &["-O", "64bit,huge_file,orphan_file,metadata_csum_seed", "-b", "1024"]);
}

/// 128 descriptors fill a block of 4 KiB: 16 GiB.
#[test]
fn an_image_grows_beyond_a_descriptor_block_of_a_stock_image() {
    try_made_with(200, &[20_000], &["-O", TRIXIE]);
}

#[test]
fn an_image_filled_by_a_kernel_grows_and_the_kernel_writes_to_it() {
    if !all_here(&ORACLES) {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let Some(stock) = make_in_kernel(directory.path(), 256, &["-O", TRIXIE]) else { return };
    work_and_check(&stock, 800 * MIB, directory.path());
    let grown = directory.path().join("mounted.img");
    grow(&stock, 800 * MIB, &grown);
    let mounted = directory.path().join("mounted");
    check("mount", &["-o", "loop", text(&grown), text(&mounted)]);
    let large = noise(7, 300 << 20);
    let written = fs::write(mounted.join("large"), &large);
    let small = (0..500).try_for_each(|number| fs::write(mounted.join(format!("etc/{number}")), b"x"));
    check("umount", &[text(&mounted)]);
    written.and(small).unwrap();
    check("e2fsck", &["-fn", text(&grown)]);
    check("mount", &["-o", "loop,ro", text(&grown), text(&mounted)]);
    let read = fs::read(mounted.join("large"));
    check("umount", &[text(&mounted)]);
    assert!(read.unwrap() == large);
}

#[test]
fn what_is_large_enough_stays_as_it_is() {
    if all_here(&ORACLES) {
        let directory = tempfile::tempdir().unwrap();
        let stock = make(directory.path(), 128, &["-O", TRIXIE]);
        assert_eq!(try_growth(&stock, 128 * MIB + 4095).unwrap().indices().count(), 0);
    }
}

#[test]
fn root_keeps_its_share_and_nothing_tells_when() {
    if all_here(&ORACLES) {
        let directory = tempfile::tempdir().unwrap();
        let stock = make(directory.path(), 200, &["-O", TRIXIE, "-m", "5"]);
        let grown = directory.path().join("grown.img");
        grow(&stock, 1000 * MIB, &grown);
        assert_eq!(field(&grown, "Reserved block count"), 1000 * MIB / 4096 / 20);
        let written =
            |image: &Path| ext4::Ext4Reader::open(FileDisk::open(image)).unwrap().summary().unwrap().written;
        assert_eq!(written(&grown), written(&stock));
    }
}

#[test]
fn what_cannot_grow_is_refused() {
    if !all_here(&ORACLES) {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let stock = make(directory.path(), 60, &["-O", "^64bit,^huge_file,^resize_inode", "-b", "1024"]);
    let error = try_growth(&stock, 300 * MIB).unwrap_err();
    assert!(error.to_string().contains("it has reserved 0"), "{error}");
    assert!(try_growth(&stock, 250 * MIB).is_ok());

    let dirty = directory.path().join("dirty.img");
    fs::copy(&stock, &dirty).unwrap();
    check("debugfs", &["-w", "-R", "feature needs_recovery", text(&dirty)]);
    assert!(matches!(try_growth(&dirty, 100 * MIB), Err(FsError::Dirty { .. })));
    let spread = directory.path().join("spread.img");
    File::create(&spread).unwrap().set_len(64 * MIB).unwrap();
    check("mke2fs", &["-q", "-F", "-t", "ext4", "-O", "meta_bg,^resize_inode", text(&spread)]);
    assert!(matches!(try_growth(&spread, 100 * MIB), Err(FsError::Unsupported { .. })));
}

#[test]
fn a_damaged_filesystem_does_not_grow() {
    if !all_here(&ORACLES) {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let stock = make(directory.path(), 200, &["-O", TRIXIE]);
    let said = check("dumpe2fs", &[text(&stock)]);
    let place = |line_of: &str, name: &str| -> usize {
        let after = said.split(line_of).nth(1).unwrap().split(name).nth(1).unwrap();
        after.trim_start().split([' ', '-']).next().unwrap().parse().unwrap()
    };
    let bitmap = place("Group 1:", "Block bitmap at") * 4096;
    let inodes = place("Group 0:", "Inode table at") * 4096;
    let image = fs::read(&stock).unwrap();
    let damaged = directory.path().join("damaged.img");
    for (what, at) in [("bitmap", bitmap + 10), ("resize inode", inodes + 6 * 256 + 0x5c)] {
        let mut bytes = image.clone();
        bytes[at] ^= 0x55;
        fs::write(&damaged, &bytes).unwrap();
        let error = try_growth(&damaged, 600 * MIB).expect_err(what);
        assert!(matches!(error, FsError::Damaged(_) | FsError::Io(_)), "{what}: {error}");
    }
}
