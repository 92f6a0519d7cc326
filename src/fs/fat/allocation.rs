//! Which clusters of a FAT are free, read from its table.

use super::cache::Cache;
use super::volume::Volume;
use crate::fs::free::FreeSpace;
use crate::fs::{FsError, UnusedRanges};
use crate::io::ReadAt;
use std::sync::Arc;

/// The parts of a FAT that hold nothing: its clusters that are free. Boot sectors, tables and a root
/// directory of fixed place count as in use.
///
/// # Errors
/// When it is no FAT, or damaged.
pub fn unused(disk: Arc<dyn ReadAt>) -> Result<UnusedRanges, FsError> {
    let volume = Volume::open(&disk.clone(), Cache::reading(disk))?;
    let mut free = FreeSpace::default();
    volume.each_free_cluster(&mut |cluster| {
        if let Some(offset) = volume.shape.offset_of(cluster) {
            free.add(offset, volume.shape.bytes_per_cluster);
        }
    })?;
    Ok(free.into_ranges())
}
