//! sudo, with a password, without one, or not at all.

use super::RaspiosError;
use super::accounts::{Account, edit_members, join_group, remove_from_list};
use crate::cluster::Sudo;
use crate::patch::{Draft, Partition};
use crate::types::{ImagePath, Mode, Owner};

/// The group whose members may do what root does (sudoers(5), as Debian ships it).
const GROUP: &str = "sudo";

/// Lets a user do what root does, or not.
///
/// # Errors
/// When the stock image cannot be read, or has no group `sudo`.
pub fn set_sudo(draft: &mut Draft<'_>, account: &Account, sudo: Sudo) -> Result<(), RaspiosError> {
    let stock_rule = rule_path(&account.stock_name)?;
    let rule = rule_path(&account.name)?;
    if stock_rule != rule || sudo != Sudo::WithoutPassword {
        draft.remove(Partition::Root, &stock_rule)?;
    }
    if sudo == Sudo::WithoutPassword {
        let text = format!("{} ALL=(ALL) NOPASSWD: ALL\n", account.name);
        // sudo refuses rules that others than root could have written (sudoers(5)).
        draft.file(Partition::Root, &rule, text, Mode::SUDOERS, Owner::ROOT)?;
    }
    match sudo {
        Sudo::None => edit_members(draft, GROUP, |members| remove_from_list(members, &account.name)),
        Sudo::WithPassword | Sudo::WithoutPassword => join_group(draft, &account.name, GROUP),
    }
}

/// Returns the path that pi-gen, Raspberry Pi Imager and raspi-config use. sudo passes over names with a dot
/// (sudoers(5), "Including other files"), which a user may have.
fn rule_path(name: &str) -> Result<ImagePath, RaspiosError> {
    Ok(ImagePath::new(format!("/etc/sudoers.d/010_{}-nopasswd", name.replace('.', "_")))?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::patch::{MemoryStock, Patch, Sensitivity};
    use crate::raspios::test_stock::{
        applied, attributes, bookworm, bullseye, patch, path, paths, put, removed, text, trixie,
    };
    use Sudo::{None as No, WithPassword, WithoutPassword};

    fn sudo(stock: &MemoryStock, name: &str, sudo: Sudo) -> Patch {
        patch(stock, |draft| {
            let account = Account {
                name: name.to_owned(),
                stock_name: "pi".to_owned(),
                owner: Owner { uid: 1000, gid: 1000 },
                home: path("/home/pi"),
            };
            // What renaming did to the groups before.
            for file in ["/etc/group", "/etc/gshadow"] {
                draft
                    .edit_text(Partition::Root, &path(file), |text| {
                        text.replace(":pi\n", &format!(":{name}\n"))
                    })
                    .unwrap();
            }
            set_sudo(draft, &account, sudo).unwrap();
        })
    }

    #[test]
    fn a_rule_that_is_there_is_left_alone() {
        assert_eq!(paths(&sudo(&bookworm(), "pi", WithoutPassword)), <[&str; 0]>::default());
    }

    #[test]
    fn trixie_gets_the_rule_it_does_not_ship() {
        let patch = sudo(&trixie(), "pi", WithoutPassword);
        let rule = "/etc/sudoers.d/010_pi-nopasswd";
        assert_eq!(text(&patch, rule), "pi ALL=(ALL) NOPASSWD: ALL\n");
        assert_eq!(attributes(&patch, rule), (0o440, Owner::ROOT, Sensitivity::Plain));
        assert_eq!(paths(&sudo(&applied(trixie(), &patch), "pi", WithoutPassword)), <[&str; 0]>::default());
    }

    #[test]
    fn a_renamed_user_takes_the_rule_along() {
        let patch = sudo(&bookworm(), "ann", WithoutPassword);
        assert!(removed(&patch, "/etc/sudoers.d/010_pi-nopasswd"));
        assert_eq!(text(&patch, "/etc/sudoers.d/010_ann-nopasswd"), "ann ALL=(ALL) NOPASSWD: ALL\n");
    }

    #[test]
    fn with_a_password_there_is_no_rule_but_the_group() {
        assert!(removed(&sudo(&bookworm(), "pi", WithPassword), "/etc/sudoers.d/010_pi-nopasswd"));
        assert_eq!(paths(&sudo(&trixie(), "pi", WithPassword)), <[&str; 0]>::default());
        let stock = put(trixie(), "/etc/group", "sudo:x:27:\npi:x:1000:\n");
        assert_eq!(text(&sudo(&stock, "pi", WithPassword), "/etc/group"), "sudo:x:27:pi\npi:x:1000:\n");
    }

    #[test]
    fn without_sudo_there_is_neither_rule_nor_group() {
        for stock in [bullseye(), bookworm(), trixie()] {
            let patch = sudo(&stock, "pi", No);
            assert!(text(&patch, "/etc/group").contains("\nsudo:x:27:\n"));
            assert!(text(&patch, "/etc/gshadow").contains("\nsudo:*::\n"));
            assert_eq!(paths(&patch).contains(&"/etc/sudoers.d/010_pi-nopasswd"), !is_trixie(&stock));
        }
    }

    fn is_trixie(stock: &MemoryStock) -> bool {
        crate::raspios::detect(stock).unwrap().codename == crate::raspios::Codename::Trixie
    }

    #[test]
    fn sudo_reads_the_file_of_a_name_with_a_dot() {
        assert_eq!(rule_path("a.b").unwrap(), path("/etc/sudoers.d/010_a_b-nopasswd"));
    }
}
