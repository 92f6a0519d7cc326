//! Directories: entries of 32 bytes, and the way from a path to one of them.
//!
//! A file whose name does not fit 8.3 has its long name in entries before its own, the last piece first:
//!
//! ```text
//! | 0x42 "-rpi-5-b.dtb" | 0x01 "bcm2712-rpi-5" | BCM271~1.DTB, cluster, size, times |
//!   attribute 0x0f        attribute 0x0f         attribute 0x20
//! ```
//!
//! Each piece has 13 characters, its number, and a checksum of the short name, by which a program shows that it
//! knew of the long one when it changed the entry.

use super::boot_sector::{Root, Width};
use super::volume::Volume;
use crate::fs::{FileKind, FsError, FsResult, damaged};
use crate::io::ReadAt;
use crate::types::ImagePath;
use crate::types::fields::{array_at, set_at, u8_at, u16_at, u32_at};
use crate::types::number::usize_from;

/// Bytes of an entry.
const ENTRY: usize = 32;
/// The largest directory, in bytes: 65536 entries, by the specification.
const LARGEST: u64 = 65536 * ENTRY as u64;
/// `ATTR_DIRECTORY`.
pub(super) const ATTR_DIRECTORY: u8 = 0x10;
/// `ATTR_VOLUME_ID`.
const ATTR_VOLUME_ID: u8 = 0x08;
/// `ATTR_LONG_NAME`, under the mask of the bits that are in use.
const ATTR_LONG_NAME: u8 = 0x0f;
/// `LAST_LONG_ENTRY`: the piece that comes first on the disk.
const LAST_LONG_ENTRY: u8 = 0x40;

/// The beginning of a directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DirectoryStart {
    Root,
    Cluster(u32),
}

/// One entry, and its offset on the disk.
#[derive(Debug, Clone, Copy)]
pub(super) struct RawEntry {
    pub(super) offset: u64,
    pub(super) bytes: [u8; ENTRY],
}

/// The kind of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum EntryKind {
    Deleted,
    /// A piece of a long name.
    LongName,
    /// The label of the volume.
    Label,
    /// `.` or `..`.
    Dots,
    File,
    Directory,
}

/// The entry of a file or a directory, with its name.
#[derive(Debug)]
pub(super) struct NamedEntry {
    pub(super) raw: RawEntry,
    /// The long name, or the short one where there is no other.
    pub(super) name: String,
}

impl RawEntry {
    pub(super) fn kind(&self) -> EntryKind {
        // `DIR_Attr`.
        let attributes = u8_at(&self.bytes, 11);
        if u8_at(&self.bytes, 0) == 0xe5 {
            EntryKind::Deleted
        } else if attributes & ATTR_LONG_NAME == ATTR_LONG_NAME {
            EntryKind::LongName
        } else if attributes & ATTR_VOLUME_ID != 0 {
            EntryKind::Label
        } else if matches!(self.short_name().as_slice(), b"." | b"..") {
            EntryKind::Dots
        } else if attributes & ATTR_DIRECTORY != 0 {
            EntryKind::Directory
        } else {
            EntryKind::File
        }
    }

    /// Returns the kind of what a file's or a directory's entry names.
    pub(super) fn file_kind(&self) -> FileKind {
        if self.kind() == EntryKind::Directory { FileKind::Directory } else { FileKind::File }
    }

    /// `DIR_FstClusHI` and `DIR_FstClusLO`; zero is none.
    pub(super) fn first_cluster(&self, width: Width) -> u32 {
        let upper = if width == Width::Fat32 { u32::from(u16_at(&self.bytes, 20)) << 16 } else { 0 };
        upper | u32::from(u16_at(&self.bytes, 26))
    }

    pub(super) fn set_first_cluster(&mut self, cluster: u32) {
        let [a, b, c, d] = cluster.to_le_bytes();
        set_at(&mut self.bytes, 20, &[c, d]);
        set_at(&mut self.bytes, 26, &[a, b]);
    }

    /// `DIR_FileSize`.
    pub(super) fn size(&self) -> u32 {
        u32_at(&self.bytes, 28)
    }

    /// `DIR_Name` as it is on the disk, padded with spaces.
    pub(super) fn padded_name(&self) -> [u8; 11] {
        array_at(&self.bytes, 0)
    }

    /// `DIR_Name` as `NAME.EXT`, in the encoding of the volume.
    pub(super) fn short_name(&self) -> Vec<u8> {
        let name: [u8; 8] = array_at(&self.bytes, 0);
        let extension: [u8; 3] = array_at(&self.bytes, 8);
        let mut short = name.trim_ascii_end().to_vec();
        if let Some(first @ 0x05) = short.first_mut() {
            // Stands for the character that would mark the entry as deleted.
            *first = 0xe5;
        }
        if extension.trim_ascii_end() != b"" {
            short.push(b'.');
            short.extend_from_slice(extension.trim_ascii_end());
        }
        short
    }

    /// Returns the short name in the case it is shown in: Windows NT keeps small letters of a name that fits 8.3 as
    /// two bits of `DIR_NTRes`.
    fn shown_short_name(&self) -> String {
        let flags = u8_at(&self.bytes, 12);
        let mut entry = *self;
        let (name, extension) = entry.bytes.split_at_mut(8);
        if flags & 0x08 != 0 {
            name.make_ascii_lowercase();
        }
        if flags & 0x10 != 0 {
            extension.split_at_mut(3).0.make_ascii_lowercase();
        }
        decoded(&entry.short_name())
    }

    /// `LDIR_Ord`, of a piece of a long name.
    fn order(&self) -> u8 {
        u8_at(&self.bytes, 0)
    }

    /// `LDIR_Name1`, `LDIR_Name2` and `LDIR_Name3`.
    fn long_name_units(&self) -> impl Iterator<Item = u16> {
        [1..11, 14..26, 28..32].into_iter().flatten().step_by(2).map(|offset| u16_at(&self.bytes, offset))
    }

    /// Returns the checksum of the short name, as the pieces of a long name have it in `LDIR_Chksum`.
    fn checksum(&self) -> u8 {
        self.padded_name().iter().fold(0, |sum: u8, byte| sum.rotate_right(1).wrapping_add(*byte))
    }
}

/// Decodes a short name. Its encoding is not known; beyond ASCII it is for display and comparison only.
fn decoded(short: &[u8]) -> String {
    short
        .iter()
        .map(|byte| if byte.is_ascii() { char::from(*byte) } else { char::REPLACEMENT_CHARACTER })
        .collect()
}

/// Returns the long name in the pieces before an entry, or `None` where they are incomplete or another entry's.
fn long_name(pieces: &[RawEntry], entry: &RawEntry) -> Option<String> {
    let first = pieces.iter().rposition(|piece| piece.order() & LAST_LONG_ENTRY != 0)?;
    let pieces = pieces.get(first..)?;
    let is_right = |(piece, order): (&RawEntry, usize)| {
        usize::from(piece.order() & 0x1f) == order && u8_at(&piece.bytes, 13) == entry.checksum()
    };
    if !pieces.iter().zip((1..=pieces.len()).rev()).all(is_right) {
        tracing::debug!("the long name of {} does not belong to it", decoded(&entry.short_name()));
        return None;
    }
    let mut units: Vec<u16> = pieces.iter().rev().flat_map(RawEntry::long_name_units).collect();
    while let Some(0 | 0xffff) = units.last() {
        units.pop();
    }
    (!units.is_empty()).then(|| String::from_utf16_lossy(&units))
}

/// Returns a name in the form that two of them are compared in: FAT takes capital letters for small ones.
pub(super) fn folded(name: &str) -> String {
    name.chars().flat_map(char::to_uppercase).collect()
}

impl<D: ReadAt + ?Sized> Volume<D> {
    /// Returns the clusters of a directory; none for the fixed root directory of FAT12 and FAT16.
    pub(super) fn directory_clusters(&self, directory: DirectoryStart) -> FsResult<Vec<u32>> {
        let first = match (directory, self.boot_sector.root) {
            (DirectoryStart::Cluster(first), _) | (DirectoryStart::Root, Root::Cluster(first)) => first,
            (DirectoryStart::Root, Root::Fixed { .. }) => return Ok(Vec::new()),
        };
        self.chain(first, usize_from(LARGEST / self.boot_sector.bytes_per_cluster))
    }

    /// Returns all entries of a directory, used or not, in order.
    pub(super) fn all_entries(&self, directory: DirectoryStart) -> FsResult<Vec<RawEntry>> {
        let cluster = self.boot_sector.bytes_per_cluster;
        let mut pieces = Vec::new();
        if let (DirectoryStart::Root, Root::Fixed { offset, length }) = (directory, self.boot_sector.root) {
            pieces.push((offset, length));
        }
        let clusters = self.directory_clusters(directory)?;
        pieces.extend(clusters.into_iter().filter_map(|it| Some((self.boot_sector.offset_of(it)?, cluster))));
        let mut entries = Vec::new();
        for (start, length) in pieces {
            let mut bytes = vec![0; usize_from(length)];
            self.read(start, &mut bytes)?;
            let offsets = (start..).step_by(ENTRY);
            let chunks = bytes.as_chunks().0.iter();
            entries.extend(offsets.zip(chunks).map(|(offset, bytes)| RawEntry { offset, bytes: *bytes }));
        }
        Ok(entries)
    }

    /// Returns the entries of a directory up to the first that was never used.
    pub(super) fn raw_entries(
        &self,
        directory: DirectoryStart,
    ) -> FsResult<impl Iterator<Item = RawEntry> + use<D>> {
        Ok(self.all_entries(directory)?.into_iter().take_while(|entry| u8_at(&entry.bytes, 0) != 0))
    }

    /// Returns the files and directories in a directory, without `.` and `..`.
    pub(super) fn entries(&self, directory: DirectoryStart) -> FsResult<Vec<NamedEntry>> {
        let (mut entries, mut pieces) = (Vec::new(), Vec::new());
        for raw in self.raw_entries(directory)? {
            let kind = raw.kind();
            if matches!(kind, EntryKind::File | EntryKind::Directory) {
                let name = long_name(&pieces, &raw).unwrap_or_else(|| raw.shown_short_name());
                entries.push(NamedEntry { raw, name });
            }
            if kind == EntryKind::LongName {
                pieces.push(raw);
            } else {
                pieces.clear();
            }
        }
        Ok(entries)
    }

    /// Returns the entry of one name in a directory. An entry with a long name is found by that one alone.
    ///
    /// Its short name (8.3) is an alias that the program made up which wrote it. `fatfs` takes either for the name of a file,
    /// as DOS did, so that `BCM271~1.DTB` is one of the firmware's files: which one hangs on the order in which they
    /// were written. Nobody means that; so a name that is only an alias is an error; so is one that is both, because
    /// `fatfs` would take whichever comes first.
    fn entry_in(&self, directory: DirectoryStart, name: &str) -> FsResult<Option<NamedEntry>> {
        let wanted = folded(name);
        let (mut found, mut alias_of) = (None, None);
        for entry in self.entries(directory)? {
            if folded(&entry.name) == wanted {
                if found.is_some() {
                    return Err(damaged(format!("two entries of a directory are called `{name}`")));
                }
                found = Some(entry);
            } else if folded(&decoded(&entry.raw.short_name())) == wanted {
                alias_of = Some(entry.name);
            }
        }
        match (found, alias_of) {
            (found, None) => Ok(found),
            (None, Some(of)) => Err(FsError::ShortName { of }),
            (Some(_), Some(of)) => {
                Err(damaged(format!("`{name}` is the name of one file and the short name of `{of}`")))
            }
        }
    }

    /// Returns the beginning of the directory at a path, and its entry in the one above. The root has none.
    pub(super) fn directory_at(&self, path: &ImagePath) -> FsResult<(DirectoryStart, Option<RawEntry>)> {
        let mut found = (DirectoryStart::Root, None);
        for part in path.parts() {
            let entry = self.entry_in(found.0, part)?.ok_or(FsError::NotFound)?.raw;
            if entry.kind() != EntryKind::Directory {
                return Err(FsError::WrongKind { expected: FileKind::Directory, found: FileKind::File });
            }
            let first = entry.first_cluster(self.boot_sector.width);
            found = (DirectoryStart::Cluster(first), Some(entry));
        }
        Ok(found)
    }

    /// Returns the entry at a path, or `None` when nothing is there. The root directory has none.
    pub(super) fn entry_at(&self, path: &ImagePath) -> FsResult<Option<RawEntry>> {
        let Some(parent) = path.parent() else { return Ok(None) };
        match self.directory_at(&parent) {
            Ok((parent, _)) => Ok(self.entry_in(parent, path.name())?.map(|entry| entry.raw)),
            Err(FsError::NotFound | FsError::WrongKind { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Returns the kind of what is at a path.
    pub(super) fn kind_at(&self, path: &ImagePath) -> FsResult<Option<FileKind>> {
        if path.parent().is_none() {
            return Ok(Some(FileKind::Directory));
        }
        Ok(self.entry_at(path)?.map(|entry| entry.file_kind()))
    }
}
