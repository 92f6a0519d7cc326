//! The user accounts of an image: /etc/passwd, /etc/shadow, /etc/group, /etc/gshadow, /etc/subuid and
//! /etc/subgid (passwd(5), shadow(5), group(5), gshadow(5), subuid(5)).

use super::RaspiosError;
use super::text::{edit_required, map_lines};
use crate::patch::{Draft, Partition};
use crate::types::absent::OrEmpty as _;
use crate::types::similar::most_similar;
use crate::types::{ImagePath, Owner, image_path};

/// The user that Raspberry Pi OS is made for; what this number is called differs.
const FIRST_USER: &str = "1000";

/// A user of the image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// The login name as it will be.
    pub name: String,
    /// The login name in the stock image.
    pub stock_name: String,
    /// User and group number.
    pub owner: Owner,
    /// The home directory as it will be.
    pub home: ImagePath,
}

impl Account {
    /// Finds the user 1000 of the image.
    ///
    /// # Errors
    /// When there is none, or its line in /etc/passwd is damaged.
    pub fn first_user(draft: &Draft<'_>) -> Result<Self, RaspiosError> {
        let path = image_path!("/etc/passwd");
        let damaged = |found| RaspiosError::DamagedFile { path: path.clone(), found };
        let Some(passwd) = draft.read_text(Partition::Root, &path)? else {
            return Err(RaspiosError::MissingFile { partition: Partition::Root, path });
        };
        let mut lines = passwd.lines().map(|line| line.split(':').collect::<Vec<_>>());
        let first_user = lines.find(|fields| fields.get(2) == Some(&FIRST_USER));
        let fields = first_user.ok_or_else(|| damaged("has no user 1000"))?;
        let [name, _, uid, gid, _, home, _] = fields[..] else {
            return Err(damaged("does not have seven fields for user 1000"));
        };
        let number = |text: &str| text.parse().map_err(|_| damaged("has a group that is no number"));
        Ok(Self {
            name: name.to_owned(),
            stock_name: name.to_owned(),
            owner: Owner { uid: number(uid)?, gid: number(gid)? },
            home: ImagePath::new(home)?,
        })
    }
}

/// Changes one field of the line of `name` in a file whose fields are separated by colons and whose first
/// field is a name.
pub(super) fn set_field(
    draft: &mut Draft<'_>,
    path: &str,
    name: &str,
    field: usize,
    value: &str,
) -> Result<(), RaspiosError> {
    let path = ImagePath::new(path)?;
    let mut found = false;
    edit_required(draft, Partition::Root, &path, |text| {
        map_fields(text, |fields| {
            if fields.first().is_some_and(|first| first == name)
                && let Some(known) = fields.get_mut(field)
            {
                found = true;
                value.clone_into(known);
            }
        })
    })?;
    if found {
        Ok(())
    } else {
        Err(RaspiosError::DamagedFile { path, found: "has no proper line for user 1000" })
    }
}

/// Adds a user to a group, in /etc/group and, where there is one, /etc/gshadow.
///
/// # Errors
/// Fails when the image has no such group.
pub fn join_group(draft: &mut Draft<'_>, user: &str, group: &str) -> Result<(), RaspiosError> {
    let known = names_in(draft, &image_path!("/etc/group"))?;
    if !known.iter().any(|name| name == group) {
        let nearest = most_similar(group, known);
        return Err(RaspiosError::UnknownGroup { group: group.to_owned(), nearest });
    }
    edit_members(draft, group, |members| add_to_list(members, user))
}

/// Changes the list of a group's members.
pub(super) fn edit_members(
    draft: &mut Draft<'_>,
    group: &str,
    change: impl Fn(&mut String),
) -> Result<(), RaspiosError> {
    for path in ["/etc/group", "/etc/gshadow"] {
        draft.edit_text(Partition::Root, &ImagePath::new(path)?, |text| {
            map_fields(text, |fields| {
                if fields.first().is_some_and(|name| name == group)
                    && let Some(members) = fields.get_mut(3)
                {
                    change(members);
                }
            })
        })?;
    }
    Ok(())
}

/// Takes a user out of all of these files, with the group of its name, as userdel(8) does.
pub(super) fn remove_account(draft: &mut Draft<'_>, name: &str) -> Result<(), RaspiosError> {
    for (path, lists) in LISTS_OF_USERS {
        draft.edit_text(Partition::Root, &ImagePath::new(path)?, |text| {
            let others = map_lines(text, |line| {
                let is_its_own = line.split(':').next() == Some(name);
                (!is_its_own).then(|| line.to_owned())
            });
            map_fields(&others, |fields| {
                for list in lists {
                    if let Some(list) = fields.get_mut(*list) {
                        remove_from_list(list, name);
                    }
                }
            })
        })?;
    }
    Ok(())
}

/// The six files, and which of their fields list users.
pub(super) const LISTS_OF_USERS: [(&str, &[usize]); 6] = [
    ("/etc/passwd", &[]),
    ("/etc/shadow", &[]),
    ("/etc/group", &[3]),
    ("/etc/gshadow", &[2, 3]),
    ("/etc/subuid", &[]),
    ("/etc/subgid", &[]),
];

/// Returns every name in the first field of a file.
pub(super) fn names_in(draft: &Draft<'_>, path: &ImagePath) -> Result<Vec<String>, RaspiosError> {
    let text = draft.read_text(Partition::Root, path)?.or_empty();
    Ok(text.lines().filter_map(|line| line.split(':').next()).map(str::to_owned).collect())
}

/// Returns the text with the fields of every line passed through `change`.
pub(super) fn map_fields(text: &str, mut change: impl FnMut(&mut Vec<String>)) -> String {
    map_lines(text, |line| {
        let mut fields: Vec<_> = line.split(':').map(str::to_owned).collect();
        change(&mut fields);
        Some(fields.join(":"))
    })
}

/// Puts `name` in the place of `stock_name` in a field that lists users.
pub(super) fn rename_in_list(list: &mut String, stock_name: &str, name: &str) {
    let renamed = |known| if known == stock_name { name } else { known };
    *list = list.split(',').map(renamed).collect::<Vec<_>>().join(",");
}

/// Takes a name out of a field that lists users.
pub(super) fn remove_from_list(list: &mut String, name: &str) {
    *list = list.split(',').filter(|known| *known != name).collect::<Vec<_>>().join(",");
}

/// Adds a name to a field that lists users, unless it is there.
pub(super) fn add_to_list(list: &mut String, name: &str) {
    if !list.split(',').any(|known| known == name) {
        if !list.is_empty() {
            list.push(',');
        }
        list.push_str(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::patch::MemoryStock;
    use crate::raspios::test_stock::{TIME, path, put, put_as, trixie};

    #[test]
    fn the_first_user_is_found_by_number() {
        let stock = put(trixie(), "/etc/passwd", "x:x:1:1::/:/x\nann:x:1000:1001:,,,:/home/a:/bin/sh\n");
        let account = Account::first_user(&Draft::new(&stock, TIME)).unwrap();
        let owner = Owner { uid: 1000, gid: 1001 };
        let name = "ann".to_owned();
        assert_eq!(account, Account { stock_name: name.clone(), name, owner, home: path("/home/a") });
    }

    #[test]
    fn an_image_without_a_proper_first_user_is_refused() {
        let cases = [
            (MemoryStock::new(), "has no `/etc/passwd`"),
            (put(MemoryStock::new(), "/etc/passwd", "root:x:0:0::/root:/bin/sh\n"), "has no user 1000"),
            (put(MemoryStock::new(), "/etc/passwd", "pi:x:1000:1000\n"), "seven fields"),
            (put(MemoryStock::new(), "/etc/passwd", "pi:x:1000:x::/home/pi:/bin/sh\n"), "no number"),
            (put(MemoryStock::new(), "/etc/passwd", "pi:x:1000:1000::/home/../x:/bin/sh\n"), "not a path"),
        ];
        for (stock, expected) in cases {
            let error = Account::first_user(&Draft::new(&stock, TIME)).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn a_line_that_is_missing_is_an_error() {
        let stock = put_as(trixie(), "/etc/shadow", "root:*:1::::::\n", 0o640, Owner { uid: 0, gid: 42 });
        let error = set_field(&mut Draft::new(&stock, TIME), "/etc/shadow", "pi", 1, "*").unwrap_err();
        assert!(matches!(error, RaspiosError::DamagedFile { .. }));
    }

    #[test]
    fn lists_are_edited_name_by_name() {
        let mut list = "spi,pi,pip".to_owned();
        rename_in_list(&mut list, "pi", "ann");
        add_to_list(&mut list, "ann");
        add_to_list(&mut list, "bob");
        assert_eq!(list, "spi,ann,pip,bob");
        remove_from_list(&mut list, "ann");
        assert_eq!(list, "spi,pip,bob");
        let mut empty = String::new();
        add_to_list(&mut empty, "ann");
        assert_eq!(empty, "ann");
    }
}
