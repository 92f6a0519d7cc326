//! A cluster whose cards are written one after another, by a person who is not always careful.

use super::*;
use crate::cli::arguments::{Arguments, Command};
use crate::cli::paint::Line;
use cardwright::device::{Bus, DeviceError, DevicePartition, Mount, Obstacle, OpenDevice};
use cardwright::identity::ClusterSecret;
use cardwright::io::{ReadAt, WriteAt};
use cardwright::pipeline::{OpenedImage, Silent};
use cardwright::stock_system::OpenOptions;
use cardwright::types::ByteOffset;
use clap::Parser as _;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex};

const CARD: u64 = 128 << 20;

/// A card in memory, for which everything is a success.
#[derive(Clone)]
struct Card(Arc<Mutex<Vec<u8>>>);

impl Card {
    fn new() -> Self {
        Self(Arc::new(Mutex::new(vec![0xff; usize::try_from(CARD).unwrap()])))
    }
}

impl ReadAt for Card {
    fn size(&self) -> ByteCount {
        ByteCount::new(CARD)
    }

    fn read_at(&self, offset: ByteOffset, buffer: &mut [u8]) -> io::Result<()> {
        self.0.lock().unwrap().read_at(offset, buffer)
    }
}

impl WriteAt for Card {
    fn write_at(&self, offset: ByteOffset, bytes: &[u8]) -> io::Result<()> {
        self.0.lock().unwrap()[offset.as_usize()..][..bytes.len()].copy_from_slice(bytes);
        Ok(())
    }
}

impl OpenDevice for Card {
    fn discard(&self) -> io::Result<bool> {
        Ok(false)
    }

    fn flush(&self) -> io::Result<()> {
        Ok(())
    }
}

/// A machine with one reader, or several.
struct Machine {
    readers: RefCell<Vec<(Device, Card)>>,
}

impl Machine {
    fn with(devices: Vec<Device>) -> Self {
        Self { readers: RefCell::new(devices.into_iter().map(|device| (device, Card::new())).collect()) }
    }
}

impl DeviceHost for Machine {
    fn devices(&self) -> Result<Vec<Device>, DeviceError> {
        Ok(self.readers.borrow().iter().map(|(device, _)| device.clone()).collect())
    }

    fn device(&self, path: &Path) -> Result<Device, DeviceError> {
        let devices = self.devices()?;
        let found = devices.into_iter().find(|device| device.path == path);
        found.ok_or_else(|| DeviceError::NotThere { path: path.to_owned() })
    }

    fn unmount(&self, device: &Device) -> Result<(), DeviceError> {
        for (reader, _) in
            self.readers.borrow_mut().iter_mut().filter(|(reader, _)| reader.path == device.path)
        {
            reader.mounts.clear();
            reader.obstacles.clear();
        }
        Ok(())
    }

    fn open(&self, device: &Device) -> Result<Box<dyn OpenDevice>, DeviceError> {
        let readers = self.readers.borrow();
        let (_, card) = readers.iter().find(|(reader, _)| reader.path == device.path).unwrap();
        Ok(Box::new(card.clone()))
    }

    fn read_table(&self, _device: &Device) {}
}

/// A person who gives answers, and puts in other cards before some.
struct Script<'machine> {
    machine: &'machine Machine,
    answers: VecDeque<&'static str>,
    asked: Vec<String>,
}

impl<'machine> Script<'machine> {
    /// `+` before an answer puts another card in first.
    fn new(machine: &'machine Machine, answers: &[&'static str]) -> Self {
        Self { machine, answers: answers.iter().copied().collect(), asked: Vec::new() }
    }
}

impl Person for Script<'_> {
    fn is_there(&self) -> bool {
        true
    }

    fn ask(&mut self, question: Line) -> io::Result<Option<String>> {
        let answer = self.answers.pop_front();
        if answer.is_some_and(|answer| answer.starts_with('+')) {
            self.machine.readers.borrow_mut()[0].1 = Card::new();
        }
        self.asked.push(format!("{}{}", question.text(), answer.unwrap_or("^D")));
        Ok(answer.map(|answer| answer.trim_start_matches('+').to_owned()))
    }
}

fn reader() -> Device {
    let mut device = Device::new("/dev/sdb", ByteCount::new(CARD), Bus::Usb);
    device.model = Some("Generic MassStorageClass".to_owned());
    device.serial = Some("000000001206".to_owned());
    device.removable = true;
    device
}

fn partition(path: &str, size: u64, filesystem: Option<&str>, label: Option<&str>) -> DevicePartition {
    let (filesystem, label) = (filesystem.map(str::to_owned), label.map(str::to_owned));
    DevicePartition { path: path.into(), size: ByteCount::new(size), label, filesystem }
}

/// A folder with a nodes.yaml of three nodes.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let nodes = ["north", "east", "south"]
        .iter()
        .zip(11..)
        .map(|(name, address)| format!("  - {{name: {name}, address: 10.0.0.{address}}}\n"));
    let text = "cluster: compass\nimage: demo\nnetwork: {prefix: 24, gateway: 10.0.0.1}\nnodes:\n";
    let text: String = [text.to_owned()].into_iter().chain(nodes).collect();
    std::fs::write(folder.path().join("nodes.yaml"), text).unwrap();
    folder
}

/// Runs the command, and returns what was asked and answered, and for which nodes cards were logged.
fn run_with(
    folder: &Path,
    machine: &Machine,
    arguments: &[&str],
    answers: &[&'static str],
) -> (Vec<String>, Vec<String>, bool) {
    let file = folder.join("nodes.yaml");
    let all = ["cardwright", "flash", "-f", file.to_str().unwrap()];
    let parsed = Arguments::parse_from(all.iter().chain(arguments));
    let Command::Flash(arguments) = &parsed.command else { panic!("another command") };
    let cluster = Cluster::load(&file).unwrap();
    let image = pipeline::open_image(&cluster.image, &std::env::temp_dir(), None, &Silent).unwrap();
    let stock = OpenedImage::new(image, &cluster, OpenOptions::default()).unwrap();
    let secret = ClusterSecret::from_hex(&"5a".repeat(32)).unwrap();
    let session = Session::new(cluster, stock, secret, None);
    let plans = session.plan(&Silent).unwrap();
    let nodes: Vec<String> = match &*arguments.cluster.words {
        [] => session.cluster().nodes.iter().map(|node| node.name.to_string()).collect(),
        words => words.iter().map(|word| word.to_str().unwrap().to_owned()).collect(),
    };
    let log = CardLog::read(CardLog::path_beside(&file)).unwrap();
    let mut person = Script::new(machine, answers);
    let mut run = FlashRun { arguments, host: machine, written: Vec::new(), left_out: false };
    let cards = session.cards(&plans).unwrap();
    let result = run.cards(session.cluster(), &cards, &nodes, log, &mut person);
    let log =
        std::fs::read_to_string(folder.join("cards.json")).unwrap_or_else(|_| r#"{"cards": []}"#.to_owned());
    let log: serde_json::Value = serde_json::from_str(&log).unwrap();
    let nodes = log["cards"].as_array().unwrap().iter().map(|card| card["node"].as_str().unwrap().to_owned());
    (person.asked, nodes.collect(), result.is_ok())
}

#[test]
fn cards_are_written_one_after_another_and_none_twice() {
    let (folder, machine) = (folder(), Machine::with(vec![reader()]));
    let folder = folder.path();
    let mut shown = Vec::new();
    let mut step = |what: &str, arguments: &[&str], answers: &[&'static str]| {
        let (asked, cards, well) = run_with(folder, &machine, arguments, answers);
        shown.push(format!(
            "## {what}: {}\n{}\ncards.json: {}\n",
            if well { "done" } else { "failed" },
            asked.join("\n"),
            cards.join(", ")
        ));
    };
    step(
        "the first card is left in, the second is typed wrongly, and then it is enough",
        &["--all"],
        &["+", "north", "", "+", "north", "q"],
    );
    step("it goes on where it stopped", &["--all"], &["+", "east", "s"]);
    machine.readers.borrow_mut()[0].1 = Card::new();
    step("one that has its card is written where it is named", &["north"], &["north"]);
    step("one is left", &["--all"], &["+", "south"]);
    step("nothing is left", &["--all"], &[]);
    let nodes = std::fs::read_to_string(folder.join("nodes.yaml")).unwrap();
    std::fs::write(folder.join("nodes.yaml"), nodes.replace("10.0.0.13", "10.0.0.23")).unwrap();
    step("what nodes.yaml has otherwise now is written anew", &["--all"], &["+", "q"]);
    step("all of them once more", &["--all", "--again"], &["q"]);
    step("a card is written", &["east"], &["east"]);
    step("and becomes that of another node", &["south"], &["south"]);
    insta::assert_snapshot!(shown.join("\n"));
}

#[test]
fn what_is_in_is_shown_before_it_is_asked_for() {
    let (mut card, mut slot, mut backup) = (reader(), reader(), reader());
    card.partitions = vec![
        partition("/dev/sdb1", 512 << 20, Some("vfat"), Some("bootfs")),
        partition("/dev/sdb2", 29 << 30, Some("ext4"), Some("rootfs")),
    ];
    card.mounts = vec![Mount { of: "/dev/sdb1".into(), at: "/media/me/bootfs".into() }];
    card.obstacles = vec![Obstacle::Mounted { at: "/media/me/bootfs".into() }];
    (slot.path, slot.bus, slot.model) = ("/dev/mmcblk0".into(), Bus::Sd, Some("SD64G".to_owned()));
    (backup.path, backup.size) = ("/dev/sdc".into(), ByteCount::new(2 << 40));
    backup.partitions = vec![partition("/dev/sdc1", 2 << 40, None, None)];
    backup.obstacles = vec![Obstacle::Large { size: backup.size }];
    let devices = [card, slot, backup];
    let lines: Vec<String> = devices.iter().flat_map(list::lines).map(|line| line.text()).collect();
    assert!(lines.iter().all(|line| line.chars().count() <= 80), "{lines:?}");
    let folder = folder();
    let asked = |answers: &[&'static str]| {
        let machine = Machine::with(devices.to_vec());
        let (asked, cards, _) = run_with(folder.path(), &machine, &["north"], answers);
        format!("{}\ncards.json: {}\n", asked.join("\n"), cards.join(", "))
    };
    let asked = [asked(&["3"]), asked(&["2", "no"]), asked(&["1", "n"]), asked(&["1", "y", "north"])];
    insta::assert_snapshot!(format!("{}\n\n{}", lines.join("\n"), asked.join("\n")));
}
