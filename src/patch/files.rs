//! The files of one partition, read with errors that say where they are.

use super::{Partition, PatchError, PatchResult};
use crate::fs::{ExtendedAttributes, FsError, Metadata, ReadFilesystem};
use crate::types::{ByteCount, Digest, ImagePath, Sha256};

/// The filesystem of a partition, for reading.
#[derive(Clone, Copy)]
pub(super) struct PartitionFiles<'files> {
    pub(super) partition: Partition,
    pub(super) filesystem: &'files dyn ReadFilesystem,
}

impl PartitionFiles<'_> {
    fn named<T>(self, doing: &'static str, path: &ImagePath, result: Result<T, FsError>) -> PatchResult<T> {
        result.map_err(PatchError::filesystem(doing, self.partition.at(path)))
    }

    pub(super) fn metadata(self, path: &ImagePath) -> PatchResult<Option<Metadata>> {
        self.named("look up", path, self.filesystem.metadata(path))
    }

    pub(super) fn list(self, path: &ImagePath) -> PatchResult<Vec<String>> {
        self.named("list", path, self.filesystem.list(path))
    }

    pub(super) fn read(self, path: &ImagePath, most: ByteCount) -> PatchResult<Vec<u8>> {
        self.named("read", path, self.filesystem.read(path, most))
    }

    pub(super) fn read_link(self, path: &ImagePath) -> PatchResult<String> {
        self.named("read the link", path, self.filesystem.read_link(path))
    }

    /// Returns the extended attributes after `change`, which sees those of the file.
    pub(super) fn extended_attributes(
        self,
        path: &ImagePath,
        change: impl FnOnce(ExtendedAttributes) -> Result<ExtendedAttributes, FsError>,
    ) -> PatchResult<ExtendedAttributes> {
        let attributes = self.filesystem.extended_attributes(path).and_then(change);
        self.named("read the extended attributes of", path, attributes)
    }

    pub(super) fn digest(self, path: &ImagePath) -> PatchResult<Digest> {
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
pub(super) fn below(partition: Partition, directory: &ImagePath, name: &str) -> PatchResult<ImagePath> {
    let path = directory.join(name).map_err(|error| FsError::Damaged(error.to_string()));
    path.map_err(PatchError::filesystem("list", partition.at(directory)))
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
