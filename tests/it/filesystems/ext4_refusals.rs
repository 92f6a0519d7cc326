//! What the writer of ext4 refuses, and what it says.

use crate::filesystems::disk::{FileDisk, changes};
use crate::filesystems::ext4_image::make;
use crate::filesystems::model::{TIME, path};
use crate::filesystems::oracle::{check, text};
use crate::support::all_here;
use cardwright::fs::{FileKind, FsError, WriteFilesystem, ext4};
use cardwright::io::Overlay;
use cardwright::types::{ByteCount, Mode, Owner};
use std::path::Path;
use std::sync::Arc;

const ORACLES: [&str; 4] = ["mke2fs", "e2fsck", "debugfs", "dumpe2fs"];
const STOCK: [&str; 2] = ["-O", "^64bit,^huge_file"];

fn open(image: &Path) -> Result<ext4::Ext4Writer, FsError> {
    ext4::Ext4Writer::open(Arc::new(Overlay::new(FileDisk::open(image))), TIME)
}

fn refusal(image: &Path) -> FsError {
    open(image).map(|_| ()).expect_err("it is refused")
}

fn debugfs(image: &Path, commands: &[&str]) {
    let script = image.with_extension("commands");
    std::fs::write(&script, commands.join("\n")).unwrap();
    check("debugfs", &["-w", "-f", text(&script), text(image)]);
}

#[test]
fn features_that_no_stock_image_has_are_refused_by_name() {
    if !all_here(&ORACLES) {
        return;
    }
    for (options, name) in [
        (vec!["-O", "inline_data"], "inline_data"),
        (vec!["-O", "quota"], "quota"),
        (vec!["-O", "bigalloc", "-C", "16384"], "bigalloc"),
        (vec!["-O", "casefold"], "casefold"),
        (vec!["-O", "encrypt"], "encrypt"),
        (vec!["-O", "mmp"], "mmp"),
        (vec!["-O", "ea_inode"], "ea_inode"),
        (vec!["-O", "meta_bg,^resize_inode"], "meta_bg"),
        (vec!["-O", "large_dir"], "large_dir"),
        (vec!["-O", "project,quota"], "project"),
        (vec!["-O", "sparse_super2"], "sparse_super2"),
        (vec!["-O", "fast_commit"], "fast_commit"),
        (vec!["-O", "verity"], "verity"),
        // The crate writes their extent nodes in a way that e2fsck rejects.
        (vec!["-b", "2048"], "2048"),
    ] {
        let directory = tempfile::tempdir().unwrap();
        let image = directory.path().join("odd.img");
        std::fs::File::create(&image).unwrap().set_len(32 << 20).unwrap();
        let mut arguments = vec!["-q", "-F", "-t", "ext4"];
        arguments.extend(&options);
        arguments.push(text(&image));
        check("mke2fs", &arguments);
        let error = refusal(&image);
        let FsError::Unsupported { found, .. } = &error else { panic!("{name}: {error}") };
        assert!(found.split(' ').any(|feature| feature == name), "{name}: {error}");
    }
}

#[test]
fn an_ext3_and_no_filesystem_at_all_are_refused() {
    if !all_here(&ORACLES) {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let image = directory.path().join("ext3.img");
    std::fs::File::create(&image).unwrap().set_len(32 << 20).unwrap();
    assert!(matches!(refusal(&image), FsError::NotThisFilesystem { .. }));
    check("mke2fs", &["-q", "-F", "-t", "ext3", text(&image)]);
    assert!(matches!(refusal(&image), FsError::Unsupported { .. }));
}

#[test]
fn a_filesystem_that_was_not_closed_properly_is_refused() {
    if !all_here(&ORACLES) {
        return;
    }
    for (commands, words) in [
        (vec!["feature needs_recovery"], "needs_recovery"),
        (vec!["feature orphan_present"], "orphan_present"),
        (vec!["set_super_value last_orphan 12"], "orphan_present"),
        (vec!["set_super_value state 0"], "not marked clean"),
        (vec!["set_super_value state 3"], "errors"),
    ] {
        let directory = tempfile::tempdir().unwrap();
        let image = make(directory.path(), 32, &["-O", "^64bit,^huge_file,orphan_file"]);
        drop(open(&image).unwrap());
        debugfs(&image, &commands);
        let error = refusal(&image);
        assert!(matches!(error, FsError::Dirty { .. }), "{commands:?}: {error}");
        assert!(error.to_string().contains(words), "{commands:?}: {error}");
    }
}

#[test]
fn a_journal_that_is_not_empty_is_refused_whatever_the_superblock_says() {
    if !all_here(&ORACLES) {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let image = make(directory.path(), 32, &STOCK);
    // debugfs writes a transaction and notes it; then the note is taken away.
    debugfs(&image, &["jo", "jw -b 900 /dev/null", "jc"]);
    debugfs(&image, &["feature -needs_recovery"]);
    let said = check("debugfs", &["-R", "logdump -S", text(&image)]);
    let start = said.lines().find(|line| line.starts_with("Journal start:")).unwrap();
    assert!(!start.ends_with(" 0"), "debugfs wrote no transaction: {said}");
    let error = refusal(&image);
    assert!(matches!(error, FsError::Dirty { .. }), "{error}");
    assert!(error.to_string().contains("journal is not empty"), "{error}");
}

#[test]
fn a_damaged_superblock_is_refused() {
    if !all_here(&ORACLES) {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let image = make(directory.path(), 32, &STOCK);
    let mut bytes = std::fs::read(&image).unwrap();
    // s_volume_name, under the checksum.
    bytes[1024 + 0x78] ^= 1;
    let disk = Arc::new(Overlay::new(Arc::new(bytes)));
    assert!(matches!(ext4::Ext4Writer::open(disk.clone(), TIME), Err(FsError::Damaged(_))));
    assert!(matches!(ext4::Ext4Reader::open(disk), Err(FsError::Damaged(_))));
}

#[test]
fn what_is_in_the_way_stays_there() {
    if !all_here(&ORACLES) {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let image = make(directory.path(), 32, &STOCK);
    debugfs(&image, &["cd /etc", "mknod pipe p"]);
    let layer = changes(&image, |overlay| {
        let mut writer = ext4::Ext4Writer::open(overlay, TIME).unwrap();
        let mut file = |at: &str| {
            writer.write_file(&path(at), &mut &b"x"[..], ByteCount::new(1), Mode::FILE, Owner::ROOT)
        };
        assert!(matches!(file("/etc"), Err(FsError::WrongKind { found: FileKind::Directory, .. })));
        assert!(matches!(file("/etc/pipe"), Err(FsError::WrongKind { found: FileKind::Special, .. })));
        assert!(matches!(file("/nothing/x"), Err(FsError::NotFound)));
        assert!(file("/etc/hostname/x").is_err());
        assert!(file("/").is_err());
        let wrong_kind = |result| matches!(result, Err(FsError::WrongKind { .. }));
        assert!(wrong_kind(writer.make_symlink(&path("/etc"), "x")));
        assert!(wrong_kind(writer.make_symlink(&path("/etc/pipe"), "x")));
        assert!(wrong_kind(writer.make_directory(&path("/lib"), Mode::EXECUTABLE, Owner::ROOT)));
        assert!(wrong_kind(writer.remove(&path("/etc"))));
        assert!(wrong_kind(writer.remove(&path("/etc/pipe"))));
        assert!(matches!(writer.remove(&path("/etc/nothing")), Err(FsError::NotFound)));
        let mut rename = |from: &str, to: &str| writer.rename(&path(from), &path(to));
        assert!(matches!(rename("/etc/nothing", "/etc/x"), Err(FsError::NotFound)));
        assert!(matches!(rename("/etc/hosts", "/etc/hostname"), Err(FsError::AlreadyExists)));
        assert!(rename("/home", "/home/pi/home").is_err());
        Box::new(writer).finish().unwrap();
    });
    assert_eq!(layer.indices().count(), 0);
}

#[test]
fn a_content_that_ends_early_is_an_error() {
    if !all_here(&ORACLES) {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let image = make(directory.path(), 32, &STOCK);
    let mut writer = open(&image).unwrap();
    let written =
        writer.write_file(&path("/etc/x"), &mut &b"short"[..], ByteCount::new(6), Mode::FILE, Owner::ROOT);
    assert!(matches!(written, Err(FsError::Io(_))));
}

#[test]
fn what_does_not_fit_is_refused_before_anything_is_written() {
    if !all_here(&ORACLES) {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let image = make(directory.path(), 32, &STOCK);
    let layer = changes(&image, |overlay| {
        let mut writer = ext4::Ext4Writer::open(overlay, TIME).unwrap();
        let size = ByteCount::new(64 << 20);
        let written =
            writer.write_file(&path("/large"), &mut std::io::repeat(7), size, Mode::FILE, Owner::ROOT);
        let Err(FsError::Full { needed, free }) = written else { panic!("{written:?}") };
        assert_eq!(needed, size);
        assert!(free.get() > 4 << 20 && free.get() < 32 << 20, "{free}");
        Box::new(writer).finish().unwrap();
    });
    assert_eq!(layer.indices().count(), 0);
}

#[test]
fn the_last_block_can_be_filled_by_root() {
    if !all_here(&ORACLES) {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let image = make(directory.path(), 32, &STOCK);
    let mut full = false;
    let layer = changes(&image, |overlay| {
        let mut writer = ext4::Ext4Writer::open(overlay, TIME).unwrap();
        for number in 0..64 {
            let at = path(&format!("/filling-{number}"));
            let size = ByteCount::new(1 << 20);
            match writer.write_file(&at, &mut std::io::repeat(7), size, Mode::FILE, Owner::ROOT) {
                Ok(()) => {}
                Err(FsError::Full { .. }) => {
                    full = true;
                    break;
                }
                Err(other) => panic!("{other}"),
            }
        }
        Box::new(writer).finish().unwrap();
    });
    assert!(full);
    let patched = directory.path().join("patched.img");
    crate::filesystems::disk::write_patched(&image, &layer, &patched);
    check("e2fsck", &["-fn", text(&patched)]);
}

#[test]
fn when_the_inodes_are_used_up_the_error_says_so() {
    if !all_here(&ORACLES) {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let image = make(directory.path(), 32, &["-O", "^64bit,^huge_file", "-N", "768"]);
    let mut writer = open(&image).unwrap();
    let refused = (0..200).find_map(|number| {
        let at = path(&format!("/etc/new-{number}"));
        writer.write_file(&at, &mut &b""[..], ByteCount::ZERO, Mode::FILE, Owner::ROOT).err()
    });
    assert!(matches!(refused, Some(FsError::NoRoomForNames)), "{refused:?}");
}
