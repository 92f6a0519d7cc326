//! The two filesystems, judged by tools that no one here wrote: e2fsck and debugfs, fsck.vfat and mtools.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::print_stdout,
    unreachable_pub,
    missing_docs,
    reason = "a test fails by panicking"
)]

mod allocation;
mod disk;
mod ext4_attributes;
mod ext4_damage;
mod ext4_grow;
mod ext4_image;
mod ext4_matrix;
mod ext4_refusals;
mod fat_damage;
mod fat_matrix;
mod judge;
mod model;
