//! ext4 images in the shape of a stock root filesystem.

use crate::filesystems::model::noise;
use crate::filesystems::oracle::{check, run, text};
use std::fs;
use std::path::{Path, PathBuf};

/// Files in the directory that has an index.
pub(crate) const MANY: u32 = 700;

/// What is in the image before anything is written to it.
fn fill(root: &Path) {
    let write = |path: &str, content: &[u8]| {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    };
    write("etc/hostname", b"raspberrypi\n");
    write("etc/hosts", b"127.0.0.1\tlocalhost\n127.0.1.1\t\traspberrypi\n");
    write("etc/config", &noise(1, 100));
    write("etc/capable", b"what had a capability\n");
    write("etc/first-name", b"one file, two names\n");
    write("etc/replaced-by-link", b"a file\n");
    write("home/pi/.bashrc", &noise(2, 3526));
    write("srv/moved/inside", b"moves along\n");
    write("srv/stays", b"stays\n");
    write("usr/bin/program", &noise(3, 300_000));
    for number in 0..MANY {
        write(&format!("usr/lib/many/stock-{number:03}"), &noise(u64::from(number), 20));
    }
    fs::hard_link(root.join("etc/first-name"), root.join("etc/second-name")).unwrap();
    link(root, "usr/lib", "lib");
    link(root, "../proc/self/mounts", "etc/mtab");
    link(root, "hostname", "etc/replaced-by-file");
}

#[cfg(unix)]
fn link(root: &Path, target: &str, path: &str) {
    std::os::unix::fs::symlink(target, root.join(path)).unwrap();
}

#[cfg(not(unix))]
fn link(_root: &Path, _target: &str, _path: &str) {
    panic!("mke2fs is not at home here");
}

/// An image of `megabytes`, made by mke2fs with `options`. Its directories are indexed as a kernel would
/// have done, which mke2fs alone does not do.
pub(crate) fn make(directory: &Path, megabytes: u64, options: &[&str]) -> PathBuf {
    let image = make_empty(directory, megabytes, options, true);
    // 1 is "errors corrected": the directories were rewritten.
    run("e2fsck", &["-fyD", text(&image)]);
    // As setcap would leave it.
    let capability = "ea_set /etc/capable security.capability \\001\\000\\000\\002\\000\\004\\000";
    check("debugfs", &["-w", "-R", capability, text(&image)]);
    check("e2fsck", &["-fn", text(&image)]);
    image
}

fn make_empty(directory: &Path, megabytes: u64, options: &[&str], filled: bool) -> PathBuf {
    let (root, image) = (directory.join("root"), directory.join("stock.img"));
    fill(&root);
    fs::File::create(&image).unwrap().set_len(megabytes << 20).unwrap();
    let mut arguments = vec!["-q", "-F", "-t", "ext4", "-T", "default", "-L", "rootfs"];
    arguments.extend(["-U", "0f5e9c3a-5a3c-4b38-9d52-3f0e1c2d4b5a"]);
    arguments.extend(["-E", "hash_seed=7d1a4ea1-0bd0-4b62-a4b2-7a3de3be1a11"]);
    if filled {
        arguments.extend(["-d", text(&root)]);
    }
    arguments.extend(options);
    arguments.push(text(&image));
    check("mke2fs", &arguments);
    image
}

/// Lets two directories grow in turns, so that the extents of each are more than its inode has room for.
fn fragment(mounted: &Path) {
    fs::create_dir(mounted.join("usr/lib/other")).unwrap();
    for number in 0..300 {
        for directory in ["usr/lib/many", "usr/lib/other"] {
            let name = format!("{number:03}-{}", "y".repeat(200));
            fs::write(mounted.join(directory).join(name), b"").unwrap();
        }
    }
}

/// The same, filled by the kernel through a loop mount as the stock image is; `None`, with a line, where
/// that is not possible.
pub(crate) fn make_in_kernel(directory: &Path, megabytes: u64, options: &[&str]) -> Option<PathBuf> {
    let image = make_empty(directory, megabytes, options, false);
    let mounted = directory.join("mounted");
    fs::create_dir(&mounted).unwrap();
    let (success, said) = run("mount", &["-o", "loop", text(&image), text(&mounted)]);
    if !success {
        println!("skipped: no loop mount: {}", said.trim());
        return None;
    }
    let (copied, said) = run("cp", &["-a", text(&directory.join("root/.")), text(&mounted)]);
    if copied {
        fragment(&mounted);
    }
    check("umount", &[text(&mounted)]);
    assert!(copied, "{said}");
    check("e2fsck", &["-fn", text(&image)]);
    Some(image)
}
