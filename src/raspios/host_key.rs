//! The key that a node proves to be itself with.
//!
//! Not at /etc/ssh/ssh_host_ed25519_key: the first boot of bullseye and bookworm deletes whatever matches
//! `/etc/ssh/ssh_host_*_key*` and makes new keys, in the same program that renews the disk's identifier and
//! has to run (raspberrypi-sys-mods, firstboot), and so does regenerate_ssh_host_keys.service of every
//! release. They may: of a sshd that is told about a key of its own, no other is shown (sshd_config(5),
//! HostKey).

use super::RaspiosError;
use crate::patch::Draft;
use crate::types::{ImagePath, image_path};

/// Only here can sshd be pointed to it: sshd_config itself belongs to Debian's package.
const SETTINGS: &str = "/etc/ssh/sshd_config.d/10-cardwright-host-key.conf";
const KEY: &str = "/etc/ssh/cardwright_host_ed25519_key";

/// Gives the node this host key, in OpenSSH's formats, and no other.
///
/// # Errors
/// When the stock image cannot be read.
pub fn set_host_key(draft: &mut Draft<'_>, private: &str, public: &str) -> Result<(), RaspiosError> {
    draft.secret(&image_path!(KEY), private)?;
    for (path, text) in
        [(format!("{KEY}.pub"), format!("{public}\n")), (SETTINGS.to_owned(), format!("HostKey {KEY}\n"))]
    {
        draft.text(&ImagePath::new(path)?, text)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::patch::Sensitivity;
    use crate::raspios::test_stock::{applied, attributes, bookworm, patch, paths, text};
    use crate::types::Owner;

    #[test]
    fn sshd_is_pointed_to_a_key_that_no_first_boot_deletes() {
        let set = |draft: &mut Draft<'_>| set_host_key(draft, "PRIVATE\n", "ssh-ed25519 AAAA north").unwrap();
        let stock = bookworm();
        let once = patch(&stock, set);
        assert_eq!(text(&once, SETTINGS), format!("HostKey {KEY}\n"));
        assert_eq!(attributes(&once, KEY), (0o600, Owner::ROOT, Sensitivity::Secret));
        assert_eq!(text(&once, KEY), "PRIVATE\n");
        assert_eq!(attributes(&once, &format!("{KEY}.pub")), (0o644, Owner::ROOT, Sensitivity::Plain));
        assert_eq!(text(&once, &format!("{KEY}.pub")), "ssh-ed25519 AAAA north\n");
        for path in paths(&once) {
            assert!(!path.starts_with("/etc/ssh/ssh_host_"), "{path}");
        }
        assert_eq!(paths(&patch(&applied(stock, &once), set)), <[&str; 0]>::default());
    }
}
