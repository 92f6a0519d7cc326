//! Doing what a patch says.

use super::{Action, Edit, Partition, Patch, PatchError};
use crate::fs::WriteFilesystem;

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
pub fn apply(patch: &Patch, mut filesystems: Filesystems) -> Result<(), PatchError> {
    for edit in &patch.edits {
        let filesystem = match edit.partition {
            Partition::Boot => &mut *filesystems.boot,
            Partition::Root => &mut *filesystems.root,
        };
        apply_edit(edit, filesystem)?;
    }
    for (partition, filesystem) in [(Partition::Boot, filesystems.boot), (Partition::Root, filesystems.root)]
    {
        let root = crate::fs::ImagePath::root();
        let failed = |source| PatchError::stock("closing", partition, &root, source);
        filesystem.finish().map_err(failed)?;
    }
    Ok(())
}

fn apply_edit(edit: &Edit, filesystem: &mut dyn WriteFilesystem) -> Result<(), PatchError> {
    let path = &edit.path;
    let (doing, result) = match &edit.action {
        Action::File { content, mode, owner, .. } => {
            let opened = content.open();
            let mut reader =
                opened.map_err(|source| PatchError::SourceFile { path: path.as_str().into(), source })?;
            ("writing", filesystem.write_file(path, &mut *reader, content.size(), *mode, *owner))
        }
        Action::Directory { mode, owner } => {
            ("making the directory", filesystem.make_directory(path, *mode, *owner))
        }
        Action::Symlink { target } => ("making the link", filesystem.make_symlink(path, target)),
        Action::Remove => ("removing", filesystem.remove(path)),
        Action::Rename { to } => ("moving", filesystem.rename(path, to)),
    };
    result.map_err(|source| PatchError::stock(doing, edit.partition, path, source))
}
