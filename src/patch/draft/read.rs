//! The files as they will be.

use super::Draft;
use crate::fs::FileKind;
use crate::fs::symlinks::{self, LastLink, LinkStep, LinkTree, Resolved};
use crate::patch::{Action, Attributes, Partition, PatchError, PatchResult};
use crate::types::ImagePath;
use std::io::Read as _;

impl Draft<'_> {
    /// Reads the content of a file as it will be, or `None` when there will be none.
    ///
    /// # Errors
    /// When the stock image cannot be read, or a file of this machine that was put there.
    pub fn read(&self, partition: Partition, path: &ImagePath) -> PatchResult<Option<Vec<u8>>> {
        match self.action(partition, path) {
            Some(Action::File { content, .. }) => {
                let mut bytes = Vec::new();
                let most = content.size().get() + 1;
                let read = content.open().and_then(|reader| reader.take(most).read_to_end(&mut bytes));
                read.map_err(PatchError::content(content, partition.at(path)))?;
                Ok(Some(bytes))
            }
            Some(Action::Remove | Action::Rename { .. } | Action::Symlink { .. }) => Ok(None),
            Some(Action::Directory { .. }) | None => {
                self.stock.read(partition, &self.stock_path(partition, path))
            }
        }
    }

    /// Reads as [`read`](Self::read) does, as text.
    ///
    /// # Errors
    /// Also when it is not UTF-8.
    pub fn read_text(&self, partition: Partition, path: &ImagePath) -> PatchResult<Option<String>> {
        let bytes = self.read(partition, path)?;
        let text = bytes.map(String::from_utf8).transpose();
        text.map_err(|_| PatchError::NotText { at: partition.at(path) })
    }

    /// Returns `true` if there will be something at `path`.
    ///
    /// # Errors
    /// When the stock image cannot be read.
    pub fn exists(&self, partition: Partition, path: &ImagePath) -> PatchResult<bool> {
        match self.action(partition, path) {
            Some(Action::Remove | Action::Rename { .. }) => Ok(false),
            Some(_) => Ok(true),
            None => Ok(self.stock_metadata(partition, path)?.is_some()),
        }
    }

    /// Returns the kind of what will be at `path`, without following a symbolic link; `None` for nothing.
    ///
    /// # Errors
    /// When the stock image cannot be read.
    pub fn kind(&self, partition: Partition, path: &ImagePath) -> PatchResult<Option<FileKind>> {
        Ok(self.attributes(partition, path)?.map(|found| found.kind))
    }

    /// Returns as [`kind`](Self::kind) does, with mode and owner.
    ///
    /// # Errors
    /// Fails when the stock image cannot be read.
    pub fn attributes(&self, partition: Partition, path: &ImagePath) -> PatchResult<Option<Attributes>> {
        match self.action(partition, path) {
            Some(Action::File { mode, owner, .. }) => {
                Ok(Some(Attributes { kind: FileKind::File, mode: *mode, owner: *owner }))
            }
            Some(Action::Directory { mode, owner }) => {
                Ok(Some(Attributes { kind: FileKind::Directory, mode: *mode, owner: *owner }))
            }
            Some(Action::Symlink { .. }) => Ok(Some(Attributes::OF_SYMLINKS)),
            Some(Action::Remove | Action::Rename { .. }) => Ok(None),
            None => {
                let found = self.stock_metadata(partition, path)?;
                Ok(found.map(|found| Attributes { kind: found.kind, mode: found.mode, owner: found.owner }))
            }
        }
    }

    /// Returns the same path without links in its directory part, as far as there will be something.
    ///
    /// # Errors
    /// Fails when the stock image cannot be read, or links lead in a circle.
    pub fn without_links(&self, partition: Partition, path: &ImagePath) -> PatchResult<ImagePath> {
        self.follow(partition, path, LastLink::Unfollowed)
    }

    /// Resolves as [`without_links`](Self::without_links) does, through a link at the end of it as well.
    ///
    /// # Errors
    /// Fails when the stock image cannot be read, or links lead in a circle.
    pub fn behind_links(&self, partition: Partition, path: &ImagePath) -> PatchResult<ImagePath> {
        self.follow(partition, path, LastLink::Followed)
    }

    pub(super) fn follow(
        &self,
        partition: Partition,
        path: &ImagePath,
        last: LastLink,
    ) -> PatchResult<ImagePath> {
        match partition {
            Partition::Boot => self.as_written(path),
            Partition::Root => match symlinks::resolve(self, path, last)? {
                Resolved::Path(resolved) => Ok(resolved),
                Resolved::Nowhere => Ok(path.clone()),
                Resolved::Circle(_) => Err(PatchError::LinkCircle { at: partition.at(path) }),
            },
        }
    }

    /// Returns the target that the symbolic link at `path` on the root partition will have; `None` when there will be
    /// none.
    ///
    /// # Errors
    /// When the stock image cannot be read.
    pub fn read_link(&self, path: &ImagePath) -> PatchResult<Option<String>> {
        match self.action(Partition::Root, path) {
            Some(Action::Symlink { target }) => Ok(Some(target.clone())),
            Some(_) => Ok(None),
            None => self.stock.read_link(Partition::Root, &self.stock_path(Partition::Root, path)),
        }
    }

    /// Lists the names in a directory as the stock image has it, sorted.
    ///
    /// # Errors
    /// When the stock image cannot be read.
    pub fn list_stock(&self, partition: Partition, path: &ImagePath) -> PatchResult<Vec<String>> {
        self.stock.list(partition, &self.stock_path(partition, path))
    }

    /// Returns a path of the FAT partition as it is written there, or by an edit before: FAT takes capital letters for
    /// small ones, and a file that is replaced keeps its name.
    fn as_written(&self, path: &ImagePath) -> PatchResult<ImagePath> {
        let boot = Partition::Boot;
        let mut written = ImagePath::root();
        for part in path.parts() {
            let same = |name: &&str| name.to_lowercase() == part.to_lowercase();
            let in_stock = self.stock.list(boot, &written)?;
            let edited = self
                .edits
                .iter()
                .filter(|edit| edit.partition == boot && edit.path.parent().as_ref() == Some(&written));
            let mut names = in_stock.iter().map(String::as_str).chain(edited.map(|edit| edit.path.name()));
            let name = names.find(same).unwrap_or(part);
            let Ok(next) = written.join(name) else { return Ok(path.clone()) };
            written = next;
        }
        Ok(written)
    }
}

impl LinkTree for Draft<'_> {
    type Error = PatchError;

    /// Takes names as they are where nothing is: of `/var/run/x` that is `/run/x`, whether or not there is a
    /// `/run`.
    fn step(&self, path: &ImagePath) -> PatchResult<LinkStep> {
        Ok(self.read_link(path)?.map_or(LinkStep::Below, LinkStep::Link))
    }
}
