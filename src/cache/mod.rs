//! Files that can be made or downloaded again, kept between runs.
//!
//! ```text
//! $CARDWRIGHT_CACHE/         else where the system keeps caches
//! ├── downloads-v1/          a kind of file has its folder: a bucket
//! │   ├── <SHA-256>-<name>
//! │   └── <SHA-256>-<name>.part   the beginning of a file, to be resumed
//! ├── pages-v1/
//! │   └── <SHA-256>
//! ├── digests-v1/
//! │   └── <SHA-256 of what the system says of a file>
//! └── templates-v1/
//!     ├── <SHA-256>
//!     └── .new-<random>      in the making
//! ```
//!
//! Four rules hold in every bucket, for several runs at once:
//!
//! - A file has its final name only when it is whole.
//! - Whoever writes or uses a file has a lock on it, and nobody removes a file that another has a lock on.
//! - A bucket has bounds. Where they are exceeded, the files that were used least recently go. The time of use is the
//!   modification time: access times are not kept everywhere (mount(8), `noatime`).
//! - The format of its files is a version in the folder's name. Whoever changes the format raises
//!   [the version](Bucket), and the next run removes the former folders.
//!
//! Only files with the names above are ever removed, and only those of this user.

mod bucket;
mod error;
mod files;
mod location;
mod sweep;

pub use bucket::{Bucket, Properties};
pub use error::CacheError;
pub use location::{cache_warning, folder, trouble};
pub use sweep::{Cleaned, Usage, clean, usage};

pub(crate) use files::{BucketFiles, Hold};
pub(crate) use sweep::{downloads, sweep};
