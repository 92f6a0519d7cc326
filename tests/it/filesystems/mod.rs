//! The two filesystems, checked by oracles, tools that no one here wrote: e2fsck and debugfs, fsck.vfat and mtools.

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
mod model;
mod oracle;
