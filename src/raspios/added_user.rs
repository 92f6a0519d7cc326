//! Users beside the first one, as useradd(8) adds them with the settings of Debian's login.defs(5), and with the home
//! directory that adduser(8) makes.

use super::RaspiosError;
use super::accounts::{Account, names_in};
use super::text::{edit_required, with_last_line_ended};
use super::user::check_shell;
use crate::cluster::User;
use crate::fs::FileKind;
use crate::patch::{Draft, Partition};
use crate::types::absent::OrEmpty as _;
use crate::types::{ImagePath, Mode, Owner, image_path};
use std::collections::BTreeSet;
use std::ops::RangeInclusive;

/// The numbers of users, and of the groups of their names (login.defs(5), `UID_MAX`); 1000 is the first user's.
const NUMBERS: RangeInclusive<u32> = 1001..=60_000;

/// The numbers that users have for what runs in their containers (login.defs(5), `SUB_UID_MIN` and `SUB_UID_MAX`).
const SUBORDINATE: RangeInclusive<u64> = 100_000..=600_100_000;

/// The number of them that a user gets (login.defs(5), `SUB_UID_COUNT`).
const SUBORDINATE_COUNT: u64 = 65_536;

/// Adds a user with a group of its own and a home directory, and without a password. `others` are all that are added.
///
/// # Errors
/// When somebody has the name or the number already, or when the shell is not installed.
pub fn add_user(draft: &mut Draft<'_>, user: &User, others: &[User]) -> Result<Account, RaspiosError> {
    let name = user.name.as_str();
    for path in ["/etc/passwd", "/etc/group"] {
        let path = ImagePath::new(path)?;
        if names_in(draft, &path)?.iter().any(|known| known == name) {
            return Err(RaspiosError::NameTaken { name: name.to_owned(), path });
        }
    }
    check_shell(draft, &user.shell)?;
    let number = number(draft, user, others)?;
    let owner = Owner { uid: number, gid: number };
    let home = image_path!("/home").join(name)?;
    // The day of the last change. Everything written has the time of the stock image.
    let day = draft.time().seconds() / (24 * 60 * 60);
    append(draft, "/etc/passwd", &format!("{name}:x:{number}:{number}::{home}:{}", user.shell))?;
    append(draft, "/etc/shadow", &format!("{name}:*:{day}:0:99999:7:::"))?;
    append(draft, "/etc/group", &format!("{name}:x:{number}:"))?;
    // Not every system has these (useradd(8), `FILES`).
    append_if_there(draft, "/etc/gshadow", |_| Some(format!("{name}:!::")))?;
    for path in ["/etc/subuid", "/etc/subgid"] {
        append_if_there(draft, path, |text| {
            Some(format!("{name}:{}:{SUBORDINATE_COUNT}", free_range(text)?))
        })?;
    }
    make_home(draft, &home, owner)?;
    Ok(Account { name: name.to_owned(), stock_name: name.to_owned(), owner, home })
}

/// Returns the number of a user, which is also that of its group.
fn number(draft: &Draft<'_>, user: &User, others: &[User]) -> Result<u32, RaspiosError> {
    let mut taken = BTreeSet::new();
    for (path, fields) in [("/etc/passwd", 2..4), ("/etc/group", 2..3)] {
        let text = draft.read_text(Partition::Root, &ImagePath::new(path)?)?.or_empty();
        for line in text.lines() {
            let numbers = line.split(':').take(fields.end).skip(fields.start);
            taken.extend(numbers.filter_map(|number| number.parse::<u32>().ok()));
        }
    }
    if let Some(uid) = user.uid {
        return if taken.contains(&uid) { Err(RaspiosError::UidTaken { uid }) } else { Ok(uid) };
    }
    taken.extend(others.iter().filter_map(|other| other.uid));
    let free = NUMBERS.into_iter().find(|number| !taken.contains(number));
    let full = || RaspiosError::DamagedFile {
        path: image_path!("/etc/passwd"),
        found: "has no number left for another user",
    };
    free.ok_or_else(full)
}

/// Returns the beginning of the first free range of subordinate numbers; `None` where all are taken.
fn free_range(text: &str) -> Option<u64> {
    let range = |line: &str| {
        let mut numbers = line.split(':').skip(1).map(|number| number.parse::<u64>().ok());
        Some((numbers.next()??, numbers.next()??))
    };
    let mut ranges: Vec<(u64, u64)> = text.lines().filter_map(range).collect();
    ranges.sort_unstable();
    let mut low = *SUBORDINATE.start();
    for (start, count) in ranges {
        if start.checked_sub(low).is_some_and(|free| free >= SUBORDINATE_COUNT) {
            break;
        }
        low = low.max(start.checked_add(count)?);
    }
    (low.checked_add(SUBORDINATE_COUNT - 1)? <= *SUBORDINATE.end()).then_some(low)
}

fn append(draft: &mut Draft<'_>, path: &str, line: &str) -> Result<(), RaspiosError> {
    edit_required(draft, Partition::Root, &ImagePath::new(path)?, |text| with_line(text, line))
}

/// Appends a line to a file, where there is one, and where `line` has one for its text.
fn append_if_there(
    draft: &mut Draft<'_>,
    path: &str,
    line: impl FnOnce(&str) -> Option<String>,
) -> Result<(), RaspiosError> {
    let append = |text: &str| line(text).map_or_else(|| text.to_owned(), |line| with_line(text, &line));
    Ok(draft.edit_text(Partition::Root, &ImagePath::new(path)?, append)?)
}

fn with_line(text: &str, line: &str) -> String {
    format!("{}{line}\n", with_last_line_ended(text))
}

/// Makes a home directory that is closed to others, with what /etc/skel holds. One that is there keeps what is in it.
fn make_home(draft: &mut Draft<'_>, home: &ImagePath, owner: Owner) -> Result<(), RaspiosError> {
    let is_new = !draft.exists(Partition::Root, home)?;
    draft.directory(Partition::Root, home, Mode::PRIVATE_DIRECTORY, owner)?;
    if is_new { copy(draft, &image_path!("/etc/skel"), home, owner) } else { Ok(()) }
}

/// Copies what is in a directory of the stock image, for an owner.
fn copy(draft: &mut Draft<'_>, from: &ImagePath, to: &ImagePath, owner: Owner) -> Result<(), RaspiosError> {
    const ROOT: Partition = Partition::Root;
    for name in draft.list_stock(ROOT, from)? {
        let (from, to) = (from.join(&name)?, to.join(&name)?);
        let Some(found) = draft.attributes(ROOT, &from)? else { continue };
        match found.kind {
            FileKind::Directory => {
                draft.directory(ROOT, &to, found.mode, owner)?;
                copy(draft, &from, &to, owner)?;
            }
            FileKind::File => {
                let content = draft.read(ROOT, &from)?.or_empty();
                draft.file(ROOT, &to, content, found.mode, owner)?;
                // A file of `files:` may take its place.
                draft.leave_to_user(ROOT, &to)?;
            }
            FileKind::Symlink => {
                draft.symlink(&to, &draft.read_link(&from)?.or_empty())?;
                draft.leave_to_user(ROOT, &to)?;
            }
            FileKind::Special => {
                tracing::debug!("{from} is neither a file nor a directory: it is not copied");
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::patch::{MemoryStock, Patch, Sensitivity};
    use crate::raspios::test_node::user;
    use crate::raspios::test_stock::{
        attributes, bookworm, bullseye, link, patch, path, paths, put, put_as, text, trixie,
    };
    use crate::raspios::{dismiss_wizard, join_group, set_authorized_keys, set_user};

    const BOB: Owner = Owner { uid: 1001, gid: 1001 };

    /// `stock` with two more users, of which the first named its number.
    fn added(stock: &MemoryStock) -> Patch {
        let bob = User { uid: Some(1002), ..user("bob") };
        let users = [bob, user("eve")];
        patch(stock, |draft| {
            set_user(draft, &user("ann")).unwrap();
            dismiss_wizard(draft).unwrap();
            for user in &users {
                add_user(draft, user, &users).unwrap();
                join_group(draft, user.name.as_str(), "adm").unwrap();
            }
        })
    }

    #[test]
    fn they_are_in_all_six_files_of_every_release() {
        for stock in [bullseye(), bookworm(), trixie()] {
            let patch = added(&stock);
            assert!(
                text(&patch, "/etc/passwd").ends_with(
                    "\nbob:x:1002:1002::/home/bob:/bin/bash\neve:x:1001:1001::/home/eve:/bin/bash\n"
                )
            );
            let day = patch.time.seconds() / 86_400;
            let shadow = format!("\nbob:*:{day}:0:99999:7:::\neve:*:{day}:0:99999:7:::\n");
            assert!(text(&patch, "/etc/shadow").ends_with(&shadow));
            let group = text(&patch, "/etc/group");
            assert!(group.ends_with("\nbob:x:1002:\neve:x:1001:\n"));
            assert!(group.contains("\nadm:x:4:ann,bob,eve\n"));
            let gshadow = text(&patch, "/etc/gshadow");
            assert!(gshadow.ends_with("\nbob:!::\neve:!::\n"));
            assert!(gshadow.contains("\nadm:*::ann,bob,eve\n"));
            for ids in ["/etc/subuid", "/etc/subgid"] {
                assert_eq!(text(&patch, ids), "ann:100000:65536\nbob:165536:65536\neve:231072:65536\n");
            }
            assert_eq!(attributes(&patch, "/etc/shadow").2, Sensitivity::Secret);
        }
    }

    /// useradd itself, on the same files.
    #[test]
    fn useradd_writes_the_same() {
        for stock in [bullseye(), bookworm(), trixie()] {
            let folder = tempfile::tempdir().unwrap();
            let etc = folder.path().join("etc");
            std::fs::create_dir_all(etc.join("default")).unwrap();
            std::fs::create_dir(folder.path().join("home")).unwrap();
            let named = patch(&stock, |draft| {
                set_user(draft, &user("ann")).unwrap();
                dismiss_wizard(draft).unwrap();
            });
            let files = ["passwd", "shadow", "group", "gshadow", "subuid", "subgid"]
                .map(|name| (name, format!("/etc/{name}")));
            for (name, at) in &files {
                let draft = Draft::continued(named.clone(), &stock).unwrap();
                let before = draft.read_text(Partition::Root, &path(at)).unwrap().unwrap();
                std::fs::write(etc.join(name), before).unwrap();
            }
            let defaults = "UID_MIN 1000\nUID_MAX 60000\nGID_MIN 1000\nGID_MAX 60000\nSUB_UID_COUNT 65536\n\
                PASS_MAX_DAYS 99999\nPASS_MIN_DAYS 0\nPASS_WARN_AGE 7\nUSERGROUPS_ENAB yes\n";
            std::fs::write(etc.join("login.defs"), defaults).unwrap();
            for (name, number) in [("bob", "1002"), ("eve", "1001")] {
                let mut useradd = std::process::Command::new("/usr/sbin/useradd");
                useradd.arg("--prefix").arg(folder.path()).args([
                    "--badname",
                    "--password",
                    "*",
                    "--shell",
                    "/bin/bash",
                ]);
                useradd.args(["--uid", number, "--groups", "adm", name]);
                // The day of the last change.
                useradd.env("SOURCE_DATE_EPOCH", named.time.seconds().to_string());
                let Ok(output) = useradd.output() else {
                    crate::types::test_oracle::skipped("useradd is not installed");
                    return;
                };
                assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            }
            let ours = added(&stock);
            for (name, at) in &files {
                assert_eq!(std::fs::read_to_string(etc.join(name)).unwrap(), text(&ours, at), "{name}");
            }
        }
    }

    #[test]
    fn the_home_directory_is_a_copy_of_skel() {
        let skel =
            |stock, at: &str, mode| put_as(stock, &format!("/etc/skel/{at}"), "# bash\n", mode, Owner::ROOT);
        let stock = skel(skel(trixie(), ".bashrc", 0o644), ".config/x/run", 0o755);
        let stock = stock.symlink(Partition::Root, &path("/etc/skel/.profile"), ".bashrc");
        let patch = patch(&stock, |draft| {
            let account = add_user(draft, &user("bob"), &[]).unwrap();
            set_authorized_keys(draft, &account, &["ssh-ed25519 AAAA"]).unwrap();
        });
        assert_eq!(attributes(&patch, "/home/bob"), (0o700, BOB, Sensitivity::Plain));
        assert_eq!(attributes(&patch, "/home/bob/.bashrc"), (0o644, BOB, Sensitivity::Plain));
        assert_eq!(attributes(&patch, "/home/bob/.config/x/run"), (0o755, BOB, Sensitivity::Plain));
        assert_eq!(attributes(&patch, "/home/bob/.config"), (0o755, BOB, Sensitivity::Plain));
        assert_eq!(link(&patch, "/home/bob/.profile"), ".bashrc");
        assert_eq!(attributes(&patch, "/home/bob/.ssh/authorized_keys"), (0o600, BOB, Sensitivity::Plain));
    }

    #[test]
    fn a_home_that_is_there_is_given_to_the_user_and_not_filled() {
        let stock = put(put(trixie(), "/etc/skel/.bashrc", ""), "/home/bob/mine", "");
        let patch = patch(&stock, |draft| drop(add_user(draft, &user("bob"), &[]).unwrap()));
        assert_eq!(attributes(&patch, "/home/bob"), (0o700, BOB, Sensitivity::Plain));
        assert!(!paths(&patch).contains(&"/home/bob/.bashrc"));
    }

    #[test]
    fn what_somebody_has_is_refused() {
        let stock = trixie();
        let refused = |user: User| {
            let mut error = None;
            let _ = patch(&stock, |draft| error = Some(add_user(draft, &user, &[]).unwrap_err()));
            error.unwrap()
        };
        for name in ["pi", "spider"] {
            assert!(matches!(refused(user(name)), RaspiosError::NameTaken { .. }), "{name}");
        }
        let of_first = User { uid: Some(1000), ..user("bob") };
        assert!(matches!(refused(of_first), RaspiosError::UidTaken { uid: 1000 }));
        let fish = User { shell: path("/usr/bin/fish"), ..user("bob") };
        assert!(matches!(refused(fish), RaspiosError::MissingShell { .. }));
    }

    #[test]
    fn a_group_that_is_missing_is_named_with_the_nearest() {
        let stock = trixie();
        let _ = patch(&stock, |draft| {
            let error = join_group(draft, "pi", "sudoo").unwrap_err();
            assert!(
                matches!(&error, RaspiosError::UnknownGroup { nearest, .. } if nearest == &["sudo"]),
                "{error:?}"
            );
        });
    }

    #[test]
    fn the_first_gap_of_subordinate_numbers_is_taken() {
        assert_eq!(free_range(""), Some(100_000));
        assert_eq!(free_range("a:100000:65536\n"), Some(165_536));
        assert_eq!(free_range("b:231072:65536\na:100000:65536\n"), Some(165_536));
        assert_eq!(free_range("b:200000:65536\na:100000:65536\n"), Some(265_536));
        assert_eq!(free_range("a:100000:600000000\n"), None);
        assert_eq!(free_range("a:50:18446744073709551615\n"), None);
    }
}
