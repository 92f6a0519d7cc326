//! ext4, the root partition: read by `ext4-view`, written by `rust-fs-ext4`.
//!
//! The two crates share no code, and neither's types leave this folder. What they leave open is ours:
//! extended attributes as they are read (`attribute_reader`) and kept (`attributes`), the fields of the
//! superblock that `inspect` shows (`superblock`), which features are written to (`features`), the links
//! inside a path (`links`), what the journal is left with (`journal`), what is free (`allocation`), and
//! making a filesystem larger, which neither can (`grow`). The last two go by where things are (`geometry`)
//! and what groups say of themselves (`descriptors`).

mod allocation;
mod attribute_reader;
mod attributes;
mod descriptors;
mod device;
mod error;
mod features;
mod geometry;
mod grow;
mod journal;
mod listings;
mod reader;
mod superblock;
mod writer;

pub use allocation::unused;
pub use attributes::kept_attributes;
pub use grow::{check_growth, grow};
pub use reader::Reader;
pub use writer::Writer;
