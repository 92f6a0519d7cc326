//! The content of a file that is to be written.

use crate::io::plain_file;
use crate::types::{ByteCount, Digest, Sha256};
use std::fmt;
use std::fs::File;
use std::io::{self, Read, Take};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The content of a file: in memory, or, for what is large, still in a file of this machine.
#[derive(Clone, PartialEq, Eq)]
pub enum Content {
    /// In memory.
    Bytes(Arc<[u8]>),
    /// In a file of this machine, which must not change until the work is done.
    SourceFile {
        /// The path.
        path: PathBuf,
        /// The size.
        size: ByteCount,
        /// The SHA-256 of its content, checked when it is read; `None` as long as nobody needed it.
        digest: Option<Digest>,
    },
}

impl Content {
    /// Takes the content of a file of this machine, which stays there. Its size and its digest are taken now.
    ///
    /// # Errors
    /// Fails when the file cannot be read, or is no plain file.
    pub fn of_file(path: &Path) -> io::Result<Self> {
        Self::measured(path)?.with_digest()
    }

    /// Does as [`of_file`](Self::of_file), with the size alone: whether a file fits is known without reading it.
    ///
    /// # Errors
    /// Fails when the file cannot be opened, or is no plain file.
    pub fn measured(path: &Path) -> io::Result<Self> {
        let size = ByteCount::new(plain_file::open(path)?.metadata()?.len());
        Ok(Self::SourceFile { path: path.to_owned(), size, digest: None })
    }

    /// Returns the same content with its digest, for which a file that was only measured is read.
    ///
    /// # Errors
    /// Fails when the file cannot be read.
    pub fn with_digest(&self) -> io::Result<Self> {
        let mut content = self.clone();
        if let Self::SourceFile { digest, .. } = &mut content {
            *digest = Some(self.read_digest()?);
        }
        Ok(content)
    }

    /// Returns the size.
    pub fn size(&self) -> ByteCount {
        match self {
            Self::Bytes(bytes) => ByteCount::of(bytes),
            Self::SourceFile { size, .. } => *size,
        }
    }

    /// Returns the SHA-256 of it; `None` of a file that was only measured.
    pub fn digest(&self) -> Option<Digest> {
        match self {
            Self::Bytes(bytes) => Some(Digest::of(bytes)),
            Self::SourceFile { digest, .. } => *digest,
        }
    }

    /// Returns the SHA-256 of it, for which a file that was only measured is read.
    ///
    /// # Errors
    /// Fails when the file cannot be read.
    pub fn read_digest(&self) -> io::Result<Digest> {
        match self {
            Self::SourceFile { path, size, digest: None } => {
                // No more than its size: whatever makes it grow meanwhile could go on for ever.
                Digest::of_reader(&mut plain_file::open(path)?.take(size.get()))
            }
            Self::SourceFile { digest: Some(digest), .. } => Ok(*digest),
            Self::Bytes(bytes) => Ok(Digest::of(bytes)),
        }
    }

    /// Returns the bytes, where they are in memory.
    pub fn bytes(&self) -> Option<&[u8]> {
        match self {
            Self::Bytes(bytes) => Some(bytes),
            Self::SourceFile { .. } => None,
        }
    }

    /// Returns the file of this machine that it is in, where it is not in memory.
    pub fn source_path(&self) -> Option<&Path> {
        match self {
            Self::Bytes(_) => None,
            Self::SourceFile { path, .. } => Some(path),
        }
    }

    /// Returns the source file of a content that was only measured.
    pub(super) fn measured_path(&self) -> Option<&Path> {
        match self {
            Self::SourceFile { path, digest: None, .. } => Some(path),
            Self::Bytes(_) | Self::SourceFile { .. } => None,
        }
    }

    /// Opens it for reading, from the first byte on.
    ///
    /// # Errors
    /// When the source file cannot be opened. Its reader fails at the end when the content is not what
    /// it was when the patch was made.
    pub fn open(&self) -> io::Result<Box<dyn Read + '_>> {
        match self {
            Self::Bytes(bytes) => Ok(Box::new(&bytes[..])),
            Self::SourceFile { path, size, digest } => Ok(Box::new(CheckedReader {
                // One byte more than there should be is enough to notice that it grew.
                inner: plain_file::open(path)?.take(size.get() + 1),
                hasher: Sha256::new(),
                expected: *digest,
            })),
        }
    }
}

impl<T: Into<Vec<u8>>> From<T> for Content {
    fn from(bytes: T) -> Self {
        Self::Bytes(bytes.into().into())
    }
}

impl fmt::Debug for Content {
    /// Shows the size only: a content may be a secret, and a debug print must not tell it.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Content({} bytes)", self.size().get())
    }
}

/// A reader that fails at its end when what it read has another hash than it should have.
struct CheckedReader {
    inner: Take<File>,
    hasher: Sha256,
    expected: Option<Digest>,
}

impl Read for CheckedReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        if count == 0 && !buffer.is_empty() {
            let found = self.hasher.clone().finalize();
            if self.expected.is_some_and(|expected| found != expected) {
                let text = "the file changed while it was being read";
                return Err(io::Error::new(io::ErrorKind::InvalidData, text));
            }
        }
        self.hasher.update(buffer.split_at(count).0);
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_file_that_changed_is_noticed() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "after").unwrap();
        let content = Content::SourceFile {
            path: file.path().to_owned(),
            size: ByteCount::new(5),
            digest: Some(Digest::of(b"befor")),
        };
        let mut bytes = Vec::new();
        assert!(content.open().unwrap().read_to_end(&mut bytes).is_err());
    }

    #[test]
    fn a_debug_print_does_not_tell_the_content() {
        assert_eq!(format!("{:?}", Content::from("hunter2")), "Content(7 bytes)");
    }
}
