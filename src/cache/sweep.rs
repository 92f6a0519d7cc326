//! The whole cache: what is in it, and what is removed from it at once.

use super::bucket::{Bucket, Properties, in_the_making};
use super::files::{BucketFiles, ListedFile, if_unused, remove_unused};
use crate::io::ownership::create_folder;
use crate::io::temporary;
use crate::types::{ByteCount, UnixTime};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// The first second of the last year of four digits.
const YEAR_9999: i64 = 253_370_764_800;

/// The files of a bucket, counted.
#[derive(Debug, serde::Serialize)]
pub struct Usage {
    /// The bucket.
    pub bucket: Bucket,
    /// Its folder, which need not exist.
    pub folder: PathBuf,
    /// The number of files.
    pub files: usize,
    /// The size of all files together.
    pub size: ByteCount,
    /// The time at which one was used last; `None` where there is none.
    pub last_used: Option<UnixTime>,
    /// The largest number of files that are kept.
    pub max_files: usize,
    /// The largest size of all files together.
    pub max_size: ByteCount,
}

/// The files of a bucket that were removed.
#[derive(Debug, serde::Serialize)]
pub struct Cleaned {
    /// The bucket.
    pub bucket: Bucket,
    /// The number of files.
    pub files: usize,
    /// The size of all of them together.
    pub size: ByteCount,
    /// The files that stay, because another run uses them, or because they cannot be removed.
    pub left: Vec<PathBuf>,
}

/// Counts the files of all buckets of a cache.
pub fn usage(cache: &Path) -> Vec<Usage> {
    let usage_of = |bucket: Bucket| {
        let files = BucketFiles::new(cache, bucket).list();
        let Properties { max_files, max_size, .. } = bucket.properties();
        Usage {
            bucket,
            folder: bucket.folder(cache),
            files: files.len(),
            size: files.iter().map(|file| file.size).sum(),
            last_used: files.iter().filter_map(|file| unix_time(file.used)).max(),
            max_files,
            max_size,
        }
    };
    Bucket::ALL.into_iter().map(usage_of).collect()
}

/// Returns a time of a file; `None` for one before 1970, or without a date of four digits: those are set by hand.
fn unix_time(time: SystemTime) -> Option<UnixTime> {
    let seconds = i64::try_from(time.duration_since(UNIX_EPOCH).ok()?.as_secs()).ok()?;
    (seconds < YEAR_9999).then(|| UnixTime::new(seconds))
}

/// Removes the files of some buckets, and those that former versions of this program left of them. Files that another
/// run uses stay, and so does all that this program did not write.
pub fn clean(cache: &Path, buckets: &[Bucket]) -> Vec<Cleaned> {
    sweep_folder(cache);
    if buckets.contains(&Bucket::Downloads) {
        adopt_downloads(cache);
    }
    buckets.iter().map(|bucket| clean_bucket(cache, *bucket)).collect()
}

fn clean_bucket(cache: &Path, bucket: Bucket) -> Cleaned {
    let mut cleaned = remove_former(cache, bucket);
    // The folder stays: another run may be about to make a file in it.
    empty(&bucket.folder(cache), &mut cleaned);
    cleaned
}

/// Removes the files of a bucket from a folder.
fn empty(folder: &Path, cleaned: &mut Cleaned) {
    for ListedFile { path, size, .. } in BucketFiles::at(folder.to_owned(), cleaned.bucket).list() {
        if remove_unused(&path) {
            cleaned.files += 1;
            cleaned.size += size;
        } else {
            cleaned.left.push(path);
        }
    }
}

/// Removes the folders that former versions of this program had for a bucket, unless something else is in them.
fn remove_former(cache: &Path, bucket: Bucket) -> Cleaned {
    let mut cleaned = Cleaned { bucket, files: 0, size: ByteCount::ZERO, left: Vec::new() };
    for folder in bucket.former_folders(cache).into_iter().filter(|folder| folder.is_dir()) {
        empty(&folder, &mut cleaned);
        if let Err(error) = fs::remove_dir(&folder) {
            tracing::debug!("{}: stays: {error}", folder.display());
        }
    }
    cleaned
}

/// Removes what killed runs left in a cache, and the folders of former versions of this program.
pub(crate) fn sweep(cache: &Path) {
    sweep_folder(cache);
    for bucket in Bucket::ALL {
        BucketFiles::new(cache, bucket).sweep();
        let cleaned = remove_former(cache, bucket);
        if cleaned.files > 0 {
            tracing::debug!("removed {} files of a former version of {}", cleaned.files, bucket.name());
        }
    }
}

/// Removes what killed runs left in the cache's own folder when they tried to write to it.
fn sweep_folder(cache: &Path) {
    temporary::sweep(cache, in_the_making(), None);
}

/// Returns the downloads of a cache.
pub(crate) fn downloads(cache: &Path) -> BucketFiles {
    adopt_downloads(cache);
    BucketFiles::new(cache, Bucket::Downloads)
}

/// Moves the downloads of former versions of this program, which had them in the cache's own folder, into their bucket:
/// they take long to download again.
fn adopt_downloads(cache: &Path) {
    let folder = Bucket::Downloads.folder(cache);
    for ListedFile { path, .. } in BucketFiles::at(cache.to_owned(), Bucket::Downloads).list() {
        let Some(name) = path.file_name().filter(|name| !in_the_making().matches(name)) else { continue };
        if_unused(&path, || create_folder(&folder, true).and_then(|()| fs::rename(&path, folder.join(name))));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(path: &Path) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "12345").unwrap();
    }

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn folders_of_former_versions_are_removed_and_their_downloads_are_moved() {
        let cache = tempfile::tempdir().unwrap();
        let at = |path: &str| cache.path().join(path);
        let digest = "5".repeat(64);
        for path in [
            "templates/D",
            "pages/D",
            "pages/notes.txt",
            "D-stock.img.xz",
            "D-other.img.part",
            "mine.img",
            ".new-killed",
        ] {
            write(&at(&path.replace('D', &digest)));
        }
        sweep(cache.path());
        assert!(!at("templates").exists());
        assert_eq!(names(&at("pages")), ["notes.txt"]);
        let used = fs::File::open(at(&format!("{digest}-other.img.part"))).unwrap();
        used.lock().unwrap();
        assert!(downloads(cache.path()).find(&format!("{digest}-stock.img.xz")).is_some());
        assert_eq!(
            names(cache.path()),
            [format!("{digest}-other.img.part").as_str(), "downloads-v1", "mine.img", "pages"]
        );
    }

    #[test]
    fn cleaning_frees_what_is_not_in_use() {
        let cache = tempfile::tempdir().unwrap();
        let at = |path: &str| cache.path().join(path);
        let (one, other) = ("5".repeat(64), "6".repeat(64));
        for path in [
            "pages-v1/1",
            "pages-v1/2",
            "pages-v1/notes.txt",
            "pages/1",
            "templates-v1/1",
            "templates-v1/.new-killed",
        ] {
            write(&at(&path.replace("/1", &format!("/{one}")).replace("/2", &format!("/{other}"))));
        }
        let used = BucketFiles::new(cache.path(), Bucket::Pages).find(&other).unwrap();
        let before = usage(cache.path());
        assert_eq!(before.iter().map(|usage| usage.files).collect::<Vec<_>>(), [0, 2, 0, 2]);
        assert!(before[0].last_used.is_none() && before[1].last_used.is_some());
        let cleaned = clean(cache.path(), &[Bucket::Pages]);
        assert_eq!((cleaned.len(), cleaned[0].files, cleaned[0].size), (1, 2, ByteCount::new(10)));
        assert_eq!(cleaned[0].left, [at("pages-v1").join(&other)]);
        drop(used);
        assert_eq!(clean(cache.path(), &Bucket::ALL).iter().map(|cleaned| cleaned.files).sum::<usize>(), 3);
        assert_eq!(names(cache.path()), ["pages-v1", "templates-v1"]);
        assert!(names(&at("templates-v1")).is_empty());
        assert_eq!(names(&at("pages-v1")), ["notes.txt"]);
    }
}
