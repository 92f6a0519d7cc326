//! The feature bits of an ext4 and their names.
//!
//! Bits: `fs/ext4/ext4.h` of the Linux kernel (`EXT4_FEATURE_COMPAT_*`, `_INCOMPAT_*`, `_RO_COMPAT_*`).
//! Names: `lib/e2p/feature.c` of e2fsprogs, which is what `dumpe2fs` prints.

/// KnownBits bits of one word: the bit, its name, and whether the writer keeps what it stands for right.
type KnownBits = &'static [(u32, &'static str, bool)];

/// A stock image has only such features, or `check_clean` reports them (needs_recovery, orphan_present).
const WRITTEN: bool = true;
const REFUSED: bool = false;

/// `s_feature_compat`: may be ignored by a program that does not know them.
const COMPAT: KnownBits = &[
    (0x1, "dir_prealloc", REFUSED),
    (0x2, "imagic_inodes", REFUSED),
    (0x4, "has_journal", WRITTEN),
    (0x8, "ext_attr", WRITTEN),
    (0x10, "resize_inode", WRITTEN),
    (0x20, "dir_index", WRITTEN),
    (0x40, "lazy_bg", REFUSED),
    (0x100, "snapshot_bitmap", REFUSED),
    (0x200, "sparse_super2", REFUSED),
    (0x400, "fast_commit", REFUSED),
    (0x800, "stable_inodes", REFUSED),
    (0x1000, "orphan_file", WRITTEN),
];
/// `s_feature_incompat`: must be known for reading.
const INCOMPAT: KnownBits = &[
    (0x1, "compression", REFUSED),
    (0x2, "filetype", WRITTEN),
    (0x4, "needs_recovery", WRITTEN),
    (0x8, "journal_dev", REFUSED),
    (0x10, "meta_bg", REFUSED),
    (0x40, "extent", WRITTEN),
    (0x80, "64bit", WRITTEN),
    (0x100, "mmp", REFUSED),
    (0x200, "flex_bg", WRITTEN),
    (0x400, "ea_inode", REFUSED),
    (0x1000, "dirdata", REFUSED),
    (0x2000, "metadata_csum_seed", WRITTEN),
    (0x4000, "large_dir", REFUSED),
    (0x8000, "inline_data", REFUSED),
    (0x1_0000, "encrypt", REFUSED),
    (0x2_0000, "casefold", REFUSED),
];
/// `s_feature_ro_compat`: must be known for writing.
const RO_COMPAT: KnownBits = &[
    (0x1, "sparse_super", WRITTEN),
    (0x2, "large_file", WRITTEN),
    (0x8, "huge_file", WRITTEN),
    (0x10, "uninit_bg", WRITTEN),
    (0x20, "dir_nlink", WRITTEN),
    (0x40, "extra_isize", WRITTEN),
    (0x80, "snapshot", REFUSED),
    (0x100, "quota", REFUSED),
    (0x200, "bigalloc", REFUSED),
    (0x400, "metadata_csum", WRITTEN),
    (0x800, "replica", REFUSED),
    (0x1000, "read-only", REFUSED),
    (0x2000, "project", REFUSED),
    (0x4000, "shared_blocks", REFUSED),
    (0x8000, "verity", REFUSED),
    (0x1_0000, "orphan_present", WRITTEN),
];

/// The known bits of each word, and the letter that `dumpe2fs` names the others with.
const WORDS: [(KnownBits, char); 3] = [(COMPAT, 'C'), (INCOMPAT, 'I'), (RO_COMPAT, 'R')];

/// One feature: the index of its word, and its bit.
#[derive(Debug, Clone, Copy)]
pub(super) struct Feature(usize, u32);

impl Feature {
    /// An inode reserves blocks for more group descriptors.
    pub(super) const RESIZE_INODE: Self = Self(0, 0x10);
    /// Directory entries say what kind of file they name.
    const FILETYPE: Self = Self(1, 0x2);
    /// The journal holds what the filesystem does not have yet.
    pub(super) const NEEDS_RECOVERY: Self = Self(1, 0x4);
    /// Files are made of extents.
    const EXTENTS: Self = Self(1, 0x40);
    /// Counts of blocks have an upper half.
    pub(super) const SIXTY_FOUR_BIT: Self = Self(1, 0x80);
    /// The superblock has the seed of all checksums, so that the UUID may change.
    pub(super) const METADATA_CSUM_SEED: Self = Self(1, 0x2000);
    /// Only some groups have a backup of superblock and descriptors.
    pub(super) const SPARSE_SUPER: Self = Self(2, 0x1);
    /// Group descriptors have checksums of the older kind.
    pub(super) const UNINIT_BG: Self = Self(2, 0x10);
    /// All metadata has checksums.
    pub(super) const METADATA_CSUM: Self = Self(2, 0x400);
    /// The orphan file lists files that were deleted while open.
    pub(super) const ORPHAN_PRESENT: Self = Self(2, 0x1_0000);
}

/// The three words of feature bits in a superblock: compat, incompat, ro_compat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Features(pub(super) [u32; 3]);

impl Features {
    pub(super) fn have(self, feature: Feature) -> bool {
        let Feature(word, bit) = feature;
        self.0.get(word).is_some_and(|word| word & bit != 0)
    }

    /// Returns their names in the order of `dumpe2fs`.
    pub(super) fn names(self) -> Vec<String> {
        let mut names = Vec::new();
        for (word, (known, letter)) in self.0.into_iter().zip(WORDS) {
            for position in (0..u32::BITS).filter(|position| word & (1 << position) != 0) {
                let name = known.iter().find(|(bit, ..)| *bit == 1 << position).map(|(_, name, _)| *name);
                names.push(name.map_or_else(|| format!("FEATURE_{letter}{position}"), str::to_owned));
            }
        }
        names
    }

    /// Returns those that the writer does not know how to keep right.
    pub(super) fn refused(self) -> Self {
        let [compat, incompat, ro_compat] = self.0;
        let refused = |word: u32, known: KnownBits| {
            known.iter().filter(|(.., is_written)| *is_written).fold(word, |word, (bit, ..)| word & !bit)
        };
        Self([refused(compat, COMPAT), refused(incompat, INCOMPAT), refused(ro_compat, RO_COMPAT)])
    }

    /// Returns whether they are those of an ext4, and not of an ext2 or ext3.
    pub(super) fn are_of_ext4(self) -> bool {
        self.have(Feature::FILETYPE) && self.have(Feature::EXTENTS)
    }

    /// Returns whether group descriptors have checksums, and with them flags that can be believed.
    pub(super) fn have_checked_groups(self) -> bool {
        self.have(Feature::UNINIT_BG) || self.have(Feature::METADATA_CSUM)
    }
}

#[cfg(test)]
mod tests {
    use super::Features;

    #[test]
    fn the_features_of_a_stock_image_are_written_to() {
        let stock = Features([0x103c, 0x22c2, 0x463]);
        assert_eq!(stock.refused().names(), Vec::<String>::new());
        assert_eq!(
            stock.names().join(" "),
            "has_journal ext_attr resize_inode dir_index orphan_file filetype extent 64bit flex_bg \
             metadata_csum_seed sparse_super large_file dir_nlink extra_isize metadata_csum"
        );
    }

    #[test]
    fn unknown_features_are_named_by_their_bit_and_refused() {
        let odd = Features([1 << 14, 0x8000, (1 << 31) | 0x200]);
        assert_eq!(odd.refused(), odd);
        assert_eq!(odd.names(), ["FEATURE_C14", "inline_data", "bigalloc", "FEATURE_R31"]);
    }
}
