//! The feature bits of an ext4 and their names.
//!
//! Bits: `fs/ext4/ext4.h` of the Linux kernel (`EXT4_FEATURE_COMPAT_*`, `_INCOMPAT_*`, `_RO_COMPAT_*`).
//! Names: `lib/e2p/feature.c` of e2fsprogs, which is what `dumpe2fs` prints.

/// The three words of feature bits in a superblock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Features {
    /// `s_feature_compat`: may be ignored by whoever does not know them.
    pub(super) compat: u32,
    /// `s_feature_incompat`: must be known for reading.
    pub(super) incompat: u32,
    /// `s_feature_ro_compat`: must be known for writing.
    pub(super) ro_compat: u32,
}

/// `EXT4_FEATURE_COMPAT_RESIZE_INODE`.
const RESIZE_INODE: u32 = 0x10;
/// `EXT4_FEATURE_INCOMPAT_CSUM_SEED`.
const CSUM_SEED: u32 = 0x2000;
/// `EXT4_FEATURE_RO_COMPAT_SPARSE_SUPER`.
const SPARSE_SUPER: u32 = 0x1;
/// `EXT4_FEATURE_RO_COMPAT_GDT_CSUM`.
const UNINIT_BG: u32 = 0x10;
/// `EXT4_FEATURE_RO_COMPAT_METADATA_CSUM`.
const METADATA_CSUM: u32 = 0x400;
/// `EXT4_FEATURE_COMPAT_HAS_JOURNAL`.
const HAS_JOURNAL: u32 = 0x4;
/// `EXT4_FEATURE_INCOMPAT_FILETYPE`, and `_EXTENTS`: without them it is an ext2 or ext3.
const FILETYPE_AND_EXTENTS: u32 = 0x2 | 0x40;
/// `EXT4_FEATURE_INCOMPAT_RECOVER`.
const NEEDS_RECOVERY: u32 = 0x4;
/// `EXT4_FEATURE_INCOMPAT_64BIT`.
const SIXTY_FOUR_BIT: u32 = 0x80;
/// `EXT4_FEATURE_RO_COMPAT_ORPHAN_PRESENT`.
const ORPHAN_PRESENT: u32 = 0x1_0000;

/// has_journal, ext_attr, resize_inode, dir_index, orphan_file.
const WRITABLE_COMPAT: u32 = HAS_JOURNAL | 0x8 | RESIZE_INODE | 0x20 | 0x1000;
/// filetype, extent, 64bit, flex_bg, metadata_csum_seed.
const WRITABLE_INCOMPAT: u32 = FILETYPE_AND_EXTENTS | SIXTY_FOUR_BIT | 0x200 | CSUM_SEED;
/// sparse_super, large_file, huge_file, uninit_bg, dir_nlink, extra_isize, metadata_csum.
const WRITABLE_RO_COMPAT: u32 = SPARSE_SUPER | 0x2 | 0x8 | UNINIT_BG | 0x20 | 0x40 | METADATA_CSUM;

const COMPAT_NAMES: &[(u32, &str)] = &[
    (0x1, "dir_prealloc"),
    (0x2, "imagic_inodes"),
    (0x4, "has_journal"),
    (0x8, "ext_attr"),
    (0x10, "resize_inode"),
    (0x20, "dir_index"),
    (0x40, "lazy_bg"),
    (0x100, "snapshot_bitmap"),
    (0x200, "sparse_super2"),
    (0x400, "fast_commit"),
    (0x800, "stable_inodes"),
    (0x1000, "orphan_file"),
];
const INCOMPAT_NAMES: &[(u32, &str)] = &[
    (0x1, "compression"),
    (0x2, "filetype"),
    (0x4, "needs_recovery"),
    (0x8, "journal_dev"),
    (0x10, "meta_bg"),
    (0x40, "extent"),
    (0x80, "64bit"),
    (0x100, "mmp"),
    (0x200, "flex_bg"),
    (0x400, "ea_inode"),
    (0x1000, "dirdata"),
    (0x2000, "metadata_csum_seed"),
    (0x4000, "large_dir"),
    (0x8000, "inline_data"),
    (0x1_0000, "encrypt"),
    (0x2_0000, "casefold"),
];
const RO_COMPAT_NAMES: &[(u32, &str)] = &[
    (0x1, "sparse_super"),
    (0x2, "large_file"),
    (0x8, "huge_file"),
    (0x10, "uninit_bg"),
    (0x20, "dir_nlink"),
    (0x40, "extra_isize"),
    (0x80, "snapshot"),
    (0x100, "quota"),
    (0x200, "bigalloc"),
    (0x400, "metadata_csum"),
    (0x800, "replica"),
    (0x1000, "read-only"),
    (0x2000, "project"),
    (0x4000, "shared_blocks"),
    (0x8000, "verity"),
    (0x1_0000, "orphan_present"),
];

impl Features {
    /// Their names in the order of `dumpe2fs`.
    pub(super) fn names(self) -> Vec<String> {
        let mut names = Vec::new();
        name_bits(self.compat, COMPAT_NAMES, 'C', &mut names);
        name_bits(self.incompat, INCOMPAT_NAMES, 'I', &mut names);
        name_bits(self.ro_compat, RO_COMPAT_NAMES, 'R', &mut names);
        names
    }

    /// Those that the writer does not know how to keep right. A stock image has none of them.
    pub(super) fn not_written_to(self) -> Self {
        Self {
            compat: self.compat & !WRITABLE_COMPAT,
            incompat: self.incompat & !(WRITABLE_INCOMPAT | NEEDS_RECOVERY),
            ro_compat: self.ro_compat & !(WRITABLE_RO_COMPAT | ORPHAN_PRESENT),
        }
    }

    /// Whether new files can be made of extents, and directory entries can say what they are.
    pub(super) fn are_of_ext4(self) -> bool {
        self.incompat & FILETYPE_AND_EXTENTS == FILETYPE_AND_EXTENTS
    }

    /// Whether the journal holds what the filesystem does not have yet.
    pub(super) fn needs_recovery(self) -> bool {
        self.incompat & NEEDS_RECOVERY != 0
    }

    /// Whether the orphan file lists files that were deleted while open.
    pub(super) fn has_orphans(self) -> bool {
        self.ro_compat & ORPHAN_PRESENT != 0
    }

    /// Whether an inode keeps room for more group descriptors.
    pub(super) fn resize_inode(self) -> bool {
        self.compat & RESIZE_INODE != 0
    }

    /// Whether only some groups have a backup of superblock and descriptors.
    pub(super) fn sparse_super(self) -> bool {
        self.ro_compat & SPARSE_SUPER != 0
    }

    /// Whether group descriptors have checksums of the older kind.
    pub(super) fn uninit_bg(self) -> bool {
        self.ro_compat & UNINIT_BG != 0
    }

    /// Whether all metadata has checksums.
    pub(super) fn metadata_csum(self) -> bool {
        self.ro_compat & METADATA_CSUM != 0
    }

    /// Whether the superblock says what checksums begin with, so that the UUID may change.
    pub(super) fn csum_seed(self) -> bool {
        self.incompat & CSUM_SEED != 0
    }

    /// Whether descriptors of groups have checksums, and with them flags that can be believed.
    pub(super) fn has_checked_groups(self) -> bool {
        self.uninit_bg() || self.metadata_csum()
    }

    /// Whether counts of blocks have an upper half.
    pub(super) fn sixty_four_bit(self) -> bool {
        self.incompat & SIXTY_FOUR_BIT != 0
    }
}

fn name_bits(word: u32, known: &[(u32, &str)], letter: char, names: &mut Vec<String>) {
    for position in 0..u32::BITS {
        let bit = 1 << position;
        if word & bit != 0 {
            let name = known.iter().find(|(known, _)| *known == bit).map(|(_, name)| (*name).to_owned());
            names.push(name.unwrap_or_else(|| format!("FEATURE_{letter}{position}")));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Features;

    #[test]
    fn the_features_of_a_stock_image_are_written_to() {
        let stock = Features { compat: 0x103c, incompat: 0x22c2, ro_compat: 0x463 };
        assert_eq!(stock.not_written_to().names(), Vec::<String>::new());
        assert_eq!(
            stock.names().join(" "),
            "has_journal ext_attr resize_inode dir_index orphan_file filetype extent 64bit flex_bg \
             metadata_csum_seed sparse_super large_file dir_nlink extra_isize metadata_csum"
        );
    }

    #[test]
    fn what_is_not_known_is_named_by_its_bit_and_not_written_to() {
        let odd = Features { compat: 1 << 14, incompat: 0x8000, ro_compat: (1 << 31) | 0x200 };
        assert_eq!(odd.not_written_to(), odd);
        assert_eq!(odd.names(), ["FEATURE_C14", "inline_data", "bigalloc", "FEATURE_R31"]);
    }
}
