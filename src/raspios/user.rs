//! The first user: user 1000 of the stock image, under the name, with the shell, the password
//! and the keys of nodes.yaml.
//!
//! A new user beside it would leave the stock image's own, and the questions of its first boot, behind.

use super::RaspiosError;
use super::accounts::{Account, LISTS_OF_USERS, map_fields, names_in, rename_in_list, set_field};
use crate::cluster::User;
use crate::patch::{Draft, Partition};
use crate::types::{ImagePath, Mode, image_path};

/// Gives user 1000 its name, home directory and shell. Comes before everything that writes
/// below the home directory.
///
/// # Errors
/// When the image has no such user, when somebody else has the name, or when the shell is not installed.
pub fn set_user(draft: &mut Draft<'_>, user: &User) -> Result<Account, RaspiosError> {
    let mut account = Account::first_user(draft)?;
    if account.name != user.name.as_str() {
        account = rename(draft, account, user.name.as_str())?;
    }
    if !draft.exists(Partition::Root, &account.home)? {
        draft.directory(Partition::Root, &account.home, Mode::PRIVATE_DIRECTORY, account.owner)?;
    }
    if user.login {
        // The current trixie gives `pi` /usr/sbin/nologin, which refuses a login by key as well.
        set_shell(draft, &account, &user.shell)?;
    }
    Ok(account)
}

/// Lets nobody log in as a user, as `usermod --lock` and its shell do together.
///
/// # Errors
/// When the stock image cannot be read, or has no line for the user.
pub fn lock_user(draft: &mut Draft<'_>, account: &Account) -> Result<(), RaspiosError> {
    set_field(draft, "/etc/passwd", &account.name, 6, "/usr/sbin/nologin")?;
    set_field(draft, "/etc/shadow", &account.name, 1, "!")
}

/// Lets the holders of these keys log in: lines as authorized_keys has them, and no others.
///
/// # Errors
/// When the stock image cannot be read.
pub fn set_authorized_keys(
    draft: &mut Draft<'_>,
    account: &Account,
    keys: &[impl AsRef<str>],
) -> Result<(), RaspiosError> {
    if keys.is_empty() {
        return Ok(());
    }
    // sshd does not read the file when anybody else could have written it (sshd(8), StrictModes).
    let folder = account.home.join(".ssh")?;
    draft.directory(Partition::Root, &folder, Mode::PRIVATE_DIRECTORY, account.owner)?;
    let mut text = String::new();
    for key in keys {
        text.push_str(key.as_ref());
        text.push('\n');
    }
    let path = folder.join("authorized_keys")?;
    Ok(draft.file(Partition::Root, &path, text, Mode::SECRET, account.owner)?)
}

fn rename(draft: &mut Draft<'_>, account: Account, name: &str) -> Result<Account, RaspiosError> {
    let stock_name = account.name.as_str();
    for path in ["/etc/passwd", "/etc/group"] {
        let path = ImagePath::new(path)?;
        if names_in(draft, &path)?.iter().any(|known| known == name) {
            return Err(RaspiosError::NameTaken { name: name.to_owned(), path });
        }
    }
    let mut home = account.home.clone();
    if home.name() == stock_name {
        home = home.parent().unwrap_or_else(ImagePath::root).join(name)?;
        if draft.exists(Partition::Root, &account.home)? {
            draft.rename(Partition::Root, &account.home, &home)?;
        }
    }
    set_field(draft, "/etc/passwd", stock_name, 5, home.as_str())?;
    for (path, lists) in LISTS_OF_USERS {
        draft.edit_text(Partition::Root, &ImagePath::new(path)?, |text| {
            map_fields(text, |fields| {
                if let Some(first) = fields.first_mut().filter(|first| *first == stock_name) {
                    name.clone_into(first);
                }
                for list in lists {
                    if let Some(list) = fields.get_mut(*list) {
                        rename_in_list(list, stock_name, name);
                    }
                }
            })
        })?;
    }
    Ok(Account { name: name.to_owned(), home, ..account })
}

fn set_shell(draft: &mut Draft<'_>, account: &Account, shell: &ImagePath) -> Result<(), RaspiosError> {
    check_shell(draft, shell)?;
    set_field(draft, "/etc/passwd", &account.name, 6, shell.as_str())
}

/// Checks that a login shell is installed.
pub(super) fn check_shell(draft: &Draft<'_>, shell: &ImagePath) -> Result<(), RaspiosError> {
    // The list of login shells stands for what is installed: some of them are links through other links.
    let listed = draft.read_text(Partition::Root, &image_path!("/etc/shells"))?;
    let is_listed = |shells: String| shells.lines().any(|line| line.trim() == shell.as_str());
    if !listed.is_some_and(is_listed) && !draft.exists(Partition::Root, shell)? {
        return Err(RaspiosError::MissingShell { shell: shell.clone() });
    }
    Ok(())
}

/// Sets the password. Without one there is `*`, which no password matches. `!` would lock the account, and where PAM
/// is off sshd takes that to mean keys as well (sshd(8), "LOGIN PROCESS").
///
/// # Errors
/// When the stock image cannot be read, or has no line for the user, or `hash` is none of a password.
pub fn set_password(
    draft: &mut Draft<'_>,
    account: &Account,
    hash: Option<&str>,
) -> Result<(), RaspiosError> {
    let hash = hash.unwrap_or("*");
    if hash.is_empty() || hash.contains(|letter: char| letter == ':' || !letter.is_ascii_graphic()) {
        return Err(RaspiosError::PasswordHash);
    }
    set_field(draft, "/etc/shadow", &account.name, 1, hash)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::UserName;
    use crate::patch::{Action, Sensitivity, Stock as _};
    use crate::raspios::test_node::user;
    use crate::raspios::test_stock::{
        USER, attributes, bookworm, bullseye, edit, patch, path, paths, put, text, trixie,
    };
    use crate::types::Owner;

    fn set(draft: &mut Draft<'_>, user: &User) -> Account {
        let account = set_user(draft, user).unwrap();
        set_password(draft, &account, None).unwrap();
        account
    }

    #[test]
    fn pi_as_the_older_releases_have_it_is_left_alone() {
        for stock in [bullseye(), bookworm()] {
            let patch = patch(&stock, |draft| drop(set(draft, &user("pi"))));
            assert_eq!(paths(&patch), <[&str; 0]>::default());
        }
    }

    #[test]
    fn on_trixie_pi_gets_a_shell_and_is_unlocked() {
        let stock = trixie();
        let patch = patch(&stock, |draft| drop(set(draft, &user("pi"))));
        assert_eq!(paths(&patch), ["/etc/passwd", "/etc/shadow"]);
        assert!(text(&patch, "/etc/passwd").ends_with("pi:x:1000:1000:,,,:/home/pi:/bin/bash\n"));
        assert!(text(&patch, "/etc/shadow").ends_with("pi:*:20000:0:99999:7:::\n"));
    }

    #[test]
    fn a_renamed_user_is_renamed_everywhere() {
        let stock = trixie();
        let patch = patch(&stock, |draft| {
            let account = set(draft, &user("ann"));
            assert_eq!((account.name.as_str(), account.stock_name.as_str()), ("ann", "pi"));
            assert_eq!((account.home, account.owner), (path("/home/ann"), USER));
        });
        assert_eq!(edit(&patch, "/home/pi").action, Action::Rename { to: path("/home/ann") });
        assert!(text(&patch, "/etc/passwd").ends_with("\nann:x:1000:1000:,,,:/home/ann:/bin/bash\n"));
        assert!(text(&patch, "/etc/shadow").ends_with("\nann:*:20000:0:99999:7:::\n"));
        assert_eq!(
            text(&patch, "/etc/group"),
            "root:x:0:\nadm:x:4:ann\nsudo:x:27:ann\nspider:x:90:spi,ann,pip\nann:x:1000:\n"
        );
        assert_eq!(
            text(&patch, "/etc/gshadow"),
            "root:*::\nadm:*::ann\nsudo:*::ann\nspider:*:ann:spi,ann,pip\nann:!::\n"
        );
        assert_eq!(text(&patch, "/etc/subuid"), "ann:100000:65536\n");
        assert_eq!(text(&patch, "/etc/subgid"), "ann:100000:65536\n");
    }

    #[test]
    fn the_shadow_files_stay_closed_and_unshown() {
        let stock = trixie();
        let patch = patch(&stock, |draft| drop(set(draft, &user("ann"))));
        for shadow in ["/etc/shadow", "/etc/gshadow"] {
            let expected = (0o640, Owner { uid: 0, gid: 42 }, Sensitivity::Secret);
            assert_eq!(attributes(&patch, shadow), expected);
        }
    }

    #[test]
    fn a_name_that_somebody_has_is_refused() {
        let passwd = "pi:x:1000:1000:,,,:/home/pi:/bin/bash\neve:x:1001:1001::/home/eve:/bin/bash\n";
        let stock = put(trixie(), "/etc/passwd", passwd);
        for (name, file) in [("eve", "/etc/passwd"), ("spider", "/etc/group")] {
            let _ = patch(&stock, |draft| {
                let error = set_user(draft, &user(name)).unwrap_err();
                assert!(matches!(error, RaspiosError::NameTaken { path, .. } if path.as_str() == file));
            });
        }
    }

    #[test]
    fn the_password_is_the_hash_asked_for_or_none() {
        let stock = put(bookworm(), "/etc/other", "");
        let set = |draft: &mut Draft<'_>, hash| {
            let account = Account::first_user(draft).unwrap();
            set_password(draft, &account, Some(hash))
        };
        let made = patch(&stock, |draft| set(draft, "$6$salt$hash").unwrap());
        assert_eq!(paths(&made), ["/etc/shadow"]);
        assert!(text(&made, "/etc/shadow").contains("\npi:$6$salt$hash:20000:0:99999:7:::\n"));
        let _ = patch(&stock, |draft| {
            let error = set(draft, "x:0:\nroot::").unwrap_err();
            assert!(matches!(error, RaspiosError::PasswordHash));
            assert!(!error.to_string().contains("root"));
        });
    }

    #[test]
    fn nobody_logs_in_as_a_locked_user() {
        for stock in [bullseye(), bookworm(), trixie()] {
            let locked = User { login: false, ..user("pi") };
            let patch = patch(&stock, |draft| {
                let account = set_user(draft, &locked).unwrap();
                lock_user(draft, &account).unwrap();
            });
            let stock_has_it =
                stock.read_lossy(Partition::Root, &path("/etc/shadow")).unwrap().unwrap().contains("pi:!:");
            assert_eq!(paths(&patch).is_empty(), stock_has_it);
            if !stock_has_it {
                assert!(text(&patch, "/etc/passwd").contains(":/home/pi:/usr/sbin/nologin\n"));
                assert!(text(&patch, "/etc/shadow").contains("\npi:!:20000:0:99999:7:::\n"));
            }
        }
    }

    #[test]
    fn a_shell_that_is_not_installed_is_refused() {
        let mut fish = user("pi");
        fish.shell = path("/usr/bin/fish");
        let stock = trixie();
        let _ = patch(&stock, |draft| {
            assert!(matches!(set_user(draft, &fish), Err(RaspiosError::MissingShell { .. })));
        });
        let stock = put(trixie(), "/usr/bin/fish", "");
        let patch = patch(&stock, |draft| drop(set(draft, &fish)));
        assert!(text(&patch, "/etc/passwd").ends_with(":/home/pi:/usr/bin/fish\n"));
    }

    #[test]
    fn keys_belong_to_the_user_and_are_closed_to_others() {
        let stock = trixie();
        let patch = patch(&stock, |draft| {
            let account = set(draft, &User { name: UserName::new("ann").unwrap(), ..user("pi") });
            set_authorized_keys(draft, &account, &["ssh-ed25519 AAAA one", "ssh-ed25519 BBBB two"]).unwrap();
        });
        assert_eq!(attributes(&patch, "/home/ann/.ssh"), (0o700, USER, Sensitivity::Plain));
        let keys = "/home/ann/.ssh/authorized_keys";
        assert_eq!(attributes(&patch, keys), (0o600, USER, Sensitivity::Plain));
        assert_eq!(text(&patch, keys), "ssh-ed25519 AAAA one\nssh-ed25519 BBBB two\n");
    }

    #[test]
    fn a_home_that_is_missing_is_made_for_the_user() {
        let stock = trixie().without(Partition::Root, &path("/home/pi"));
        let patch = patch(&stock, |draft| drop(set(draft, &user("pi"))));
        assert_eq!(attributes(&patch, "/home/pi"), (0o700, USER, Sensitivity::Plain));
    }
}
