//! Partition tables: MBR, which the stock images have, and GPT.

use super::{ByteCount, ByteOffset, DiskError, ReadAt};

/// A partition table.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct PartitionTable {
    /// MBR or GPT, with the identity of the disk.
    pub kind: TableKind,
    /// The partitions in use, by number.
    pub partitions: Vec<PartitionEntry>,
}

/// Which kind of table it is.
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
    /// Where it begins, in bytes.
    pub start: ByteOffset,
    /// How large it is, in bytes.
    pub length: ByteCount,
    /// What its entry says it holds.
    pub kind: PartitionKind,
}

/// What the entry of a partition says it holds.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum PartitionKind {
    /// A FAT: MBR types 0x0b, 0x0c, 0x0e, 0x06; GPT basic data or EFI system.
    Fat,
    /// A Linux filesystem: MBR type 0x83; GPT Linux filesystem data or root.
    Linux,
    /// Anything else, by its type number or GUID.
    Other(String),
}

impl PartitionTable {
    /// Reads the table of a disk.
    ///
    /// # Errors
    /// When there is none, or it does not fit the disk.
    pub fn read(_disk: &dyn ReadAt) -> Result<Self, DiskError> {
        todo!()
    }
}
