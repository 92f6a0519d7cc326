//! The raw entries of a directory, 32 bytes each.

use super::boot_sector::{Root, Width};
use super::volume::Volume;
use crate::fs::FsError;
use crate::fs::fields::{array_at, put_at, u8_at, u16_at, u32_at};
use crate::types::number::usize_from;

/// Bytes of an entry, as they lie on the disk.
const ENTRY: u64 = 32;

/// The same, as the length of an array.
const ENTRY_BYTES: usize = 32;
/// The largest directory, in bytes: 65536 entries, by the specification.
const LARGEST: u64 = 65536 * ENTRY;
/// `ATTR_DIRECTORY`.
pub(super) const DIRECTORY: u8 = 0x10;
/// `ATTR_VOLUME_ID`.
const VOLUME_LABEL: u8 = 0x08;
/// `ATTR_LONG_NAME`, under the mask of the bits that are in use.
const LONG_NAME: u8 = 0x0f;

/// A directory, by where it begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Directory {
    Root,
    Cluster(u32),
}

/// One entry and where it lies on the disk.
#[derive(Debug, Clone, Copy)]
pub(super) struct RawEntry {
    pub(super) offset: u64,
    pub(super) bytes: [u8; ENTRY_BYTES],
}

/// What an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    /// No entries follow.
    End,
    /// Deleted, a piece of a long name, or a label.
    Nothing,
    /// `.` or `..`.
    Dots,
    File,
    Directory,
}

impl RawEntry {
    pub(super) fn meaning(&self) -> Meaning {
        let [first, .., _] = self.bytes;
        let attributes = self.attributes();
        if first == 0 {
            Meaning::End
        } else if first == 0xe5 || attributes & LONG_NAME == LONG_NAME || attributes & VOLUME_LABEL != 0 {
            Meaning::Nothing
        } else if matches!(self.short_name().as_slice(), b"." | b"..") {
            Meaning::Dots
        } else if attributes & DIRECTORY != 0 {
            Meaning::Directory
        } else {
            Meaning::File
        }
    }

    /// `DIR_Attr`.
    fn attributes(&self) -> u8 {
        u8_at(&self.bytes, 11)
    }

    /// `DIR_FstClusHI` and `DIR_FstClusLO`; zero is none.
    pub(super) fn first_cluster(&self, width: Width) -> u32 {
        let upper = if width == Width::Fat32 { u32::from(u16_at(&self.bytes, 20)) << 16 } else { 0 };
        upper | u32::from(u16_at(&self.bytes, 26))
    }

    pub(super) fn set_first_cluster(&mut self, cluster: u32) {
        let [a, b, c, d] = cluster.to_le_bytes();
        put_at(&mut self.bytes, 20, &[c, d]);
        put_at(&mut self.bytes, 26, &[a, b]);
    }

    /// `DIR_FileSize`.
    pub(super) fn size(&self) -> u32 {
        u32_at(&self.bytes, 28)
    }

    /// `DIR_Name` as `NAME.EXT`, without padding, in the encoding of the volume.
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
}

impl Volume {
    /// The clusters of a directory; none for the fixed root directory of FAT12 and FAT16.
    pub(super) fn directory_clusters(&self, directory: Directory) -> Result<Vec<u32>, FsError> {
        let first = match (directory, self.shape.root) {
            (Directory::Cluster(first), _) | (Directory::Root, Root::Cluster(first)) => first,
            (Directory::Root, Root::Fixed { .. }) => return Ok(Vec::new()),
        };
        let limit = LARGEST / self.shape.bytes_per_cluster;
        self.chain(first, usize_from(limit))
    }

    /// All entries of a directory, used or not, in order.
    pub(super) fn entries(&self, directory: Directory) -> Result<Vec<RawEntry>, FsError> {
        let mut pieces = Vec::new();
        if let (Directory::Root, Root::Fixed { offset, length }) = (directory, self.shape.root) {
            pieces.push((offset, length));
        }
        for cluster in self.directory_clusters(directory)? {
            pieces.extend(self.shape.offset_of(cluster).map(|offset| (offset, self.shape.bytes_per_cluster)));
        }
        let mut entries = Vec::new();
        for (start, length) in pieces {
            for index in 0..length / ENTRY {
                let offset = start + index * ENTRY;
                let mut bytes = [0; ENTRY_BYTES];
                self.read(offset, &mut bytes)?;
                entries.push(RawEntry { offset, bytes });
            }
        }
        Ok(entries)
    }

    /// Puts an entry back where it lies.
    pub(super) fn write_entry(&self, entry: &RawEntry) -> Result<(), FsError> {
        self.write(entry.offset, &entry.bytes)
    }

    /// The number by which `..` refers to a directory.
    pub(super) fn number_in_dots(directory: Directory) -> u32 {
        match directory {
            // Also on FAT32, where the root directory has a cluster.
            Directory::Root => 0,
            Directory::Cluster(first) => first,
        }
    }
}
