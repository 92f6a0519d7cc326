//! The partition table of UEFI, read with the `gpt` crate.

use super::{PartitionEntry, PartitionError, PartitionKind, PartitionTable, SECTOR, TableKind, damaged};
use crate::io::ReadAt;
use crate::io::cursor::Cursor;
use crate::types::{ByteCount, ByteOffset};
use ::gpt::disk::LogicalBlockSize::Lb512;
use ::gpt::header::{Header, read_header_from_arbitrary_device};
use ::gpt::partition::{Partition, file_read_partitions};

/// The crate reads tables whose entries have this size, and panics on others.
const ENTRY_SIZE: u32 = 128;

/// Eight times what every program makes. The crate takes memory for as many entries as the header says.
const MOST_ENTRIES: u32 = 1024;

/// The type GUIDs of partitions that hold a FAT: basic data, EFI system.
const FAT: [&str; 2] = ["ebd0a0a2-b9e5-4433-87c0-68b6b72699c7", "c12a7328-f81f-11d2-ba4b-00a0c93ec93b"];

/// The type GUIDs of partitions that hold a Linux filesystem: data, and the root of arm64 and of arm
/// (UAPI group, Discoverable Partitions Specification).
const LINUX: [&str; 3] = [
    "0fc63daf-8483-4772-8e79-3d69d8477de4",
    "b921b045-1df0-41c3-af44-4c6f280d3fae",
    "69dad710-2ce4-4e3c-b16c-21a1d49abed3",
];

/// Reads the table whose header is in the second sector. The copy at the end of the disk is not read: an image whose
/// first table is damaged is not to be trusted with the rest.
pub(super) fn read(disk: &dyn ReadAt) -> Result<PartitionTable, PartitionError> {
    let mut cursor = Cursor::new(disk);
    // The checksums of header and entries are checked by the crate.
    let header = read_header_from_arbitrary_device(&mut cursor, Lb512)
        .map_err(|error| damaged(format!("the header of the GPT cannot be read: {error}")))?;
    check(&header, disk.size())?;
    let entries = file_read_partitions(&mut cursor, &header, Lb512)
        .map_err(|error| damaged(format!("the entries of the GPT cannot be read: {error}")))?;
    let in_use = entries.iter().filter(|(_, entry)| entry.is_used());
    Ok(PartitionTable {
        kind: TableKind::Gpt { disk_guid: header.disk_guid.to_string() },
        partitions: in_use.map(|(number, entry)| partition(*number, entry)).collect::<Result<_, _>>()?,
    })
}

/// Checks that the crate can read a table with this header, and that the disk is as large as the header says.
fn check(header: &Header, size: ByteCount) -> Result<(), PartitionError> {
    if header.part_size != ENTRY_SIZE {
        return Err(damaged(format!("the entries of the GPT have {} bytes, not 128", header.part_size)));
    }
    if header.num_parts > MOST_ENTRIES {
        return Err(damaged(format!("the GPT has {} entries, more than {MOST_ENTRIES}", header.num_parts)));
    }
    if header.backup_lba >= size.get() / SECTOR {
        return Err(damaged(format!(
            "the copy of the GPT is in sector {}, but the disk has only {}: the image is cut short",
            header.backup_lba,
            size.get() / SECTOR
        )));
    }
    Ok(())
}

fn partition(number: u32, entry: &Partition) -> Result<PartitionEntry, PartitionError> {
    let start = entry.bytes_start(Lb512);
    let length = entry.bytes_len(Lb512);
    let range = start.and_then(|start| Ok((start, length?)));
    let (start, length) = range.map_err(|error| damaged(format!("partition {number}: {error}")))?;
    let guid = entry.part_type_guid.guid.to_string();
    let kind = match guid.as_str() {
        guid if FAT.contains(&guid) => PartitionKind::Fat,
        guid if LINUX.contains(&guid) => PartitionKind::Linux,
        _ => PartitionKind::Other(guid),
    };
    Ok(PartitionEntry { number, start: ByteOffset::new(start), length: ByteCount::new(length), kind })
}

#[cfg(test)]
mod tests {
    use super::super::made::mbr_disk;
    use super::*;
    use ::gpt::GptConfig;
    use ::gpt::partition_types::{EFI, LINUX_FS, LINUX_SWAP};
    use crc::{CRC_32_ISO_HDLC, Crc};
    use proptest::prelude::*;

    const SECTORS: usize = 256;

    /// A disk with three partitions, made by the crate's writer.
    fn disk() -> Vec<u8> {
        let mut cursor = std::io::Cursor::new(mbr_disk(SECTORS, &[(0xee, 1, 255)]));
        let mut gpt = GptConfig::new().writable(true).create_from_device(&mut cursor, None).unwrap();
        for (sectors, kind) in [(8, EFI), (16, LINUX_FS), (4, LINUX_SWAP)] {
            gpt.add_partition("part", sectors * SECTOR, kind, 0, None).unwrap();
        }
        gpt.write().unwrap();
        cursor.into_inner()
    }

    /// Puts the checksums of a changed table right.
    fn seal(disk: &mut [u8]) {
        let crc = Crc::<u32>::new(&CRC_32_ISO_HDLC);
        let entries = crc.checksum(&disk[1024..1024 + 128 * 128]);
        disk[512 + 88..512 + 92].copy_from_slice(&entries.to_le_bytes());
        disk[512 + 16..512 + 20].fill(0);
        let header = crc.checksum(&disk[512..512 + 92]);
        disk[512 + 16..512 + 20].copy_from_slice(&header.to_le_bytes());
    }

    fn error(disk: &[u8]) -> String {
        PartitionTable::read(&disk.to_vec()).unwrap_err().to_string()
    }

    #[test]
    fn partitions_of_a_gpt_are_found() {
        let table = PartitionTable::read(&disk()).unwrap();
        assert!(matches!(&table.kind, TableKind::Gpt { disk_guid } if disk_guid.len() == 36));
        let kinds: Vec<_> = table.partitions.iter().map(|entry| entry.kind.clone()).collect();
        let swap = "0657fd6d-a4ab-43c4-84e5-0933c84b4f4f".to_owned();
        assert_eq!(kinds, [PartitionKind::Fat, PartitionKind::Linux, PartitionKind::Other(swap)]);
        assert_eq!(table.partitions[1].length, ByteCount::new(16 * 512));
        assert_eq!(table.partitions[1].start.get(), table.partitions[0].start.get() + 8 * 512);
    }

    #[test]
    fn a_gpt_whose_checksums_do_not_fit_is_damaged() {
        let mut header = disk();
        header[512 + 60] ^= 1;
        assert!(error(&header).contains("the header of the GPT cannot be read"), "{}", error(&header));
        let mut entries = disk();
        entries[1024 + 20] ^= 1;
        assert!(error(&entries).contains("the entries of the GPT cannot be read"), "{}", error(&entries));
    }

    #[test]
    fn a_protective_mbr_alone_is_no_table() {
        let disk = mbr_disk(SECTORS, &[(0xee, 1, 255)]);
        assert!(error(&disk).contains("the header of the GPT cannot be read"));
        assert!(error(&disk[..512]).contains("the header of the GPT cannot be read"));
    }

    #[test]
    fn headers_that_would_make_the_crate_panic_or_take_all_memory_are_refused() {
        let mut odd = disk();
        odd[512 + 84] = 0;
        seal(&mut odd);
        assert!(error(&odd).contains("the entries of the GPT have 0 bytes"), "{}", error(&odd));
        let mut many = disk();
        many[512 + 80..512 + 84].fill(0xff);
        seal(&mut many);
        assert!(error(&many).contains("4294967295 entries"), "{}", error(&many));
        let mut far = disk();
        far[512 + 72..512 + 80].fill(0xff);
        seal(&mut far);
        assert!(error(&far).contains("the entries of the GPT cannot be read"), "{}", error(&far));
    }

    #[test]
    fn a_truncated_gpt_image_is_called_so() {
        let mut disk = disk();
        disk.truncate(100 * 512);
        assert!(
            error(&disk).ends_with("but the disk has only 100: the image is cut short"),
            "{}",
            error(&disk)
        );
    }

    #[test]
    fn partitions_of_a_gpt_may_not_run_backwards_or_out_of_the_disk() {
        let mut backwards = disk();
        backwards[1024 + 40..1024 + 48].fill(0);
        seal(&mut backwards);
        assert!(error(&backwards).contains("partition 1: "), "{}", error(&backwards));
        let mut outside = disk();
        outside[1024 + 128 + 40..1024 + 128 + 44].fill(0xff);
        seal(&mut outside);
        assert!(error(&outside).contains("partition 2 ends at byte"), "{}", error(&outside));
        let mut beyond = disk();
        beyond[1024 + 128 + 40..1024 + 128 + 48].fill(0xff);
        seal(&mut beyond);
        assert!(error(&beyond).contains("partition 2: "), "{}", error(&beyond));
    }

    proptest! {
        #[test]
        fn no_header_and_no_entry_makes_reading_panic(
            at in 512..1024 + 256_usize,
            bytes in prop::collection::vec(any::<u8>(), 1..16),
        ) {
            let mut disk = disk();
            disk[at..at + bytes.len()].copy_from_slice(&bytes);
            seal(&mut disk);
            if let Ok(table) = PartitionTable::read(&disk) {
                for entry in table.partitions {
                    prop_assert!(entry.start.get() + entry.length.get() <= disk.len() as u64);
                }
            }
        }
    }
}
