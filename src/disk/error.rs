//! What can go wrong with a disk.

use crate::hint::Hint;

/// An error of opening or reading a stock image.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DiskError {}

impl Hint for DiskError {
    fn hint(&self) -> Option<String> {
        None
    }
}
