//! The format of an image, in and out.

use super::error::FormatError;
use super::part::{Compression, PartEncoder};
use super::xz::{self, Check, Xz};
use super::{gzip, magic, zip, zstd};
use crate::io::ReadAt;
use crate::io::cursor::Cursor;
use crate::types::ByteOffset;
use std::fmt;
use std::io::{BufReader, Read};

/// The format of an image: what a stock image is compressed in, and what images come out as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum ImageFormat {
    /// Not compressed; what comes out is sparse.
    Raw,
    /// xz: what Raspberry Pi publishes, and everybody's tools read.
    #[default]
    Xz,
    /// gzip: what every tool reads.
    Gzip,
    /// Zstandard: quicker to decompress, and read by fewer tools.
    Zstd,
    /// A zip archive that holds one image. It is only read.
    Zip,
}

/// The first bytes of the files that are read: the formats' own documents call them magic number or signature.
const SIGNATURES: [(&[u8], ImageFormat); 5] = [
    (b"\xfd7zXZ\0", ImageFormat::Xz),
    (b"\x1f\x8b\x08", ImageFormat::Gzip),
    (b"\x28\xb5\x2f\xfd", ImageFormat::Zstd),
    (b"PK\x03\x04", ImageFormat::Zip),
    // An archive with nothing in it.
    (b"PK\x05\x06", ImageFormat::Zip),
];

/// The most that is read of a file at once to be decompressed.
const READ_SIZE: usize = 1 << 20;

impl ImageFormat {
    /// The formats that images come out as, in the order in which they are best tried.
    pub const WRITTEN: [Self; 4] = [Self::Xz, Self::Raw, Self::Zstd, Self::Gzip];

    /// Returns the name of the format.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::Xz => "xz",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
            Self::Zip => "zip",
        }
    }

    /// Returns the end of the names of its files, which is also what nodes.yaml calls it.
    pub const fn extension(self) -> &'static str {
        match self {
            Self::Raw => "img",
            Self::Xz => "img.xz",
            Self::Gzip => "img.gz",
            Self::Zstd => "img.zst",
            Self::Zip => "zip",
        }
    }

    /// Recognises the format of a file by how it begins, never by its name. A file that begins like nothing known is
    /// taken for a raw image.
    pub(crate) fn detect(file: &dyn ReadAt) -> Result<Self, FormatError> {
        let mut start = [0; 8];
        let length = file.size().as_usize().min(start.len());
        let (start, _) = start.split_at_mut(length);
        file.read_at(ByteOffset::ZERO, start).map_err(FormatError::Read)?;
        if let Some((_, format)) = SIGNATURES.iter().find(|(signature, _)| start.starts_with(signature)) {
            return Ok(*format);
        }
        match magic::foreign_file(file).map_err(FormatError::Read)? {
            Some(found) => Err(FormatError::Unknown(found.to_owned())),
            None => Ok(Self::Raw),
        }
    }

    /// Decompresses a whole file: `consume` gets a reader of the image. Its errors are those of a decoder
    /// ([`FormatError::of_decoder`]).
    pub(crate) fn decode<T>(
        self,
        file: &dyn ReadAt,
        consume: impl FnOnce(&mut dyn Read) -> T,
    ) -> Result<T, FormatError> {
        let compressed = BufReader::with_capacity(READ_SIZE, Cursor::new(file));
        Ok(match self {
            Self::Raw => consume(&mut Cursor::new(file)),
            Self::Xz => consume(&mut xz::decoder(compressed).map_err(FormatError::Read)?),
            Self::Gzip => consume(&mut gzip::decoder(compressed)),
            Self::Zstd => consume(&mut zstd::decoder(compressed).map_err(FormatError::Read)?),
            Self::Zip => zip::decode(file, consume)?,
        })
    }

    /// Returns the encoder of a format that images are compressed in to come out; `check` is for xz.
    pub(crate) fn encoder(self, compression: Compression, check: Check) -> Option<Box<dyn PartEncoder>> {
        match self {
            Self::Xz => Some(Box::new(Xz { compression, check })),
            Self::Gzip => Some(Box::new(gzip::Gzip(compression))),
            Self::Zstd => Some(Box::new(zstd::Zstd(compression))),
            Self::Raw | Self::Zip => None,
        }
    }
}

impl fmt::Display for ImageFormat {
    /// Writes it as nodes.yaml has it.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.extension())
    }
}

impl serde::Serialize for ImageFormat {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.extension())
    }
}
