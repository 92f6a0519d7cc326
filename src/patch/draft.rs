//! A patch in the making.

use super::{Action, Content, Edit, Partition, Patch, PatchError, Sensitivity, Stock};
use crate::fs::symlinks::{self, LastLink, LinkTree, Resolved, Step};
use crate::fs::{FileKind, FsError};
use crate::types::{ImagePath, Mode, Owner, UnixTime};
use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;

/// A patch in the making: the stock files, and above them what was written so far.
///
/// Whoever edits a file sees what was written to it before, so that several concerns can each add their
/// line to the same file and the patch still has one edit of it. What is already right in the stock image
/// is left alone and makes no edit.
pub struct Draft<'stock> {
    stock: &'stock dyn Stock,
    time: UnixTime,
    edits: Vec<Edit>,
    claims: Claims,
}

/// The attributes of what will be at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attributes {
    /// File, directory, symlink, …
    pub kind: FileKind,
    /// Permission bits.
    pub mode: Mode,
    /// User and group.
    pub owner: Owner,
}

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

/// The paths that belong to cardwright, and those that belong to the user: what makes a card that card is not to
/// be replaced by a file that happens to have the same path.
///
/// Paths are kept without links in them, and of the FAT partition in small letters, so that one place has one
/// spelling. A path is claimed also where the stock image has the right thing there already.
#[derive(Debug, Default)]
struct Claims {
    /// Written, edited or removed by a concern.
    ours: BTreeSet<(Partition, ImagePath)>,
    /// Written for the user, with the path that the user gave it.
    users: BTreeMap<(Partition, ImagePath), ImagePath>,
}

impl<'stock> Draft<'stock> {
    /// An empty patch above `stock`, whose files will all have the time `time`.
    pub fn new(stock: &'stock dyn Stock, time: UnixTime) -> Self {
        Self { stock, time, edits: Vec::new(), claims: Claims::default() }
    }

    /// The patch.
    pub fn finish(self) -> Patch {
        Patch { time: self.time, edits: self.edits }
    }

    /// The time that everything written will have.
    pub fn time(&self) -> UnixTime {
        self.time
    }

    /// The content of a file as it will be, or `None` when there will be none.
    ///
    /// # Errors
    /// When the stock image cannot be read, or a file of this machine that was put there.
    pub fn read(&self, partition: Partition, path: &ImagePath) -> Result<Option<Vec<u8>>, PatchError> {
        match self.edit_of(partition, path).map(|edit| &edit.action) {
            Some(Action::File { content, .. }) => {
                let mut bytes = Vec::new();
                let most = content.size().get() + 1;
                let read = content.open().and_then(|reader| reader.take(most).read_to_end(&mut bytes));
                read.map_err(|source| PatchError::content(content, partition, path, source))?;
                Ok(Some(bytes))
            }
            Some(Action::Remove | Action::Rename { .. } | Action::Symlink { .. }) => Ok(None),
            Some(Action::Directory { .. }) | None => {
                self.stock.read(partition, &self.stock_path(partition, path))
            }
        }
    }

    /// As [`read`](Self::read), as text.
    ///
    /// # Errors
    /// Also when it is not UTF-8.
    pub fn read_text(&self, partition: Partition, path: &ImagePath) -> Result<Option<String>, PatchError> {
        let bytes = self.read(partition, path)?;
        let text = bytes.map(String::from_utf8).transpose();
        text.map_err(|_| PatchError::NotText { partition, path: path.clone() })
    }

    /// Whether there will be something at `path`.
    ///
    /// # Errors
    /// When the stock image cannot be read.
    pub fn exists(&self, partition: Partition, path: &ImagePath) -> Result<bool, PatchError> {
        match self.edit_of(partition, path).map(|edit| &edit.action) {
            Some(Action::Remove | Action::Rename { .. }) => Ok(false),
            Some(_) => Ok(true),
            None => Ok(self.stock.metadata(partition, &self.stock_path(partition, path))?.is_some()),
        }
    }

    /// What kind of thing there will be at `path`, without following a symbolic link; `None` for nothing.
    ///
    /// # Errors
    /// When the stock image cannot be read.
    pub fn kind(&self, partition: Partition, path: &ImagePath) -> Result<Option<FileKind>, PatchError> {
        Ok(self.attributes(partition, path)?.map(|found| found.kind))
    }

    /// As [`kind`](Self::kind), with mode and owner.
    ///
    /// # Errors
    /// Fails when the stock image cannot be read.
    pub fn attributes(
        &self,
        partition: Partition,
        path: &ImagePath,
    ) -> Result<Option<Attributes>, PatchError> {
        match self.edit_of(partition, path).map(|edit| &edit.action) {
            Some(Action::File { mode, owner, .. }) => {
                Ok(Some(Attributes { kind: FileKind::File, mode: *mode, owner: *owner }))
            }
            Some(Action::Directory { mode, owner }) => {
                Ok(Some(Attributes { kind: FileKind::Directory, mode: *mode, owner: *owner }))
            }
            Some(Action::Symlink { .. }) => {
                let mode = Mode::from_st_mode(0o777);
                Ok(Some(Attributes { kind: FileKind::Symlink, mode, owner: Owner::ROOT }))
            }
            Some(Action::Remove | Action::Rename { .. }) => Ok(None),
            None => {
                let found = self.stock.metadata(partition, &self.stock_path(partition, path))?;
                Ok(found.map(|found| Attributes { kind: found.kind, mode: found.mode, owner: found.owner }))
            }
        }
    }

    /// The same path without links in its directory part, as far as there will be something.
    ///
    /// # Errors
    /// Fails when the stock image cannot be read, or links lead in a circle.
    pub fn without_links(&self, partition: Partition, path: &ImagePath) -> Result<ImagePath, PatchError> {
        self.follow(partition, path, LastLink::Unfollowed)
    }

    /// As [`without_links`](Self::without_links), through a link at the end of it as well.
    ///
    /// # Errors
    /// Fails when the stock image cannot be read, or links lead in a circle.
    pub fn behind_links(&self, partition: Partition, path: &ImagePath) -> Result<ImagePath, PatchError> {
        self.follow(partition, path, LastLink::Followed)
    }

    fn follow(
        &self,
        partition: Partition,
        path: &ImagePath,
        last: LastLink,
    ) -> Result<ImagePath, PatchError> {
        match partition {
            Partition::Boot => self.as_written(path),
            Partition::Root => match symlinks::resolve(self, path, last)? {
                Resolved::Path(resolved) => Ok(resolved),
                Resolved::Nowhere => Ok(path.clone()),
                Resolved::Circle(_) => Err(PatchError::LinkCircle { partition, path: path.clone() }),
            },
        }
    }

    /// Where the symbolic link at `path` on the root partition will point to; `None` when there will be none.
    ///
    /// # Errors
    /// When the stock image cannot be read.
    pub fn read_link(&self, path: &ImagePath) -> Result<Option<String>, PatchError> {
        match self.edit_of(Partition::Root, path).map(|edit| &edit.action) {
            Some(Action::Symlink { target }) => Ok(Some(target.clone())),
            Some(_) => Ok(None),
            None => self.stock.read_link(Partition::Root, &self.stock_path(Partition::Root, path)),
        }
    }

    /// The names in a directory as the stock image has it, sorted.
    ///
    /// # Errors
    /// When the stock image cannot be read.
    pub fn list_stock(&self, partition: Partition, path: &ImagePath) -> Result<Vec<String>, PatchError> {
        self.stock.list(partition, &self.stock_path(partition, path))
    }

    /// A path of the FAT partition as it is written there, or by an edit before: FAT takes capital letters for
    /// small ones, and a file that is replaced keeps its name.
    fn as_written(&self, path: &ImagePath) -> Result<ImagePath, PatchError> {
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
    ) -> Result<(), PatchError> {
        let content = content.into();
        self.write(partition, path, NewFile { content, mode, owner, sensitivity: Sensitivity::Plain })
    }

    /// Writes a file that holds a secret: on the root partition, for root alone to read.
    ///
    /// # Errors
    /// As [`file`](Self::file).
    pub fn secret(&mut self, path: &ImagePath, content: impl Into<Content>) -> Result<(), PatchError> {
        self.secret_with_mode(path, content, Mode::SECRET, Owner::ROOT)
    }

    /// Writes a file that may hold a secret, with the mode and owner its reader asks for (/etc/shadow is
    /// 0640 root:shadow on every release).
    ///
    /// # Errors
    /// As [`file`](Self::file); and when everybody could read it.
    pub fn secret_with_mode(
        &mut self,
        path: &ImagePath,
        content: impl Into<Content>,
        mode: Mode,
        owner: Owner,
    ) -> Result<(), PatchError> {
        let content = content.into();
        let file = NewFile { content, mode, owner, sensitivity: Sensitivity::Secret };
        self.write(Partition::Root, path, file)
    }

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
    ) -> Result<(), PatchError> {
        let place = self.place(partition, path)?;
        let behind = self.behind_links(partition, path)?;
        let ours = |place: &(Partition, ImagePath)| self.claims.ours.contains(place);
        let behind = self.place(partition, &behind)?;
        if let Some((_, path)) = [&place, &behind].into_iter().find(|place| ours(place)) {
            return Err(PatchError::Claimed { partition, path: path.clone() });
        }
        self.put_file(partition, path, file)?;
        self.claims.users.insert(place, given.clone());
        Ok(())
    }

    /// The path that the user gave the file written for them at `path`; `None` when there is none.
    ///
    /// # Errors
    /// Fails when the stock image cannot be read.
    pub fn users_path(
        &self,
        partition: Partition,
        path: &ImagePath,
    ) -> Result<Option<&ImagePath>, PatchError> {
        Ok(self.claims.users.get(&self.place(partition, path)?))
    }

    /// Lets the user replace a file that a concern only tidied, or that is a convenience.
    ///
    /// # Errors
    /// Fails when the stock image cannot be read.
    pub fn leave_to_user(&mut self, partition: Partition, path: &ImagePath) -> Result<(), PatchError> {
        let place = self.place(partition, path)?;
        self.claims.ours.remove(&place);
        Ok(())
    }

    /// The paths that concerns wrote, edited or removed, in the spelling without links.
    pub fn claimed(&self) -> impl Iterator<Item = (Partition, &ImagePath)> {
        self.claims.ours.iter().map(|(partition, path)| (*partition, path))
    }

    /// Notes that a path is a concern's.
    fn claim(&mut self, partition: Partition, path: &ImagePath) -> Result<(), PatchError> {
        let place = self.place(partition, path)?;
        if self.claims.users.contains_key(&place) {
            return Err(PatchError::Claimed { partition, path: path.clone() });
        }
        self.claims.ours.insert(place);
        Ok(())
    }

    /// A path in the one spelling that its place has.
    fn place(&self, partition: Partition, path: &ImagePath) -> Result<(Partition, ImagePath), PatchError> {
        Ok((partition, partition.one_spelling(&self.without_links(partition, path)?)))
    }

    /// Refuses a path at or below what was moved away: nothing is there any more.
    ///
    /// # Errors
    /// With [`PatchError::MovedAway`].
    pub fn refuse_below_moved(&self, partition: Partition, path: &ImagePath) -> Result<(), PatchError> {
        for edit in self.edits.iter().filter(|edit| edit.partition == partition) {
            if let Action::Rename { to } = &edit.action
                && path.starts_with(&edit.path)
                && !path.starts_with(to)
            {
                let (path, above, to) = (path.clone(), edit.path.clone(), to.clone());
                return Err(PatchError::MovedAway { partition, path, above, to });
            }
        }
        Ok(())
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
    ) -> Result<(), PatchError> {
        let Some(before) = self.read_text(partition, path)? else { return Ok(()) };
        self.claim(partition, path)?;
        let after = change(&before);
        if after == before {
            return Ok(());
        }
        let (mode, owner, sensitivity) = self.attributes_of_file(partition, path)?;
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
    ) -> Result<(), PatchError> {
        self.refuse_other(partition, path, "make the directory", |kind| kind == FileKind::Directory)?;
        let found = self.stock.metadata(partition, &self.stock_path(partition, path))?;
        // One that was to go stays, without what was in it.
        let is_removed = self.edit_of(partition, path).is_some_and(|edit| edit.action == Action::Remove);
        match found {
            Some(found)
                if found.kind == FileKind::Directory
                    && found.mode == mode
                    && found.owner == owner
                    && !is_removed =>
            {
                return Ok(());
            }
            Some(found) if found.kind != FileKind::Directory => {
                let (path, found) = (path.clone(), found.kind);
                return Err(PatchError::InTheWay { partition, path, doing: "make the directory", found });
            }
            Some(_) => {}
            None => self.parents(partition, path)?,
        }
        self.put(partition, path, Action::Directory { mode, owner }, found.is_some());
        Ok(())
    }

    /// Makes a symbolic link on the root partition, and the directories above it where they are missing.
    ///
    /// # Errors
    /// When the stock image cannot be read or has a directory there.
    pub fn symlink(&mut self, path: &ImagePath, target: &str) -> Result<(), PatchError> {
        let partition = Partition::Root;
        self.claim(partition, path)?;
        self.refuse_other(partition, path, "make the symbolic link", is_file_or_link)?;
        let stock_path = self.stock_path(partition, path);
        let found = self.stock.metadata(partition, &stock_path)?;
        match found.map(|found| found.kind) {
            Some(FileKind::Symlink)
                if self.stock.read_link(partition, &stock_path)?.as_deref() == Some(target) =>
            {
                self.forget(partition, path);
                return Ok(());
            }
            Some(_) => {}
            None => self.parents(partition, path)?,
        }
        self.put(partition, path, Action::Symlink { target: target.to_owned() }, found.is_some());
        Ok(())
    }

    /// Removes a file or a link, if there is one.
    ///
    /// # Errors
    /// When the stock image cannot be read or has a directory there.
    pub fn remove(&mut self, partition: Partition, path: &ImagePath) -> Result<(), PatchError> {
        self.claim(partition, path)?;
        self.refuse_other(partition, path, "remove the file", is_file_or_link)?;
        if self.stock.metadata(partition, &self.stock_path(partition, path))?.is_some() {
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
    pub fn remove_all(&mut self, partition: Partition, path: &ImagePath) -> Result<(), PatchError> {
        match self.stock.metadata(partition, &self.stock_path(partition, path))?.map(|found| found.kind) {
            None => {
                self.forget(partition, path);
                return Ok(());
            }
            Some(FileKind::Directory) => {
                for name in self.list_stock(partition, path)? {
                    let below = path.join(&name).map_err(|error| PatchError::Filesystem {
                        doing: "listing",
                        partition,
                        path: path.clone(),
                        source: FsError::Damaged(error.to_string()),
                    })?;
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
    pub fn rename(
        &mut self,
        partition: Partition,
        from: &ImagePath,
        to: &ImagePath,
    ) -> Result<(), PatchError> {
        if self.stock.metadata(partition, from)?.is_none() {
            let (path, source) = (from.clone(), FsError::NotFound);
            return Err(PatchError::Filesystem { doing: "moving", partition, path, source });
        }
        self.refuse_other(partition, to, "move something to", |_| false)?;
        self.put(partition, from, Action::Rename { to: to.clone() }, true);
        Ok(())
    }

    fn write(&mut self, partition: Partition, path: &ImagePath, file: NewFile) -> Result<(), PatchError> {
        self.claim(partition, path)?;
        self.put_file(partition, path, file)
    }

    fn put_file(&mut self, partition: Partition, path: &ImagePath, file: NewFile) -> Result<(), PatchError> {
        let NewFile { content, mode, owner, sensitivity } = file;
        let readable_by_all = mode.open_to_others();
        if sensitivity == Sensitivity::Secret && (partition == Partition::Boot || readable_by_all) {
            return Err(PatchError::SecretInTheOpen { partition, path: path.clone() });
        }
        self.refuse_other(partition, path, "write the file", is_file_or_link)?;
        let stock_path = self.stock_path(partition, path);
        let found = self.stock.metadata(partition, &stock_path)?;
        if let Some(found) = found {
            let same_attributes =
                partition == Partition::Boot || (found.mode == mode && found.owner == owner);
            let already_right = found.kind == FileKind::File
                && same_attributes
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
    fn parents(&mut self, partition: Partition, path: &ImagePath) -> Result<(), PatchError> {
        let Some(parent) = path.parent() else { return Ok(()) };
        match self.kind(partition, &self.behind_links(partition, &parent)?)? {
            Some(FileKind::Directory) => Ok(()),
            Some(found) => {
                Err(PatchError::NoDirectory { partition, path: path.clone(), above: parent, found })
            }
            None => self.directory(partition, &parent, Mode::EXECUTABLE, Owner::ROOT),
        }
    }

    /// Refuses what stands at `path`, by the stock image or by an edit before, unless it is `right`.
    fn refuse_other(
        &self,
        partition: Partition,
        path: &ImagePath,
        doing: &'static str,
        right: impl FnOnce(FileKind) -> bool,
    ) -> Result<(), PatchError> {
        self.refuse_below_moved(partition, path)?;
        match self.kind(partition, path)? {
            Some(found) if !right(found) => {
                Err(PatchError::InTheWay { partition, path: path.clone(), doing, found })
            }
            _ => Ok(()),
        }
    }

    fn attributes_of_file(
        &self,
        partition: Partition,
        path: &ImagePath,
    ) -> Result<(Mode, Owner, Sensitivity), PatchError> {
        if let Some(Action::File { mode, owner, sensitivity, .. }) =
            self.edit_of(partition, path).map(|edit| &edit.action)
        {
            return Ok((*mode, *owner, *sensitivity));
        }
        let found = self.stock.metadata(partition, &self.stock_path(partition, path))?;
        let (mode, owner) = found.map_or((Mode::FILE, Owner::ROOT), |found| (found.mode, found.owner));
        // What the stock image hides from ordinary users, a plan has no business showing.
        let hidden = partition == Partition::Root && !mode.open_to_others();
        Ok((mode, owner, if hidden { Sensitivity::Secret } else { Sensitivity::Plain }))
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

    fn edit_of(&self, partition: Partition, path: &ImagePath) -> Option<&Edit> {
        self.edits.iter().find(|edit| edit.partition == partition && edit.path == *path)
    }

    /// Where the stock image has what will be at `path`, that is, before the renames of this draft.
    fn stock_path(&self, partition: Partition, path: &ImagePath) -> ImagePath {
        let renames = self.edits.iter().rev().filter(|edit| edit.partition == partition);
        renames.fold(path.clone(), |path, edit| match &edit.action {
            Action::Rename { to } => path.after_rename(to, &edit.path),
            _ => path,
        })
    }
}

impl LinkTree for Draft<'_> {
    type Error = PatchError;

    /// Where nothing is, names are taken as they are: of `/var/run/x` that is `/run/x`, whether or not there is a
    /// `/run`.
    fn step(&self, path: &ImagePath) -> Result<Step, PatchError> {
        Ok(self.read_link(path)?.map_or(Step::Below, Step::Link))
    }
}

fn is_file_or_link(kind: FileKind) -> bool {
    matches!(kind, FileKind::File | FileKind::Symlink)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::patch::MemoryStock;

    const TIME: UnixTime = UnixTime::new(1_781_740_800);

    fn path(text: &str) -> ImagePath {
        ImagePath::new(text).unwrap()
    }

    fn stock() -> MemoryStock {
        MemoryStock::new()
            .file(Partition::Root, &path("/etc/hostname"), Mode::FILE, Owner::ROOT, "raspberrypi\n")
            .file(Partition::Root, &path("/home/pi/.bashrc"), Mode::FILE, Owner { uid: 1000, gid: 1000 }, "x")
            .symlink(Partition::Root, &path("/etc/mtab"), "/proc/mounts")
            .file(Partition::Root, &path("/usr/lib/os-release"), Mode::FILE, Owner::ROOT, "ID=debian\n")
            .symlink(Partition::Root, &path("/etc/os-release"), "../usr/lib/os-release")
    }

    #[test]
    fn what_is_already_right_makes_no_edit() {
        let stock = stock();
        let mut draft = Draft::new(&stock, TIME);
        let hostname = path("/etc/hostname");
        draft.file(Partition::Root, &hostname, "raspberrypi\n", Mode::FILE, Owner::ROOT).unwrap();
        draft.symlink(&path("/etc/mtab"), "/proc/mounts").unwrap();
        draft.remove(Partition::Root, &path("/etc/nothing")).unwrap();
        draft.directory(Partition::Root, &path("/etc"), Mode::EXECUTABLE, Owner::ROOT).unwrap();
        assert_eq!(draft.finish().edits, []);
    }

    #[test]
    fn the_right_content_with_the_wrong_mode_is_an_edit() {
        let stock = stock();
        let mut draft = Draft::new(&stock, TIME);
        draft
            .file(Partition::Root, &path("/etc/hostname"), "raspberrypi\n", Mode::SECRET, Owner::ROOT)
            .unwrap();
        assert_eq!(draft.finish().edits.len(), 1);
    }

    #[test]
    fn two_concerns_add_their_line_to_one_file() {
        let stock = stock();
        let mut draft = Draft::new(&stock, TIME);
        let hostname = path("/etc/hostname");
        for line in ["one\n", "two\n"] {
            draft.edit_text(Partition::Root, &hostname, |text| format!("{text}{line}")).unwrap();
        }
        let patch = draft.finish();
        assert_eq!(patch.edits.len(), 1);
        let Action::File { content, .. } = &patch.edits[0].action else { panic!() };
        assert_eq!(content.bytes().unwrap(), b"raspberrypi\none\ntwo\n");
        assert!(patch.edits[0].replaces_stock);
    }

    #[test]
    fn missing_directories_come_before_what_is_in_them() {
        let stock = stock();
        let mut draft = Draft::new(&stock, TIME);
        draft.secret(&path("/etc/rancher/k3s/config.yaml"), "token: x\n").unwrap();
        let patch = draft.finish();
        let paths: Vec<_> = patch.edits.iter().map(|edit| edit.path.as_str()).collect();
        assert_eq!(paths, ["/etc/rancher", "/etc/rancher/k3s", "/etc/rancher/k3s/config.yaml"]);
    }

    #[test]
    fn after_a_rename_the_stock_files_are_found_under_the_new_name() {
        let stock = stock();
        let mut draft = Draft::new(&stock, TIME);
        draft.rename(Partition::Root, &path("/home/pi"), &path("/home/ann")).unwrap();
        assert_eq!(draft.read(Partition::Root, &path("/home/ann/.bashrc")).unwrap().unwrap(), b"x");
        assert!(!draft.exists(Partition::Root, &path("/home/pi")).unwrap());
        draft.edit_text(Partition::Root, &path("/home/ann/.bashrc"), |text| format!("{text}y")).unwrap();
        let patch = draft.finish();
        assert_eq!(patch.edits[1].path, path("/home/ann/.bashrc"));
        assert!(matches!(patch.edits[1].action, Action::File { owner: Owner { uid: 1000, gid: 1000 }, .. }));
    }

    #[test]
    fn a_directory_goes_after_all_that_is_in_it() {
        let stock = stock().symlink(Partition::Root, &path("/home/pi/a/link"), "/etc");
        let mut draft = Draft::new(&stock, TIME);
        draft.remove_all(Partition::Root, &path("/home/pi")).unwrap();
        draft.remove_all(Partition::Root, &path("/etc/mtab")).unwrap();
        draft.remove_all(Partition::Root, &path("/nothing")).unwrap();
        assert!(!draft.exists(Partition::Root, &path("/home/pi/.bashrc")).unwrap());
        let patch = draft.finish();
        assert!(patch.edits.iter().all(|edit| edit.action == Action::Remove && edit.replaces_stock));
        let paths: Vec<_> = patch.edits.iter().map(|edit| edit.path.as_str()).collect();
        assert_eq!(paths, ["/home/pi/.bashrc", "/home/pi/a/link", "/home/pi/a", "/home/pi", "/etc/mtab"]);
    }

    #[test]
    fn a_directory_that_goes_stays_where_something_is_put_into_it() {
        let stock = stock();
        let mut draft = Draft::new(&stock, TIME);
        draft.remove_all(Partition::Root, &path("/home/pi")).unwrap();
        draft.file(Partition::Root, &path("/home/pi/new"), "x", Mode::FILE, Owner::ROOT).unwrap();
        let edits = draft.finish().edits;
        let paths: Vec<_> = edits.iter().map(|edit| edit.path.as_str()).collect();
        assert_eq!(paths, ["/home/pi/.bashrc", "/home/pi", "/home/pi/new"]);
        assert!(matches!(edits[1].action, Action::Directory { .. }));
    }

    #[test]
    fn links_are_followed_for_reading() {
        let stock = stock();
        let draft = Draft::new(&stock, TIME);
        let text = draft.read_text(Partition::Root, &path("/etc/os-release")).unwrap();
        assert_eq!(text.as_deref(), Some("ID=debian\n"));
        let stock = stock.symlink(Partition::Root, &path("/lib"), "usr/lib");
        let draft = Draft::new(&stock, TIME);
        let text = draft.read_text(Partition::Root, &path("/lib/os-release")).unwrap();
        assert_eq!(text.as_deref(), Some("ID=debian\n"));
    }

    #[test]
    fn paths_are_resolved_as_far_as_there_will_be_links() {
        let stock = stock().symlink(Partition::Root, &path("/loop"), "loop");
        let mut draft = Draft::new(&stock, TIME);
        draft.symlink(&path("/var/run"), "/run").unwrap();
        let without = |at: &str| draft.without_links(Partition::Root, &path(at));
        assert_eq!(without("/var/run/nothing/x").unwrap(), path("/run/nothing/x"));
        assert_eq!(without("/etc/os-release").unwrap(), path("/etc/os-release"));
        let behind = draft.behind_links(Partition::Root, &path("/etc/os-release"));
        assert_eq!(behind.unwrap(), path("/usr/lib/os-release"));
        assert!(matches!(without("/loop/x"), Err(PatchError::LinkCircle { .. })));
    }

    #[test]
    fn kinds_and_links_are_those_that_will_be() {
        let stock = stock();
        let mut draft = Draft::new(&stock, TIME);
        let (mtab, hostname) = (path("/etc/mtab"), path("/etc/hostname"));
        assert_eq!(draft.kind(Partition::Root, &mtab).unwrap(), Some(FileKind::Symlink));
        assert_eq!(draft.read_link(&mtab).unwrap().as_deref(), Some("/proc/mounts"));
        draft.remove(Partition::Root, &mtab).unwrap();
        draft.symlink(&hostname, "name").unwrap();
        assert_eq!(draft.kind(Partition::Root, &mtab).unwrap(), None);
        assert_eq!(draft.read_link(&mtab).unwrap(), None);
        assert_eq!(draft.kind(Partition::Root, &hostname).unwrap(), Some(FileKind::Symlink));
        assert_eq!(draft.read_link(&hostname).unwrap().as_deref(), Some("name"));
    }

    #[test]
    fn a_secret_never_lands_where_others_can_read_it() {
        let stock = stock();
        let mut draft = Draft::new(&stock, TIME);
        let secret = path("/secret");
        let file = NewFile {
            content: "x".into(),
            mode: Mode::SECRET,
            owner: Owner::ROOT,
            sensitivity: Sensitivity::Secret,
        };
        let on_boot = draft.write(Partition::Boot, &secret, file);
        assert!(matches!(on_boot, Err(PatchError::SecretInTheOpen { .. })));
        let for_all = draft.secret_with_mode(&secret, "x", Mode::FILE, Owner::ROOT);
        assert!(matches!(for_all, Err(PatchError::SecretInTheOpen { .. })));
    }
}
