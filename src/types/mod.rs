//! Plain values with arithmetic, which everything else is written in. Nothing in here depends on another module.

pub(crate) mod absent;
mod bytes;
mod digest;
pub mod escape;
mod hint;
mod image_path;
mod mode;
pub(crate) mod number;
mod unix_time;

pub use bytes::{ByteCount, ByteOffset};
pub use digest::Digest;
pub use hint::{Hint, Warning};
pub use image_path::{ImagePath, InvalidPath};
pub use mode::{Mode, Owner};
pub use unix_time::UnixTime;
