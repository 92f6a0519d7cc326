//! Reading a FAT.

use super::cache::Cache;
use super::dos_time::unix_time;
use super::lookup::{directory_at, entry_at, is_dots};
use super::volume::{Filesystem, Volume};
use crate::fs::{FileKind, FsError, Metadata, ReadFilesystem, Summary};
use crate::io::ReadAt;
use crate::types::ByteCount;
use crate::types::number::usize_from;
use crate::types::{ImagePath, Mode, Owner, UnixTime};
use std::io::{self, Read};
use std::sync::Arc;

/// As much of a file as is handed on at once.
const PIECE: usize = 256 * 1024;

/// Reads a FAT filesystem. Names are found in whatever case they are written.
pub struct Reader {
    filesystem: Filesystem,
    volume: Volume,
}

impl Reader {
    /// Opens the filesystem on `disk`, and checks all its tables and directories.
    ///
    /// # Errors
    /// When it is no FAT, is damaged, or has features that are not understood.
    pub fn open(disk: Arc<dyn ReadAt>) -> Result<Self, FsError> {
        let volume = Volume::open(&disk.clone(), Cache::reading(disk))?;
        if volume.shape.one_table_in_use {
            let found = "a second table that is out of date".to_owned();
            return Err(FsError::Unsupported { kind: "FAT", found });
        }
        volume.check()?;
        Ok(Self { filesystem: volume.filesystem()?, volume })
    }

    fn label(&self) -> Result<String, FsError> {
        let in_root = self.filesystem.read_volume_label_from_root_dir_as_bytes()?;
        let label = in_root.unwrap_or(self.volume.shape.label);
        let label = String::from_utf8_lossy(&label).trim_end().to_owned();
        // What mkfs.fat writes where no label was given.
        Ok(if label == "NO NAME" { String::new() } else { label })
    }
}

impl ReadFilesystem for Reader {
    fn metadata(&self, path: &ImagePath) -> Result<Option<Metadata>, FsError> {
        let (mode, owner) = (Mode::EXECUTABLE, Owner::ROOT);
        if path.parent().is_none() {
            // The root directory has no entry that could tell a time.
            let (size, modified) = (ByteCount::ZERO, UnixTime::new(0));
            return Ok(Some(Metadata { kind: FileKind::Directory, mode, owner, size, modified }));
        }
        let entry = entry_at(&self.filesystem, path)?;
        Ok(entry.map(|entry| {
            let kind = if entry.is_dir() { FileKind::Directory } else { FileKind::File };
            let modified = unix_time(entry.modified());
            Metadata { kind, mode, owner, size: ByteCount::new(entry.len()), modified }
        }))
    }

    fn read_pieces(
        &self,
        path: &ImagePath,
        sink: &mut dyn FnMut(&[u8]) -> io::Result<()>,
    ) -> Result<(), FsError> {
        let found = self.metadata(path)?.ok_or(FsError::NotFound)?;
        let entry = entry_at(&self.filesystem, path)?.filter(|_| found.kind == FileKind::File);
        let entry = entry.ok_or(FsError::WrongKind { expected: FileKind::File, found: found.kind })?;
        let mut content = entry.to_file().take(found.size.get());
        let mut piece = vec![0; usize_from(found.size.get()).min(PIECE)];
        let mut rest = found.size.get();
        while rest > 0 {
            let (part, _) = piece.split_at_mut(usize_from(rest).min(PIECE));
            content.read_exact(part)?;
            sink(part)?;
            rest -= part.len() as u64;
        }
        Ok(())
    }

    fn read_link(&self, path: &ImagePath) -> Result<String, FsError> {
        let found = self.metadata(path)?.ok_or(FsError::NotFound)?;
        Err(FsError::WrongKind { expected: FileKind::Symlink, found: found.kind })
    }

    fn list(&self, path: &ImagePath) -> Result<Vec<String>, FsError> {
        let mut names = Vec::new();
        for entry in directory_at(&self.filesystem, path)?.iter() {
            let entry = entry?;
            if !is_dots(&entry) {
                names.push(entry.file_name());
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    fn summary(&self) -> Result<Summary, FsError> {
        let shape = &self.volume.shape;
        let [.., upper, lower] = [shape.serial >> 16, shape.serial & 0xffff];
        let free = u64::from(self.volume.free_clusters()?) * shape.bytes_per_cluster;
        Ok(Summary {
            kind: shape.kind().to_owned(),
            label: self.label()?,
            id: format!("{upper:04X}-{lower:04X}"),
            features: vec![format!("{} bytes per cluster", shape.bytes_per_cluster)],
            size: shape.size,
            free: ByteCount::new(free),
            reserved: ByteCount::ZERO,
            written: None,
        })
    }

    fn allocation_unit(&self) -> ByteCount {
        ByteCount::new(self.volume.shape.bytes_per_cluster)
    }
}
