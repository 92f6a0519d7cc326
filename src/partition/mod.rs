//! Partition tables: MBR, which the stock images have, and GPT.

mod error;
mod gpt;
mod mbr;
mod resize;

pub use error::PartitionError;

use crate::io::{ReadAt, Window};
use crate::types::{ByteCount, ByteOffset};
use std::io;

/// A sector, in bytes. Images are made for SD cards, whose sectors have 512 bytes.
const SECTOR_SIZE: usize = 512;

/// [`SECTOR_SIZE`] as the offsets count.
pub(crate) const SECTOR: u64 = SECTOR_SIZE as u64;

/// A partition table.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct PartitionTable {
    /// MBR or GPT, with the identity of the disk.
    pub kind: TableKind,
    /// The partitions in use, by number.
    pub partitions: Vec<PartitionEntry>,
}

/// The kind of a partition table.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum TableKind {
    /// The table of the PC, at the end of the first sector.
    Mbr {
        /// The disk id at offset 440, as in `PARTUUID=xxxxxxxx-01`: 8 lower-case hexadecimal digits.
        disk_id: String,
    },
    /// The table of UEFI.
    Gpt {
        /// The GUID of the disk.
        disk_guid: String,
    },
}

/// One partition.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct PartitionEntry {
    /// Its number, from 1.
    pub number: u32,
    /// Its offset on the disk.
    pub start: ByteOffset,
    /// Its size.
    pub length: ByteCount,
    /// The contents that its entry claims.
    pub kind: PartitionKind,
}

/// The contents of a partition, as its entry claims.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum PartitionKind {
    /// A FAT: MBR types 0x0b, 0x0c, 0x0e, 0x06; GPT basic data or EFI system.
    Fat,
    /// A Linux filesystem: MBR type 0x83; GPT Linux filesystem data or root.
    Linux,
    /// Anything else, by its type number or GUID. An extended partition (MBR types 0x05, 0x0f, 0x85) is
    /// one of these: its contents are neither read nor changed.
    Other(String),
}

impl PartitionEntry {
    /// Returns the part that it takes of `disk`: of its own one, or of an overlay above it.
    ///
    /// # Errors
    /// When `disk` is too small for it.
    pub fn window<D: ReadAt>(&self, disk: D) -> io::Result<Window<D>> {
        Window::new(disk, self.start, self.length)
    }
}

impl PartitionTable {
    /// Reads the table of a disk.
    ///
    /// # Errors
    /// When there is none, or it does not fit the disk.
    pub fn read(disk: &dyn ReadAt) -> Result<Self, PartitionError> {
        let mbr = mbr::MasterBootRecord::read(disk)?;
        let table = if mbr.is_protective { gpt::read(disk)? } else { mbr.table };
        table.check(disk.size())?;
        Ok(table)
    }

    /// Checks that the partitions fit the disk, and each other.
    fn check(&self, size: ByteCount) -> Result<(), PartitionError> {
        if self.partitions.is_empty() {
            return Err(no_table("its partition table is empty"));
        }
        let mut by_start: Vec<&PartitionEntry> = self.partitions.iter().collect();
        by_start.sort_by_key(|entry| (entry.start, entry.number));
        // The first sector is the table's own.
        let mut taken = (SECTOR, "the partition table".to_owned());
        for entry in by_start {
            let PartitionEntry { number, start, length, .. } = entry;
            if length.get() == 0 {
                return Err(damaged(format!("partition {number} has no sectors")));
            }
            let end = start
                .checked_add(*length)
                .ok_or_else(|| damaged(format!("partition {number} ends beyond 64 bits")))?
                .get();
            if end > size.get() {
                return Err(PartitionError::BeyondTheEnd { number: *number, end, size: size.get() });
            }
            if start.get() < taken.0 {
                return Err(damaged(format!("partition {number} overlaps {}", taken.1)));
            }
            taken = (end, format!("partition {number}"));
        }
        Ok(())
    }
}

fn no_table(found: &str) -> PartitionError {
    PartitionError::NoTable { found: found.to_owned() }
}

fn damaged(found: String) -> PartitionError {
    PartitionError::Damaged(found)
}

/// Tables for tests.
#[cfg(test)]
pub(crate) mod made {
    /// Makes a disk of `sectors` sectors with an MBR of these entries: type, first sector, number of sectors.
    pub(crate) fn mbr_disk(sectors: usize, entries: &[(u8, u32, u32)]) -> Vec<u8> {
        let mut disk = vec![0; sectors * 512];
        disk[440..444].copy_from_slice(&0x8a4c_e5f0_u32.to_le_bytes());
        for (number, (kind, start, length)) in entries.iter().enumerate() {
            let entry = &mut disk[446 + 16 * number..446 + 16 * (number + 1)];
            entry[4] = *kind;
            entry[8..12].copy_from_slice(&start.to_le_bytes());
            entry[12..16].copy_from_slice(&length.to_le_bytes());
        }
        disk[510..512].copy_from_slice(&[0x55, 0xaa]);
        disk
    }
}
