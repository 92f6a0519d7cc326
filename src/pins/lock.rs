//! cardwright.lock: the pins of a cluster, in JSON that people read and git compares.

use super::PinError;
use crate::cluster::{ImageName, Install};
use crate::fetch::FileLocation;
use crate::io::AtomicFile;
use crate::types::{ByteCount, Digest};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

/// The name of the file, beside nodes.yaml.
pub const LOCK_FILE: &str = "cardwright.lock";

/// Raised when a program of today could not read the file any more.
const FORMAT: u32 = 1;

/// The pins of a cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PinLock {
    /// The format of the file.
    pub(super) format: u32,
    /// The version of the program that wrote it.
    pub cardwright: String,
    /// The stock image, where nodes.yaml names it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<ImagePin>,
    /// The files of k3s.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub k3s: Option<K3sPin>,
}

/// A pinned stock image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImagePin {
    /// Its name, without a day.
    pub name: String,
    /// The day in the name of its file.
    pub release_date: String,
    /// Its address.
    pub url: String,
    /// The size of the file, compressed as it is.
    pub download_size: ByteCount,
    /// The SHA-256 of the file, compressed as it is.
    pub download_sha256: Digest,
    /// The size of the image.
    pub extract_size: ByteCount,
    /// The SHA-256 of the image.
    pub extract_sha256: Digest,
}

/// The pinned files of a release of k3s.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct K3sPin {
    /// The release.
    pub version: String,
    /// The address before `/k3s-arm64`.
    pub url: String,
    /// The SHA-256 of its files, by their names.
    pub files: BTreeMap<String, Digest>,
}

/// A difference between two sets of pins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PinChange {
    /// The pin: `image.release_date`.
    pub pin: String,
    /// Its value until now.
    pub from: Option<String>,
    /// Its value from now on.
    pub to: Option<String>,
}

impl PinLock {
    /// Returns the path of the pins of a nodes.yaml.
    pub fn path(nodes_yaml: &Path) -> PathBuf {
        nodes_yaml.with_file_name(LOCK_FILE)
    }

    /// Makes one without pins, of this program.
    pub(super) fn empty() -> Self {
        Self { format: FORMAT, cardwright: env!("CARGO_PKG_VERSION").to_owned(), image: None, k3s: None }
    }

    /// Reads the pins at `path`; `None` where there is no such file.
    ///
    /// # Errors
    /// When it cannot be read, or is not what this program writes.
    pub fn read(path: &Path) -> Result<Option<Self>, PinError> {
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(PinError::Read { path: path.to_owned(), source }),
        };
        let malformed = |problem: String| PinError::Malformed { path: path.to_owned(), problem };
        let lock: Self = serde_json::from_str(&text).map_err(|error| malformed(error.to_string()))?;
        if lock.format != FORMAT {
            return Err(malformed(format!("its format is {}, and this program knows {FORMAT}", lock.format)));
        }
        Ok(Some(lock))
    }

    /// Writes the pins to `path`.
    ///
    /// # Errors
    /// When the file cannot be written; the old one is untouched then.
    pub fn write(&self, path: &Path) -> Result<(), PinError> {
        let text = format!("{:#}\n", self.to_json());
        // A file name alone has an empty parent, which is no folder to the system.
        let path =
            if path.parent() == Some(Path::new("")) { Path::new(".").join(path) } else { path.to_owned() };
        Ok(AtomicFile::write_whole(&path, text.as_bytes(), false)?)
    }

    /// Lists the differences of pins from those until now.
    pub fn changes_from(&self, old: Option<&Self>) -> Vec<PinChange> {
        let (before, after) = (old.map_or_else(BTreeMap::new, Self::values), self.values());
        let pins: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
        let change = |pin: &String| PinChange {
            pin: pin.clone(),
            from: before.get(pin).cloned(),
            to: after.get(pin).cloned(),
        };
        pins.into_iter().map(change).filter(|change| change.from != change.to).collect()
    }

    /// Returns all values by their places.
    fn values(&self) -> BTreeMap<String, String> {
        let mut values = BTreeMap::new();
        flatten("", &self.to_json(), &mut values);
        values
    }

    #[expect(clippy::expect_used, reason = "texts and numbers by names that are texts")]
    fn to_json(&self) -> Value {
        serde_json::to_value(self).expect("pins are plain values")
    }
}

fn flatten(place: &str, value: &Value, into: &mut BTreeMap<String, String>) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                let place = if place.is_empty() { key.clone() } else { format!("{place}.{key}") };
                flatten(&place, value, into);
            }
        }
        Value::String(text) => drop(into.insert(place.to_owned(), text.clone())),
        other => drop(into.insert(place.to_owned(), other.to_string())),
    }
}

impl ImagePin {
    /// Returns `true` for the image that a name means; without a day, it may be of any.
    pub fn is(&self, name: &ImageName) -> bool {
        self.name == name.base() && name.date().is_none_or(|date| date == self.release_date)
    }

    /// Returns its name with the day.
    pub fn shown(&self) -> String {
        format!("{}@{}", self.name, self.release_date)
    }
}

impl K3sPin {
    /// Returns what goes inside the cards: the program and the archives of container images.
    pub(super) fn bundled(&self) -> Install {
        let location = |file: &str| {
            let sha256 = self.files.get(file)?;
            Some(FileLocation::url(format!("{}/{file}", self.url), *sha256))
        };
        let archives = self.files.keys().filter(|file| file.contains("-images-"));
        Install::Bundled {
            arm64: location("k3s-arm64"),
            armhf: location("k3s-armhf"),
            images: archives.filter_map(|file| location(file)).collect(),
        }
    }
}
