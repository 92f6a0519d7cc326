//! Writing an ext4.

use super::attributes;
use super::device;
use super::error::from_writer;
use super::journal::{self, Log};
use super::superblock::Superblock;
use crate::fs::symlinks::{LinkTree, Step, without_links};
use crate::fs::{FileKind, FsError, WriteFilesystem};
use crate::io::Rollback;
use crate::types::ByteCount;
use crate::types::number::usize_from;
use crate::types::{ImagePath, Mode, Owner, UnixTime};
use fs_ext4::Filesystem;
use fs_ext4::inode::{Inode, InodeFlags};
use fs_ext4::path::EXT4_ROOT_INODE;
use fs_ext4::xattr::{self, XattrEntry};
use std::io;
use std::sync::Arc;

/// As much of a file as is written at once.
const PIECE: u64 = 8 * 1024 * 1024;
/// Blocks that a new name can cost beside the content: a leaf of the directory, a split of it, an
/// external block of a link.
const BLOCKS_BESIDE_CONTENT: u64 = 4;
/// Extents that fit one block of 1 KiB, halved: a file in the worst of pieces needs a block per so many.
const BLOCKS_PER_TREE_BLOCK: u64 = 40;

/// Writes an ext4 filesystem.
///
/// What is written gets the one time in `i_mtime`, `i_atime`, `i_ctime`, and `i_crtime` where it is new.
/// The times of the directories around it stay those of the stock image.
///
/// A regular file that is replaced keeps its inode, unless it has a second name (a hard link, whose
/// content nobody asked to change): then it becomes a new file. In either case it keeps its extended
/// attributes as the kernel would have (`attributes.rs`).
pub struct Writer {
    filesystem: Filesystem,
    disk: Arc<dyn Rollback>,
    log: Log,
    time: UnixTime,
}

/// Something that is there.
struct Found {
    number: u32,
    inode: Inode,
    kind: FileKind,
}

/// A name in a directory, and what stands there.
struct Place {
    /// Without links in it.
    path: ImagePath,
    directory: u32,
    name: String,
    found: Option<Found>,
}

impl Writer {
    /// Opens the filesystem on `disk` for writing; everything written gets the time `time`.
    ///
    /// # Errors
    /// When it is no ext4, is damaged, was not closed properly, or has features that are not understood.
    pub fn open(disk: Arc<dyn Rollback>, time: UnixTime) -> Result<Self, FsError> {
        let superblock = Superblock::read(&disk)?;
        superblock.check_writable()?;
        superblock.check_clean()?;
        let mount = |writable| device::mount(&disk, time, superblock.uuid, writable);
        let log = {
            let filesystem = mount(false)?;
            journal::check_empty(&filesystem)?;
            Log::find(&filesystem)?
        };
        let filesystem = mount(true)?;
        Ok(Self { filesystem, disk, log, time })
    }

    fn found(&self, number: u32) -> Result<Found, FsError> {
        let inode = self.filesystem.stat_ino(number).map_err(from_writer)?;
        let kind = if inode.is_file() {
            FileKind::File
        } else if inode.is_dir() {
            FileKind::Directory
        } else if inode.is_symlink() {
            FileKind::Symlink
        } else {
            FileKind::Special
        };
        Ok(Found { number, inode, kind })
    }

    /// What stands at a path that has no links in its directory part.
    fn look(&self, path: &ImagePath) -> Result<Option<Found>, FsError> {
        use fs_ext4::Error;
        match self.filesystem.lookup_path_bytes(path.as_str().as_bytes()) {
            Ok(number) => self.found(number).map(Some),
            Err(Error::NotFound | Error::NotADirectory) => Ok(None),
            Err(error) => Err(from_writer(error)),
        }
    }

    /// Where `path` is. Its directory has to be there.
    fn place(&self, path: &ImagePath) -> Result<Place, FsError> {
        let path = without_links(self, path)?.ok_or(FsError::NotFound)?;
        let directory = match path.parent() {
            Some(parent) => self.look(&parent)?.ok_or(FsError::NotFound)?.number,
            None => EXT4_ROOT_INODE,
        };
        Ok(Place { directory, name: path.name().to_owned(), found: self.look(&path)?, path })
    }

    fn target(&self, link: &Found) -> Result<String, FsError> {
        let target = self.filesystem.read_link(link.number).map_err(from_writer)?;
        String::from_utf8(target)
            .map_err(|_| FsError::Damaged("the target of a symbolic link is not UTF-8".to_owned()))
    }

    fn attributes(&self, found: &Found) -> Result<Vec<XattrEntry>, FsError> {
        let raw = self.filesystem.read_inode_raw(found.number).map_err(from_writer)?;
        xattr::read_all_resolved(&self.filesystem, &found.inode, &raw).map_err(from_writer)
    }

    fn set_attribute(&self, path: &ImagePath, name: &str, value: &[u8]) -> Result<(), FsError> {
        self.filesystem.apply_setxattr(path.as_str(), name, value).map_err(from_writer)
    }

    /// Makes room for a file at `place`: a file that can stay is emptied, anything else there goes.
    fn inode_for_file(&self, place: &Place, mode: Mode) -> Result<u32, FsError> {
        let attributes = match &place.found {
            Some(found) if found.kind == FileKind::File => self.attributes(found)?,
            _ => Vec::new(),
        };
        let is_capability = |attribute: &&XattrEntry| attribute.name == attributes::CAPABILITY;
        if let Some(found) = &place.found {
            if found.kind == FileKind::File && found.inode.links_count == 1 {
                if found.inode.size > 0 {
                    self.filesystem.apply_truncate_ino(found.number, 0).map_err(from_writer)?;
                }
                if let Some(capability) = attributes.iter().find(is_capability) {
                    let (path, name) = (place.path.as_str(), &capability.name);
                    self.filesystem.apply_removexattr(path, name).map_err(from_writer)?;
                }
                self.set_mode(found, &place.path, &attributes, mode)?;
                return Ok(found.number);
            }
            self.unlink(place)?;
        }
        let name = place.name.as_bytes();
        let number =
            self.filesystem.apply_create_at(place.directory, name, mode.bits()).map_err(from_writer)?;
        for attribute in attributes.iter().filter(|attribute| !is_capability(attribute)) {
            if attribute.name == attributes::ACL {
                let acl = attributes::acl_with_mode(&attribute.value, mode)?;
                self.set_attribute(&place.path, attributes::ACL, &acl)?;
            } else {
                self.set_attribute(&place.path, &attribute.name, &attribute.value)?;
            }
        }
        Ok(number)
    }

    /// Gives what stands at `path` a mode, and an ACL that it has the same.
    fn set_mode(
        &self,
        found: &Found,
        path: &ImagePath,
        attributes: &[XattrEntry],
        mode: Mode,
    ) -> Result<(), FsError> {
        self.filesystem.apply_chmod_ino(found.number, mode.bits()).map_err(from_writer)?;
        let Some(acl) = attributes.iter().find(|attribute| attribute.name == attributes::ACL) else {
            return Ok(());
        };
        let changed = attributes::acl_with_mode(&acl.value, mode)?;
        if changed == acl.value { Ok(()) } else { self.set_attribute(path, attributes::ACL, &changed) }
    }

    fn unlink(&self, place: &Place) -> Result<(), FsError> {
        self.filesystem.apply_unlink_at(place.directory, place.name.as_bytes()).map_err(from_writer)
    }

    fn give_to(&self, number: u32, owner: Owner) -> Result<(), FsError> {
        self.filesystem.apply_chown_ino(number, owner.uid, owner.gid).map_err(from_writer)
    }

    fn set_times(&self, number: u32) -> Result<(), FsError> {
        let time = self.time.seconds();
        self.filesystem.apply_utimens_ino(number, time, 0, time, 0).map_err(from_writer)
    }

    /// Refuses what would not fit. The reserved blocks count as free: they are root's, as these files are.
    fn check_room(&self, size: ByteCount, place: &Place) -> Result<(), FsError> {
        let superblock = Superblock::read(&self.disk)?;
        let content = size.get().div_ceil(superblock.block_size);
        // A block of extended attributes stays in use, and one more becomes so where others share it.
        let attributes = u64::from(place.found.as_ref().is_some_and(|found| found.inode.file_acl != 0));
        let needed = content + content / BLOCKS_PER_TREE_BLOCK + BLOCKS_BESIDE_CONTENT + 2 * attributes;
        let returned = place.found.as_ref().map_or(0, |found| {
            let counts_sectors = found.inode.flags & InodeFlags::HUGE_FILE.bits() == 0;
            let last_name = found.inode.links_count == 1;
            if counts_sectors && last_name { found.inode.blocks / (superblock.block_size / 512) } else { 0 }
        });
        let free = (superblock.free_blocks + returned).min(superblock.blocks);
        if needed > free {
            return Err(FsError::Full { needed: size, free: superblock.bytes_of(free) });
        }
        if place.found.is_none() && superblock.free_inodes == 0 {
            return Err(FsError::NoRoomForNames);
        }
        Ok(())
    }
}

impl LinkTree for Writer {
    type Error = FsError;

    fn step(&self, path: &ImagePath) -> Result<Step, FsError> {
        Ok(match self.look(path)? {
            Some(found) if found.kind == FileKind::Directory => Step::Below,
            Some(found) if found.kind == FileKind::Symlink => Step::Link(self.target(&found)?),
            _ => Step::Nowhere,
        })
    }
}

fn refuse_directory(place: &Place, expected: FileKind) -> Result<(), FsError> {
    match &place.found {
        Some(Found { kind: found @ (FileKind::Directory | FileKind::Special), .. }) => {
            Err(FsError::WrongKind { expected, found: *found })
        }
        _ => Ok(()),
    }
}

impl WriteFilesystem for Writer {
    fn write_file(
        &mut self,
        path: &ImagePath,
        content: &mut dyn io::Read,
        size: ByteCount,
        mode: Mode,
        owner: Owner,
    ) -> Result<(), FsError> {
        let place = self.place(path)?;
        refuse_directory(&place, FileKind::File)?;
        self.check_room(size, &place)?;
        let number = self.inode_for_file(&place, mode)?;
        // Before the content, which not everybody may be allowed to read.
        self.give_to(number, owner)?;
        let mut piece = Vec::new();
        let mut offset = 0;
        while offset < size.get() {
            let length = PIECE.min(size.get() - offset);
            piece.resize(usize_from(length), 0);
            content.read_exact(&mut piece)?;
            self.filesystem.apply_pwrite_ino(number, offset, &piece).map_err(from_writer)?;
            offset += length;
        }
        self.set_times(number)
    }

    fn make_directory(&mut self, path: &ImagePath, mode: Mode, owner: Owner) -> Result<(), FsError> {
        let place = self.place(path)?;
        let number = match &place.found {
            Some(found) if found.kind == FileKind::Directory => {
                self.set_mode(found, &place.path, &self.attributes(found)?, mode)?;
                found.number
            }
            Some(found) => {
                return Err(FsError::WrongKind { expected: FileKind::Directory, found: found.kind });
            }
            None => {
                self.check_room(ByteCount::ZERO, &place)?;
                let name = place.name.as_bytes();
                self.filesystem.apply_mkdir_at(place.directory, name, mode.bits()).map_err(from_writer)?
            }
        };
        self.give_to(number, owner)
    }

    fn make_symlink(&mut self, path: &ImagePath, target: &str) -> Result<(), FsError> {
        let place = self.place(path)?;
        refuse_directory(&place, FileKind::Symlink)?;
        self.check_room(ByteCount::ZERO, &place)?;
        if place.found.is_some() {
            self.unlink(&place)?;
        }
        let (name, target) = (place.name.as_bytes(), target.as_bytes());
        self.filesystem.apply_symlink_at(place.directory, name, target).map_err(from_writer)?;
        Ok(())
    }

    fn remove(&mut self, path: &ImagePath) -> Result<(), FsError> {
        let place = self.place(path)?;
        match &place.found {
            None => Err(FsError::NotFound),
            Some(Found { kind: found @ FileKind::Directory, .. }) => {
                let removed = self.filesystem.apply_rmdir_at(place.directory, place.name.as_bytes());
                removed.map_err(|error| match error {
                    fs_ext4::Error::DirectoryNotEmpty => {
                        FsError::WrongKind { expected: FileKind::File, found: *found }
                    }
                    error => from_writer(error),
                })
            }
            Some(_) => {
                refuse_directory(&place, FileKind::File)?;
                self.unlink(&place)
            }
        }
    }

    fn rename(&mut self, from: &ImagePath, to: &ImagePath) -> Result<(), FsError> {
        let (from, to) = (self.place(from)?, self.place(to)?);
        if from.found.is_none() {
            return Err(FsError::NotFound);
        }
        if to.found.is_some() {
            return Err(FsError::AlreadyExists);
        }
        self.check_room(ByteCount::ZERO, &to)?;
        let (old, new) = (from.name.as_bytes(), to.name.as_bytes());
        self.filesystem.apply_rename_at(from.directory, old, to.directory, new, false).map_err(from_writer)
    }

    fn finish(self: Box<Self>) -> Result<(), FsError> {
        let Self { filesystem, disk, log, .. } = *self;
        journal::check_empty(&filesystem)?;
        filesystem.finish().map_err(from_writer)?;
        log.rollback(&disk)
    }
}
