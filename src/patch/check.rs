//! Comparing an image with a patch: is every edit there, and is everything else as it was?

use super::files::{PartitionFiles, below};
use super::{Action, Edit, Partition, Patch, PatchError, PatchResult, StockFiles};
use crate::fs::ext4::attributes_after_rewrite;
use crate::fs::{ExtendedAttributes, FileKind, Metadata};
use crate::types::{ImagePath, Mode};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::iter::successors;

/// One way in which an image differs from the stock image with the patch applied.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct FileDifference {
    /// The partition.
    pub partition: Partition,
    /// The path.
    pub path: ImagePath,
    /// The difference: a clause that follows the path.
    pub what: String,
}

impl fmt::Display for FileDifference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {} {}", self.partition, self.path, self.what)
    }
}

/// Compares `image` with `stock` after `patch` applied: content, mode, owner and link target of every edit,
/// and that everything the patch does not name is what the stock image has. Extended attributes are
/// compared of the files that the patch writes.
///
/// # Errors
/// When one of the images cannot be read. What differs is no error but the result, in the order of the
/// partitions and paths.
pub fn check(patch: &Patch, stock: &StockFiles, image: &StockFiles) -> PatchResult<Vec<FileDifference>> {
    check_with(patch, stock, image, true, |walk| walk.directory(&ImagePath::root()))
}

/// Compares as [`check`] does, but only every edit, and names and metadata in the directories with edits: for an image
/// whose bytes elsewhere are known to be those of the stock image.
///
/// # Errors
/// As [`check`].
pub(crate) fn check_edits(
    patch: &Patch,
    stock: &StockFiles,
    image: &StockFiles,
) -> PatchResult<Vec<FileDifference>> {
    check_with(patch, stock, image, false, |walk| {
        let brought = walk.expected.brought.keys().cloned();
        let left = walk.expected.gone.iter().filter_map(|gone| gone.parent());
        brought.chain(left).collect::<BTreeSet<_>>().iter().try_for_each(|path| walk.edited_directory(path))
    })
}

fn check_with(
    patch: &Patch,
    stock: &StockFiles,
    image: &StockFiles,
    everything: bool,
    compare: impl Fn(&mut Walk<'_>) -> PatchResult<()>,
) -> PatchResult<Vec<FileDifference>> {
    let mut differences = Vec::new();
    for partition in [Partition::Boot, Partition::Root] {
        let (stock, image) = (stock.files(partition), image.files(partition));
        let expected = ExpectedNames::new(patch, partition);
        compare(&mut Walk {
            patch,
            expected,
            partition,
            stock,
            image,
            everything,
            differences: &mut differences,
        })?;
    }
    Ok(differences)
}

/// The names of one partition as a patch leaves them.
#[derive(Default)]
struct ExpectedNames<'patch> {
    /// Edits by the path they leave something at.
    edits: BTreeMap<&'patch ImagePath, &'patch Edit>,
    /// Paths of the stock image that are gone: removed, or moved away.
    gone: BTreeSet<&'patch ImagePath>,
    /// Moves: from, to.
    renames: Vec<(&'patch ImagePath, &'patch ImagePath)>,
    /// Names that the patch brings into a directory.
    brought: BTreeMap<ImagePath, BTreeSet<&'patch str>>,
}

impl<'patch> ExpectedNames<'patch> {
    fn new(patch: &'patch Patch, partition: Partition) -> Self {
        let mut expected = Self::default();
        for edit in patch.edits_of(partition) {
            let left_at = match &edit.action {
                Action::Remove => {
                    expected.gone.insert(&edit.path);
                    continue;
                }
                Action::Rename { to } => {
                    expected.gone.insert(&edit.path);
                    expected.renames.push((&edit.path, to));
                    to
                }
                Action::File { .. } | Action::Directory { .. } | Action::Symlink { .. } => {
                    expected.edits.insert(&edit.path, edit);
                    &edit.path
                }
            };
            if let Some(parent) = left_at.parent() {
                expected.brought.entry(parent).or_default().insert(left_at.name());
            }
        }
        expected
    }

    /// Returns the path at which the stock image has what is at `path` after the patch.
    fn stock_path(&self, path: &ImagePath) -> ImagePath {
        self.renames.iter().rev().fold(path.clone(), |path, (from, to)| path.after_rename(to, from))
    }

    /// Returns `true` if the patch adds to this directory or takes from it.
    fn touches_directory(&self, path: &ImagePath) -> bool {
        let was_in_it = |gone: &&ImagePath| gone.parent().as_ref() == Some(path);
        self.brought.contains_key(path) || self.gone.iter().any(was_in_it)
    }
}

/// One walk down both trees of a partition.
struct Walk<'walk> {
    patch: &'walk Patch,
    expected: ExpectedNames<'walk>,
    partition: Partition,
    stock: PartitionFiles<'walk>,
    image: PartitionFiles<'walk>,
    /// Goes down into directories, and compares the contents of files that have no edit.
    everything: bool,
    differences: &'walk mut Vec<FileDifference>,
}

impl Walk<'_> {
    fn differs(&mut self, path: &ImagePath, what: impl Into<String>) {
        let (partition, path) = (self.partition, path.clone());
        self.differences.push(FileDifference { partition, path, what: what.into() });
    }

    /// Compares what is in the directory `path`, in which something is edited.
    fn edited_directory(&mut self, path: &ImagePath) -> PatchResult<()> {
        match self.image.metadata(path)? {
            Some(found) if found.kind == FileKind::Directory => self.directory(path),
            Some(found) => {
                self.is_kind(path, found, FileKind::Directory);
                Ok(())
            }
            None => {
                let mut upwards = successors(Some(path.clone()), ImagePath::parent);
                if !upwards.any(|path| self.expected.gone.contains(&path)) {
                    self.differs(path, "is missing");
                }
                Ok(())
            }
        }
    }

    /// Compares what is in the directory `path`, which is one in the image.
    fn directory(&mut self, path: &ImagePath) -> PatchResult<()> {
        let found: BTreeSet<String> = self.image.list(path)?.into_iter().collect();
        let wanted = self.wanted_names(path)?;
        for name in wanted.difference(&found) {
            self.differs(&below(self.partition, path, name)?, "is missing");
        }
        for name in found.difference(&wanted) {
            self.differs(
                &below(self.partition, path, name)?,
                "is there, but neither the stock image nor the plan has it",
            );
        }
        for name in wanted.intersection(&found) {
            self.entry(&below(self.partition, path, name)?)?;
        }
        Ok(())
    }

    /// Returns the names that the directory `path` should have.
    fn wanted_names(&self, path: &ImagePath) -> PatchResult<BTreeSet<String>> {
        let stock_path = self.expected.stock_path(path);
        let stock = self.stock.metadata(&stock_path)?;
        let mut names = BTreeSet::new();
        if stock.is_some_and(|found| found.kind == FileKind::Directory) {
            for name in self.stock.list(&stock_path)? {
                if !self.expected.gone.contains(&below(self.partition, &stock_path, &name)?) {
                    names.insert(name);
                }
            }
        }
        let brought = self.expected.brought.get(path);
        names.extend(brought.into_iter().flatten().map(|name| (*name).to_owned()));
        Ok(names)
    }

    /// Compares what is at `path` in the image.
    fn entry(&mut self, path: &ImagePath) -> PatchResult<()> {
        let Some(found) = self.image.metadata(path)? else {
            self.differs(path, "is listed, but nothing is there");
            return Ok(());
        };
        match self.expected.edits.get(path).copied() {
            Some(edit) => self.edited(edit, found)?,
            None => self.untouched(path, found)?,
        }
        if self.everything && found.kind == FileKind::Directory { self.directory(path) } else { Ok(()) }
    }

    /// Compares a path that the patch writes.
    fn edited(&mut self, edit: &Edit, found: Metadata) -> PatchResult<()> {
        let path = &edit.path;
        match &edit.action {
            Action::File { content, mode, owner, .. } => {
                if !self.is_kind(path, found, FileKind::File) {
                    return Ok(());
                }
                self.attributes(path, found, Metadata { mode: *mode, owner: *owner, ..found });
                self.extended_attributes(path, *mode)?;
                if found.modified != self.patch.time && self.partition == Partition::Root {
                    let (found, planned) = (found.modified.seconds(), self.patch.time.seconds());
                    self.differs(path, format!("has the time {found}, not {planned}"));
                }
                let failed = PatchError::content(content, self.partition.at(path));
                let same = found.size == content.size()
                    && self.image.digest(path)? == content.read_digest().map_err(failed)?;
                if !same {
                    self.differs(path, "has another content than planned");
                }
            }
            Action::Directory { mode, owner } => {
                if self.is_kind(path, found, FileKind::Directory) {
                    self.attributes(path, found, Metadata { mode: *mode, owner: *owner, ..found });
                }
            }
            Action::Symlink { target } => {
                if self.is_kind(path, found, FileKind::Symlink) {
                    let link = self.image.read_link(path)?;
                    if link != *target {
                        self.differs(path, format!("points to `{link}`, not to `{target}`"));
                    }
                }
            }
            Action::Remove | Action::Rename { .. } => {}
        }
        Ok(())
    }

    /// Compares a path that the patch does not write with what the stock image has there.
    fn untouched(&mut self, path: &ImagePath, found: Metadata) -> PatchResult<()> {
        let stock_path = self.expected.stock_path(path);
        let Some(stock) = self.stock.metadata(&stock_path)? else {
            self.differs(path, "is there, but the stock image does not have it");
            return Ok(());
        };
        if !self.is_kind(path, found, stock.kind) {
            return Ok(());
        }
        self.attributes(path, found, stock);
        let moved = stock_path != *path;
        let time_may_change =
            found.kind == FileKind::Directory && (moved || self.expected.touches_directory(path));
        if found.modified != stock.modified && !time_may_change {
            let (found, stock) = (found.modified.seconds(), stock.modified.seconds());
            self.differs(path, format!("has the time {found}, the stock image has {stock}"));
        }
        let same = match found.kind {
            FileKind::File => {
                found.size == stock.size
                    && (!self.everything || self.image.digest(path)? == self.stock.digest(&stock_path)?)
            }
            FileKind::Symlink => self.image.read_link(path)? == self.stock.read_link(&stock_path)?,
            FileKind::Directory | FileKind::Special => true,
        };
        if !same {
            self.differs(path, "has another content than the stock image, and the plan does not name it");
        }
        Ok(())
    }

    fn is_kind(&mut self, path: &ImagePath, found: Metadata, wanted: FileKind) -> bool {
        if found.kind != wanted {
            self.differs(path, format!("is a {}, not a {wanted}", found.kind));
        }
        found.kind == wanted
    }

    fn attributes(&mut self, path: &ImagePath, found: Metadata, wanted: Metadata) {
        if self.partition == Partition::Boot {
            return; // FAT has neither.
        }
        if found.mode != wanted.mode {
            self.differs(path, format!("has mode {}, not {}", found.mode, wanted.mode));
        }
        if found.owner != wanted.owner {
            self.differs(path, format!("belongs to {}, not to {}", found.owner, wanted.owner));
        }
    }

    /// Compares the extended attributes of a file that the patch writes with those that it keeps.
    fn extended_attributes(&mut self, path: &ImagePath, mode: Mode) -> PatchResult<()> {
        let stock_path = self.expected.stock_path(path);
        let stock = self.stock.metadata(&stock_path)?;
        let wanted = if stock.is_some_and(|stock| stock.kind == FileKind::File) {
            self.stock.extended_attributes(&stock_path, |before| attributes_after_rewrite(&before, mode))?
        } else {
            ExtendedAttributes::new()
        };
        let found = self.image.extended_attributes(path, Ok)?;
        for (name, value) in &wanted {
            match found.get(name) {
                Some(found) if found == value => {}
                Some(_) => {
                    self.differs(path, format!("has another value of the extended attribute `{name}`"));
                }
                None => self.differs(path, format!("lacks the extended attribute `{name}`")),
            }
        }
        for name in found.keys().filter(|name| !wanted.contains_key(*name)) {
            self.differs(path, format!("has the extended attribute `{name}`, which it should not have"));
        }
        Ok(())
    }
}
