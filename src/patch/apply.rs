//! Doing what a patch says.

use super::{Action, Edit, Partition, Patch, PatchError, PatchResult};
use crate::fs::WriteFilesystem;
use crate::types::ImagePath;
use std::io::{self, Read};

/// Both filesystems of a card, opened for writing.
pub struct Filesystems {
    /// The FAT partition.
    pub boot: Box<dyn WriteFilesystem>,
    /// The ext4 partition.
    pub root: Box<dyn WriteFilesystem>,
}

/// Does every edit of `patch`, in order, and closes both filesystems.
///
/// # Errors
/// At the first edit that cannot be done; the disk below must then not be used.
pub fn apply(patch: &Patch, mut filesystems: Filesystems) -> PatchResult<()> {
    for edit in &patch.edits {
        let filesystem = match edit.partition {
            Partition::Boot => &mut *filesystems.boot,
            Partition::Root => &mut *filesystems.root,
        };
        apply_edit(edit, filesystem)?;
    }
    for (partition, filesystem) in [(Partition::Boot, filesystems.boot), (Partition::Root, filesystems.root)]
    {
        let root = partition.at(&ImagePath::root());
        filesystem.finish().map_err(PatchError::filesystem("close", root))?;
    }
    Ok(())
}

/// A reader that keeps its error: what a filesystem returns does not tell whether it or the content is to blame.
struct ErrorKeeper<'content> {
    inner: Box<dyn Read + 'content>,
    error: Option<io::Error>,
}

impl Read for ErrorKeeper<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer);
        read.map_err(|error| match error.kind() {
            // read_exact tries again.
            io::ErrorKind::Interrupted => error,
            kind => {
                self.error = Some(error);
                kind.into()
            }
        })
    }
}

/// Reads on where the content should end: only there does its reader see whether it was what it should be.
fn check_end(reader: &mut dyn Read) -> io::Result<()> {
    match reader.read(&mut [0])? {
        0 => Ok(()),
        _ => Err(io::Error::new(io::ErrorKind::InvalidData, "the file grew while it was being read")),
    }
}

fn apply_edit(edit: &Edit, filesystem: &mut dyn WriteFilesystem) -> PatchResult<()> {
    let path = &edit.path;
    let (doing, result) = match &edit.action {
        Action::File { content, mode, owner, .. } => {
            let failed = PatchError::content(content, edit.partition.at(path));
            let mut reader = ErrorKeeper { inner: content.open().map_err(&failed)?, error: None };
            let written = filesystem.write_file(path, &mut reader, content.size(), *mode, *owner);
            let ended = if written.is_ok() { check_end(&mut reader) } else { Ok(()) };
            if let Some(error) = reader.error {
                return Err(failed(error));
            }
            ended.map_err(failed)?;
            ("write", written)
        }
        Action::Directory { mode, owner } => {
            ("make the directory", filesystem.make_directory(path, *mode, *owner))
        }
        Action::Symlink { target } => ("make the link", filesystem.make_symlink(path, target)),
        Action::Remove => ("remove", filesystem.remove(path)),
        Action::Rename { to } => ("move", filesystem.rename(path, to)),
    };
    result.map_err(PatchError::filesystem(doing, edit.partition.at(path)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fs::FsError;
    use crate::patch::{Content, Sensitivity, SourceDigests};
    use crate::types::{ByteCount, ImagePath, Mode, Owner, UnixTime, image_path};

    /// A filesystem that takes files and forgets them.
    struct Nowhere;

    impl WriteFilesystem for Nowhere {
        fn write_file(
            &mut self,
            _path: &ImagePath,
            content: &mut dyn Read,
            size: ByteCount,
            _mode: Mode,
            _owner: Owner,
        ) -> Result<(), FsError> {
            let mut bytes = vec![0; size.as_usize()];
            Ok(content.read_exact(&mut bytes)?)
        }
        fn make_directory(&mut self, _path: &ImagePath, _mode: Mode, _owner: Owner) -> Result<(), FsError> {
            Ok(())
        }
        fn make_symlink(&mut self, _path: &ImagePath, _target: &str) -> Result<(), FsError> {
            Ok(())
        }
        fn remove(&mut self, _path: &ImagePath) -> Result<(), FsError> {
            Ok(())
        }
        fn rename(&mut self, _from: &ImagePath, _to: &ImagePath) -> Result<(), FsError> {
            Ok(())
        }
        fn finish(self: Box<Self>) -> Result<(), FsError> {
            Ok(())
        }
    }

    /// A patch that writes one file.
    fn patch_with(content: Content) -> Patch {
        let (mode, owner, sensitivity) = (Mode::FILE, Owner::ROOT, Sensitivity::Plain);
        let action = Action::File { content, mode, owner, sensitivity };
        let path = image_path!("/x");
        let edit = Edit { partition: Partition::Root, path, action, replaces_stock: false };
        Patch { time: UnixTime::new(1), edits: vec![edit] }
    }

    fn apply_to_nowhere(patch: &Patch) -> PatchResult<()> {
        apply(patch, Filesystems { boot: Box::new(Nowhere), root: Box::new(Nowhere) })
    }

    /// A node is planned once to be checked, and once more to be built.
    #[test]
    fn a_source_file_is_what_it_was_in_the_first_patch_that_named_it() {
        for (later, is_found) in [("as noted", false), ("otherwise", true), ("ba noted", false)] {
            let file = tempfile::NamedTempFile::new().unwrap();
            std::fs::write(file.path(), "as noted").unwrap();
            let patch = || patch_with(Content::measured(file.path()).unwrap());
            let mut known = SourceDigests::default();
            patch().note_sources(&mut known);
            std::fs::write(file.path(), later).unwrap();
            let mut second = patch();
            second.take_digests(&mut known).unwrap();
            // What has the same size may change until its digest is taken, and not after that.
            assert_eq!(apply_to_nowhere(&second).is_err(), is_found, "{later}");
            std::fs::write(file.path(), "as found").unwrap();
            let mut third = patch();
            third.take_digests(&mut known).unwrap();
            assert!(apply_to_nowhere(&third).is_err(), "{later}");
        }
    }

    #[test]
    fn a_source_file_that_changed_since_the_plan_is_not_written_unseen() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "planned").unwrap();
        let plan = patch_with(Content::of_file(file.path()).unwrap());
        let applied = || apply_to_nowhere(&plan);
        applied().unwrap();
        for changed in ["changed", "planned and more", "plan"] {
            std::fs::write(file.path(), changed).unwrap();
            let error = applied().unwrap_err();
            let expected = format!(
                "cannot read {}, which is to become `/x` on the root partition: the file ",
                file.path().display()
            );
            assert!(error.to_string().starts_with(&expected), "{changed}: {error}");
        }
        std::fs::remove_file(file.path()).unwrap();
        let error = applied().unwrap_err();
        assert!(
            matches!(error, PatchError::SourceFile { file: ref found, .. } if found == file.path()),
            "{error}"
        );
    }
}
