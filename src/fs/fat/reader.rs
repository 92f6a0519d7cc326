//! Reading a FAT.

use super::directory::{DirectoryStart, EntryKind};
use super::dos_time;
use super::volume::Volume;
use crate::fs::{FileKind, FsError, FsResult, Metadata, ReadFilesystem, Summary, damaged};
use crate::io::ReadAt;
use crate::types::number::usize_from;
use crate::types::{ByteCount, ImagePath, Mode, Owner, UnixTime};
use std::io;
use std::sync::Arc;

/// Reads a FAT filesystem. Names are found in whatever case they are written.
pub struct FatReader {
    volume: Volume<dyn ReadAt>,
}

impl FatReader {
    /// Opens the filesystem on `disk`, and checks all its tables and directories.
    ///
    /// # Errors
    /// When it is not a FAT, is damaged, or has features that are not understood.
    pub fn open(disk: Arc<dyn ReadAt>) -> FsResult<Self> {
        let volume = Volume::open(disk)?;
        if volume.boot_sector.one_table_in_use {
            let found = "a second table that is out of date".to_owned();
            return Err(FsError::Unsupported { kind: "FAT", found });
        }
        volume.check()?;
        Ok(Self { volume })
    }

    fn label(&self) -> FsResult<String> {
        let mut entries = self.volume.raw_entries(DirectoryStart::Root)?;
        let in_root = entries.find(|entry| entry.kind() == EntryKind::Label);
        let label = in_root.map_or(self.volume.boot_sector.label, |entry| entry.padded_name());
        let label = String::from_utf8_lossy(&label).trim_end().to_owned();
        // What mkfs.fat writes where no label was given.
        Ok(if label == "NO NAME" { String::new() } else { label })
    }
}

impl ReadFilesystem for FatReader {
    fn metadata(&self, path: &ImagePath) -> FsResult<Option<Metadata>> {
        let (mode, owner) = (Mode::EXECUTABLE, Owner::ROOT);
        if path.parent().is_none() {
            // The root directory has no entry that could have a time.
            let (size, modified) = (ByteCount::ZERO, UnixTime::new(0));
            return Ok(Some(Metadata { kind: FileKind::Directory, mode, owner, size, modified }));
        }
        Ok(self.volume.entry_at(path)?.map(|entry| {
            let (kind, modified) = (entry.file_kind(), dos_time::modified(&entry.bytes));
            Metadata { kind, mode, owner, size: ByteCount::new(entry.size().into()), modified }
        }))
    }

    fn read_pieces(&self, path: &ImagePath, sink: &mut dyn FnMut(&[u8]) -> io::Result<()>) -> FsResult<()> {
        let found = self.volume.kind_at(path)?.ok_or(FsError::NotFound)?;
        let entry = self.volume.entry_at(path)?.filter(|_| found == FileKind::File);
        let entry = entry.ok_or(FsError::WrongKind { expected: FileKind::File, found })?;
        let boot_sector = &self.volume.boot_sector;
        let mut rest = u64::from(entry.size());
        let mut cluster = vec![0; usize_from(boot_sector.bytes_per_cluster)];
        let chain = match entry.first_cluster(boot_sector.width) {
            0 => Vec::new(),
            first => self.volume.chain(first, usize_from(boot_sector.clusters))?,
        };
        for offset in chain.into_iter().filter_map(|it| boot_sector.offset_of(it)) {
            let (piece, _) = cluster.split_at_mut(usize_from(rest.min(boot_sector.bytes_per_cluster)));
            self.volume.read(offset, piece)?;
            sink(piece)?;
            rest -= piece.len() as u64;
        }
        if rest == 0 { Ok(()) } else { Err(damaged("a file is larger than its clusters")) }
    }

    fn read_link(&self, path: &ImagePath) -> FsResult<String> {
        let found = self.metadata(path)?.ok_or(FsError::NotFound)?;
        Err(FsError::WrongKind { expected: FileKind::Symlink, found: found.kind })
    }

    fn list(&self, path: &ImagePath) -> FsResult<Vec<String>> {
        let (directory, _) = self.volume.directory_at(path)?;
        let mut names: Vec<_> = self.volume.entries(directory)?.into_iter().map(|entry| entry.name).collect();
        names.sort_unstable();
        Ok(names)
    }

    fn summary(&self) -> FsResult<Summary> {
        let boot_sector = &self.volume.boot_sector;
        let [.., upper, lower] = [boot_sector.serial >> 16, boot_sector.serial & 0xffff];
        let free = u64::from(self.volume.free_clusters()?) * boot_sector.bytes_per_cluster;
        Ok(Summary {
            kind: format!("FAT{}", boot_sector.width.bits()),
            label: self.label()?,
            id: format!("{upper:04X}-{lower:04X}"),
            features: vec![format!("{} bytes per cluster", boot_sector.bytes_per_cluster)],
            size: boot_sector.size,
            free: ByteCount::new(free),
            reserved: ByteCount::ZERO,
            written: None,
        })
    }

    fn allocation_unit(&self) -> ByteCount {
        ByteCount::new(self.volume.boot_sector.bytes_per_cluster)
    }
}
