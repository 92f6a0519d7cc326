//! The buckets: one entry each, with all that distinguishes them.

use crate::io::temporary::Pattern;
use crate::types::{ByteCount, Digest};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// Returns the names of files in the making.
pub(super) fn in_the_making() -> Pattern<'static> {
    Pattern::new(".new-", "")
}

/// A kind of file in the cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Bucket {
    /// Files that nodes.yaml names by their address.
    Downloads,
    /// The parts of compressed stock images that were read.
    Pages,
    /// The SHA-256 of stock images, by what the system says of their files.
    Digests,
    /// Templates of images.
    Templates,
}

/// The properties of a bucket.
#[derive(Debug)]
pub struct Properties {
    /// Its name, as the command line takes it.
    pub name: &'static str,
    /// Raised by whoever changes the format of the files.
    version: u32,
    /// The largest number of files that are kept.
    pub max_files: usize,
    /// The largest size of all files together. A single file that is larger is kept until the next one comes.
    pub max_size: ByteCount,
    /// A phrase that tells what the files are.
    pub contents: &'static str,
}

const GIB: u64 = 1 << 30;

impl Bucket {
    /// All buckets.
    pub const ALL: [Self; 4] = [Self::Downloads, Self::Pages, Self::Digests, Self::Templates];

    /// Returns the properties.
    pub const fn properties(self) -> Properties {
        match self {
            Self::Downloads => Properties {
                name: "downloads",
                version: 1,
                max_files: 256,
                max_size: ByteCount::new(20 * GIB),
                contents: "stock images, k3s and container images that nodes.yaml names by a URL",
            },
            // A file has at most 64 MiB of pages.
            Self::Pages => Properties {
                name: "pages",
                version: 1,
                max_files: 4,
                max_size: ByteCount::new(GIB),
                contents: "the parts of compressed stock images that planning reads",
            },
            // A file has 64 bytes.
            Self::Digests => Properties {
                name: "digests",
                version: 1,
                max_files: 64,
                max_size: ByteCount::new(64 << 10),
                contents: "the SHA-256 of stock images that did not change since they were hashed",
            },
            // A cluster has a template for each format that its images are made in.
            Self::Templates => Properties {
                name: "templates",
                version: 1,
                max_files: 4,
                max_size: ByteCount::new(20 * GIB),
                contents: "what the compressed images of a cluster have in common; no secrets",
            },
        }
    }

    /// Returns the name, as the command line takes it: `downloads`.
    pub const fn name(self) -> &'static str {
        self.properties().name
    }

    /// Returns the bucket's folder in a cache.
    pub fn folder(self, cache: &Path) -> PathBuf {
        let Properties { name, version, .. } = self.properties();
        cache.join(format!("{name}-v{version}"))
    }

    /// Returns the folders that former versions of this program had; the first ones had no version in their names.
    pub(super) fn former_folders(self, cache: &Path) -> Vec<PathBuf> {
        let Properties { name, version, .. } = self.properties();
        let numbered = (1..version).map(|former| format!("{name}-v{former}"));
        std::iter::once(name.to_owned()).chain(numbered).map(|name| cache.join(name)).collect()
    }

    /// Returns `true` if this program gives files of this bucket such a name.
    pub(super) fn is_name(self, name: &OsStr) -> bool {
        if in_the_making().matches(name) {
            return true;
        }
        let Some((digest, rest)) = name.to_str().and_then(|name| name.split_at_checked(64)) else {
            return false;
        };
        let is_rest = match self {
            Self::Downloads => rest.starts_with('-'),
            Self::Pages | Self::Digests | Self::Templates => rest.is_empty(),
        };
        is_rest && Digest::parse(digest).is_some()
    }

    /// Returns `true` if everybody's files will do, because their content is checked against a pinned SHA-256.
    pub(super) const fn is_pinned(self) -> bool {
        matches!(self, Self::Downloads)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_names_of_a_bucket_are_its_own() {
        let digest = "0123456789abcdef".repeat(4);
        let own = |bucket: Bucket, name: &str| bucket.is_name(OsStr::new(name));
        let download = format!("{digest}-stock.img.xz");
        for bucket in Bucket::ALL {
            assert!(own(bucket, ".new-a1B2c3") && !own(bucket, "notes.txt") && !own(bucket, ".new-"));
            assert!(!own(bucket, &"a".repeat(63)) && !own(bucket, &"x".repeat(64)));
            assert_eq!(own(bucket, &download), bucket == Bucket::Downloads);
            assert_eq!(own(bucket, &digest), bucket != Bucket::Downloads);
        }
        assert!(own(Bucket::Downloads, &format!("{download}.part")));
    }
}
