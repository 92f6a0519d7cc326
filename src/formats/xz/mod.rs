//! xz. The names are those of "The .xz File Format", version 1.2.1
//! (<https://tukaani.org/xz/xz-file-format.txt>), and so are the numbers of sections.

mod block;
mod format;

pub(crate) use block::BlockHeader;
#[cfg(test)]
pub(crate) use format::push_number;
pub(crate) use format::{CRC32, Check, FOOTER_MAGIC, HEADER_SIZE, stream_end, stream_header, take_number};

use super::{Part, PartFormat, Record, zstd};
use std::io::{self, BufRead, Read};
use xz2::bufread::XzDecoder;
use xz2::stream::Stream;

/// Unpacks one stream; `memory` is the most that the decoder may take, in bytes.
///
/// # Errors
/// When there is not enough memory.
pub(crate) fn decoder<'file>(packed: impl BufRead + 'file, memory: u64) -> io::Result<impl Read + 'file> {
    let stream = Stream::new_stream_decoder(memory, 0)?;
    Ok(XzDecoder::new_stream(packed, stream))
}

/// Files of one stream. A part is a Block with both sizes in its header, which is what decoders that work
/// with several threads ask for.
pub(crate) struct Xz {
    /// How the content of Blocks is checked.
    pub(crate) check: Check,
}

impl PartFormat for Xz {
    fn head(&self) -> Vec<u8> {
        stream_header(self.check).to_vec()
    }

    fn pack(&self, bytes: &[u8]) -> io::Result<Part> {
        if !zstd::shrinks(bytes)? {
            return Ok(self.store(bytes));
        }
        block::packed_block(bytes, self.check)
    }

    fn store(&self, bytes: &[u8]) -> Part {
        block::stored_block(bytes, self.check)
    }

    fn tail(&self, records: &[Record]) -> Vec<u8> {
        stream_end(self.check, records)
    }
}
