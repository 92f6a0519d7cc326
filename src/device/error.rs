//! The errors of finding and opening devices, the reasons to leave one alone, and what the kernel's reasons mean.

use super::LARGEST_CARD;
use crate::types::{ByteCount, errors};
use std::io;
use std::path::{Path, PathBuf};

errors! {
    /// An error of finding, unmounting or opening a device.
    #[derive(Debug, thiserror::Error)]
    pub enum DeviceError {
        /// Nobody has tried it on this system.
        #[error("cards are written on Linux only, until somebody has tried it on {}", std::env::consts::OS)]
        Unsupported => "Run `cardwright build`, and write the images with Raspberry Pi Imager or `dd`",
        /// There is nothing at the path.
        #[error("there is no {}", path.display())]
        NotThere { path: PathBuf } => "`cardwright flash --list` shows the cards that are in",
        /// It is a file or a folder.
        #[error("{} is no disk", path.display())]
        NoDevice { path: PathBuf }
            => "`cardwright flash --list` shows the cards that are in. For a file, run `cardwright build --format img`",
        /// It is a part of a disk.
        #[error("{} is a partition of {}", path.display(), disk.display())]
        Partition { path: PathBuf, disk: PathBuf } => format!("Name the whole device: {}", disk.display()),
        /// The system does not say what it knows of its disks.
        #[error("reading {} failed: {source}", path.display())]
        System { path: PathBuf, source: io::Error },
        /// This user may not write to devices.
        #[error("only root may write to {}", path.display())]
        Denied { path: PathBuf }
            => "Run the same command as root",
        /// Something uses it.
        #[error("{} is in use", path.display())]
        Busy { path: PathBuf }
            => "Close what has it open: `lsblk` and `sudo fuser -v` with the device show what that is",
        /// Another card was put in.
        #[error("{} is another device than the one that was looked at", path.display())]
        Changed { path: PathBuf } => "Begin again, so that what is on it can be shown",
        /// It could not be opened.
        #[error("opening {} failed: {source}", path.display())]
        Open { path: PathBuf, source: io::Error } => Trouble::of(source).advice(),
        /// Something on it could not be unmounted.
        #[error("unmounting {} failed: {source}", at.display())]
        Unmount { at: PathBuf, source: io::Error }
            => "Close the programs and terminals that use files there, and try again",
    }
}

impl DeviceError {
    /// Returns the error of opening a device.
    pub(super) fn opening(path: &Path, source: io::Error) -> Self {
        let path = path.to_owned();
        match source.kind() {
            io::ErrorKind::PermissionDenied => Self::Denied { path },
            io::ErrorKind::ResourceBusy => Self::Busy { path },
            io::ErrorKind::NotFound => Self::NotThere { path },
            _ => Self::Open { path, source },
        }
    }
}

errors! {
    /// A reason not to write over a device.
    #[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
    pub enum Obstacle {
        /// This system needs it to run.
        #[error("this system runs from it: {found}")]
        System { found: String } => "Name another device; this one is never written to",
        /// The kernel or a service made something else of it: RAID, LVM, encryption.
        #[error("it is in use by {by}")]
        Held { by: String } => "Name another device, or take that apart first",
        /// Something on it is mounted.
        #[error("it is mounted at {}", at.display())]
        Mounted { at: PathBuf } => "Unmount it, or add `--unmount`",
        /// It is write-protected.
        #[error("it is write-protected")]
        ReadOnly => "Move the small switch on the side of the card or its adapter. Without one, the card may be worn out: such cards become read-only",
        /// Nothing is in the reader.
        #[error("no card is in it")]
        NoMedium => "Put a card in",
        /// Images count in other sectors.
        #[error("its sectors have {size} bytes, and images are made for sectors of {}", super::SECTOR_SIZE)]
        SectorSize { size: u32 } => "Take another card or disk; a Raspberry Pi would not find its partitions on this one",
        /// It is built into this machine.
        #[error("it is no card or USB disk, but built in")]
        BuiltIn => "If it really is the one, add `--yes-really`",
        /// It is larger than most cards are.
        #[error("it has {size}, more than {LARGEST_CARD}, which few cards have")]
        Large { size: ByteCount } => "If it really is the one, add `--yes-really`",
    }
}

impl Obstacle {
    /// Returns `true` if `--yes-really` is an answer to it.
    pub fn is_doubt(&self) -> bool {
        matches!(self, Self::BuiltIn | Self::Large { .. })
    }
}

/// The meaning of an error of the kernel's for the one who holds the card.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// The card, or its reader, is not there any more.
    Gone,
    /// The card or the reader failed.
    Failing,
    /// Nothing may be written.
    ReadOnly,
    /// The device ends before the size that it claims.
    Short,
    /// Something else.
    Other,
}

impl Trouble {
    /// Tells what an error means.
    #[cfg(unix)]
    pub fn of(error: &io::Error) -> Self {
        use rustix::io::Errno;
        match Errno::from_io_error(error) {
            Some(Errno::NODEV | Errno::NXIO) => Self::Gone,
            // The block layer says ENODATA where a card says that a place of it is bad.
            #[cfg(target_os = "linux")]
            Some(Errno::NOMEDIUM) => Self::Gone,
            #[cfg(target_os = "linux")]
            Some(Errno::REMOTEIO | Errno::NODATA) => Self::Failing,
            Some(Errno::IO | Errno::TIMEDOUT | Errno::ILSEQ) => Self::Failing,
            Some(Errno::ROFS | Errno::PERM) => Self::ReadOnly,
            Some(Errno::NOSPC) => Self::Short,
            _ => Self::Other,
        }
    }

    /// Tells what an error means.
    #[cfg(not(unix))]
    pub fn of(_error: &io::Error) -> Self {
        Self::Other
    }

    /// Returns what to try, where there is something.
    pub fn advice(self) -> Option<&'static str> {
        match self {
            Self::Gone => {
                Some("Put the card in again, firmly, and flash it again; nothing boots from it until then")
            }
            Self::Failing => Some(
                "Flash it again in another reader or slot. If it fails again, the card is worn out or broken: take another one",
            ),
            Self::ReadOnly => Some(
                "Move the small switch on the side of the card or its adapter. Without one, the card is worn out: take another one",
            ),
            Self::Short => Some("The card is smaller than it claims to be: take another one"),
            Self::Other => None,
        }
    }
}
