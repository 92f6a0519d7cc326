//! Plain values with arithmetic, which everything else is written in. Nothing in here depends on another module.

pub(crate) mod absent;
mod architecture;
mod bytes;
mod digest;
pub mod escape;
pub(crate) mod fields;
pub(crate) mod hex;
mod hint;
mod image_path;
mod mode;
pub(crate) mod number;
mod progress;
pub mod shell;
pub(crate) mod similar;
#[cfg(test)]
pub(crate) mod test_oracle;
mod unix_time;

pub use architecture::Architecture;
pub use bytes::{ByteCount, ByteOffset, chunks};
pub use digest::{Digest, Sha256};
pub use hint::{Hint, Warning};
pub(crate) use hint::{IntoHint, errors};
pub use image_path::{ImagePath, InvalidPath, image_path};
pub use mode::{Mode, Owner};
pub use progress::{Progress, Silent, Stage};
pub use unix_time::UnixTime;
pub(crate) use unix_time::is_date;
