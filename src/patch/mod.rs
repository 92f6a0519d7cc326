//! Changes of an image as plain data; applying them; and comparing an image with them.
//!
//! A [`Patch`] is made by writing into a [`Draft`], which shows the stock files with what was written so
//! far above them. `plan` prints a patch, `build` [applies](apply()) it, `verify` [checks](check()) it:
//! three commands, one list.
//!
//! # Example
//! An edit of one's own, after those of a plan, with the same checks:
//!
//! ```
//! use cardwright::patch::{Draft, MemoryStock, Partition};
//! use cardwright::types::{Mode, Owner, UnixTime, image_path};
//!
//! let motd = image_path!("/etc/motd");
//! let stock = MemoryStock::new().file(Partition::Root, &motd, Mode::FILE, Owner::ROOT, "Welcome.\n");
//! // In a program, `plan::assess` returns the patch of a node.
//! let planned = Draft::new(&stock, UnixTime::new(1_791_244_800)).finish();
//!
//! let mut draft = Draft::continued(planned, &stock)?;
//! draft.edit_text(Partition::Root, &motd, |text| format!("{text}This is north.\n"))?;
//! draft.secret(&image_path!("/etc/backup/password"), "correct horse\n")?;
//! let patch = draft.finish();
//!
//! // The directory that was missing comes before the file in it.
//! let paths: Vec<_> = patch.edits.iter().map(|edit| edit.path.as_str()).collect();
//! assert_eq!(paths, ["/etc/motd", "/etc/backup", "/etc/backup/password"]);
//! # Ok::<(), cardwright::patch::PatchError>(())
//! ```

mod apply;
mod check;
mod content;
mod draft;
mod error;
mod files;
mod stock;

pub use apply::{Filesystems, apply};
pub(crate) use check::check_edits;
pub use check::{FileDifference, check};
pub use content::Content;
pub use draft::{Draft, NewFile};
pub use error::{PatchError, PatchResult};
pub use stock::{MemoryStock, Stock, StockFiles};

use crate::fs::FileKind;
use crate::types::{ImagePath, Mode, Owner, UnixTime};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// One of the two partitions of a card.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Partition {
    /// The FAT partition that the firmware boots from. Anyone who holds the card can read it.
    Boot,
    /// The ext4 partition with the system.
    Root,
}

impl std::fmt::Display for Partition {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::Boot => "boot",
            Self::Root => "root",
        })
    }
}

/// A path on one of the partitions.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PartitionPath {
    /// The partition.
    pub partition: Partition,
    /// The path.
    pub path: ImagePath,
}

impl std::fmt::Display for PartitionPath {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "`{}` on the {} partition", self.path, self.partition)
    }
}

impl Partition {
    /// Returns a path on this partition.
    #[must_use]
    pub fn at(self, path: &ImagePath) -> PartitionPath {
        PartitionPath { partition: self, path: path.clone() }
    }

    /// Returns the spelling that a path shares with all others that mean the same: FAT takes capital letters for
    /// small ones.
    #[must_use]
    pub fn one_spelling(self, path: &ImagePath) -> ImagePath {
        match self {
            Self::Root => path.clone(),
            Self::Boot => path.to_lowercase(),
        }
    }
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

impl Attributes {
    /// The attributes of a symbolic link: it is root's, and its mode has no meaning.
    const OF_SYMLINKS: Self =
        Self { kind: FileKind::Symlink, mode: Mode::from_st_mode(0o777), owner: Owner::ROOT };
}

/// The sensitivity of a content: it may be shown or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sensitivity {
    /// Anybody may see it.
    Plain,
    /// Never in a plan, a log, JSON or an error; only on ext4, only with mode 0600 or stricter.
    Secret,
}

/// Everything that is to be changed in the stock image for one node, in the order it is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Patch {
    /// The time that everything written gets: never 0, never the clock.
    pub time: UnixTime,
    /// The edits, in order. No path is edited twice.
    pub edits: Vec<Edit>,
}

/// Source files, by their paths: each as it was measured first, and with its digest once that was taken. So all patches
/// mean the same content by a path, and a file that changes meanwhile is found when it is written.
#[derive(Debug, Default)]
pub struct SourceDigests(BTreeMap<PathBuf, Content>);

/// One change of one path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// The partition.
    pub partition: Partition,
    /// The path; of a [`Action::Rename`], the path before.
    pub path: ImagePath,
    /// The change.
    pub action: Action,
    /// The stock image has something at this path.
    pub replaces_stock: bool,
}

/// A change of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// A regular file is made, or takes the place of the one there.
    File {
        /// Its whole content.
        content: Content,
        /// Its permission bits.
        mode: Mode,
        /// Its owner.
        owner: Owner,
        /// Its content may be shown or not.
        sensitivity: Sensitivity,
    },
    /// A directory is made, or the one there gets this mode and owner.
    Directory {
        /// Its permission bits.
        mode: Mode,
        /// Its owner.
        owner: Owner,
    },
    /// A symbolic link is made, or takes the place of the file or link there.
    Symlink {
        /// The path that it points to.
        target: String,
    },
    /// The file, the link or the directory, which is empty by then, is removed.
    Remove,
    /// The file or directory is moved, with all that is in it.
    Rename {
        /// The path after the move.
        to: ImagePath,
    },
}

impl Patch {
    /// Returns what is left to do where `common` was done already.
    #[must_use]
    pub fn beyond(&self, common: &Self) -> Self {
        let left = self.edits.iter().filter(|edit| !common.edits.contains(edit));
        Self { time: self.time, edits: left.cloned().collect() }
    }

    /// Notes in `known` the source files that were only measured.
    pub fn note_sources(&mut self, known: &mut SourceDigests) {
        for (_, source, content) in self.measured() {
            known.0.entry(source).or_insert_with(|| content.clone());
        }
    }

    /// Takes the digest of every source file that was only measured, as it is in `known`: so a file that goes onto many
    /// cards is read once.
    ///
    /// # Errors
    /// Fails when a source file cannot be read.
    pub fn take_digests(&mut self, known: &mut SourceDigests) -> PatchResult<()> {
        for (at, source, content) in self.measured() {
            let known = known.0.entry(source).or_insert_with(|| content.clone());
            if known.measured_path().is_some() {
                *known = known.with_digest().map_err(PatchError::content(known, at))?;
            }
            *content = known.clone();
        }
        Ok(())
    }

    /// Returns the contents that were only measured, with their places and their source files.
    fn measured(&mut self) -> impl Iterator<Item = (PartitionPath, PathBuf, &mut Content)> {
        self.edits.iter_mut().filter_map(|Edit { partition, path, action, .. }| match action {
            Action::File { content, .. } => {
                Some((partition.at(path), content.measured_path()?.to_owned(), content))
            }
            _ => None,
        })
    }

    /// Returns the edits of one partition, in order.
    pub fn edits_of(&self, partition: Partition) -> impl Iterator<Item = &Edit> {
        self.edits.iter().filter(move |edit| edit.partition == partition)
    }
}
