//! What the directories hold that were listed last.
//!
//! Whoever lists a directory asks for each thing in it next. Looking up a path means reading, and checking, a
//! block or more of every directory above it, every time: for all files of an image that is a minute.

use crate::fs::Metadata;
use crate::types::ImagePath;
use std::cell::RefCell;
use std::collections::BTreeMap;

/// How many directories are known: far more than lie above each other anywhere.
const MOST_DIRECTORIES: usize = 64;

/// How many names they hold in all.
const MOST_NAMES: usize = 1 << 16;

/// What stands in one directory, by name.
pub(super) type Listing = BTreeMap<String, Metadata>;

/// What is known of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Known {
    /// Its directory was not listed of late.
    NotListed,
    /// Nothing stands there.
    Nothing,
    /// What stands there.
    Found(Metadata),
}

/// The directories that were listed last, the one that was of use last behind.
#[derive(Default)]
pub(super) struct Listings(RefCell<Vec<(ImagePath, Listing)>>);

impl Listings {
    /// What is known of a path that has no links in its directory part.
    pub(super) fn look(&self, path: &ImagePath) -> Known {
        let Some(parent) = path.parent() else { return Known::NotListed };
        let mut known = self.0.borrow_mut();
        let place = known.iter().rposition(|(directory, _)| *directory == parent);
        let Some(since) = place.and_then(|place| known.get_mut(place..)) else { return Known::NotListed };
        since.rotate_left(1);
        let found = known.last().and_then(|(_, listing)| listing.get(path.name()));
        found.map_or(Known::Nothing, |found| Known::Found(*found))
    }

    /// Keeps what a directory holds. Its path has no links in it.
    pub(super) fn keep(&self, directory: &ImagePath, listing: Listing) {
        let mut known = self.0.borrow_mut();
        known.retain(|(known, _)| known != directory);
        known.push((directory.clone(), listing));
        while known.len() > MOST_DIRECTORIES
            || known.iter().map(|(_, listing)| listing.len()).sum::<usize>() > MOST_NAMES
        {
            known.remove(0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fs::FileKind;
    use crate::types::ByteCount;
    use crate::types::{Mode, Owner, UnixTime};

    fn path(text: &str) -> ImagePath {
        ImagePath::new(text).unwrap()
    }

    fn listing(names: impl Iterator<Item = String>) -> Listing {
        let (kind, mode, owner) = (FileKind::File, Mode::FILE, Owner::ROOT);
        names
            .map(|name| {
                let size = ByteCount::of(&name);
                (name, Metadata { kind, mode, owner, size, modified: UnixTime::new(0) })
            })
            .collect()
    }

    /// The size of what is found.
    fn found(listings: &Listings, at: &str) -> Result<u64, Known> {
        match listings.look(&path(at)) {
            Known::Found(found) => Ok(found.size.get()),
            other => Err(other),
        }
    }

    #[test]
    fn only_what_was_listed_is_known() {
        let listings = Listings::default();
        assert_eq!(found(&listings, "/etc/hosts"), Err(Known::NotListed));
        listings.keep(&path("/etc"), listing(["hosts".to_owned()].into_iter()));
        assert_eq!(found(&listings, "/etc/hosts"), Ok(5));
        assert_eq!(found(&listings, "/etc/nothing"), Err(Known::Nothing));
        assert_eq!(found(&listings, "/etc"), Err(Known::NotListed));
        assert_eq!(found(&listings, "/etc/hosts/x"), Err(Known::NotListed));
        assert_eq!(found(&listings, "/"), Err(Known::NotListed));
    }

    #[test]
    fn what_is_of_use_stays_and_all_is_bounded() {
        let listings = Listings::default();
        listings.keep(&path("/usr"), listing(["lib".to_owned()].into_iter()));
        for number in 0..3 * MOST_DIRECTORIES {
            listings.keep(&path(&format!("/usr/{number}")), listing(["x".to_owned()].into_iter()));
            assert_eq!(found(&listings, "/usr/lib"), Ok(3));
        }
        assert_eq!(found(&listings, "/usr/0/x"), Err(Known::NotListed));
        assert_eq!(found(&listings, &format!("/usr/{}/x", 3 * MOST_DIRECTORIES - 1)), Ok(1));
        listings.keep(&path("/large"), listing((0..=MOST_NAMES).map(|number| number.to_string())));
        assert_eq!(found(&listings, "/large/1"), Err(Known::NotListed));
        assert!(listings.0.borrow().is_empty());
    }
}
