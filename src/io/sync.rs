//! Names that survive a power cut.

use std::io;
use std::path::Path;

/// Flushes a folder, and with it the names just made in it: flushing the files themselves does not
/// (fsync(2)). Where folders cannot be opened (Windows), the filesystem's own journal does it.
///
/// # Errors
/// When the folder cannot be opened or flushed.
pub(crate) fn flush_folder(folder: &Path) -> io::Result<()> {
    #[cfg(unix)]
    {
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        std::fs::File::open(folder)?.sync_all()?;
    }
    #[cfg(not(unix))]
    let _ = folder;
    Ok(())
}
