//! The files of one partition, read with errors that say where they are.

use super::{Partition, PatchError};
use crate::fs::{ExtendedAttributes, FsError, Metadata, ReadFilesystem};
use crate::types::{ByteCount, Digest, ImagePath, InvalidPath, Sha256};

/// The filesystem of a partition, for reading.
#[derive(Clone, Copy)]
pub(super) struct PartitionFiles<'files> {
    pub(super) partition: Partition,
    pub(super) filesystem: &'files dyn ReadFilesystem,
}

impl PartitionFiles<'_> {
    fn named<T>(
        self,
        doing: &'static str,
        path: &ImagePath,
        result: Result<T, FsError>,
    ) -> Result<T, PatchError> {
        result.map_err(|source| PatchError::stock(doing, self.partition, path, source))
    }

    pub(super) fn metadata(self, path: &ImagePath) -> Result<Option<Metadata>, PatchError> {
        self.named("look up", path, self.filesystem.metadata(path))
    }

    pub(super) fn list(self, path: &ImagePath) -> Result<Vec<String>, PatchError> {
        self.named("list", path, self.filesystem.list(path))
    }

    pub(super) fn read(self, path: &ImagePath, most: ByteCount) -> Result<Vec<u8>, PatchError> {
        self.named("read", path, self.filesystem.read(path, most))
    }

    pub(super) fn read_link(self, path: &ImagePath) -> Result<String, PatchError> {
        self.named("read the link", path, self.filesystem.read_link(path))
    }

    /// Returns the extended attributes after `change`, which sees those of the file.
    pub(super) fn extended_attributes(
        self,
        path: &ImagePath,
        change: impl FnOnce(ExtendedAttributes) -> Result<ExtendedAttributes, FsError>,
    ) -> Result<ExtendedAttributes, PatchError> {
        let attributes = self.filesystem.extended_attributes(path).and_then(change);
        self.named("read the extended attributes of", path, attributes)
    }

    pub(super) fn digest(self, path: &ImagePath) -> Result<Digest, PatchError> {
        let mut hasher = Sha256::new();
        let read = self.filesystem.read_pieces(path, &mut |piece| {
            hasher.update(piece);
            Ok(())
        });
        self.named("read", path, read)?;
        Ok(hasher.finalize())
    }
}

/// Returns the path of a name that a directory lists; a name that makes no path is damage.
pub(super) fn below(
    partition: Partition,
    directory: &ImagePath,
    name: &str,
) -> Result<ImagePath, PatchError> {
    let damaged = |error: InvalidPath| FsError::Damaged(error.to_string());
    directory.join(name).map_err(|error| PatchError::stock("list", partition, directory, damaged(error)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_makes_no_path_is_damage_of_the_partition_it_is_on() {
        for partition in [Partition::Boot, Partition::Root] {
            let error = below(partition, &ImagePath::root(), "a/../b").unwrap_err();
            assert!(error.to_string().contains(&format!("on the {partition} partition")), "{error}");
        }
    }
}
