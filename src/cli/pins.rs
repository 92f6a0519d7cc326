//! The pins beside nodes.yaml: as commands use them, and `cardwright images` and `update`.

use super::arguments::{Addresses, ImagesArguments, UpdateArguments};
use super::paint::{BOLD, DIM, GREEN, Line, RED, line, note, paint, spans};
use super::progress::Reporter;
use super::{Failure, problems};
use cardwright::cluster::Cluster;
use cardwright::pins::{self, PinChange, PinError, PinLock, Pinning, PublishedImage, published_images};
use cardwright::pipeline::Error;
use serde_json::json;
use std::path::PathBuf;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

impl From<PinError> for Failure {
    fn from(error: PinError) -> Self {
        Error::from(error).into()
    }
}

/// Returns the treatment of pins that the arguments ask for.
pub(super) fn how(locked: bool, offline: bool) -> Pinning {
    match (locked, offline) {
        (true, _) => Pinning::Locked,
        (false, true) => Pinning::Offline,
        (false, false) => Pinning::Keep,
    }
}

/// Does something that waits for servers, and says so where they take their time.
fn patiently<T>(work: impl FnOnce() -> T) -> T {
    const PATIENCE: Duration = Duration::from_secs(2);
    let (done, is_done) = mpsc::channel::<()>();
    thread::scope(|scope| {
        scope.spawn(move || {
            if is_done.recv_timeout(PATIENCE) == Err(mpsc::RecvTimeoutError::Timeout) {
                note("waiting for servers to say which files there are; without a connection that ends by itself");
            }
        });
        let result = work();
        drop(done);
        result
    })
}

/// Pins that are not written yet.
pub(super) struct NewPins {
    lock: PinLock,
    old: Option<PinLock>,
    path: PathBuf,
}

/// Names in the cluster what nodes.yaml names without an address. Returns the pins that are new.
pub(super) fn settle(
    cluster: &mut Cluster,
    addresses: &Addresses,
    pinning: Pinning,
) -> Result<Option<NewPins>, Failure> {
    let path = PinLock::path(&cluster.source);
    let old = PinLock::read(&path)?;
    let list = addresses.list.get();
    let lock = patiently(|| pins::settle(cluster, old.as_ref(), pinning, &list, &Reporter::new()))?;
    if let Some(lock) = &lock {
        pins::apply(lock, cluster);
    }
    for location in pins::downloads(cluster) {
        location.prefer(&addresses.mirrors);
    }
    let is_new = |lock: &PinLock| pinning == Pinning::Keep && old.as_ref() != Some(lock);
    Ok(lock.filter(is_new).map(|lock| NewPins { lock, old, path }))
}

impl NewPins {
    /// Writes the pins, and says which are other ones.
    pub(super) fn write(&self) -> Result<(), Failure> {
        let Self { lock, old, path } = self;
        lock.write(path)?;
        if old.is_some() {
            note(format!("changed {}:", path.display()));
            lock.changes_from(old.as_ref()).iter().map(shown).for_each(note);
        } else {
            let image = lock.image.iter().map(pins::ImagePin::shown);
            let k3s = lock.k3s.iter().map(|k3s| format!("k3s {}", k3s.version));
            let pinned: Vec<String> = image.chain(k3s).collect();
            note(format!(
                "made {}, which pins {}: keep it with nodes.yaml",
                path.display(),
                pinned.join(" and ")
            ));
        }
        Ok(())
    }
}

pub(super) fn update(arguments: &UpdateArguments) -> Result<(), Failure> {
    let cluster = Cluster::load(&arguments.file)?;
    problems::show_warnings(&cluster);
    let path = PinLock::path(&cluster.source);
    let old = PinLock::read(&path)?;
    let list = arguments.list.get();
    let lock = patiently(|| pins::settle(&cluster, old.as_ref(), Pinning::Renew, &list, &Reporter::new()))?;
    let changes = lock.as_ref().map_or_else(Vec::new, |lock| lock.changes_from(old.as_ref()));
    if let Some(lock) = lock.filter(|_| !changes.is_empty() && !arguments.dry_run) {
        lock.write(&path)?;
    }
    if arguments.json {
        return Ok(super::json_with_warnings(&json!({ "changes": changes, "written": !arguments.dry_run }))?);
    }
    if changes.is_empty() {
        line(format!("{}: nothing changed", path.display()))?;
    }
    changes.iter().map(shown).try_for_each(line)?;
    if arguments.dry_run && !changes.is_empty() {
        note("nothing was written: `--dry-run`");
    }
    Ok(())
}

/// Returns a change on a line: its old value is worth a look, too.
fn shown(change: &PinChange) -> Line {
    let pin = paint(BOLD, format!("{}:", change.pin));
    let (from, to) = (change.from.as_deref().map(short), change.to.as_deref().map(short));
    match (from, to) {
        (None, Some(to)) => spans![pin, " ", paint(GREEN, to)],
        (Some(from), None) => spans![pin, " ", paint(RED, from), " is not needed any more"],
        (from, to) => {
            spans![pin, " ", paint(RED, from.unwrap_or("")), " -> ", paint(GREEN, to.unwrap_or(""))]
        }
    }
}

/// Returns the part of a value by which a person knows it: the last part of an address, the beginning of a SHA-256.
fn short(value: &str) -> &str {
    const DIGITS: usize = 12;
    let is_digest = value.len() == 64 && value.bytes().all(|byte| byte.is_ascii_hexdigit());
    let end = if is_digest { value.get(..DIGITS) } else { value.rsplit('/').next() };
    end.unwrap_or(value)
}

pub(super) fn images(arguments: &ImagesArguments) -> Result<(), Failure> {
    let images = patiently(|| published_images(&arguments.list.get()))?;
    if arguments.json {
        return Ok(super::json_with_warnings(&json!({ "images": images }))?);
    }
    line(spans![paint(
        DIM,
        format!("{:<31} {:<9} {:<10} {:>9} {:>8}", "image:", "release", "date", "download", "size")
    )])?;
    let mut before: Option<&PublishedImage> = None;
    for image in &images {
        let PublishedImage { base, codename, release_date, download_size, extract_size, .. } = image;
        let is_newest = before.is_none_or(|before| before.base != *base);
        let name = if is_newest { (*base).to_owned() } else { format!("{base}@{release_date}") };
        let (download, size) = (download_size.to_string(), extract_size.to_string());
        // Of two releases of one day a name means the newer one.
        let is_hidden =
            images.iter().find(|other| (other.base, &other.release_date) == (*base, release_date));
        if is_hidden == Some(image) {
            line(format!("{name:<31} {:<9} {release_date:<10} {download:>9} {size:>8}", codename.as_str()))?;
        }
        before = Some(image);
    }
    note("a name alone means the first one, until cardwright.lock says otherwise");
    Ok(())
}
