//! Edits, and what is checked before each.

use super::Draft;
use crate::fs::{FileKind, FsError};
use crate::patch::files::below;
use crate::patch::{Action, Content, Partition, PatchError, PatchResult, Sensitivity};
use crate::types::{ImagePath, Mode, Owner};

/// A file to be written.
#[derive(Debug)]
pub struct NewFile {
    /// All that will be in it.
    pub content: Content,
    /// Permission bits.
    pub mode: Mode,
    /// User and group.
    pub owner: Owner,
    /// Plans show the content of plain files only.
    pub sensitivity: Sensitivity,
}

impl Draft<'_> {
    /// Writes a file whose content anybody may see, and the directories above it where they are missing.
    ///
    /// # Errors
    /// When the stock image cannot be read or has a directory there.
    pub fn file(
        &mut self,
        partition: Partition,
        path: &ImagePath,
        content: impl Into<Content>,
        mode: Mode,
        owner: Owner,
    ) -> PatchResult<()> {
        let content = content.into();
        self.write(partition, path, NewFile { content, mode, owner, sensitivity: Sensitivity::Plain })
    }

    /// Writes a file of root's on the root partition that everybody may read.
    ///
    /// # Errors
    /// As [`file`](Self::file).
    pub fn text(&mut self, path: &ImagePath, content: impl Into<Content>) -> PatchResult<()> {
        self.file(Partition::Root, path, content, Mode::FILE, Owner::ROOT)
    }

    /// Writes a file that holds a secret: on the root partition, for root alone to read.
    ///
    /// # Errors
    /// As [`file`](Self::file).
    pub fn secret(&mut self, path: &ImagePath, content: impl Into<Content>) -> PatchResult<()> {
        let (mode, owner, sensitivity) = (Mode::SECRET, Owner::ROOT, Sensitivity::Secret);
        self.write(Partition::Root, path, NewFile { content: content.into(), mode, owner, sensitivity })
    }

    /// Changes the text of a file that exists, keeping its mode and owner. `change` gets the text as it
    /// will be so far. Nothing happens when the file does not exist or when `change` changes nothing.
    ///
    /// # Errors
    /// When the stock image cannot be read, or the file is not text.
    pub fn edit_text(
        &mut self,
        partition: Partition,
        path: &ImagePath,
        change: impl FnOnce(&str) -> String,
    ) -> PatchResult<()> {
        self.edit(partition, path, None, change)
    }

    /// Does as [`edit_text`](Self::edit_text) with a file that has no secret in it, though ordinary users may not read it.
    ///
    /// # Errors
    /// As [`edit_text`](Self::edit_text).
    pub fn edit_plain_text(
        &mut self,
        partition: Partition,
        path: &ImagePath,
        change: impl FnOnce(&str) -> String,
    ) -> PatchResult<()> {
        self.edit(partition, path, Some(Sensitivity::Plain), change)
    }

    fn edit(
        &mut self,
        partition: Partition,
        path: &ImagePath,
        sensitivity: Option<Sensitivity>,
        change: impl FnOnce(&str) -> String,
    ) -> PatchResult<()> {
        let Some(before) = self.read_text(partition, path)? else { return Ok(()) };
        self.claim(partition, path)?;
        let after = change(&before);
        if after == before {
            return Ok(());
        }
        let (mode, owner, found) = self.attributes_of_file(partition, path)?;
        let sensitivity = sensitivity.unwrap_or(found);
        self.put_file(partition, path, NewFile { content: after.into(), mode, owner, sensitivity })
    }

    /// Makes a directory with this mode and owner, and the ones above it where they are missing; or gives
    /// the one that is there this mode and owner.
    ///
    /// # Errors
    /// When the stock image cannot be read or has something else there.
    pub fn directory(
        &mut self,
        partition: Partition,
        path: &ImagePath,
        mode: Mode,
        owner: Owner,
    ) -> PatchResult<()> {
        self.refuse_other(partition, path, "make the directory", |kind| kind == FileKind::Directory)?;
        let found = self.stock_metadata(partition, path)?;
        // One that was to go stays, without what was in it.
        let is_removed = self.action(partition, path) == Some(&Action::Remove);
        match found.map(|found| (found.kind, found.mode == mode && found.owner == owner)) {
            Some((FileKind::Directory, true)) if !is_removed => return Ok(()),
            Some((FileKind::Directory, _)) => {}
            Some((found, _)) => {
                return Err(PatchError::InTheWay {
                    doing: "make the directory",
                    at: partition.at(path),
                    found,
                });
            }
            None => self.parents(partition, path)?,
        }
        self.put(partition, path, Action::Directory { mode, owner }, found.is_some());
        Ok(())
    }

    /// Makes a symbolic link on the root partition, and the directories above it where they are missing.
    ///
    /// # Errors
    /// When the stock image cannot be read or has a directory there.
    pub fn symlink(&mut self, path: &ImagePath, target: &str) -> PatchResult<()> {
        let partition = Partition::Root;
        self.claim(partition, path)?;
        self.refuse_other(partition, path, "make the symbolic link", is_file_or_link)?;
        let stock_path = self.stock_path(partition, path);
        let found = self.stock.metadata(partition, &stock_path)?;
        // `None` too of what is no link.
        if self.stock.read_link(partition, &stock_path)?.as_deref() == Some(target) {
            self.forget(partition, path);
            return Ok(());
        }
        if found.is_none() {
            self.parents(partition, path)?;
        }
        self.put(partition, path, Action::Symlink { target: target.to_owned() }, found.is_some());
        Ok(())
    }

    /// Removes a file or a link, if there is one.
    ///
    /// # Errors
    /// When the stock image cannot be read or has a directory there.
    pub fn remove(&mut self, partition: Partition, path: &ImagePath) -> PatchResult<()> {
        self.claim(partition, path)?;
        self.refuse_other(partition, path, "remove the file", is_file_or_link)?;
        if self.stock_metadata(partition, path)?.is_some() {
            self.put(partition, path, Action::Remove, true);
        } else {
            self.forget(partition, path);
        }
        Ok(())
    }

    /// Removes what the stock image has at `path`: a file, a link, or a directory with all that is in it. It
    /// becomes nobody's: the user may put something else there.
    ///
    /// # Errors
    /// Fails when the stock image cannot be read, or has a device, a socket or a pipe there.
    pub fn remove_all(&mut self, partition: Partition, path: &ImagePath) -> PatchResult<()> {
        match self.stock_metadata(partition, path)?.map(|found| found.kind) {
            None => {
                self.forget(partition, path);
                return Ok(());
            }
            Some(FileKind::Directory) => {
                for name in self.list_stock(partition, path)? {
                    let below = below(partition, path, &name)?;
                    self.remove_all(partition, &below)?;
                }
            }
            Some(_) => self.refuse_other(partition, path, "remove the file", is_file_or_link)?,
        }
        self.put(partition, path, Action::Remove, true);
        Ok(())
    }

    /// Moves something of the stock image, before anything below it is edited. Later calls use the new path.
    ///
    /// # Errors
    /// When the stock image cannot be read, has nothing at `from`, or something at `to`.
    pub fn rename(&mut self, partition: Partition, from: &ImagePath, to: &ImagePath) -> PatchResult<()> {
        if self.stock.metadata(partition, from)?.is_none() {
            return Err(PatchError::filesystem("move", partition.at(from))(FsError::NotFound));
        }
        self.refuse_other(partition, to, "move something to", |_| false)?;
        self.put(partition, from, Action::Rename { to: to.clone() }, true);
        Ok(())
    }

    fn write(&mut self, partition: Partition, path: &ImagePath, file: NewFile) -> PatchResult<()> {
        self.claim(partition, path)?;
        self.put_file(partition, path, file)
    }

    pub(super) fn put_file(
        &mut self,
        partition: Partition,
        path: &ImagePath,
        file: NewFile,
    ) -> PatchResult<()> {
        let NewFile { content, mode, owner, sensitivity } = file;
        let readable_by_all = mode.open_to_others();
        if sensitivity == Sensitivity::Secret && (partition == Partition::Boot || readable_by_all) {
            return Err(PatchError::SecretInTheOpen { at: partition.at(path) });
        }
        self.refuse_other(partition, path, "write the file", is_file_or_link)?;
        let stock_path = self.stock_path(partition, path);
        let found = self.stock.metadata(partition, &stock_path)?;
        if let Some(found) = found {
            let already_right = found.kind == FileKind::File
                && (partition == Partition::Boot || (found.mode == mode && found.owner == owner))
                && found.size == content.size()
                && content.bytes().is_some()
                && self.stock.read(partition, &stock_path)?.as_deref() == content.bytes();
            if already_right {
                self.forget(partition, path);
                return Ok(());
            }
        } else {
            self.parents(partition, path)?;
        }
        self.put(partition, path, Action::File { content, mode, owner, sensitivity }, found.is_some());
        Ok(())
    }

    /// Makes the directories above `path` that neither the stock image nor the draft has: root's, 0755.
    fn parents(&mut self, partition: Partition, path: &ImagePath) -> PatchResult<()> {
        let Some(parent) = path.parent() else { return Ok(()) };
        match self.kind(partition, &self.behind_links(partition, &parent)?)? {
            Some(FileKind::Directory) => Ok(()),
            Some(found) => Err(PatchError::NoDirectory { at: partition.at(path), above: parent, found }),
            None => self.directory(partition, &parent, Mode::EXECUTABLE, Owner::ROOT),
        }
    }

    /// Refuses a path at or below what was moved away: nothing is there any more.
    ///
    /// # Errors
    /// With [`PatchError::MovedAway`].
    pub fn refuse_below_moved(&self, partition: Partition, path: &ImagePath) -> PatchResult<()> {
        for edit in self.edits.iter().filter(|edit| edit.partition == partition) {
            if let Action::Rename { to } = &edit.action
                && path.starts_with(&edit.path)
                && !path.starts_with(to)
            {
                let (above, to) = (edit.path.clone(), to.clone());
                return Err(PatchError::MovedAway { at: partition.at(path), above, to });
            }
        }
        Ok(())
    }

    /// Refuses what stands at `path`, by the stock image or by an edit before, unless it is `right`.
    fn refuse_other(
        &self,
        partition: Partition,
        path: &ImagePath,
        doing: &'static str,
        right: impl FnOnce(FileKind) -> bool,
    ) -> PatchResult<()> {
        self.refuse_below_moved(partition, path)?;
        match self.kind(partition, path)? {
            Some(found) if !right(found) => {
                Err(PatchError::InTheWay { doing, at: partition.at(path), found })
            }
            _ => Ok(()),
        }
    }

    fn attributes_of_file(
        &self,
        partition: Partition,
        path: &ImagePath,
    ) -> PatchResult<(Mode, Owner, Sensitivity)> {
        if let Some(Action::File { mode, owner, sensitivity, .. }) = self.action(partition, path) {
            return Ok((*mode, *owner, *sensitivity));
        }
        let found = self.stock_metadata(partition, path)?;
        let (mode, owner) = found.map_or((Mode::FILE, Owner::ROOT), |found| (found.mode, found.owner));
        // What the stock image hides from ordinary users, a plan has no business showing.
        let hidden = partition == Partition::Root && !mode.open_to_others();
        Ok((mode, owner, if hidden { Sensitivity::Secret } else { Sensitivity::Plain }))
    }
}

fn is_file_or_link(kind: FileKind) -> bool {
    matches!(kind, FileKind::File | FileKind::Symlink)
}
