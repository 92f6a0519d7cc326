//! Images that cannot be read at random: they are decompressed as a whole, into an anonymous temp file.

use super::error::StockImageError;
use super::file::ImageFile;
use crate::formats::{FormatError, ImageFormat, LARGEST_IMAGE};
use crate::io::{DiskFile, ReadAt, read_full};
use crate::types::{ByteCount, ByteOffset};
use std::io::{self, Read};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// The most that is decompressed before it is written: whole blocks of the file.
const PIECE: usize = 1 << 20;

/// An image that is decompressed now, or, where its size is known, when it is first read.
pub(super) struct DecompressedImage {
    file: Arc<ImageFile>,
    format: ImageFormat,
    size: ByteCount,
    disk: OnceLock<DiskFile>,
    /// Held by the thread that decompresses.
    decompressing: Mutex<()>,
}

impl DecompressedImage {
    pub(super) fn open(
        file: &Arc<ImageFile>,
        format: ImageFormat,
        size: Option<ByteCount>,
    ) -> Result<Self, StockImageError> {
        let (size, disk) = if let Some(size) = size {
            (size, OnceLock::new())
        } else {
            let disk = decompress(file, format)?;
            (disk.size(), OnceLock::from(disk))
        };
        Ok(Self { file: Arc::clone(file), format, size, disk, decompressing: Mutex::new(()) })
    }

    /// Decompresses it, unless that was done before.
    pub(super) fn disk(&self) -> io::Result<&DiskFile> {
        // Nothing is changed under the lock that could be half done.
        let _held = self.decompressing.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(disk) = self.disk.get() {
            return Ok(disk);
        }
        let disk = decompress(&self.file, self.format)?;
        Ok(self.disk.get_or_init(|| disk))
    }
}

/// Decompresses the whole of a file into an anonymous one.
fn decompress(file: &ImageFile, format: ImageFormat) -> Result<DiskFile, StockImageError> {
    let unreadable = |problem| file.unreadable(problem);
    let cannot_write = |source| file.cannot_decompress(source);
    let copy = |reader: &mut dyn Read| {
        let mut disk = DiskFile::new(file.anonymous_file()?).map_err(cannot_write)?;
        let mut piece = vec![0; PIECE];
        loop {
            let done = disk.size();
            let length = read_full(reader, &mut piece)
                .map_err(|error| unreadable(FormatError::of_decoder(format.name(), done, error)))?;
            let bytes = piece.split_at(length).0;
            if bytes.is_empty() {
                return Ok(disk);
            }
            let size = done + ByteCount::of(bytes);
            if size > LARGEST_IMAGE {
                return Err(unreadable(FormatError::TooLarge { limit: LARGEST_IMAGE }));
            }
            disk.resize(size)
                .and_then(|()| disk.write_without_holes(ByteOffset::ZERO + done, bytes))
                .map_err(cannot_write)?;
        }
    };
    format.decode(&*file.bytes, copy).map_err(unreadable)?
}

impl ReadAt for DecompressedImage {
    fn size(&self) -> ByteCount {
        self.size
    }

    fn read_at(&self, offset: ByteOffset, buffer: &mut [u8]) -> io::Result<()> {
        match self.disk.get() {
            Some(disk) => disk.read_at(offset, buffer),
            None => self.disk()?.read_at(offset, buffer),
        }
    }
    fn next_data(&self, offset: ByteOffset) -> ByteOffset {
        self.disk.get().map_or(offset, |disk| disk.next_data(offset))
    }
}
