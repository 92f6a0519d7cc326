//! The extended attributes of a file after it is written anew: those it has after a program opens it, truncates it and
//! writes to it under Linux.
//!
//! - What was given to the file itself stays: `user.*`, `security.selinux`, an ACL.
//! - A file capability (`security.capability`) was given to the program that was in it, and goes with the first
//!   write, whoever writes (`file_remove_privs` in `fs/inode.c` of the kernel). The set-user-ID bit stays where
//!   root writes, and it is part of the mode that the caller asks for.
//! - A change of the mode changes the ACL (`posix_acl_chmod` in `fs/posix_acl.c`): it says the same as the mode,
//!   or else 0600 would leave open what the ACL opens to others.

use crate::fs::{ExtendedAttributes, FsResult, damaged};
use crate::types::Mode;

/// The capabilities of a program (capabilities(7)).
pub(super) const CAPABILITY: &str = "security.capability";
/// The ACL of a file (acl(5)).
pub(super) const ACL: &str = "system.posix_acl_access";

/// `ext4_acl_header.a_version`, `EXT4_ACL_VERSION` of the kernel's `fs/ext4/acl.h`.
const VERSION: [u8; 4] = 1_u32.to_le_bytes();
/// `ACL_USER_OBJ`, of `include/uapi/linux/posix_acl.h`: what the owner may do.
const USER_OBJ: u16 = 0x01;
/// `ACL_USER`: what one more user may do.
const USER: u16 = 0x02;
/// `ACL_GROUP_OBJ`: what the group may do.
const GROUP_OBJ: u16 = 0x04;
/// `ACL_GROUP`: what one more group may do.
const GROUP: u16 = 0x08;
/// `ACL_MASK`: the most that all of them but the owner may do.
const MASK: u16 = 0x10;
/// `ACL_OTHER`: what everybody else may do.
const OTHER: u16 = 0x20;

/// Returns the attributes that a file with these has once it is written anew and given `mode`.
///
/// # Errors
/// Fails when its ACL is damaged.
pub fn attributes_after_rewrite(before: &ExtendedAttributes, mode: Mode) -> FsResult<ExtendedAttributes> {
    let remaining = before.iter().filter(|(name, _)| *name != CAPABILITY);
    remaining
        .map(|(name, value)| {
            let value = if name == ACL { acl_with_mode(value, mode)? } else { value.clone() };
            Ok((name.clone(), value))
        })
        .collect()
}

/// Returns an ACL, as it is on the disk, that says the same as `mode`: where it has a mask, the group's bits are
/// the mask's.
pub(super) fn acl_with_mode(acl: &[u8], mode: Mode) -> FsResult<Vec<u8>> {
    let invalid = || damaged("the ACL of a file is not valid");
    let entries = acl.strip_prefix(&VERSION).ok_or_else(invalid)?;
    let mut parsed: Vec<(u16, u16, &[u8])> = Vec::new();
    let mut rest = entries;
    while let [tag_low, tag_high, permissions_low, permissions_high, after @ ..] = rest {
        let tag = u16::from_le_bytes([*tag_low, *tag_high]);
        // `ext4_acl_entry` has an ID behind them, `ext4_acl_entry_short` has none.
        let length = match tag {
            USER | GROUP => 4,
            USER_OBJ | GROUP_OBJ | MASK | OTHER => 0,
            _ => return Err(invalid()),
        };
        let (id, after) = after.split_at_checked(length).ok_or_else(invalid)?;
        parsed.push((tag, u16::from_le_bytes([*permissions_low, *permissions_high]), id));
        rest = after;
    }
    if !rest.is_empty() {
        return Err(invalid());
    }
    let has_mask = parsed.iter().any(|(tag, ..)| *tag == MASK);
    let (user, group, other) = (mode.bits() >> 6 & 7, mode.bits() >> 3 & 7, mode.bits() & 7);
    let mut written = VERSION.to_vec();
    for (tag, permissions, id) in parsed {
        let permissions = match tag {
            USER_OBJ => user,
            MASK => group,
            GROUP_OBJ if !has_mask => group,
            OTHER => other,
            _ => permissions,
        };
        written.extend_from_slice(&tag.to_le_bytes());
        written.extend_from_slice(&permissions.to_le_bytes());
        written.extend_from_slice(id);
    }
    Ok(written)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(tag: u16, permissions: u16, id: &[u8]) -> Vec<u8> {
        [&tag.to_le_bytes()[..], &permissions.to_le_bytes(), id].concat()
    }

    fn acl(entries: &[(u16, u16, Option<u32>)]) -> Vec<u8> {
        let entries = entries.iter().flat_map(|(tag, permissions, id)| {
            entry(*tag, *permissions, &id.map_or_else(Vec::new, |id| id.to_le_bytes().to_vec()))
        });
        VERSION.into_iter().chain(entries).collect()
    }

    #[test]
    fn the_mask_of_an_acl_is_what_the_mode_says_of_the_group() {
        let mode = Mode::new(0o4640).unwrap();
        let before = acl(&[
            (USER_OBJ, 7, None),
            (USER, 6, Some(1000)),
            (GROUP_OBJ, 5, None),
            (MASK, 7, None),
            (OTHER, 5, None),
        ]);
        let after = acl(&[
            (USER_OBJ, 6, None),
            (USER, 6, Some(1000)),
            (GROUP_OBJ, 5, None),
            (MASK, 4, None),
            (OTHER, 0, None),
        ]);
        assert_eq!(acl_with_mode(&before, mode).unwrap(), after);
        let plain = acl(&[(USER_OBJ, 7, None), (GROUP_OBJ, 5, None), (OTHER, 5, None)]);
        let after = acl(&[(USER_OBJ, 6, None), (GROUP_OBJ, 4, None), (OTHER, 0, None)]);
        assert_eq!(acl_with_mode(&plain, mode).unwrap(), after);
    }

    #[test]
    fn what_is_no_acl_is_damage() {
        let valid = acl(&[(USER_OBJ, 7, None), (USER, 6, Some(1000))]);
        for wrong in [&b""[..], b"\x02\0\0\0", &valid[..valid.len() - 1], b"\x01\0\0\0\x40\0\x07\0"] {
            assert!(acl_with_mode(wrong, Mode::FILE).is_err(), "{wrong:?}");
        }
    }
}
