//! Extended attributes of files that are edited: what debugfs and the kernel find afterwards.

use crate::filesystems::disk::{FileDisk, changes, write_patched};
use crate::filesystems::ext4_image::make;
use crate::filesystems::model::{TIME, path};
use crate::filesystems::oracle::{check, text};
use crate::support::all_here;
use cardwright::fs::{ExtendedAttributes, ReadFilesystem, WriteFilesystem, ext4};
use cardwright::types::{ByteCount, Mode, Owner};
use std::fs;
use std::path::Path;

const ORACLES: [&str; 3] = ["mke2fs", "e2fsck", "debugfs"];

/// An ACL on the disk (`ext4_acl_header` and its entries): rw for the owner, r for user 1000 and the group, r for
/// others, with a mask of `mask`.
fn acl(owner: u8, mask: u8, other: u8) -> Vec<u8> {
    let mut acl = 1_u32.to_le_bytes().to_vec();
    for (tag, permissions, id) in
        [(1, owner, None), (2, 4, Some(1000_u32)), (4, 4, None), (0x10, mask, None), (0x20, other, None)]
    {
        acl.extend([tag, 0, permissions, 0]);
        acl.extend(id.into_iter().flat_map(u32::to_le_bytes));
    }
    acl
}

fn set(image: &Path, directory: &Path, file: &str, name: &str, value: &[u8]) {
    let source = directory.join("value");
    fs::write(&source, value).unwrap();
    let request = format!("ea_set -r -f {} {file} {name}", text(&source));
    let said = check("debugfs", &["-w", "-R", &request, text(image)]);
    assert!(!said.contains("ea_set:"), "{said}");
}

fn get(image: &Path, directory: &Path, file: &str, name: &str) -> Option<Vec<u8>> {
    let copy = directory.join("copy");
    fs::write(&copy, "").unwrap();
    let request = format!("ea_get -r -f {} {file} {name}", text(&copy));
    let said = check("debugfs", &["-R", &request, text(image)]);
    (!said.contains("ea_get:")).then(|| fs::read(copy).unwrap())
}

fn edit(stock: &Path, patched: &Path, files: &[(&str, u16)]) {
    let patch = changes(stock, |overlay| {
        let mut writer = ext4::Ext4Writer::open(overlay, TIME).unwrap();
        for (at, mode) in files {
            let (mode, size) = (Mode::new(*mode).unwrap(), ByteCount::new(20_000));
            writer.write_file(&path(at), &mut &vec![b'x'; 20_000][..], size, mode, Owner::ROOT).unwrap();
        }
        writer.make_directory(&path("/srv"), Mode::PRIVATE_DIRECTORY, Owner::ROOT).unwrap();
        Box::new(writer).finish().unwrap();
    });
    write_patched(stock, &patch, patched);
    check("e2fsck", &["-fn", text(patched)]);
}

/// The attributes of a file by our own reader.
fn read(image: &Path, file: &str) -> ExtendedAttributes {
    ext4::Ext4Reader::open(FileDisk::open(image)).unwrap().extended_attributes(&path(file)).unwrap()
}

#[test]
fn an_edited_file_keeps_its_attributes_but_not_its_capability() {
    if !all_here(&ORACLES) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    for (number, options) in [&[][..], &["-O", "^metadata_csum,uninit_bg"], &["-b", "1024"], &["-I", "128"]]
        .into_iter()
        .enumerate()
    {
        let directory = folder.path().join(number.to_string());
        fs::create_dir(&directory).unwrap();
        let stock = make(&directory, 64, options);
        // ext4-view takes inodes of 128 bytes for damage.
        let is_readable = options != ["-I", "128"];
        let long = vec![b'l'; 600];
        let acl_before = acl(6, 4, 4);
        let attributes: [(&str, &str, &[u8]); 8] = [
            ("/etc/hostname", "user.note", b"short"),
            ("/etc/hosts", "user.long", &long),
            ("/etc/hosts", "user.note", b"short"),
            ("/etc/config", "system.posix_acl_access", &acl_before),
            ("/etc/capable", "user.note", b"short"),
            ("/etc/first-name", "user.long", &long),
            ("/home/pi/.bashrc", "user.not-edited", b"1"),
            ("/srv", "system.posix_acl_access", &acl_before),
        ];
        for (file, name, value) in attributes {
            set(&stock, &directory, file, name, value);
        }
        check("e2fsck", &["-fn", text(&stock)]);

        let patched = directory.join("patched.img");
        let files = [
            ("/etc/hostname", 0o644),
            ("/etc/hosts", 0o644),
            ("/etc/config", 0o640),
            ("/etc/capable", 0o755),
            ("/etc/first-name", 0o644),
        ];
        edit(&stock, &patched, &files);
        for (file, name, value) in attributes {
            let wanted = match (file, name) {
                ("/etc/config", "system.posix_acl_access") => acl(6, 4, 0),
                ("/srv", "system.posix_acl_access") => acl(7, 0, 0),
                _ => value.to_vec(),
            };
            if is_readable {
                assert_eq!(read(&stock, file)[name], value, "{options:?} {file} {name}");
                assert_eq!(read(&patched, file)[name], wanted, "{options:?} {file} {name}");
            }
            assert_eq!(get(&patched, &directory, file, name), Some(wanted), "{options:?} {file} {name}");
        }
        // Of two names of one file, the other one keeps everything as it was.
        assert_eq!(get(&patched, &directory, "/etc/second-name", "user.long"), Some(long), "{options:?}");
        assert!(get(&stock, &directory, "/etc/capable", "security.capability").is_some());
        assert_eq!(get(&patched, &directory, "/etc/capable", "security.capability"), None, "{options:?}");
        if !is_readable {
            continue;
        }
        let names = |image: &Path, file: &str| read(image, file).into_keys().collect::<Vec<_>>();
        assert_eq!(names(&patched, "/etc/capable"), ["user.note"], "{options:?}");
        // In a directory of many blocks, and behind a link.
        set(&stock, &directory, "/usr/lib/many/stock-650", "user.deep", b"1");
        assert_eq!(names(&stock, "/lib/many/stock-650"), ["user.deep"]);
        assert!(names(&stock, "/lib/many/stock-649").is_empty());
    }
}

/// The kernel lets files with the same attributes share one block of them (`h_refcount`).
#[cfg(target_os = "linux")]
#[test]
fn a_block_of_attributes_that_files_share_stays_right_for_all_of_them() {
    use crate::filesystems::ext4_image::make_in_kernel;
    use crate::filesystems::oracle::run;
    use rustix::fs::{XattrFlags, getxattr, setxattr};
    if !all_here(&["mke2fs", "e2fsck", "debugfs", "mount", "umount"]) {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let Some(stock) = make_in_kernel(directory.path(), 64, &[]) else { return };
    let mounted = directory.path().join("mounted");
    let long = vec![b'l'; 600];
    // VFS_CAP_REVISION_2 with cap_net_raw.
    let mut capability = 0x0200_0001_u32.to_le_bytes().to_vec();
    capability.extend([0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    check("mount", &["-o", "loop", text(&stock), text(&mounted)]);
    let set = ["etc/hostname", "etc/hosts", "etc/config"].map(|file| {
        let file = mounted.join(file);
        let filler = vec![b'f'; 80];
        setxattr(&file, "user.filler", &filler, XattrFlags::empty())
            .and_then(|()| setxattr(&file, "user.long", &long, XattrFlags::empty()))
            .and_then(|()| setxattr(&file, "security.capability", &capability, XattrFlags::empty()))
    });
    check("umount", &[text(&mounted)]);
    if set.iter().any(Result::is_err) {
        println!("skipped: {set:?}");
        return;
    }
    let stat = check("debugfs", &["-R", "stat /etc/hosts", text(&stock)]);
    let block =
        |said: &str| said.split("File ACL: ").nth(1).unwrap().split_whitespace().next().unwrap().to_owned();
    let others = check("debugfs", &["-R", "stat /etc/config", text(&stock)]);
    assert_eq!(block(&stat), block(&others), "no block is shared");

    let patched = directory.path().join("patched.img");
    edit(&stock, &patched, &[("/etc/hostname", 0o644), ("/etc/hosts", 0o600)]);
    let (success, said) = run("mount", &["-o", "loop,ro", text(&patched), text(&mounted)]);
    assert!(success, "{said}");
    let found = ["hostname", "hosts", "config"].map(|file| {
        let file = mounted.join("etc").join(file);
        ["user.long", "user.filler", "security.capability"].map(|name| {
            let mut value = vec![0; 4096];
            let length = getxattr(&file, name, value.as_mut_slice()).ok()?;
            value.truncate(length);
            Some(value)
        })
    });
    check("umount", &[text(&mounted)]);
    let filler = Some(vec![b'f'; 80]);
    let edited = [Some(long.clone()), filler.clone(), None];
    for (number, file) in ["/etc/hostname", "/etc/hosts", "/etc/config"].into_iter().enumerate() {
        let ours = read(&patched, file);
        for (name, value) in ["user.long", "user.filler", "security.capability"].iter().zip(&found[number]) {
            assert_eq!(ours.get(*name), value.as_ref(), "{file} {name}");
        }
    }
    assert_eq!(found[0], edited);
    assert_eq!(found[1], edited);
    assert_eq!(found[2], [Some(long), filler, Some(capability)]);
}
