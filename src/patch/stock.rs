//! The files of the stock image, as the plan sees them.

use super::files::PartitionFiles;
use super::{Attributes, Partition, PartitionPath, PatchError, PatchResult};
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
    fn metadata(&self, partition: Partition, path: &ImagePath) -> PatchResult<Option<Metadata>>;

    /// Reads the content of a regular file, following a symbolic link to it; `None` where nothing is.
    ///
    /// # Errors
    /// When the filesystem cannot be read, when it is not a regular file, or when it is larger than 64 MiB.
    fn read(&self, partition: Partition, path: &ImagePath) -> PatchResult<Option<Vec<u8>>>;

    /// Returns the content of a file as text, with `\u{fffd}` for what is not UTF-8.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    fn read_lossy(&self, partition: Partition, path: &ImagePath) -> PatchResult<Option<String>> {
        Ok(self.read(partition, path)?.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
    }

    /// Returns `true` if something is at a path.
    ///
    /// # Errors
    /// When the filesystem cannot be read.
    fn exists(&self, partition: Partition, path: &ImagePath) -> PatchResult<bool> {
        Ok(self.metadata(partition, path)?.is_some())
    }

    /// Returns the target of a symbolic link; `None` where there is no symbolic link.
    ///
    /// # Errors
    /// When the filesystem cannot be read.
    fn read_link(&self, partition: Partition, path: &ImagePath) -> PatchResult<Option<String>>;

    /// Lists the names in a directory, sorted; none where there is no directory.
    ///
    /// # Errors
    /// When the filesystem cannot be read.
    fn list(&self, partition: Partition, path: &ImagePath) -> PatchResult<Vec<String>>;
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
    metadata: Answers<Option<Metadata>>,
    contents: Answers<Option<Vec<u8>>>,
    links: Answers<Option<String>>,
    lists: Answers<Vec<String>>,
}

/// Answers that were given, by what was asked for.
struct Answers<T>(RefCell<BTreeMap<PartitionPath, T>>);

impl<T: Clone> Answers<T> {
    fn new() -> Self {
        Self(RefCell::default())
    }

    /// Returns the answer about a path, which is cached where `is_cached` takes it.
    fn get(
        &self,
        at: PartitionPath,
        find: impl FnOnce() -> PatchResult<T>,
        is_cached: impl FnOnce(&T) -> bool,
    ) -> PatchResult<T> {
        if let Some(known) = self.0.borrow().get(&at) {
            return Ok(known.clone());
        }
        let found = find()?;
        if is_cached(&found) {
            self.0.borrow_mut().insert(at, found.clone());
        }
        Ok(found)
    }
}

impl StockFiles {
    /// Takes the filesystems of both partitions.
    pub fn new(boot: Box<dyn ReadFilesystem>, root: Box<dyn ReadFilesystem>) -> Self {
        let (metadata, contents) = (Answers::new(), Answers::new());
        Self { boot, root, metadata, contents, links: Answers::new(), lists: Answers::new() }
    }

    pub(super) fn files(&self, partition: Partition) -> PartitionFiles<'_> {
        let filesystem = match partition {
            Partition::Boot => &*self.boot,
            Partition::Root => &*self.root,
        };
        PartitionFiles { partition, filesystem }
    }

    /// Reads a file, through all links to it.
    fn read_anew(&self, partition: Partition, path: &ImagePath) -> PatchResult<Option<Vec<u8>>> {
        let Some(path) = behind_links(self, partition, path)? else { return Ok(None) };
        if self.metadata(partition, &path)?.is_none() {
            return Ok(None);
        }
        self.files(partition).read(&path, LARGEST_EDITED_FILE).map(Some)
    }
}

/// Returns the path without links in it, or `None` where they lead to a name that no path has.
fn behind_links(stock: &dyn Stock, partition: Partition, path: &ImagePath) -> PatchResult<Option<ImagePath>> {
    match resolve(&StockTree { stock, partition }, path, LastLink::Followed)? {
        Resolved::Path(path) => Ok(Some(path)),
        Resolved::Nowhere => Ok(None),
        Resolved::Circle(path) => Err(PatchError::LinkCircle { at: partition.at(&path) }),
    }
}

/// One partition of the stock image, for its links to be followed.
struct StockTree<'stock> {
    stock: &'stock dyn Stock,
    partition: Partition,
}

impl LinkTree for StockTree<'_> {
    type Error = PatchError;

    fn step(&self, path: &ImagePath) -> PatchResult<LinkStep> {
        Ok(self.stock.read_link(self.partition, path)?.map_or(LinkStep::Below, LinkStep::Link))
    }
}

impl Stock for StockFiles {
    fn metadata(&self, partition: Partition, path: &ImagePath) -> PatchResult<Option<Metadata>> {
        self.metadata.get(partition.at(path), || self.files(partition).metadata(path), |_| true)
    }

    fn read(&self, partition: Partition, path: &ImagePath) -> PatchResult<Option<Vec<u8>>> {
        let is_small = |content: &Option<Vec<u8>>| {
            content.as_ref().is_none_or(|content| content.len() <= LARGEST_CACHED_FILE)
        };
        self.contents.get(partition.at(path), || self.read_anew(partition, path), is_small)
    }

    fn read_link(&self, partition: Partition, path: &ImagePath) -> PatchResult<Option<String>> {
        let find = || match self.metadata(partition, path)? {
            Some(found) if found.kind == FileKind::Symlink => self.files(partition).read_link(path).map(Some),
            _ => Ok(None),
        };
        self.links.get(partition.at(path), find, |_| true)
    }

    fn list(&self, partition: Partition, path: &ImagePath) -> PatchResult<Vec<String>> {
        let find = || match self.metadata(partition, path)? {
            Some(found) if found.kind == FileKind::Directory => self.files(partition).list(path),
            _ => Ok(Vec::new()),
        };
        self.lists.get(partition.at(path), find, |_| true)
    }
}

/// Stock files that exist in memory only: for tests of what is planned, and for programs that want to
/// see a plan without an image.
#[derive(Debug, Clone, Default)]
pub struct MemoryStock {
    /// The metadata, and the content or the target of a link.
    entries: BTreeMap<PartitionPath, (Metadata, String)>,
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
        self.put(partition.at(path), Attributes { kind: FileKind::File, mode, owner }, content)
    }

    /// Puts a directory.
    #[must_use]
    pub fn directory(self, partition: Partition, path: &ImagePath, mode: Mode, owner: Owner) -> Self {
        self.put(partition.at(path), Attributes { kind: FileKind::Directory, mode, owner }, "")
    }

    /// Puts a symbolic link.
    #[must_use]
    pub fn symlink(self, partition: Partition, path: &ImagePath, target: &str) -> Self {
        self.put(partition.at(path), Attributes::OF_SYMLINKS, target)
    }

    /// Takes away what stands at a path.
    #[must_use]
    pub fn without(mut self, partition: Partition, path: &ImagePath) -> Self {
        self.entries.remove(&partition.at(path));
        self
    }

    /// Puts one thing, and the directories above it where they are missing.
    fn put(mut self, at: PartitionPath, attributes: Attributes, content: &str) -> Self {
        if let Some(parent) = at.path.parent()
            && !self.entries.contains_key(&at.partition.at(&parent))
        {
            self = self.directory(at.partition, &parent, Mode::EXECUTABLE, Owner::ROOT);
        }
        let Attributes { kind, mode, owner } = attributes;
        let (size, modified) = (ByteCount::of(content), UnixTime::new(1_781_740_800));
        self.entries.insert(at, (Metadata { kind, mode, owner, size, modified }, content.to_owned()));
        self
    }
}

impl Stock for MemoryStock {
    fn metadata(&self, partition: Partition, path: &ImagePath) -> PatchResult<Option<Metadata>> {
        Ok(self.entries.get(&partition.at(path)).map(|(metadata, _)| *metadata))
    }

    fn read(&self, partition: Partition, path: &ImagePath) -> PatchResult<Option<Vec<u8>>> {
        let path = behind_links(self, partition, path)?;
        let entry = path.and_then(|path| self.entries.get(&partition.at(&path)));
        Ok(entry.map(|(_, content)| content.as_bytes().to_vec()))
    }

    fn read_link(&self, partition: Partition, path: &ImagePath) -> PatchResult<Option<String>> {
        let entry = self.entries.get(&partition.at(path));
        let link = entry.filter(|(metadata, _)| metadata.kind == FileKind::Symlink);
        Ok(link.map(|(_, target)| target.clone()))
    }

    fn list(&self, partition: Partition, path: &ImagePath) -> PatchResult<Vec<String>> {
        let is_in_it =
            |at: &&PartitionPath| at.partition == partition && at.path.parent().as_ref() == Some(path);
        Ok(self.entries.keys().filter(is_in_it).map(|at| at.path.name().to_owned()).collect())
    }
}
