//! Writing an ext4, with `rust-fs-ext4`. No other module names that crate.

mod device;
mod error;
mod journal;

use super::superblock::Superblock;
use super::xattr_rewrite::{self, ACL, CAPABILITY};
use crate::fs::symlinks::{LinkStep, LinkTree, without_links};
use crate::fs::{FileKind, FsError, FsResult, WriteFilesystem, damaged};
use crate::io::Rollback;
use crate::types::{ByteCount, ImagePath, Mode, Owner, UnixTime};
use fs_ext4::Filesystem;
use fs_ext4::inode::{Inode, InodeFlags};
use fs_ext4::path::EXT4_ROOT_INODE;
use fs_ext4::xattr::{self, XattrEntry};
use journal::Log;
use std::io;
use std::sync::Arc;

/// As much of a file as is written at once.
const PIECE: usize = 8 * 1024 * 1024;
/// FsBlocks that a new name can take beside the content: a leaf of the directory, a split of it, the block of a
/// long symbolic link.
const BLOCKS_BESIDE_CONTENT: u64 = 4;
/// Extents that fit one block of 1 KiB, halved: a file in the worst of pieces needs a block per so many.
const BLOCKS_PER_TREE_BLOCK: u64 = 40;

/// Writes an ext4 filesystem.
///
/// Files that are written get the one time in `i_mtime`, `i_atime`, `i_ctime`, and `i_crtime` where it is new.
/// The times of the directories around it stay those of the stock image.
///
/// A regular file that is replaced keeps its inode, unless it has a second name (a hard link, whose
/// content nobody asked to change): then it becomes a new file. In either case it keeps its extended
/// attributes as the kernel would have (`xattr_rewrite`).
pub struct Ext4Writer {
    filesystem: Filesystem,
    disk: Arc<dyn Rollback>,
    log: Log,
    time: UnixTime,
}

/// An inode that a path leads to.
struct ExistingInode {
    number: u32,
    inode: Inode,
    kind: FileKind,
}

/// A name in a directory, and what it names.
struct Destination {
    /// The path without links in it.
    path: ImagePath,
    directory: u32,
    name: String,
    existing: Option<ExistingInode>,
}

/// Refuses a filesystem whose journal holds what the filesystem does not have yet.
pub(super) fn check_journal(disk: &Arc<dyn Rollback>, superblock: &Superblock) -> FsResult<()> {
    journal::check_empty(&device::mount(disk, UnixTime::new(0), superblock.uuid, false)?)
}

impl Ext4Writer {
    /// Opens the filesystem on `disk` for writing; everything written gets the time `time`.
    ///
    /// # Errors
    /// When it is not an ext4, is damaged, was not closed properly, or has features that are not understood.
    pub fn open(disk: Arc<dyn Rollback>, time: UnixTime) -> FsResult<Self> {
        let superblock = Superblock::read(&disk)?;
        superblock.check_writable()?;
        superblock.check_clean()?;
        let mount = |writable| device::mount(&disk, time, superblock.uuid, writable);
        let log = {
            // Opening it for writing would replay the journal, so it is looked at first.
            let filesystem = mount(false)?;
            journal::check_empty(&filesystem)?;
            Log::find(&filesystem)?
        };
        let filesystem = mount(true)?;
        Ok(Self { filesystem, disk, log, time })
    }

    fn inode(&self, number: u32) -> FsResult<ExistingInode> {
        let inode = self.filesystem.stat_ino(number)?;
        let kind = if inode.is_file() {
            FileKind::File
        } else if inode.is_dir() {
            FileKind::Directory
        } else if inode.is_symlink() {
            FileKind::Symlink
        } else {
            FileKind::Special
        };
        Ok(ExistingInode { number, inode, kind })
    }

    /// Returns what is at a path that has no links in its directory part.
    fn look(&self, path: &ImagePath) -> FsResult<Option<ExistingInode>> {
        use fs_ext4::Error;
        match self.filesystem.lookup_path_bytes(path.as_str().as_bytes()) {
            Ok(number) => self.inode(number).map(Some),
            Err(Error::NotFound | Error::NotADirectory) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Finds the directory that a path lies in, which has to be there.
    fn destination(&self, path: &ImagePath) -> FsResult<Destination> {
        let path = without_links(self, path)?.ok_or(FsError::NotFound)?;
        let directory = match path.parent() {
            Some(parent) => self.look(&parent)?.ok_or(FsError::NotFound)?.number,
            None => EXT4_ROOT_INODE,
        };
        Ok(Destination { directory, name: path.name().to_owned(), existing: self.look(&path)?, path })
    }

    fn target(&self, link: &ExistingInode) -> FsResult<String> {
        let target = self.filesystem.read_link(link.number)?;
        String::from_utf8(target).map_err(|_| damaged("the target of a symbolic link is not UTF-8"))
    }

    fn attributes(&self, found: &ExistingInode) -> FsResult<Vec<XattrEntry>> {
        let raw = self.filesystem.read_inode_raw(found.number)?;
        Ok(xattr::read_all_resolved(&self.filesystem, &found.inode, &raw)?)
    }

    fn set_attribute(&self, path: &ImagePath, name: &str, value: &[u8]) -> FsResult<()> {
        Ok(self.filesystem.apply_setxattr(path.as_str(), name, value)?)
    }

    /// Returns an empty inode for a file at `destination`: of the file there, emptied, if it has no other name, or else a
    /// new one.
    fn inode_for_file(&self, destination: &Destination, mode: Mode) -> FsResult<u32> {
        let attributes = match &destination.existing {
            Some(found) if found.kind == FileKind::File => self.attributes(found)?,
            _ => Vec::new(),
        };
        let is_capability = |attribute: &&XattrEntry| attribute.name == CAPABILITY;
        if let Some(found) = &destination.existing {
            if found.kind == FileKind::File && found.inode.links_count == 1 {
                if found.inode.size > 0 {
                    self.filesystem.apply_truncate_ino(found.number, 0)?;
                }
                if let Some(capability) = attributes.iter().find(is_capability) {
                    let (path, name) = (destination.path.as_str(), &capability.name);
                    self.filesystem.apply_removexattr(path, name)?;
                }
                self.set_mode(found, &destination.path, &attributes, mode)?;
                return Ok(found.number);
            }
            self.unlink(destination)?;
        }
        let name = destination.name.as_bytes();
        let number = self.filesystem.apply_create_at(destination.directory, name, mode.bits())?;
        for attribute in attributes.iter().filter(|attribute| !is_capability(attribute)) {
            if attribute.name == ACL {
                let acl = xattr_rewrite::acl_with_mode(&attribute.value, mode)?;
                self.set_attribute(&destination.path, ACL, &acl)?;
            } else {
                self.set_attribute(&destination.path, &attribute.name, &attribute.value)?;
            }
        }
        Ok(number)
    }

    /// Sets the mode of what is at `path`, and its ACL to say the same.
    fn set_mode(
        &self,
        found: &ExistingInode,
        path: &ImagePath,
        attributes: &[XattrEntry],
        mode: Mode,
    ) -> FsResult<()> {
        self.filesystem.apply_chmod_ino(found.number, mode.bits())?;
        let Some(acl) = attributes.iter().find(|attribute| attribute.name == ACL) else {
            return Ok(());
        };
        let changed = xattr_rewrite::acl_with_mode(&acl.value, mode)?;
        if changed == acl.value { Ok(()) } else { self.set_attribute(path, ACL, &changed) }
    }

    fn unlink(&self, destination: &Destination) -> FsResult<()> {
        Ok(self.filesystem.apply_unlink_at(destination.directory, destination.name.as_bytes())?)
    }

    fn give_to(&self, number: u32, owner: Owner) -> FsResult<()> {
        Ok(self.filesystem.apply_chown_ino(number, owner.uid, owner.gid)?)
    }

    fn set_times(&self, number: u32) -> FsResult<()> {
        let time = self.time.seconds();
        Ok(self.filesystem.apply_utimens_ino(number, time, 0, time, 0)?)
    }

    /// Refuses what would not fit. The reserved blocks count as free: they are root's, as these files are.
    fn check_space(&self, size: ByteCount, destination: &Destination) -> FsResult<()> {
        let superblock = Superblock::read(&self.disk)?;
        let block_size = u64::from(superblock.geometry.block_size);
        let content = size.get().div_ceil(block_size);
        // A block of extended attributes stays in use, and one more becomes so where others share it.
        let attributes =
            u64::from(destination.existing.as_ref().is_some_and(|found| found.inode.file_acl != 0));
        let needed = content + content / BLOCKS_PER_TREE_BLOCK + BLOCKS_BESIDE_CONTENT + 2 * attributes;
        let returned = destination.existing.as_ref().map_or(0, |found| {
            let counts_sectors = found.inode.flags & InodeFlags::HUGE_FILE.bits() == 0;
            let last_name = found.inode.links_count == 1;
            if counts_sectors && last_name { found.inode.blocks / (block_size / 512) } else { 0 }
        });
        let free = (superblock.free_blocks + returned).min(superblock.geometry.blocks);
        if needed > free {
            return Err(FsError::Full { needed: size, free: superblock.bytes_of(free) });
        }
        if destination.existing.is_none() && superblock.free_inodes == 0 {
            return Err(FsError::NoRoomForNames);
        }
        Ok(())
    }
}

impl LinkTree for Ext4Writer {
    type Error = FsError;

    fn step(&self, path: &ImagePath) -> FsResult<LinkStep> {
        Ok(match self.look(path)? {
            Some(found) if found.kind == FileKind::Directory => LinkStep::Below,
            Some(found) if found.kind == FileKind::Symlink => LinkStep::Link(self.target(&found)?),
            _ => LinkStep::Nowhere,
        })
    }
}

fn refuse_directory(destination: &Destination, expected: FileKind) -> FsResult<()> {
    match &destination.existing {
        Some(ExistingInode { kind: found @ (FileKind::Directory | FileKind::Special), .. }) => {
            Err(FsError::WrongKind { expected, found: *found })
        }
        _ => Ok(()),
    }
}

impl WriteFilesystem for Ext4Writer {
    fn write_file(
        &mut self,
        path: &ImagePath,
        content: &mut dyn io::Read,
        size: ByteCount,
        mode: Mode,
        owner: Owner,
    ) -> FsResult<()> {
        let destination = self.destination(path)?;
        refuse_directory(&destination, FileKind::File)?;
        self.check_space(size, &destination)?;
        let number = self.inode_for_file(&destination, mode)?;
        // Before the content, which not everybody may be allowed to read.
        self.give_to(number, owner)?;
        let mut piece = Vec::new();
        for (offset, length) in size.chunks(PIECE) {
            piece.resize(length, 0);
            content.read_exact(&mut piece)?;
            self.filesystem.apply_pwrite_ino(number, offset.get(), &piece)?;
        }
        self.set_times(number)
    }

    fn make_directory(&mut self, path: &ImagePath, mode: Mode, owner: Owner) -> FsResult<()> {
        let destination = self.destination(path)?;
        let number = match &destination.existing {
            Some(found) if found.kind == FileKind::Directory => {
                self.set_mode(found, &destination.path, &self.attributes(found)?, mode)?;
                found.number
            }
            Some(found) => {
                return Err(FsError::WrongKind { expected: FileKind::Directory, found: found.kind });
            }
            None => {
                self.check_space(ByteCount::ZERO, &destination)?;
                let name = destination.name.as_bytes();
                self.filesystem.apply_mkdir_at(destination.directory, name, mode.bits())?
            }
        };
        self.give_to(number, owner)
    }

    fn make_symlink(&mut self, path: &ImagePath, target: &str) -> FsResult<()> {
        let destination = self.destination(path)?;
        refuse_directory(&destination, FileKind::Symlink)?;
        self.check_space(ByteCount::ZERO, &destination)?;
        if destination.existing.is_some() {
            self.unlink(&destination)?;
        }
        let (name, target) = (destination.name.as_bytes(), target.as_bytes());
        self.filesystem.apply_symlink_at(destination.directory, name, target)?;
        Ok(())
    }

    fn remove(&mut self, path: &ImagePath) -> FsResult<()> {
        let destination = self.destination(path)?;
        match &destination.existing {
            None => Err(FsError::NotFound),
            Some(ExistingInode { kind: found @ FileKind::Directory, .. }) => {
                let removed =
                    self.filesystem.apply_rmdir_at(destination.directory, destination.name.as_bytes());
                removed.map_err(|error| match error {
                    fs_ext4::Error::DirectoryNotEmpty => {
                        FsError::WrongKind { expected: FileKind::File, found: *found }
                    }
                    error => error.into(),
                })
            }
            Some(_) => {
                refuse_directory(&destination, FileKind::File)?;
                self.unlink(&destination)
            }
        }
    }

    fn rename(&mut self, from: &ImagePath, to: &ImagePath) -> FsResult<()> {
        let (from, to) = (self.destination(from)?, self.destination(to)?);
        if from.existing.is_none() {
            return Err(FsError::NotFound);
        }
        if to.existing.is_some() {
            return Err(FsError::AlreadyExists);
        }
        self.check_space(ByteCount::ZERO, &to)?;
        let (old, new) = (from.name.as_bytes(), to.name.as_bytes());
        Ok(self.filesystem.apply_rename_at(from.directory, old, to.directory, new, false)?)
    }

    fn finish(self: Box<Self>) -> FsResult<()> {
        let Self { filesystem, disk, log, .. } = *self;
        journal::check_empty(&filesystem)?;
        filesystem.finish()?;
        log.rollback(&disk)
    }
}
