//! The files of the stock image, as the plan sees them.

use super::files::PartitionFiles;
use super::{Partition, PatchError};
use crate::fs::symlinks::{LastLink, LinkStep, LinkTree, Resolved, resolve};
use crate::fs::{FileKind, Metadata, ReadFilesystem};
use crate::types::{ByteCount, ImagePath, Mode, Owner, UnixTime};
use std::cell::RefCell;
use std::collections::BTreeMap;

/// Larger than any file that is edited as text (the largest is /var/lib/dpkg/status, some 3 MB on a
/// desktop image), small enough that a hostile image cannot fill the memory.
const LARGEST_EDITED_FILE: ByteCount = ByteCount::new(64 << 20);

/// Read-only access to both filesystems of the stock image.
pub trait Stock {
    /// Looks up a path, without following a symbolic link; `None` where nothing is.
    ///
    /// # Errors
    /// When the filesystem cannot be read.
    fn metadata(&self, partition: Partition, path: &ImagePath) -> Result<Option<Metadata>, PatchError>;

    /// Reads the content of a regular file, following a symbolic link to it; `None` where nothing is.
    ///
    /// # Errors
    /// When the filesystem cannot be read, when it is not a regular file, or when it is larger than 64 MiB.
    fn read(&self, partition: Partition, path: &ImagePath) -> Result<Option<Vec<u8>>, PatchError>;

    /// Returns the content of a file as text, with `\u{fffd}` for what is not UTF-8.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    fn read_lossy(&self, partition: Partition, path: &ImagePath) -> Result<Option<String>, PatchError> {
        Ok(self.read(partition, path)?.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
    }

    /// Returns `true` if something is at a path.
    ///
    /// # Errors
    /// When the filesystem cannot be read.
    fn exists(&self, partition: Partition, path: &ImagePath) -> Result<bool, PatchError> {
        Ok(self.metadata(partition, path)?.is_some())
    }

    /// Returns the target of a symbolic link; `None` where there is no symbolic link.
    ///
    /// # Errors
    /// When the filesystem cannot be read.
    fn read_link(&self, partition: Partition, path: &ImagePath) -> Result<Option<String>, PatchError>;

    /// Lists the names in a directory, sorted; none where there is no directory.
    ///
    /// # Errors
    /// When the filesystem cannot be read.
    fn list(&self, partition: Partition, path: &ImagePath) -> Result<Vec<String>, PatchError>;
}

/// The largest file that is cached; a larger one is read anew every time.
const LARGEST_CACHED_FILE: usize = 4 << 20;

/// The stock files, read from the image.
///
/// Answers are cached: every node's plan asks for the same few hundred files.
pub struct StockFiles {
    /// The FAT partition.
    pub boot: Box<dyn ReadFilesystem>,
    /// The ext4 partition.
    pub root: Box<dyn ReadFilesystem>,
    metadata: Cached<Option<Metadata>>,
    contents: Cached<Option<Vec<u8>>>,
}

/// Answers for paths that were asked for before.
struct Cached<T>(RefCell<BTreeMap<(Partition, ImagePath), T>>);

impl<T: Clone> Cached<T> {
    fn new() -> Self {
        Self(RefCell::new(BTreeMap::new()))
    }

    fn get(&self, partition: Partition, path: &ImagePath) -> Option<T> {
        self.0.borrow().get(&(partition, path.clone())).cloned()
    }

    fn insert(&self, partition: Partition, path: &ImagePath, found: T) {
        self.0.borrow_mut().insert((partition, path.clone()), found);
    }
}

impl StockFiles {
    /// Takes the filesystems of both partitions.
    pub fn new(boot: Box<dyn ReadFilesystem>, root: Box<dyn ReadFilesystem>) -> Self {
        Self { boot, root, metadata: Cached::new(), contents: Cached::new() }
    }

    pub(super) fn files(&self, partition: Partition) -> PartitionFiles<'_> {
        let filesystem = match partition {
            Partition::Boot => &*self.boot,
            Partition::Root => &*self.root,
        };
        PartitionFiles { partition, filesystem }
    }

    /// Reads a file, through all links to it.
    fn read_anew(&self, partition: Partition, path: &ImagePath) -> Result<Option<Vec<u8>>, PatchError> {
        let Some(path) = behind_links(self, partition, path)? else { return Ok(None) };
        if self.metadata(partition, &path)?.is_none() {
            return Ok(None);
        }
        self.files(partition).read(&path, LARGEST_EDITED_FILE).map(Some)
    }
}

/// Returns the path without links in it, or `None` where they lead to a name that no path has.
fn behind_links(
    stock: &dyn Stock,
    partition: Partition,
    path: &ImagePath,
) -> Result<Option<ImagePath>, PatchError> {
    match resolve(&StockTree { stock, partition }, path, LastLink::Followed)? {
        Resolved::Path(path) => Ok(Some(path)),
        Resolved::Nowhere => Ok(None),
        Resolved::Circle(path) => Err(PatchError::LinkCircle { partition, path }),
    }
}

/// One partition of the stock image, for its links to be followed.
struct StockTree<'stock> {
    stock: &'stock dyn Stock,
    partition: Partition,
}

impl LinkTree for StockTree<'_> {
    type Error = PatchError;

    fn step(&self, path: &ImagePath) -> Result<LinkStep, PatchError> {
        Ok(self.stock.read_link(self.partition, path)?.map_or(LinkStep::Below, LinkStep::Link))
    }
}

impl Stock for StockFiles {
    fn metadata(&self, partition: Partition, path: &ImagePath) -> Result<Option<Metadata>, PatchError> {
        if let Some(known) = self.metadata.get(partition, path) {
            return Ok(known);
        }
        let found = self.files(partition).metadata(path)?;
        self.metadata.insert(partition, path, found);
        Ok(found)
    }

    fn read(&self, partition: Partition, path: &ImagePath) -> Result<Option<Vec<u8>>, PatchError> {
        if let Some(known) = self.contents.get(partition, path) {
            return Ok(known);
        }
        let content = self.read_anew(partition, path)?;
        if content.as_ref().is_none_or(|content| content.len() <= LARGEST_CACHED_FILE) {
            self.contents.insert(partition, path, content.clone());
        }
        Ok(content)
    }

    fn read_link(&self, partition: Partition, path: &ImagePath) -> Result<Option<String>, PatchError> {
        match self.metadata(partition, path)? {
            Some(found) if found.kind == FileKind::Symlink => self.files(partition).read_link(path).map(Some),
            _ => Ok(None),
        }
    }

    fn list(&self, partition: Partition, path: &ImagePath) -> Result<Vec<String>, PatchError> {
        match self.metadata(partition, path)? {
            Some(found) if found.kind == FileKind::Directory => self.files(partition).list(path),
            _ => Ok(Vec::new()),
        }
    }
}

/// Stock files that exist in memory only: for tests of what is planned, and for programs that want to
/// see a plan without an image.
#[derive(Debug, Clone, Default)]
pub struct MemoryStock {
    entries: BTreeMap<(Partition, ImagePath), MemoryEntry>,
}

#[derive(Debug, Clone)]
struct MemoryEntry {
    metadata: Metadata,
    content: Vec<u8>,
}

impl MemoryStock {
    /// Begins with no files at all.
    pub fn new() -> Self {
        Self::default()
    }

    /// Puts a regular file.
    #[must_use]
    pub fn file(
        self,
        partition: Partition,
        path: &ImagePath,
        mode: Mode,
        owner: Owner,
        content: &str,
    ) -> Self {
        self.entry(partition, path, FileKind::File, mode, owner, content)
    }

    /// Puts a directory.
    #[must_use]
    pub fn directory(self, partition: Partition, path: &ImagePath, mode: Mode, owner: Owner) -> Self {
        self.entry(partition, path, FileKind::Directory, mode, owner, "")
    }

    /// Puts a symbolic link.
    #[must_use]
    pub fn symlink(self, partition: Partition, path: &ImagePath, target: &str) -> Self {
        let all = Mode::from_st_mode(0o777);
        self.entry(partition, path, FileKind::Symlink, all, Owner::ROOT, target)
    }

    /// Takes away what stands at a path.
    #[must_use]
    pub fn without(mut self, partition: Partition, path: &ImagePath) -> Self {
        self.entries.remove(&(partition, path.clone()));
        self
    }

    /// Puts one thing, and the directories above it where they are missing.
    fn entry(
        mut self,
        partition: Partition,
        path: &ImagePath,
        kind: FileKind,
        mode: Mode,
        owner: Owner,
        content: &str,
    ) -> Self {
        if let Some(parent) = path.parent()
            && !self.entries.contains_key(&(partition, parent.clone()))
        {
            self = self.directory(partition, &parent, Mode::EXECUTABLE, Owner::ROOT);
        }
        let size = ByteCount::of(content);
        let metadata = Metadata { kind, mode, owner, size, modified: UnixTime::new(1_781_740_800) };
        let entry = MemoryEntry { metadata, content: content.as_bytes().to_vec() };
        self.entries.insert((partition, path.clone()), entry);
        self
    }

    fn get(&self, partition: Partition, path: &ImagePath) -> Option<&MemoryEntry> {
        self.entries.get(&(partition, path.clone()))
    }
}

impl Stock for MemoryStock {
    fn metadata(&self, partition: Partition, path: &ImagePath) -> Result<Option<Metadata>, PatchError> {
        Ok(self.get(partition, path).map(|entry| entry.metadata))
    }

    fn read(&self, partition: Partition, path: &ImagePath) -> Result<Option<Vec<u8>>, PatchError> {
        let path = behind_links(self, partition, path)?;
        Ok(path.and_then(|path| self.get(partition, &path)).map(|entry| entry.content.clone()))
    }

    fn read_link(&self, partition: Partition, path: &ImagePath) -> Result<Option<String>, PatchError> {
        let link = self.get(partition, path).filter(|entry| entry.metadata.kind == FileKind::Symlink);
        Ok(link.map(|entry| String::from_utf8_lossy(&entry.content).into_owned()))
    }

    fn list(&self, partition: Partition, path: &ImagePath) -> Result<Vec<String>, PatchError> {
        let below = self
            .entries
            .keys()
            .filter(|(of, entry)| *of == partition && entry.parent().as_ref() == Some(path));
        Ok(below.map(|(_, entry)| entry.name().to_owned()).collect())
    }
}
