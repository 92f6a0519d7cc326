//! The scripts that run at a node's first start: the beginning that they share, and their settings.
//!
//! k3s and the commands of `first_boot:` wait for the same things, network and time, and report on the boot
//! partition how far they are. That part is one text, first-start.sh, at the top of every script; what
//! differs between cards is in a file of settings beside each script, so that the scripts are the same on
//! all of them.

use crate::patch::{Draft, Partition, PatchError};
use crate::types::{ImagePath, Mode, Owner, shell};

/// The name of the file on the boot partition that tells how the first start goes. It holds no secrets.
pub const STATUS_FILE: &str = "cardwright-status.txt";

/// The folder of the scripts.
const FOLDER: &str = "/usr/local/lib/cardwright";

/// A script that runs at the first start.
pub(crate) struct Script<'script> {
    /// The name of its file.
    pub(crate) name: &'script str,
    /// The parts after the shared beginning, in order.
    pub(crate) parts: &'script [&'script str],
    /// Its settings, beside the two that all scripts have: names of shell variables, and values.
    pub(crate) settings: &'script [(&'script str, String)],
}

impl Script<'_> {
    /// Writes the script and its settings. `boot_mount` is where the boot partition is mounted.
    ///
    /// # Errors
    /// Fails when the stock image cannot be read or has something in the way.
    pub(crate) fn write(&self, draft: &mut Draft<'_>, boot_mount: &str) -> Result<(), PatchError> {
        let Self { name, parts, settings } = self;
        let shared = [
            ("status", format!("{boot_mount}/{STATUS_FILE}")),
            // Before the card was made no clock is right.
            ("earliest", draft.time().seconds().to_string()),
        ];
        let lines =
            settings.iter().chain(&shared).map(|(name, value)| format!("{name}={}\n", shell::quoted(value)));
        let text = format!("# Written by cardwright, read by {name}.\n{}", lines.collect::<String>());
        let script = include_str!("first-start.sh").to_owned() + &parts.concat();
        let path = ImagePath::new(format!("{FOLDER}/{name}"))?;
        draft.file(Partition::Root, &path, script, Mode::EXECUTABLE, Owner::ROOT)?;
        let path = ImagePath::new(format!("{FOLDER}/{name}.settings"))?;
        draft.text(&path, text)
    }
}
