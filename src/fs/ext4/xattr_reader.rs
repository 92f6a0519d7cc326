//! Reading the extended attributes of a file, which ext4-view 1.0 does not.
//!
//! This is code of its own from the disk upwards, so that it shares nothing with the crate that writes them.
//! It looks a path up anew each time: it is asked for the few files that a patch edits.
//!
//! Formats: `ext4_inode`, `ext4_extent_header`, `ext4_dir_entry_2` and `ext4_xattr_entry` of the kernel, described
//! in `Documentation/filesystems/ext4/`.

use super::blocks::FsBlocks;
use super::group_descriptors::{BlockGroupDescriptor, INODE_TABLE};
use super::superblock::Superblock;
use crate::fs::{ExtendedAttributes, FsError, FsResult, damaged};
use crate::io::ReadAt;
use crate::types::ImagePath;
use crate::types::fields::{array_at, u8_at, u16_at, u32_at};
use crate::types::number::usize_from;
use std::cell::Cell;

/// `EXT4_ROOT_INO`.
const ROOT: u32 = 2;
/// `EXT4_EXT_MAGIC`.
const EXTENTS: u16 = 0xf30a;
/// `EXT4_EXTENTS_FL`.
const HAS_EXTENTS: u32 = 0x8_0000;
/// `EXT4_XATTR_MAGIC`.
const ATTRIBUTES: u32 = 0xea02_0000;
/// The deepest tree of extents that a kernel makes.
const DEEPEST: u16 = 5;
/// An extent of more blocks than this is one that was reserved and never written.
const LONGEST_WRITTEN_EXTENT: u16 = 0x8000;
/// The size of an inode before its extra fields, and of an entry before its name.
const OLD_INODE: usize = 128;
const ENTRY: usize = 16;

/// A reader of the structures of a filesystem, for the attributes of one file.
pub(super) struct XattrReader<'disk> {
    blocks: FsBlocks<'disk, dyn ReadAt + 'disk>,
    superblock: &'disk Superblock,
    /// The blocks that may still be read: a damaged tree of extents can be walked for ever.
    left: Cell<u32>,
}

/// More than the blocks of all directories in a path together.
const MOST_BLOCKS: u32 = 1 << 16;

impl<'disk> XattrReader<'disk> {
    pub(super) fn new(disk: &'disk dyn ReadAt, superblock: &'disk Superblock) -> Self {
        let blocks = FsBlocks::new(disk, superblock.geometry.block_size.into());
        Self { blocks, superblock, left: Cell::new(MOST_BLOCKS) }
    }

    /// Returns the attributes of what is at a path without links in it.
    pub(super) fn read(&self, path: &ImagePath) -> FsResult<ExtendedAttributes> {
        let mut number = ROOT;
        for name in path.parts() {
            number = self.entry(number, name)?.ok_or(FsError::NotFound)?;
        }
        let inode = self.inode(number)?;
        let mut attributes = ExtendedAttributes::new();
        if inode.len() > OLD_INODE + 4 {
            // `i_extra_isize`; none means that there is no space for attributes either.
            let start = OLD_INODE + usize::from(u16_at(&inode, OLD_INODE));
            let space = inode.get(start..).filter(|space| start > OLD_INODE && space.len() > 4);
            if let Some(space) = space.filter(|space| u32_at(space, 0) == ATTRIBUTES) {
                let entries = space.get(4..).unwrap_or(&[]);
                parse(entries, entries, &mut attributes)?;
            }
        }
        // `i_file_acl_lo` and `_high`.
        let block = u64::from(u32_at(&inode, 0x68)) | u64::from(u16_at(&inode, 0x76)) << 32;
        if block != 0 {
            let block = self.block(block)?;
            if u32_at(&block, 0) != ATTRIBUTES {
                return Err(damaged("a block is not one of extended attributes"));
            }
            parse(block.get(32..).unwrap_or(&[]), &block, &mut attributes)?;
        }
        Ok(attributes)
    }

    fn block(&self, number: u64) -> FsResult<Vec<u8>> {
        let left = self.left.get().checked_sub(1);
        self.left.set(left.ok_or_else(|| damaged("a directory has no end"))?);
        self.blocks.read(number)
    }

    fn inode(&self, number: u32) -> FsResult<Vec<u8>> {
        let geometry = &self.superblock.geometry;
        let index = number.checked_sub(1).ok_or_else(|| damaged("a name leads to no inode"))?;
        let (group, index) = (index / geometry.inodes_per_group, index % geometry.inodes_per_group);
        if geometry.descriptor_size < 32 {
            return Err(damaged("its group descriptors are too small"));
        }
        let descriptor =
            self.blocks.read_element(geometry.first_block + 1, group, geometry.descriptor_size)?;
        let table = BlockGroupDescriptor::new(descriptor).block(INODE_TABLE);
        self.blocks.read_element(table, index, geometry.inode_size)
    }

    /// Returns the inode of one name in a directory.
    fn entry(&self, directory: u32, name: &str) -> FsResult<Option<u32>> {
        let inode = self.inode(directory)?;
        if u32_at(&inode, 0x20) & HAS_EXTENTS == 0 {
            return Err(damaged("a directory has no extents"));
        }
        // `i_block`.
        let root: [u8; 60] = array_at(&inode, 0x28);
        self.search(&root, DEEPEST, name)
    }

    /// Looks for a name in the blocks below a node of a tree of extents. The blocks of an index of names read as
    /// entries that are not in use.
    fn search(&self, node: &[u8], deepest: u16, name: &str) -> FsResult<Option<u32>> {
        let (count, depth) = (usize::from(u16_at(node, 2)), u16_at(node, 6));
        if u16_at(node, 0) != EXTENTS || depth > deepest || (count + 1) * 12 > node.len() {
            return Err(damaged("the extents of a directory are damaged"));
        }
        for entry in node.chunks_exact(12).skip(1).take(count) {
            let found = if depth > 0 {
                let child = u64::from(u32_at(entry, 4)) | u64::from(u16_at(entry, 8)) << 32;
                // Each level is nearer to the leaves, so that no circle goes on for ever.
                self.search(&self.block(child)?, depth - 1, name)?
            } else {
                let start = u64::from(u32_at(entry, 8)) | u64::from(u16_at(entry, 6)) << 32;
                self.search_extent(start, u16_at(entry, 4), name)?
            };
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    fn search_extent(&self, start: u64, length: u16, name: &str) -> FsResult<Option<u32>> {
        if length > LONGEST_WRITTEN_EXTENT {
            return Ok(None);
        }
        for block in (start..).take(usize::from(length)) {
            let block = self.block(block)?;
            let mut rest = block.as_slice();
            while rest.len() >= 8 {
                let length = usize::from(u16_at(rest, 4));
                let (entry, after) = rest
                    .split_at_checked(length)
                    .filter(|_| length >= 8)
                    .ok_or_else(|| damaged("an entry of a directory is damaged"))?;
                let number = u32_at(entry, 0);
                let found = entry.get(8..8 + usize::from(u8_at(entry, 6)));
                if number != 0 && found == Some(name.as_bytes()) {
                    return Ok(Some(number));
                }
                rest = after;
            }
        }
        Ok(None)
    }
}

/// Reads entries, whose values are at offsets in `values`.
fn parse(entries: &[u8], values: &[u8], attributes: &mut ExtendedAttributes) -> FsResult<()> {
    let wrong = || damaged("the extended attributes of a file are damaged");
    let mut rest = entries;
    while rest.len() >= ENTRY && u32_at(rest, 0) != 0 {
        let name_length = usize::from(u8_at(rest, 0));
        let name = rest.get(ENTRY..ENTRY + name_length).ok_or_else(wrong)?;
        let name = format!("{}{}", prefix(u8_at(rest, 1)), String::from_utf8_lossy(name));
        let (offset, size) = (usize::from(u16_at(rest, 2)), usize_from(u32_at(rest, 8)));
        let value = offset.checked_add(size).and_then(|end| values.get(offset..end)).ok_or_else(wrong)?;
        attributes.insert(name, value.to_vec());
        rest = rest.get((ENTRY + name_length).next_multiple_of(4)..).unwrap_or(&[]);
    }
    Ok(())
}

/// Returns what a name begins with (`e_name_index`).
fn prefix(index: u8) -> &'static str {
    match index {
        1 => "user.",
        2 => super::xattr_rewrite::ACL,
        3 => "system.posix_acl_default",
        4 => "trusted.",
        6 => "security.",
        7 => "system.",
        8 => "system.richacl",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(index: u8, name: &str, offset: u16, size: u32) -> Vec<u8> {
        let mut entry = vec![u8::try_from(name.len()).unwrap(), index];
        entry.extend(offset.to_le_bytes());
        entry.extend([0; 4]);
        entry.extend(size.to_le_bytes());
        entry.extend([0; 4]);
        entry.extend(name.as_bytes());
        entry.resize(entry.len().next_multiple_of(4), 0);
        entry
    }

    #[test]
    fn entries_are_named_by_their_index_and_end_with_zeros() {
        let mut region = [entry(1, "a", 60, 2), entry(2, "", 62, 1)].concat();
        region.resize(60, 0);
        region.extend(b"xyz");
        let mut found = ExtendedAttributes::new();
        parse(&region, &region, &mut found).unwrap();
        let expected = [("system.posix_acl_access", &b"z"[..]), ("user.a", b"xy")];
        assert!(
            found.iter().map(|(name, value)| (name.as_str(), value.as_slice())).eq(expected),
            "{found:?}"
        );
    }

    #[test]
    fn what_leads_outside_is_damage() {
        for wrong in
            [entry(1, "a", 60, 2), entry(1, "a", 0, u32::MAX), entry(1, "abcdefgh", 0, 0)[..20].to_vec()]
        {
            assert!(parse(&wrong, &wrong, &mut ExtendedAttributes::new()).is_err(), "{wrong:?}");
        }
    }
}
