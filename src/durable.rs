//! Names that survive a power cut.

use std::io;
use std::path::Path;

/// Flushes the folder that `path` is in, and with it a name just made there: flushing the file itself does
/// not (fsync(2)). Where folders cannot be opened (Windows), the filesystem's own journal does it.
///
/// # Errors
/// When the folder cannot be opened or flushed.
pub(crate) fn flush_name(path: &Path) -> io::Result<()> {
    #[cfg(unix)]
    if let Some(folder) = path.parent() {
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        std::fs::File::open(folder)?.sync_all()?;
    }
    #[cfg(not(unix))]
    let _ = path;
    Ok(())
}
