//! Telling which Raspberry Pi OS an image holds.

use super::os_release::OsRelease;
use super::packages::{Packages, STATUS};
use super::{BootMount, Codename, DetectError, Edition, FirstBoot, NetworkStack, Release};
use crate::patch::{Partition, PatchError, Stock};
use crate::systemd;
use crate::types::absent::OrEmpty as _;
use crate::types::{Architecture, ImagePath, image_path, is_date};

/// Finds out which Raspberry Pi OS an image holds.
///
/// # Errors
/// When it holds none, or one of a release that cardwright does not know.
pub fn detect(stock: &dyn Stock) -> Result<Release, DetectError> {
    let os_release = check_debian(stock)?;
    let name = os_release.value("VERSION_CODENAME");
    let codename = name.and_then(Codename::parse);
    if let Some(found) = foreign(stock)? {
        // An image for a personal computer, such as Raspberry Pi Desktop, is called that.
        architecture(stock, &Packages::read(stock)?, &os_release)?;
        return Err(DetectError::OtherDebian { found, codename });
    }
    match codename {
        Some(codename) => release(stock, codename, &os_release),
        None if os_release.is_too_old() => Err(DetectError::TooOld { found: os_release.named() }),
        None => Err(DetectError::UnknownRelease { found: os_release.named() }),
    }
}

/// Describes an image that is to be treated as `codename` whatever it says itself, also one that
/// [lacks the marks](foreign) of Raspberry Pi OS.
///
/// # Errors
/// When it holds no Debian.
pub fn detect_as(stock: &dyn Stock, codename: Codename) -> Result<Release, DetectError> {
    release(stock, codename, &check_debian(stock)?)
}

/// Builders of other images for the Raspberry Pi that say `ID=debian` too, and a file of each.
const OTHER_BUILDERS: [(Partition, ImagePath, &str); 4] = [
    (Partition::Root, image_path!("/etc/armbian-release"), "Armbian"),
    (Partition::Root, image_path!("/boot/dietpi"), "DietPi"),
    (Partition::Boot, image_path!("/dietpi.txt"), "DietPi"),
    // What rpi-set-sysconf reads (raspi.debian.net, image-specs).
    (Partition::Boot, image_path!("/sysconf.txt"), "Debian's own image for the Raspberry Pi"),
];

const ISSUE: ImagePath = image_path!("/etc/rpi-issue");
const CMDLINE: ImagePath = image_path!("/cmdline.txt");

/// Returns the evidence that a Debian is not Raspberry Pi OS, as a clause; `None` for one that is.
///
/// # Errors
/// When the image cannot be read.
pub fn foreign(stock: &dyn Stock) -> Result<Option<String>, PatchError> {
    for (partition, path, builder) in OTHER_BUILDERS {
        if stock.exists(partition, &path)? {
            return Ok(Some(format!("it has {path} on the {partition} partition, so it is {builder}")));
        }
    }
    // Written by pi-gen, and by nothing else.
    if !stock.exists(Partition::Root, &ISSUE)? {
        return Ok(Some("it has no /etc/rpi-issue".to_owned()));
    }
    // Resizes the root partition, makes host keys and enables SSH at the first boot.
    let lacks =
        stock.exists(Partition::Root, &STATUS)? && !Packages::read(stock)?.has("raspberrypi-sys-mods");
    Ok(lacks.then(|| "the package raspberrypi-sys-mods is not installed".to_owned()))
}

/// Returns how it shows that an image was booted before, as a clause that follows "the image"; `None` for one
/// that never was. Cards made from a booted image would all be the same machine.
///
/// # Errors
/// When the image cannot be read.
pub fn booted_before(stock: &dyn Stock, release: &Release) -> Result<Option<&'static str>, PatchError> {
    // systemd writes 32 hexadecimal digits; a stock image has `uninitialized` or an empty file there
    // (machine-id(5)).
    let machine_id = stock.read_lossy(Partition::Root, &image_path!("/etc/machine-id"))?.or_empty();
    if machine_id.trim().len() == 32 && machine_id.trim().bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Ok(Some("has a machine id, which it got when it was booted"));
    }
    // Other builders have other ways to grow.
    let is_bare = release.first_boot == FirstBoot::None && foreign(stock)?.is_none();
    Ok(is_bare
        .then_some("has no first boot before it: cmdline.txt has neither `resize` nor `init=…firstboot`"))
}

fn check_debian(stock: &dyn Stock) -> Result<OsRelease, DetectError> {
    let not = |found: &str| Err(DetectError::NotRaspberryPiOs { found: found.to_owned() });
    let Some(os_release) = OsRelease::read(stock)? else {
        return not("the root partition has no /etc/os-release");
    };
    // Debian's own name on 64-bit images, Raspbian's on 32-bit ones.
    let id = os_release.value("ID").or_empty();
    if !["debian", "raspbian"].contains(&id) {
        return not(&format!("/etc/os-release says `ID={id}`"));
    }
    if stock.read(Partition::Boot, &CMDLINE)?.is_none() {
        return not("the boot partition has no cmdline.txt");
    }
    Ok(os_release)
}

fn release(stock: &dyn Stock, codename: Codename, os_release: &OsRelease) -> Result<Release, DetectError> {
    let packages = Packages::read(stock)?;
    let issue = stock.read_lossy(Partition::Root, &ISSUE)?.or_empty();
    let release = Release {
        codename,
        date: date(&issue),
        edition: edition(&issue),
        architecture: architecture(stock, &packages, os_release)?,
        boot_mount: boot_mount(stock, codename)?,
        cloud_init: packages.has("cloud-init")
            || stock.exists(Partition::Root, &image_path!("/usr/bin/cloud-init"))?
            || systemd::in_stock(stock, "cloud-init-local.service")?,
        first_boot: first_boot(stock, codename)?,
        network: network(stock, &packages, codename)?,
    };
    tracing::debug!("the image holds {release:?}; /etc/rpi-issue says {:?}", issue.trim());
    Ok(release)
}

fn architecture(
    stock: &dyn Stock,
    packages: &Packages,
    os_release: &OsRelease,
) -> Result<Architecture, DetectError> {
    const LIBRARIES: [(ImagePath, Architecture); 4] = [
        (image_path!("/usr/lib/aarch64-linux-gnu"), Architecture::Arm64),
        (image_path!("/lib/aarch64-linux-gnu"), Architecture::Arm64),
        (image_path!("/usr/lib/arm-linux-gnueabihf"), Architecture::Armhf),
        (image_path!("/lib/arm-linux-gnueabihf"), Architecture::Armhf),
    ];
    match packages.architecture() {
        Some("arm64") => return Ok(Architecture::Arm64),
        Some("armhf") => return Ok(Architecture::Armhf),
        Some(found) => return Err(DetectError::UnsupportedArchitecture { found: found.to_owned() }),
        None => tracing::debug!("dpkg's list names no architecture: its libraries tell it"),
    }
    for (path, architecture) in LIBRARIES {
        if stock.exists(Partition::Root, &path)? {
            return Ok(architecture);
        }
    }
    let is_raspbian = os_release.value("ID") == Some("raspbian");
    Ok(if is_raspbian { Architecture::Armhf } else { Architecture::Arm64 })
}

/// Finds the mount point of the boot partition: field 2 of /etc/fstab (fstab(5)).
fn boot_mount(stock: &dyn Stock, codename: Codename) -> Result<BootMount, PatchError> {
    let fstab = stock.read_lossy(Partition::Root, &image_path!("/etc/fstab"))?.or_empty();
    let lines = fstab.lines().filter(|line| !line.trim_start().starts_with('#'));
    for mount_point in lines.filter_map(|line| line.split_whitespace().nth(1)) {
        match mount_point {
            "/boot/firmware" => return Ok(BootMount::BootFirmware),
            "/boot" => return Ok(BootMount::Boot),
            _ => {}
        }
    }
    tracing::debug!("/etc/fstab has no boot partition: it is mounted as in every {codename}");
    Ok(if codename == Codename::Bullseye { BootMount::Boot } else { BootMount::BootFirmware })
}

/// The first boot of images from before September 2022, which raspi-config brought along.
const RASPI_CONFIG_RESIZE: &str = "/usr/lib/raspi-config/init_resize.sh";

fn first_boot(stock: &dyn Stock, codename: Codename) -> Result<FirstBoot, DetectError> {
    let cmdline = stock.read_lossy(Partition::Boot, &CMDLINE)?.or_empty();
    // The kernel takes the last `init=`.
    let init = cmdline.split_ascii_whitespace().filter_map(|word| word.strip_prefix("init=")).next_back();
    match init {
        Some(RASPI_CONFIG_RESIZE) => Err(DetectError::TooOldFirstBoot { codename }),
        Some(init) if init.ends_with("/firstboot") => Ok(FirstBoot::InitScript),
        _ if cmdline.split_ascii_whitespace().any(|word| word == "resize") => Ok(FirstBoot::ResizeWord),
        _ => Ok(FirstBoot::None),
    }
}

/// Prefers the release's own where an image has both: bullseye offers NetworkManager to those who ask for it, and
/// bookworm has packages that bring dhcpcd along. The release's own comes first.
fn network(stock: &dyn Stock, packages: &Packages, codename: Codename) -> Result<NetworkStack, PatchError> {
    let network_manager =
        packages.has("network-manager") || systemd::in_stock(stock, "NetworkManager.service")?;
    let dhcpcd =
        packages.has("dhcpcd5") || stock.exists(Partition::Root, &image_path!("/etc/dhcpcd.conf"))?;
    Ok(match (codename, network_manager, dhcpcd) {
        (Codename::Bullseye, true, false) => NetworkStack::NetworkManager,
        (Codename::Bullseye, _, _) | (_, false, true) => NetworkStack::Dhcpcd,
        (_, _, _) => NetworkStack::NetworkManager,
    })
}

/// Finds `2026-10-06` in `Raspberry Pi reference 2026-10-06`.
fn date(issue: &str) -> Option<String> {
    issue.split_whitespace().find(|word| is_date(word)).map(str::to_owned)
}

/// Reads the last word of pi-gen's second line: the stage it stopped at.
fn edition(issue: &str) -> Edition {
    let mut words = issue.split([',', ' ', '\t', '\n', '\r']);
    let found = words.find_map(|word| match word {
        "stage2" => Some(Edition::Lite),
        "stage3" | "stage4" => Some(Edition::Desktop),
        "stage5" => Some(Edition::Full),
        _ => None,
    });
    found.unwrap_or(Edition::Unknown)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::patch::MemoryStock;
    use crate::raspios::test_stock::{bookworm, bullseye, put, put_boot, trixie, without};
    use crate::types::Hint as _;

    #[test]
    fn the_three_releases_are_told_apart() {
        assert_eq!(
            detect(&trixie()).unwrap(),
            Release {
                codename: Codename::Trixie,
                date: Some("2026-10-06".to_owned()),
                edition: Edition::Lite,
                architecture: Architecture::Arm64,
                boot_mount: BootMount::BootFirmware,
                cloud_init: true,
                first_boot: FirstBoot::ResizeWord,
                network: NetworkStack::NetworkManager,
            }
        );
        let bookworm = detect(&bookworm()).unwrap();
        assert_eq!(bookworm.codename, Codename::Bookworm);
        assert_eq!(bookworm.edition, Edition::Desktop);
        assert_eq!(bookworm.first_boot, FirstBoot::InitScript);
        assert_eq!(bookworm.network, NetworkStack::NetworkManager);
        assert!(!bookworm.cloud_init);
        let bullseye = detect(&bullseye()).unwrap();
        assert_eq!(bullseye.codename, Codename::Bullseye);
        assert_eq!(bullseye.architecture, Architecture::Armhf);
        assert_eq!(bullseye.boot_mount, BootMount::Boot);
        assert_eq!(bullseye.network, NetworkStack::Dhcpcd);
    }

    #[test]
    fn an_unknown_release_is_named_and_can_be_forced() {
        let stock = put(trixie(), "/usr/lib/os-release", "ID=debian\nVERSION_CODENAME=forky\n");
        let error = detect(&stock).unwrap_err();
        assert!(matches!(&error, DetectError::UnknownRelease { found } if found == "VERSION_CODENAME=forky"));
        assert!(error.hint().unwrap().contains("--force-release trixie"));
        assert_eq!(detect_as(&stock, Codename::Trixie).unwrap(), detect(&trixie()).unwrap());
    }

    #[test]
    fn what_is_not_raspberry_pi_os_is_refused_with_what_was_found() {
        let ubuntu = put(trixie(), "/usr/lib/os-release", "ID=ubuntu\nVERSION_CODENAME=noble\n");
        let cases: [(MemoryStock, &str); 3] = [
            (MemoryStock::new(), "no /etc/os-release"),
            (ubuntu, "ID=ubuntu"),
            (without(trixie(), Partition::Boot, "/cmdline.txt"), "no cmdline.txt"),
        ];
        for (stock, expected) in cases {
            let error = detect(&stock).unwrap_err();
            assert!(matches!(error, DetectError::NotRaspberryPiOs { .. }), "{expected}");
            assert!(error.to_string().contains(expected), "{error}");
        }
    }

    #[test]
    fn a_debian_of_somebody_else_is_named_and_can_be_forced() {
        let status = "Package: dpkg\nStatus: install ok installed\nArchitecture: arm64\n";
        // DietPi installs raspberrypi-sys-mods, and what was converted from Raspberry Pi OS keeps rpi-issue.
        for (stock, expected) in [
            (put(trixie(), "/etc/armbian-release", "BOARD=rpi4b\n"), "so it is Armbian"),
            (put(trixie(), "/boot/dietpi/.version", ""), "so it is DietPi"),
            (put_boot(bookworm(), "/dietpi.txt", ""), "so it is DietPi"),
            (put_boot(trixie(), "/sysconf.txt", ""), "so it is Debian's own image for the Raspberry Pi"),
            (without(trixie(), Partition::Root, "/etc/rpi-issue"), "it has no /etc/rpi-issue"),
            (put(trixie(), "/var/lib/dpkg/status", status), "raspberrypi-sys-mods is not installed"),
        ] {
            let error = detect(&stock).unwrap_err();
            assert!(matches!(error, DetectError::OtherDebian { .. }), "{error}");
            assert!(error.to_string().contains(expected), "{error}");
            let hint = error.hint().unwrap();
            assert!(hint.contains("--force-release trixie") || hint.contains("--force-release bookworm"));
            assert!(detect_as(&stock, Codename::Trixie).is_ok());
        }
        // It may grow in a way of its own; one that was booted is refused all the same.
        let stock = without(trixie(), Partition::Root, "/etc/rpi-issue");
        let stock = put_boot(stock, "/cmdline.txt", "root=LABEL=RASPIROOT rootwait\n");
        let release = detect_as(&stock, Codename::Trixie).unwrap();
        assert_eq!(booted_before(&stock, &release).unwrap(), None);
        let booted = put(stock, "/etc/machine-id", "0123456789abcdef0123456789abcdef\n");
        assert!(booted_before(&booted, &release).unwrap().is_some());
    }

    #[test]
    fn an_older_release_is_too_old_and_nothing_to_force() {
        for os_release in [
            "ID=raspbian\nVERSION_ID=\"10\"\nVERSION_CODENAME=buster\n",
            "ID=raspbian\nVERSION_CODENAME=stretch\n",
            "ID=raspbian\nVERSION_ID=\"8\"\n",
        ] {
            let error = detect(&put(bullseye(), "/usr/lib/os-release", os_release)).unwrap_err();
            assert!(error.to_string().contains("too old"), "{error}");
            assert!(!error.hint().unwrap().contains("force"), "{error}");
        }
    }

    #[test]
    fn a_bullseye_whose_first_boot_is_that_of_raspi_config_is_too_old_and_not_booted() {
        let cmdline =
            "console=tty1 root=PARTUUID=1-02 rootwait quiet init=/usr/lib/raspi-config/init_resize.sh\n";
        let error = detect(&put_boot(bullseye(), "/cmdline.txt", cmdline)).unwrap_err();
        assert!(matches!(error, DetectError::TooOldFirstBoot { codename: Codename::Bullseye }), "{error}");
        assert!(error.hint().unwrap().contains("2022-09"), "{error}");
    }

    #[test]
    fn the_last_init_is_the_one_that_counts() {
        let first = "root=PARTUUID=1-02 init=/usr/lib/raspberrypi-sys-mods/firstboot init=/bin/sh\n";
        let stock = put_boot(bookworm(), "/cmdline.txt", first);
        assert_eq!(detect(&stock).unwrap().first_boot, FirstBoot::None);
    }

    #[test]
    fn without_a_list_of_packages_the_files_tell_the_same() {
        let stock = without(trixie(), Partition::Root, "/var/lib/dpkg/status");
        assert_eq!(detect(&stock).unwrap(), detect(&trixie()).unwrap());
        let stock = without(bullseye(), Partition::Root, "/var/lib/dpkg/status");
        assert_eq!(detect(&stock).unwrap(), detect(&bullseye()).unwrap());
        let stock = put(stock, "/usr/lib/aarch64-linux-gnu/x", "");
        assert_eq!(detect(&stock).unwrap().architecture, Architecture::Arm64);
    }

    #[test]
    fn an_image_for_a_personal_computer_is_refused() {
        let status = "Package: dpkg\nStatus: install ok installed\nArchitecture: amd64\n";
        let stock = put(trixie(), "/var/lib/dpkg/status", status);
        let error = detect(&stock).unwrap_err();
        assert!(matches!(error, DetectError::UnsupportedArchitecture { found } if found == "amd64"));
    }

    #[test]
    fn an_image_that_was_booted_shows_it() {
        let release = detect(&trixie()).unwrap();
        assert_eq!(booted_before(&trixie(), &release).unwrap(), None);
        let bookworm = bookworm();
        assert_eq!(booted_before(&bookworm, &detect(&bookworm).unwrap()).unwrap(), None);
        let stock = put(trixie(), "/etc/machine-id", "0123456789abcdef0123456789abcdef\n");
        assert!(booted_before(&stock, &release).unwrap().unwrap().contains("machine id"));
        let stock = put_boot(trixie(), "/cmdline.txt", "console=tty1 root=PARTUUID=1-02 rootwait\n");
        let release = detect(&stock).unwrap();
        assert_eq!(release.first_boot, FirstBoot::None);
        assert!(booted_before(&stock, &release).unwrap().is_some());
    }

    #[test]
    fn an_issue_that_says_nothing_is_no_error() {
        let stock = put(trixie(), "/etc/rpi-issue", "Raspberry Pi OS stand-in\n");
        let release = detect(&stock).unwrap();
        assert_eq!((release.date, release.edition), (None, Edition::Unknown));
    }
}
