//! The stock image, opened and understood: where its two partitions are, and which release it holds.

use crate::fs::{FsError, ReadFilesystem, Summary, ext4, fat};
use crate::io::ReadAt;
use crate::partition::{PartitionEntry, PartitionError, PartitionKind, PartitionTable};
use crate::patch::{Partition, PatchError, PatchResult, Stock, StockFiles};
use crate::raspios::{
    self, CardRecord, Codename, Customisation, DetectError, Effect, FirstBoot, RaspiosError, Release,
};
use crate::types::absent::OrEmpty as _;
use crate::types::{ByteCount, ImagePath, UnixTime, errors, image_path};
use std::sync::Arc;

/// A disk with the two partitions of a Raspberry Pi OS.
pub struct Disk {
    /// All of it.
    pub bytes: Arc<dyn ReadAt>,
    /// Its partition table.
    pub table: PartitionTable,
    /// The FAT partition with cmdline.txt and config.txt.
    pub boot: PartitionEntry,
    /// The Linux partition whose /etc/os-release says Debian or Raspbian.
    pub root: PartitionEntry,
    /// The files of both.
    pub files: StockFiles,
}

/// A disk whose release is known and which may serve as the base of cards.
pub struct StockSystem {
    /// The disk.
    pub disk: Disk,
    /// Its content.
    pub release: Release,
    /// The time that everything written above it gets.
    pub time: UnixTime,
    /// Findings that are no reason to refuse it, and that may still disappoint.
    pub warnings: Vec<StockSystemWarning>,
}

errors! {
    /// A finding about a stock image that may disappoint.
    #[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
    pub enum StockSystemWarning {
        /// Another tool left something that does not contradict nodes.yaml.
        #[error("the stock image has {}, left by {}: {}", .0.found, .0.tool, .0.means)]
        Customised(Customisation) => "Start from the image as Raspberry Pi publishes it",
        /// It was forced: it lacks what every Raspberry Pi OS has. The evidence is a clause.
        #[error("the stock image is a Debian, but not Raspberry Pi OS: {found}")]
        NotRaspberryPiOs { found: String } => "Try one card before you build more",
        /// The first boot cannot make the root partition larger: why not, as a clause, the size that the partition has on a
        /// card, and keeps, and the room that is free in it in the stock image.
        #[error("the first boot cannot make the root partition larger, as {reason}: it has {size} on every card, {free} of it free in the stock image")]
        NeverGrows { reason: String, size: ByteCount, free: ByteCount }
            => "Start from an image whose root partition is the last one, as Raspberry Pi publishes it",
    }
}

errors! {
    /// An error of understanding a stock image.
    #[derive(Debug, thiserror::Error)]
    pub enum StockSystemError {
        /// It could not be read, or has no partition table.
        #[error(transparent)]
        Disk(#[from] PartitionError),
        /// It has no partition of the wanted kind: `boot` or `root`, with what would have made it one. Of each partition
        /// that was found instead there is a clause.
        #[error("there is no {wanted} partition: {found}")]
        NoPartition { wanted: &'static str, found: String }
            => "Give an image of Raspberry Pi OS as Raspberry Pi publishes it",
        /// A file of it could not be read.
        #[error(transparent)]
        Files(#[from] PatchError),
        /// It holds no release that cardwright knows.
        #[error(transparent)]
        Release(#[from] DetectError),
        /// Its record of being a card could not be read.
        #[error(transparent)]
        CardRecord(#[from] RaspiosError),
        /// Another tool set it up already, and what it set would win over nodes.yaml.
        #[error("this image was customised already: {}", list_of(.0))]
        Customised(Vec<Customisation>)
            => "Start from the image as Raspberry Pi publishes it, and say in nodes.yaml what was set there",
        /// It was booted before: cards made from it would all be the same machine, and never grow.
        #[error("this image {0}")]
        BootedBefore(&'static str) => "Give an image that was never booted, as Raspberry Pi publishes it",
        /// It is a card already, not a stock image.
        #[error("this image was made by cardwright already, for node `{node}` of cluster `{cluster}`")]
        AlreadyACard { node: String, cluster: String } => "Give the stock image that it was made from",
        /// The image does not say when it was made.
        #[error("the root filesystem does not say when, between 1980 and 2038, it was last written to, so there is no time to give new files")]
        NoTime => "Set SOURCE_DATE_EPOCH to the seconds since 1970 that new files shall have",
    }
}

/// Lists the customisations that were found, each with the tool that left it.
fn list_of(customisations: &[Customisation]) -> String {
    let one = |Customisation { tool, found, means, .. }: &Customisation| format!("{found} ({tool}): {means}");
    customisations.iter().map(one).collect::<Vec<_>>().join("; ")
}

const ROOT: &str = "root (an ext4 whose /etc/os-release says Debian or Raspbian)";

impl Disk {
    /// Finds the partitions of a disk and opens their filesystems for reading.
    ///
    /// # Errors
    /// When there is no partition table, or no boot or root partition in it.
    pub fn open(bytes: Arc<dyn ReadAt>) -> Result<Self, StockSystemError> {
        let table = PartitionTable::read(&*bytes)?;
        let (boot, boot_files) = find(
            &bytes,
            &table,
            &PartitionKind::Fat,
            "boot (a FAT with cmdline.txt and config.txt)",
            |window| Ok(Box::new(fat::FatReader::open(window)?)),
            |files| {
                let missing = [image_path!("/cmdline.txt"), image_path!("/config.txt")]
                    .into_iter()
                    .find(|path| !matches!(files.metadata(path), Ok(Some(_))));
                Ok(missing.map(|path| format!("has no {path}")))
            },
        )?;
        let (root, root_files) = find(
            &bytes,
            &table,
            &PartitionKind::Linux,
            ROOT,
            |window| Ok(Box::new(ext4::Ext4Reader::open(window)?)),
            |_| Ok(None),
        )?;
        let files = StockFiles::new(boot_files, root_files);
        require_debian(&files, &root)?;
        Ok(Self { bytes, table, boot, root, files })
    }

    /// Returns the facts about the root filesystem.
    pub(crate) fn root_summary(&self) -> PatchResult<Summary> {
        let at = Partition::Root.at(&ImagePath::root());
        self.files.root.summary().map_err(PatchError::filesystem("read the superblock of", at))
    }
}

/// The first partition of a kind whose filesystem opens and passes `judge`, which says what is wrong with it.
fn find(
    bytes: &Arc<dyn ReadAt>,
    table: &PartitionTable,
    kind: &PartitionKind,
    wanted: &'static str,
    open: impl Fn(Arc<dyn ReadAt>) -> Result<Box<dyn ReadFilesystem>, FsError>,
    judge: impl Fn(&dyn ReadFilesystem) -> Result<Option<String>, FsError>,
) -> Result<(PartitionEntry, Box<dyn ReadFilesystem>), StockSystemError> {
    let mut found = Vec::new();
    for entry in table.partitions.iter().filter(|entry| entry.kind == *kind) {
        let window = entry.window(Arc::clone(bytes));
        let opened = window.map_err(FsError::from).and_then(|window| open(Arc::new(window)));
        let judged = opened.and_then(|files| Ok((judge(&*files)?, files)));
        match judged {
            Ok((None, files)) => return Ok((entry.clone(), files)),
            Ok((Some(wrong), _)) => found.push(format!("partition {} {wrong}", entry.number)),
            Err(error) => found.push(format!("partition {}: {error}", entry.number)),
        }
        tracing::debug!(wanted, found = found.last(), "passed over a partition");
    }
    if found.is_empty() {
        // A table without partitions is refused before.
        let one = |entry: &PartitionEntry| format!("partition {} is {}", entry.number, name_of(&entry.kind));
        found.extend(table.partitions.iter().map(one));
    }
    Err(StockSystemError::NoPartition { wanted, found: found.join("; ") })
}

/// Returns the name of a kind of partition for messages.
fn name_of(kind: &PartitionKind) -> String {
    match kind {
        PartitionKind::Fat => "a FAT".to_owned(),
        PartitionKind::Linux => "a Linux filesystem".to_owned(),
        PartitionKind::Other(code) => format!("of type {code}"),
    }
}

/// Refuses a root partition that is not a Debian's.
fn require_debian(files: &StockFiles, root: &PartitionEntry) -> Result<(), StockSystemError> {
    let text = files.read(Partition::Root, &image_path!("/etc/os-release"))?.or_empty();
    let text = String::from_utf8_lossy(&text);
    let id = text.lines().find_map(|line| line.strip_prefix("ID=")).map(|id| id.trim_matches('"'));
    let found = match id {
        Some("debian" | "raspbian") => return Ok(()),
        Some(other) => format!("has an /etc/os-release that says ID={other}"),
        None => "has no /etc/os-release with an ID".to_owned(),
    };
    Err(StockSystemError::NoPartition { wanted: ROOT, found: format!("partition {} {found}", root.number) })
}

/// The options for understanding a stock image.
#[derive(Debug, Clone, Copy, Default)]
pub struct OpenOptions {
    /// Taken instead of what the image says it is.
    pub force_release: Option<Codename>,
    /// The time that everything written gets; the image's own where absent.
    pub source_date_epoch: Option<UnixTime>,
}

impl StockSystem {
    /// Finds out what a disk holds.
    ///
    /// # Errors
    /// When it is no stock image of a known release.
    pub fn open(bytes: Arc<dyn ReadAt>, options: OpenOptions) -> Result<Self, StockSystemError> {
        let disk = Disk::open(bytes)?;
        if let Some(CardRecord { node, cluster, .. }) = raspios::read_card_record(&disk.files)? {
            return Err(StockSystemError::AlreadyACard { node, cluster });
        }
        let release = match options.force_release {
            Some(codename) => raspios::detect_as(&disk.files, codename)?,
            None => raspios::detect(&disk.files)?,
        };
        if let Some(how) = raspios::booted_before(&disk.files, &release)? {
            return Err(StockSystemError::BootedBefore(how));
        }
        let found = raspios::customisations(&disk.files, &release)?;
        let (contradicting, others): (Vec<_>, Vec<_>) =
            found.into_iter().partition(|found| found.effect == Effect::Contradicts);
        if !contradicting.is_empty() {
            return Err(StockSystemError::Customised(contradicting));
        }
        let time = match options.source_date_epoch {
            Some(time) => time,
            None => stock_time(&disk)?,
        };
        tracing::debug!(
            ?release,
            time = time.seconds(),
            boot = disk.boot.number,
            root = disk.root.number,
            "found a release"
        );
        let foreign = raspios::foreign(&disk.files)?;
        let foreign = foreign.map(|found| StockSystemWarning::NotRaspberryPiOs { found });
        let others = others.into_iter().filter(|found| found.effect != Effect::Agrees);
        let others = others.map(StockSystemWarning::Customised);
        let warnings = foreign.into_iter().chain(others).chain(never_grows(&disk, &release)?).collect();
        Ok(Self { disk, release, time, warnings })
    }
}

/// Finds out whether the first boot will make the root partition larger. The scripts of all releases only
/// move the end of the last partition, and trixie's only that of partition 2 (`resize_early`).
fn never_grows(disk: &Disk, release: &Release) -> Result<Option<StockSystemWarning>, StockSystemError> {
    let Disk { table, root, .. } = disk;
    let follows = table.partitions.iter().find(|entry| entry.start > root.start);
    let reason = if let Some(next) = follows {
        format!("partition {} comes after it", next.number)
    } else if release.first_boot == FirstBoot::None {
        "cmdline.txt has neither `resize` nor `init=…firstboot`".to_owned()
    } else if release.codename >= Codename::Trixie && root.number != 2 {
        format!("it is partition {}, not 2", root.number)
    } else {
        return Ok(None);
    };
    let free = disk.root_summary()?.free;
    Ok(Some(StockSystemWarning::NeverGrows { reason, size: root.length, free }))
}

/// Returns the time of the last write to the stock image: the same for everybody who has it, and later than
/// every file in it. Never 0: k3s takes a manifest of 1970 for unchanged for ever (k3s#14568).
fn stock_time(disk: &Disk) -> Result<UnixTime, StockSystemError> {
    let written = disk.root_summary()?.written;
    written.filter(|time| UnixTime::OF_FILES.contains(time)).ok_or(StockSystemError::NoTime)
}
