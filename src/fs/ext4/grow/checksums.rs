//! The checksums of what describes an ext4.
//!
//! With `metadata_csum` every structure has a CRC-32C of its own bytes, which begins with the *seed* of the
//! filesystem and with what says where the structure belongs, so that one written to the wrong place shows:
//!
//! ```text
//!   seed           CRC of the UUID, or s_checksum_seed (metadata_csum_seed)
//!   descriptor     CRC(seed, number of the group, descriptor with bg_checksum = 0), the lower 16 bits of it
//!   bitmap         CRC(seed, bitmap), stored in the descriptor: before the descriptor's own is computed
//!   inode          CRC(seed, number of the inode, i_generation, inode with i_checksum = 0)
//!   superblock     CRC(all before s_checksum), without the seed, which is in there
//! ```
//!
//! The older `uninit_bg` (gdt_csum) has a CRC-16 of descriptors only.
//!
//! Source: the kernel's `Documentation/filesystems/ext4/checksums.rst`, and `fs/ext4/super.c`
//! (`ext4_group_desc_csum`) for the older one of descriptors alone.

use crate::fs::ext4::bitmap::Bitmap;
use crate::fs::ext4::features::Feature;
use crate::fs::ext4::group_descriptors::CHECKSUM;
use crate::fs::ext4::superblock::{self, Superblock};
use crate::types::fields::{set_at, u16_at, u32_at};
use crate::types::number::usize_from;
use crc::{Algorithm, CRC_16_MODBUS, Crc};

/// CRC-32C as the kernel's `crc32c()` leaves it: without the last inversion, so that one sum can go on where
/// another ended.
const CRC_32C: Algorithm<u32> = Algorithm { xorout: 0, residue: 0, ..crc::CRC_32_ISCSI };
const CRC: Crc<u32> = Crc::<u32>::new(&CRC_32C);
/// The kernel's `crc16()` begun with all ones.
const CRC_16: Crc<u16> = Crc::<u16>::new(&CRC_16_MODBUS);
/// `EXT4_GOOD_OLD_INODE_SIZE`.
const OLD_INODE_SIZE: usize = 128;

/// The checksums that a filesystem has.
pub(super) enum Checksums {
    None,
    /// Those of group descriptors alone (uninit_bg, also called gdt_csum).
    Descriptors {
        /// The UUID of the filesystem.
        uuid: [u8; 16],
    },
    /// Those of all metadata (metadata_csum).
    Metadata {
        /// The sum that all begin with: of the UUID, or the one it had when the filesystem was made.
        seed: u32,
    },
}

/// Continues the sum `seed` over more bytes.
fn crc32c(seed: u32, bytes: &[u8]) -> u32 {
    // The crate takes the start in the order of bits of the sums that are not reflected.
    let mut digest = CRC.digest_with_initial(seed.reverse_bits());
    digest.update(bytes);
    digest.finalize()
}

impl Checksums {
    pub(super) fn of(superblock: &Superblock) -> Self {
        let (features, uuid) = (superblock.features, superblock.uuid);
        if features.have(Feature::METADATA_CSUM) {
            let seed = if features.have(Feature::METADATA_CSUM_SEED) {
                u32_at(&superblock.bytes, superblock::field::CHECKSUM_SEED)
            } else {
                crc32c(u32::MAX, &uuid)
            };
            Self::Metadata { seed }
        } else if features.have(Feature::UNINIT_BG) {
            Self::Descriptors { uuid }
        } else {
            Self::None
        }
    }

    /// Returns whether a group descriptor has one.
    pub(super) fn cover_descriptors(&self) -> bool {
        !matches!(self, Self::None)
    }

    /// Returns that of a bitmap, of which `covered` bytes count.
    pub(super) fn bitmap(&self, bitmap: &Bitmap, covered: u32) -> Option<u32> {
        let Self::Metadata { seed } = self else { return None };
        Some(crc32c(*seed, bitmap.bytes().split_at(usize_from(covered)).0))
    }

    /// Returns that of a group descriptor, whose own field for it is left out.
    pub(super) fn descriptor(&self, group: u32, descriptor: &[u8]) -> Option<u16> {
        let group = group.to_le_bytes();
        let (before, _) = descriptor.split_at(CHECKSUM);
        let (_, after) = descriptor.split_at(CHECKSUM + 2);
        match self {
            Self::None => None,
            Self::Descriptors { uuid } => {
                let mut digest = CRC_16.digest();
                for part in [&uuid[..], &group, before, after] {
                    digest.update(part);
                }
                Some(digest.finalize())
            }
            Self::Metadata { seed } => {
                let parts = [&group[..], before, &[0, 0], after];
                let sum = parts.into_iter().fold(*seed, crc32c);
                // The field has only the lower half.
                let [low, high, ..] = sum.to_le_bytes();
                Some(u16::from_le_bytes([low, high]))
            }
        }
    }

    /// Writes that of an inode into its two fields (`l_i_checksum_lo`, `i_checksum_hi`).
    pub(super) fn seal_inode(&self, number: u32, inode: &mut [u8]) {
        let Self::Metadata { seed } = self else { return };
        // The upper half is only there where the part behind the old inode reaches that far.
        let has_upper = inode.len() > OLD_INODE_SIZE && u16_at(inode, 0x80) >= 4;
        set_at(inode, 0x7c, &[0; 2]);
        if has_upper {
            set_at(inode, 0x82, &[0; 2]);
        }
        let generation = u32_at(inode, 0x64).to_le_bytes();
        let parts = [&number.to_le_bytes()[..], &generation, inode];
        let [low, high, upper @ ..] = parts.into_iter().fold(*seed, crc32c).to_le_bytes();
        set_at(inode, 0x7c, &[low, high]);
        if has_upper {
            set_at(inode, 0x82, &upper);
        }
    }

    /// Returns that of a superblock, whose last four bytes are the field for it.
    pub(super) fn superblock(&self, bytes: &[u8]) -> Option<u32> {
        matches!(self, Self::Metadata { .. })
            .then(|| crc32c(u32::MAX, bytes.split_at(superblock::field::CHECKSUM).0))
    }
}

#[cfg(test)]
mod tests {
    use super::{CRC_16, crc32c};

    #[test]
    fn sums_are_those_of_the_kernel() {
        // RFC 3720, B.4, gives the inverted sum of 32 zeros as aa 36 91 8a.
        assert_eq!(!crc32c(u32::MAX, &[0; 32]), 0x8a91_36aa);
        assert_eq!(crc32c(crc32c(u32::MAX, b"12345"), b"6789"), crc32c(u32::MAX, b"123456789"));
        assert_eq!(CRC_16.checksum(b"123456789"), 0x4b37);
    }
}
