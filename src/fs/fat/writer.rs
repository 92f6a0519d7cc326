//! Writing a FAT, with `fatfs`.
//!
//! `fatfs` 0.3 leaves some things wrong, which are corrected behind it:
//! - It writes `.` and `..` with long names before them, and `..` of a directory in the root with the number of the
//!   root's cluster; `fsck.vfat` rejects both. It leaves `..` alone when a directory moves.
//! - A cluster that it adds to the root directory of a FAT32 keeps what was in it, which then reads as entries.
//! - It knows one clock for the whole process, and without one dates everything, also the directory a name is added
//!   to, in 1980.

use super::boot_sector::Width;
use super::directory::{ATTR_DIRECTORY, DirectoryStart, RawEntry, folded};
use super::dos_time::DosTime;
use super::volume::{Volume, VolumeCursor};
use crate::fs::{FileKind, FsError, FsResult, WriteFilesystem};
use crate::io::WriteAt;
use crate::types::fields::{set_at, u32_at};
use crate::types::{ByteCount, ImagePath, Mode, Owner, UnixTime};
use std::io::{self, Write};
use std::sync::Arc;

/// As much of a file as is written at once.
const PIECE: usize = 256 * 1024;
/// Bytes that the entries of the longest name take: 20 pieces of it, and the entry itself.
pub(crate) const LONGEST_ENTRY: u64 = 21 * 32;

/// Writes a FAT filesystem.
///
/// A file that is replaced keeps its name as it is written there, and the time it was made. The times of
/// the directories around it stay those of the stock image.
pub struct FatWriter {
    fatfs: fatfs::FileSystem<VolumeCursor>,
    volume: Volume<dyn WriteAt>,
    time: DosTime,
}

/// A directory, as it was before something in it changed.
struct Parent {
    start: DirectoryStart,
    /// The number of its clusters.
    clusters: usize,
    /// Its entry in the directory above. The root directory has none.
    entry: Option<RawEntry>,
}

impl FatWriter {
    /// Opens the filesystem on `disk` for writing; everything written gets the time `time`.
    ///
    /// # Errors
    /// When it is not a FAT16 or FAT32, is damaged, was not closed properly, or has features that are not
    /// understood.
    pub fn open(disk: Arc<dyn WriteAt>, time: UnixTime) -> FsResult<Self> {
        let volume = Volume::open(disk)?;
        let unsupported = |found: &str| FsError::Unsupported { kind: "FAT", found: found.to_owned() };
        if volume.boot_sector.one_table_in_use {
            return Err(unsupported("a second table that is out of date"));
        }
        if volume.boot_sector.width == Width::Fat12 {
            return Err(unsupported("tables of 12 bits"));
        }
        if volume.boot_sector.marked_dirty || !volume.table_says_clean()? {
            let found = "it is marked as being written to (dirty bit)".to_owned();
            return Err(FsError::Dirty { kind: "FAT", found });
        }
        volume.check()?;
        volume.correct_fs_info()?;
        let options = fatfs::FsOptions::new().update_accessed_date(false);
        let fatfs = fatfs::FileSystem::new(volume.cursor(), options)?;
        Ok(Self { fatfs, volume, time: DosTime::new(time) })
    }

    /// Refuses what would not fit, when `returned` bytes become free.
    fn check_space(&self, needed: ByteCount, returned: u64) -> FsResult<()> {
        let cluster = self.volume.boot_sector.bytes_per_cluster;
        let content = needed.get().div_ceil(cluster);
        let all = content + LONGEST_ENTRY.div_ceil(cluster);
        let free = u64::from(self.fatfs.stats()?.free_clusters()) + returned.div_ceil(cluster);
        if all > free {
            return Err(FsError::Full { needed, free: ByteCount::new(free * cluster) });
        }
        Ok(())
    }

    fn write_content(&self, path: &ImagePath, content: &mut dyn io::Read, size: ByteCount) -> FsResult<()> {
        let mut file = self.fatfs.root_dir().create_file(path.as_str()).map_err(full_root)?;
        file.truncate()?;
        let mut piece = Vec::new();
        for (_, length) in size.chunks(PIECE) {
            piece.resize(length, 0);
            content.read_exact(&mut piece)?;
            file.write_all(&piece)?;
        }
        Ok(file.flush()?)
    }

    /// Refuses to move a directory into itself, from where nothing would lead to it any more.
    fn refuse_own_subtree(&self, from: &ImagePath, to: &ImagePath) -> FsResult<()> {
        let (moved, _) = self.volume.directory_at(from)?;
        let mut above = to.parent();
        while let Some(path) = above {
            if self.volume.directory_at(&path)?.0 == moved {
                let text = "a directory cannot move into itself";
                return Err(io::Error::new(io::ErrorKind::InvalidInput, text).into());
            }
            above = path.parent();
        }
        Ok(())
    }
}

/// Turns the error that the root directory of a FAT16 ends with, which cannot grow: writing beyond its end writes
/// nothing.
fn full_root(error: io::Error) -> FsError {
    if error.kind() == io::ErrorKind::WriteZero { FsError::NoRoomForNames } else { FsError::Io(error) }
}

impl Volume<dyn WriteAt> {
    /// Writes the right number of free clusters into FSInfo, where `fatfs` goes on counting from.
    fn correct_fs_info(&self) -> FsResult<()> {
        let Some(offset) = self.boot_sector.fs_info else { return Ok(()) };
        let mut bytes = [0; 512];
        self.read(offset, &mut bytes)?;
        let free = self.free_clusters()?;
        // FSI_Free_Count. A wrong FSI_Nxt_Free does no harm: it is where the search begins.
        if u32_at(&bytes, 488) != free {
            self.write(offset + 488, &free.to_le_bytes())?;
        }
        Ok(())
    }

    fn write_entry(&self, entry: &RawEntry) -> FsResult<()> {
        self.write(entry.offset, &entry.bytes)
    }

    /// Returns the directory that a path lies in.
    fn parent_of(&self, path: &ImagePath) -> FsResult<Parent> {
        let (start, entry) = self.directory_at(&path.parent().unwrap_or_else(ImagePath::root))?;
        Ok(Parent { start, clusters: self.directory_clusters(start)?.len(), entry })
    }

    /// Corrects what was written for an entry in `parent`, as that was before, and for the directory itself, which
    /// gets its own time back. The entry gets `time`, and as the time of its creation too where it `is_new`.
    fn correct_entry(
        &self,
        parent: &Parent,
        name: &str,
        time: Option<DosTime>,
        is_new: bool,
    ) -> FsResult<()> {
        // The first of that name: behind it there may be what the cluster held before.
        let mut entries = self.entries(parent.start)?.into_iter();
        let entry = entries.find(|entry| folded(&entry.name) == folded(name));
        let mut entry = entry.ok_or(FsError::NotFound)?.raw;
        if self.directory_clusters(parent.start)?.len() > parent.clusters {
            // The entry is the last one: a directory only grows when there is no gap for it.
            let all = self.all_entries(parent.start)?.into_iter();
            for mut unused in all.skip_while(|other| other.offset != entry.offset).skip(1) {
                unused.bytes.fill(0);
                self.write_entry(&unused)?;
            }
        }
        if let Some(time) = time {
            time.stamp(&mut entry.bytes, is_new);
        }
        self.write_entry(&entry)?;
        self.restore(parent)
    }

    /// Writes the entry of a directory back as it was, with its time.
    fn restore(&self, directory: &Parent) -> FsResult<()> {
        directory.entry.as_ref().map_or(Ok(()), |entry| self.write_entry(entry))
    }

    /// Writes `.` and `..` of a directory that was just made in `parent`.
    fn write_dots(&self, parent: DirectoryStart, directory: DirectoryStart, time: DosTime) -> FsResult<()> {
        for (index, mut entry) in self.all_entries(directory)?.into_iter().enumerate() {
            entry.bytes.fill(0);
            let dots = match index {
                0 => Some((b".          ", directory)),
                1 => Some((b"..         ", parent)),
                _ => None,
            };
            if let Some((name, leads_to)) = dots {
                set_at(&mut entry.bytes, 0, name);
                set_at(&mut entry.bytes, 11, &[ATTR_DIRECTORY]);
                time.stamp(&mut entry.bytes, true);
                entry.set_first_cluster(number_in_dots(leads_to));
            }
            self.write_entry(&entry)?;
        }
        Ok(())
    }

    /// Lets `..` of a directory that moved lead to its new parent.
    fn move_dots(&self, parent: DirectoryStart, directory: DirectoryStart) -> FsResult<()> {
        for mut entry in self.all_entries(directory)?.into_iter().take(2) {
            if entry.short_name() == b".." {
                entry.set_first_cluster(number_in_dots(parent));
                self.write_entry(&entry)?;
            }
        }
        Ok(())
    }
}

/// Returns the number by which `.` and `..` refer to a directory.
fn number_in_dots(directory: DirectoryStart) -> u32 {
    match directory {
        // Also on FAT32, where the root directory has a cluster.
        DirectoryStart::Root => 0,
        DirectoryStart::Cluster(first) => first,
    }
}

impl WriteFilesystem for FatWriter {
    fn write_file(
        &mut self,
        path: &ImagePath,
        content: &mut dyn io::Read,
        size: ByteCount,
        _mode: Mode,
        _owner: Owner,
    ) -> FsResult<()> {
        if size.get() > u64::from(u32::MAX) {
            let text = "a file on FAT has to be smaller than 4 GiB";
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, text).into());
        }
        let found = self.volume.kind_at(path)?;
        if let Some(found @ FileKind::Directory) = found {
            return Err(FsError::WrongKind { expected: FileKind::File, found });
        }
        let parent = self.volume.parent_of(path)?;
        let returned = self.volume.entry_at(path)?.map_or(0, |entry| entry.size());
        self.check_space(size, returned.into())?;
        self.write_content(path, content, size)?;
        self.volume.correct_entry(&parent, path.name(), Some(self.time), found.is_none())
    }

    fn make_directory(&mut self, path: &ImagePath, _mode: Mode, _owner: Owner) -> FsResult<()> {
        match self.volume.kind_at(path)? {
            Some(FileKind::Directory) => return Ok(()),
            Some(found) => return Err(FsError::WrongKind { expected: FileKind::Directory, found }),
            None => {}
        }
        let parent = self.volume.parent_of(path)?;
        self.check_space(ByteCount::new(1), 0)?;
        self.fatfs.root_dir().create_dir(path.as_str()).map_err(full_root)?;
        self.volume.correct_entry(&parent, path.name(), Some(self.time), true)?;
        let (directory, _) = self.volume.directory_at(path)?;
        self.volume.write_dots(parent.start, directory, self.time)
    }

    fn make_symlink(&mut self, _path: &ImagePath, _target: &str) -> FsResult<()> {
        Err(FsError::NoSymlinksHere)
    }

    fn remove(&mut self, path: &ImagePath) -> FsResult<()> {
        match self.volume.kind_at(path)? {
            None => Err(FsError::NotFound),
            Some(found @ FileKind::Directory) => Err(FsError::WrongKind { expected: FileKind::File, found }),
            Some(_) => {
                let parent = self.volume.parent_of(path)?;
                self.fatfs.root_dir().remove(path.as_str())?;
                self.volume.restore(&parent)
            }
        }
    }

    fn rename(&mut self, from: &ImagePath, to: &ImagePath) -> FsResult<()> {
        let found = self.volume.kind_at(from)?.ok_or(FsError::NotFound)?;
        if self.volume.kind_at(to)?.is_some() {
            return Err(FsError::AlreadyExists);
        }
        let (old_parent, parent) = (self.volume.parent_of(from)?, self.volume.parent_of(to)?);
        if found == FileKind::Directory {
            self.refuse_own_subtree(from, to)?;
        }
        self.check_space(ByteCount::ZERO, 0)?;
        let root = self.fatfs.root_dir();
        // Unlike the others, `rename` takes no path that begins with a slash.
        let [from_root, to_root] = [from, to].map(|path| path.as_str().trim_start_matches('/'));
        root.rename(from_root, &root, to_root).map_err(full_root)?;
        self.volume.restore(&old_parent)?;
        self.volume.correct_entry(&parent, to.name(), None, false)?;
        if found == FileKind::Directory && parent.start != old_parent.start {
            let (directory, _) = self.volume.directory_at(to)?;
            self.volume.move_dots(parent.start, directory)?;
        }
        Ok(())
    }

    fn finish(self: Box<Self>) -> FsResult<()> {
        Ok(self.fatfs.unmount()?)
    }
}
