//! Filesystems that the kernel mounts, which takes root.

use super::{content, oracle, skipped};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A mounted filesystem, for as long as this lives.
pub(crate) struct Mounted(PathBuf);

impl Mounted {
    /// Mounts with these arguments. `None` where nothing can be mounted.
    pub(crate) fn new(arguments: &[&dyn AsRef<OsStr>], at: &Path) -> Option<Self> {
        let mut mount = oracle("mount")?;
        mount.args(arguments).arg(at);
        if !mount.output().unwrap().status.success() {
            skipped("mounting needs root");
            return None;
        }
        Some(Self(at.to_owned()))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Mounts it anew with other options.
    pub(crate) fn change(&self, options: &str) {
        let mut mount = Command::new("mount");
        mount.args(["-o", &format!("remount,{options}")]).arg(&self.0);
        content(mount);
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        // Nothing depends on it: the test is over, and a panic here would hide its own.
        drop(Command::new("umount").arg(&self.0).status());
    }
}
