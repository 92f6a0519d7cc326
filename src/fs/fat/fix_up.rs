//! What `fatfs` 0.3 leaves wrong in directories, put right behind it.
//!
//! - It writes `.` and `..` with long names before them, and `..` of a directory in the root with the
//!   number of the root's cluster; `fsck.vfat` rejects both. It leaves `..` alone when a directory moves.
//! - A cluster that it adds to the root directory of a FAT32 keeps what was in it, which then reads as
//!   entries.
//! - It knows one clock for the whole process, and without one dates everything, also the directory a
//!   name is added to, in 1980. Times are put into the entries here.

use super::directory::{DIRECTORY, Directory, Meaning, RawEntry};
use super::dos_time::DosTime;
use super::lookup::entry_in;
use super::volume::{Filesystem, Volume};
use crate::fs::fields::put_at;
use crate::fs::{FileKind, FsError};
use crate::types::ImagePath;

/// A directory, before something in it changes.
pub(super) struct DirectoryOnDisk {
    pub(super) start: Directory,
    /// How many clusters it has.
    clusters: usize,
    /// Its entry in the directory above. The root directory has none.
    entry: Option<RawEntry>,
}

impl Volume {
    /// The directory at a path as it is in the table and in the directory above.
    pub(super) fn directory_at(
        &self,
        filesystem: &Filesystem,
        path: &ImagePath,
    ) -> Result<DirectoryOnDisk, FsError> {
        let mut found = DirectoryOnDisk { start: Directory::Root, clusters: 0, entry: None };
        let mut directory = filesystem.root_dir();
        for part in path.parts() {
            let entry = entry_in(&directory, part)?.ok_or(FsError::NotFound)?;
            if !entry.is_dir() {
                return Err(FsError::WrongKind { expected: FileKind::Directory, found: FileKind::File });
            }
            let (_, raw) = self.raw_entry(found.start, entry.short_file_name_as_bytes())?;
            found.start = Directory::Cluster(raw.first_cluster(self.shape.width));
            found.entry = Some(raw);
            directory = entry.to_dir();
        }
        found.clusters = self.directory_clusters(found.start)?.len();
        Ok(found)
    }

    /// The entry of a short name, and its place among the entries of its directory.
    fn raw_entry(&self, directory: Directory, short_name: &[u8]) -> Result<(usize, RawEntry), FsError> {
        let entries = self.entries(directory)?.into_iter().enumerate();
        let mut used = entries.take_while(|(_, entry)| entry.meaning() != Meaning::End);
        let found = used.find(|(_, entry)| {
            matches!(entry.meaning(), Meaning::File | Meaning::Directory) && entry.short_name() == short_name
        });
        found.ok_or(FsError::NotFound)
    }

    /// Mends what was written for the new entry `short_name` in `parent`, as that was before; without a
    /// `time` it keeps its own.
    pub(super) fn mend_new_entry(
        &self,
        parent: &DirectoryOnDisk,
        short_name: &[u8],
        time: Option<DosTime>,
    ) -> Result<(), FsError> {
        let (place, mut entry) = self.raw_entry(parent.start, short_name)?;
        if self.directory_clusters(parent.start)?.len() > parent.clusters {
            // The entry is the last one: a directory only grows when there is no gap for it.
            for mut unused in self.entries(parent.start)?.into_iter().skip(place + 1) {
                unused.bytes.fill(0);
                self.write_entry(&unused)?;
            }
        }
        if let Some(time) = time {
            time.stamp(&mut entry.bytes, true);
        }
        self.write_entry(&entry)
    }

    /// Puts the entry of a directory back as it was, with its time.
    pub(super) fn restore(&self, directory: &DirectoryOnDisk) -> Result<(), FsError> {
        directory.entry.as_ref().map_or(Ok(()), |entry| self.write_entry(entry))
    }

    /// Gives the entry `short_name` in `parent` a new time of change.
    pub(super) fn touch(&self, parent: Directory, short_name: &[u8], time: DosTime) -> Result<(), FsError> {
        let (_, mut entry) = self.raw_entry(parent, short_name)?;
        time.stamp(&mut entry.bytes, false);
        self.write_entry(&entry)
    }

    /// Writes `.` and `..` of a directory that was just made in `parent`.
    pub(super) fn write_dots(
        &self,
        parent: Directory,
        directory: Directory,
        time: DosTime,
    ) -> Result<(), FsError> {
        for (place, mut entry) in self.entries(directory)?.into_iter().enumerate() {
            entry.bytes.fill(0);
            let dots = match place {
                0 => Some((b".          ", Self::number_in_dots(directory))),
                1 => Some((b"..         ", Self::number_in_dots(parent))),
                _ => None,
            };
            if let Some((name, cluster)) = dots {
                put_at(&mut entry.bytes, 0, name);
                put_at(&mut entry.bytes, 11, &[DIRECTORY]);
                time.stamp(&mut entry.bytes, true);
                entry.set_first_cluster(cluster);
            }
            self.write_entry(&entry)?;
        }
        Ok(())
    }

    /// Lets `..` of a directory that moved lead to its new parent.
    pub(super) fn move_dots(&self, parent: Directory, directory: Directory) -> Result<(), FsError> {
        for mut entry in self.entries(directory)?.into_iter().take(2) {
            if entry.short_name() == b".." {
                entry.set_first_cluster(Self::number_in_dots(parent));
                self.write_entry(&entry)?;
            }
        }
        Ok(())
    }
}
