//! cloud-init, made inert: with its stock seeds it would set up DHCP beside the static address, and it
//! costs half a minute of every boot.

use super::{RaspiosError, Release};
use crate::fs::FileKind;
use crate::patch::{Draft, Partition};
use crate::systemd::{self, UNIT_DIRECTORIES};
use crate::types::absent::OrEmpty as _;
use crate::types::image_path;

/// While this file exists, cloud-init's generator and its units do nothing (cloud-init documentation,
/// "How to disable cloud-init").
const DISABLED: &str = "/etc/cloud/cloud-init.disabled";

/// Switches cloud-init off, where it is installed.
///
/// # Errors
/// When the stock image cannot be read.
pub fn disable_cloud_init(draft: &mut Draft<'_>, release: &Release) -> Result<(), RaspiosError> {
    if !release.cloud_init {
        return Ok(());
    }
    draft.text(&image_path!(DISABLED), "")?;
    for unit in units(draft)? {
        systemd::mask(draft, &unit)?;
    }
    Ok(())
}

/// Lists the units of cloud-init that do not ask for the file themselves. The first boot of trixie enables what
/// is merely not started, so that the generator's word alone does not hold.
fn units(draft: &Draft<'_>) -> Result<Vec<String>, RaspiosError> {
    let mut units = Vec::new();
    for folder in UNIT_DIRECTORIES {
        for name in draft.list_stock(Partition::Root, &folder)? {
            let starts_something = name.ends_with(".service") || name.ends_with(".socket");
            if !name.starts_with("cloud-") || !starts_something || units.contains(&name) {
                continue;
            }
            let path = folder.join(&name)?;
            // What is a link is an alias of another of them, or masked already.
            if draft.kind(Partition::Root, &path)? != Some(FileKind::File) {
                continue;
            }
            let text = draft.read(Partition::Root, &path)?.or_empty();
            let asks = String::from_utf8_lossy(&text).lines().any(asks_for_the_file);
            if !asks {
                units.push(name);
            }
        }
    }
    Ok(units)
}

fn asks_for_the_file(line: &str) -> bool {
    let condition = line.trim().strip_prefix("ConditionPathExists=");
    condition.and_then(|path| path.trim().strip_prefix('!')) == Some(DISABLED)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::patch::{MemoryStock, Patch};
    use crate::raspios::detect;
    use crate::raspios::test_stock::{applied, attributes, bookworm, link, patch, paths, put, text, trixie};

    fn disabled(stock: &MemoryStock) -> Patch {
        let release = detect(stock).unwrap();
        patch(stock, |draft| disable_cloud_init(draft, &release).unwrap())
    }

    #[test]
    fn an_empty_file_switches_it_off() {
        let patch = disabled(&trixie());
        assert_eq!(paths(&patch), [DISABLED]);
        assert_eq!((text(&patch, DISABLED).as_str(), attributes(&patch, DISABLED).0), ("", 0o644));
        assert_eq!(paths(&disabled(&applied(trixie(), &patch))), <[&str; 0]>::default());
    }

    #[test]
    fn a_unit_that_would_start_all_the_same_is_masked() {
        let stock = put(trixie(), "/usr/lib/systemd/system/cloud-config.service", "[Unit]\n");
        let patch = disabled(&stock);
        assert_eq!(link(&patch, "/etc/systemd/system/cloud-config.service"), "/dev/null");
        assert_eq!(patch.edits.len(), 2);
        assert_eq!(paths(&disabled(&applied(stock, &patch))), <[&str; 0]>::default());
    }

    #[test]
    fn where_it_is_not_installed_nothing_is_done() {
        assert_eq!(paths(&disabled(&bookworm())), <[&str; 0]>::default());
    }
}
