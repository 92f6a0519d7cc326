//! Decoding one Block of an .xz file: its bytes as they are, with a stream header before and an Index and
//! a stream footer behind them, are a whole .xz file of their own. So any decoder takes it, and checks
//! that the Block is what the Index of the file said and that its content fits its check value.

use super::xz_index::{CRC32, FOOTER_MAGIC, XzBlock, push_number, stream_header, take_number};
use crate::disk::{ByteCount, ByteOffset, ReadAt};
use std::io::{self, BufReader, Read};
use xz2::bufread::XzDecoder;
use xz2::stream::Stream;

/// The most memory a decoder is given. `xz -9` needs 65 MiB.
pub(super) const DECODER_MEMORY: u64 = 160 << 20;

/// What a decoder needs beside the dictionary, at most.
const DECODER_OVERHEAD: u64 = 1 << 20;

/// The filter that every .xz file ends its chain with (section 5.3.1).
const LZMA2: u64 = 0x21;

/// How much of a Block is read at once.
const PIECE: usize = 1 << 18;

/// A reader of what `block` holds.
///
/// It ends with an error where the Block is damaged, and gives as many bytes as the Index says only when
/// the Block holds no others: whoever reads it to its end has read what was packed.
pub(super) fn reader<'file>(file: &'file dyn ReadAt, block: &XzBlock) -> io::Result<impl Read + 'file> {
    let packed = BlockBytes {
        file,
        at: block.compressed_offset,
        end: block.compressed_offset.saturating_add(block.padded_size()),
    };
    let stream =
        io::Cursor::new(stream_header(block.check)).chain(packed).chain(io::Cursor::new(stream_end(block)));
    let decoder = Stream::new_stream_decoder(DECODER_MEMORY, 0)?;
    let decoder = XzDecoder::new_stream(BufReader::with_capacity(PIECE, stream), decoder);
    Ok(Exactly { reader: decoder, left: block.uncompressed_size })
}

/// The Index with one Record and the footer that make a Block a whole file.
fn stream_end(block: &XzBlock) -> Vec<u8> {
    let mut index = vec![0, 1];
    push_number(&mut index, block.unpadded_size);
    push_number(&mut index, block.uncompressed_size);
    index.resize(index.len().next_multiple_of(4), 0);
    index.extend(CRC32.checksum(&index).to_le_bytes());
    // At most 28 bytes: two numbers of nine bytes.
    let backward_size = u32::try_from(index.len() / 4 - 1).unwrap_or_default();
    let mut footer = backward_size.to_le_bytes().to_vec();
    footer.extend(block.check.flags());
    let checksum = CRC32.checksum(&footer).to_le_bytes();
    [&index[..], &checksum, &footer, &FOOTER_MAGIC].concat()
}

/// The memory that decoding a Block takes, as its header says (section 3.1).
pub(super) fn memory(file: &dyn ReadAt, block: &XzBlock) -> io::Result<ByteCount> {
    let mut header = [0; 1024];
    let length = block.unpadded_size.min(header.len() as u64);
    let header = usize::try_from(length).ok().and_then(|length| header.get_mut(..length));
    let header = header.unwrap_or_default();
    file.read_at(ByteOffset(block.compressed_offset), header)?;
    // A header that cannot be read is the decoder's to complain about, before it takes any memory.
    let dictionary = dictionary_size(header).unwrap_or_default();
    let needed = ByteCount(dictionary.saturating_add(DECODER_OVERHEAD));
    if needed.0 > DECODER_MEMORY {
        let limit = ByteCount(DECODER_MEMORY);
        let message = format!("packed so that reading it takes {needed} of memory (the limit is {limit})");
        return Err(io::Error::new(io::ErrorKind::OutOfMemory, message));
    }
    Ok(needed)
}

/// The dictionary size of the LZMA2 filter in a Block header.
fn dictionary_size(header: &[u8]) -> Option<u64> {
    let (_size, rest) = header.split_first()?;
    let (flags, mut rest) = rest.split_first()?;
    for present in [0x40, 0x80] {
        if flags & present != 0 {
            take_number(&mut rest)?;
        }
    }
    for _ in 0..=(flags & 3) {
        let id = take_number(&mut rest)?;
        let length = usize::try_from(take_number(&mut rest)?).ok()?;
        let properties = rest.get(..length)?;
        rest = rest.get(length..)?;
        if let (LZMA2, [bits]) = (id, properties) {
            let bits = u64::from(*bits);
            return match bits {
                0..40 => Some((2 | (bits & 1)) << (bits / 2 + 11)),
                40 => Some(u64::from(u32::MAX)),
                _ => None,
            };
        }
    }
    None
}

/// The bytes of a Block, with its padding.
struct BlockBytes<'file> {
    file: &'file dyn ReadAt,
    at: u64,
    end: u64,
}

impl Read for BlockBytes<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.end.saturating_sub(self.at);
        let length = usize::try_from(left).map_or(buffer.len(), |left| left.min(buffer.len()));
        let Some(piece) = buffer.get_mut(..length).filter(|piece| !piece.is_empty()) else {
            return Ok(0);
        };
        self.file.read_at(ByteOffset(self.at), piece)?;
        self.at = self.at.saturating_add(length as u64);
        Ok(length)
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

#[cfg(test)]
mod tests {
    use super::dictionary_size;

    #[test]
    fn the_dictionary_of_a_block_is_found_behind_sizes_and_filters() {
        // As `xz -6` writes it: LZMA2 alone, 8 MiB, no sizes.
        assert_eq!(dictionary_size(&[2, 0x00, 0x21, 1, 0x16, 0, 0, 0]), Some(8 << 20));
        // With both sizes, and ARM64 before LZMA2 of 64 MiB.
        assert_eq!(dictionary_size(&[3, 0xc1, 0x80, 1, 5, 0x0a, 0, 0x21, 1, 0x1c]), Some(64 << 20));
        assert_eq!(dictionary_size(&[2, 0x00, 0x21, 1, 40]), Some(u64::from(u32::MAX)));
        assert_eq!(dictionary_size(&[2, 0x00, 0x21, 1, 41]), None);
        assert_eq!(dictionary_size(&[2, 0x00, 0x0a, 0xff, 0xff, 0xff, 0x7f]), None);
        assert_eq!(dictionary_size(&[]), None);
    }
}
