//! The sidecar files of the shards of a build, as those of the whole build.
//!
//! ```text
//! shard-1/build.json ─┐            all but its lists is the same
//! shard-2/build.json ─┼─▶ build.json: the lists, in the order of the nodes
//! shard-3/build.json ─┘
//! ```

use super::imager_manifest::{self, ImagerManifestFile};
use super::lists::{JoinedRecord, Place};
use super::page_facts::Page;
use super::{Sidecar as _, bmap, build_json, plans_json, text_at};
use crate::formats::ImageFormat;
use crate::output::OutputError;
use crate::types::Digest;
use serde_json::Value;
use std::path::{Path, PathBuf};

/// A shard of a build, as its sidecar files describe it.
pub(crate) struct ShardRecord {
    pub(crate) folder: PathBuf,
    /// The version of the program that built it.
    pub(crate) version: String,
    /// The SHA-256 of the nodes.yaml that it was built from.
    pub(crate) nodes_yaml: Digest,
    /// The format of its images.
    pub(crate) format: ImageFormat,
    /// The names of its nodes.
    pub(crate) nodes: Vec<String>,
    /// Their images: the names of the files, and the SHA-256.
    images: Vec<(String, Digest)>,
    /// build.json.
    statement: Value,
    /// The manifest for Raspberry Pi Imager, where there is one.
    manifest: Option<Value>,
    /// plans.json, where there is one.
    plans: Option<Value>,
}

/// A shard that was not built as the first one, and what is another in it.
pub(crate) struct ShardDifference<'shards> {
    pub(crate) shard: &'shards ShardRecord,
    pub(crate) what: &'static str,
}

impl ShardRecord {
    /// Reads the description of a shard; `None` where the folder has none that is whole.
    pub(crate) fn read(folder: &Path, cluster: &str) -> Option<Self> {
        let statement: Value = serde_json::from_str(&text_at(&folder.join(build_json::NAME))).ok()?;
        let text = |pointer| statement.pointer(pointer).and_then(Value::as_str);
        let nodes = build_json::nodes_in(&statement)?;
        let images = build_json::images_in(&statement)?.into_iter();
        let images: Vec<_> = images.map(|(name, digest)| Some((name, digest?))).collect::<Option<_>>()?;
        let format = ImageFormat::WRITTEN.into_iter();
        let format =
            format.into_iter().find(|format| text(build_json::EXTENSION) == Some(format.extension()))?;
        let manifest = text_at(&folder.join(ImagerManifestFile.file_name(cluster)));
        let manifest = (!manifest.is_empty()).then(|| serde_json::from_str(&manifest)).transpose().ok()?;
        let plans = text_at(&folder.join(plans_json::NAME));
        let plans = (!plans.is_empty()).then(|| serde_json::from_str(&plans)).transpose().ok()?;
        let is_whole = build_json::FORMAT.is_of(&statement, nodes.len())
            && manifest.iter().all(|manifest| imager_manifest::FORMAT.is_of(manifest, nodes.len()))
            // A name leads nowhere else.
            && images.iter().zip(&nodes).all(|((image, _), node)| *image == format!("{node}.{format}"));
        is_whole.then_some(Self {
            folder: folder.to_owned(),
            version: text(build_json::VERSION)?.to_owned(),
            nodes_yaml: Digest::parse(text(build_json::NODES_YAML)?)?,
            format,
            nodes,
            images,
            statement,
            manifest,
            plans,
        })
    }

    /// Returns where the images will be downloaded from by the manifest; `None` where it has no image.
    fn base_url(&self) -> Option<&str> {
        let url = self.manifest.as_ref()?.pointer("/os_list/0/url")?.as_str()?;
        // Those of this machine are in another folder for each shard.
        Some(if url.starts_with(imager_manifest::FILE) {
            imager_manifest::FILE
        } else {
            url.rsplit_once('/')?.0
        })
    }

    /// Returns whether there is a bmap beside its images; `None` where it has no image.
    fn has_bmaps(&self) -> Option<bool> {
        let (image, _) = self.images.first()?;
        Some(bmap::path_beside(&self.folder.join(image)).is_file())
    }
}

/// Returns the first of some shards that was not built as the first one.
pub(crate) fn difference(shards: &[ShardRecord]) -> Option<ShardDifference<'_>> {
    let (first, others) = shards.split_first()?;
    // An empty shard says nothing of these two.
    let base_url = shards.iter().find_map(ShardRecord::base_url);
    let has_bmaps = shards.iter().find_map(ShardRecord::has_bmaps);
    others.iter().find_map(|shard| {
        let manifest = match (&first.manifest, &shard.manifest) {
            (Some(one), Some(other)) => imager_manifest::FORMAT.difference(one, other),
            (None, None) => None,
            _ => Some("choice of `--imager`"),
        };
        let base_url = shard.base_url().is_some_and(|url| base_url != Some(url));
        let bmaps = shard.has_bmaps().is_some_and(|has| has_bmaps != Some(has));
        let what = build_json::FORMAT.difference(&first.statement, &shard.statement);
        let what = what.or(manifest).or(base_url.then_some("`--base-url`"));
        Some(ShardDifference { shard, what: what.or(bmaps.then_some("choice of `--bmap`"))? })
    })
}

/// Joins shards that have no [difference]. `places` are those of all nodes, in the order of the cluster; their images
/// will be in `folder`.
///
/// # Errors
/// When the path of the folder cannot be told.
#[expect(clippy::expect_used, reason = "what was read has an entry a node in every list")]
pub(crate) fn join<'build>(
    shards: &'build [ShardRecord],
    places: &[Place],
    folder: &'build Path,
    image_names: &'build [String],
    page: Page,
) -> Result<JoinedRecord<'build>, OutputError> {
    const WHOLE: &str = "every shard is whole, and every place is in one";
    let image = |place: &Place| {
        let shard = shards.get(place.shard)?;
        let (name, digest) = shard.images.get(place.index)?;
        Some((&*shard.folder, &**name, *digest))
    };
    let images = places.iter().map(image).collect::<Option<Vec<_>>>().expect(WHOLE);
    let statements: Vec<&Value> = shards.iter().map(|shard| &shard.statement).collect();
    let statement = build_json::FORMAT.join(&statements, places).expect(WHOLE);
    let manifests: Option<Vec<&Value>> = shards.iter().map(|shard| shard.manifest.as_ref()).collect();
    let mut manifest =
        manifests.map(|manifests| imager_manifest::FORMAT.join(&manifests, places).expect(WHOLE));
    // Those of a node that was built apart are not those of the same place in the lists.
    let plans: Option<Vec<&Value>> = shards.iter().map(|shard| shard.plans.as_ref()).collect();
    let plans = plans.and_then(|plans| plans_json::FORMAT.join(&plans, places));
    if let Some(manifest) = &mut manifest {
        let paths: Vec<_> = images.iter().map(|(_, name, _)| folder.join(name)).collect();
        imager_manifest::name_files(manifest, &paths)?;
    }
    Ok(JoinedRecord { folder, image_names, images, page, statement, manifest, plans })
}
