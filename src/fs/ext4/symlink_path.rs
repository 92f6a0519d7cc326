//! Symbolic links in the directories of a path.

use crate::fs::FsError;
use crate::fs::symlinks::{LastLink, Resolved, Step, resolve};
use crate::types::ImagePath;

/// The longest target of a link (`PATH_MAX`).
pub(super) const LONGEST_TARGET: u64 = 4096;

/// Returns the same path with no links in its directory part, or `None` where that part leads nowhere.
///
/// `look` says what stands at a path that has no links in its own directory part.
pub(super) fn without_links(
    path: &ImagePath,
    look: impl FnMut(&ImagePath) -> Result<Step, FsError>,
) -> Result<Option<ImagePath>, FsError> {
    match resolve(path, LastLink::Kept, look)? {
        Resolved::Path(path) => Ok(Some(path)),
        Resolved::Nowhere => Ok(None),
        Resolved::Circle(at) => Err(FsError::Damaged(format!("the links at `{at}` lead in a circle"))),
    }
}
