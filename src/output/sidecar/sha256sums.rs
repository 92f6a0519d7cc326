//! SHA256SUMS: what `sha256sum -c` reads.

use super::{BuildRecord, JoinedRecord, Sidecar, name_of};
use crate::output::OutputError;
use crate::types::Digest;
use std::path::Path;

/// The name of the file.
pub(crate) const NAME: &str = "SHA256SUMS";

pub(crate) struct Sha256Sums;

impl Sidecar for Sha256Sums {
    fn key(&self) -> &'static str {
        "checksums"
    }

    fn file_name(&self, _cluster: &str) -> String {
        NAME.to_owned()
    }

    /// The format takes no comments, so a list of this program is known by the images that it names.
    fn is_ours(&self, text: &str, image_names: &[String]) -> bool {
        lines(text).any(|(_, name)| image_names.iter().any(|image| image == name))
    }

    fn content(&self, record: &BuildRecord<'_>, before: &str) -> Result<Option<String>, OutputError> {
        let new = |name: &str| {
            let image = record.images.iter().find(|image| name_of(&image.path) == *name)?;
            Some(image.sha256)
        };
        Ok(text_of(record.image_names, record.folder, before, new))
    }

    fn joined(&self, joined: &JoinedRecord<'_>, before: &str) -> Option<String> {
        let new = |name: &str| joined.images.iter().find(|image| image.1 == name).map(|image| Some(image.2));
        text_of(joined.image_names, joined.folder, before, new)
    }

    fn without(&self, text: &str, images: &[String]) -> Option<String> {
        let is_of_others =
            |line: &&str| lines(line).all(|(_, name)| images.iter().all(|image| image != name));
        let text: String = text.split_inclusive('\n').filter(is_of_others).collect();
        Some(text).filter(|text| !text.is_empty())
    }
}

/// Returns a line for each image that was hashed, in the order of the cluster. `new` finds an image that was written
/// now. One of another name keeps the line it had, as long as its file is there: so a build of some nodes says nothing
/// less of the others than was known before.
fn text_of(
    image_names: &[String],
    folder: &Path,
    before: &str,
    new: impl Fn(&str) -> Option<Option<Digest>>,
) -> Option<String> {
    let line = |name: &String| {
        let known = || digests_of(before, name).next().filter(|_| folder.join(name).is_file());
        let digest = new(name).unwrap_or_else(known)?;
        // The two spaces and the newline are sha256sum's own format (text mode).
        Some(format!("{digest}  {name}\n"))
    };
    let text: String = image_names.iter().filter_map(line).collect();
    Some(text).filter(|text| !text.is_empty())
}

fn lines(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.lines().filter_map(|line| line.split_once("  "))
}

/// Returns the digests of one image that a SHA256SUMS names.
pub(crate) fn digests_of<'text>(text: &'text str, image: &'text str) -> impl Iterator<Item = Digest> + 'text {
    lines(text).filter(move |(_, name)| *name == image).filter_map(|(digest, _)| Digest::parse(digest))
}
