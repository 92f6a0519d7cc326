//! Zstandard (RFC 8878). A part is a frame with its content size and a checksum: Raspberry Pi Imager takes
//! the size of an image from the frames, and shows nonsense where one does not say it.

use super::concatenated::{Concatenated, Rest, peek, start_of};
use super::error::TrailingData;
use super::part::{Compression, EncodedPart, PartEncoder, Record};
use std::hash::Hasher as _;
use std::io::{self, BufRead, Read};
use twox_hash::XxHash64;
use zstd::bulk::Compressor;
use zstd::stream::read::Decoder;

/// The base-two logarithm of the largest window that is given memory: 128 MiB, which is also the most
/// that `zstd -d` accepts without being told to.
const LARGEST_WINDOW: u32 = 27;

/// Decompresses all frames of a file, checking their checksums where they have some.
///
/// # Errors
/// When there is not enough memory.
pub(super) fn decoder(compressed: impl BufRead) -> io::Result<impl Read> {
    let first = frame(start_of(compressed))?;
    Ok(Explained(Concatenated::new(first, |frame: Decoder<'static, _>| next_frame(frame.finish()))))
}

fn frame<R: BufRead>(rest: Rest<R>) -> io::Result<Decoder<'static, Rest<R>>> {
    let mut decoder = Decoder::with_buffer(rest)?.single_frame();
    decoder.window_log_max(LARGEST_WINDOW)?;
    Ok(decoder)
}

/// Opens the frame that begins where the one before it ended, be it one to skip; `None` at the end of the file.
fn next_frame<R: BufRead>(rest: Rest<R>) -> io::Result<Option<Decoder<'static, Rest<R>>>> {
    let (start, mut rest) = peek(rest, MAGIC.len())?;
    if start.is_empty() {
        return Ok(None);
    }
    if start.first_chunk().is_some_and(|magic| *magic == MAGIC || is_skippable(*magic)) {
        return frame(rest).map(Some);
    }
    let length = io::copy(&mut rest, &mut io::sink())?;
    Err(io::Error::new(io::ErrorKind::InvalidData, TrailingData { length }))
}

/// Returns `true` for the sixteen magic numbers of skippable frames (section 3.1.2).
fn is_skippable(magic: [u8; 4]) -> bool {
    u32::from_le_bytes(magic) & 0xffff_fff0 == 0x184d_2a50
}

/// Rewords the one error that is not damage.
struct Explained<R>(R);

impl<R: Read> Read for Explained<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer).map_err(|error| match error.to_string() {
            // The text of ZSTD_error_frameParameter_windowTooLarge; the crate passes on no code.
            text if text.contains("requires too much memory") => {
                io::Error::other("it was compressed with a window of more than 128 MiB (zstd --long)")
            }
            _ => error,
        })
    }
}

const MAGIC: [u8; 4] = 0xfd2f_b528_u32.to_le_bytes();

/// `Frame_Header_Descriptor` (section 3.1.1.1.1): a content size of four bytes, one segment, a checksum.
const DESCRIPTOR: u8 = 0x80 | 0x20 | 0x04;

/// `Block_Maximum_Size`.
const LARGEST_BLOCK: usize = 128 << 10;

/// Returns whether compressing these bytes is worth it, judged by the quickest encoder there is. Compressed data, such
/// as archives of container images, costs the others the most time and gains nothing.
///
/// # Errors
/// When there is not enough memory.
pub(super) fn shrinks(bytes: &[u8]) -> io::Result<bool> {
    let compressed = Compressor::new(1)?.compress(bytes)?;
    Ok(compressed.len() + bytes.len() / 64 < bytes.len())
}

/// Files of one frame a part.
pub(super) struct Zstd(pub(super) Compression);

impl PartEncoder for Zstd {
    fn largest_part(&self) -> usize {
        self.0.largest_part()
    }

    fn head(&self) -> Vec<u8> {
        Vec::new()
    }

    fn compress(&self, bytes: &[u8]) -> io::Result<EncodedPart> {
        let level = match self.0 {
            // The default of the `zstd` program.
            Compression::Fast => 3,
            // The last that takes no more memory to decompress than others do.
            Compression::Best => 19,
        };
        let mut compressor = Compressor::new(level)?;
        compressor.include_checksum(true)?;
        compressor.include_contentsize(true)?;
        Ok(part(compressor.compress(bytes)?, bytes))
    }

    #[expect(clippy::expect_used, reason = "both lengths are bounded by this program")]
    fn store(&self, bytes: &[u8]) -> EncodedPart {
        let mut compressed = Vec::with_capacity(bytes.len() + 64);
        compressed.extend(MAGIC);
        compressed.push(DESCRIPTOR);
        let size = u32::try_from(bytes.len()).expect("a part is far smaller than 4 GiB");
        compressed.extend(size.to_le_bytes());
        let blocks = bytes.len().div_ceil(LARGEST_BLOCK);
        for (number, block) in bytes.chunks(LARGEST_BLOCK).enumerate() {
            let is_last = usize::from(number + 1 == blocks);
            // Type 0, raw, in bits 1 and 2; the size above them.
            let header = u32::try_from(block.len() << 3 | is_last).expect("a block has at most 128 KiB");
            let [h0, h1, h2, _] = header.to_le_bytes();
            compressed.extend([h0, h1, h2]);
            compressed.extend(block);
        }
        let mut hasher = XxHash64::with_seed(0);
        hasher.write(bytes);
        let [c0, c1, c2, c3, ..] = hasher.finish().to_le_bytes();
        compressed.extend([c0, c1, c2, c3]);
        part(compressed, bytes)
    }

    fn tail(&self, _records: &[Record]) -> Vec<u8> {
        Vec::new()
    }
}

fn part(compressed: Vec<u8>, bytes: &[u8]) -> EncodedPart {
    let record = Record { size: bytes.len() as u64, compressed: compressed.len() as u64, crc32: 0 };
    EncodedPart { bytes: compressed, record }
}
