//! The table a FAT is named after: for every cluster, the one that follows it.

use super::boot_sector::Width;
use super::volume::Volume;
use crate::fs::{FreeSpace, FsResult, UnusedRanges, damaged};
use crate::io::ReadAt;
use crate::types::fields::{u16_at, u32_at};
use crate::types::number::usize_from;
use std::sync::Arc;

/// The number of entries that are counted at once: an even one.
const PIECE: usize = 16 * 1024;
/// The most bytes that they take.
const PIECE_BYTES: usize = PIECE * 4;

/// Returns the parts of a FAT that hold nothing: its free clusters. Boot sectors, tables and a root directory of
/// fixed place count as in use.
///
/// # Errors
/// When it is not a FAT, or damaged.
pub fn unused(disk: Arc<dyn ReadAt>) -> FsResult<UnusedRanges> {
    let volume = Volume::open(disk)?;
    let mut free = FreeSpace::default();
    volume.each_free_cluster(|cluster| {
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
    /// Returns the entry of a cluster.
    fn entry(&self, cluster: u32) -> FsResult<u32> {
        // As much as two entries take at most. Behind the table there are clusters, so the disk does not end there.
        let mut pair = [0; 8];
        self.read(self.offset_of_entry(cluster - cluster % 2), &mut pair)?;
        Ok(self.decode(&pair, usize_from(cluster % 2)))
    }

    /// Returns the offset of the entry of an even cluster.
    fn offset_of_entry(&self, cluster: u32) -> u64 {
        let bits = self.boot_sector.width.bits();
        self.boot_sector.table + u64::from(cluster) * bits / 8
    }

    /// Returns one of the entries in `bytes`, which begin with that of an even cluster. On FAT12 two entries share
    /// the byte between them.
    fn decode(&self, bytes: &[u8], index: usize) -> u32 {
        match self.boot_sector.width {
            Width::Fat12 => u32::from(u16_at(bytes, index + index / 2)) >> (index % 2 * 4) & 0xfff,
            Width::Fat16 => u16_at(bytes, index * 2).into(),
            // The upper four bits are reserved.
            Width::Fat32 => u32_at(bytes, index * 4) & 0x0fff_ffff,
        }
    }

    fn next(&self, cluster: u32) -> FsResult<Next> {
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
    pub(super) fn chain(&self, first: u32, limit: usize) -> FsResult<Vec<u32>> {
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
    pub(super) fn free_clusters(&self) -> FsResult<u32> {
        let mut free = 0;
        self.each_free_cluster(|_| free += 1)?;
        Ok(free)
    }

    /// Calls `found` with every free cluster, in order.
    fn each_free_cluster(&self, mut found: impl FnMut(u32)) -> FsResult<()> {
        let end = self.boot_sector.clusters + 2;
        let mut piece = vec![0; PIECE_BYTES];
        for start in (0..end).step_by(PIECE) {
            let entries = usize_from(end - start).min(PIECE);
            let length = (usize_from(self.boot_sector.width.bits()) * entries).div_ceil(8);
            self.read(self.offset_of_entry(start), piece.split_at_mut(length).0)?;
            // The first two entries are those of no cluster.
            let mut free = |cluster: u32, entry: u32| {
                if cluster >= 2 && entry == 0 {
                    found(cluster);
                }
            };
            if self.boot_sector.width == Width::Fat32 {
                // Large partitions have a hundred thousand clusters, and those of every node are counted.
                let (entries, _) = piece.split_at(length).0.as_chunks();
                let entries = entries.iter().map(|entry| u32::from_le_bytes(*entry) & 0x0fff_ffff);
                (start..).zip(entries).for_each(|(cluster, entry)| free(cluster, entry));
            } else {
                (start..)
                    .zip(0..entries)
                    .for_each(|(cluster, index)| free(cluster, self.decode(&piece, index)));
            }
        }
        Ok(())
    }

    /// Reads whether the second entry of the table says that everything was written (`ClnShutBitMask`).
    pub(super) fn table_says_clean(&self) -> FsResult<bool> {
        Ok(match self.boot_sector.width {
            Width::Fat12 => true,
            Width::Fat16 => self.entry(1)? & 0x8000 != 0,
            Width::Fat32 => self.entry(1)? & 0x0800_0000 != 0,
        })
    }
}
