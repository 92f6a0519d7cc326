//! `cardwright flash`

mod choose;
mod list;

use super::advice::Start;
use super::arguments::{ClusterSelection, FlashArguments};
use super::interrupt::{say_when_interrupted, uninterrupted};
use super::paint::{self, spans};
use super::person::{Person, Terminal};
use super::selection::Selection;
use super::{Failure, problems, progress};
use cardwright::cluster::{Cluster, ImageSource, Node};
use cardwright::device::{self, Device, DeviceError, DeviceHost};
use cardwright::flash::{CardLog, Flash, FlashError, Flashed, FlashedCard};
use cardwright::formats::ImageFormat;
use cardwright::pipeline::{self, CardDisk, Cards, Commands, Error, Session};
use cardwright::types::{ByteCount, Digest, Hint as _, UnixTime, Warning, shell};
use choose::Choice;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

pub(super) fn run(arguments: &FlashArguments) -> Result<(), Failure> {
    let host = device::host();
    if arguments.list {
        return list::run(&*host, arguments.json);
    }
    let (images, words) = images_and_words(&arguments.cluster.words);
    let run = FlashRun { arguments, host: &*host, written: Vec::new(), left_out: false };
    let person = &mut Terminal;
    match images.as_slice() {
        [] => run.nodes(words, person),
        [image] if words.is_empty() && !arguments.all => run.image(image, person),
        _ => Err(Failure::usage(
            "an image is named with something else to be flashed",
            "Name one image, or nodes of nodes.yaml",
        )),
    }
}

/// Tells images from other words by their endings.
fn images_and_words(words: &[OsString]) -> (Vec<PathBuf>, Vec<OsString>) {
    let is_image = |word: &&OsString| {
        let name = word.to_string_lossy();
        name.ends_with(".zip")
            || ImageFormat::WRITTEN.iter().any(|format| name.ends_with(&format!(".{format}")))
    };
    let (images, words): (Vec<_>, Vec<_>) = words.iter().partition(is_image);
    (images.into_iter().map(PathBuf::from).collect(), words.into_iter().cloned().collect())
}

/// One run of the command.
struct FlashRun<'run> {
    arguments: &'run FlashArguments,
    host: &'run dyn DeviceHost,
    /// The cards that were written in this run: none of them is written over by another.
    written: Vec<FlashedCard>,
    /// A card that was wanted was not written.
    left_out: bool,
}

/// A disk and the words for it.
struct Job<'job> {
    /// The word that confirms it: the name of the node, where there is one.
    name: &'job str,
    size: ByteCount,
}

impl FlashRun<'_> {
    /// Writes the cards of nodes.
    fn nodes(mut self, words: Vec<OsString>, person: &mut dyn Person) -> Result<(), Failure> {
        let arguments = self.arguments;
        let ClusterSelection { file, only, .. } = &arguments.cluster;
        let named = ClusterSelection { words, file: file.clone(), only: only.clone() };
        let selection = Selection::of(&named)?;
        let mut cluster = super::load(&selection.file, &arguments.stock)?;
        problems::show_warnings(&cluster);
        let nodes =
            selection.nodes_of(&cluster)?.into_iter().map(|node| node.name.to_string()).collect::<Vec<_>>();
        self.check_usage(&selection, &nodes)?;
        super::check_secret(&cluster)?;
        super::rejoin(&mut cluster, arguments.rejoin.as_deref(), arguments.through.as_deref())?;
        super::restore(&mut cluster, &arguments.restore)?;
        // What is wrong with it is known before anything is opened.
        self.check_device(&*person, &nodes)?;
        if cluster.image == ImageSource::Demo {
            paint::note(
                "the demo image has the right shape, but does not boot: a card with it is for trying `flash` alone",
            );
        }
        let log = CardLog::read(CardLog::path_beside(&cluster.source)).map_err(Error::from)?;
        super::fetch::prepare(&mut cluster, &arguments.stock, true)?;
        let stock = super::open_stock_image(&cluster, &arguments.stock, &super::scratch_folder())?;
        let secret = super::open_secret(&cluster, arguments.stock.locked)?;
        let session = Session::new(cluster, stock, secret, super::cache());
        let plans = session.plan(&progress::Reporter::new())?;
        let cards = session.cards(&plans)?;
        session.save_pages(&progress::Reporter::new());
        let access = session.write_access_files()?;
        self.cards(session.cluster(), &cards, &nodes, log, person)?;
        if session.cluster().image != ImageSource::Demo {
            let commands = super::commands(&selection.file, &arguments.stock, None);
            self.advise(session.cluster(), access.kubeconfig.as_deref(), &commands);
        }
        self.end()
    }

    /// Says what is next, where a card was written.
    fn advise(&self, cluster: &Cluster, kubeconfig: Option<&Path>, commands: &Commands) {
        let nodes: Vec<&Node> = self.written.iter().filter_map(|card| cluster.node(&card.node)).collect();
        if !self.arguments.json && !nodes.is_empty() {
            paint::note("");
            Start { cluster, nodes, kubeconfig, commands }.advice().into_iter().for_each(paint::note);
        }
    }

    fn check_usage(&self, selection: &Selection, nodes: &[String]) -> Result<(), Failure> {
        let FlashArguments { all, to, .. } = self.arguments;
        if selection.nodes.is_empty() && !all && nodes.len() > 1 {
            let nodes = nodes.join(", ");
            return Err(Failure::usage(
                "no node is named",
                format!("Name one of {nodes}; or write one card after another with `--all`"),
            ));
        }
        if to.is_some() && nodes.len() > 1 {
            return Err(Failure::usage(
                "one device is named for several nodes",
                "Name one node with `--to`; or leave it out, to be asked for one card after another",
            ));
        }
        Ok(())
    }

    /// Refuses the device that is named where nobody may say yes to it, and then what only a person can answer.
    fn check_device(&self, person: &dyn Person, nodes: &[String]) -> Result<(), Failure> {
        let FlashArguments { to, yes, .. } = self.arguments;
        if let Some(path) = to {
            let device = self.host.device(path).map_err(device_failure)?;
            choose::refuse(&device, ByteCount::ZERO, self.arguments).map_err(Error::from)?;
        }
        without_person(to.as_deref(), *yes, person.is_there(), nodes)
    }

    /// Writes the cards of nodes that have none yet.
    fn cards(
        &mut self,
        cluster: &Cluster,
        cards: &Cards<'_>,
        nodes: &[String],
        mut log: CardLog,
        person: &mut dyn Person,
    ) -> Result<(), Failure> {
        for (number, name) in (1..).zip(nodes) {
            let node = pipeline::named_node(cluster, name)?;
            if self.has_card(cluster, node, cards.origin_of(node)?, &log) {
                continue;
            }
            if nodes.len() > 1 {
                let place = format!(" ({number} of {})", nodes.len());
                paint::note("");
                paint::note(spans![paint::paint(paint::BOLD, name), place]);
            }
            if !self.card(cluster, cards, node, nodes.len() > 1, &mut log, person)? {
                break;
            }
        }
        Ok(())
    }

    /// Writes the card of a node; one of several has as many tries as there are cards. Returns `false` when it is enough.
    fn card(
        &mut self,
        cluster: &Cluster,
        cards: &Cards<'_>,
        node: &Node,
        among_others: bool,
        log: &mut CardLog,
        person: &mut dyn Person,
    ) -> Result<bool, Failure> {
        let job = Job { name: node.name.as_str(), size: cards.size() };
        loop {
            let device = match self.choose(&job, among_others, person)? {
                Choice::Device(device) => device,
                choice => {
                    self.left_out = true;
                    return Ok(matches!(choice, Choice::Skip));
                }
            };
            let disk = cards.of(node)?;
            match self.write(disk, &job, cluster.name.as_str(), &device, Some(&mut *log)) {
                Err(Failure::Work(error)) if among_others && matches!(&*error, Error::Flash(_)) => {
                    paint::error(&error, error.hint().as_deref());
                }
                result => return result.map(|()| true),
            }
        }
    }

    /// Returns whether a node needs no card, and says so.
    fn has_card(&self, cluster: &Cluster, node: &Node, origin: Digest, log: &CardLog) -> bool {
        let Some(card) = log.card_of(cluster.name.as_str(), node.name.as_str()) else { return false };
        // Nothing says what the image of one without is made from.
        if card.origin.as_ref().is_some_and(|of| *of != origin.to_string()) {
            let date = &card.date;
            paint::note(format!(
                "the card of {} that was written on {date} is not as nodes.yaml has it now",
                node.name
            ));
            return false;
        }
        if self.arguments.again || !self.arguments.all {
            return false;
        }
        let (date, to) = (&card.date, card.device.display());
        paint::note(format!(
            "{} has its card, written on {date} to {to}; `--again` writes another",
            node.name
        ));
        true
    }

    /// Writes an image that exists already.
    fn image(mut self, image: &Path, person: &mut dyn Person) -> Result<(), Failure> {
        self.check_device(&*person, &[])?;
        let disk = CardDisk::open(image, &super::scratch_folder());
        let disk = disk.map_err(|error| {
            Failure::of_image(error, || {
                "Name an image by its path from the current folder, like `images/north.img.xz`".to_owned()
            })
        })?;
        let (cluster, node) = match &disk.record {
            Some(record) => (record.cluster.clone(), record.node.clone()),
            None => (
                String::new(),
                image.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned()),
            ),
        };
        let job = Job { name: &node, size: disk.size() };
        let found = self.cluster_of(&cluster, &node);
        if let Some(found) = found.as_ref().filter(|found| pipeline::is_outdated(image, found)) {
            super::warn(Warning {
                message: format!(
                    "{} was built before {} was changed",
                    image.display(),
                    found.source.display()
                ),
                hint: Some(format!(
                    "Run `cardwright build` once more, or write the card without it: `cardwright flash {node}`"
                )),
            });
        }
        disk.check(image, pipeline::all_threads(), &progress::Reporter::new())?;
        if let Choice::Device(device) = self.choose(&job, false, person)? {
            let log = found.as_ref().map(|found| CardLog::read(CardLog::path_beside(&found.source)));
            let mut log = log.transpose().map_err(Error::from)?;
            self.write(disk, &job, &cluster, &device, log.as_mut())?;
        } else {
            self.left_out = true;
        }
        self.end()
    }

    /// Returns the cluster that an image is of, where its nodes.yaml is at hand.
    fn cluster_of(&self, cluster: &str, node: &str) -> Option<Cluster> {
        let file =
            self.arguments.cluster.file.clone().unwrap_or_else(|| super::node_names::NODES_YAML.into());
        let found = Cluster::load(&file).ok();
        found.filter(|found| found.name.as_str() == cluster && found.node(node).is_some())
    }

    /// Writes a card, and remembers it.
    fn write(
        &mut self,
        disk: CardDisk,
        job: &Job<'_>,
        cluster: &str,
        device: &Device,
        mut log: Option<&mut CardLog>,
    ) -> Result<(), Failure> {
        let path = device.path.display().to_string();
        let disk = if self.arguments.whole { disk.whole() } else { disk };
        let began = Instant::now();
        let former = self.record_on(device)?;
        let open = self.host.open(device).map_err(device_failure)?;
        let flashed = {
            let reporter = progress::Reporter::new();
            let flash = Flash::new(&*open, &device.path, disk.source(), &reporter).map_err(Error::from)?;
            // A card that is cut off is none, and `--all` asks for it again.
            if let Some(log) = &mut log {
                log.withdraw(cluster, job.name).map_err(Error::from)?;
                // Nor has the node a card any more whose card this was.
                if let Some(former) =
                    former.filter(|former| log.is_card_of(device, &former.cluster, &former.node))
                {
                    log.withdraw(&former.cluster, &former.node).map_err(Error::from)?;
                }
            }
            say_when_interrupted(Some(format!(
                "{path} has no partition table now, so nothing boots from it: flash it again before it is used"
            )));
            // When it fails, that is said by the error.
            let written = thread::scope(|scope| {
                // All processors decompress what one of them writes, a little ahead, and once for all cards.
                scope.spawn(|| disk.decompress_ahead(pipeline::all_threads()));
                flash.write()
            });
            uninterrupted(|| written.and_then(cardwright::flash::Unfinished::finish)).map_err(Error::from)?
        };
        drop(open);
        self.host.read_table(device);
        let secret = disk.secret.as_ref().map(ToString::to_string);
        let card = FlashedCard::new(cluster, job.name, device, &flashed, disk.origin, UnixTime::now());
        let card = FlashedCard { secret, ..card };
        if let Some(log) = log {
            log.add(card.clone()).map_err(Error::from)?;
        }
        self.written.push(card);
        if !self.arguments.json {
            paint::line(summary(job, &path, &flashed, began.elapsed()))?;
        }
        Ok(())
    }

    fn end(self) -> Result<(), Failure> {
        if self.arguments.json {
            super::json_with_warnings(&serde_json::json!({ "cards": self.written }))?;
        }
        if self.left_out { Err(Failure::Differs) } else { Ok(()) }
    }
}

fn summary(job: &Job<'_>, path: &str, flashed: &Flashed, elapsed: Duration) -> paint::Line {
    let rest = match (flashed.written == job.size, flashed.discarded) {
        (true, _) => ", all of it".to_owned(),
        (false, true) => format!(" of {}; the rest was discarded", job.size),
        (false, false) => format!(" of {}; the rest holds what it held", job.size),
    };
    spans![
        paint::paint(paint::GREEN, format!("{} is on {path}", job.name)),
        format!(": wrote and read back {}{rest}, in {:.0} s", flashed.written, elapsed.as_secs_f64().ceil()),
    ]
}

/// Returns the failure of finding, unmounting or opening a device.
fn device_failure(error: DeviceError) -> Failure {
    if !matches!(error, DeviceError::Denied { .. }) {
        return Error::from(FlashError::from(error)).into();
    }
    // sudo has a PATH of its own, which the folder of `cargo install` is not in.
    let program =
        std::env::current_exe().map_or_else(|_| "cardwright".to_owned(), |path| path.display().to_string());
    let arguments = std::env::args().skip(1);
    let words: Vec<String> = [program].into_iter().chain(arguments).map(|word| shell::word(&word)).collect();
    Failure::Advised {
        message: error.to_string(),
        hint: format!("Run it as root; the files that it writes stay yours: sudo {}", words.join(" ")),
    }
}

/// Refuses what only a person can answer, where there is nobody.
fn without_person(to: Option<&Path>, yes: bool, somebody: bool, nodes: &[String]) -> Result<(), Failure> {
    match to {
        _ if somebody => Ok(()),
        None if nodes.len() > 1 => Err(Failure::usage(
            "there is no terminal to ask for one card after another",
            format!(
                "Run it in a terminal; or write one node at a time: `cardwright flash {} --to /dev/sdX --yes`",
                nodes.first().map_or("north", |node| node)
            ),
        )),
        None => Err(Failure::usage(
            "there is no terminal to ask which card to write to",
            "Name the device and say yes in advance: `--to /dev/sdX --yes`; `cardwright flash --list` shows which there are",
        )),
        Some(_) if !yes => Err(Failure::usage(
            "there is no terminal to ask whether all on the card may be lost",
            "Say yes in advance: `--yes`",
        )),
        Some(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests;
