//! Writing a FAT.

use super::boot_sector::Width;
use super::cache::Cache;
use super::dos_time::DosTime;
use super::fix_up::DirectoryOnDisk;
use super::lookup::{directory_at, entry_at};
use super::volume::{Filesystem, Volume};
use crate::fs::fields::u32_at;
use crate::fs::{FileKind, FsError, WriteFilesystem};
use crate::io::WriteAt;
use crate::types::ByteCount;
use crate::types::number::usize_from;
use crate::types::{ImagePath, Mode, Owner, UnixTime};
use std::io::{self, Write};
use std::sync::Arc;

/// As much of a file as is written at once.
const PIECE: u64 = 256 * 1024;
/// Bytes that the entries of the longest name take: 20 pieces of it, and the entry itself.
pub(crate) const LONGEST_ENTRY: u64 = 21 * 32;

/// Writes a FAT filesystem.
///
/// A file that is replaced keeps its name as it is written there, and the time it was made. The times of
/// the directories around it stay those of the stock image.
pub struct Writer {
    filesystem: Filesystem,
    volume: Volume,
    time: DosTime,
}

impl Writer {
    /// Opens the filesystem on `disk` for writing; everything written gets the time `time`.
    ///
    /// # Errors
    /// When it is no FAT16 or FAT32, is damaged, was not closed properly, or has features that are not
    /// understood.
    pub fn open(disk: Arc<dyn WriteAt>, time: UnixTime) -> Result<Self, FsError> {
        let volume = Volume::open(&disk.clone(), Cache::writing(disk))?;
        let unsupported = |found: &str| FsError::Unsupported { kind: "FAT", found: found.to_owned() };
        if volume.shape.one_table_in_use {
            return Err(unsupported("a second table that is out of date"));
        }
        if volume.shape.width == Width::Fat12 {
            return Err(unsupported("tables of 12 bits"));
        }
        if volume.shape.marked_dirty || !volume.table_says_clean()? {
            let found = "it is marked as being written to (dirty bit)".to_owned();
            return Err(FsError::Dirty { kind: "FAT", found });
        }
        volume.check()?;
        volume.correct_info()?;
        Ok(Self { filesystem: volume.filesystem()?, volume, time: DosTime::new(time) })
    }

    fn kind(&self, path: &ImagePath) -> Result<Option<FileKind>, FsError> {
        if path.parent().is_none() {
            return Ok(Some(FileKind::Directory));
        }
        let entry = entry_at(&self.filesystem, path)?;
        Ok(entry.map(|entry| if entry.is_dir() { FileKind::Directory } else { FileKind::File }))
    }

    /// The name of what is at a path as its directory entry has it, which no two entries share.
    fn short_name(&self, path: &ImagePath) -> Result<Vec<u8>, FsError> {
        let entry = entry_at(&self.filesystem, path)?.ok_or(FsError::NotFound)?;
        Ok(entry.short_file_name_as_bytes().to_vec())
    }

    /// The directory a path lies in.
    fn parent(&self, path: &ImagePath) -> Result<DirectoryOnDisk, FsError> {
        self.volume.directory_at(&self.filesystem, &above(path))
    }

    /// Refuses what would not fit, when `returned` bytes become free.
    fn check_room(&self, needed: ByteCount, returned: u64) -> Result<(), FsError> {
        let cluster = self.volume.shape.bytes_per_cluster;
        let content = needed.get().div_ceil(cluster);
        let all = content + LONGEST_ENTRY.div_ceil(cluster);
        let free = u64::from(self.filesystem.stats()?.free_clusters()) + returned.div_ceil(cluster);
        if all > free {
            return Err(FsError::Full { needed, free: ByteCount::new(free * cluster) });
        }
        Ok(())
    }

    fn write_content(
        &self,
        path: &ImagePath,
        content: &mut dyn io::Read,
        size: ByteCount,
    ) -> Result<(), FsError> {
        let parent = directory_at(&self.filesystem, &above(path))?;
        let mut file = match entry_at(&self.filesystem, path)? {
            Some(entry) => entry.to_file(),
            None => parent.create_file(path.name()).map_err(full_root)?,
        };
        file.truncate()?;
        let mut piece = Vec::new();
        let mut rest = size.get();
        while rest > 0 {
            let length = rest.min(PIECE);
            piece.resize(usize_from(length), 0);
            content.read_exact(&mut piece)?;
            file.write_all(&piece)?;
            rest -= length;
        }
        Ok(file.flush()?)
    }
}

/// The path of the directory a path lies in.
fn above(path: &ImagePath) -> ImagePath {
    path.parent().unwrap_or_else(ImagePath::root)
}

/// The root directory of a FAT16 cannot grow: writing beyond its end writes nothing.
fn full_root(error: io::Error) -> FsError {
    if error.kind() == io::ErrorKind::WriteZero { FsError::NoRoomForNames } else { FsError::Io(error) }
}

impl Volume {
    /// Puts the right number of free clusters into FSInfo, where `fatfs` goes on counting from.
    fn correct_info(&self) -> Result<(), FsError> {
        let Some(info) = self.shape.info else { return Ok(()) };
        let mut bytes = [0; 512];
        self.read(info, &mut bytes)?;
        let free = self.free_clusters()?;
        // FSI_Free_Count. A wrong FSI_Nxt_Free does no harm: it is where the search begins.
        if u32_at(&bytes, 488) != free {
            self.write(info + 488, &free.to_le_bytes())?;
        }
        Ok(())
    }
}

impl WriteFilesystem for Writer {
    fn write_file(
        &mut self,
        path: &ImagePath,
        content: &mut dyn io::Read,
        size: ByteCount,
        _mode: Mode,
        _owner: Owner,
    ) -> Result<(), FsError> {
        if size.get() > u64::from(u32::MAX) {
            let text = "a file on FAT has to be smaller than 4 GiB";
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, text).into());
        }
        let found = self.kind(path)?;
        if let Some(found @ FileKind::Directory) = found {
            return Err(FsError::WrongKind { expected: FileKind::File, found });
        }
        let parent = self.parent(path)?;
        let returned = entry_at(&self.filesystem, path)?.map_or(0, |entry| entry.len());
        self.check_room(size, returned)?;
        self.write_content(path, content, size)?;
        let name = self.short_name(path)?;
        match found {
            Some(_) => self.volume.touch(parent.start, &name, self.time)?,
            None => self.volume.mend_new_entry(&parent, &name, Some(self.time))?,
        }
        self.volume.restore(&parent)
    }

    fn make_directory(&mut self, path: &ImagePath, _mode: Mode, _owner: Owner) -> Result<(), FsError> {
        match self.kind(path)? {
            Some(FileKind::Directory) => return Ok(()),
            Some(found) => return Err(FsError::WrongKind { expected: FileKind::Directory, found }),
            None => {}
        }
        let parent = self.parent(path)?;
        self.check_room(ByteCount::new(1), 0)?;
        directory_at(&self.filesystem, &above(path))?.create_dir(path.name()).map_err(full_root)?;
        self.volume.mend_new_entry(&parent, &self.short_name(path)?, Some(self.time))?;
        let directory = self.volume.directory_at(&self.filesystem, path)?;
        self.volume.write_dots(parent.start, directory.start, self.time)?;
        self.volume.restore(&parent)
    }

    fn make_symlink(&mut self, _path: &ImagePath, _target: &str) -> Result<(), FsError> {
        Err(FsError::NoSymlinksHere)
    }

    fn remove(&mut self, path: &ImagePath) -> Result<(), FsError> {
        match self.kind(path)? {
            None => Err(FsError::NotFound),
            Some(found @ FileKind::Directory) => Err(FsError::WrongKind { expected: FileKind::File, found }),
            Some(_) => {
                let parent = self.parent(path)?;
                directory_at(&self.filesystem, &above(path))?.remove(path.name())?;
                self.volume.restore(&parent)
            }
        }
    }

    fn rename(&mut self, from: &ImagePath, to: &ImagePath) -> Result<(), FsError> {
        let found = self.kind(from)?.ok_or(FsError::NotFound)?;
        if self.kind(to)?.is_some() {
            return Err(FsError::AlreadyExists);
        }
        let (old_parent, parent) = (self.parent(from)?, self.parent(to)?);
        if found == FileKind::Directory {
            self.refuse_own_subtree(from, to)?;
        }
        self.check_room(ByteCount::ZERO, 0)?;
        let target = directory_at(&self.filesystem, &above(to))?;
        directory_at(&self.filesystem, &above(from))?
            .rename(from.name(), &target, to.name())
            .map_err(full_root)?;
        self.volume.mend_new_entry(&parent, &self.short_name(to)?, None)?;
        if found == FileKind::Directory && parent.start != old_parent.start {
            let directory = self.volume.directory_at(&self.filesystem, to)?;
            self.volume.move_dots(parent.start, directory.start)?;
        }
        self.volume.restore(&old_parent)?;
        self.volume.restore(&parent)
    }

    fn finish(self: Box<Self>) -> Result<(), FsError> {
        let Self { filesystem, volume, .. } = *self;
        filesystem.unmount()?;
        volume.flush()
    }
}

impl Writer {
    /// Refuses to move a directory into itself, from where nothing would lead to it any more.
    fn refuse_own_subtree(&self, from: &ImagePath, to: &ImagePath) -> Result<(), FsError> {
        let moved = self.volume.directory_at(&self.filesystem, from)?.start;
        let mut above = to.parent();
        while let Some(path) = above {
            if self.volume.directory_at(&self.filesystem, &path)?.start == moved {
                let text = "a directory cannot move into itself";
                return Err(io::Error::new(io::ErrorKind::InvalidInput, text).into());
            }
            above = path.parent();
        }
        Ok(())
    }
}
