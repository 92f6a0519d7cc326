//! Stands in for the bar where the feature `progress` is off: there is none.

use super::paint::Line;
use cardwright::types::ByteCount;

/// A bar, of which there is never one.
pub(super) enum NoBar {}

impl NoBar {
    pub(super) fn on_terminal(_: bool) -> Option<Self> {
        None
    }

    pub(super) fn begin(&self, _: &'static str, _: ByteCount) {
        match *self {}
    }

    pub(super) fn add(&self, _: ByteCount) {
        match *self {}
    }

    pub(super) fn file(&self, _: &str, _: ByteCount, _: Option<ByteCount>) {
        match *self {}
    }
}

/// Lines that change, of which there are never any.
pub(super) enum NoRows {}

impl NoRows {
    pub(super) fn on_terminal(_: bool) -> Option<Self> {
        None
    }

    pub(super) fn show(&self, _: &[Line]) {
        match *self {}
    }
}

pub(super) fn write_above(write: impl FnOnce()) {
    write();
}
