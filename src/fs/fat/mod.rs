//! FAT, the boot partition: read by this module, written by `fatfs`.
//!
//! ```text
//!  boot_sector   BootSector: where the parts below are
//!  table         the FAT itself: free clusters, and chains of used ones
//!  directory     entries with their long names, and the way from a path to one
//!        ▲
//!  check         every chain and every directory, once, before anything follows them
//!        ▲
//!  reader   writer ──▶ fatfs
//! ```
//!
//! Each structure has one owner, which reads it and knows its fields. `fatfs` only allocates clusters, writes
//! contents, and adds and removes entries. It trusts what it reads, so `check` comes first; it reads the table in
//! pieces of four bytes, so it works on pages in memory (`cache`); and `fsck.vfat` rejects some of the entries it
//! writes, so `writer` corrects them behind it.
//!
//! Field names: Microsoft's "FAT: General Overview of On-Disk Format", version 1.03.

mod boot_sector;
mod cache;
mod check;
mod directory;
mod dos_time;
mod reader;
mod table;
mod volume;
mod writer;

pub use reader::FatReader;
pub use table::unused;
pub use writer::FatWriter;
pub(crate) use writer::LONGEST_ENTRY;
