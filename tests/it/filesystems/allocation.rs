//! What is said to hold nothing holds nothing: dumpe2fs says the same, and noise in it disturbs nobody.

use crate::filesystems::disk::FileDisk;
use crate::filesystems::model::noise;
use crate::filesystems::oracle::{check, text};
use crate::filesystems::{ext4_image, fat_matrix};
use crate::support::all_here;
use cardwright::fs::{ReadFilesystem, ext4, fat};
use cardwright::io::ReadAt;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

fn open(image: &Path) -> Arc<dyn ReadAt> {
    FileDisk::open(image)
}

/// Overwrites parts of an image.
fn soil(image: &Path, parts: &[Range<u64>]) {
    use std::io::{Seek as _, SeekFrom, Write as _};
    let mut file = std::fs::File::options().write(true).open(image).unwrap();
    let piece = noise(77, 1 << 20);
    for part in parts {
        file.seek(SeekFrom::Start(part.start)).unwrap();
        let mut left = usize::try_from(part.end - part.start).unwrap();
        while left > 0 {
            let length = left.min(piece.len());
            file.write_all(&piece[..length]).unwrap();
            left -= length;
        }
    }
}

/// The free blocks, as dumpe2fs lists them for each group.
fn listed(image: &Path) -> Vec<u64> {
    let said = check("dumpe2fs", &[text(image)]);
    let mut free = Vec::new();
    // That of the whole filesystem, before the first group, is a number.
    let of_groups = said.lines().skip_while(|line| !line.starts_with("Group 0"));
    for line in of_groups.filter_map(|line| line.strip_prefix("  Free blocks: ")) {
        for part in line.split(", ").filter(|part| !part.is_empty()) {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            free.extend(first.parse::<u64>().unwrap()..=last.parse().unwrap());
        }
    }
    free
}

#[test]
fn free_blocks_are_those_that_dumpe2fs_lists() {
    if !all_here(&["mke2fs", "e2fsck", "debugfs", "dumpe2fs"]) {
        return;
    }
    let mut uninitialised = 0;
    for (megabytes, block_size, options) in [
        (400, 4096, &["-O", "metadata_csum,64bit"][..]),
        (400, 4096, &["-O", "^flex_bg,^64bit,metadata_csum"]),
        (400, 4096, &["-O", "^metadata_csum,uninit_bg,^sparse_super,^resize_inode"]),
        (60, 1024, &["-b", "1024", "-O", "metadata_csum"]),
        (60, 1024, &["-b", "1024", "-O", "^metadata_csum,^uninit_bg,^flex_bg"]),
    ] {
        let directory = tempfile::tempdir().unwrap();
        let image = ext4_image::make(directory.path(), megabytes, options);
        uninitialised += check("dumpe2fs", &[text(&image)]).matches("BLOCK_UNINIT").count();
        let unused = ext4::unused(&*open(&image)).unwrap();
        let blocks: Vec<u64> =
            unused.iter().flat_map(|part| part.start / block_size..part.end / block_size).collect();
        assert!(blocks.len() > 1000);
        assert!(blocks == listed(&image), "{options:?}");
        soil(&image, &unused);
        check("e2fsck", &["-fn", text(&image)]);
    }
    assert!(uninitialised > 0, "no group was without a bitmap");
}

#[test]
fn noise_in_free_clusters_disturbs_nobody() {
    if !all_here(&fat_matrix::ORACLES) {
        return;
    }
    for (megabytes, options) in
        [(64, &["-F", "32", "-s", "1"][..]), (32, &["-F", "16"]), (8, &["-F", "12", "-s", "8"])]
    {
        let directory = tempfile::tempdir().unwrap();
        let image = fat_matrix::make(directory.path(), megabytes, options);
        let before = fat::FatReader::open(open(&image)).unwrap().summary().unwrap();
        let content = check("mtype", &["-i", text(&image), "::cmdline.txt"]);
        let unused = fat::unused(open(&image)).unwrap();
        let free: u64 = unused.iter().map(|part| part.end - part.start).sum();
        assert_eq!(free, before.free.get());
        soil(&image, &unused);
        check("fsck.vfat", &["-n", text(&image)]);
        assert_eq!(fat::FatReader::open(open(&image)).unwrap().summary().unwrap(), before);
        assert_eq!(check("mtype", &["-i", text(&image), "::cmdline.txt"]), content);
    }
}
