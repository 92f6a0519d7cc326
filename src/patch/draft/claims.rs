//! Whose a path is: cardwright's or the user's.

use super::{Draft, NewFile};
use crate::patch::{Partition, PartitionPath, PatchError, PatchResult};
use crate::types::ImagePath;
use std::collections::{BTreeMap, BTreeSet};

/// The paths that belong to cardwright, and those that belong to the user: what makes a card that card is not to
/// be replaced by a file that happens to have the same path.
///
/// Paths are kept without links in them, and of the FAT partition in small letters, so that one place has one
/// spelling. A path is claimed also where the stock image has the right thing there already.
#[derive(Debug, Default)]
pub(super) struct PathOwners {
    /// Written, edited or removed by a concern.
    pub(super) ours: BTreeSet<PartitionPath>,
    /// Written for the user, with the path that the user gave it.
    pub(super) users: BTreeMap<PartitionPath, ImagePath>,
}

impl Draft<'_> {
    /// Writes a file for the user, who may put one anywhere but where cardwright itself has something to say. `given`
    /// is its path as the user wrote it.
    ///
    /// # Errors
    /// As [`file`](Self::file); with [`PatchError::Claimed`] when it would replace what a concern wrote, edited
    /// or removed, and with [`PatchError::MovedAway`] below what a concern moved.
    pub fn extra_file(
        &mut self,
        partition: Partition,
        path: &ImagePath,
        given: &ImagePath,
        file: NewFile,
    ) -> PatchResult<()> {
        let place = self.place(partition, path)?;
        let behind = self.behind_links(partition, path)?;
        let behind = self.place(partition, &behind)?;
        if let Some(at) = [&place, &behind].into_iter().find(|place| self.claims.ours.contains(place)) {
            return Err(PatchError::Claimed { at: at.clone() });
        }
        self.put_file(partition, path, file)?;
        self.claims.users.insert(place, given.clone());
        Ok(())
    }

    /// Returns the path that the user gave the file written for them at `path`; `None` when there is none.
    ///
    /// # Errors
    /// Fails when the stock image cannot be read.
    pub fn users_path(&self, partition: Partition, path: &ImagePath) -> PatchResult<Option<&ImagePath>> {
        Ok(self.claims.users.get(&self.place(partition, path)?))
    }

    /// Lets the user replace a file that a concern only tidied, or that is a convenience.
    ///
    /// # Errors
    /// Fails when the stock image cannot be read.
    pub fn leave_to_user(&mut self, partition: Partition, path: &ImagePath) -> PatchResult<()> {
        let place = self.place(partition, path)?;
        self.claims.ours.remove(&place);
        Ok(())
    }

    /// Returns the paths that concerns wrote, edited or removed, in the spelling without links.
    #[cfg(test)]
    pub(crate) fn claimed(&self) -> impl Iterator<Item = (Partition, &ImagePath)> {
        self.claims.ours.iter().map(|at| (at.partition, &at.path))
    }

    /// Notes that a path is a concern's.
    pub(super) fn claim(&mut self, partition: Partition, path: &ImagePath) -> PatchResult<()> {
        let place = self.place(partition, path)?;
        if self.claims.users.contains_key(&place) {
            return Err(PatchError::Claimed { at: partition.at(path) });
        }
        self.claims.ours.insert(place);
        Ok(())
    }

    /// Returns a path in the one spelling that its place has.
    pub(super) fn place(&self, partition: Partition, path: &ImagePath) -> PatchResult<PartitionPath> {
        Ok(partition.at(&partition.one_spelling(&self.without_links(partition, path)?)))
    }
}
