//! The contents of the directories that were listed last.
//!
//! A caller that lists a directory asks for each thing in it next. Looking up a path means reading, and checking, a
//! block or more of every directory above it, every time: for all files of an image that is a minute.

use crate::fs::Metadata;
use crate::types::ImagePath;
use std::cell::RefCell;
use std::collections::BTreeMap;

/// The most directories that are cached: far more than lie above each other anywhere.
const MOST_DIRECTORIES: usize = 64;

/// The most names in all of them.
const MOST_NAMES: usize = 1 << 16;

/// The contents of one directory, by name.
pub(super) type Names = BTreeMap<String, Metadata>;

/// The answer of the cache about a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CachedLookup {
    /// Its directory is not cached.
    NotCached,
    /// Nothing is there.
    Nothing,
    Found(Metadata),
}

/// The directories that were listed last, in the order in which they were last of use.
#[derive(Default)]
pub(super) struct DirectoryCache(RefCell<Vec<(ImagePath, Names)>>);

impl DirectoryCache {
    /// Looks up a path that has no links in its directory part.
    pub(super) fn look(&self, path: &ImagePath) -> CachedLookup {
        let Some(parent) = path.parent() else { return CachedLookup::NotCached };
        let mut known = self.0.borrow_mut();
        let place = known.iter().rposition(|(directory, _)| *directory == parent);
        let Some(since) = place.and_then(|place| known.get_mut(place..)) else {
            return CachedLookup::NotCached;
        };
        since.rotate_left(1);
        let found = known.last().and_then(|(_, listing)| listing.get(path.name()));
        found.map_or(CachedLookup::Nothing, |found| CachedLookup::Found(*found))
    }

    /// Caches the contents of a directory, whose path has no links in it.
    pub(super) fn insert(&self, directory: &ImagePath, listing: Names) {
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
    use crate::types::{ByteCount, Mode, Owner, UnixTime};

    fn path(text: &str) -> ImagePath {
        ImagePath::new(text).unwrap()
    }

    fn listing(names: impl Iterator<Item = String>) -> Names {
        let (kind, mode, owner) = (FileKind::File, Mode::FILE, Owner::ROOT);
        names
            .map(|name| {
                let size = ByteCount::of(&name);
                (name, Metadata { kind, mode, owner, size, modified: UnixTime::new(0) })
            })
            .collect()
    }

    /// The size of what is found.
    fn found(cache: &DirectoryCache, at: &str) -> Result<u64, CachedLookup> {
        match cache.look(&path(at)) {
            CachedLookup::Found(found) => Ok(found.size.get()),
            other => Err(other),
        }
    }

    #[test]
    fn only_what_was_listed_is_known() {
        let cache = DirectoryCache::default();
        assert_eq!(found(&cache, "/etc/hosts"), Err(CachedLookup::NotCached));
        cache.insert(&path("/etc"), listing(["hosts".to_owned()].into_iter()));
        assert_eq!(found(&cache, "/etc/hosts"), Ok(5));
        assert_eq!(found(&cache, "/etc/nothing"), Err(CachedLookup::Nothing));
        assert_eq!(found(&cache, "/etc"), Err(CachedLookup::NotCached));
        assert_eq!(found(&cache, "/etc/hosts/x"), Err(CachedLookup::NotCached));
        assert_eq!(found(&cache, "/"), Err(CachedLookup::NotCached));
    }

    #[test]
    fn what_is_of_use_stays_and_all_is_bounded() {
        let cache = DirectoryCache::default();
        cache.insert(&path("/usr"), listing(["lib".to_owned()].into_iter()));
        for number in 0..3 * MOST_DIRECTORIES {
            cache.insert(&path(&format!("/usr/{number}")), listing(["x".to_owned()].into_iter()));
            assert_eq!(found(&cache, "/usr/lib"), Ok(3));
        }
        assert_eq!(found(&cache, "/usr/0/x"), Err(CachedLookup::NotCached));
        assert_eq!(found(&cache, &format!("/usr/{}/x", 3 * MOST_DIRECTORIES - 1)), Ok(1));
        cache.insert(&path("/large"), listing((0..=MOST_NAMES).map(|number| number.to_string())));
        assert_eq!(found(&cache, "/large/1"), Err(CachedLookup::NotCached));
        assert!(cache.0.borrow().is_empty());
    }
}
