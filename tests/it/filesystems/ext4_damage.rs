//! Damaged ext4 images: whatever is in them, there is an error at most, and an end.

use crate::filesystems::ext4_image::make;
use crate::filesystems::model::{Random, TIME, path};
use crate::support::all_here;
use cardwright::fs::{FsError, ReadFilesystem, WriteFilesystem, ext4};
use cardwright::io::Overlay;
use cardwright::types::{ByteCount, ImagePath, Mode, Owner};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

const LIMIT: ByteCount = ByteCount::new(1 << 20);

/// Looks at everything, as far as it goes.
fn read_all(reader: &ext4::Ext4Reader) -> Result<(), FsError> {
    let mut left = vec![(ImagePath::root(), 0)];
    while let Some((directory, depth)) = left.pop() {
        for name in reader.list(&directory).unwrap_or_default().iter().take(50) {
            let Ok(path) = directory.join(name) else { continue };
            let _ = reader.read(&path, LIMIT);
            let _ = reader.read_link(&path);
            let _ = reader.extended_attributes(&path);
            if reader.metadata(&path).is_ok() && depth < 4 {
                left.push((path, depth + 1));
            }
        }
    }
    reader.summary().map(|_| ())
}

fn write_some(mut writer: ext4::Ext4Writer) -> Result<(), FsError> {
    let file = |writer: &mut ext4::Ext4Writer, at: &str, size: u64| {
        writer.write_file(&path(at), &mut std::io::repeat(1), ByteCount::new(size), Mode::FILE, Owner::ROOT)
    };
    let _ = file(&mut writer, "/etc/hostname", 6);
    let _ = file(&mut writer, "/etc/config", 10_000);
    let _ = file(&mut writer, "/lib/many/new", 100_000);
    let _ = writer.make_directory(&path("/opt"), Mode::EXECUTABLE, Owner::ROOT);
    let _ = writer.make_symlink(&path("/etc/link"), &"x".repeat(80));
    let _ = writer.rename(&path("/home/pi"), &path("/home/ann"));
    let _ = writer.remove(&path("/usr/lib/many/stock-001"));
    Box::new(writer).finish()
}

fn damage(options: &[&str]) {
    let directory = tempfile::tempdir().unwrap();
    let image = std::fs::read(make(directory.path(), 8, options)).unwrap();
    // Where there is something other than zeros there is something to damage.
    let places: Vec<usize> = image
        .chunks(64)
        .enumerate()
        .filter(|(_, chunk)| chunk.iter().any(|byte| *byte != 0))
        .map(|(at, _)| at * 64)
        .collect();
    // The superblock, the descriptors, the first inodes and directories come first.
    let early = places.partition_point(|place| *place < 1 << 20);
    let mut random = Random(0x5eed_0123_4567_89ab);
    for round in 0..150 {
        let mut damaged = image.clone();
        for _ in 0..=random.below(3) {
            let among = if random.below(3) == 0 { places.len() } else { early };
            let place = places[usize::try_from(random.below(among as u64)).unwrap()];
            let at = place + usize::try_from(random.below(64)).unwrap();
            damaged[at] = match random.below(4) {
                0 => 0xff,
                1 => 0,
                2 => damaged[at].wrapping_add(1),
                _ => random.next().to_le_bytes()[0],
            };
        }
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            let disk = Arc::new(damaged);
            if let Ok(reader) = ext4::Ext4Reader::open(disk.clone()) {
                let _ = read_all(&reader);
            }
            if let Ok(writer) = ext4::Ext4Writer::open(Arc::new(Overlay::new(disk)), TIME) {
                let _ = write_some(writer);
            }
        }));
        assert!(outcome.is_ok(), "round {round} panicked");
    }
}

#[test]
fn no_damage_that_checksums_reveal_makes_it_panic() {
    if all_here(&["mke2fs", "e2fsck", "debugfs"]) {
        damage(&["-O", "^64bit,^huge_file", "-N", "1024"]);
    }
}

#[test]
fn no_damage_that_no_checksum_reveals_makes_it_panic() {
    if all_here(&["mke2fs", "e2fsck", "debugfs"]) {
        damage(&["-O", "^64bit,^huge_file,^metadata_csum,^metadata_csum_seed", "-N", "1024", "-b", "1024"]);
    }
}
