//! A patch in the making: the stock files, and above them what was written so far.

mod claims;
mod read;
#[cfg(test)]
mod tests;
mod write;

pub use write::NewFile;

use super::{Action, Edit, Partition, Patch, PatchResult, Stock};
use crate::fs::Metadata;
use crate::types::{ImagePath, UnixTime};
use claims::PathOwners;

/// A patch in the making: the stock files, and above them what was written so far.
///
/// Whoever edits a file sees what was written to it before, so that several concerns can each add their
/// line to the same file and the patch still has one edit of it. What is already right in the stock image
/// is left alone and makes no edit.
pub struct Draft<'stock> {
    stock: &'stock dyn Stock,
    time: UnixTime,
    edits: Vec<Edit>,
    claims: PathOwners,
}

impl<'stock> Draft<'stock> {
    /// Begins an empty patch above `stock`, whose files will all have the time `time`.
    pub fn new(stock: &'stock dyn Stock, time: UnixTime) -> Self {
        Self { stock, time, edits: Vec::new(), claims: PathOwners::default() }
    }

    /// Continues a finished patch above the `stock` that it was made for, with the same checks as before. What it
    /// writes is the program's: [`extra_file`](Self::extra_file) does not replace it, everything else may.
    ///
    /// # Errors
    /// When the stock image cannot be read.
    pub fn continued(patch: Patch, stock: &'stock dyn Stock) -> PatchResult<Self> {
        let Patch { time, edits } = patch;
        let mut draft = Self { stock, time, edits, claims: PathOwners::default() };
        let paths = draft.edits.iter().map(|edit| (edit.partition, edit.path.clone())).collect::<Vec<_>>();
        for (partition, path) in paths {
            draft.claim(partition, &path)?;
        }
        Ok(draft)
    }

    /// Returns the patch.
    pub fn finish(self) -> Patch {
        Patch { time: self.time, edits: self.edits }
    }

    /// Returns the time that everything written will have.
    pub fn time(&self) -> UnixTime {
        self.time
    }

    /// Puts the edit of a path: in the place of the one it has, or at the end.
    fn put(&mut self, partition: Partition, path: &ImagePath, action: Action, replaces_stock: bool) {
        let edit = Edit { partition, path: path.clone(), action, replaces_stock };
        match self.edits.iter_mut().find(|known| known.partition == partition && known.path == *path) {
            Some(known) => *known = edit,
            None => self.edits.push(edit),
        }
    }

    fn forget(&mut self, partition: Partition, path: &ImagePath) {
        self.edits.retain(|edit| edit.partition != partition || edit.path != *path);
    }

    /// Returns what will be done to a path.
    fn action(&self, partition: Partition, path: &ImagePath) -> Option<&Action> {
        let mut edits = self.edits.iter();
        edits.find(|edit| edit.partition == partition && edit.path == *path).map(|edit| &edit.action)
    }

    /// Returns the metadata of what the stock image has and will be at `path`.
    fn stock_metadata(&self, partition: Partition, path: &ImagePath) -> PatchResult<Option<Metadata>> {
        self.stock.metadata(partition, &self.stock_path(partition, path))
    }

    /// Returns the path at which the stock image has what will be at `path`, that is, before the renames of this draft.
    fn stock_path(&self, partition: Partition, path: &ImagePath) -> ImagePath {
        let renames = self.edits.iter().rev().filter(|edit| edit.partition == partition);
        renames.fold(path.clone(), |path, edit| match &edit.action {
            Action::Rename { to } => path.after_rename(to, &edit.path),
            _ => path,
        })
    }
}
