//! The two filesystems, judged by tools that no one here wrote: e2fsck and debugfs, fsck.vfat and mtools.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test that cannot go on has failed"
)]

mod disk;
mod ext4_damage;
mod ext4_image;
mod ext4_matrix;
mod ext4_refusals;
mod fat_damage;
mod fat_matrix;
mod judge;
mod model;
