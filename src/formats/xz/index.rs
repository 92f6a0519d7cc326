//! The layout of an .xz file: stream footers, Indexes and stream headers, read from the end of the file to its start.

use super::stream::{CRC32, Check, FOOTER_MAGIC, HEADER_SIZE, stream_header, take_number};
use crate::formats::LARGEST_IMAGE;
use crate::formats::error::FormatError;
use crate::io::{ReadAt, read_vec};
use crate::types::number::usize_from;
use crate::types::{ByteCount, ByteOffset};
use std::ops::Range;

/// [`HEADER_SIZE`] as the offsets count.
const HEADER: u64 = HEADER_SIZE as u64;

/// Far more Blocks than the largest image has with `xz -0` (1 MiB each), and few enough to keep in memory.
const MOST_BLOCKS: u64 = 1 << 18;

/// Far more streams than anyone concatenates.
const MOST_STREAMS: usize = 1 << 12;

/// An Index of as many Blocks as there may be, each with two numbers of nine bytes.
const LARGEST_INDEX: u64 = 18 * MOST_BLOCKS + 32;

/// The Blocks of an .xz file.
#[derive(Debug)]
pub(crate) struct XzLayout {
    /// Of all Streams, in the order of the file.
    pub(crate) blocks: Vec<XzBlock>,
    /// The size of the contents of all Blocks together, in bytes.
    pub(crate) uncompressed_size: u64,
}

/// A Block: a part of the image that can be decoded alone.
#[derive(Debug, Clone, Copy)]
pub(crate) struct XzBlock {
    /// The kind of its check value, which its Stream says.
    pub(crate) check: Check,
    /// The offset of its header in the file.
    pub(crate) compressed_offset: u64,
    /// Its size with header and check value, but without its padding (to a multiple of four bytes).
    pub(crate) unpadded_size: u64,
    /// The offset of its contents in the image.
    pub(crate) uncompressed_offset: u64,
    /// The size of its contents.
    pub(crate) uncompressed_size: u64,
}

impl XzBlock {
    /// Returns its size with its padding.
    pub(crate) fn padded_size(&self) -> u64 {
        // The Block lies inside the file, and that ends before 2^64.
        self.unpadded_size.next_multiple_of(4)
    }

    /// Returns the range of the image that it holds.
    pub(crate) fn uncompressed(&self) -> Range<u64> {
        // The layout is read only where all Blocks together hold less than 2^64 bytes.
        self.uncompressed_offset..self.uncompressed_offset + self.uncompressed_size
    }
}

/// A Record of an Index.
struct IndexRecord {
    unpadded_size: u64,
    uncompressed_size: u64,
}

/// A Stream: its Index, and its place in the file.
struct FoundStream {
    start: u64,
    check: Check,
    records: Vec<IndexRecord>,
}

impl XzLayout {
    /// Reads the layout of a whole file. Takes time and memory for the Blocks that there are, which are counted before
    /// they are believed, and reads nothing but headers, Indexes and footers.
    pub(crate) fn read(file: &dyn ReadAt) -> Result<Self, FormatError> {
        let mut found = Vec::new();
        let mut blocks_left = MOST_BLOCKS;
        let mut end = without_padding(file, file.size().get())?;
        while end > 0 {
            if found.len() >= MOST_STREAMS {
                return Err(damaged(format!("it has more than {MOST_STREAMS} xz streams")));
            }
            let stream = read_stream(file, end, blocks_left)?;
            blocks_left -= stream.records.len() as u64;
            end = without_padding(file, stream.start)?;
            found.push(stream);
        }
        let mut layout = Self { blocks: Vec::new(), uncompressed_size: 0 };
        for FoundStream { start, check, records } in found.into_iter().rev() {
            let mut compressed_offset = start + HEADER;
            for IndexRecord { unpadded_size, uncompressed_size } in records {
                let uncompressed_offset = layout.uncompressed_size;
                let block = XzBlock {
                    check,
                    compressed_offset,
                    unpadded_size,
                    uncompressed_offset,
                    uncompressed_size,
                };
                let end = uncompressed_offset.checked_add(uncompressed_size);
                let end = end.filter(|end| *end <= LARGEST_IMAGE.get());
                layout.uncompressed_size = end.ok_or(FormatError::TooLarge { limit: LARGEST_IMAGE })?;
                compressed_offset += block.padded_size();
                layout.blocks.push(block);
            }
        }
        Ok(layout)
    }

    /// Returns the number of the Block that holds the byte at `offset` of the image.
    pub(crate) fn holding(&self, offset: u64) -> Option<usize> {
        // Blocks that hold nothing share their offset with the one that follows, which is the last of them.
        self.blocks.partition_point(|block| block.uncompressed_offset <= offset).checked_sub(1)
    }
}

/// Returns the end of what lies before `end` without the zeros that pad Streams (section 2.2).
fn without_padding(file: &dyn ReadAt, end: u64) -> Result<u64, FormatError> {
    let mut piece = [0; 4096];
    let mut at = end;
    while at > 0 {
        let length = usize_from(at).min(piece.len());
        let (bytes, _) = piece.split_at_mut(length);
        let start = at - length as u64;
        read(file, start, bytes)?;
        if let Some(last) = bytes.iter().rposition(|byte| *byte != 0) {
            at = start + last as u64 + 1;
            break;
        }
        at = start;
    }
    // What is left of a stream ends at a multiple of four bytes, and the last of them are not zero.
    if !(end - at).is_multiple_of(4) {
        // Zeros are also what many a compressed Block holds in the middle.
        return Err(match footer_before(file, at) {
            Some(stream_end) if stream_end == at => {
                damaged("the zeros behind an xz stream are no multiple of four bytes")
            }
            _ => without_end(file, end),
        });
    }
    Ok(at)
}

fn read(file: &dyn ReadAt, offset: u64, buffer: &mut [u8]) -> Result<(), FormatError> {
    file.read_at(ByteOffset::new(offset), buffer).map_err(FormatError::Read)
}

/// Reads the stream that ends at `end`.
fn read_stream(file: &dyn ReadAt, end: u64, blocks_left: u64) -> Result<FoundStream, FormatError> {
    let (check, index_size) = read_footer(file, end)?;
    let outside =
        || damaged(format!("the xz stream that ends at byte {end} claims to be longer than what is there"));
    let behind_index = end.checked_sub(HEADER).ok_or_else(outside)?;
    let index_start = behind_index.checked_sub(index_size).ok_or_else(outside)?;
    if index_size > LARGEST_INDEX {
        return Err(damaged(format!("the xz Index at byte {index_start} is too large")));
    }
    let index = read_vec(file, ByteOffset::new(index_start), ByteCount::new(index_size));
    let index = index.map_err(FormatError::Read)?;
    let records = parse_index(&index, blocks_left)
        .map_err(|found| damaged(format!("the xz Index at byte {index_start} {found}")))?;
    let blocks = records
        .iter()
        .try_fold(0_u64, |sum, record| sum.checked_add(record.unpadded_size.checked_next_multiple_of(4)?));
    let start = blocks.and_then(|blocks| index_start.checked_sub(blocks)?.checked_sub(HEADER));
    let start = start.ok_or_else(outside)?;
    check_header(file, start, check)?;
    Ok(FoundStream { start, check, records })
}

/// Reads the footer that ends at `end`: the check type, and the size of the Index before it.
fn read_footer(file: &dyn ReadAt, end: u64) -> Result<(Check, u64), FormatError> {
    let no_footer = || without_end(file, end);
    let start = end.checked_sub(HEADER).ok_or_else(no_footer)?;
    let mut footer = [0; HEADER_SIZE];
    read(file, start, &mut footer)?;
    if !is_footer(&footer) {
        return Err(no_footer());
    }
    let [_, _, _, _, body @ .., _, _] = footer;
    let [s0, s1, s2, s3, flags @ ..] = body;
    let check = Check::from_flags(flags).ok_or_else(|| unknown_flags(flags))?;
    // Backward Size counts units of four bytes, less one.
    let index_size = (u64::from(u32::from_le_bytes([s0, s1, s2, s3])) + 1) * 4;
    Ok((check, index_size))
}

/// Returns `true` if these bytes are a stream footer, whatever it says (section 2.1.2).
fn is_footer(bytes: &[u8; HEADER_SIZE]) -> bool {
    let [c0, c1, c2, c3, body @ .., y, z] = bytes;
    [*y, *z] == FOOTER_MAGIC && CRC32.checksum(body).to_le_bytes() == [*c0, *c1, *c2, *c3]
}

/// Makes the error of a file in which no stream ends at `end`, where one should.
fn without_end(file: &dyn ReadAt, end: u64) -> FormatError {
    match footer_before(file, end) {
        Some(stream_end) => {
            let length = end - stream_end;
            FormatError::TrailingData { format: "xz", length }
        }
        None => damaged(format!("it ends too early: its xz stream has no end at byte {end}")),
    }
}

/// The most bytes at the end of a file in which the end of its stream is looked for: a signature that was added is
/// smaller.
const FARTHEST_FOOTER: u64 = 64 << 10;

/// Returns the end of the last stream before `end`, where one ends not far from there. It only makes an error
/// say whether a file was cut short or added to, so what cannot be read is not there.
fn footer_before(file: &dyn ReadAt, end: u64) -> Option<u64> {
    let start = end.max(FARTHEST_FOOTER) - FARTHEST_FOOTER;
    let bytes = read_vec(file, ByteOffset::new(start), ByteCount::new(end - start)).ok()?;
    let is_footer_there = |window: &[u8]| window.first_chunk().is_some_and(is_footer);
    let at = bytes.windows(HEADER_SIZE).rposition(is_footer_there)?;
    Some(start + at as u64 + HEADER)
}

fn unknown_flags([first, second]: [u8; 2]) -> FormatError {
    FormatError::Unknown(format!(
        "compressed with an xz of a kind to come (stream flags {first:02x} {second:02x})"
    ))
}

fn damaged(found: impl Into<String>) -> FormatError {
    FormatError::Damaged(found.into())
}

/// Checks that a stream header with this check type begins at `start`.
fn check_header(file: &dyn ReadAt, start: u64, check: Check) -> Result<(), FormatError> {
    let mut header = [0; HEADER_SIZE];
    read(file, start, &mut header)?;
    if header == stream_header(check) {
        return Ok(());
    }
    Err(damaged(format!("no xz stream begins at byte {start}, where its Index says that it does")))
}

/// Reads an Index (section 4). The error continues a sentence that begins with "the Index".
fn parse_index(index: &[u8], blocks_left: u64) -> Result<Vec<IndexRecord>, String> {
    let (body, checksum) = index.split_last_chunk::<4>().ok_or("is too short")?;
    if CRC32.checksum(body).to_le_bytes() != *checksum {
        return Err("does not fit its checksum".to_owned());
    }
    let mut rest = body.strip_prefix(&[0]).ok_or("is none")?;
    let count = take_number(&mut rest).ok_or("does not say how many Blocks there are")?;
    if count > blocks_left || count > rest.len() as u64 / 2 {
        return Err(format!("claims to have {count} Blocks"));
    }
    let mut records = Vec::with_capacity(usize_from(count));
    for number in 1..=count {
        let record = take_number(&mut rest).zip(take_number(&mut rest));
        let (unpadded_size, uncompressed_size) =
            record.ok_or_else(|| format!("ends in Block {number} of {count}"))?;
        // The smallest Block header has 8 bytes, but the format asks for no more than this.
        if unpadded_size < 5 {
            return Err(format!("says that Block {number} has {unpadded_size} bytes"));
        }
        records.push(IndexRecord { unpadded_size, uncompressed_size });
    }
    if rest.len() > 3 || rest.iter().any(|byte| *byte != 0) {
        return Err("goes on after its last Block".to_owned());
    }
    Ok(records)
}

#[cfg(test)]
mod tests {
    use super::super::stream::push_number;
    use super::*;
    use proptest::prelude::*;
    use std::time::{Duration, Instant};
    use xz2::stream::{Action, Check as LibraryCheck, MtStreamBuilder, Stream};

    fn layout(bytes: &[u8]) -> Result<XzLayout, String> {
        XzLayout::read(&bytes).map_err(|error| error.to_string())
    }

    fn compressed(bytes: &[u8], block_size: u64, check: LibraryCheck) -> Vec<u8> {
        let mut builder = MtStreamBuilder::new();
        let stream = builder.threads(1).preset(0).check(check).block_size(block_size).encoder().unwrap();
        encoded(stream, bytes)
    }

    fn encoded(mut stream: Stream, bytes: &[u8]) -> Vec<u8> {
        let mut compressed = Vec::with_capacity(bytes.len() + 100_000);
        stream.process_vec(bytes, &mut compressed, Action::Finish).unwrap();
        assert_eq!(stream.total_in(), bytes.len() as u64);
        compressed
    }

    /// A stream whose Index has these records, around `blocks` bytes that are not looked at.
    fn made(blocks: usize, count: u64, records: &[(u64, u64)]) -> Vec<u8> {
        let mut file = stream_header(Check::Crc64).to_vec();
        file.resize(file.len() + blocks, 0xcc);
        let mut index = vec![0];
        push_number(&mut index, count);
        for (unpadded, uncompressed) in records {
            push_number(&mut index, *unpadded);
            push_number(&mut index, *uncompressed);
        }
        index.resize(index.len().next_multiple_of(4), 0);
        index.extend(CRC32.checksum(&index).to_le_bytes());
        file.extend(&index);
        file.extend(footer(u32::try_from(index.len() / 4 - 1).unwrap()));
        file
    }

    fn footer(backward_size: u32) -> Vec<u8> {
        let mut body = backward_size.to_le_bytes().to_vec();
        body.extend(Check::Crc64.flags());
        [&CRC32.checksum(&body).to_le_bytes()[..], &body, &FOOTER_MAGIC].concat()
    }

    #[test]
    fn the_blocks_of_several_streams_with_padding_are_found() {
        let parts = [
            compressed(&[1; 10_000], 4096, LibraryCheck::Crc32),
            vec![0; 8],
            compressed(&[], 4096, LibraryCheck::Crc64),
            compressed(&[2; 5000], 4096, LibraryCheck::Sha256),
            vec![0; 4],
        ];
        let layout = layout(&parts.concat()).unwrap();
        let sizes: Vec<u64> = layout.blocks.iter().map(|block| block.uncompressed_size).collect();
        assert_eq!(sizes, [4096, 4096, 1808, 4096, 904]);
        assert_eq!(layout.uncompressed_size, 15_000);
        let checks: Vec<Check> = layout.blocks.iter().map(|block| block.check).collect();
        assert_eq!(checks, [Check::Crc32, Check::Crc32, Check::Crc32, Check::Sha256, Check::Sha256]);
        assert_eq!(layout.holding(4095), Some(0));
        assert_eq!(layout.holding(10_000), Some(3));
    }

    #[test]
    fn a_block_that_holds_nothing_is_never_asked() {
        let layout = layout(&made(24, 3, &[(8, 100), (8, 0), (8, 50)])).unwrap();
        assert_eq!(layout.holding(99), Some(0));
        assert_eq!(layout.holding(100), Some(2));
    }

    #[test]
    fn index_bombs_are_refused_at_once() {
        let started = Instant::now();
        let expect = |file: Vec<u8>, part: &str| {
            let error = layout(&file).unwrap_err();
            assert!(error.contains(part), "{error}");
        };
        let many = 1 << 62;
        expect(made(8, many, &[(8, 1)]), "claims to have 4611686018427387904 Blocks");
        expect(made(8, 2, &[(8, 1)]), "claims to have 2 Blocks");
        expect(made(8, 1, &[(8, u64::MAX >> 1)]), "decompresses to more than 256 GiB");
        let halves = [(8, u64::MAX >> 1), (8, u64::MAX >> 1), (8, u64::MAX >> 1)];
        expect(made(24, 3, &halves), "decompresses to more than 256 GiB");
        expect(made(8, 1, &[(u64::MAX >> 1, 1)]), "claims to be longer");
        expect(made(8, 3, &[(u64::MAX >> 1, 1); 3]), "claims to be longer");
        expect(made(8, 1, &[(9, 1)]), "claims to be longer");
        expect(made(16, 1, &[(8, 1)]), "no xz stream begins at byte 8");
        expect(made(8, 1, &[(4, 1)]), "Block 1 has 4 bytes");
        expect(made(8, 0, &[(8, 1), (8, 1)]), "goes on after its last Block");
        expect([made(8, 1, &[(8, 1)]), footer(u32::MAX)].concat(), "claims to be longer");
        let mut pointing_at_nothing = made(100, 1, &[(100, 1)]);
        let length = pointing_at_nothing.len();
        pointing_at_nothing.splice(length - 12.., footer(5));
        expect(pointing_at_nothing, "does not fit its checksum");
        let empty = compressed(&[], 4096, LibraryCheck::Crc64);
        expect(empty.repeat(MOST_STREAMS + 1), "more than 4096 xz streams");
        let mut large = vec![0; usize_from(LARGEST_INDEX) + 64];
        let size = u32::try_from(large.len() / 4 - 1).unwrap();
        large.extend(footer(size));
        expect(large, "is too large");
        assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    }

    #[test]
    fn what_is_cut_short_or_added_to_is_damaged() {
        let whole = compressed(&[7; 10_000], 4096, LibraryCheck::Crc64);
        for length in [whole.len() - 1, whole.len() - 12, whole.len() / 2, 13, 1] {
            let error = layout(&whole[..length]).unwrap_err();
            assert!(error.contains("is damaged: it ends too early: its xz stream"), "{length}: {error}");
        }
        let added = [&whole[..], b"something"].concat();
        let error = layout(&added).unwrap_err();
        assert!(
            error.contains("goes on after its compressed data")
                && error.contains("9 bytes follow that are not xz"),
            "{error}"
        );
        let zeros = [&whole[..], &[0; 3]].concat();
        assert!(layout(&zeros).unwrap_err().contains("no multiple of four"));
    }

    proptest! {
        #[test]
        fn a_changed_byte_anywhere_never_makes_reading_panic(
            size in 0..20_000_usize, at in any::<prop::sample::Index>(), bit in 0..8_u8,
        ) {
            let mut file = compressed(&vec![3; size], 4096, LibraryCheck::Crc32);
            let at = at.index(file.len());
            file[at] ^= 1 << bit;
            if let Ok(layout) = layout(&file) {
                prop_assert_eq!(layout.uncompressed_size, size as u64);
            }
        }
    }
}
