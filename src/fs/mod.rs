//! The two filesystems of an image, behind one small trait each for reading and for writing.
//!
//! [`fat`] is the boot partition, [`ext4`] the root. Reader and writer of ext4 are different crates
//! that share no code, so that what one wrote the other has to find.

mod error;
pub mod ext4;
pub mod fat;
mod free;
pub(crate) mod symlinks;

use error::damaged;
pub use error::{FsError, FsResult};
use free::FreeSpace;

use crate::types::{ByteCount, ImagePath, Mode, Owner, UnixTime};
use std::io;

/// The parts of a filesystem that hold nothing, in bytes from its start: in order, and apart. The bytes
/// there have no meaning.
pub type UnusedRanges = Vec<std::ops::Range<u64>>;

/// The extended attributes of a file by their names (xattr(7)).
pub type ExtendedAttributes = std::collections::BTreeMap<String, Vec<u8>>;

/// The kind of what is at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum FileKind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Symlink,
    /// A device, a socket or a pipe: nothing cardwright writes or changes.
    Special,
}

impl std::fmt::Display for FileKind {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::File => "file",
            Self::Directory => "directory",
            Self::Symlink => "symbolic link",
            Self::Special => "device, socket or pipe",
        })
    }
}

/// The metadata of a file, directory or link.
///
/// FAT knows neither modes nor owners: there `mode` is 0755 and `owner` root, as Raspberry Pi OS mounts it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metadata {
    /// File, directory, symlink, …
    pub kind: FileKind,
    /// Permission bits.
    pub mode: Mode,
    /// User and group.
    pub owner: Owner,
    /// Size of the content; of a symlink, the length of its target.
    pub size: ByteCount,
    /// Last change of the content. FAT has local time without a zone; it is taken as UTC.
    pub modified: UnixTime,
}

/// The facts about a filesystem that `inspect` shows.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Summary {
    /// `FAT32`, `ext4`, …
    pub kind: String,
    /// Volume label, without padding.
    pub label: String,
    /// UUID of an ext4, serial number of a FAT, as `blkid` prints them.
    pub id: String,
    /// Features as `dumpe2fs` names them; of a FAT, the bytes per cluster.
    pub features: Vec<String>,
    /// Size of the filesystem.
    pub size: ByteCount,
    /// Free space.
    pub free: ByteCount,
    /// The part of the free space that ordinary users may not fill (ext4's reserved blocks).
    pub reserved: ByteCount,
    /// The last time the filesystem was written to, where it records that.
    pub written: Option<UnixTime>,
}

/// Reading a filesystem. Paths are absolute, and links inside them are not followed at the last part.
///
/// Symbolic links in the directories of a path *are* followed, inside the filesystem: /lib is a link to
/// /usr/lib on every current release.
pub trait ReadFilesystem {
    /// Returns the metadata of what is at `path`, or `None` when nothing is.
    ///
    /// # Errors
    /// When the filesystem cannot be read, or is not what a filesystem should be.
    fn metadata(&self, path: &ImagePath) -> FsResult<Option<Metadata>>;

    /// Reads the whole content of the regular file at `path`.
    ///
    /// # Errors
    /// Also when nothing is there, when it is not a regular file, and when it is larger than `limit`.
    fn read(&self, path: &ImagePath, limit: ByteCount) -> FsResult<Vec<u8>> {
        let found = self.metadata(path)?.ok_or(FsError::NotFound)?;
        if found.kind == FileKind::File && found.size > limit {
            return Err(FsError::TooLarge { size: found.size, limit });
        }
        let mut content = Vec::new();
        self.read_pieces(path, &mut |piece| {
            content.extend_from_slice(piece);
            Ok(())
        })?;
        Ok(content)
    }

    /// Calls `sink` with the content of the regular file at `path`, a piece at a time, from first to last.
    ///
    /// # Errors
    /// As [`read`](Self::read), and what `sink` returns.
    fn read_pieces(&self, path: &ImagePath, sink: &mut dyn FnMut(&[u8]) -> io::Result<()>) -> FsResult<()>;

    /// Reads the target of the symbolic link at `path`, as it is written there.
    ///
    /// # Errors
    /// Also when it is not a symbolic link.
    fn read_link(&self, path: &ImagePath) -> FsResult<String>;

    /// Returns the names in the directory at `path`, without `.` and `..`, sorted bytewise.
    ///
    /// Names that are not UTF-8 are left out: cardwright neither writes nor changes such a file.
    ///
    /// # Errors
    /// Also when it is not a directory.
    fn list(&self, path: &ImagePath) -> FsResult<Vec<String>>;

    /// Reads the extended attributes of what is at `path`, as they are on the disk; FAT has none.
    ///
    /// # Errors
    /// Also when nothing is there, and when they are damaged.
    fn extended_attributes(&self, path: &ImagePath) -> FsResult<ExtendedAttributes> {
        self.metadata(path)?.ok_or(FsError::NotFound)?;
        Ok(ExtendedAttributes::new())
    }

    /// Returns label, features, size and free space.
    ///
    /// # Errors
    /// When the filesystem cannot be read.
    fn summary(&self) -> FsResult<Summary>;

    /// Returns the unit that files take up space in: a block of ext4, a cluster of FAT.
    fn allocation_unit(&self) -> ByteCount;
}

/// Writing a filesystem. Every call leaves it consistent; [`finish`](Self::finish) ends the work.
///
/// Parents must exist. Times of what is written are the one time the writer was opened with.
/// On FAT, modes and owners are accepted and have no effect, and symlinks are refused.
pub trait WriteFilesystem {
    /// Writes a regular file of `size` bytes from `content`: a new one, or in place of the one there.
    ///
    /// # Errors
    /// When something else is there, when the content ends early, when the space does not suffice.
    fn write_file(
        &mut self,
        path: &ImagePath,
        content: &mut dyn io::Read,
        size: ByteCount,
        mode: Mode,
        owner: Owner,
    ) -> FsResult<()>;

    /// Creates a directory, or sets mode and owner of the one that is there.
    ///
    /// # Errors
    /// When something else is there.
    fn make_directory(&mut self, path: &ImagePath, mode: Mode, owner: Owner) -> FsResult<()>;

    /// Creates a symbolic link, in place of a file or link that is there. It belongs to root.
    ///
    /// # Errors
    /// When a directory is there.
    fn make_symlink(&mut self, path: &ImagePath, target: &str) -> FsResult<()>;

    /// Removes a file, a link or, on ext4, an empty directory.
    ///
    /// # Errors
    /// When nothing is there, or a directory that is not empty.
    fn remove(&mut self, path: &ImagePath) -> FsResult<()>;

    /// Moves a file or a directory with all that is in it.
    ///
    /// # Errors
    /// When nothing is at `from` or something is at `to`.
    fn rename(&mut self, from: &ImagePath, to: &ImagePath) -> FsResult<()>;

    /// Ends the work: all of it is in the disk below, and the filesystem is marked clean.
    ///
    /// # Errors
    /// When that did not succeed; the disk below must then not be used.
    fn finish(self: Box<Self>) -> FsResult<()>;
}
