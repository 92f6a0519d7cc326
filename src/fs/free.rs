//! The free space of a filesystem, as ranges.

use super::UnusedRanges;
use std::ops::Range;

/// A collector of free parts, in order, which joins those that touch.
#[derive(Debug, Default)]
pub(super) struct FreeSpace(Vec<Range<u64>>);

impl FreeSpace {
    /// Adds `length` bytes at `start`, which lies behind all that was added before.
    pub(super) fn add(&mut self, start: u64, length: u64) {
        let end = start + length;
        match self.0.last_mut() {
            Some(last) if last.end == start => last.end = end,
            _ => self.0.push(start..end),
        }
    }

    pub(super) fn into_ranges(self) -> UnusedRanges {
        self.0
    }
}
