//! The superblock of an ext4, as far as cardwright decides by it, shows it or writes it.
//!
//! Field names and offsets: `struct ext4_super_block` in the kernel's `fs/ext4/ext4.h`, described in
//! `Documentation/filesystems/ext4/super.rst`.

use super::features::{Feature, Features};
use super::geometry::Geometry;
use super::halves::Halves;
use crate::fs::{FsError, FsResult, Summary, damaged};
use crate::io::ReadAt;
use crate::types::fields::{array_at, u8_at, u16_at, u32_at};
use crate::types::{ByteCount, ByteOffset, UnixTime};

/// The offset of the superblock, whatever the size of a block.
pub(super) const START: ByteOffset = ByteOffset::new(1024);
/// The size of the superblock in bytes.
pub(super) const SIZE: usize = 1024;

/// Offsets of the fields that are written when a filesystem grows.
pub(super) mod field {
    use super::Halves;

    /// `s_inodes_count`.
    pub(in crate::fs::ext4) const INODES_COUNT: usize = 0x0;
    /// `s_blocks_count_lo` and `_hi`.
    pub(in crate::fs::ext4) const BLOCKS_COUNT: Halves = Halves::new(0x4, 0x150);
    /// `s_r_blocks_count_lo` and `_hi`: what root has to itself.
    pub(in crate::fs::ext4) const RESERVED_BLOCKS_COUNT: Halves = Halves::new(0x8, 0x154);
    /// `s_free_blocks_count_lo` and `_hi`.
    pub(in crate::fs::ext4) const FREE_BLOCKS_COUNT: Halves = Halves::new(0xc, 0x158);
    /// `s_free_inodes_count`.
    pub(in crate::fs::ext4) const FREE_INODES_COUNT: usize = 0x10;
    /// `s_state`.
    pub(in crate::fs::ext4) const STATE: usize = 0x3a;
    /// `s_block_group_nr`: the group that this copy is in.
    pub(in crate::fs::ext4) const BLOCK_GROUP_NR: usize = 0x5a;
    /// `s_reserved_gdt_blocks`: blocks behind the descriptors for them to grow into.
    pub(in crate::fs::ext4) const RESERVED_GDT_BLOCKS: usize = 0xce;
    /// `s_overhead_clusters`.
    pub(in crate::fs::ext4) const OVERHEAD_CLUSTERS: usize = 0x248;
    /// `s_checksum_seed`.
    pub(in crate::fs::ext4) const CHECKSUM_SEED: usize = 0x270;
    /// `s_checksum`, of all bytes before it.
    pub(in crate::fs::ext4) const CHECKSUM: usize = 0x3fc;
}

/// `EXT4_SUPER_MAGIC`.
const MAGIC: u16 = 0xef53;
/// FsBlocks are 1 KiB shifted by `s_log_block_size`; 64 KiB are the most (`EXT4_MAX_BLOCK_LOG_SIZE`).
const LARGEST_LOG_BLOCK_SIZE: u32 = 6;
/// Stock images have 4 KiB. In blocks of other sizes rust-fs-ext4 0.8.0 puts the checksum of an extent
/// node (`ext4_extent_tail`) into the last four bytes, where the kernel has it behind entry `eh_max`.
const WRITABLE_BLOCK_SIZES: [u32; 2] = [1024, 4096];
/// `EXT4_VALID_FS`: cleanly unmounted.
pub(super) const VALID: u16 = 0x1;
/// `EXT4_ERROR_FS`: errors were detected.
const ERRORS: u16 = 0x2;
/// `EXT4_ORPHAN_FS`: orphans are being recovered.
const ORPHANS: u16 = 0x4;

/// The superblock: its bytes, and those of its fields that are asked for.
#[derive(Debug)]
pub(super) struct Superblock {
    pub(super) bytes: [u8; SIZE],
    pub(super) features: Features,
    pub(super) geometry: Geometry,
    pub(super) uuid: [u8; 16],
    pub(super) free_blocks: u64,
    pub(super) free_inodes: u32,
    pub(super) reserved_blocks: u64,
}

impl Superblock {
    /// Reads it, and checks that the filesystem fits `disk` and has a layout whose description fits memory.
    pub(super) fn read(disk: &dyn ReadAt) -> FsResult<Self> {
        let not_ext4 = |found| Err(FsError::other_filesystem("an ext4", disk, found));
        let size = disk.size();
        if size.get() < START.get() + SIZE as u64 {
            return not_ext4(format!("it has only {size}"));
        }
        let mut bytes = [0; SIZE];
        disk.read_at(START, &mut bytes)?;
        let magic = u16_at(&bytes, 0x38);
        if magic != MAGIC {
            return not_ext4(format!("it has the magic number {magic:#06x} instead of {MAGIC:#06x}"));
        }
        let superblock = Self::parse(&bytes)?;
        superblock.geometry.check_size(size)?;
        if superblock.free_blocks.max(superblock.reserved_blocks) > superblock.geometry.blocks {
            return Err(damaged("it counts more blocks as free or reserved than it has"));
        }
        Ok(superblock)
    }

    fn parse(bytes: &[u8; SIZE]) -> FsResult<Self> {
        let features = Features([0x5c, 0x60, 0x64].map(|offset| u32_at(bytes, offset)));
        let is_wide = features.have(Feature::SIXTY_FOUR_BIT);
        let log_block_size = u32_at(bytes, 0x18);
        if log_block_size > LARGEST_LOG_BLOCK_SIZE {
            return Err(damaged("its blocks have a size that no ext4 has"));
        }
        Ok(Self {
            geometry: Geometry {
                block_size: 1024 << log_block_size,
                blocks: field::BLOCKS_COUNT.u64(bytes, is_wide),
                inodes_per_group: u32_at(bytes, 0x28),
                inode_size: u16_at(bytes, 0x58).into(),
                descriptor_size: if is_wide { u16_at(bytes, 0xfe).into() } else { 32 },
                reserved_descriptor_blocks: u16_at(bytes, field::RESERVED_GDT_BLOCKS).into(),
                first_block: u32_at(bytes, 0x14).into(),
                blocks_per_group: u32_at(bytes, 0x20),
                sparse: features.have(Feature::SPARSE_SUPER),
                sixty_four_bit: is_wide,
            },
            features,
            uuid: array_at(bytes, 0x68),
            free_blocks: field::FREE_BLOCKS_COUNT.u64(bytes, is_wide),
            free_inodes: u32_at(bytes, field::FREE_INODES_COUNT),
            reserved_blocks: field::RESERVED_BLOCKS_COUNT.u64(bytes, is_wide),
            bytes: *bytes,
        })
    }

    /// Returns the geometry, once it is checked that its numbers do not contradict each other.
    pub(super) fn checked_geometry(&self) -> FsResult<Geometry> {
        if self.geometry.reserved_descriptor_blocks > 0 && !self.features.have(Feature::RESIZE_INODE) {
            return Err(damaged(
                "it reserves blocks for descriptors, but has no inode that holds them (resize_inode)",
            ));
        }
        self.geometry.check()?;
        Ok(self.geometry)
    }

    /// `s_volume_name`, without its padding.
    fn label(&self) -> String {
        let name: [u8; 16] = array_at(&self.bytes, 0x78);
        let end = name.iter().position(|byte| *byte == 0);
        String::from_utf8_lossy(name.split_at(end.unwrap_or(name.len())).0).into_owned()
    }

    /// `s_wtime`, and the eight bits above it in `s_wtime_hi`.
    fn written(&self) -> Option<UnixTime> {
        let seconds = i64::from(u8_at(&self.bytes, 0x274)) << 32 | i64::from(u32_at(&self.bytes, 0x30));
        (seconds != 0).then_some(UnixTime::new(seconds))
    }

    /// Returns the size of the whole filesystem.
    pub(super) fn size(&self) -> ByteCount {
        self.bytes_of(self.geometry.blocks)
    }

    /// Returns the size of `blocks`, of which there are no more than the filesystem has.
    pub(super) fn bytes_of(&self, blocks: u64) -> ByteCount {
        ByteCount::new(blocks * u64::from(self.geometry.block_size))
    }

    /// Refuses a filesystem that is not in order: one with a journal to replay, errors, or orphans.
    pub(super) fn check_clean(&self) -> FsResult<()> {
        let state = u16_at(&self.bytes, field::STATE);
        // `s_last_orphan`.
        let first_orphan = u32_at(&self.bytes, 0xe8);
        let found = if self.features.have(Feature::NEEDS_RECOVERY) {
            "its journal needs recovery (needs_recovery)"
        } else if state & ERRORS != 0 {
            "it records errors"
        } else if state & VALID == 0 {
            "it is not marked clean"
        } else if self.features.have(Feature::ORPHAN_PRESENT) || state & ORPHANS != 0 || first_orphan != 0 {
            "it lists deleted files that are not freed yet (orphan_present)"
        } else {
            return Ok(());
        };
        Err(FsError::Dirty { kind: "ext4", found: found.to_owned() })
    }

    /// Refuses a filesystem with features outside those of a stock image.
    pub(super) fn check_writable(&self) -> FsResult<()> {
        let unknown = self.features.refused().names();
        let found = if !unknown.is_empty() {
            unknown.join(" ")
        } else if !WRITABLE_BLOCK_SIZES.contains(&self.geometry.block_size) {
            format!("blocks of {} bytes", self.geometry.block_size)
        } else if !self.features.are_of_ext4() {
            "no extents or no file types in its directories".to_owned()
        } else {
            return Ok(());
        };
        Err(FsError::Unsupported { kind: "ext4", found })
    }

    /// Returns what `inspect` shows.
    pub(super) fn summary(&self) -> Summary {
        Summary {
            kind: "ext4".to_owned(),
            label: self.label(),
            id: uuid::Uuid::from_bytes(self.uuid).hyphenated().to_string(),
            features: self.features.names(),
            size: self.size(),
            free: self.bytes_of(self.free_blocks),
            reserved: self.bytes_of(self.reserved_blocks),
            written: self.written(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A superblock of 64 blocks of 4 KiB with nothing special.
    fn disk() -> Vec<u8> {
        let mut disk = vec![0; 64 * 4096];
        let mut put =
            |offset: usize, bytes: &[u8]| disk[1024 + offset..][..bytes.len()].copy_from_slice(bytes);
        put(0x04, &64_u32.to_le_bytes());
        put(0x08, &3_u32.to_le_bytes());
        put(0x0c, &20_u32.to_le_bytes());
        put(0x18, &2_u32.to_le_bytes());
        put(0x20, &8192_u32.to_le_bytes());
        put(0x28, &16_u32.to_le_bytes());
        put(0x30, &1_781_740_800_u32.to_le_bytes());
        put(0x38, &MAGIC.to_le_bytes());
        put(0x3a, &VALID.to_le_bytes());
        put(0x58, &256_u16.to_le_bytes());
        put(0x60, &0x42_u32.to_le_bytes());
        put(0x78, b"rootfs");
        disk
    }

    fn with(offset: usize, bytes: &[u8]) -> FsResult<Superblock> {
        let mut disk = disk();
        disk[1024 + offset..][..bytes.len()].copy_from_slice(bytes);
        Superblock::read(&disk)
    }

    #[test]
    fn label_sizes_and_time_are_read() {
        let summary = with(0, &[]).unwrap().summary();
        assert_eq!(summary.label, "rootfs");
        assert_eq!(summary.size, ByteCount::new(64 * 4096));
        assert_eq!(summary.free, ByteCount::new(20 * 4096));
        assert_eq!(summary.reserved, ByteCount::new(3 * 4096));
        assert_eq!(summary.written, Some(UnixTime::new(1_781_740_800)));
        assert_eq!(summary.features, ["filetype", "extent"]);
    }

    #[test]
    fn the_upper_byte_of_the_time_counts() {
        assert_eq!(
            with(0x274, &[1]).unwrap().summary().written,
            Some(UnixTime::new((1 << 32) + 1_781_740_800))
        );
    }

    #[test]
    fn something_else_is_not_an_ext4() {
        assert!(matches!(Superblock::read(&vec![0; 100]), Err(FsError::NotThisFilesystem { .. })));
        assert!(matches!(Superblock::read(&vec![0; 4096]), Err(FsError::NotThisFilesystem { .. })));
    }

    #[test]
    fn layouts_that_no_ext4_has_are_refused() {
        let wrong: [(usize, &[u8]); 7] = [
            (0x04, &0_u32.to_le_bytes()),
            (0x04, &65_u32.to_le_bytes()),
            (0x18, &7_u32.to_le_bytes()),
            (0x20, &1_u32.to_le_bytes()),
            (0x28, &0_u32.to_le_bytes()),
            (0x58, &0_u16.to_le_bytes()),
            (0x58, &8192_u16.to_le_bytes()),
        ];
        for (offset, bytes) in wrong {
            assert!(matches!(with(offset, bytes), Err(FsError::Damaged(_))), "{offset:#x}: {bytes:?}");
        }
    }

    #[test]
    fn unfinished_business_is_refused() {
        let found =
            |offset, bytes: &[u8]| with(offset, bytes).unwrap().check_clean().unwrap_err().to_string();
        assert!(found(0x60, &[0x46]).contains("needs_recovery"));
        assert!(found(0x3a, &[0]).contains("not marked clean"));
        assert!(found(0x3a, &[3]).contains("errors"));
        assert!(found(0x66, &[1]).contains("orphan_present"));
        assert!(found(0xe8, &[12]).contains("orphan_present"));
        with(0, &[]).unwrap().check_clean().unwrap();
    }

    #[test]
    fn blocks_of_other_sizes_are_refused() {
        let error = with(0x18, &[1]).unwrap().check_writable().unwrap_err();
        assert!(error.to_string().contains("blocks of 2048 bytes"), "{error}");
    }

    #[test]
    fn an_ext3_is_refused() {
        assert!(matches!(with(0x60, &[2]).unwrap().check_writable(), Err(FsError::Unsupported { .. })));
        with(0, &[]).unwrap().check_writable().unwrap();
    }
}
