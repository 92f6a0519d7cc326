//! Cards written over loop devices, which takes root; without it these tests are skipped, unless CARDWRIGHT_ORACLES asks for
//! them. Cards that lie, wear out and lose bits are in `src/flash/tests.rs`.

use crate::support::mount::Mounted;
use crate::support::{
    SECRET, Workshop, assert_oracles_accept, assert_snapshot, content, oracle, skipped, text, tool,
};
use serde_json::Value;
use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::ops::Range;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

const NODES: &str = "cluster: compass\nimage: demo\nnetwork: {prefix: 24, gateway: 10.0.0.1}\nk3s: {version: v1.36.4+k3s1}\n\
    nodes:\n  - {name: north, address: 10.0.0.11, k3s: server}\n  - {name: east, address: 10.0.0.12, k3s: agent}\n";

/// A loop device over a file of its own, in which every byte is 0xff at first.
struct Card {
    device: PathBuf,
    file: PathBuf,
    _folder: tempfile::TempDir,
}

impl Card {
    /// `None` where there are no loop devices.
    fn new(size: u64, options: &[&str]) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("card");
        let mut bytes = File::create(&file).unwrap();
        bytes.write_all(&vec![0xff; 1 << 20]).unwrap();
        bytes.set_len(size).unwrap();
        bytes.write_all_at(&[0xff; 4096], size - 4096).unwrap();
        drop(bytes);
        let device = attached(&file, options)?;
        Some(Self { device, file, _folder: folder })
    }

    /// One that the demo fits on.
    fn for_demo() -> Option<Self> {
        Self::new(demo_size() + (16 << 20), &[])
    }

    fn path(&self) -> &str {
        self.device.to_str().unwrap()
    }

    fn bytes(&self, range: Range<u64>) -> Vec<u8> {
        let mut bytes = vec![0; usize::try_from(range.end - range.start).unwrap()];
        File::open(&self.file).unwrap().read_exact_at(&mut bytes, range.start).unwrap();
        bytes
    }

    fn first_sector(&self) -> Vec<u8> {
        self.bytes(0..512)
    }

    fn is_untouched(&self) -> bool {
        self.bytes(0..1 << 20).iter().all(|byte| *byte == 0xff)
    }
}

impl Drop for Card {
    fn drop(&mut self) {
        // Nothing depends on it: the test is over, and a panic here would hide its own.
        drop(Command::new(tool("losetup").unwrap()).arg("-d").arg(&self.device).status());
    }
}

fn attached(file: &Path, options: &[&str]) -> Option<PathBuf> {
    let mut losetup = oracle("losetup")?;
    let output = losetup.args(["--find", "--show"]).args(options).arg(file).output().unwrap();
    if !output.status.success() {
        skipped(&format!("loop devices need root: {}", text(&output.stderr)));
        return None;
    }
    Some(PathBuf::from(text(&output.stdout).trim()))
}

fn demo_size() -> u64 {
    use cardwright::io::ReadAt as _;
    cardwright::demo::open().unwrap().size().get()
}

fn flash(workshop: &Workshop, card: &Card, more: &[&str]) -> Output {
    workshop.run(["flash", "north", "--to", card.path(), "--yes"].iter().chain(more))
}

/// What a person saw, without the names of the device.
fn seen(workshop: &Workshop, card: &Card, output: &Output) -> String {
    workshop
        .seen(output)
        .replace(card.path(), "[DEVICE]")
        .replace(card.device.file_name().unwrap().to_str().unwrap(), "[NAME]")
}

/// The raw image of north, and the parts of it that its bmap calls in use.
fn image(workshop: &Workshop) -> (Vec<u8>, Vec<Range<u64>>) {
    workshop.succeed(["build", "--format", "img", "--bmap", "--only", "north"]);
    let bmap = fs::read_to_string(workshop.path("images/north.img.bmap")).unwrap();
    let ranges = bmap.lines().filter(|line| line.contains("<Range")).map(|line| {
        let blocks = line.split('>').nth(1).unwrap().split('<').next().unwrap().trim();
        let (first, last) = blocks.split_once('-').unwrap_or((blocks, blocks));
        let block = |text: &str| text.parse::<u64>().unwrap();
        block(first) * 4096..(block(last) + 1) * 4096
    });
    (fs::read(workshop.path("images/north.img")).unwrap(), ranges.collect())
}

/// Whether a card holds an image, as far as that is in use.
fn holds(card: &Card, image: &(Vec<u8>, Vec<Range<u64>>)) -> bool {
    let (bytes, used) = image;
    used.iter().all(|range| {
        let place = usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap();
        card.bytes(range.clone()) == bytes[place]
    })
}

#[test]
fn a_card_holds_what_the_image_of_its_node_holds() {
    let workshop = Workshop::with_nodes(NODES);
    let Some(card) = Card::for_demo() else { return };
    let output = flash(&workshop, &card, &[]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let image = image(&workshop);
    assert!(holds(&card, &image));
    assert_oracles_accept(&card.file);
    // No copy of an old GPT is left.
    let end = demo_size() + (16 << 20);
    assert!(card.bytes(end - 4096..end).iter().all(|byte| *byte == 0));
    let log: Value = serde_json::from_slice(&fs::read(workshop.path("cards.json")).unwrap()).unwrap();
    let entry = &log["cards"][0];
    assert_eq!([&entry["node"], &entry["cluster"], &entry["device"]], ["north", "compass", card.path()]);

    // All of it; and an image that exists already, whose log entry has the same hash.
    let digest = cardwright::types::Digest::of(&image.0).to_string();
    for arguments in [&["north", "--whole"][..], &["images/north.img", "--whole"]] {
        let more = ["--to", card.path(), "--yes"];
        workshop.succeed(["flash"].iter().chain(arguments).chain(&more));
        assert!(card.bytes(0..demo_size()) == image.0, "{arguments:?}");
        // The card before may be the one that is written over.
        let log: Value = serde_json::from_slice(&fs::read(workshop.path("cards.json")).unwrap()).unwrap();
        let hashes: Vec<_> = log["cards"].as_array().unwrap().iter().map(|card| &card["sha256"]).collect();
        assert_eq!(hashes, [&digest]);
    }
}

#[test]
fn a_device_that_is_not_to_be_written_over_is_left_as_it_is() {
    let workshop = Workshop::with_nodes(NODES);
    let mut said = Vec::new();
    for (name, size, options) in [
        ("too small", demo_size() - 4096, &[][..]),
        ("write-protected", demo_size(), &["--read-only"]),
        ("other sectors", demo_size(), &["--sector-size", "4096"]),
    ] {
        let Some(card) = Card::new(size, options) else { return };
        let output = flash(&workshop, &card, &[]);
        assert_eq!(output.status.code(), Some(1), "{name}");
        assert!(card.is_untouched(), "{name}");
        said.push(format!("## {name}\n{}", seen(&workshop, &card, &output)));
    }
    let Some(card) = Card::for_demo() else { return };
    let busy = OpenOptions::new().read(true).custom_flags(0o200).open(&card.device).unwrap();
    let output = flash(&workshop, &card, &[]);
    assert!(card.is_untouched());
    said.push(format!("## in use\n{}", seen(&workshop, &card, &output)));
    drop(busy);
    assert_snapshot!("flash__left_alone", said.join("\n"));
    assert!(!workshop.path("cards.json").exists());
}

/// The disk that this system runs from is refused whatever is said to it. (Were it not, the kernel would refuse it: a
/// filesystem on it is mounted.)
#[test]
fn the_disk_of_the_system_is_never_written_over() {
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
    let root = mounts.lines().find(|line| line.split(' ').nth(4) == Some("/")).unwrap();
    let source = root.split(" - ").nth(1).unwrap().split(' ').nth(1).unwrap();
    if !source.starts_with("/dev/") {
        return skipped("the root filesystem is on no device");
    }
    let workshop = Workshop::with_nodes(NODES);
    let output = workshop.run(["flash", "north", "--to", source, "--yes", "--yes-really", "--unmount"]);
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output.stderr);
    assert!(
        said.contains("this system runs from it: / is on it") || said.contains("is a partition of"),
        "{said}"
    );
}

#[test]
fn what_is_mounted_is_unmounted_where_that_is_wanted() {
    let workshop = Workshop::with_nodes(NODES);
    let Some(card) = Card::for_demo() else { return };
    let Some(mut mkfs) = oracle("mkfs.ext4") else { return };
    mkfs.args(["-q", "-F"]).arg(&card.device);
    content(mkfs);
    let at = tempfile::tempdir().unwrap();
    let Some(_mounted) = Mounted::new(&[&card.device], at.path()) else { return };
    let before = card.bytes(0..1 << 20);
    let output = flash(&workshop, &card, &[]);
    assert_eq!(output.status.code(), Some(1));
    assert!(card.bytes(0..1 << 20) == before);
    let shown = seen(&workshop, &card, &output).replace(at.path().to_str().unwrap(), "[PLACE]");
    assert_snapshot!("flash__mounted", shown);
    let output = flash(&workshop, &card, &["--unmount", "--again"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(!fs::read_to_string("/proc/self/mountinfo").unwrap().contains(at.path().to_str().unwrap()));
}

/// A device that stops taking what is written: a file that is larger than the filesystem it is on.
#[test]
fn a_device_that_fails_is_named_with_the_place_and_boots_nothing() {
    let workshop = Workshop::with_nodes(NODES);
    let folder = tempfile::tempdir().unwrap();
    let Some(mounted) = Mounted::new(&[&"-t", &"tmpfs", &"-o", &"size=6m", &"tmpfs"], folder.path()) else {
        return;
    };
    let file = mounted.path().join("card");
    File::create(&file).unwrap().set_len(demo_size()).unwrap();
    let Some(device) = attached(&file, &[]) else { return };
    let card = Card { device, file, _folder: tempfile::tempdir().unwrap() };
    let output = flash(&workshop, &card, &[]);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("failed within ") || said.contains("failed at byte "), "{said}");
    assert!(card.first_sector().iter().all(|byte| *byte == 0));
    assert!(!workshop.path("cards.json").exists());
}

/// A byte that changes after it was written, again and again.
#[test]
fn what_changes_between_writing_and_reading_back_is_found() {
    let workshop = Workshop::with_nodes(NODES);
    let Some(card) = Card::for_demo() else { return };
    let (_, used) = image(&workshop);
    let at = used[used.len() / 2].start;
    let (file, done) = (OpenOptions::new().write(true).open(&card.file).unwrap(), AtomicBool::new(false));
    let output = thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                file.write_all_at(b"flipped", at).unwrap();
            }
        });
        // The one that changes it may be too slow now and then.
        let outputs = (0..20).map(|_| flash(&workshop, &card, &["--again"]));
        let found = outputs.into_iter().find(|output| !output.status.success());
        done.store(true, Ordering::Relaxed);
        found
    });
    let said = text(&output.expect("a change that is never found").stderr);
    assert!(said.contains("holds something else than what was written at byte "), "{said}");
    assert!(card.first_sector().iter().all(|byte| *byte == 0));
}

/// Waits until a card whose first sector was 0xff has another, or the program ends.
fn wait_for_erasing(card: &Card, child: &mut Child) {
    while card.first_sector() == [0xff; 512] && child.try_wait().unwrap().is_none() {
        thread::sleep(Duration::from_millis(1));
    }
}

/// Killed at any moment, a card is the old one, an empty one, or whole.
#[test]
fn a_card_whose_writing_is_killed_boots_nothing_half_written() {
    let workshop = Workshop::with_nodes(NODES);
    let Some(card) = Card::for_demo() else { return };
    let image = image(&workshop);
    let start = || {
        File::options().write(true).open(&card.file).unwrap().write_all_at(&[0xff; 512], 0).unwrap();
        let mut command = workshop.command();
        command.env("CARDWRIGHT_SECRET", SECRET).args(["flash", "north", "--to", card.path(), "--yes"]);
        command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    };
    let mut child = start();
    wait_for_erasing(&card, &mut child);
    let began = Instant::now();
    assert!(child.wait().unwrap().success());
    let whole = began.elapsed();
    let moments = if std::env::var_os("CARDWRIGHT_ORACLES").is_some() { 50 } else { 12 };
    let mut ends = [0; 3];
    for moment in 1..=moments {
        let mut child = start();
        // Some before anything is written, most while it is written, some when it is done.
        if moment > 2 {
            wait_for_erasing(&card, &mut child);
        }
        thread::sleep(whole * moment / moments);
        child.kill().unwrap();
        child.wait().unwrap();
        let first = card.first_sector();
        let end = if first == [0xff; 512] {
            0
        } else if first == [0; 512] {
            1
        } else {
            assert!(holds(&card, &image), "moment {moment}");
            2
        };
        ends[end] += 1;
    }
    eprintln!("old, empty, whole: {ends:?}");
    assert!(flash(&workshop, &card, &[]).status.success());
    assert!(holds(&card, &image));
}

#[test]
fn who_interrupts_it_is_told_that_nothing_boots() {
    let grown = NODES.replace("image: demo", "image: {path: demo, grow: 256MiB}");
    let workshop = Workshop::with_nodes(&grown);
    let Some(card) = Card::new(demo_size() + (300 << 20), &[]) else { return };
    for attempt in 1.. {
        File::options().write(true).open(&card.file).unwrap().write_all_at(&[0xff; 512], 0).unwrap();
        let mut command = workshop.command();
        command.env("CARDWRIGHT_SECRET", SECRET).args([
            "flash",
            "north",
            "--to",
            card.path(),
            "--yes",
            "--whole",
        ]);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        wait_for_erasing(&card, &mut child);
        content({
            let mut kill = Command::new("kill");
            kill.args(["-INT", &child.id().to_string()]);
            kill
        });
        let output = child.wait_with_output().unwrap();
        // It may be done already, on a machine that is busy with other things.
        if output.status.success() && attempt < 5 {
            continue;
        }
        assert_eq!(output.status.code(), Some(130));
        let said = text(&output.stderr);
        assert!(said.contains("interrupted\n") && said.contains("has no partition table now"), "{said}");
        assert!(card.first_sector().iter().all(|byte| *byte == 0));
        break;
    }
}

#[test]
fn without_a_terminal_it_asks_nothing_and_says_what_is_missing() {
    let workshop = Workshop::with_nodes(NODES);
    fs::write(workshop.path("file"), "").unwrap();
    let all: Vec<String> = [
        &["flash"][..],
        &["flash", "north"],
        &["flash", "--all"],
        &["flash", "all"],
        &["flash", "north,east"],
        &["flash", "north", "--to", "/dev/null"],
        &["flash", "north", "--to", "/dev/null", "--yes"],
        &["flash", "north", "--to", "file", "--yes"],
        &["flash", "north", "--to", "/dev/nothing", "--yes"],
        &["flash", "--all", "--to", "/dev/null", "--yes"],
        &["flash", "south", "--to", "/dev/null", "--yes"],
        &["flash", "north", "north.img", "--to", "/dev/null", "--yes"],
        &["flash", "north.img.xz", "--to", "/dev/null", "--yes"],
    ]
    .iter()
    .map(|arguments| {
        format!("$ cardwright {}\n{}", arguments.join(" "), workshop.seen(&workshop.run(*arguments)))
    })
    .collect();
    assert_snapshot!("flash__no_terminal", all.join("\n"));
    assert!(!workshop.path("cards.json").exists() && !workshop.path("cluster.secret").exists());
    let list: Value = serde_json::from_str(&workshop.succeed(["flash", "--list", "--json"])).unwrap();
    assert!(list["devices"].is_array());
}

#[test]
fn an_image_that_is_damaged_or_old_is_found_before_a_card_is_erased() {
    let workshop = Workshop::with_nodes(NODES);
    let Some(card) = Card::for_demo() else { return };
    workshop.succeed(["build", "--only", "north"]);
    let flash = |image: &str| workshop.run(["flash", image, "--to", card.path(), "--yes"]);
    let damage = |image: &str| {
        let mut bytes = fs::read(workshop.path(image)).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(workshop.path(image), bytes).unwrap();
    };
    // Without a list beside it.
    fs::create_dir(workshop.path("copy")).unwrap();
    fs::copy(workshop.path("images/north.img.xz"), workshop.path("copy/north.img.xz")).unwrap();
    damage("copy/north.img.xz");
    damage("images/north.img.xz");
    for image in ["images/north.img.xz", "copy/north.img.xz"] {
        let output = flash(image);
        assert!(output.status.code() == Some(1) && card.is_untouched(), "{}", text(&output.stderr));
    }
    let said = text(&flash("images/north.img.xz").stderr);
    assert!(said.contains("north.img.xz is not the image that SHA256SUMS beside it speaks of"), "{said}");
    damage("images/north.img.xz");
    let nodes = fs::read_to_string(workshop.path("nodes.yaml")).unwrap();
    fs::write(workshop.path("nodes.yaml"), nodes.replace("10.0.0.12", "10.0.0.22")).unwrap();
    let output = flash("images/north.img.xz");
    let said = text(&output.stderr);
    assert!(output.status.success() && said.contains("was built before nodes.yaml was changed"), "{said}");
}

/// A card that is written without images leaves the ways in beside nodes.yaml.
#[test]
fn the_access_files_are_written_without_images() {
    let workshop = Workshop::with_nodes(NODES);
    let Some(card) = Card::for_demo() else { return };
    assert!(flash(&workshop, &card, &[]).status.success());
    let names: Vec<String> = crate::support::listing(&workshop.path("images")).into_keys().collect();
    assert_eq!(
        names,
        ["id_ed25519", "id_ed25519.pub", "known_hosts", "kubeconfig", "secret.fingerprint", "ssh_config"]
    );
    let before = fs::metadata(workshop.path("images/ssh_config")).unwrap().modified().unwrap();
    assert!(flash(&workshop, &card, &[]).status.success());
    assert_eq!(fs::metadata(workshop.path("images/ssh_config")).unwrap().modified().unwrap(), before);
    // A known_hosts with lines of somebody's own stays.
    fs::write(workshop.path("images/known_hosts"), "github.com ssh-ed25519 AAAA\n").unwrap();
    let output = flash(&workshop, &card, &[]);
    let said = text(&output.stderr);
    assert!(output.status.code() == Some(1) && said.contains("known_hosts was not written by"), "{said}");
}

/// With a terminal, as `script` makes one.
#[test]
fn the_name_of_the_node_is_typed_before_a_card_is_written() {
    let workshop = Workshop::with_nodes(NODES);
    let Some(card) = Card::for_demo() else { return };
    let answer = |typed: &str| {
        let mut script = oracle("script")?;
        let program = env!("CARGO_BIN_EXE_cardwright");
        script.args(["-qec", &format!("{program} flash north --to {}", card.path()), "/dev/null"]);
        let command = workshop.command();
        script.current_dir(command.get_current_dir().unwrap());
        script.env("CARDWRIGHT_SECRET", SECRET).env("CARDWRIGHT_CACHE", workshop.path("cache"));
        script.env("NO_COLOR", "1").env("CARDWRIGHT_NO_PROGRESS", "1").env_remove("CI");
        let mut child = script.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(typed.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        Some((output.status.success(), text(&output.stdout)))
    };
    let Some((success, said)) = answer("east\n") else { return };
    assert!(
        !success
            && said.contains("will be lost. Type north to write it")
            && said.contains("nothing was written"),
        "{said}"
    );
    assert!(card.is_untouched());
    let (success, said) = answer("north\n").unwrap();
    assert!(success && said.contains(&format!("north is on {}", card.path())), "{said}");
    assert!(!card.is_untouched());
    // Now it says whose card it is.
    let (_, said) = answer("\n").unwrap();
    assert!(said.contains("it is the card of north of the cluster compass"), "{said}");
}

/// With sudo, what is written stays the user's who typed it, in a folder of that user's, and the cache is that user's.
#[test]
fn files_stay_those_of_who_typed_sudo() {
    use std::os::unix::fs::{MetadataExt as _, chown};
    let workshop = Workshop::with_nodes(NODES);
    let Some(card) = Card::for_demo() else { return };
    let folder = workshop.path("");
    for path in [&folder, &workshop.path("nodes.yaml")] {
        chown(path, Some(65534), Some(65534)).unwrap();
    }
    for command in [&["build"][..], &["flash", "north", "--to", card.path(), "--yes"]] {
        let mut sudo = workshop.command();
        sudo.env("SUDO_UID", "65534").env("SUDO_GID", "65534").args(command);
        content(sudo);
    }
    let mut folders = vec![folder];
    let mut seen = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            seen.push(path.strip_prefix(workshop.path("")).unwrap().display().to_string());
            // The test itself made it.
            if path.starts_with(workshop.path("manifests")) {
                continue;
            }
            assert_eq!(fs::metadata(&path).unwrap().uid(), 65534, "{}", path.display());
            folders.extend(path.is_dir().then_some(path));
        }
    }
    for name in
        ["cards.json", "cluster.secret", "images/north.img.xz", "images/known_hosts", "cache/templates-v1"]
    {
        assert!(seen.iter().any(|path| path == name), "{name}: {seen:?}");
    }
}
