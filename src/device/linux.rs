//! The disks of a Linux machine: sysfs and mountinfo say which there are and what they are used for (sysfs(5),
//! proc_pid_mountinfo(5)). Three things that are not files are left to programs of util-linux and udev, as there is no call for
//! them in safe Rust: discarding, reading the partition table, and waiting for udev.

use super::aligned::{ALIGNMENT, AlignedBuffer, is_aligned};
use super::{
    Bus, Device, DeviceError, DeviceHost, DevicePartition, Identity, LARGEST_CARD, Mount, Obstacle,
    OpenDevice, SECTOR_SIZE,
};
use crate::io::{DiskFile, ReadAt, WriteAt};
use crate::types::{ByteCount, ByteOffset};
use rustix::fs::OFlags;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, OpenOptions};
use std::io::{self, Seek as _, SeekFrom};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Disks that are none of a machine's own: memory, parts of others, drives for other media. A loop device is a disk where
/// it is named.
const NO_CARDS: [&str; 10] = ["ram", "zram", "dm-", "md", "sr", "fd", "nbd", "mtdblock", "zd", "drbd"];

/// The places whose filesystems a system runs from; what is mounted below the first ones is, too.
const SYSTEM_TREES: [&str; 8] = ["/boot", "/efi", "/usr", "/var", "/etc", "/nix", "/opt", "/srv"];
const SYSTEM_PLACES: [&str; 4] = ["/", "/home", "/root", "/tmp"];

/// The Linux that this program runs on.
#[derive(Debug)]
pub struct LinuxHost {
    /// The root folder; that of a test is another.
    root: PathBuf,
}

impl Default for LinuxHost {
    fn default() -> Self {
        Self::new()
    }
}

impl LinuxHost {
    /// Returns the system that this program runs on.
    pub fn new() -> Self {
        Self { root: PathBuf::from("/") }
    }

    fn look(&self) -> Result<LinuxSystem, DeviceError> {
        LinuxSystem::read(&self.root)
    }
}

impl DeviceHost for LinuxHost {
    fn devices(&self) -> Result<Vec<Device>, DeviceError> {
        let system = self.look()?;
        let disks = system.disks().filter(|node| !node.name.starts_with("loop"));
        let disks = disks.filter(|node| !NO_CARDS.iter().any(|kind| node.name.starts_with(kind)));
        // Parts of soldered memory that only firmware writes to.
        let disks = disks.filter(|node| !(node.name.starts_with("mmcblk") && node.name.contains("boot")));
        Ok(disks.map(|node| system.device(node)).collect())
    }

    fn device(&self, path: &Path) -> Result<Device, DeviceError> {
        let found = fs::metadata(path).map_err(|source| DeviceError::opening(path, source))?;
        if !found.file_type().is_block_device() {
            return Err(DeviceError::NoDevice { path: path.to_owned() });
        }
        let number = number_of(found.rdev());
        let system = self.look()?;
        let node = system.nodes.values().find(|node| node.number == number);
        let node = node.ok_or_else(|| DeviceError::NotThere { path: path.to_owned() })?;
        match &node.disk {
            Some(disk) => Err(DeviceError::Partition { path: path.to_owned(), disk: path_of(disk) }),
            // The name that was given may be a link, which can lead elsewhere a moment later.
            None => Ok(system.device(node)),
        }
    }

    fn unmount(&self, device: &Device) -> Result<(), DeviceError> {
        // What is mounted inside another mount goes first.
        let mut mounts: Vec<_> = device.mounts.iter().collect();
        mounts.sort_by_key(|mount| std::cmp::Reverse(mount.at.components().count()));
        for Mount { at, .. } in mounts {
            let done = rustix::mount::unmount(at, rustix::mount::UnmountFlags::NOFOLLOW);
            done.map_err(|errno| match io::Error::from(errno) {
                denied if denied.raw_os_error() == Some(rustix::io::Errno::PERM.raw_os_error()) => {
                    DeviceError::Denied { path: device.path.clone() }
                }
                source => DeviceError::Unmount { at: at.clone(), source },
            })?;
        }
        Ok(())
    }

    fn open(&self, device: &Device) -> Result<Box<dyn OpenDevice>, DeviceError> {
        let path = &device.path;
        let failed = |source| DeviceError::opening(path, source);
        let mut options = OpenOptions::new();
        // Without O_CREAT, O_EXCL fails with EBUSY where the system uses the device or a partition of it, and keeps
        // others from mounting one (open(2)). O_DIRECT goes around the page cache: a worn-out card that became read-only
        // passes a comparison with the cache.
        options.read(true).write(true).custom_flags((OFlags::EXCL | OFlags::DIRECT).bits().cast_signed());
        let mut file = options.open(path).map_err(failed)?;
        let number = number_of(file.metadata().map_err(failed)?.rdev());
        let sequence = sequence_of(&self.root.join("sys/block").join(device.name()));
        if (Identity { number, sequence }) != device.identity {
            return Err(DeviceError::Changed { path: path.clone() });
        }
        let size = ByteCount::new(file.seek(SeekFrom::End(0)).map_err(failed)?);
        Ok(Box::new(LinuxDevice { path: path.clone(), file: DiskFile::of_size(file, size) }))
    }

    fn read_table(&self, device: &Device) {
        let path = device.path.as_os_str();
        if let Err(error) = run("blockdev", &["--rereadpt".as_ref(), path]) {
            tracing::debug!("the kernel keeps the old partitions of {}: {error}", device.path.display());
        }
        if let Err(error) = run("udevadm", &["settle".as_ref(), "--timeout=10".as_ref()]) {
            tracing::debug!("udev may not be done yet: {error}");
        }
    }
}

/// A device that is open.
struct LinuxDevice {
    path: PathBuf,
    file: DiskFile,
}

impl LinuxDevice {
    fn folder(&self) -> io::Result<PathBuf> {
        let name = self.path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
        Ok(Path::new("/sys/block").join(name))
    }
}

impl ReadAt for LinuxDevice {
    fn size(&self) -> ByteCount {
        self.file.size()
    }

    fn read_at(&self, offset: ByteOffset, buffer: &mut [u8]) -> io::Result<()> {
        let sector = u64::from(SECTOR_SIZE);
        let start = offset.get() / sector * sector;
        let end = (offset.get() + buffer.len() as u64).next_multiple_of(sector);
        if is_aligned(buffer) && start == offset.get() && end - start == buffer.len() as u64 {
            return self.file.read_at(offset, buffer);
        }
        let length = ByteCount::new(end - start).as_usize();
        let mut around = AlignedBuffer::new(length);
        self.file.read_at(ByteOffset::new(start), around.first_mut(length))?;
        let (_, wanted) = around.first(length).split_at(ByteCount::new(offset.get() - start).as_usize());
        buffer.copy_from_slice(wanted.split_at(buffer.len()).0);
        Ok(())
    }
}

impl WriteAt for LinuxDevice {
    fn write_at(&self, offset: ByteOffset, bytes: &[u8]) -> io::Result<()> {
        if is_aligned(bytes) {
            return self.file.write_at(offset, bytes);
        }
        let mut copy = AlignedBuffer::new(bytes.len().next_multiple_of(ALIGNMENT));
        copy.first_mut(bytes.len()).copy_from_slice(bytes);
        self.file.write_at(offset, copy.first(bytes.len()))
    }
}

impl OpenDevice for LinuxDevice {
    fn discard(&self) -> io::Result<bool> {
        let most = fs::read_to_string(self.folder()?.join("queue/discard_max_bytes"))?;
        if most.trim() == "0" {
            return Ok(false);
        }
        // Forced, as this program itself holds the device.
        run("blkdiscard", &["--force".as_ref(), self.path.as_os_str()]).map(|()| true)
    }

    fn flush(&self) -> io::Result<()> {
        // The device may have a cache of its own, O_DIRECT or not.
        self.file.file().sync_all()
    }
}

/// Runs a program of the system's that has to succeed.
fn run(name: &str, arguments: &[&std::ffi::OsStr]) -> io::Result<()> {
    // Programs of root's are not in the PATH of every user.
    let folders = ["/usr/sbin", "/sbin", "/usr/bin", "/bin"].map(Path::new);
    let program = folders.iter().map(|folder| folder.join(name)).find(|path| path.is_file());
    let program =
        program.ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, format!("there is no `{name}`")))?;
    let output = Command::new(program).args(arguments).stdin(Stdio::null()).output()?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(io::Error::other(format!("`{name}` failed: {}", said.lines().last().unwrap_or("it says nothing"))))
}

/// Returns the path of a device.
fn path_of(name: &str) -> PathBuf {
    // Slashes in names of devices are exclamation marks in sysfs.
    Path::new("/dev").join(name.replace('!', "/"))
}

/// Returns the number of a device as sysfs writes it.
fn number_of(device: u64) -> String {
    format!("{}:{}", rustix::fs::major(device), rustix::fs::minor(device))
}

/// Returns what a small file of sysfs holds; `None` where it is missing, cannot be read or is empty.
fn value(path: &Path) -> Option<String> {
    let bytes = fs::read(path).ok()?;
    let text = String::from_utf8_lossy(&bytes).split_whitespace().collect::<Vec<_>>().join(" ");
    (!text.is_empty()).then_some(text)
}

fn number_in(path: &Path) -> Option<u64> {
    value(path)?.parse().ok()
}

fn sequence_of(folder: &Path) -> Option<u64> {
    number_in(&folder.join("diskseq"))
}

/// Returns the names in a folder, in order; none where there is no such folder.
fn names_in(folder: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
    names.collect::<BTreeSet<_>>().into_iter().collect()
}

/// A disk or a partition.
#[derive(Debug)]
struct Node {
    name: String,
    /// `8:17`
    number: String,
    /// The disk that it is a partition of.
    disk: Option<String>,
    /// The devices it is made from, and those made from it that are no partitions.
    slaves: Vec<String>,
    holders: Vec<String>,
    folder: PathBuf,
}

impl Node {
    fn read(folder: PathBuf, name: &str, disk: Option<&str>) -> Option<Self> {
        Some(Self {
            name: name.to_owned(),
            number: value(&folder.join("dev"))?,
            disk: disk.map(str::to_owned),
            slaves: names_in(&folder.join("slaves")),
            holders: names_in(&folder.join("holders")),
            folder,
        })
    }

    fn size(&self) -> ByteCount {
        // In sectors of 512 bytes, whatever those of the device have.
        ByteCount::new(number_in(&self.folder.join("size")).map_or(0, |sectors| sectors * 512))
    }
}

/// A line of mountinfo.
#[derive(Debug)]
struct MountLine {
    number: String,
    source: String,
    at: PathBuf,
}

/// The block devices of a system and what is mounted, at one moment.
struct LinuxSystem {
    root: PathBuf,
    nodes: BTreeMap<String, Node>,
    mounts: Vec<MountLine>,
    /// The names of devices that are swapped to.
    swaps: Vec<String>,
}

impl LinuxSystem {
    fn read(root: &Path) -> Result<Self, DeviceError> {
        let all = root.join("sys/block");
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| DeviceError::System { path, source }
        };
        fs::read_dir(&all).map_err(failed(&all))?;
        let mut nodes = BTreeMap::new();
        for disk in names_in(&all) {
            let folder = all.join(&disk);
            for name in names_in(&folder) {
                let part = folder.join(&name);
                if part.join("partition").is_file() {
                    nodes.extend(Node::read(part, &name, Some(&disk)).map(|node| (name, node)));
                }
            }
            nodes.extend(Node::read(folder, &disk, None).map(|node| (disk, node)));
        }
        let mountinfo = root.join("proc/self/mountinfo");
        let text = fs::read(&mountinfo).map_err(failed(&mountinfo))?;
        let mounts = String::from_utf8_lossy(&text).lines().filter_map(mount_line).collect();
        let swaps = value_lines(&root.join("proc/swaps"));
        let swaps = swaps.iter().skip(1).filter_map(|line| line.split_whitespace().next());
        let swaps = swaps.filter_map(|path| device_name(root, &unescaped(path))).collect();
        Ok(Self { root: root.to_owned(), nodes, mounts, swaps })
    }

    fn disks(&self) -> impl Iterator<Item = &Node> {
        self.nodes.values().filter(|node| node.disk.is_none())
    }

    /// Returns the device that a mounted filesystem is on. Filesystems that span devices (Btrfs) have numbers of their own,
    /// and name one of the devices.
    fn mounted_node(&self, mount: &MountLine) -> Option<&Node> {
        let by_number = self.nodes.values().find(|node| node.number == mount.number);
        by_number.or_else(|| self.nodes.get(&device_name(&self.root, &mount.source)?))
    }

    /// Returns the names of all disks that a device is a part of or made from, through partitions, LVM, RAID, encryption and
    /// files that look like disks.
    fn disks_below(&self, node: &Node, found: &mut BTreeSet<String>) {
        if !found.insert(node.name.clone()) {
            return;
        }
        let file = value(&node.folder.join("loop/backing_file")).map(PathBuf::from);
        let filesystem = file.and_then(|file| {
            let around = self.mounts.iter().filter(|mount| file.starts_with(&mount.at));
            self.mounted_node(around.max_by_key(|mount| mount.at.components().count())?)
        });
        let named = node.disk.iter().chain(&node.slaves).filter_map(|name| self.nodes.get(name));
        for below in named.chain(filesystem) {
            self.disks_below(below, found);
        }
    }

    fn is_below(&self, disk: &Node, node: &Node) -> bool {
        let mut found = BTreeSet::new();
        self.disks_below(node, &mut found);
        found.contains(&disk.name)
    }

    /// Returns the disk and its partitions.
    fn parts<'system>(&'system self, disk: &'system Node) -> impl Iterator<Item = &'system Node> {
        let of_disk = |node: &&Node| node.disk.as_ref() == Some(&disk.name);
        std::iter::once(disk).chain(self.nodes.values().filter(of_disk))
    }

    fn device(&self, disk: &Node) -> Device {
        let bus = bus_of(disk);
        let removable =
            number_in(&disk.folder.join("removable")) == Some(1) || matches!(bus, Bus::Sd | Bus::Usb);
        let parts: Vec<&Node> = self.parts(disk).collect();
        let mounted = |mount: &MountLine| {
            let node = self.mounted_node(mount)?;
            let is_on_it = parts.iter().any(|part| part.name == node.name);
            is_on_it.then(|| Mount { of: path_of(&node.name), at: mount.at.clone() })
        };
        let mut device = Device {
            model: model_of(disk),
            serial: serial_of(disk),
            removable,
            partitions: parts.iter().skip(1).map(|part| self.partition(part)).collect(),
            mounts: self.mounts.iter().filter_map(mounted).collect(),
            identity: Identity { number: disk.number.clone(), sequence: sequence_of(&disk.folder) },
            ..Device::new(path_of(&disk.name), disk.size(), bus)
        };
        device.obstacles = self.obstacles(disk, &parts, &device);
        device
    }

    fn partition(&self, part: &Node) -> DevicePartition {
        let udev = value_lines(&self.root.join("run/udev/data").join(format!("b{}", part.number)));
        let property = |key: &str| {
            let found =
                udev.iter().find_map(|line| line.strip_prefix("E:")?.strip_prefix(key)?.strip_prefix('='));
            found.filter(|value| !value.is_empty()).map(str::to_owned)
        };
        DevicePartition {
            path: path_of(&part.name),
            size: part.size(),
            label: property("ID_FS_LABEL"),
            filesystem: property("ID_FS_TYPE"),
        }
    }

    fn obstacles(&self, disk: &Node, parts: &[&Node], device: &Device) -> Vec<Obstacle> {
        let mut obstacles = Vec::new();
        obstacles.extend(self.system_use(disk).map(|found| Obstacle::System { found }));
        let holders = parts.iter().flat_map(|part| &part.holders).collect::<BTreeSet<_>>();
        obstacles.extend(holders.into_iter().map(|holder| {
            let name = self.nodes.get(holder).and_then(|node| value(&node.folder.join("dm/name")));
            Obstacle::Held { by: name.map_or_else(|| holder.clone(), |name| format!("{holder} ({name})")) }
        }));
        if let Some(slave) = disk.slaves.first() {
            obstacles.push(Obstacle::Held { by: format!("what it is made from, {slave}") });
        }
        if obstacles.is_empty() {
            obstacles.extend(device.mounts.iter().map(|mount| Obstacle::Mounted { at: mount.at.clone() }));
        }
        if device.size == ByteCount::ZERO {
            obstacles.push(Obstacle::NoMedium);
            return obstacles;
        }
        if number_in(&disk.folder.join("ro")) == Some(1) {
            obstacles.push(Obstacle::ReadOnly);
        }
        match value(&disk.folder.join("queue/logical_block_size")).map(|size| size.parse()) {
            Some(Ok(size)) if size != SECTOR_SIZE => obstacles.push(Obstacle::SectorSize { size }),
            _ => {}
        }
        if !device.removable && device.bus != Bus::Loop {
            obstacles.push(Obstacle::BuiltIn);
        }
        if device.size > LARGEST_CARD {
            obstacles.push(Obstacle::Large { size: device.size });
        }
        obstacles
    }

    /// Returns what of this system is on a disk, as a clause.
    fn system_use(&self, disk: &Node) -> Option<String> {
        let mounted = self
            .mounts
            .iter()
            .filter(|mount| is_system(&mount.at))
            .find(|mount| self.mounted_node(mount).is_some_and(|node| self.is_below(disk, node)));
        let swapped = || {
            let mut swaps = self.swaps.iter().filter_map(|name| self.nodes.get(name));
            swaps.find(|node| self.is_below(disk, node)).map(|node| format!("it swaps to {}", node.name))
        };
        mounted.map(|mount| format!("{} is on it", mount.at.display())).or_else(swapped)
    }
}

fn is_system(at: &Path) -> bool {
    SYSTEM_PLACES.iter().any(|place| at == Path::new(place))
        || SYSTEM_TREES.iter().any(|tree| at.starts_with(tree))
}

/// Returns the lines of a text file; none where it cannot be read.
fn value_lines(path: &Path) -> Vec<String> {
    let text = fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    text.iter().flat_map(|text| text.lines()).map(str::to_owned).collect()
}

/// Returns the name of the device at a path below /dev, which may be a link (`/dev/mapper/root`).
fn device_name(root: &Path, path: &str) -> Option<String> {
    let relative = path.strip_prefix("/dev/")?;
    let real = fs::canonicalize(root.join("dev").join(relative)).ok();
    let named = real.as_deref().unwrap_or(Path::new(path));
    Some(named.file_name()?.to_str()?.to_owned())
}

/// Reads a line of mountinfo: `36 35 8:17 / /media/card rw,noatime shared:1 - ext4 /dev/sdb1 rw`.
fn mount_line(line: &str) -> Option<MountLine> {
    let (before, after) = line.split_once(" - ")?;
    let mut fields = before.split(' ').skip(2);
    let number = fields.next()?.to_owned();
    let at = PathBuf::from(unescaped(fields.nth(1)?));
    Some(MountLine { number, source: unescaped(after.split(' ').nth(1)?), at })
}

/// Returns a path of mountinfo, in which the kernel writes white space and backslashes as octal numbers: `\040`.
fn unescaped(text: &str) -> String {
    let mut parts = text.split('\\');
    let mut plain = parts.next().map_or_else(String::new, str::to_owned);
    for part in parts {
        let code = part.get(..3).and_then(|digits| u8::from_str_radix(digits, 8).ok());
        if let (Some(code), Some(rest)) = (code, part.get(3..)) {
            plain.push(char::from(code));
            plain.push_str(rest);
        } else {
            plain.push('\\');
            plain.push_str(part);
        }
    }
    plain
}

fn bus_of(disk: &Node) -> Bus {
    if disk.name.starts_with("loop") {
        return Bus::Loop;
    }
    let path = fs::canonicalize(&disk.folder).map(|path| path.to_string_lossy().into_owned());
    let is_on = |bus: &str| path.as_ref().is_ok_and(|path| path.contains(bus));
    match value(&disk.folder.join("device/type")).as_deref() {
        Some("SD") => Bus::Sd,
        Some("MMC") => Bus::Emmc,
        _ if is_on("/usb") => Bus::Usb,
        _ if is_on("/nvme") => Bus::Nvme,
        _ if is_on("/ata") => Bus::Ata,
        _ => Bus::Other,
    }
}

fn model_of(disk: &Node) -> Option<String> {
    let of = |name: &str| value(&disk.folder.join("device").join(name));
    let words: Vec<String> =
        [of("vendor"), of("model").or_else(|| of("name"))].into_iter().flatten().collect();
    // Virtual disks have a number for a maker.
    let words: Vec<String> = words.into_iter().filter(|word| !word.starts_with("0x")).collect();
    (!words.is_empty()).then(|| words.join(" "))
}

fn serial_of(disk: &Node) -> Option<String> {
    let own = [disk.folder.join("device/serial"), disk.folder.join("serial")];
    own.iter().find_map(|path| value(path)).or_else(|| {
        // That of the USB device that it is behind.
        let real = fs::canonicalize(&disk.folder).ok()?;
        let device = real.ancestors().find(|folder| folder.join("idVendor").is_file())?;
        value(&device.join("serial"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    /// A tree like those of sysfs and procfs.
    struct Tree(tempfile::TempDir);

    impl Tree {
        fn new(mountinfo: &str, swaps: &str) -> Self {
            let tree = Self(tempfile::tempdir().unwrap());
            tree.file("proc/self/mountinfo", mountinfo);
            tree.file("proc/swaps", &format!("Filename Type Size Used Priority\n{swaps}"));
            fs::create_dir_all(tree.path("sys/block")).unwrap();
            tree
        }

        fn path(&self, relative: &str) -> PathBuf {
            self.0.path().join(relative)
        }

        fn file(&self, relative: &str, text: &str) {
            let path = self.path(relative);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }

        /// A disk at a place in the tree of devices, with partitions: number and size in sectors.
        fn disk(&self, at: &str, number: &str, sectors: u64, files: &[(&str, &str)], parts: &[(&str, u64)]) {
            let name = at.rsplit('/').next().unwrap();
            let folder = format!("sys/devices/{at}");
            self.file(&format!("{folder}/dev"), number);
            self.file(&format!("{folder}/size"), &sectors.to_string());
            self.file(&format!("{folder}/queue/logical_block_size"), "512");
            for (path, text) in files {
                self.file(&format!("{folder}/{path}"), text);
            }
            let (major, minor) = number.split_once(':').unwrap();
            for (place, (part, sectors)) in (1..).zip(parts) {
                let part = format!("{folder}/{part}");
                self.file(&format!("{part}/partition"), &place.to_string());
                self.file(&format!("{part}/size"), &sectors.to_string());
                let minor: u32 = minor.parse().unwrap();
                self.file(&format!("{part}/dev"), &format!("{major}:{}", minor + place));
            }
            symlink(self.path(&folder), self.path(&format!("sys/block/{name}"))).unwrap();
        }

        fn devices(&self) -> Vec<Device> {
            LinuxHost { root: self.0.path().to_owned() }.devices().unwrap()
        }

        fn device(&self, name: &str) -> Device {
            let system = LinuxSystem::read(self.0.path()).unwrap();
            system.device(&system.nodes[name])
        }
    }

    const READER: &str = "pci0000:00/usb1/1-4/host6/block/sdb";

    /// A laptop: encrypted root on an NVMe disk, a USB reader with a card, a slot with another, an empty one.
    fn laptop() -> Tree {
        let tree = Tree::new(
            "22 1 254:0 / / rw shared:1 - ext4 /dev/mapper/root rw\n\
             23 22 259:1 / /boot/efi rw - vfat /dev/nvme0n1p1 rw\n\
             24 22 0:45 / /proc rw - proc proc rw\n\
             30 22 8:17 / /media/me/my\\040card rw,nosuid shared:5 master:2 - vfat /dev/sdb1 rw\n",
            "/dev/zram0 partition 100 0 100\n",
        );
        tree.disk(
            "pci0000:00/nvme/nvme0/nvme0n1",
            "259:0",
            2_000_000_000,
            &[("device/model", "Fast 1 TB\n"), ("device/serial", "N1\n")],
            &[("nvme0n1p1", 1000), ("nvme0n1p2", 9000)],
        );
        tree.disk("virtual/block/dm-0", "254:0", 9000, &[("dm/name", "root"), ("slaves/nvme0n1p2", "")], &[]);
        tree.file("sys/devices/pci0000:00/nvme/nvme0/nvme0n1/nvme0n1p2/holders/dm-0", "");
        let reader = [
            ("removable", "1"),
            ("device/vendor", "Generic "),
            ("device/model", "MassStorageClass"),
            ("diskseq", "17"),
        ];
        tree.disk(READER, "8:16", 62_333_952, &reader, &[("sdb1", 1_048_576), ("sdb2", 61_267_968)]);
        tree.file("sys/devices/pci0000:00/usb1/1-4/idVendor", "05e3");
        tree.file("sys/devices/pci0000:00/usb1/1-4/serial", "000000001206");
        tree.file(
            "run/udev/data/b8:17",
            "I:1\nE:ID_FS_LABEL=bootfs\nE:ID_FS_TYPE=vfat\nE:ID_FS_LABEL_ENC=x\n",
        );
        tree.disk("pci0000:00/usb1/1-4/host6/block/sdc", "8:32", 0, &[("removable", "1")], &[]);
        let card = [
            ("removable", "0"),
            ("device/type", "SD"),
            ("device/name", "SD64G"),
            ("device/serial", "0x1234"),
        ];
        tree.disk("pci0000:00/mmc_host/mmc0/block/mmcblk0", "179:0", 124_735_488, &card, &[]);
        tree.disk("virtual/block/zram0", "253:0", 100, &[], &[]);
        tree.disk("virtual/block/loop0", "7:0", 100, &[], &[]);
        tree.disk("pci0000:00/ata3/block/sr0", "11:0", 100, &[("removable", "1")], &[]);
        tree
    }

    #[test]
    fn disks_are_listed_with_what_is_on_them() {
        let devices = laptop().devices();
        let shown: Vec<String> =
            devices.iter().map(|device| serde_json::to_string_pretty(device).unwrap()).collect();
        insta::assert_snapshot!(shown.join("\n"));
    }

    #[test]
    fn a_system_disk_is_found_through_whatever_is_between() {
        let tree = laptop();
        let is_system = |tree: &Tree, name: &str| {
            tree.device(name).obstacles.iter().any(|obstacle| matches!(obstacle, Obstacle::System { .. }))
        };
        assert!(is_system(&tree, "nvme0n1") && is_system(&tree, "dm-0") && is_system(&tree, "zram0"));
        assert!(!is_system(&tree, "sdb") && !is_system(&tree, "mmcblk0") && !is_system(&tree, "loop0"));
        // From a file on the card, as a live system does, and from a Btrfs, which has a number of its own.
        for mountinfo in [
            "1 0 7:0 / / rw - squashfs /dev/loop0 rw\n2 1 8:17 / /run/live rw - vfat /dev/sdb1 rw\n",
            "1 0 0:30 /@ / rw - btrfs /dev/sdb1 rw\n",
        ] {
            tree.file("sys/devices/virtual/block/loop0/loop/backing_file", "/run/live/root.squashfs\n");
            tree.file("proc/self/mountinfo", mountinfo);
            assert!(is_system(&tree, "sdb"), "{mountinfo}");
            assert!(!is_system(&tree, "nvme0n1"));
        }
        tree.file("proc/self/mountinfo", "");
        tree.file("proc/swaps", "Filename\n/dev/sdb2 partition 1 1 1\n");
        assert!(is_system(&tree, "sdb") && !is_system(&tree, "mmcblk0"));
    }

    #[test]
    fn what_is_write_protected_or_large_or_of_other_sectors_is_an_obstacle() {
        let tree = laptop();
        tree.file(&format!("sys/devices/{READER}/ro"), "1");
        tree.file(&format!("sys/devices/{READER}/size"), "1000000000");
        tree.file(&format!("sys/devices/{READER}/queue/logical_block_size"), "4096");
        let said: Vec<String> = tree.device("sdb").obstacles.iter().map(ToString::to_string).collect();
        assert_eq!(
            said,
            [
                "it is mounted at /media/me/my card",
                "it is write-protected",
                "its sectors have 4096 bytes, and images are made for sectors of 512",
                "it has 476 GiB, more than 256 GiB, which few cards have",
            ]
        );
        let internal = tree.device("nvme0n1");
        assert!(internal.obstacles.contains(&Obstacle::BuiltIn) && !internal.removable);
    }

    #[test]
    fn the_kernels_escapes_are_undone() {
        assert_eq!(unescaped("/media/a\\040b\\134c"), "/media/a b\\c");
        assert_eq!(unescaped("/a\\x"), "/a\\x");
        assert!(mount_line("no mount").is_none());
    }
}
