//! Resizing the last partition to the end of a larger disk.

use super::{PartitionError, PartitionTable, SECTOR, TableKind, mbr};
use crate::io::WriteAt;
use crate::types::{ByteCount, number};

impl PartitionTable {
    /// Returns the table of a disk of `size` whose last partition, number `number`, reaches to the end of the disk.
    ///
    /// # Errors
    /// When that partition is not the last, when it does not fit `size`, or when the table is a GPT:
    /// its copy at the end of the disk would have to move, and no stock image has one.
    pub fn resized(&self, number: u32, size: ByteCount) -> Result<Self, PartitionError> {
        let cannot = |reason: String| PartitionError::CannotResize { number, reason };
        if !matches!(self.kind, TableKind::Mbr { .. }) {
            return Err(cannot("the disk has a GPT, which cardwright does not change".to_owned()));
        }
        let mut table = self.clone();
        let last = table.partitions.iter_mut().max_by_key(|entry| entry.start);
        let last = last.filter(|entry| entry.number == number);
        let Some(last) = last else { return Err(cannot("another partition comes after it".to_owned())) };
        // None are left where the partition begins beyond the end: then it is too large, which is found below.
        let sectors = number::excess(size.get() / SECTOR, last.start.get() / SECTOR);
        // An entry counts sectors in 32 bits, and Linux does so in the whole table (2 TiB).
        if u32::try_from(sectors).is_err() || u32::try_from(size.get() / SECTOR).is_err() {
            return Err(cannot(format!("an MBR cannot describe a disk of {size}")));
        }
        let length = ByteCount::new(sectors * SECTOR);
        if length < last.length {
            return Err(cannot(format!("it has {} already, and the disk only {size}", last.length)));
        }
        last.length = length;
        Ok(table)
    }

    /// Writes the length of partition `number` into the table of `disk`; nothing else is touched.
    ///
    /// # Errors
    /// When the table is not of [`resized`](Self::resized), or the disk cannot be written to.
    pub fn write_length(&self, disk: &dyn WriteAt, number: u32) -> Result<(), PartitionError> {
        let entry = self.partitions.iter().find(|entry| entry.number == number);
        let sectors = entry.and_then(|entry| {
            let sectors = |bytes: u64| u32::try_from(bytes / SECTOR).ok();
            Some((sectors(entry.start.get())?, sectors(entry.length.get())?))
        });
        let Some((start, length)) = sectors else {
            let reason = "its position does not fit an MBR".to_owned();
            return Err(PartitionError::CannotResize { number, reason });
        };
        mbr::write_length(disk, number, start, length).map_err(PartitionError::Write)
    }
}

#[cfg(test)]
mod tests {
    use super::super::made::mbr_disk;
    use super::*;
    use crate::io::{Overlay, ReadAt};
    use std::sync::Arc;

    /// A disk of 100 sectors with a FAT and a Linux partition that ends before it does.
    fn disk() -> Vec<u8> {
        mbr_disk(100, &[(0x0c, 8, 20), (0x83, 28, 70)])
    }

    fn resized(number: u32, sectors: u64) -> Result<PartitionTable, PartitionError> {
        PartitionTable::read(&disk()).unwrap().resized(number, ByteCount::new(sectors * 512 + 511))
    }

    #[test]
    fn the_last_partition_reaches_to_the_end() {
        let table = resized(2, 100).unwrap();
        assert_eq!(table.partitions[1].length, ByteCount::new(72 * 512));
        assert_eq!(resized(2, 5000).unwrap().partitions[1].length, ByteCount::new(4972 * 512));
        assert_eq!(table.partitions[0], PartitionTable::read(&disk()).unwrap().partitions[0]);
    }

    #[test]
    fn what_is_written_is_read_back_and_nothing_else_changes() {
        for (sectors, last_in_cylinders) in [(20_000_u64, Some((19_999_u64 - 28) + 28)), (30_000_000, None)] {
            let table = resized(2, sectors).unwrap();
            let larger = crate::io::Extended::new(disk(), ByteCount::new(sectors * 512)).unwrap();
            let overlay = Overlay::new(Arc::new(larger));
            table.write_length(&overlay, 2).unwrap();
            assert_eq!(PartitionTable::read(&overlay).unwrap(), table);
            let mut sector = vec![0; 512];
            overlay.read_at(crate::types::ByteOffset::ZERO, &mut sector).unwrap();
            let entry = sector[462..478].to_vec();
            match last_in_cylinders {
                // 255 heads of 63 sectors, which are counted from 1.
                Some(last) => {
                    let (cylinder, head, number) = (last / (255 * 63), last / 63 % 255, last % 63 + 1);
                    let expected = [head, number | (cylinder >> 8 << 6), cylinder & 0xff];
                    assert_eq!(entry[5..8].iter().map(|byte| u64::from(*byte)).collect::<Vec<_>>(), expected);
                }
                None => assert_eq!(entry[5..8], [0xfe, 0xff, 0xff]),
            }
            sector[467..470].fill(0);
            sector[474..478].copy_from_slice(&70_u32.to_le_bytes());
            assert!(sector == disk()[..512]);
        }
    }

    #[test]
    fn what_cannot_be_resized_is_refused() {
        let error = |result: Result<PartitionTable, PartitionError>| result.unwrap_err().to_string();
        assert!(error(resized(1, 200)).contains("another partition comes after it"));
        assert!(error(resized(3, 200)).contains("another partition comes after it"));
        assert!(error(resized(2, 90)).contains("already"));
        assert!(error(resized(2, 1 << 33)).contains("cannot describe a disk of"));
        let mut table = PartitionTable::read(&disk()).unwrap();
        table.kind = TableKind::Gpt { disk_guid: String::new() };
        assert!(error(table.resized(2, ByteCount::new(1 << 20))).contains("GPT"));
    }
}
