//! The questions of the stock image's first boot, for a name and a password of the first user: out of the
//! way, or a machine without a keyboard waits for their answers for ever.
//!
//! On a desktop image they are asked by a user of their own, which rename-user of userconf-pi adds when the
//! image is made: it may do everything without a password, and both the desktop and the first console log
//! it in by themselves (raspi-config, `do_boot_behaviour B4`). When the questions were answered, cancel-rename
//! takes all of that back. Here nobody answers them, so all of it is taken back on the card.

use super::RaspiosError;
use super::accounts::{names_in, remove_account};
use super::text::map_lines;
use crate::patch::{Draft, Partition};
use crate::systemd;
use crate::types::{ImagePath, image_path};

/// The user that asks the questions on a desktop image.
const DESKTOP_WIZARD: &str = "rpi-first-boot-wizard";

/// Asks nobody anything at the first boot: the console gets its ordinary login, a desktop its ordinary
/// greeter. Comes after the user has got its name.
///
/// # Errors
/// When the stock image cannot be read.
pub fn dismiss_wizard(draft: &mut Draft<'_>) -> Result<(), RaspiosError> {
    systemd::mask(draft, "userconfig.service")?;
    // With the questions on, these images have no login on the first console.
    systemd::enable(draft, "getty@tty1.service", "getty.target")?;
    for path in [
        // A banner that says that nobody can log in yet.
        "/etc/ssh/sshd_config.d/rename_user.conf",
        "/etc/xdg/autostart/piwiz.desktop",
        "/etc/sudoers.d/010_wiz-nopasswd",
    ] {
        draft.remove(Partition::Root, &ImagePath::new(path)?)?;
    }
    remove_account(draft, DESKTOP_WIZARD)?;
    for path in [
        "/home/rpi-first-boot-wizard",
        "/var/mail/rpi-first-boot-wizard",
        // Says to cancel-rename that the user who comes after the wizard is to be logged in like it.
        "/var/lib/userconf-pi/autologin",
    ] {
        draft.remove_all(Partition::Root, &ImagePath::new(path)?)?;
    }
    log_nobody_in(draft)
}

/// Ends every automatic login of an account that is not there any more: the wizard's, and that of the stock
/// image's user under its old name. With getty running, it would be a shell without a password for whoever
/// is at the console, or a console that nobody can log in at.
fn log_nobody_in(draft: &mut Draft<'_>) -> Result<(), RaspiosError> {
    let accounts = names_in(draft, &image_path!("/etc/passwd"))?;
    let is_gone = |name: &str| !name.is_empty() && !accounts.iter().any(|account| account == name);

    let units = systemd::CONFIGURATION;
    for unit in draft.list_stock(Partition::Root, &units)? {
        // getty@tty1.service.d, and serial-getty@ of a serial console.
        if !unit.strip_suffix(".service.d").is_some_and(|unit| unit.contains("getty@")) {
            continue;
        }
        let folder = units.join(&unit)?;
        for name in draft.list_stock(Partition::Root, &folder)? {
            let path = folder.join(&name)?;
            let text = draft.read_text(Partition::Root, &path)?;
            if text.is_some_and(|text| text.lines().filter_map(automatic_login).any(is_gone)) {
                draft.remove_all(Partition::Root, &path)?;
            }
        }
    }

    let greeter = image_path!("/etc/lightdm/lightdm.conf");
    draft.edit_text(Partition::Root, &greeter, |text| {
        map_lines(text, |line| {
            let setting = line.split_once('=').map(|(key, value)| (key.trim(), value.trim()));
            // As lightdm ships it: nobody is logged in without being asked.
            let asked = setting.is_some_and(|(key, user)| key == "autologin-user" && is_gone(user));
            Some(if asked { "#autologin-user=".to_owned() } else { line.to_owned() })
        })
    })?;
    // Whoever writes this file anew has no wizard in it either.
    Ok(draft.leave_to_user(Partition::Root, &greeter)?)
}

/// Returns the user whom a unit's line has agetty log in without a password (agetty(8), `--autologin`).
fn automatic_login(line: &str) -> Option<&str> {
    let command = line.trim_start().strip_prefix("ExecStart=")?;
    let mut words = command.split_whitespace();
    while let Some(word) = words.next() {
        match word {
            "--autologin" | "-a" => return words.next(),
            word => {
                if let Some(name) = word.strip_prefix("--autologin=") {
                    return Some(name);
                }
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::patch::MemoryStock;
    use crate::raspios::test_stock::{
        applied, attributes, bookworm, bullseye, link, patch, path, paths, put, put_as, put_desktop, removed,
        text, trixie,
    };
    use crate::types::Owner;

    const CONSOLE: &str = "/etc/systemd/system/getty@tty1.service.d/autologin.conf";

    fn dismiss(draft: &mut Draft<'_>) {
        dismiss_wizard(draft).unwrap();
    }

    /// Returns the text that raspi-config writes for whoever is to be logged in at the console.
    fn console_of(user: &str) -> String {
        format!("[Service]\nExecStart=\nExecStart=-/sbin/agetty --autologin {user} --noclear %I $TERM\n")
    }

    fn desktops() -> [MemoryStock; 3] {
        // Bookworm is one as it is.
        [put_desktop(bullseye()), bookworm(), put_desktop(trixie())]
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
        for stock in desktops() {
            let patch = patch(&stock, dismiss);
            for gone in [
                "/etc/xdg/autostart/piwiz.desktop",
                "/etc/sudoers.d/010_wiz-nopasswd",
                "/var/lib/userconf-pi/autologin",
            ] {
                assert!(removed(&patch, gone), "{gone}");
            }
            assert_eq!(
                text(&patch, "/etc/lightdm/lightdm.conf"),
                "[Seat:*]\ngreeter-session=pi-greeter\n#autologin-user=\n"
            );
        }
    }

    /// The drop-in stayed, and with the console switched on again it was a shell without a password.
    #[test]
    fn the_console_of_a_desktop_image_logs_nobody_in() {
        for stock in desktops() {
            assert!(removed(&patch(&stock, dismiss), CONSOLE));
        }
    }

    #[test]
    fn the_wizards_account_goes_with_all_it_has() {
        for stock in desktops() {
            let patch = patch(&stock, dismiss);
            let stock_text = |at: &str| {
                let read = Draft::new(&stock, crate::raspios::test_stock::TIME)
                    .read_text(Partition::Root, &path(at));
                read.unwrap().unwrap()
            };
            for file in
                ["/etc/passwd", "/etc/shadow", "/etc/group", "/etc/gshadow", "/etc/subuid", "/etc/subgid"]
            {
                assert!(stock_text(file).contains(DESKTOP_WIZARD), "{file}");
                let left = text(&patch, file);
                assert!(!left.contains(DESKTOP_WIZARD), "{file}: {left}");
                // Nothing but that went.
                let expected = stock_text(file)
                    .split_inclusive('\n')
                    .filter(|line| !line.starts_with(DESKTOP_WIZARD))
                    .map(|line| line.replace(&format!(",{DESKTOP_WIZARD}"), "").replace(DESKTOP_WIZARD, ""))
                    .collect::<String>();
                assert_eq!(left, expected, "{file}");
            }
            assert_eq!(attributes(&patch, "/etc/shadow").0, 0o640);
            let home = format!("/home/{DESKTOP_WIZARD}");
            let order: Vec<_> = paths(&patch).into_iter().filter(|path| path.starts_with(&home)).collect();
            assert_eq!(order, [format!("{home}/.config/labwc"), format!("{home}/.config"), home]);
            assert!(!paths(&patch).contains(&"/home/pi"));
        }
    }

    #[test]
    fn a_console_that_logs_in_the_user_there_is_stays() {
        let stock = put(bookworm(), CONSOLE, &console_of("pi"));
        assert!(!paths(&patch(&stock, dismiss)).contains(&CONSOLE));
    }

    #[test]
    fn nobody_is_logged_in_under_a_name_that_the_user_had() {
        let serial = "/etc/systemd/system/serial-getty@ttyAMA0.service.d/own.conf";
        let stock = put(
            put(bookworm(), CONSOLE, &console_of("pi")),
            serial,
            "[Service]\nExecStart=-/sbin/agetty -a pi %I\n",
        );
        let stock = put(stock, "/etc/lightdm/lightdm.conf", "[Seat:*]\nautologin-user = pi\n");
        let patch = patch(&stock, |draft| {
            let user = crate::raspios::test_node::user("ann");
            crate::raspios::set_user(draft, &user).unwrap();
            dismiss(draft);
        });
        assert!(removed(&patch, CONSOLE) && removed(&patch, serial));
        assert_eq!(text(&patch, "/etc/lightdm/lightdm.conf"), "[Seat:*]\n#autologin-user=\n");
    }

    #[test]
    fn other_drop_ins_of_a_console_stay() {
        let other = "/etc/systemd/system/getty@tty1.service.d/noclear.conf";
        let stock =
            put(bookworm(), other, "[Service]\nTTYVTDisallocate=no\n# agetty --autologin nobody-here\n");
        let stock = put_as(stock, "/etc/systemd/system/getty@tty2.service.d/x.conf", "", 0o644, Owner::ROOT);
        let patch = patch(&stock, dismiss);
        assert!(!paths(&patch).contains(&other) && removed(&patch, CONSOLE));
    }

    #[test]
    fn automatic_logins_are_found_however_they_are_written() {
        for (line, expected) in [
            ("ExecStart=-/sbin/agetty --autologin ann --noclear %I $TERM", Some("ann")),
            ("ExecStart=-/sbin/agetty -o '-p -f ann' -a ann %I", Some("ann")),
            ("ExecStart=-/sbin/agetty --autologin=ann %I", Some("ann")),
            ("ExecStart=-/sbin/agetty --noclear %I", None),
            ("ExecStart=", None),
            ("#ExecStart=-/sbin/agetty --autologin ann", None),
        ] {
            assert_eq!(automatic_login(line), expected, "{line}");
        }
    }

    #[test]
    fn a_second_time_changes_nothing() {
        for stock in [trixie(), bullseye()].into_iter().chain(desktops()) {
            let once = patch(&stock, dismiss);
            assert_eq!(paths(&patch(&applied(stock, &once), dismiss)), <[&str; 0]>::default());
        }
    }

    #[test]
    fn a_lite_image_has_no_account_to_lose() {
        for stock in [trixie(), bullseye()] {
            let patch = patch(&stock, dismiss);
            assert!(
                !paths(&patch)
                    .iter()
                    .any(|path| path.starts_with("/home") || path.starts_with("/etc/passwd"))
            );
        }
    }
}
