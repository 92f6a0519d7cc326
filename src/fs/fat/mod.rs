//! FAT, the boot partition: `fatfs`.
//!
//! `fatfs` trusts what it reads, reads tables four bytes at a time, and writes some entries in a way that
//! `fsck.vfat` rejects. So it works on a cache of pages (`cache`), after every table and directory has
//! been checked once (`check`), and its new directory entries are mended behind it (`mend`).
//!
//! Field names: Microsoft's "FAT: General Overview of On-Disk Format", version 1.03.

mod allocation;
mod boot_sector;
mod cache;
mod check;
mod directory;
mod dos_time;
mod fix_up;
mod lookup;
mod reader;
mod table;
mod volume;
mod writer;

pub use allocation::unused;
pub use reader::Reader;
pub(crate) use writer::LONGEST_ENTRY;
pub use writer::Writer;
