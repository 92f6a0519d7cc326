//! Reading an ext4.

use super::attribute_reader::AttributeReader;
use super::error::from_reader;
use super::listings::{Known, Listing, Listings};
use super::superblock::Superblock;
use crate::fs::symlinks::{LinkTree, Step, without_links};
use crate::fs::{ExtendedAttributes, FileKind, FsError, Metadata, ReadFilesystem, Summary};
use crate::io::{ReadAt, check_range};
use crate::types::number::usize_from;
use crate::types::{ByteCount, ByteOffset};
use crate::types::{ImagePath, Mode, Owner, UnixTime};
use ext4_view::{Ext4, Ext4Read, FileType};
use std::io;
use std::sync::Arc;

/// As much of a file as is handed on at once.
const PIECE: usize = 256 * 1024;
/// More names than any directory of a card has; a damaged one could go on for ever.
const MOST_NAMES: usize = 1 << 20;
/// The longest target of a symbolic link (`PATH_MAX`).
const LONGEST_TARGET: u64 = 4096;

/// Reads an ext4 filesystem.
///
/// A journal that needs recovery is read as if it had been replayed; nothing is written.
pub struct Reader {
    filesystem: Ext4,
    disk: Arc<dyn ReadAt>,
    superblock: Superblock,
    listings: Listings,
}

impl Reader {
    /// Opens the filesystem on `disk`.
    ///
    /// # Errors
    /// When it is no ext4, is damaged, or has features that are not understood.
    pub fn open(disk: Arc<dyn ReadAt>) -> Result<Self, FsError> {
        let superblock = Superblock::read(&disk)?;
        let filesystem = Ext4::load(Box::new(Source(Arc::clone(&disk)))).map_err(from_reader)?;
        Ok(Self { filesystem, disk, superblock, listings: Listings::default() })
    }

    /// What stands at a path that has no links in its directory part.
    fn look(&self, path: &ImagePath) -> Result<Option<Metadata>, FsError> {
        match self.listings.look(path) {
            Known::Found(found) => return Ok(Some(found)),
            Known::Nothing => return Ok(None),
            Known::NotListed => {}
        }
        match self.filesystem.symlink_metadata(path.as_str()) {
            Ok(found) => Ok(Some(metadata(&found))),
            Err(error) => match from_reader(error) {
                FsError::NotFound => Ok(None),
                other => Err(other),
            },
        }
    }

    /// Where the link at a path points to that has no links in its directory part.
    fn target(&self, path: &ImagePath, size: ByteCount) -> Result<String, FsError> {
        // Longer ones do not exist, and would be read into memory whole.
        if size.get() > LONGEST_TARGET {
            return Err(FsError::Damaged("a symbolic link is longer than a path can be".to_owned()));
        }
        let target = self.filesystem.read_link(path.as_str()).map_err(from_reader)?;
        match target.to_str() {
            Ok(target) => Ok(target.to_owned()),
            Err(_) => Err(FsError::Damaged("the target of a symbolic link is not UTF-8".to_owned())),
        }
    }

    /// The path without links in its directory part, and what stands there.
    fn find(&self, path: &ImagePath) -> Result<Option<(ImagePath, Metadata)>, FsError> {
        let Some(path) = without_links(self, path)? else { return Ok(None) };
        Ok(self.look(&path)?.map(|found| (path, found)))
    }

    fn find_kind(&self, path: &ImagePath, expected: FileKind) -> Result<(ImagePath, Metadata), FsError> {
        let (path, found) = self.find(path)?.ok_or(FsError::NotFound)?;
        if found.kind == expected {
            Ok((path, found))
        } else {
            Err(FsError::WrongKind { expected, found: found.kind })
        }
    }
}

impl LinkTree for Reader {
    type Error = FsError;

    fn step(&self, path: &ImagePath) -> Result<Step, FsError> {
        Ok(match self.look(path)? {
            Some(found) if found.kind == FileKind::Directory => Step::Below,
            Some(found) if found.kind == FileKind::Symlink => Step::Link(self.target(path, found.size)?),
            _ => Step::Nowhere,
        })
    }
}

impl ReadFilesystem for Reader {
    fn metadata(&self, path: &ImagePath) -> Result<Option<Metadata>, FsError> {
        Ok(self.find(path)?.map(|(_, found)| found))
    }

    fn read_pieces(
        &self,
        path: &ImagePath,
        sink: &mut dyn FnMut(&[u8]) -> io::Result<()>,
    ) -> Result<(), FsError> {
        let (path, found) = self.find_kind(path, FileKind::File)?;
        // Larger is only a file of holes, which a damaged inode can make as long as it likes.
        let limit = self.superblock.size();
        if found.size > limit {
            return Err(FsError::TooLarge { size: found.size, limit });
        }
        let mut file = self.filesystem.open(path.as_str()).map_err(from_reader)?;
        let mut piece = vec![0; usize_from(found.size.get()).min(PIECE)];
        loop {
            let filled = fill(&mut file, &mut piece)?;
            if filled == 0 {
                return Ok(());
            }
            sink(piece.split_at(filled).0)?;
        }
    }

    fn read_link(&self, path: &ImagePath) -> Result<String, FsError> {
        let (path, found) = self.find_kind(path, FileKind::Symlink)?;
        self.target(&path, found.size)
    }

    fn list(&self, path: &ImagePath) -> Result<Vec<String>, FsError> {
        let (path, found) = self.find_kind(path, FileKind::Directory)?;
        if found.size > self.superblock.size() {
            return Err(FsError::Damaged("a directory is larger than the filesystem".to_owned()));
        }
        let mut names = Vec::new();
        let mut listing = Some(Listing::new());
        for entry in self.filesystem.read_dir(path.as_str()).map_err(from_reader)? {
            let entry = entry.map_err(from_reader)?;
            if let Ok(name) = entry.file_name().as_str()
                && name != "."
                && name != ".."
            {
                names.push(name.to_owned());
                if let Some(known) = &mut listing {
                    match entry.metadata() {
                        Ok(found) => {
                            known.entry(name.to_owned()).or_insert_with(|| metadata(&found));
                        }
                        // Whoever asks for what is damaged will hear of it.
                        Err(_) => listing = None,
                    }
                }
            }
            if names.len() > MOST_NAMES {
                return Err(FsError::Damaged("a directory has no end".to_owned()));
            }
        }
        if let Some(listing) = listing {
            self.listings.keep(&path, listing);
        }
        names.sort_unstable();
        Ok(names)
    }

    /// Read past the journal: of a filesystem that needs recovery, those that it would have without.
    fn extended_attributes(&self, path: &ImagePath) -> Result<ExtendedAttributes, FsError> {
        let (path, _) = self.find(path)?.ok_or(FsError::NotFound)?;
        AttributeReader::new(&self.disk, &self.superblock).read(&path)
    }

    fn summary(&self) -> Result<Summary, FsError> {
        Ok(self.superblock.summary())
    }

    fn allocation_unit(&self) -> ByteCount {
        ByteCount::new(self.superblock.block_size)
    }
}

/// Reads until `piece` is full or the file ends.
fn fill(file: &mut ext4_view::File, piece: &mut [u8]) -> Result<usize, FsError> {
    let mut filled = 0;
    while filled < piece.len() {
        let (_, rest) = piece.split_at_mut(filled);
        let read = file.read_bytes(rest).map_err(from_reader)?;
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

/// The disk as the crate reads it.
struct Source(Arc<dyn ReadAt>);

impl Ext4Read for Source {
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
