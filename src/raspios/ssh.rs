//! sshd: switched on, and closed to passwords unless they were asked for.

use super::text::edit_required;
use super::{Codename, RaspiosError, Release};
use crate::patch::{Draft, Partition};
use crate::systemd::{self, MULTI_USER};
use crate::types::absent::OrEmpty as _;
use crate::types::image_path;

/// Before 50-cloud-init.conf and what else there may be: sshd takes the first value it finds, and reads
/// these files in the order of their names (sshd_config(5)).
const SETTINGS: &str = "/etc/ssh/sshd_config.d/10-cardwright.conf";

/// The line with which sshd_config has these files read.
const INCLUDE: &str = "Include /etc/ssh/sshd_config.d/*.conf";

/// Has sshd started at every boot, and says whether it lets people in with a password.
///
/// # Errors
/// When the image has no sshd.
pub fn enable_ssh(
    draft: &mut Draft<'_>,
    release: &Release,
    password_login: bool,
) -> Result<(), RaspiosError> {
    systemd::enable(draft, "ssh.service", MULTI_USER)?;
    systemd::alias(draft, "ssh.service", "sshd.service")?;
    // While this file exists, sshd does not start (ssh.service, ConditionPathExists).
    draft.remove(Partition::Root, &image_path!("/etc/ssh/sshd_not_to_be_run"))?;
    let settings = settings(release.codename, password_login);
    let path = image_path!(SETTINGS);
    draft.text(&path, settings)?;
    edit_required(draft, Partition::Root, &image_path!("/etc/ssh/sshd_config"), |text| {
        if reads_settings_first(text) { text.to_owned() } else { format!("{INCLUDE}\n\n{text}") }
    })
}

fn settings(codename: Codename, password_login: bool) -> String {
    if password_login {
        return "PasswordAuthentication yes\n".to_owned();
    }
    // Through PAM, keyboard-interactive asks for the same password.
    let mut text = "PasswordAuthentication no\nKbdInteractiveAuthentication no\n".to_owned();
    if codename == Codename::Bullseye {
        // The name that counts before OpenSSH 8.7.
        text.push_str("ChallengeResponseAuthentication no\n");
    }
    text
}

/// Returns `true` if sshd_config has the drop-in files read before anything that they are to decide. Every release
/// since bullseye does, in its first lines.
fn reads_settings_first(text: &str) -> bool {
    for line in text.lines() {
        let mut words = line.split([' ', '\t', '=']).filter(|word| !word.is_empty());
        let keyword = words.next().or_empty().to_ascii_lowercase();
        match keyword.as_str() {
            "include" if words.any(|files| files.starts_with("/etc/ssh/sshd_config.d/")) => return true,
            "match"
            | "passwordauthentication"
            | "kbdinteractiveauthentication"
            | "challengeresponseauthentication" => return false,
            _ => {}
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::patch::{MemoryStock, Patch};
    use crate::raspios::detect;
    use crate::raspios::test_stock::{
        applied, attributes, bullseye, link, patch, path, paths, put, removed, text, trixie,
    };

    fn enabled(stock: &MemoryStock, password_login: bool) -> Patch {
        let release = detect(stock).unwrap();
        patch(stock, |draft| enable_ssh(draft, &release, password_login).unwrap())
    }

    #[test]
    fn sshd_starts_and_takes_no_password() {
        let patch = enabled(&trixie(), false);
        let unit = "/usr/lib/systemd/system/ssh.service";
        assert_eq!(link(&patch, "/etc/systemd/system/multi-user.target.wants/ssh.service"), unit);
        assert_eq!(link(&patch, "/etc/systemd/system/sshd.service"), unit);
        assert_eq!(attributes(&patch, SETTINGS).0, 0o644);
        assert_eq!(text(&patch, SETTINGS), "PasswordAuthentication no\nKbdInteractiveAuthentication no\n");
        assert_eq!(paths(&enabled(&applied(trixie(), &patch), false)), <[&str; 0]>::default());
    }

    #[test]
    fn the_older_name_counts_on_bullseye() {
        assert!(
            text(&enabled(&bullseye(), false), SETTINGS).contains("\nChallengeResponseAuthentication no\n")
        );
    }

    #[test]
    fn passwords_are_let_in_only_when_asked_for() {
        assert_eq!(text(&enabled(&trixie(), true), SETTINGS), "PasswordAuthentication yes\n");
    }

    #[test]
    fn what_keeps_sshd_from_starting_goes() {
        let stock = put(trixie(), "/etc/ssh/sshd_not_to_be_run", "");
        let stock = stock.symlink(Partition::Root, &path("/etc/systemd/system/ssh.service"), "/dev/null");
        let patch = enabled(&stock, false);
        assert!(removed(&patch, "/etc/ssh/sshd_not_to_be_run"));
        assert!(removed(&patch, "/etc/systemd/system/ssh.service"));
    }

    #[test]
    fn the_settings_are_read_before_any_other() {
        let config = "/etc/ssh/sshd_config";
        for late in [
            "UsePAM yes\n",
            "PasswordAuthentication yes\nInclude /etc/ssh/sshd_config.d/*.conf\n",
            "Match User x\n  Include /etc/ssh/sshd_config.d/*.conf\n",
            "# Include /etc/ssh/sshd_config.d/*.conf\n",
        ] {
            let patch = enabled(&put(trixie(), config, late), false);
            assert_eq!(text(&patch, config), format!("{INCLUDE}\n\n{late}"));
        }
        assert!(reads_settings_first("Port 22\ninclude=/etc/ssh/sshd_config.d/*.conf\n"));
    }

    #[test]
    fn an_image_without_sshd_is_refused() {
        let stock = trixie().without(Partition::Root, &path("/usr/lib/systemd/system/ssh.service"));
        let release = detect(&stock).unwrap();
        let _ = patch(&stock, |draft| {
            assert!(matches!(
                enable_ssh(draft, &release, false),
                Err(RaspiosError::Unit(systemd::UnitError::Missing { .. }))
            ));
        });
    }
}
