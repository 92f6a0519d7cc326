//! Decoding one Block of an .xz file: its bytes as they are, with a stream header before and an Index and
//! a stream footer behind them, are a whole .xz file of their own. So any decoder takes it, and checks
//! that the Block is what the Index of the file said and that its content fits its check value.

use super::xz_index::XzBlock;
use crate::formats::Record;
use crate::formats::xz::{self, BlockHeader};
use crate::io::ReadAt;
use crate::types::number::usize_from;
use crate::types::{ByteCount, ByteOffset};
use std::io::{self, BufReader, Read};

/// The most memory a decoder is given. `xz -9` needs 65 MiB.
pub(super) const DECODER_MEMORY: u64 = 160 << 20;

/// What a decoder needs beside the dictionary, at most.
const DECODER_OVERHEAD: u64 = 1 << 20;

/// How much of a Block is read at once.
const PIECE: usize = 1 << 18;

/// A reader of what `block` holds.
///
/// It ends with an error where the Block is damaged, and gives as many bytes as the Index says only when
/// the Block holds no others: whoever reads it to its end has read what was packed.
pub(super) fn reader<'file>(file: &'file dyn ReadAt, block: &XzBlock) -> io::Result<impl Read + 'file> {
    let packed =
        BlockBytes { file, at: block.compressed_offset, end: block.compressed_offset + block.padded_size() };
    let record = Record { size: block.uncompressed_size, packed: block.unpadded_size, crc32: 0 };
    let (before, behind) = (xz::stream_header(block.check), xz::stream_end(block.check, &[record]));
    let stream = io::Cursor::new(before).chain(packed).chain(io::Cursor::new(behind));
    let decoder = xz::decoder(BufReader::with_capacity(PIECE, stream), DECODER_MEMORY)?;
    Ok(Exactly { reader: decoder, left: block.uncompressed_size })
}

/// The memory that decoding a Block takes, as its header says (section 3.1).
pub(super) fn memory(file: &dyn ReadAt, block: &XzBlock) -> io::Result<ByteCount> {
    let mut header = [0; 1024];
    let length = usize_from(block.unpadded_size).min(header.len());
    let (header, _) = header.split_at_mut(length);
    file.read_at(ByteOffset::new(block.compressed_offset), header)?;
    // A header that cannot be read is the decoder's to complain about, before it takes any memory.
    let dictionary = BlockHeader::parse(header).map_or(0, |header| header.dictionary);
    let needed = ByteCount::new(dictionary + DECODER_OVERHEAD);
    if needed.get() > DECODER_MEMORY {
        let limit = ByteCount::new(DECODER_MEMORY);
        let message = format!("packed so that reading it takes {needed} of memory (the limit is {limit})");
        return Err(io::Error::new(io::ErrorKind::OutOfMemory, message));
    }
    Ok(needed)
}

/// The bytes of a Block, with its padding.
struct BlockBytes<'file> {
    file: &'file dyn ReadAt,
    at: u64,
    end: u64,
}

impl Read for BlockBytes<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let (piece, _) = buffer.split_at_mut(usize_from(self.end - self.at).min(buffer.len()));
        if !piece.is_empty() {
            self.file.read_at(ByteOffset::new(self.at), piece)?;
        }
        self.at += piece.len() as u64;
        Ok(piece.len())
    }
}

/// A reader that has to give exactly this much.
struct Exactly<R> {
    reader: R,
    left: u64,
}

impl<R: Read> Read for Exactly<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.reader.read(buffer)?;
        match self.left.checked_sub(length as u64) {
            Some(0) if length == 0 => {}
            Some(_) if length == 0 && !buffer.is_empty() => return Err(disagrees()),
            Some(left) => self.left = left,
            None => return Err(disagrees()),
        }
        Ok(length)
    }
}

fn disagrees() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "it does not hold as much as the Index says")
}
