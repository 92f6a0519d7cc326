//! NODE.img.bmap

use super::EmitError;
use std::io;
use std::path::{Path, PathBuf};

/// Where the bmap of an image stands: `north.img.bmap`, whatever `north.img` is packed in. bmaptool strips
/// one ending after the other until it finds one.
pub(super) fn path_beside(image: &Path) -> PathBuf {
    let name = image.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let name = name.split(".img").next().unwrap_or_default();
    image.with_file_name(format!("{name}.img.bmap"))
}

/// Removes the bmap of an image that is about to be another one.
pub(super) fn remove(image: &Path) -> Result<(), EmitError> {
    let path = path_beside(image);
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(EmitError::write("removing", &path)(error))
        }
        _ => Ok(()),
    }
}
