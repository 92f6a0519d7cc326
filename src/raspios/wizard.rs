//! The questions of the stock image's first boot, for a name and a password of the first user: out of the
//! way, or a machine without a keyboard waits for their answers for ever.

use super::RaspiosError;
use super::services::{enable_unit, mask_unit};
use super::text::map_lines;
use crate::patch::{Draft, ImagePath, Partition};

/// The user that asks the questions on a desktop image.
const DESKTOP_WIZARD: &str = "rpi-first-boot-wizard";

/// Asks nobody anything at the first boot: the console gets its ordinary login, a desktop its ordinary
/// greeter.
///
/// # Errors
/// When the stock image cannot be read.
pub fn dismiss_wizard(draft: &mut Draft<'_>) -> Result<(), RaspiosError> {
    mask_unit(draft, "userconfig.service")?;
    // With the questions on, these images have no login on the first console.
    enable_unit(draft, "getty@tty1.service", "getty.target")?;
    for path in [
        // A banner that says that nobody can log in yet.
        "/etc/ssh/sshd_config.d/rename_user.conf",
        "/etc/xdg/autostart/piwiz.desktop",
        "/etc/sudoers.d/010_wiz-nopasswd",
    ] {
        draft.remove(Partition::Root, &ImagePath::new(path)?)?;
    }
    let greeter = ImagePath::new("/etc/lightdm/lightdm.conf")?;
    draft.edit_text(Partition::Root, &greeter, |text| {
        map_lines(text, |line| {
            let setting = line.split_once('=').map(|(key, value)| (key.trim(), value.trim()));
            // As lightdm ships it: nobody is logged in without being asked.
            let asked = setting == Some(("autologin-user", DESKTOP_WIZARD));
            Some(if asked { "#autologin-user=".to_owned() } else { line.to_owned() })
        })
    })?;
    // Whoever writes this file anew has no wizard in it either.
    Ok(draft.leave_to_user(Partition::Root, &greeter)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::raspios::test_stock::{applied, bookworm, link, patch, paths, removed, text, trixie};

    fn dismiss(draft: &mut Draft<'_>) {
        dismiss_wizard(draft).unwrap();
    }

    #[test]
    fn the_console_asks_nothing_but_who_logs_in() {
        let stock = trixie();
        let patch = patch(&stock, dismiss);
        assert_eq!(link(&patch, "/etc/systemd/system/userconfig.service"), "/dev/null");
        assert_eq!(
            link(&patch, "/etc/systemd/system/getty.target.wants/getty@tty1.service"),
            "/usr/lib/systemd/system/getty@.service"
        );
        assert!(removed(&patch, "/etc/ssh/sshd_config.d/rename_user.conf"));
    }

    #[test]
    fn the_desktop_asks_nothing_either() {
        let stock = bookworm();
        let patch = patch(&stock, dismiss);
        assert!(removed(&patch, "/etc/xdg/autostart/piwiz.desktop"));
        assert!(removed(&patch, "/etc/sudoers.d/010_wiz-nopasswd"));
        assert_eq!(
            text(&patch, "/etc/lightdm/lightdm.conf"),
            "[Seat:*]\ngreeter-session=pi-greeter\n#autologin-user=\n"
        );
    }

    #[test]
    fn a_second_time_changes_nothing() {
        for stock in [trixie(), bookworm()] {
            let once = patch(&stock, dismiss);
            assert_eq!(paths(&patch(&applied(stock, &once), dismiss)), <[&str; 0]>::default());
        }
    }
}
