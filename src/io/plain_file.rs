//! Files of this machine that nodes.yaml names: opened without waiting for anybody, and only where they are
//! plain files.
//!
//! Opening a FIFO waits for whoever writes into it (fifo(7)), reading a terminal or `/dev/zero` never ends, and
//! what `/proc` and `/sys` show is made up while it is read, so that its size says nothing about it.

use std::fmt;
use std::fs::{File, FileType, Metadata, OpenOptions};
use std::io;
use std::path::Path;

/// The thing that is at a path instead of a plain file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NotPlain(&'static str);

impl fmt::Display for NotPlain {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "it is {}, not a plain file", self.0)
    }
}

impl std::error::Error for NotPlain {}

impl NotPlain {
    /// Takes the finding out of an error of [`open`], where there is one.
    pub(crate) fn of(error: &io::Error) -> Option<Self> {
        error.get_ref()?.downcast_ref().copied()
    }

    /// Returns a noun with its article: `a directory`.
    pub(crate) fn found(self) -> &'static str {
        self.0
    }
}

/// Opens a plain file for reading; symbolic links are followed.
///
/// # Errors
/// Fails when there is none, when it may not be read, and, with [`NotPlain`] inside, when it is something
/// else.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    // Merely opening a device can do something to it.
    refuse_others(&std::fs::metadata(path)?)?;
    let mut options = OpenOptions::new();
    options.read(true);
    without_waiting(&mut options);
    let file = options.open(path)?;
    // Something else may have been put there in between.
    refuse_others(&file.metadata()?)?;
    refuse_made_up(&file)?;
    Ok(file)
}

fn refuse_others(found: &Metadata) -> io::Result<()> {
    if found.is_file() { Ok(()) } else { Err(not_plain(kind(found.file_type()))) }
}

fn not_plain(found: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, NotPlain(found))
}

#[cfg(unix)]
fn kind(found: FileType) -> &'static str {
    use std::os::unix::fs::FileTypeExt as _;
    if found.is_dir() {
        "a directory"
    } else if found.is_fifo() {
        "a named pipe"
    } else if found.is_socket() {
        "a socket"
    } else {
        "a device"
    }
}

#[cfg(not(unix))]
fn kind(found: FileType) -> &'static str {
    if found.is_dir() { "a directory" } else { "a device" }
}

/// Sets `O_NONBLOCK`: open(2) returns at once also where a FIFO has taken the place of the file meanwhile.
#[cfg(any(target_os = "linux", target_os = "macos"))]
fn without_waiting(options: &mut OpenOptions) {
    use std::os::unix::fs::OpenOptionsExt as _;
    options.custom_flags(rustix::fs::OFlags::NONBLOCK.bits().cast_signed());
}

#[cfg(not(any(target_os = "linux", target_os = "macos")))]
fn without_waiting(_options: &mut OpenOptions) {}

/// The filesystems whose files are made up while they are read: `*_SUPER_MAGIC` and `*_MAGIC` of the kernel's
/// `include/uapi/linux/magic.h` for proc, sysfs, cgroup, cgroup2, debugfs, tracefs, securityfs, bpf and efivarfs.
#[cfg(target_os = "linux")]
const MADE_UP: [u64; 9] = [
    0x9fa0,
    0x6265_6572,
    0x0027_e0eb,
    0x6367_7270,
    0x6462_6720,
    0x7472_6163,
    0x7363_6673,
    0xcafe_4a11,
    0xde5e_81e4,
];

#[cfg(target_os = "linux")]
fn refuse_made_up(file: &File) -> io::Result<()> {
    let filesystem = rustix::fs::fstatfs(file)?;
    // The type of the field differs between architectures; all magic numbers have 32 bits.
    let magic = u64::try_from(filesystem.f_type).map(|magic| magic & 0xffff_ffff);
    if magic.is_ok_and(|magic| MADE_UP.contains(&magic)) {
        return Err(not_plain("made up by the kernel while it is read"));
    }
    Ok(())
}

#[cfg(not(target_os = "linux"))]
#[expect(clippy::unnecessary_wraps, reason = "on Linux it can fail")]
fn refuse_made_up(_file: &File) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read as _;

    fn found(path: &Path) -> Option<&'static str> {
        NotPlain::of(&open(path).unwrap_err()).map(NotPlain::found)
    }

    #[test]
    fn a_plain_file_is_opened() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        std::fs::write(&path, "text").unwrap();
        let mut text = String::new();
        open(&path).unwrap().read_to_string(&mut text).unwrap();
        assert_eq!(text, "text");
        assert_eq!(found(folder.path()), Some("a directory"));
        assert_eq!(open(&folder.path().join("b")).unwrap_err().kind(), io::ErrorKind::NotFound);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn what_is_no_plain_file_is_refused_and_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let socket = folder.path().join("socket");
        let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(&pipe, &link).unwrap();
        for (path, expected) in [
            (pipe.as_path(), "a named pipe"),
            (&link, "a named pipe"),
            (&socket, "a socket"),
            (Path::new("/dev/zero"), "a device"),
            (Path::new("/proc/self/status"), "made up by the kernel while it is read"),
            (
                Path::new("/sys/kernel/mm/transparent_hugepage/enabled"),
                "made up by the kernel while it is read",
            ),
        ] {
            if path.exists() {
                assert_eq!(found(path), Some(expected), "{}", path.display());
            }
        }
    }

    /// The race that looking first leaves open: the FIFO takes the place of the file in between.
    #[cfg(target_os = "linux")]
    #[test]
    fn a_pipe_is_opened_without_a_writer() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let mut options = OpenOptions::new();
        options.read(true);
        without_waiting(&mut options);
        let opened = options.open(&pipe).unwrap();
        assert!(refuse_others(&opened.metadata().unwrap()).is_err());
    }
}
