//! The digests of files that were hashed before and did not change since, so that looking at a known image reads little
//! of it.
//!
//! As git (its index) and make do, a file is taken for the same by what the system says of it: device, inode, size, and
//! the times at which its contents and its inode changed. The latter cannot be set back by those who change a file. Damage
//! of the disk beneath does not show in any of these: so this is for looks at an image, and whoever makes something from
//! it hashes it.

use crate::cache::{Bucket, BucketFiles};
use crate::types::Digest;
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::path::Path;

/// The least time between the last change of a file and its hashing. In less, a file may change twice and have the same
/// times: filesystems count in steps of up to two seconds (FAT).
#[cfg(unix)]
const SETTLED: i64 = 3;

/// The known digests in a cache: a file each, named by the SHA-256 of a [`Stamp`].
pub(super) struct KnownDigests(BucketFiles);

/// The metadata that tells a changed file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stamp {
    name: String,
    /// The time of the last change, in seconds.
    changed: i64,
}

impl Stamp {
    /// Returns the stamp of a file; `None` where the system says too little.
    #[cfg(unix)]
    pub(super) fn of(file: &File) -> Option<Self> {
        use std::os::unix::fs::MetadataExt as _;
        let found = file.metadata().ok()?;
        let text = format!(
            "{} {} {} {}.{} {}.{}",
            found.dev(),
            found.ino(),
            found.size(),
            found.mtime(),
            found.mtime_nsec(),
            found.ctime(),
            found.ctime_nsec()
        );
        Some(Self {
            name: Digest::of(text.as_bytes()).to_string(),
            changed: found.ctime().max(found.mtime()),
        })
    }

    #[cfg(not(unix))]
    pub(super) fn of(_: &File) -> Option<Self> {
        None
    }

    /// Returns `true` if a change from now on shows in the stamp.
    #[cfg(unix)]
    fn is_settled(&self) -> bool {
        use std::time::{SystemTime, UNIX_EPOCH};
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map(|now| i64::try_from(now.as_secs()));
        matches!(now, Ok(Ok(now)) if now - SETTLED > self.changed)
    }

    #[cfg(not(unix))]
    fn is_settled(&self) -> bool {
        false
    }
}

impl KnownDigests {
    pub(super) fn new(cache: &Path) -> Self {
        Self(BucketFiles::new(cache, Bucket::Digests))
    }

    /// Returns the digest that the file had when it was hashed, unless it changed since.
    pub(super) fn find(&self, file: &File) -> Option<Digest> {
        let mut text = String::new();
        self.0.find(&Stamp::of(file)?.name)?.take(65).read_to_string(&mut text).ok()?;
        Digest::parse(&text)
    }

    /// Begins to hash a file: returns its stamp, where that is going to tell it from what it becomes.
    pub(super) fn stamp(file: &File) -> Option<Stamp> {
        Stamp::of(file).filter(Stamp::is_settled)
    }

    /// Saves the digest of a file that had this stamp before it was hashed.
    pub(super) fn save(&self, file: &File, stamp: &Stamp, digest: Digest) {
        if Stamp::of(file).as_ref() != Some(stamp) || self.find(file) == Some(digest) {
            return;
        }
        let saved = self.0.begin().and_then(|mut new| {
            new.write_all(digest.to_string().as_bytes())?;
            self.0.put(new, &stamp.name).map(drop).map_err(|(error, _)| error)
        });
        if let Err(error) = saved {
            tracing::debug!("the digest is not saved: {error}");
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::fs;
    use std::time::{Duration, SystemTime};

    #[test]
    fn a_digest_is_known_until_the_file_changes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("image");
        fs::write(&path, "one").unwrap();
        let file = File::options().read(true).write(true).open(&path).unwrap();
        let known = KnownDigests::new(&folder.path().join("cache"));
        let (stamp, digest) = (Stamp::of(&file).unwrap(), Digest::of(b"one"));
        assert_eq!(known.find(&file), None);
        known.save(&file, &stamp, digest);
        assert_eq!(known.find(&file), Some(digest));
        assert_eq!(known.find(&File::open(&path).unwrap()), Some(digest));

        // Other contents, with the same size and the time of the old ones.
        let modified = file.metadata().unwrap().modified().unwrap();
        std::thread::sleep(Duration::from_millis(20));
        fs::write(&path, "two").unwrap();
        file.set_modified(modified).unwrap();
        assert_eq!(known.find(&file), None);
        known.save(&file, &stamp, digest);
        assert_eq!(known.find(&file), None, "it changed while it was hashed");
    }

    #[test]
    fn a_file_that_changed_just_now_may_change_without_notice() {
        let folder = tempfile::tempdir().unwrap();
        let file = File::create(folder.path().join("image")).unwrap();
        assert_eq!(KnownDigests::stamp(&file), None);
        file.set_modified(SystemTime::now() - Duration::from_secs(60)).unwrap();
        assert_eq!(KnownDigests::stamp(&file), None, "its inode changed now");
    }
}
