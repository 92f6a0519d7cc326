//! Damaged FATs: whatever is in them, there is an error at most, and an end.

use crate::filesystems::model::{Random, TIME, noise, path};
use crate::filesystems::oracle::{check, text};
use crate::support::all_here;
use cardwright::fs::{ReadFilesystem, WriteFilesystem, fat};
use cardwright::io::Overlay;
use cardwright::types::{ByteCount, ImagePath, Mode, Owner};
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

fn read_all(reader: &fat::FatReader) {
    let mut left = vec![ImagePath::root()];
    while let Some(directory) = left.pop() {
        for name in reader.list(&directory).unwrap_or_default() {
            let Ok(path) = directory.join(&name) else { continue };
            let _ = reader.metadata(&path);
            let _ = reader.read(&path, ByteCount::new(1 << 20));
            left.push(path);
        }
    }
    let _ = reader.summary();
}

fn write_some(mut writer: fat::FatWriter) {
    let mut file = |at: &str, size: u64| {
        let _ = writer.write_file(
            &path(at),
            &mut std::io::repeat(1),
            ByteCount::new(size),
            Mode::FILE,
            Owner::ROOT,
        );
    };
    file("/cmdline.txt", 20_000);
    file("/a new file with a long name", 700);
    file("/directory/below", 10);
    let _ = writer.make_directory(&path("/directory/new"), Mode::EXECUTABLE, Owner::ROOT);
    let _ = writer.rename(&path("/directory/new"), &path("/moved"));
    let _ = writer.remove(&path("/kernel8.img"));
    let _ = Box::new(writer).finish();
}

fn damage(megabytes: u64, options: &[&str]) {
    let directory = tempfile::tempdir().unwrap();
    let image = directory.path().join("stock.img");
    fs::File::create(&image).unwrap().set_len(megabytes << 20).unwrap();
    let mut arguments = options.to_vec();
    arguments.push(text(&image));
    check("mkfs.fat", &arguments);
    check("mmd", &["-i", text(&image), "::directory"]);
    let source = directory.path().join("source");
    for (name, length) in [("cmdline.txt", 90), ("kernel8.img", 30_000), ("directory/a long name here", 2000)]
    {
        fs::write(&source, noise(1, length)).unwrap();
        check("mcopy", &["-i", text(&image), text(&source), &format!("::{name}")]);
    }
    let image = fs::read(image).unwrap();
    let places: Vec<usize> = image
        .chunks(16)
        .enumerate()
        .filter(|(_, chunk)| chunk.iter().any(|byte| *byte != 0))
        .map(|(at, _)| at * 16)
        .collect();
    let mut random = Random(0x5eed_0123_4567_89ab);
    for round in 0..150 {
        let mut damaged = image.clone();
        for _ in 0..=random.below(3) {
            let among = if random.below(3) == 0 { places.len() } else { places.len() / 8 };
            let at = places[usize::try_from(random.below(among as u64)).unwrap()]
                + usize::try_from(random.below(16)).unwrap();
            damaged[at] = match random.below(4) {
                0 => 0xff,
                1 => u8::try_from(random.below(8)).unwrap(),
                2 => damaged[at].wrapping_add(1),
                _ => random.next().to_le_bytes()[0],
            };
        }
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            let disk = Arc::new(damaged);
            if let Ok(reader) = fat::FatReader::open(disk.clone()) {
                read_all(&reader);
            }
            if let Ok(writer) = fat::FatWriter::open(Arc::new(Overlay::new(disk)), TIME) {
                write_some(writer);
            }
        }));
        assert!(outcome.is_ok(), "round {round} panicked");
    }
}

#[test]
fn no_damage_to_a_fat32_makes_it_panic_or_run_for_ever() {
    if all_here(&["mkfs.fat", "mmd", "mcopy"]) {
        damage(36, &["-F", "32", "-s", "1"]);
    }
}

#[test]
fn no_damage_to_a_fat16_makes_it_panic_or_run_for_ever() {
    if all_here(&["mkfs.fat", "mmd", "mcopy"]) {
        damage(5, &["-F", "16", "-s", "1"]);
    }
}

#[test]
fn no_damage_to_a_fat12_makes_it_panic_or_run_for_ever() {
    if all_here(&["mkfs.fat", "mmd", "mcopy"]) {
        damage(1, &["-F", "12"]);
    }
}
