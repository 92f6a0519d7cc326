//! The release of Raspberry Pi OS that an image holds, told from its files.

use crate::types::Architecture;
use serde::Serialize;
use std::fmt;

/// A release of Raspberry Pi OS, as it was found in a stock image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Release {
    /// bullseye, bookworm or trixie: `VERSION_CODENAME` of /etc/os-release.
    pub codename: Codename,
    /// The day it was made, `2026-10-06`: from /etc/rpi-issue. `None` where that file says none.
    pub date: Option<String>,
    /// Lite, desktop or full: the pi-gen stage in /etc/rpi-issue.
    pub edition: Edition,
    /// The architecture of its programs.
    pub architecture: Architecture,
    /// The mount point of the boot partition, from /etc/fstab.
    pub boot_mount: BootMount,
    /// cloud-init is installed.
    pub cloud_init: bool,
    /// The way in which the first boot grows the root partition.
    pub first_boot: FirstBoot,
    /// The program that configures the network.
    pub network: NetworkStack,
}

/// The Debian release it is made from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Codename {
    /// Debian 11.
    Bullseye,
    /// Debian 12.
    Bookworm,
    /// Debian 13.
    Trixie,
}

impl Codename {
    /// Every release that cardwright knows, the oldest first.
    pub const ALL: [Self; 3] = [Self::Bullseye, Self::Bookworm, Self::Trixie];
    /// The newest release that cardwright knows.
    pub const NEWEST: Self = Self::Trixie;

    /// Returns the name as /etc/os-release has it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Bullseye => "bullseye",
            Self::Bookworm => "bookworm",
            Self::Trixie => "trixie",
        }
    }

    /// Finds the release of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|codename| codename.as_str() == name)
    }
}

/// The last of them is the newest: a release that is declared and not listed in `ALL` stops here.
const _: () = assert!(Codename::NEWEST as usize + 1 == Codename::ALL.len());

impl fmt::Display for Codename {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// The extent of what is installed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Edition {
    /// No desktop.
    Lite,
    /// A desktop.
    Desktop,
    /// A desktop and recommended programs.
    Full,
    /// /etc/rpi-issue does not say.
    Unknown,
}

/// The mount point of the boot partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum BootMount {
    /// Up to bullseye.
    #[serde(rename = "/boot")]
    Boot,
    /// From bookworm on.
    #[serde(rename = "/boot/firmware")]
    BootFirmware,
}

impl BootMount {
    /// Returns the path.
    pub fn path(self) -> &'static str {
        match self {
            Self::Boot => "/boot",
            Self::BootFirmware => "/boot/firmware",
        }
    }
}

/// The way in which the first boot grows the root partition to the card: a word in cmdline.txt that has to stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum FirstBoot {
    /// `init=/usr/lib/raspberrypi-sys-mods/firstboot`: bullseye and bookworm. Deletes SSH host keys.
    InitScript,
    /// `resize`: trixie, in its initramfs.
    ResizeWord,
    /// Neither word is there: the image was booted before, or is not a stock image.
    None,
}

/// The program that configures the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum NetworkStack {
    /// dhcpcd5: bullseye.
    Dhcpcd,
    /// NetworkManager: from bookworm on.
    NetworkManager,
}
