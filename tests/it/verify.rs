//! `verify`: what it finds, and what it does not complain of.

use crate::support::{Workshop, assert_snapshot, many_blocks, partition, raw_demo, text};
use cardwright::fs::{ext4, fat};
use std::fs;
use std::sync::Arc;

/// A cluster of two whose stock image is a many-Block .img.xz.
const PAIR: &str = "\
cluster: pair
image: stock.img.xz
network: {prefix: 24, gateway: 10.1.1.1}
nodes:
  - {name: north, address: 10.1.1.2}
  - {name: south, address: 10.1.1.3}
";

/// The demo image with a gap of 1 MiB between its partitions.
fn with_gap(folder: &Workshop) -> Vec<u8> {
    let mut disk = raw_demo();
    fs::write(folder.path("demo.img"), &disk).unwrap();
    let start = partition(&folder.path("demo.img"), 2).0;
    let entry = &mut disk[446 + 16 + 8..][..4];
    entry.copy_from_slice(&u32::try_from((start + (1 << 20)) / 512).unwrap().to_le_bytes());
    let at = usize::try_from(start).unwrap();
    disk.splice(at..at, vec![0; 1 << 20]);
    disk
}

fn workshop() -> Workshop {
    let workshop = Workshop::with_nodes(PAIR);
    let disk = with_gap(&workshop);
    fs::write(workshop.path("stock.img.xz"), many_blocks(&disk)).unwrap();
    workshop
}

fn number(bytes: &[u8], at: usize) -> usize {
    u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()).try_into().unwrap()
}

/// The places of a raw image, a name and an offset each.
fn places_of_disk(image: &std::path::Path) -> Vec<(&'static str, usize)> {
    let disk = fs::read(image).unwrap();
    let range = |number| {
        let (start, length) = partition(image, number);
        let start = usize::try_from(start).unwrap();
        start..start + usize::try_from(length).unwrap()
    };
    let (boot, root) = (range(1), range(2));
    let find = |part: &std::ops::Range<usize>, what: &[u8]| {
        part.start + memchr::memmem::find(&disk[part.clone()], what).unwrap()
    };
    let reserved = usize::from(u16::from_le_bytes([disk[boot.start + 14], disk[boot.start + 15]])) * 512;
    let fat_length = number(&disk, boot.start + 36) * 512;
    let free = |part: &std::ops::Range<usize>| -> Vec<std::ops::Range<u64>> {
        let bytes = disk[part.clone()].to_vec();
        let is_boot = part.start == boot.start;
        if is_boot { fat::unused(Arc::new(bytes)).unwrap() } else { ext4::unused(&bytes).unwrap() }
    };
    let free = |part: &std::ops::Range<usize>| {
        part.start + usize::try_from(free(part).last().unwrap().end).unwrap() - 9
    };
    let group = root.start + 4096;
    let of_group = |field: usize| root.start + number(&disk, group + field) * 4096;
    vec![
        ("the code before the partition table", 100),
        ("the partition table, in a field that nobody reads", 446 + 2),
        ("the partition table, in the size of a partition", 446 + 16 + 12),
        ("the gap before the partitions", 4096),
        ("the gap between the partitions", root.start - 5),
        ("boot: the code in the boot sector", boot.start + 300),
        ("boot: the count of free clusters", boot.start + 512 + 488),
        ("boot: the copy of the boot sector", boot.start + 6 * 512 + 300),
        ("boot: the first FAT", boot.start + reserved + 40),
        ("boot: the second FAT", boot.start + reserved + fat_length + 40),
        ("boot: the time in a directory entry", find(&boot, b"CONFIG  TXT") + 22),
        ("boot: a file of the stock image", find(&boot, b"arm_64bit")),
        ("boot: free space", free(&boot)),
        ("root: the label in the superblock", root.start + 1024 + 120),
        ("root: a descriptor of a group", group + 12),
        ("root: the blocks that descriptors may grow into", group + 4096 + 200),
        // `h_magic` of its superblock.
        ("root: the superblock of the journal", find(&root, b"\xc0\x3b\x39\x98") + 60),
        ("root: the journal", find(&root, b"\xc0\x3b\x39\x98") + 5 * 4096),
        ("root: a bitmap of blocks", of_group(0) + 100),
        ("root: a bitmap of inodes", of_group(4) + 100),
        ("root: an inode that is used", of_group(8) + 10 * 256 + 40),
        ("root: an inode that is free", of_group(8) + 2047 * 256 + 40),
        ("root: a link of the stock image", find(&root, b"../usr/lib/os-release")),
        // The length of the name, and the kind of what has it.
        ("root: a name in a directory", find(&root, b"\x0a\x07os-release") + 4),
        ("root: a file of the stock image", find(&root, b"VERSION_CODENAME")),
        ("root: a file of the plan", find(&root, b"\"cluster\": \"pair\"")),
        ("root: free space", free(&root)),
    ]
}

/// What `verify` says of an image that is not as it should be: to people, without the line at the end.
fn said(workshop: &Workshop, image: &str) -> String {
    let output = workshop.run(["verify", image]);
    assert_eq!(output.status.code(), Some(1), "{image}: {}", workshop.seen(&output));
    let found = text(&output.stdout) + &text(&output.stderr);
    found.lines().next().unwrap().replace(&workshop.path("").display().to_string(), "")
}

#[test]
fn a_changed_bit_is_found_in_every_part_of_a_disk() {
    let workshop = workshop();
    workshop.succeed(["build", "--format", "img"]);
    let image = workshop.path("images/north.img");
    let disk = fs::read(&image).unwrap();
    let mut found: Vec<String> = Vec::new();
    for (name, at) in places_of_disk(&image) {
        let mut changed = disk.clone();
        changed[at] ^= 1;
        fs::write(workshop.path("changed.img"), &changed).unwrap();
        found.push(format!("{name}\n  {}", said(&workshop, "changed.img")));
        // Compressed anew its Blocks are sound, and one of them is not the stock image's.
        if name.contains("free space") || name.contains("gap between") {
            fs::write(workshop.path("changed.img.xz"), many_blocks(&changed)).unwrap();
            let compressed = said(&workshop, "changed.img.xz");
            assert!(found.last().unwrap().ends_with(&compressed), "{name}: {compressed}");
        }
    }
    assert_snapshot!("verify__disk", found.join("\n"));
}

/// The offset and unpadded size of each Block of an .xz file of one Stream.
fn blocks(file: &[u8]) -> Vec<(usize, usize)> {
    let index = file.len() - 12 - (number(file, file.len() - 8) + 1) * 4;
    let mut rest = &file[index + 1..];
    let mut take = || {
        let length = rest.iter().position(|byte| byte & 0x80 == 0).unwrap() + 1;
        let (bytes, behind) = rest.split_at(length);
        rest = behind;
        bytes.iter().rev().fold(0, |number, byte| number << 7 | usize::from(byte & 0x7f))
    };
    let (count, mut at) = (take(), 12);
    (0..count)
        .map(|_| {
            let (start, size) = (at, take());
            take();
            at += size.next_multiple_of(4);
            (start, size)
        })
        .collect()
}

#[test]
fn a_changed_bit_is_found_in_every_part_of_an_xz_file() {
    let workshop = workshop();
    workshop.succeed(["build"]);
    let stock = fs::read(workshop.path("stock.img.xz")).unwrap();
    let file = fs::read(workshop.path("images/north.img.xz")).unwrap();
    let index = file.len() - 12 - (number(&file, file.len() - 8) + 1) * 4;
    let is_of_stock =
        |(at, size): &&(usize, usize)| memchr::memmem::find(&stock, &file[*at..*at + *size]).is_some();
    let all = blocks(&file);
    let (shared, own): (Vec<(usize, usize)>, Vec<_>) =
        all.iter().copied().partition(|block| is_of_stock(&block));
    assert!(shared.len() > 3 && own.len() > 3, "{} and {}", shared.len(), own.len());
    let mut places = vec![
        ("the magic bytes".to_owned(), 1),
        ("the flags of the Stream".to_owned(), 7),
        ("the checksum of the Stream Header".to_owned(), 9),
        ("the number of Records in the Index".to_owned(), index + 1),
        ("a Record of the Index".to_owned(), index + 4),
        ("the checksum of the Index".to_owned(), file.len() - 14),
        ("the checksum of the Stream Footer".to_owned(), file.len() - 12),
        ("the Backward Size in the Stream Footer".to_owned(), file.len() - 8),
        ("the magic bytes of the Stream Footer".to_owned(), file.len() - 1),
    ];
    for (whose, blocks) in [("the stock image's", shared), ("its own", own)] {
        let (at, size) = blocks[blocks.len() / 2];
        let padded = *blocks.iter().find(|(_, size)| size % 4 != 0).unwrap();
        let (padding, end) = (padded.0 + padded.1 - 8, at + size.next_multiple_of(4));
        let of_block = [
            ("the size of the header", at),
            ("a size in the header", at + 2),
            ("the checksum of the header", at + usize::from(file[at]) * 4),
            ("its data", at + size / 2),
            ("its padding", padding),
            ("its check value", end - 3),
        ];
        places.extend(of_block.map(|(what, at)| (format!("a Block, {whose}: {what}"), at)));
    }
    let mut found = Vec::new();
    for (name, at) in places {
        let mut changed = file.clone();
        changed[at] ^= 1;
        fs::write(workshop.path("changed.img.xz"), changed).unwrap();
        found.push(format!("{name}\n  {}", said(&workshop, "changed.img.xz")));
    }
    assert_snapshot!("verify__container", found.join("\n"));
}

#[test]
fn all_images_of_a_folder_are_verified_and_one_that_differs_is_named() {
    let workshop = workshop();
    assert_snapshot!("verify__none", workshop.seen(&workshop.run(["verify", "--all"])));
    workshop.succeed(["build"]);
    let expected = "images/north.img.xz: as planned for node `north`, and nothing else differs from the stock image\n\
                    images/south.img.xz: as planned for node `south`, and nothing else differs from the stock image\n";
    assert_eq!(
        workshop.succeed(["verify", "--all"]).replace(&*workshop.path("").to_string_lossy(), ""),
        expected
    );
    workshop.succeed(["build", "--format", "img", "--output", "raw"]);
    workshop.succeed(["verify", "--all", "raw"]);

    let mut image = fs::read(workshop.path("raw/south.img")).unwrap();
    image[4096] ^= 1;
    fs::write(workshop.path("raw/south.img"), image).unwrap();
    fs::write(workshop.path("raw/south.img.gz"), "not an image").unwrap();
    let shown = [&["verify", "--all", "raw"][..], &["verify", "--all", "raw", "--json"]]
        .map(|arguments| workshop.seen(&workshop.run(arguments)));
    assert_snapshot!("verify__all", shown.join("\n"));
}

#[test]
fn a_changed_bit_is_found_in_zeros_that_are_compressed_once() {
    let workshop = workshop();
    let grown = PAIR.replace("image: stock.img.xz", "image: {path: stock.img.xz, grow: 64MiB}");
    fs::write(workshop.path("nodes.yaml"), grown).unwrap();
    workshop.succeed(["build"]);
    workshop.succeed(["verify", "--all"]);
    let mut file = fs::read(workshop.path("images/north.img.xz")).unwrap();
    let all = blocks(&file);
    let repeats = |pair: &[(usize, usize)]| file[pair[0].0..][..pair[0].1] == file[pair[1].0..][..pair[1].1];
    let repeated: Vec<_> = all.windows(2).filter(|pair| repeats(pair)).map(|pair| pair[1]).collect();
    assert!(repeated.len() > 8, "{repeated:?}");
    let (at, size) = repeated[repeated.len() / 2];
    file[at + size / 2] ^= 1;
    fs::write(workshop.path("changed.img.xz"), file).unwrap();
    let found = said(&workshop, "changed.img.xz");
    assert!(
        found.ends_with(&format!("its xz Block at byte {at} cannot be decoded: lzma data error")),
        "{found}"
    );
}
