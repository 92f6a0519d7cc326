//! The disks of this machine that may be cards: which there are, what is on them and uses them, and opening one to be
//! written over.
//!
//! A [`DeviceHost`] is what differs between systems. Linux is `linux.rs`; elsewhere there is none yet, and that is said
//! rather than tried: what was never run on a system could write over the wrong disk there.

mod aligned;
mod error;
#[cfg(target_os = "linux")]
mod linux;
#[cfg(not(target_os = "linux"))]
mod unsupported;

pub(crate) use aligned::AlignedBuffer;
pub use error::{DeviceError, Obstacle, Trouble};
#[cfg(target_os = "linux")]
pub use linux::LinuxHost;

use crate::io::WriteAt;
use crate::types::ByteCount;
use std::io;
use std::path::{Path, PathBuf};

/// The size up to which a device is taken for a card without being asked for by a flag: larger ones mostly hold somebody's backups.
pub const LARGEST_CARD: ByteCount = ByteCount::new(256 << 30);

/// The only size of a sector that images are made for: partition tables count in sectors.
pub(crate) const SECTOR_SIZE: u32 = 512;

/// A system with disks.
pub trait DeviceHost {
    /// Returns the disks that may be cards, and those that have to be told from them, by name.
    ///
    /// # Errors
    /// When the system does not say which there are.
    fn devices(&self) -> Result<Vec<Device>, DeviceError>;

    /// Returns the disk at a path, which may be one that [`devices`](Self::devices) leaves out: a loop device.
    ///
    /// # Errors
    /// When there is none, or the path is that of something else.
    fn device(&self, path: &Path) -> Result<Device, DeviceError>;

    /// Unmounts all that is mounted of a device.
    ///
    /// # Errors
    /// When something cannot be unmounted.
    fn unmount(&self, device: &Device) -> Result<(), DeviceError>;

    /// Opens a device for this program alone.
    ///
    /// # Errors
    /// When it is in use, may not be written to, or is another one by now.
    fn open(&self, device: &Device) -> Result<Box<dyn OpenDevice>, DeviceError>;

    /// Has the system read the partition table of a device that was written, and waits until it has.
    fn read_table(&self, device: &Device);
}

/// A device that this program alone has open. What is read and written goes around the page cache of the system: what was
/// written is on the device then, or an error says where it is not.
///
/// Offsets and lengths are multiples of a sector. Buffers may be any; those that begin at a page are not copied.
pub trait OpenDevice: WriteAt {
    /// Lets the device forget everything that is on it, where it can; returns `false` where it cannot. What is read
    /// afterwards may be anything.
    ///
    /// # Errors
    /// When it fails half-way.
    fn discard(&self) -> io::Result<bool>;

    /// Waits until everything that was written is on the medium.
    ///
    /// # Errors
    /// When that fails.
    fn flush(&self) -> io::Result<()>;
}

/// Returns the system that this program runs on.
pub fn host() -> Box<dyn DeviceHost> {
    #[cfg(target_os = "linux")]
    return Box::new(LinuxHost::new());
    #[cfg(not(target_os = "linux"))]
    return Box::new(unsupported::UnsupportedHost);
}

/// A disk.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Device {
    /// The path: `/dev/sdb`.
    pub path: PathBuf,
    /// The size.
    pub size: ByteCount,
    /// The way in which it is attached.
    pub bus: Bus,
    /// The maker and the model.
    pub model: Option<String>,
    /// The serial number: that of the card in a slot of its own, that of the reader otherwise.
    pub serial: Option<String>,
    /// It can be taken out.
    pub removable: bool,
    /// Its partitions, as the system knows them.
    pub partitions: Vec<DevicePartition>,
    /// The places at which something of it is mounted.
    pub mounts: Vec<Mount>,
    /// The reasons not to write over it.
    #[serde(serialize_with = "as_texts")]
    pub obstacles: Vec<Obstacle>,
    /// The numbers by which the system tells it from another one at the same path.
    #[serde(skip)]
    pub(crate) identity: Identity,
}

fn as_texts<S: serde::Serializer>(obstacles: &[Obstacle], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(obstacles.iter().map(ToString::to_string))
}

impl Device {
    /// Describes a device of which no more is known than this.
    pub fn new(path: impl Into<PathBuf>, size: ByteCount, bus: Bus) -> Self {
        Self {
            path: path.into(),
            size,
            bus,
            model: None,
            serial: None,
            removable: false,
            partitions: Vec::new(),
            mounts: Vec::new(),
            obstacles: Vec::new(),
            identity: Identity::default(),
        }
    }

    /// Returns the last part of its path: `sdb`.
    pub fn name(&self) -> String {
        self.path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned())
    }
}

/// The way in which a disk is attached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Bus {
    /// A slot for SD cards.
    Sd,
    /// Memory that is soldered in.
    Emmc,
    /// USB.
    Usb,
    /// NVMe.
    Nvme,
    /// SATA and its kin.
    Ata,
    /// None: a file that looks like a disk.
    Loop,
    /// Another one.
    Other,
}

impl Bus {
    /// Returns the name for people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sd => "SD",
            Self::Emmc => "eMMC",
            Self::Usb => "USB",
            Self::Nvme => "NVMe",
            Self::Ata => "SATA",
            Self::Loop => "loop",
            Self::Other => "other",
        }
    }
}

/// A partition of a disk.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct DevicePartition {
    /// The path: `/dev/sdb1`.
    pub path: PathBuf,
    /// The size.
    pub size: ByteCount,
    /// The label of its filesystem, where the system knows it.
    pub label: Option<String>,
    /// Its filesystem, where the system knows it.
    pub filesystem: Option<String>,
}

/// A filesystem that is mounted.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Mount {
    /// The path of the device or partition.
    pub of: PathBuf,
    /// The place.
    pub at: PathBuf,
}

/// The numbers by which a system tells a disk from another one at the same path.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Identity {
    /// The number of the device: `8:16`.
    pub(crate) number: String,
    /// A number that grows with every medium that is put in (`diskseq` in sysfs, since Linux 5.15).
    pub(crate) sequence: Option<u64>,
}
