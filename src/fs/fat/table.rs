//! The table a FAT is named after: for every cluster, the one that follows it.

use super::boot_sector::Width;
use super::volume::Volume;
use crate::fs::FsError;
use crate::fs::fields::u16_at;
use crate::types::number::usize_from;

/// As much of the table as is counted at once.
const PIECE: usize = 64 * 1024;

/// The entry of a cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    Cluster(u32),
    End,
    /// Free, bad or reserved: nothing that a chain may lead to.
    Nothing,
}

impl Volume {
    fn entry(&self, cluster: u32) -> Result<u32, FsError> {
        let index = u64::from(cluster);
        let mut bytes = [0; 4];
        let (start, length) = match self.shape.width {
            Width::Fat12 => (index + index / 2, 2),
            Width::Fat16 => (index * 2, 2),
            Width::Fat32 => (index * 4, 4),
        };
        self.read(self.shape.table + start, bytes.split_at_mut(length).0)?;
        let entry = u32::from_le_bytes(bytes);
        Ok(match self.shape.width {
            Width::Fat12 if cluster % 2 == 1 => entry >> 4,
            Width::Fat12 => entry & 0xfff,
            Width::Fat16 => entry,
            // The upper four bits are reserved.
            Width::Fat32 => entry & 0x0fff_ffff,
        })
    }

    fn next(&self, cluster: u32) -> Result<Next, FsError> {
        let entry = self.entry(cluster)?;
        let end = match self.shape.width {
            Width::Fat12 => 0xff8,
            Width::Fat16 => 0xfff8,
            Width::Fat32 => 0x0fff_fff8,
        };
        Ok(if entry >= end {
            Next::End
        } else if self.shape.offset_of(entry).is_some() {
            Next::Cluster(entry)
        } else {
            Next::Nothing
        })
    }

    /// The clusters from `first` to the end of its chain, at most `limit`.
    pub(super) fn chain(&self, first: u32, limit: usize) -> Result<Vec<u32>, FsError> {
        if self.shape.offset_of(first).is_none() {
            return Err(FsError::Damaged("a file begins at a cluster that does not exist".to_owned()));
        }
        let mut chain = vec![first];
        let mut last = first;
        loop {
            match self.next(last)? {
                Next::End => return Ok(chain),
                Next::Nothing => {
                    return Err(FsError::Damaged(
                        "a file goes on at a cluster that is not in use".to_owned(),
                    ));
                }
                Next::Cluster(_) if chain.len() >= limit => {
                    return Err(FsError::Damaged("a chain of clusters has no end".to_owned()));
                }
                Next::Cluster(next) => {
                    chain.push(next);
                    last = next;
                }
            }
        }
    }

    /// How many clusters are free.
    pub(super) fn free_clusters(&self) -> Result<u32, FsError> {
        let mut free = 0;
        self.each_free_cluster(&mut |_| free += 1)?;
        Ok(free)
    }

    /// Calls `found` with every cluster that is free, in order.
    pub(super) fn each_free_cluster(&self, found: &mut dyn FnMut(u32)) -> Result<(), FsError> {
        let clusters = 2..self.shape.clusters + 2;
        let entry_bytes = match self.shape.width {
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
        let mut offset = self.shape.table + 2 * entry_bytes as u64;
        let mut piece = vec![0; PIECE];
        let mut cluster = clusters.start;
        while cluster < clusters.end {
            let rest = usize_from(clusters.end - cluster);
            // `PIECE` is a multiple of both sizes of an entry.
            let (bytes, _) = piece.split_at_mut(rest.min(PIECE / entry_bytes) * entry_bytes);
            self.read(offset, bytes)?;
            for entry in bytes.chunks_exact(entry_bytes) {
                let is_free = match self.shape.width {
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

    /// Whether the second entry of the table says that everything was written (`ClnShutBitMask`).
    pub(super) fn table_says_clean(&self) -> Result<bool, FsError> {
        let mut bytes = [0; 4];
        self.read(self.shape.table, &mut bytes)?;
        Ok(match self.shape.width {
            Width::Fat12 => true,
            Width::Fat16 => u16_at(&bytes, 2) & 0x8000 != 0,
            Width::Fat32 => self.entry(1)? & 0x0800_0000 != 0,
        })
    }
}

fn is_free_32(entry: &[u8]) -> bool {
    matches!(entry, [0, 0, 0, upper] if upper % 16 == 0)
}
