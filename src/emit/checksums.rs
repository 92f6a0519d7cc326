//! SHA256SUMS: what `sha256sum -c` reads.

use super::{EmitError, PendingFile};
use crate::digest::Digest;
use std::fmt::Write as _;
use std::path::Path;

/// Writes SHA256SUMS into `folder`: a line for each of `written`, in the order of `names`, which are the
/// names of all images of the cluster. An image of another name among them keeps the line it had, as long as
/// its file is there: so a build of some nodes says nothing less of the others than was known before.
///
/// # Errors
/// When the folder cannot be written to.
pub fn write_sha256sums(
    folder: &Path,
    written: &[(String, Digest)],
    names: &[String],
) -> Result<(), EmitError> {
    let path = folder.join("SHA256SUMS");
    // One that cannot be read has nothing to say.
    let before = std::fs::read_to_string(&path).unwrap_or_default();
    let before: Vec<_> = before.lines().filter_map(|line| line.split_once("  ")).collect();
    let mut text = String::new();
    for name in names {
        let new = written.iter().find(|(written, _)| written == name).map(|(_, digest)| *digest);
        let known = || {
            let (digest, _) = before.iter().find(|(_, known)| known == name)?;
            Digest::parse(digest).filter(|_| folder.join(name).is_file())
        };
        if let Some(digest) = new.or_else(known) {
            // The two spaces and the newline are sha256sum's own format (text mode).
            let _ = writeln!(text, "{digest}  {name}");
        }
    }
    PendingFile::write_whole(&path, text.as_bytes(), false)
}
