//! NODE.img.bmap, which tells a program that flashes cards what it need not write: bmaptool and bmap-rs take
//! it. The format is version 2.0 of bmaptool's (`BmapCreate.py`, `BmapCopy.py`).
//!
//! A gap means "whatever is there", not "zeros": a used card holds something everywhere. So
//! nothing is left out but what the filesystems themselves say is free, zeros or not.

use super::name_of;
use crate::formats::ImageFormat;
use crate::io::BLOCK_SIZE;
use crate::types::{ByteCount, Digest};
use std::ops::Range;
use std::path::{Path, PathBuf};

/// Returns the path of the bmap of an image: `north.img.bmap`, whatever `north.img` is compressed with. bmaptool strips
/// one ending after the other until it finds one.
pub(crate) fn path_beside(image: &Path) -> PathBuf {
    let name = name_of(image);
    let compressed = |format: ImageFormat| format.extension().strip_prefix("img");
    let mut endings =
        ImageFormat::WRITTEN.into_iter().filter_map(compressed).filter(|ending| !ending.is_empty());
    let raw = endings.find_map(|ending| name.strip_suffix(ending)).unwrap_or(&name);
    image.with_file_name(format!("{raw}.bmap"))
}

/// Returns whether a text is a bmap that this program wrote.
pub(crate) fn is_bmap(text: &str) -> bool {
    text.contains(MADE_HERE)
}

/// [`BLOCK_SIZE`] as the offsets count.
const BLOCK: u64 = BLOCK_SIZE as u64;

/// The comment that tells a bmap of this program from one that bmaptool made.
const MADE_HERE: &str = "<!-- Made by cardwright.";

/// Returns what has to be written of a disk of which `unused` is free: whole blocks, in order and apart.
pub(crate) fn mapped(size: ByteCount, unused: &[Range<u64>]) -> Vec<Range<u64>> {
    let mut mapped = Vec::new();
    let mut done = 0;
    for part in unused {
        // A block that is free only in part has to be written.
        let start = part.start.next_multiple_of(BLOCK);
        let end = if part.end >= size.get() { size.get() } else { part.end / BLOCK * BLOCK };
        if start < end {
            if done < start {
                mapped.push(done..start);
            }
            done = end;
        }
    }
    if done < size.get() {
        mapped.push(done..size.get());
    }
    mapped
}

/// Returns the bmap of a disk. `parts` are what is mapped, with the SHA-256 of each.
pub(in crate::output) fn text(size: ByteCount, parts: &[(Range<u64>, Digest)]) -> String {
    let blocks = size.get().div_ceil(BLOCK);
    let counted: u64 = parts.iter().map(|(part, _)| part.end.div_ceil(BLOCK) - part.start / BLOCK).sum();
    let mut text = format!(
        "<?xml version=\"1.0\" ?>\n\
         {MADE_HERE} What is not in here is free space of the filesystems in the image. -->\n\
         <bmap version=\"2.0\">\n    \
             <ImageSize> {} </ImageSize>\n    \
             <BlockSize> {BLOCK} </BlockSize>\n    \
             <BlocksCount> {blocks} </BlocksCount>\n    \
             <MappedBlocksCount> {counted} </MappedBlocksCount>\n    \
             <ChecksumType> sha256 </ChecksumType>\n    \
             <BmapFileChecksum> {CHECKSUM_TO_COME} </BmapFileChecksum>\n    \
             <BlockMap>\n",
        size.get()
    );
    text.extend(parts.iter().map(|(part, digest)| {
        let (first, last) = (part.start / BLOCK, part.end.div_ceil(BLOCK) - 1);
        let blocks = if first == last { format!("{first}") } else { format!("{first}-{last}") };
        format!("        <Range chksum=\"{digest}\"> {blocks} </Range>\n")
    }));
    text.push_str("    </BlockMap>\n</bmap>\n");
    // The checksum is that of the file in which it is zeros.
    let checksum = Digest::of(text.as_bytes()).to_string();
    text.replacen(CHECKSUM_TO_COME, &checksum, 1)
}

const CHECKSUM_TO_COME: &str = "0000000000000000000000000000000000000000000000000000000000000000";

#[cfg(test)]
mod tests {
    use super::*;

    /// One range.
    fn one(start: u64, end: u64) -> [Range<u64>; 1] {
        std::array::from_fn(|_| start..end)
    }

    #[test]
    fn only_whole_blocks_that_are_free_are_left_out() {
        let size = ByteCount::new(100_000);
        assert_eq!(mapped(size, &[]), one(0, 100_000));
        assert_eq!(mapped(size, &one(0, 100_000)), []);
        assert_eq!(mapped(size, &one(1, 8191)), one(0, 100_000));
        assert_eq!(mapped(size, &[1..8192, 12_000..30_000]), [0..4096, 8192..12_288, 28_672..100_000]);
        // The last block is a short one.
        assert_eq!(mapped(size, &one(50_000, 100_000)), one(0, 53_248));
    }

    #[test]
    fn a_bmap_stands_beside_its_image_whatever_that_is_compressed_with() {
        for image in ["a/north.img", "a/north.img.xz", "a/north.img.zst", "a/north.img.gz"] {
            assert_eq!(path_beside(Path::new(image)), Path::new("a/north.img.bmap"));
        }
    }

    #[test]
    fn a_bmap_says_what_bmaptool_reads() {
        let parts =
            [(0..8192, Digest::from_bytes([0xab; 32])), (12_288..12_300, Digest::from_bytes([0xcd; 32]))];
        let text = text(ByteCount::new(12_300), &parts);
        insta::assert_snapshot!(text);
        let checksum = text.split("<BmapFileChecksum> ").nth(1).unwrap().get(..64).unwrap();
        assert_eq!(checksum, Digest::of(text.replace(checksum, CHECKSUM_TO_COME).as_bytes()).to_string());
    }
}
