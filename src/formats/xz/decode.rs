//! Decoding one Block of an .xz file: its bytes, with a stream header before and an Index and a stream footer behind
//! them, are a whole .xz file of their own. So any decoder takes it, and checks that the Block is what the Index of the
//! file said and that its contents fit its check value.

use super::block::BlockHeader;
use super::index::XzBlock;
use super::stream::{stream_end, stream_header};
use crate::formats::error::FormatError;
use crate::formats::part::Record;
use crate::io::cursor::Cursor;
use crate::io::{ReadAt, read_vec};
use crate::types::{ByteCount, ByteOffset};
use std::io::{self, BufRead, BufReader, Read};
use xz2::bufread::XzDecoder;
use xz2::stream::{CONCATENATED, Stream};

/// The most memory a decoder is given. `xz -9` needs 65 MiB.
const DECODER_MEMORY: ByteCount = ByteCount::new(160 << 20);

/// The most memory that a decoder needs beside the dictionary.
const DECODER_OVERHEAD: ByteCount = ByteCount::new(1 << 20);

/// The most that is read of a Block at once.
const READ_SIZE: usize = 1 << 18;

/// The longest header a Block can have.
const LONGEST_HEADER: u64 = 1024;

/// Decompresses all Streams of a file.
///
/// # Errors
/// When there is not enough memory.
pub(in crate::formats) fn decoder(compressed: impl BufRead) -> io::Result<impl Read> {
    let decoder = Stream::new_stream_decoder(DECODER_MEMORY.get(), CONCATENATED)?;
    Ok(XzDecoder::new_stream(compressed, decoder))
}

/// Returns a reader of the contents of `block`.
///
/// It ends with an error where the Block is damaged, and gives as many bytes as the Index says only when the Block holds
/// no others: whoever reads it to its end has read what was compressed.
pub(crate) fn block_reader<'file>(
    file: &'file dyn ReadAt,
    block: &XzBlock,
) -> io::Result<impl Read + use<'file>> {
    let end = block.compressed_offset + block.padded_size();
    let compressed = Cursor::over(file, block.compressed_offset..end);
    let record = Record { size: block.uncompressed_size, compressed: block.unpadded_size, crc32: 0 };
    let (before, behind) = (stream_header(block.check), stream_end(block.check, &[record]));
    let stream = io::Cursor::new(before).chain(compressed).chain(io::Cursor::new(behind));
    let decoder = decoder(BufReader::with_capacity(READ_SIZE, stream))?;
    Ok(Exactly { reader: decoder, left: block.uncompressed_size })
}

/// Returns the memory that decoding a Block takes, as its header says (section 3.1).
pub(crate) fn block_memory(file: &dyn ReadAt, block: &XzBlock) -> Result<ByteCount, FormatError> {
    let length = ByteCount::new(block.unpadded_size.min(LONGEST_HEADER));
    let header =
        read_vec(file, ByteOffset::new(block.compressed_offset), length).map_err(FormatError::Read)?;
    // A header that cannot be read is the decoder's to complain about, before it takes any memory.
    let dictionary = BlockHeader::parse(&header).map_or(0, |header| header.dictionary);
    let needed = ByteCount::new(dictionary) + DECODER_OVERHEAD;
    if needed > DECODER_MEMORY {
        return Err(FormatError::Unknown(format!(
            "compressed so that reading it takes {needed} of memory (the limit is {DECODER_MEMORY})"
        )));
    }
    Ok(needed)
}

/// A reader that fails unless it gives exactly this many bytes.
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
