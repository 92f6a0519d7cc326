//! Swap: off, for whoever wants no card worn out by it. k3s itself runs with it or without.

use super::RaspiosError;
use crate::patch::{Draft, Partition};
use crate::systemd;
use crate::types::image_path;

/// The file that trixie's rpi-swap reads, and one of its additions.
const CONFIGURATION: &str = "/etc/rpi/swap.conf";
const ADDITION: &str = "/etc/rpi/swap.conf.d/90-cardwright.conf";

/// The unit that makes the swap file of bullseye and bookworm at every start.
const UNIT: &str = "dphys-swapfile.service";

/// Sees to it that the system has no swap, whichever of the two ways the release has of getting some.
///
/// # Errors
/// When the stock image cannot be read.
pub fn disable_swap(draft: &mut Draft<'_>) -> Result<(), RaspiosError> {
    systemd::mask(draft, UNIT)?;
    if draft.exists(Partition::Root, &image_path!(CONFIGURATION))? {
        let text = "# Written by cardwright, as nodes.yaml says `swap: off`.\n[Main]\nMechanism=none\n";
        draft.text(&image_path!(ADDITION), text)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::patch::{Action, MemoryStock};
    use crate::types::{ImagePath, Mode, Owner, UnixTime};

    fn outline(with: &str) -> Vec<String> {
        let path = ImagePath::new(with).unwrap();
        let stock = MemoryStock::new().file(Partition::Root, &path, Mode::FILE, Owner::ROOT, "");
        let mut draft = Draft::new(&stock, UnixTime::new(1));
        disable_swap(&mut draft).unwrap();
        let edits = draft.finish().edits.into_iter().filter_map(|edit| match edit.action {
            Action::Symlink { target } => Some(format!("{} -> {target}", edit.path)),
            Action::File { content, .. } => {
                Some(format!("{}: {}", edit.path, String::from_utf8_lossy(content.bytes().unwrap())))
            }
            _ => None,
        });
        edits.collect()
    }

    #[test]
    fn the_swap_file_of_bullseye_and_bookworm_is_never_made() {
        let masked = ["/etc/systemd/system/dphys-swapfile.service -> /dev/null"];
        assert_eq!(outline("/usr/lib/systemd/system/dphys-swapfile.service"), masked);
        assert_eq!(outline("/lib/systemd/system/dphys-swapfile.service"), masked);
    }

    #[test]
    fn the_mechanism_of_trixie_is_none() {
        let edits = outline("/etc/rpi/swap.conf");
        assert_eq!(edits.len(), 1);
        assert!(edits[0].starts_with("/etc/rpi/swap.conf.d/90-cardwright.conf: "), "{edits:?}");
        assert!(edits[0].ends_with("\n[Main]\nMechanism=none\n"), "{edits:?}");
    }

    #[test]
    fn a_system_without_swap_is_left_alone() {
        assert_eq!(outline("/etc/hostname"), [""; 0]);
    }
}
