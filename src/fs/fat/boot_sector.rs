//! The boot sector: the layout of a FAT, checked before anything relies on it.
//!
//! ```text
//! | reserved sectors          | table | table | root directory  | data: clusters 2, 3, ...
//! | boot sector, FSInfo, ...  |  (1)  |  (2)  | (FAT12, FAT16)  | (FAT32: also the root directory)
//! ```

use crate::fs::{FsResult, damaged};
use crate::types::ByteCount;
use crate::types::fields::{array_at, u8_at, u16_at, u32_at};

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

/// The width of an entry of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Width {
    Fat12 = 12,
    Fat16 = 16,
    Fat32 = 32,
}

impl Width {
    pub(super) fn bits(self) -> u64 {
        self as u64
    }
}

/// The position of the root directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Root {
    /// FAT12 and FAT16: behind the tables, with a fixed size.
    Fixed { offset: u64, length: u64 },
    /// FAT32: in clusters, beginning with this one.
    Cluster(u32),
}

/// The layout of a FAT. All offsets are in bytes from the start of the partition, and lie inside it.
#[derive(Debug, Clone)]
pub(super) struct BootSector {
    pub(super) width: Width,
    pub(super) bytes_per_cluster: u64,
    /// The number of clusters that hold data. The first of them is cluster 2.
    pub(super) clusters: u32,
    /// The offset of cluster 2.
    pub(super) data: u64,
    /// The offset of the first table.
    pub(super) table: u64,
    pub(super) root: Root,
    /// The offset of FSInfo; only FAT32 has one.
    pub(super) fs_info: Option<u64>,
    pub(super) size: ByteCount,
    /// `BS_VolID`.
    pub(super) serial: u32,
    /// `BS_VolLab`; a label in the root directory is newer.
    pub(super) label: [u8; 11],
    /// The lowest bit of `BS_Reserved1`, where Linux and Windows note an unfinished write.
    pub(super) marked_dirty: bool,
    /// `BPB_ExtFlags` says that only one table is up to date.
    pub(super) one_table_in_use: bool,
}

/// `BPB_BytsPerSec`.
fn bytes_per_sector(bytes: &[u8; SIZE]) -> u64 {
    u16_at(bytes, 11).into()
}

/// `BPB_SecPerClus`, `BPB_RsvdSecCnt` and `BPB_NumFATs`.
fn cluster_reserved_tables(bytes: &[u8; SIZE]) -> (u64, u64, u64) {
    (u8_at(bytes, 13).into(), u16_at(bytes, 14).into(), u8_at(bytes, 16).into())
}

/// Returns what these bytes would have if they were a boot sector, but have not.
pub(super) fn missing_in(bytes: &[u8; SIZE]) -> Option<&'static str> {
    let (sectors_per_cluster, reserved, tables) = cluster_reserved_tables(bytes);
    if u16_at(bytes, 510) != 0xaa55 {
        Some("no boot sector")
    } else if !matches!(bytes_per_sector(bytes), 512 | 1024 | 2048 | 4096) {
        Some("a boot sector without a size of sectors")
    } else if !sectors_per_cluster.is_power_of_two() {
        Some("a boot sector without a size of clusters")
    } else if reserved == 0 || !(1..=2).contains(&tables) {
        Some("a boot sector without tables")
    } else {
        None
    }
}

impl BootSector {
    /// Takes the fields of a boot sector that misses nothing, in a partition of this size.
    pub(super) fn parse(bytes: &[u8; SIZE], partition: ByteCount) -> FsResult<Self> {
        let bytes_per_sector = bytes_per_sector(bytes);
        let (sectors_per_cluster, reserved, tables) = cluster_reserved_tables(bytes);
        // BPB_FATSz16 and BPB_FATSz32, BPB_TotSec16 and BPB_TotSec32: FAT32 has the wide ones only.
        let (table_16, table_32) = (u64::from(u16_at(bytes, 22)), u64::from(u32_at(bytes, 36)));
        let (sectors_16, sectors_32) = (u64::from(u16_at(bytes, 19)), u64::from(u32_at(bytes, 32)));
        let is_fat32 = table_16 == 0;
        let table_sectors = if is_fat32 { table_32 } else { table_16 };
        if (sectors_16 == 0) == (sectors_32 == 0) || (is_fat32 && sectors_16 != 0) {
            return Err(damaged("its boot sector contradicts itself about the size"));
        }
        let sectors = sectors_16.max(sectors_32);
        if sectors * bytes_per_sector > partition.get() {
            return Err(damaged("its boot sector has a size larger than its partition"));
        }
        // BPB_RootEntCnt.
        let root_bytes = u64::from(u16_at(bytes, 17)) * DIRECTORY_ENTRY;
        if (root_bytes == 0) != is_fat32 || !root_bytes.is_multiple_of(bytes_per_sector) {
            return Err(damaged("its root directory has a size that no FAT has"));
        }
        let root_start = reserved + tables * table_sectors;
        let data_start = root_start + root_bytes / bytes_per_sector;
        let clusters = sectors.checked_sub(data_start).map(|sectors| sectors / sectors_per_cluster);
        let clusters = clusters.and_then(|clusters| u32::try_from(clusters).ok());
        let clusters = clusters.filter(|clusters| (1..=MOST_CLUSTERS).contains(clusters));
        let clusters = clusters.ok_or_else(|| damaged("it has no clusters, or too many"))?;
        let width = match clusters {
            0..FAT16_CLUSTERS => Width::Fat12,
            FAT16_CLUSTERS..FAT32_CLUSTERS => Width::Fat16,
            _ => Width::Fat32,
        };
        if is_fat32 != (width == Width::Fat32) {
            return Err(damaged("its boot sector contradicts itself about the kind of FAT"));
        }
        if table_sectors * bytes_per_sector * 8 / width.bits() < u64::from(clusters) + 2 {
            return Err(damaged("its table is too small for its clusters"));
        }
        // BS_Reserved1, BS_BootSig, BS_VolID and BS_VolLab follow each other, at one of two offsets.
        let tail = if is_fat32 { 65 } else { 37 };
        let named = u8_at(bytes, tail + 1) == 0x29;
        let mut sector = Self {
            width,
            bytes_per_cluster: sectors_per_cluster * bytes_per_sector,
            clusters,
            data: data_start * bytes_per_sector,
            table: reserved * bytes_per_sector,
            root: Root::Fixed { offset: root_start * bytes_per_sector, length: root_bytes },
            fs_info: None,
            size: ByteCount::new(sectors * bytes_per_sector),
            serial: if named { u32_at(bytes, tail + 2) } else { 0 },
            label: if named { array_at(bytes, tail + 6) } else { [b' '; 11] },
            marked_dirty: u8_at(bytes, tail) & 1 != 0,
            one_table_in_use: false,
        };
        if is_fat32 {
            sector.take_fat32(bytes, reserved, bytes_per_sector)?;
        }
        Ok(sector)
    }

    /// Takes the fields that only FAT32 has.
    fn take_fat32(&mut self, bytes: &[u8; SIZE], reserved: u64, bytes_per_sector: u64) -> FsResult<()> {
        // BPB_FSVer, BPB_FSInfo and BPB_BkBootSec.
        let [version, fs_info, backup] = [42, 48, 50].map(|offset| u64::from(u16_at(bytes, offset)));
        if version != 0 || fs_info == 0 || fs_info >= reserved || backup >= reserved {
            return Err(damaged("its boot sector is not that of a FAT32"));
        }
        // BPB_RootClus and BPB_ExtFlags.
        self.root = Root::Cluster(u32_at(bytes, 44));
        self.fs_info = Some(fs_info * bytes_per_sector);
        self.one_table_in_use = u16_at(bytes, 40) & 0x80 != 0;
        Ok(())
    }

    /// Returns the offset of a cluster, or `None` for a number that no cluster has.
    pub(super) fn offset_of(&self, cluster: u32) -> Option<u64> {
        let index = cluster.checked_sub(2).filter(|index| *index < self.clusters)?;
        Some(self.data + u64::from(index) * self.bytes_per_cluster)
    }
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

    fn with(offset: usize, field: &[u8]) -> FsResult<BootSector> {
        let mut bytes = fat32();
        bytes[offset..][..field.len()].copy_from_slice(field);
        match missing_in(&bytes) {
            Some(missing) => Err(damaged(missing)),
            None => BootSector::parse(&bytes, PARTITION),
        }
    }

    #[test]
    fn the_layout_of_a_fat32_is_read() {
        let sector = with(0, &[]).unwrap();
        assert_eq!(sector.width, Width::Fat32);
        assert_eq!(sector.clusters, 70000);
        assert_eq!((sector.table, sector.data), (32 * 512, 1152 * 512));
        assert_eq!(sector.root, Root::Cluster(2));
        assert_eq!((sector.fs_info, sector.serial), (Some(512), 0x1234_abcd));
        assert_eq!(sector.offset_of(2), Some(1152 * 512));
        assert_eq!(sector.offset_of(70001), Some(71151 * 512));
        assert_eq!([0, 1, 70002].map(|cluster| sector.offset_of(cluster)), [None; 3]);
    }

    #[test]
    fn layouts_that_no_fat_has_are_refused() {
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
