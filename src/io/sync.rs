//! Names and contents that survive a power cut.

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

/// Waits until a file is on the disk, as far as it was written, and lets the system's page cache forget it: nobody
/// reads an image soon, and many of them would drive everything else out of memory.
///
/// # Errors
/// When the file cannot be written to the disk.
pub(crate) fn flush_and_forget(file: &std::fs::File) -> io::Result<()> {
    file.sync_data()?;
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::fs::fadvise(file, 0, None, rustix::fs::Advice::DontNeed) {
        tracing::debug!("the page cache keeps a file: {error}");
    }
    Ok(())
}
