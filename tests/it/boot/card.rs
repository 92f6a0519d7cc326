//! An SD card: a file that an image was written to.

use crate::boot::command::run;
use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// 4 GB as it is printed on a card, larger than any image here, so that the first boot has room to grow into.
const CARD_SIZE: u64 = 4_000_000_000;

/// A card. It never is the image itself: first boots write.
pub(crate) struct Card {
    /// The file.
    pub(crate) path: PathBuf,
}

/// What a Raspberry Pi's firmware takes from a card's boot partition.
pub(crate) struct Firmware {
    /// kernel8.img.
    pub(crate) kernel: PathBuf,
    /// initramfs8.
    pub(crate) initramfs: PathBuf,
    /// The line of cmdline.txt.
    pub(crate) command_line: String,
}

impl Card {
    /// A new card at `path` with `image` on it.
    pub(crate) fn flash(image: &Path, path: PathBuf) -> Self {
        run(Command::new("cp").arg("--sparse=always").args([image, &path]));
        OpenOptions::new().write(true).open(&path).unwrap().set_len(CARD_SIZE).unwrap();
        Self { path }
    }

    /// Reads what the firmware reads, into files in `folder`.
    pub(crate) fn firmware(&self, folder: &Path) -> Firmware {
        let firmware = Firmware {
            kernel: folder.join("kernel8.img"),
            initramfs: folder.join("initramfs8"),
            command_line: self.boot_file("cmdline.txt").lines().next().unwrap().to_owned(),
        };
        self.copy_boot_file("kernel8.img", &firmware.kernel);
        self.copy_boot_file("initramfs8", &firmware.initramfs);
        firmware
    }

    /// The text of a file on the boot partition.
    pub(crate) fn boot_file(&self, name: &str) -> String {
        run(Command::new("mtype").args(["-i", &self.boot_partition(), &format!("::/{name}")]))
    }

    fn copy_boot_file(&self, name: &str, to: &Path) {
        run(Command::new("mcopy")
            .args(["-n", "-o", "-i", &self.boot_partition(), &format!("::/{name}")])
            .arg(to));
    }

    /// The boot partition as mtools writes it.
    fn boot_partition(&self) -> String {
        format!("{}@@{}", self.path.display(), self.partition_start(0))
    }

    /// The first byte of a partition, as the MBR has it; the first partition is 0.
    fn partition_start(&self, index: u64) -> u64 {
        let mut start = [0; 4];
        File::open(&self.path).unwrap().read_exact_at(&mut start, 446 + 16 * index + 8).unwrap();
        u64::from(u32::from_le_bytes(start)) * 512
    }

    /// Lets e2fsck look at the root partition of a card that was taken out of a machine that was switched off.
    pub(crate) fn judge_root(&self) {
        let offset = self.partition_start(1);
        run(Command::new("e2fsck").arg("-fn").arg(format!("{}?offset={offset}", self.path.display())));
    }

    /// The four bytes of the MBR that PARTUUIDs are made of, as hexadecimal digits.
    pub(crate) fn disk_id(&self) -> String {
        run(Command::new("sfdisk").arg("--disk-id").arg(&self.path))
            .trim()
            .trim_start_matches("0x")
            .to_owned()
    }
}
