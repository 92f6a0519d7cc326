//! Reading an ext4, with `ext4-view`. No other module names that crate.

use super::directory_cache::{CachedLookup, DirectoryCache, Names};
use super::superblock::Superblock;
use super::xattr_reader::XattrReader;
use crate::fs::symlinks::{LinkStep, LinkTree, without_links};
use crate::fs::{
    ExtendedAttributes, FileKind, FsError, FsResult, Metadata, ReadFilesystem, Summary, damaged,
};
use crate::io::{ReadAt, check_range};
use crate::types::number::usize_from;
use crate::types::{ByteCount, ByteOffset, ImagePath, Mode, Owner, UnixTime};
use ext4_view::{Ext4, Ext4Error, Ext4Read, FileType};
use std::io;
use std::sync::Arc;

/// As much of a file as is handed on at once.
const PIECE: usize = 256 * 1024;
/// More names than any directory of an SD card has; a damaged one could go on for ever.
const MOST_NAMES: usize = 1 << 20;
/// The longest target of a symbolic link (`PATH_MAX`).
const LONGEST_TARGET: u64 = 4096;

/// Reads an ext4 filesystem.
///
/// A journal that needs recovery is read as if it had been replayed; nothing is written.
pub struct Ext4Reader {
    filesystem: Ext4,
    disk: Arc<dyn ReadAt>,
    superblock: Superblock,
    directories: DirectoryCache,
}

impl Ext4Reader {
    /// Opens the filesystem on `disk`.
    ///
    /// # Errors
    /// When it is not an ext4, is damaged, or has features that are not understood.
    pub fn open(disk: Arc<dyn ReadAt>) -> FsResult<Self> {
        let superblock = Superblock::read(&disk)?;
        let filesystem = Ext4::load(Box::new(ViewDisk(Arc::clone(&disk))))?;
        Ok(Self { filesystem, disk, superblock, directories: DirectoryCache::default() })
    }

    /// Returns what is at a path that has no links in its directory part.
    fn look(&self, path: &ImagePath) -> FsResult<Option<Metadata>> {
        match self.directories.look(path) {
            CachedLookup::Found(found) => return Ok(Some(found)),
            CachedLookup::Nothing => return Ok(None),
            CachedLookup::NotCached => {}
        }
        match self.filesystem.symlink_metadata(path.as_str()) {
            Ok(found) => Ok(Some(metadata(&found))),
            Err(error) => match FsError::from(error) {
                FsError::NotFound => Ok(None),
                other => Err(other),
            },
        }
    }

    /// Reads the target of a link at a path that has no links in its directory part.
    fn target(&self, path: &ImagePath, size: ByteCount) -> FsResult<String> {
        // Longer ones do not exist, and would be read into memory whole.
        if size.get() > LONGEST_TARGET {
            return Err(damaged("a symbolic link is longer than a path can be"));
        }
        let target = self.filesystem.read_link(path.as_str())?;
        match target.to_str() {
            Ok(target) => Ok(target.to_owned()),
            Err(_) => Err(damaged("the target of a symbolic link is not UTF-8")),
        }
    }

    /// Returns the path without links in its directory part, and what is there.
    fn find(&self, path: &ImagePath) -> FsResult<Option<(ImagePath, Metadata)>> {
        let Some(path) = without_links(self, path)? else { return Ok(None) };
        Ok(self.look(&path)?.map(|found| (path, found)))
    }

    fn find_kind(&self, path: &ImagePath, expected: FileKind) -> FsResult<(ImagePath, Metadata)> {
        let (path, found) = self.find(path)?.ok_or(FsError::NotFound)?;
        if found.kind == expected {
            Ok((path, found))
        } else {
            Err(FsError::WrongKind { expected, found: found.kind })
        }
    }
}

impl LinkTree for Ext4Reader {
    type Error = FsError;

    fn step(&self, path: &ImagePath) -> FsResult<LinkStep> {
        Ok(match self.look(path)? {
            Some(found) if found.kind == FileKind::Directory => LinkStep::Below,
            Some(found) if found.kind == FileKind::Symlink => LinkStep::Link(self.target(path, found.size)?),
            _ => LinkStep::Nowhere,
        })
    }
}

impl ReadFilesystem for Ext4Reader {
    fn metadata(&self, path: &ImagePath) -> FsResult<Option<Metadata>> {
        Ok(self.find(path)?.map(|(_, found)| found))
    }

    fn read_pieces(&self, path: &ImagePath, sink: &mut dyn FnMut(&[u8]) -> io::Result<()>) -> FsResult<()> {
        let (path, found) = self.find_kind(path, FileKind::File)?;
        // Larger is only a file of holes, which a damaged inode can make as long as it likes.
        let limit = self.superblock.size();
        if found.size > limit {
            return Err(FsError::TooLarge { size: found.size, limit });
        }
        let mut file = self.filesystem.open(path.as_str())?;
        let mut piece = vec![0; usize_from(found.size.get()).min(PIECE)];
        loop {
            let filled = fill(&mut file, &mut piece)?;
            if filled == 0 {
                return Ok(());
            }
            sink(piece.split_at(filled).0)?;
        }
    }

    fn read_link(&self, path: &ImagePath) -> FsResult<String> {
        let (path, found) = self.find_kind(path, FileKind::Symlink)?;
        self.target(&path, found.size)
    }

    fn list(&self, path: &ImagePath) -> FsResult<Vec<String>> {
        let (path, found) = self.find_kind(path, FileKind::Directory)?;
        if found.size > self.superblock.size() {
            return Err(damaged("a directory is larger than the filesystem"));
        }
        let mut names = Vec::new();
        // The metadata of every entry, as long as none is damaged.
        let mut listing = Some(Names::new());
        for entry in self.filesystem.read_dir(path.as_str())? {
            let entry = entry?;
            let file_name = entry.file_name();
            let Ok(name) = file_name.as_str() else {
                tracing::debug!("`{path}` has a name that is not UTF-8, which is left out: {file_name:?}");
                continue;
            };
            if name == "." || name == ".." {
                continue;
            }
            names.push(name.to_owned());
            if names.len() > MOST_NAMES {
                return Err(damaged("a directory has no end"));
            }
            if let Some(known) = &mut listing {
                match entry.metadata() {
                    Ok(found) => {
                        known.entry(name.to_owned()).or_insert_with(|| metadata(&found));
                    }
                    Err(error) => {
                        tracing::debug!("`{path}` is not cached, for `{name}` in it is damaged: {error}");
                        listing = None;
                    }
                }
            }
        }
        if let Some(listing) = listing {
            self.directories.insert(&path, listing);
        }
        names.sort_unstable();
        Ok(names)
    }

    /// Reads past the journal: of a filesystem that needs recovery, those attributes that it would have without it.
    fn extended_attributes(&self, path: &ImagePath) -> FsResult<ExtendedAttributes> {
        let (path, _) = self.find(path)?.ok_or(FsError::NotFound)?;
        XattrReader::new(&self.disk, &self.superblock).read(&path)
    }

    fn summary(&self) -> FsResult<Summary> {
        Ok(self.superblock.summary())
    }

    fn allocation_unit(&self) -> ByteCount {
        self.superblock.bytes_of(1)
    }
}

/// Reads until `piece` is full or the file ends.
fn fill(file: &mut ext4_view::File, piece: &mut [u8]) -> FsResult<usize> {
    let mut filled = 0;
    while filled < piece.len() {
        let (_, rest) = piece.split_at_mut(filled);
        let read = file.read_bytes(rest)?;
        if read == 0 {
            break;
        }
        filled += read;
    }
    Ok(filled)
}

fn metadata(found: &ext4_view::Metadata) -> Metadata {
    let kind = match found.file_type() {
        FileType::Regular => FileKind::File,
        FileType::Directory => FileKind::Directory,
        FileType::Symlink => FileKind::Symlink,
        _ => FileKind::Special,
    };
    Metadata {
        kind,
        mode: Mode::from_st_mode(found.mode()),
        owner: Owner { uid: found.uid(), gid: found.gid() },
        size: ByteCount::new(found.len()),
        modified: UnixTime::new(found.modified().seconds()),
    }
}

impl From<Ext4Error> for FsError {
    fn from(error: Ext4Error) -> Self {
        match error {
            Ext4Error::NotFound | Ext4Error::NotADirectory => FsError::NotFound,
            Ext4Error::Io(error) => match error.downcast::<io::Error>() {
                Ok(error) => FsError::Io(*error),
                Err(other) => FsError::Damaged(other.to_string()),
            },
            Ext4Error::Incompatible(found) => FsError::Unsupported {
                kind: "ext4",
                found: format!("something it cannot be read with: {found}"),
            },
            other => FsError::Damaged(other.to_string()),
        }
    }
}

/// The disk, as the crate reads it.
struct ViewDisk(Arc<dyn ReadAt>);

impl Ext4Read for ViewDisk {
    fn read(
        &mut self,
        start_byte: u64,
        dst: &mut [u8],
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync + 'static>> {
        // The disk is as large as it says; a block beyond its end is the filesystem's mistake.
        if check_range(ByteOffset::new(start_byte), dst.len(), self.0.size()).is_err() {
            return Err("it refers to a block beyond its end".into());
        }
        Ok(self.0.read_at(ByteOffset::new(start_byte), dst)?)
    }
}
