//! The files beside the images that describe them, one file each.
//!
//! To add one that describes a whole build: a file here with its `Sidecar`, and its line in `ALL`. It is then
//! written by every build, removed when it would say something wrong, reported by `build --json` under its
//! key, and known as this program's own when the next build finds it. A bmap describes one image, and
//! gets its name together with that.

pub(crate) mod bmap;
pub(crate) mod build_json;
pub(crate) mod imager_manifest;
mod lists;
mod page;
mod page_facts;
pub(crate) mod plans_json;
pub(crate) mod sha256sums;
mod shards;

pub use build_json::Provenance;
pub use imager_manifest::ImagerManifest;
pub(crate) use lists::{JoinedRecord, Place};
pub use page_facts::{Page, PageFingerprint, PageNode, PageStep};
pub use plans_json::{NodeDigests, PlanDigests};
pub(crate) use shards::{ShardDifference, ShardRecord, difference, join};

use super::{BuiltImage, OutputError, name_of, remove};
use crate::formats::ImageFormat;
use crate::io::AtomicFile;
use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// The facts about a build that sidecar files are made from.
pub struct BuildRecord<'build> {
    /// The folder of the results.
    pub folder: &'build Path,
    /// The name of the cluster.
    pub cluster: &'build str,
    /// The format of the images.
    pub format: ImageFormat,
    /// The images that were made.
    pub images: &'build [BuiltImage],
    /// The names that images of the cluster may have, in any format.
    pub image_names: &'build [String],
    /// The facts for the page to print.
    pub page: Page,
    /// The plans of the images, for plans.json, where that is wanted.
    pub plans: Option<PlanDigests>,
    /// The facts for build.json, where that is wanted.
    pub provenance: Option<Provenance>,
    /// The facts for the manifest of Raspberry Pi Imager, where that is wanted.
    pub imager: Option<ImagerManifest>,
}

/// A file that describes the images of a build.
pub(crate) trait Sidecar: Sync {
    /// Returns the key of its path in `build --json`.
    fn key(&self) -> &'static str;

    /// Returns the name of the file.
    fn file_name(&self, cluster: &str) -> String;

    /// Returns whether this program wrote a text. `image_names` are those of the cluster.
    fn is_ours(&self, text: &str, image_names: &[String]) -> bool;

    /// Returns what the file says. `before` is what it says now. `None` where there is nothing to say: then there is no
    /// such file.
    ///
    /// # Errors
    /// When the paths of the images cannot be told.
    fn content(&self, record: &BuildRecord<'_>, before: &str) -> Result<Option<String>, OutputError>;

    /// Returns what the file of a whole build says, of what those of its shards say. `before` is what it says now.
    fn joined(&self, joined: &JoinedRecord<'_>, before: &str) -> Option<String>;

    /// Returns what the file can go on to say while some images are replaced; `None` where that is nothing.
    fn without(&self, _text: &str, _images: &[String]) -> Option<String> {
        None
    }
}

/// All that describe a whole build.
/// The page comes after SHA256SUMS, which it reads.
pub(crate) const ALL: [&dyn Sidecar; 5] = [
    &sha256sums::Sha256Sums,
    &build_json::BuildJson,
    &imager_manifest::ImagerManifestFile,
    &page::PageFile,
    &plans_json::PlansJson,
];

/// Writes the sidecar files of a build. Returns the paths of those that there are, by their keys.
///
/// # Errors
/// When one cannot be written.
pub fn write_all(record: &BuildRecord<'_>) -> Result<BTreeMap<&'static str, PathBuf>, OutputError> {
    write_each(record.folder, record.cluster, |sidecar, before| sidecar.content(record, before))
}

/// Writes the sidecar files of a whole build from those of its shards, as [`write_all`].
///
/// # Errors
/// When one cannot be written.
pub(crate) fn write_joined(
    joined: &JoinedRecord<'_>,
    cluster: &str,
) -> Result<BTreeMap<&'static str, PathBuf>, OutputError> {
    write_each(joined.folder, cluster, |sidecar, before| Ok(sidecar.joined(joined, before)))
}

fn write_each(
    folder: &Path,
    cluster: &str,
    content: impl Fn(&dyn Sidecar, &str) -> Result<Option<String>, OutputError>,
) -> Result<BTreeMap<&'static str, PathBuf>, OutputError> {
    let mut written = BTreeMap::new();
    for sidecar in ALL {
        let path = folder.join(sidecar.file_name(cluster));
        let content = content(sidecar, &text_at(&path))?;
        if replace(&path, content.as_deref())? {
            written.insert(sidecar.key(), path);
        }
    }
    Ok(written)
}

/// Takes out of a folder what describes images that are about to be replaced. A build that is killed in between then
/// leaves images that nothing describes, rather than something wrong.
///
/// # Errors
/// When one cannot be removed or written.
pub fn forget(folder: &Path, cluster: &str, images: &[String]) -> Result<(), OutputError> {
    for sidecar in ALL {
        let path = folder.join(sidecar.file_name(cluster));
        replace(&path, sidecar.without(&text_at(&path), images).as_deref())?;
    }
    Ok(())
}

/// Returns what a file says; one that cannot be read has nothing to say, and is written anew.
fn text_at(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| {
        if error.kind() != ErrorKind::NotFound {
            tracing::debug!("{} is not read: {error}", path.display());
        }
        String::new()
    })
}

/// Writes or removes a file; returns whether there is one now.
fn replace(path: &Path, content: Option<&str>) -> Result<bool, OutputError> {
    match content {
        Some(text) => AtomicFile::write_whole(path, text.as_bytes(), false)?,
        None => remove(path)?,
    }
    Ok(content.is_some())
}

/// Returns JSON as the text of a file.
#[expect(clippy::expect_used, reason = "JSON in memory has only keys that are text")]
fn json_text(value: &serde_json::Value) -> String {
    let text = serde_json::to_string_pretty(value).expect("a JSON value can be written");
    format!("{text}\n")
}
