//! SHA256SUMS: what `sha256sum -c` reads.

use crate::io::AtomicFile;
use crate::output::OutputError;
use crate::types::Digest;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// The name of the file.
pub(crate) const CHECKSUMS: &str = "SHA256SUMS";

/// Writes SHA256SUMS into `folder`: a line for each of `written` that was hashed, in the order of `names`,
/// which are the names of all images of the cluster. An image of another name among them keeps the line it
/// had, as long as its file is there: so a build of some nodes says nothing less of the others than was known
/// before. Gives the path, unless there is nothing to say: then no SHA256SUMS is left.
///
/// # Errors
/// When the folder cannot be written to.
pub fn write_sha256sums(
    folder: &Path,
    written: &[(String, Option<Digest>)],
    names: &[String],
) -> Result<Option<PathBuf>, OutputError> {
    let path = folder.join(CHECKSUMS);
    // One that cannot be read has nothing to say, and is written anew.
    let before = std::fs::read_to_string(&path).unwrap_or_else(|_| String::new());
    let before: Vec<_> = before.lines().filter_map(|line| line.split_once("  ")).collect();
    let mut text = String::new();
    for name in names {
        let new = written.iter().find(|(written, _)| written == name);
        let known = || {
            let (digest, _) = before.iter().find(|(_, known)| known == name)?;
            Digest::parse(digest).filter(|_| folder.join(name).is_file())
        };
        if let Some(digest) = new.map_or_else(known, |(_, digest)| *digest) {
            // The two spaces and the newline are sha256sum's own format (text mode).
            let _ = writeln!(text, "{digest}  {name}");
        }
    }
    if text.is_empty() {
        crate::output::remove(&path)?;
        return Ok(None);
    }
    AtomicFile::write_whole(&path, text.as_bytes(), false)?;
    Ok(Some(path))
}

/// Returns the digests of one image that a SHA256SUMS names.
pub(crate) fn digests_of<'text>(text: &'text str, image: &'text str) -> impl Iterator<Item = Digest> + 'text {
    let lines = text.lines().filter_map(|line| line.split_once("  "));
    lines.filter(move |(_, name)| *name == image).filter_map(|(digest, _)| Digest::parse(digest))
}

/// Returns whether a SHA256SUMS speaks of one of these images. Its format takes no comments, so that is what
/// a list of this program is known by.
pub(crate) fn speaks_of(text: &str, images: &[String]) -> bool {
    let mut names = text.lines().filter_map(|line| line.split_once("  ")).map(|(_, name)| name);
    names.any(|name| images.iter().any(|image| image == name))
}
