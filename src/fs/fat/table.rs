//! The table a FAT is named after: for every cluster, the one that follows it.

use super::boot_sector::{Width, damaged};
use super::volume::Volume;
use crate::fs::{FreeSpace, FsError, UnusedRanges};
use crate::io::ReadAt;
use crate::types::fields::u16_at;
use crate::types::number::usize_from;
use std::sync::Arc;

/// As much of the table as is counted at once.
const PIECE: usize = 64 * 1024;

/// Returns the parts of a FAT that hold nothing: its free clusters. Boot sectors, tables and a root directory of
/// fixed place count as in use.
///
/// # Errors
/// When it is not a FAT, or damaged.
pub fn unused(disk: Arc<dyn ReadAt>) -> Result<UnusedRanges, FsError> {
    let volume = Volume::open(disk)?;
    let mut free = FreeSpace::default();
    volume.each_free_cluster(&mut |cluster| {
        if let Some(offset) = volume.boot_sector.offset_of(cluster) {
            free.add(offset, volume.boot_sector.bytes_per_cluster);
        }
    })?;
    Ok(free.into_ranges())
}

/// The meaning of a cluster's entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    Cluster(u32),
    End,
    /// The entry is free, bad or reserved: nothing that a chain may lead to.
    Nothing,
}

impl<D: ReadAt + ?Sized> Volume<D> {
    /// Returns the entry of a cluster. Those of FAT12 have twelve bits: two of them share the byte between them.
    fn entry(&self, cluster: u32) -> Result<u32, FsError> {
        let index = u64::from(cluster);
        let mut bytes = [0; 4];
        let (start, length) = match self.boot_sector.width {
            Width::Fat12 => (index + index / 2, 2),
            Width::Fat16 => (index * 2, 2),
            Width::Fat32 => (index * 4, 4),
        };
        self.read(self.boot_sector.table + start, bytes.split_at_mut(length).0)?;
        let entry = u32::from_le_bytes(bytes);
        Ok(match self.boot_sector.width {
            Width::Fat12 if cluster % 2 == 1 => entry >> 4,
            Width::Fat12 => entry & 0xfff,
            Width::Fat16 => entry,
            // The upper four bits are reserved.
            Width::Fat32 => entry & 0x0fff_ffff,
        })
    }

    fn next(&self, cluster: u32) -> Result<Next, FsError> {
        let entry = self.entry(cluster)?;
        let end = match self.boot_sector.width {
            Width::Fat12 => 0xff8,
            Width::Fat16 => 0xfff8,
            Width::Fat32 => 0x0fff_fff8,
        };
        Ok(if entry >= end {
            Next::End
        } else if self.boot_sector.offset_of(entry).is_some() {
            Next::Cluster(entry)
        } else {
            Next::Nothing
        })
    }

    /// Returns the clusters from `first` to the end of its chain, at most `limit`.
    pub(super) fn chain(&self, first: u32, limit: usize) -> Result<Vec<u32>, FsError> {
        if self.boot_sector.offset_of(first).is_none() {
            return Err(damaged("a file begins at a cluster that does not exist"));
        }
        let mut chain = vec![first];
        let mut last = first;
        loop {
            match self.next(last)? {
                Next::End => return Ok(chain),
                Next::Nothing => return Err(damaged("a file continues at a cluster that is not in use")),
                Next::Cluster(_) if chain.len() >= limit => {
                    return Err(damaged("a chain of clusters has no end"));
                }
                Next::Cluster(next) => {
                    chain.push(next);
                    last = next;
                }
            }
        }
    }

    /// Returns the number of free clusters.
    pub(super) fn free_clusters(&self) -> Result<u32, FsError> {
        let mut free = 0;
        self.each_free_cluster(&mut |_| free += 1)?;
        Ok(free)
    }

    /// Calls `found` with every free cluster, in order.
    fn each_free_cluster(&self, found: &mut dyn FnMut(u32)) -> Result<(), FsError> {
        let clusters = 2..self.boot_sector.clusters + 2;
        let entry_bytes = match self.boot_sector.width {
            Width::Fat12 => {
                for cluster in clusters {
                    if self.entry(cluster)? == 0 {
                        found(cluster);
                    }
                }
                return Ok(());
            }
            Width::Fat16 => 2,
            Width::Fat32 => 4,
        };
        let mut offset = self.boot_sector.table + 2 * entry_bytes as u64;
        let mut piece = vec![0; PIECE];
        let mut cluster = clusters.start;
        while cluster < clusters.end {
            let rest = usize_from(clusters.end - cluster);
            // `PIECE` is a multiple of both sizes of an entry.
            let (bytes, _) = piece.split_at_mut(rest.min(PIECE / entry_bytes) * entry_bytes);
            self.read(offset, bytes)?;
            for entry in bytes.chunks_exact(entry_bytes) {
                let is_free = match self.boot_sector.width {
                    Width::Fat32 => is_free_32(entry),
                    _ => u16_at(entry, 0) == 0,
                };
                if is_free {
                    found(cluster);
                }
                cluster += 1;
            }
            offset += bytes.len() as u64;
        }
        Ok(())
    }

    /// Reads whether the second entry of the table says that everything was written (`ClnShutBitMask`).
    pub(super) fn table_says_clean(&self) -> Result<bool, FsError> {
        let mut bytes = [0; 4];
        self.read(self.boot_sector.table, &mut bytes)?;
        Ok(match self.boot_sector.width {
            Width::Fat12 => true,
            Width::Fat16 => u16_at(&bytes, 2) & 0x8000 != 0,
            Width::Fat32 => self.entry(1)? & 0x0800_0000 != 0,
        })
    }
}

fn is_free_32(entry: &[u8]) -> bool {
    matches!(entry, [0, 0, 0, upper] if upper % 16 == 0)
}
