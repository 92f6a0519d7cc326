//! ext4, the root partition: read by `ext4-view`, written by `rust-fs-ext4`.
//!
//! The two crates share no code, so that what one wrote the other has to find; each is named in one module (`reader`,
//! `writer`). What neither does is done here, from the structures upwards:
//!
//! ```text
//!  superblock   group_descriptors   bitmap     one owner for each structure on the disk
//!        │              │             │
//!        ▼              ▼             ▼
//!  features      geometry        blocks        what the numbers mean: where things are
//!        │
//!        ▼
//!  grow          making a filesystem larger, offline
//!  free_blocks   what holds nothing, and need not be written to an image
//!  xattr_reader  extended attributes, which ext4-view 1.0 does not read
//! ```
//!
//! `xattr_rewrite` has the rules for the attributes of a file that is written anew, `directory_cache` the directories
//! listed last.

mod bitmap;
mod blocks;
mod directory_cache;
mod features;
mod free_blocks;
mod geometry;
mod group_descriptors;
mod grow;
mod halves;
mod reader;
mod superblock;
mod writer;
mod xattr_reader;
mod xattr_rewrite;

pub use free_blocks::unused;
pub use grow::{check_growth, grow};
pub use reader::Ext4Reader;
pub use writer::Ext4Writer;
pub use xattr_rewrite::attributes_after_rewrite;
