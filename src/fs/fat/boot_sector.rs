//! The boot sector: the shape of a FAT, checked before anything relies on it.

use crate::fs::FsError;
use crate::fs::fields::{array_at, u8_at, u16_at, u32_at};
use crate::types::ByteCount;

/// Bytes of a boot sector, whatever the size of a sector.
pub(super) const SIZE: usize = 512;
/// Fewer clusters make a FAT12, by definition.
const FAT16_CLUSTERS: u32 = 4085;
/// Fewer clusters make a FAT16, by definition.
const FAT32_CLUSTERS: u32 = 65525;
/// A boot partition of 32 GiB in the smallest clusters; `fatfs` counts some things in 32 bits.
const MOST_CLUSTERS: u32 = 1 << 26;
/// Bytes of one entry of a directory.
const DIRECTORY_ENTRY: u64 = 32;

/// How wide the entries of the table are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Width {
    Fat12,
    Fat16,
    Fat32,
}

/// Where the root directory lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Root {
    /// FAT12 and FAT16: behind the tables, with a fixed size.
    Fixed { offset: u64, length: u64 },
    /// FAT32: in clusters, beginning with this one.
    Cluster(u32),
}

/// The shape of a FAT. All offsets are in bytes from the start of the partition, and lie inside it.
#[derive(Debug, Clone)]
pub(super) struct BootSector {
    pub(super) width: Width,
    pub(super) bytes_per_cluster: u64,
    /// How many clusters hold data; they are numbered from 2.
    pub(super) clusters: u32,
    /// Where cluster 2 lies.
    pub(super) data: u64,
    /// Where the first table lies.
    pub(super) table: u64,
    pub(super) root: Root,
    /// Where FSInfo lies; only FAT32 has one.
    pub(super) info: Option<u64>,
    pub(super) size: ByteCount,
    /// `BS_VolID`.
    pub(super) serial: u32,
    /// `BS_VolLab`; a label in the root directory is newer.
    pub(super) label: [u8; 11],
    /// The lowest bit of `BS_Reserved1`, where Linux and Windows note an unfinished write.
    pub(super) marked_dirty: bool,
    /// `BPB_ExtFlags` says that only one table is kept up to date.
    pub(super) one_table_in_use: bool,
}

impl BootSector {
    /// Takes the fields of a boot sector of a partition of `partition` bytes.
    pub(super) fn parse(bytes: &[u8; SIZE], partition: ByteCount) -> Result<Self, FsError> {
        let byte = |offset: usize| u8_at(bytes, offset);
        if u16_at(bytes, 510) != 0xaa55 {
            return Err(no_fat("no boot sector"));
        }
        let bytes_per_sector = u64::from(u16_at(bytes, 11));
        if !matches!(bytes_per_sector, 512 | 1024 | 2048 | 4096) {
            return Err(no_fat("a boot sector with no size of sectors"));
        }
        let sectors_per_cluster = u64::from(byte(13));
        if !sectors_per_cluster.is_power_of_two() {
            return Err(no_fat("a boot sector with no size of clusters"));
        }
        let (reserved, tables) = (u64::from(u16_at(bytes, 14)), u64::from(byte(16)));
        if reserved == 0 || !(1..=2).contains(&tables) {
            return Err(no_fat("a boot sector with no tables"));
        }
        let (table_16, table_32) = (u64::from(u16_at(bytes, 22)), u64::from(u32_at(bytes, 36)));
        let is_fat32 = table_16 == 0;
        let table_sectors = if is_fat32 { table_32 } else { table_16 };
        let (total_16, total_32) = (u64::from(u16_at(bytes, 19)), u64::from(u32_at(bytes, 32)));
        if (total_16 == 0) == (total_32 == 0) || (is_fat32 && total_16 != 0) {
            return Err(damaged("its boot sector contradicts itself about the size"));
        }
        let total = total_16.max(total_32);
        if total * bytes_per_sector > partition.get() {
            return Err(damaged("it says it is larger than its partition"));
        }
        let root_bytes = u64::from(u16_at(bytes, 17)) * DIRECTORY_ENTRY;
        if (root_bytes == 0) != is_fat32 || !root_bytes.is_multiple_of(bytes_per_sector) {
            return Err(damaged("its root directory has a size that no FAT has"));
        }
        let root_start = reserved + tables * table_sectors;
        let data_start = root_start + root_bytes / bytes_per_sector;
        let clusters = total.checked_sub(data_start).map(|sectors| sectors / sectors_per_cluster);
        let clusters = clusters.and_then(|clusters| u32::try_from(clusters).ok());
        let clusters = clusters.filter(|clusters| (1..=MOST_CLUSTERS).contains(clusters));
        let clusters =
            clusters.ok_or_else(|| damaged("it has no clusters, or more than a card has room for"))?;
        let width = match clusters {
            0..FAT16_CLUSTERS => Width::Fat12,
            FAT16_CLUSTERS..FAT32_CLUSTERS => Width::Fat16,
            _ => Width::Fat32,
        };
        if is_fat32 != (width == Width::Fat32) {
            return Err(damaged("its boot sector contradicts itself about the kind of FAT"));
        }
        let entry_bits = match width {
            Width::Fat12 => 12,
            Width::Fat16 => 16,
            Width::Fat32 => 32,
        };
        if table_sectors * bytes_per_sector * 8 / entry_bits < u64::from(clusters) + 2 {
            return Err(damaged("its table is too small for its clusters"));
        }
        let extended = if is_fat32 { 64 } else { 36 };
        let named = byte(extended + 2) == 0x29;
        let mut sector = Self {
            width,
            bytes_per_cluster: sectors_per_cluster * bytes_per_sector,
            clusters,
            data: data_start * bytes_per_sector,
            table: reserved * bytes_per_sector,
            root: Root::Fixed { offset: root_start * bytes_per_sector, length: root_bytes },
            info: None,
            size: ByteCount::new(total * bytes_per_sector),
            serial: if named { u32_at(bytes, extended + 3) } else { 0 },
            label: if named { array_at(bytes, extended + 7) } else { [b' '; 11] },
            marked_dirty: byte(extended + 1) & 1 != 0,
            one_table_in_use: false,
        };
        if is_fat32 {
            sector.take_fat32(bytes, reserved, bytes_per_sector)?;
        }
        Ok(sector)
    }

    fn take_fat32(
        &mut self,
        bytes: &[u8; SIZE],
        reserved: u64,
        bytes_per_sector: u64,
    ) -> Result<(), FsError> {
        let info = u64::from(u16_at(bytes, 48));
        let backup = u64::from(u16_at(bytes, 50));
        if u16_at(bytes, 42) != 0 || info == 0 || info >= reserved || backup >= reserved {
            return Err(damaged("its boot sector is none of a FAT32"));
        }
        self.root = Root::Cluster(u32_at(bytes, 44));
        self.info = Some(info * bytes_per_sector);
        self.one_table_in_use = u16_at(bytes, 40) & 0x80 != 0;
        Ok(())
    }

    /// Where a cluster lies, or `None` for a number that no cluster has.
    pub(super) fn offset_of(&self, cluster: u32) -> Option<u64> {
        let index = cluster.checked_sub(2).filter(|index| *index < self.clusters)?;
        Some(self.data + u64::from(index) * self.bytes_per_cluster)
    }

    /// `FAT12`, `FAT16` or `FAT32`.
    pub(super) fn kind(&self) -> &'static str {
        match self.width {
            Width::Fat12 => "FAT12",
            Width::Fat16 => "FAT16",
            Width::Fat32 => "FAT32",
        }
    }
}

fn no_fat(found: &str) -> FsError {
    FsError::NotThisFilesystem { expected: "FAT", found: found.to_owned() }
}

fn damaged(what: &str) -> FsError {
    FsError::Damaged(what.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A FAT32 of 70000 clusters of 512 bytes, as `mkfs.fat -F 32 -s 1` would make it.
    fn fat32() -> [u8; SIZE] {
        let mut bytes = [0; SIZE];
        let mut put = |offset: usize, field: &[u8]| bytes[offset..][..field.len()].copy_from_slice(field);
        put(11, &512_u16.to_le_bytes());
        put(13, &[1]);
        put(14, &32_u16.to_le_bytes());
        put(16, &[2]);
        put(32, &71152_u32.to_le_bytes());
        put(36, &560_u32.to_le_bytes());
        put(44, &2_u32.to_le_bytes());
        put(48, &1_u16.to_le_bytes());
        put(50, &6_u16.to_le_bytes());
        put(66, &[0x29]);
        put(67, &0x1234_abcd_u32.to_le_bytes());
        put(71, b"bootfs     ");
        put(510, &[0x55, 0xaa]);
        bytes
    }

    const PARTITION: ByteCount = ByteCount::new(71152 * 512);

    fn with(offset: usize, field: &[u8]) -> Result<BootSector, FsError> {
        let mut bytes = fat32();
        bytes[offset..][..field.len()].copy_from_slice(field);
        BootSector::parse(&bytes, PARTITION)
    }

    #[test]
    fn the_shape_of_a_fat32_is_read() {
        let sector = with(0, &[]).unwrap();
        assert_eq!(sector.width, Width::Fat32);
        assert_eq!(sector.clusters, 70000);
        assert_eq!((sector.table, sector.data), (32 * 512, 1152 * 512));
        assert_eq!(sector.root, Root::Cluster(2));
        assert_eq!((sector.info, sector.serial), (Some(512), 0x1234_abcd));
        assert_eq!(sector.offset_of(2), Some(1152 * 512));
        assert_eq!(sector.offset_of(70001), Some(71151 * 512));
        assert_eq!([0, 1, 70002].map(|cluster| sector.offset_of(cluster)), [None; 3]);
    }

    #[test]
    fn shapes_that_no_fat_has_are_refused() {
        let wrong: [(usize, &[u8]); 12] = [
            (510, &[0, 0]),
            (11, &[0, 0]),
            (13, &[0]),
            (13, &[3]),
            (14, &[0, 0]),
            (16, &[0]),
            (16, &[9]),
            (19, &[1, 0]),
            (32, &u32::MAX.to_le_bytes()),
            (36, &10_u32.to_le_bytes()),
            (17, &[16, 0]),
            (48, &[200, 0]),
        ];
        for (offset, field) in wrong {
            assert!(with(offset, field).is_err(), "{offset}: {field:?}");
        }
    }
}
