//! Images by name and k3s by version, pinned: which files these are stands in `cardwright.lock` beside nodes.yaml.
//!
//! ```text
//! image: raspios-lite-arm64 ──Raspberry Pi's list of images──▶ address, sizes, SHA-256 ┐
//! k3s: {version: v1.36.4+k3s1} ──sha256sum-arm64.txt──▶ address, SHA-256 of its files ─┴─▶ cardwright.lock
//! ```
//!
//! Pins stay: [`settle`] looks up only what is missing, and [`apply`] names the files in the cluster.

mod error;
mod k3s_release;
mod lock;
mod os_list;

pub use error::PinError;
pub use lock::{ImagePin, K3sPin, LOCK_FILE, PinChange, PinLock};
pub use os_list::{OS_LIST, OS_LIST_ENVIRONMENT_VARIABLE, PublishedImage, published_images};

use crate::cluster::{Cluster, ImageName, ImageSource, Install};
use crate::fetch::FileLocation;
use crate::types::{Architecture, Progress, Warning};
use k3s_release::WantedRelease;

/// The treatment of pins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pinning {
    /// Pins stay; the missing ones are looked up.
    Keep,
    /// As [`Keep`](Self::Keep), without downloads.
    Offline,
    /// Any difference between the pins and nodes.yaml is an error.
    Locked,
    /// All is looked up anew.
    Renew,
}

/// Returns the pins of a cluster; `None` where nodes.yaml has nothing to pin and `old`, the pins until now, is absent.
/// `os_list` is the address of the list of images.
///
/// # Errors
/// When a list is not available or not to be trusted, or has no such file; and as [`Pinning`] says.
pub fn settle(
    cluster: &Cluster,
    old: Option<&PinLock>,
    pinning: Pinning,
    os_list: &str,
    progress: &dyn Progress,
) -> Result<Option<PinLock>, PinError> {
    let image = match &cluster.image {
        ImageSource::Named(name) => Some(name),
        _ => None,
    };
    let release = WantedRelease::of(cluster);
    let needed = image.is_some() || release.as_ref().is_some_and(|release| release.is_required);
    if old.is_none() && !needed && pinning != Pinning::Renew {
        return Ok(None);
    }
    if pinning == Pinning::Locked {
        return locked(old, image, release.as_ref()).map(Some);
    }
    let image = image.map(|name| settle_image(name, old, pinning, os_list)).transpose()?;
    let k3s = match release {
        Some(release) => settle_k3s(&release, old, pinning, progress)?,
        None => None,
    };
    if old.is_none() && image.is_none() && k3s.is_none() {
        return Ok(None);
    }
    Ok(Some(PinLock { image, k3s, ..PinLock::empty() }))
}

/// Returns the old pins, which have to be those of nodes.yaml and of this program.
fn locked(
    old: Option<&PinLock>,
    image: Option<&ImageName>,
    release: Option<&WantedRelease>,
) -> Result<PinLock, PinError> {
    let old = old.ok_or(PinError::NoLock)?;
    let mut differences = Vec::new();
    let this = PinLock::empty().cardwright;
    if old.cardwright != this {
        differences.push(format!("it was written by cardwright {}, and this is {this}", old.cardwright));
    }
    match (image, &old.image) {
        (Some(name), Some(pin)) if !pin.is(name) => {
            differences.push(format!("nodes.yaml has the image `{name}`, and pinned is `{}`", pin.shown()));
        }
        (Some(name), None) => differences.push(format!("the image `{name}` is not pinned")),
        _ => {}
    }
    if let Some(release) = release {
        match &old.k3s {
            Some(pin) if pin.version != release.version => differences
                .push(format!("nodes.yaml has k3s {}, and pinned is {}", release.version, pin.version)),
            Some(pin) => differences
                .extend(release.missing_in(pin).map(|file| format!("`{file}` of k3s is not pinned"))),
            None if release.is_required => differences.push(format!("k3s {} is not pinned", release.version)),
            None => {}
        }
    }
    if differences.is_empty() { Ok(old.clone()) } else { Err(PinError::Locked { differences }) }
}

fn settle_image(
    name: &ImageName,
    old: Option<&PinLock>,
    pinning: Pinning,
    os_list: &str,
) -> Result<ImagePin, PinError> {
    let pinned = old.and_then(|old| old.image.as_ref()).filter(|pin| pin.is(name));
    match (pinned, pinning) {
        (Some(pin), Pinning::Keep | Pinning::Offline) => return Ok(pin.clone()),
        (None, Pinning::Offline) => return Err(PinError::Offline { what: name.to_string() }),
        _ => {}
    }
    let known = published_images(os_list)?;
    match (os_list::choose(&known, name), pinned) {
        (Some(image), _) => Ok(image.pin()),
        // The list has the newest ones alone, and a day that is named stays that day.
        (None, Some(pin)) => Ok(pin.clone()),
        (None, None) => {
            let dates = known.iter().filter(|image| image.base == name.base());
            let dates: Vec<_> =
                dates.map(|image| format!("`{}@{}`", image.base, image.release_date)).collect();
            Err(PinError::NoImage { name: name.to_string(), known: dates.join(", ") })
        }
    }
}

fn settle_k3s(
    release: &WantedRelease,
    old: Option<&PinLock>,
    pinning: Pinning,
    progress: &dyn Progress,
) -> Result<Option<K3sPin>, PinError> {
    let pinned = old.and_then(|old| old.k3s.as_ref());
    let fitting = pinned.filter(|pin| pin.version == release.version && release.missing_in(pin).count() == 0);
    match (fitting, pinning) {
        (Some(pin), Pinning::Keep | Pinning::Offline) => return Ok(Some(pin.clone())),
        (None, Pinning::Offline) if release.is_required => {
            return Err(PinError::Offline { what: format!("k3s {}", release.version) });
        }
        (None, Pinning::Offline) => return Ok(None),
        _ => {}
    }
    match release.look_up() {
        Ok(pin) => Ok(Some(pin)),
        // Whoever asks for the newest is not content with the old ones, let alone with none.
        Err(error) if release.is_required || pinning == Pinning::Renew => Err(error),
        // Nodes take what the same place says then, as they do without pins.
        Err(error) => {
            progress.warning(Warning::of(&error));
            Ok(fitting.cloned())
        }
    }
}

/// Names the pinned files in the cluster, in the place of what nodes.yaml names without an address.
pub fn apply(lock: &PinLock, cluster: &mut Cluster) {
    if let (ImageSource::Named(_), Some(pin)) = (&cluster.image, &lock.image) {
        cluster.image = ImageSource::File(FileLocation::Url {
            url: pin.url.clone(),
            sha256: pin.download_sha256,
            size: Some(pin.download_size),
            mirrors: Vec::new(),
        });
    }
    if let (Some(k3s), Some(pin)) = (&mut cluster.k3s, &lock.k3s)
        && pin.version == k3s.version.as_str()
    {
        match &mut k3s.install {
            Install::Published => k3s.install = pin.bundled(),
            Install::Download { sha256_arm64, sha256_armhf, .. } => {
                *sha256_arm64 = sha256_arm64.or(pin.files.get("k3s-arm64").copied());
                *sha256_armhf = sha256_armhf.or(pin.files.get("k3s-armhf").copied());
            }
            Install::Bundled { .. } => {}
        }
    }
}

/// Returns every file that nodes.yaml names by an address. Of programs for both architectures only the one that fits the
/// image's name.
pub fn downloads(cluster: &mut Cluster) -> Vec<&mut FileLocation> {
    let architecture = k3s_release::architecture(&cluster.image);
    let mut all: Vec<&mut FileLocation> = Vec::new();
    if let ImageSource::File(location) = &mut cluster.image {
        all.push(location);
    }
    if let Some(Install::Bundled { arm64, armhf, images }) = cluster.k3s.as_mut().map(|k3s| &mut k3s.install)
    {
        all.extend(match (architecture, arm64, armhf) {
            (Architecture::Arm64, program @ Some(_), _) | (Architecture::Armhf, _, program @ Some(_)) => {
                program
            }
            (_, arm64, armhf) => {
                if arm64.is_some() {
                    arm64
                } else {
                    armhf
                }
            }
        });
        all.extend(images);
    }
    all.retain(|location| matches!(location, FileLocation::Url { .. }));
    all
}
