//! What Raspberry Pi OS is, and how to make one of its images somebody's own: one concern a file.
//!
//! Every concern is a function that reads the stock files through a [`Draft`](crate::patch::Draft) and
//! writes its edits into it. None of them touches an image.

mod release;

pub use release::{Architecture, BootMount, Codename, Edition, FirstBoot, NetworkStack, Release};
