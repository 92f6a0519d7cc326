//! /etc/os-release: the distribution and its release (os-release(5)).

use crate::patch::{Partition, PatchError, Stock};
use crate::types::image_path;

/// The `NAME=value` lines of /etc/os-release.
pub(super) struct OsRelease(String);

impl OsRelease {
    /// Reads the file; `None` where there is none.
    ///
    /// # Errors
    /// When the stock image cannot be read.
    pub(super) fn read(stock: &dyn Stock) -> Result<Option<Self>, PatchError> {
        Ok(stock.read_lossy(Partition::Root, &image_path!("/etc/os-release"))?.map(Self))
    }

    /// Returns the value of a name.
    pub(super) fn value(&self, name: &str) -> Option<&str> {
        let mut lines = self.0.lines().filter_map(|line| line.trim().split_once('='));
        let (_, value) = lines.find(|(key, _)| *key == name)?;
        Some(value.trim_matches(['"', '\'']))
    }

    /// Returns the line that names the release, or what there is instead of it.
    pub(super) fn named(&self) -> String {
        match (self.value("VERSION_CODENAME"), self.value("VERSION_ID")) {
            (Some(name), _) => format!("VERSION_CODENAME={name}"),
            (None, Some(number)) => format!("no VERSION_CODENAME, VERSION_ID={number}"),
            (None, None) => format!("no VERSION_CODENAME, ID={}", self.value("ID").unwrap_or("")),
        }
    }

    /// Returns `true` if it is older than the oldest release that cardwright knows, which is Debian 11.
    pub(super) fn is_too_old(&self) -> bool {
        const OLDER: [&str; 4] = ["wheezy", "jessie", "stretch", "buster"];
        let number = self.value("VERSION_ID").and_then(|number| number.parse::<u32>().ok());
        self.value("VERSION_CODENAME").is_some_and(|name| OLDER.contains(&name))
            || number.is_some_and(|number| number < 11)
    }
}
