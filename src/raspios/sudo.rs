//! sudo, with a password or without.

use super::RaspiosError;
use super::accounts::{Account, add_to_list, map_fields};
use super::text::edit_required;
use crate::patch::{Draft, Partition};
use crate::types::{ImagePath, Mode, Owner};

/// Lets the user do what root does: without a password, or with one.
///
/// # Errors
/// When the stock image cannot be read, or has no group `sudo`.
pub fn set_sudo(draft: &mut Draft<'_>, account: &Account, passwordless: bool) -> Result<(), RaspiosError> {
    let stock_rule = rule_path(&account.stock_name)?;
    let rule = rule_path(&account.name)?;
    if stock_rule != rule || !passwordless {
        draft.remove(Partition::Root, &stock_rule)?;
    }
    if passwordless {
        let text = format!("{} ALL=(ALL) NOPASSWD: ALL\n", account.name);
        // sudo refuses rules that others than root could have written (sudoers(5)).
        draft.file(Partition::Root, &rule, text, Mode::SUDOERS, Owner::ROOT)?;
    }
    join_group(draft, account)
}

/// Returns the path that pi-gen, Raspberry Pi Imager and raspi-config use. sudo passes over names with a dot
/// (sudoers(5), "Including other files"), which a user may have.
fn rule_path(name: &str) -> Result<ImagePath, RaspiosError> {
    Ok(ImagePath::new(format!("/etc/sudoers.d/010_{}-nopasswd", name.replace('.', "_")))?)
}

fn join_group(draft: &mut Draft<'_>, account: &Account) -> Result<(), RaspiosError> {
    for (path, required) in [("/etc/group", true), ("/etc/gshadow", false)] {
        let path = ImagePath::new(path)?;
        let add = |text: &str| {
            map_fields(text, |fields| {
                if fields.first().is_some_and(|name| name == "sudo")
                    && let Some(members) = fields.get_mut(3)
                {
                    add_to_list(members, &account.name);
                }
            })
        };
        if required {
            edit_required(draft, Partition::Root, &path, add)?;
        } else {
            draft.edit_text(Partition::Root, &path, add)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::patch::{MemoryStock, Patch, Sensitivity};
    use crate::raspios::test_stock::{
        applied, attributes, bookworm, patch, path, paths, put, removed, text, trixie,
    };

    fn sudo(stock: &MemoryStock, name: &str, passwordless: bool) -> Patch {
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
            set_sudo(draft, &account, passwordless).unwrap();
        })
    }

    #[test]
    fn a_rule_that_is_there_is_left_alone() {
        assert_eq!(paths(&sudo(&bookworm(), "pi", true)), <[&str; 0]>::default());
    }

    #[test]
    fn trixie_gets_the_rule_it_does_not_ship() {
        let patch = sudo(&trixie(), "pi", true);
        let rule = "/etc/sudoers.d/010_pi-nopasswd";
        assert_eq!(text(&patch, rule), "pi ALL=(ALL) NOPASSWD: ALL\n");
        assert_eq!(attributes(&patch, rule), (0o440, Owner::ROOT, Sensitivity::Plain));
        assert_eq!(paths(&sudo(&applied(trixie(), &patch), "pi", true)), <[&str; 0]>::default());
    }

    #[test]
    fn a_renamed_user_takes_the_rule_along() {
        let patch = sudo(&bookworm(), "ann", true);
        assert!(removed(&patch, "/etc/sudoers.d/010_pi-nopasswd"));
        assert_eq!(text(&patch, "/etc/sudoers.d/010_ann-nopasswd"), "ann ALL=(ALL) NOPASSWD: ALL\n");
    }

    #[test]
    fn with_a_password_there_is_no_rule_but_the_group() {
        assert!(removed(&sudo(&bookworm(), "pi", false), "/etc/sudoers.d/010_pi-nopasswd"));
        assert_eq!(paths(&sudo(&trixie(), "pi", false)), <[&str; 0]>::default());
        let stock = put(trixie(), "/etc/group", "sudo:x:27:\npi:x:1000:\n");
        assert_eq!(text(&sudo(&stock, "pi", false), "/etc/group"), "sudo:x:27:pi\npi:x:1000:\n");
    }

    #[test]
    fn sudo_reads_the_file_of_a_name_with_a_dot() {
        assert_eq!(rule_path("a.b").unwrap(), path("/etc/sudoers.d/010_a_b-nopasswd"));
    }
}
