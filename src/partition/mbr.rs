//! The partition table of the PC, in the first sector of a disk. The offsets are those of UEFI 2.10,
//! section 5.2.1 (Legacy Master Boot Record).

use super::{
    PartitionEntry, PartitionError, PartitionKind, PartitionTable, SECTOR, SECTOR_SIZE, TableKind, no_table,
};
use crate::io::{ReadAt, WriteAt};
use crate::types::fields::u32_at;
use crate::types::{ByteCount, ByteOffset};
use std::io;

/// The type of the entry that guards a GPT against programs that do not know one.
const PROTECTIVE: u8 = 0xee;

/// The partition table in the first sector.
pub(super) struct MasterBootRecord {
    pub(super) table: PartitionTable,
    /// The disk has a GPT, which this table protects. A hybrid, which lists some partitions of the GPT as well, counts as
    /// a GPT, as it does for Linux.
    pub(super) is_protective: bool,
}

/// An entry as it is written: whether it is active, first sector as cylinder, head and sector, type,
/// last sector likewise, first sector, number of sectors.
const ENTRY_SIZE: usize = 16;
/// The offset of the four entries.
const TABLE: usize = 446;

impl MasterBootRecord {
    pub(super) fn read(disk: &dyn ReadAt) -> Result<Self, PartitionError> {
        let mut sector = [0; SECTOR_SIZE];
        if disk.size().get() < SECTOR {
            return Err(no_table(&format!("it has only {} bytes", disk.size().get())));
        }
        disk.read_at(ByteOffset::ZERO, &mut sector).map_err(PartitionError::Read)?;
        if sector.last_chunk() != Some(&[0x55, 0xaa]) {
            return Err(no_table("its first sector does not end as a partition table does (with 55 aa)"));
        }
        let (mut partitions, mut is_protective) = (Vec::new(), false);
        let (_, from_table) = sector.split_at(TABLE);
        let (table, _) = from_table.as_chunks::<ENTRY_SIZE>();
        for (number, entry) in (1..).zip(table) {
            let [active, _, _, _, kind, ..] = *entry;
            if active & 0x7f != 0 {
                // The boot sector of a filesystem ends with the same two bytes, and has its program here.
                return Err(no_table("its first sector is a boot sector without a partition table"));
            }
            is_protective |= kind == PROTECTIVE;
            let kind = match kind {
                0 => continue,
                0x06 | 0x0b | 0x0c | 0x0e => PartitionKind::Fat,
                0x83 => PartitionKind::Linux,
                other => PartitionKind::Other(format!("0x{other:02x}")),
            };
            let bytes = |offset| u64::from(u32_at(entry, offset)) * SECTOR;
            let (start, length) = (ByteOffset::new(bytes(8)), ByteCount::new(bytes(12)));
            partitions.push(PartitionEntry { number, start, length, kind });
        }
        let kind = TableKind::Mbr { disk_id: format!("{:08x}", u32_at(&sector, 440)) };
        Ok(Self { table: PartitionTable { kind, partitions }, is_protective })
    }
}

/// Writes the length of an entry, in sectors, and with it where the partition ends in cylinders, heads and
/// sectors. The entry has to be one of the four.
pub(super) fn write_length(disk: &dyn WriteAt, number: u32, start: u32, sectors: u32) -> io::Result<()> {
    let index = number.checked_sub(1).filter(|index| *index < 4).ok_or(io::ErrorKind::InvalidInput)?;
    let entry = u64::from(index) * ENTRY_SIZE as u64 + TABLE as u64;
    let behind = u64::from(start) + u64::from(sectors);
    let last = behind.checked_sub(1).ok_or(io::ErrorKind::InvalidInput)?;
    disk.write_at(ByteOffset::new(entry + 5), &cylinder_head_sector(last))?;
    disk.write_at(ByteOffset::new(entry + 12), &sectors.to_le_bytes())
}

/// Encodes a sector as the BIOS counted them, on a disk of 255 heads and 63 sectors a track, as parted and sfdisk
/// write it. What lies beyond cylinder 1023 has the highest place there is.
#[expect(clippy::expect_used, reason = "the remainders and the limit say so")]
fn cylinder_head_sector(sector: u64) -> [u8; 3] {
    const SECTORS: u64 = 63;
    const HEADS: u64 = 255;
    let cylinder = sector / SECTORS / HEADS;
    if cylinder > 1023 {
        return [0xfe, 0xff, 0xff];
    }
    let head = sector / SECTORS % HEADS;
    // Sectors are counted from 1; the two upper bits of the cylinder stand above them.
    let number = (sector % SECTORS + 1) | (cylinder >> 8 << 6);
    [head, number, cylinder & 0xff].map(|part| u8::try_from(part).expect("each part is below 256"))
}

#[cfg(test)]
mod tests {
    use super::super::made::mbr_disk;
    use super::*;
    use proptest::prelude::*;

    /// A disk of 100 sectors with a FAT and a Linux partition.
    fn disk() -> Vec<u8> {
        mbr_disk(100, &[(0x0c, 8, 20), (0x83, 28, 72)])
    }

    fn error(disk: &[u8]) -> String {
        PartitionTable::read(&disk.to_vec()).unwrap_err().to_string()
    }

    #[test]
    fn the_table_of_a_stock_image_is_read() {
        let table = PartitionTable::read(&disk()).unwrap();
        assert_eq!(table.kind, TableKind::Mbr { disk_id: "8a4ce5f0".to_owned() });
        let entry = |number, start: u64, sectors: u64, kind| PartitionEntry {
            number,
            start: ByteOffset::new(start * 512),
            length: ByteCount::new(sectors * 512),
            kind,
        };
        assert_eq!(
            table.partitions,
            [entry(1, 8, 20, PartitionKind::Fat), entry(2, 28, 72, PartitionKind::Linux)]
        );
    }

    #[test]
    fn partitions_keep_the_number_of_their_entry() {
        let table = PartitionTable::read(&mbr_disk(100, &[(0, 0, 0), (0x83, 50, 1), (0x05, 8, 9)])).unwrap();
        assert_eq!(table.partitions.iter().map(|entry| entry.number).collect::<Vec<_>>(), [2, 3]);
        assert_eq!(table.partitions[1].kind, PartitionKind::Other("0x05".to_owned()));
    }

    #[test]
    fn a_disk_without_a_table_is_no_disk() {
        assert_eq!(error(&[]), "not a disk image: it has only 0 bytes");
        assert!(error(&[0; 512]).contains("does not end as a partition table does"), "{}", error(&[0; 512]));
        assert!(error(&mbr_disk(9, &[])).contains("its partition table is empty"));
        let mut filesystem = disk();
        filesystem[446] = 0xeb;
        assert!(error(&filesystem).contains("boot sector without a partition table"));
    }

    #[test]
    fn a_truncated_image_is_called_so() {
        let disk = disk();
        assert_eq!(
            error(&disk[..99 * 512]),
            "partition 2 ends at byte 51200, but the disk has only 50688 bytes: the image is cut short"
        );
    }

    #[test]
    fn partitions_may_not_overlap_nor_be_empty() {
        let found = |entries: &[_]| error(&mbr_disk(100, entries));
        assert!(found(&[(0x83, 28, 72), (0x0c, 8, 21)]).contains("partition 1 overlaps partition 2"));
        assert!(found(&[(0x0c, 0, 8)]).contains("partition 1 overlaps the partition table"));
        assert!(found(&[(0x0c, 8, 0)]).contains("partition 1 has no sectors"));
        assert!(found(&[(0x0c, u32::MAX, u32::MAX)]).contains("the image is cut short"));
    }

    proptest! {
        #[test]
        fn whatever_the_entries_say_the_partitions_of_a_table_lie_inside_the_disk(
            entries in prop::collection::vec((any::<u8>(), 0..40_u32, 0..40_u32), 0..=4),
        ) {
            if let Ok(table) = PartitionTable::read(&mbr_disk(64, &entries)) {
                let mut taken = vec![false; 64 * 512];
                for entry in &table.partitions {
                    let start = entry.start.as_usize();
                    let length = entry.length.as_usize();
                    prop_assert!(length > 0);
                    prop_assert!(taken[start..start + length].iter().all(|taken| !taken));
                    taken[start..start + length].fill(true);
                }
            }
        }
    }
}
