//! The magic numbers of files and filesystems that cardwright does not read, so that an error names what was found.
//! The numbers are those that file(1) and libblkid go by.

use crate::io::ReadAt;
use crate::types::ByteOffset;
use std::io;

/// Bytes at an offset, and what has them there.
struct Magic {
    at: u64,
    bytes: &'static [u8],
    name: &'static str,
}

const fn magic(at: u64, bytes: &'static [u8], name: &'static str) -> Magic {
    Magic { at, bytes, name }
}

/// Contents of a partition, or of a whole image where somebody copied one partition only. Outer layers come first:
/// a LUKS volume holds nothing that could be mistaken for something else.
const FILESYSTEMS: [Magic; 20] = [
    magic(0, b"LUKS\xba\xbe", "LUKS (encrypted)"),
    magic(0x200, b"LABELONE", "an LVM physical volume"),
    magic(0x1000, b"\xfc\x4e\x2b\xa9", "a member of an MD RAID"),
    magic(0, b"XFSB", "XFS"),
    magic(0x1_0040, b"_BHRfS_M", "btrfs"),
    magic(0x400, b"\x10\x20\xf5\xf2", "F2FS"),
    magic(0, b"hsqs", "squashfs"),
    magic(0x400, b"\xe2\xe1\xf5\xe0", "EROFS"),
    magic(0x1018, b"\xc6\x85\x73\xf6\x4e\x1a\x45\xca\x82\x65\xf5\x7f\x48\xba\x6d\x81", "bcachefs"),
    magic(0x1_0034, b"ReIsEr", "ReiserFS"),
    magic(0x8000, b"JFS1", "JFS"),
    magic(0x438, b"\x53\xef", "ext2, ext3 or ext4"),
    magic(3, b"NTFS    ", "NTFS"),
    magic(3, b"EXFAT   ", "exFAT"),
    magic(0x52, b"FAT32   ", "FAT32"),
    magic(0x36, b"FAT1", "FAT12 or FAT16"),
    magic(0x20, b"NXSB", "APFS"),
    magic(0x400, b"H+\x00\x04", "HFS+"),
    magic(0x8001, b"CD001", "ISO 9660"),
    magic(0xff6, b"SWAPSPACE2", "swap space"),
];

/// Files that people may give for a disk image.
const FILES: [Magic; 30] = [
    magic(0, b"BZh", "compressed with bzip2"),
    magic(0, b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
    magic(0, b"Rar!\x1a\x07", "a RAR archive"),
    magic(0, b"LZIP", "compressed with lzip"),
    magic(0, b"\x04\x22\x4d\x18", "compressed with lz4"),
    magic(0, b"\x02\x21\x4c\x18", "compressed with lz4"),
    magic(0, b"\x89LZO", "compressed with lzop"),
    magic(0, b"\x1f\x9d", "compressed with compress"),
    magic(0, b"\x1f\xa0", "compressed with compress"),
    magic(0x101, b"ustar", "a tar archive"),
    magic(0, b"070701", "a cpio archive"),
    magic(0, b"MSCF", "a cabinet file"),
    magic(0x8001, b"CD001", "an ISO 9660 image, as for a CD or DVD"),
    magic(0, b"QFI\xfb", "a QCOW2 image, as for QEMU"),
    magic(0, b"KDMV", "a VMDK image, as for VMware"),
    magic(0, b"vhdxfile", "a VHDX image, as for Hyper-V"),
    magic(0, b"conectix", "a VHD image, as for Hyper-V"),
    magic(0x40, b"\x7f\x10\xda\xbe", "a VDI image, as for VirtualBox"),
    magic(0, b"partclone-image", "a backup by partclone"),
    magic(0, b"FSARCHIVER", "a backup by FSArchiver"),
    magic(0, b"MSWIM\0\0\0", "a Windows image (WIM)"),
    magic(0, b"\x7fELF", "a program"),
    magic(0, b"%PDF", "a PDF document"),
    magic(0, b"d8:announce", "a torrent, which only says where to download from"),
    magic(0, b"version https://git-lfs", "a Git LFS pointer, which only says what to download"),
    magic(0, b"<!", "a web page"),
    magic(0, b"<html", "a web page"),
    magic(0, b"<HTML", "a web page"),
    magic(0, b"<?xml", "an XML document"),
    magic(0, b"{\"", "a JSON document"),
];

/// Names the filesystem, or whatever else a partition holds, at the start of `disk`; `None` for one that is not
/// known.
///
/// # Errors
/// Fails when `disk` cannot be read.
pub(crate) fn filesystem(disk: &dyn ReadAt) -> io::Result<Option<&'static str>> {
    find(disk, &FILESYSTEMS)
}

/// Names the kind of a file that is not a disk image; `None` for what may be one.
///
/// # Errors
/// Fails when `file` cannot be read.
pub(crate) fn foreign_file(file: &dyn ReadAt) -> io::Result<Option<&'static str>> {
    if let Some(name) = find(file, &FILES)? {
        return Ok(Some(name));
    }
    let mut header = [0; 13];
    let is_read = begins(file, 0, &mut header)?;
    Ok((is_read && is_lzma(header)).then_some("compressed with LZMA (the format before xz)"))
}

/// Returns `true` for the header of a .lzma file: it has no magic number, so that xz and file(1), too, ask
/// whether its fields make sense (lzma-file-format.txt, 1.1).
fn is_lzma([properties, d0, d1, d2, d3, size @ ..]: [u8; 13]) -> bool {
    let dictionary = u32::from_le_bytes([d0, d1, d2, d3]);
    // 2^n, or 2^n + 2^(n-1).
    let is_usual = dictionary >= 1 << 12
        && (dictionary.is_power_of_two() || (dictionary % 3 == 0 && (dictionary / 3).is_power_of_two()));
    let size = u64::from_le_bytes(size);
    // The properties that every encoder writes unless it is told otherwise.
    properties == 0x5d && is_usual && (size == u64::MAX || size < 1 << 38)
}

fn find(disk: &dyn ReadAt, known: &[Magic]) -> io::Result<Option<&'static str>> {
    const LONGEST: usize = 24;
    for Magic { at, bytes, name } in known {
        let mut found = [0; LONGEST];
        let Some(found) = found.get_mut(..bytes.len()) else { continue };
        if begins(disk, *at, found)? && found == *bytes {
            return Ok(Some(name));
        }
    }
    Ok(None)
}

/// Fills `buffer` from `at` on, and returns `true`, unless the disk ends before.
fn begins(disk: &dyn ReadAt, at: u64, buffer: &mut [u8]) -> io::Result<bool> {
    let is_there = at.checked_add(buffer.len() as u64).is_some_and(|end| end <= disk.size().get());
    if is_there {
        disk.read_at(ByteOffset::new(at), buffer)?;
    }
    Ok(is_there)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_recognised_by_its_bytes() {
        for (known, recognise) in [
            (&FILESYSTEMS[..], filesystem as fn(&dyn ReadAt) -> io::Result<Option<&'static str>>),
            (&FILES[..], foreign_file),
        ] {
            for Magic { at, bytes, name } in known {
                let at = usize::try_from(*at).unwrap();
                let mut disk = vec![0; 128 << 10];
                disk[at..at + bytes.len()].copy_from_slice(bytes);
                assert_eq!(recognise(&disk).unwrap(), Some(*name));
                // One that ends in the middle of it.
                disk.truncate(at + bytes.len() - 1);
                assert_eq!(recognise(&disk).unwrap(), None, "{name}");
            }
        }
        assert!(FILESYSTEMS.iter().chain(&FILES).all(|magic| magic.bytes.len() <= 24));
    }

    #[test]
    fn the_header_of_lzma_is_recognised_by_its_fields() {
        // As `xz --format=lzma` of xz 5.4 begins, and as LZMA SDK's own program does, which knows the size.
        let xz = *b"\x5d\x00\x00\x80\x00\xff\xff\xff\xff\xff\xff\xff\xff";
        let sdk = *b"\x5d\x00\x00\x00\x01\x00\x00\x40\xb7\x00\x00\x00\x00";
        assert!(is_lzma(xz) && is_lzma(sdk));
        assert!(is_lzma(*b"\x5d\x00\x00\xc0\x00\xff\xff\xff\xff\xff\xff\xff\xff"));
        assert!(!is_lzma(*b"\x5d\x00\x80\x80\x00\xff\xff\xff\xff\xff\xff\xff\xff"));
        assert!(!is_lzma(*b"\x5d\x00\x00\x80\x00\xff\xff\xff\xff\xff\xff\xff\x00"));
        assert!(!is_lzma([0; 13]));
        assert_eq!(foreign_file(&xz.to_vec()).unwrap(), Some("compressed with LZMA (the format before xz)"));
    }
}
