//! Stock files for tests: what the three releases have where cardwright looks, in our own words.

use crate::patch::{Action, Draft, Edit, MemoryStock, Partition, Patch, Sensitivity};
use crate::types::{ImagePath, Mode, Owner, UnixTime};

pub(crate) const TIME: UnixTime = UnixTime::new(1_791_244_800);
pub(crate) const USER: Owner = Owner { uid: 1000, gid: 1000 };
const SHADOW: Owner = Owner { uid: 0, gid: 42 };

pub(crate) fn path(text: &str) -> ImagePath {
    ImagePath::new(text).unwrap()
}

/// `stock` with a file of root's that everybody can read.
pub(crate) fn put(stock: MemoryStock, at: &str, content: &str) -> MemoryStock {
    stock.file(Partition::Root, &path(at), Mode::FILE, Owner::ROOT, content)
}

/// `stock` with a file of another mode and owner.
pub(crate) fn put_as(stock: MemoryStock, at: &str, content: &str, mode: u16, owner: Owner) -> MemoryStock {
    stock.file(Partition::Root, &path(at), Mode::new(mode).unwrap(), owner, content)
}

/// `stock` with a file on the boot partition.
pub(crate) fn put_boot(stock: MemoryStock, at: &str, content: &str) -> MemoryStock {
    stock.file(Partition::Boot, &path(at), Mode::EXECUTABLE, Owner::ROOT, content)
}

/// `stock` without what stands at `at`.
pub(crate) fn without(stock: MemoryStock, partition: Partition, at: &str) -> MemoryStock {
    stock.without(partition, &path(at))
}

/// Returns what every release has.
fn common(shell: &str, password: &str) -> MemoryStock {
    let passwd = format!(
        "root:x:0:0:root:/root:/bin/bash\ndaemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin\n\
         systemd-timesync:x:991:991:systemd Time Synchronization:/:/usr/sbin/nologin\n\
         pi:x:1000:1000:,,,:/home/pi:{shell}\n"
    );
    let shadow = format!("root:*:20000:0:99999:7:::\npi:{password}:20000:0:99999:7:::\n");
    let group = "root:x:0:\nadm:x:4:pi\nsudo:x:27:pi\nspider:x:90:spi,pi,pip\npi:x:1000:\n";
    let gshadow = "root:*::\nadm:*::pi\nsudo:*::pi\nspider:*:pi:spi,pi,pip\npi:!::\n";
    let mut stock = MemoryStock::new();
    for (at, content) in [
        ("/etc/hostname", "raspberrypi\n"),
        ("/etc/hosts", "127.0.0.1\tlocalhost\n::1\t\tlocalhost ip6-localhost\n\n127.0.1.1\t\traspberrypi\n"),
        ("/etc/passwd", &passwd),
        ("/etc/group", group),
        ("/etc/subuid", "pi:100000:65536\n"),
        ("/etc/subgid", "pi:100000:65536\n"),
        ("/etc/shells", "/bin/sh\n/bin/bash\n/usr/bin/bash\n"),
        ("/etc/ssh/sshd_config", "Include /etc/ssh/sshd_config.d/*.conf\n\nUsePAM yes\n"),
        ("/etc/ssh/sshd_config.d/rename_user.conf", "Banner /usr/share/userconf-pi/sshd_banner\n"),
        ("/usr/lib/systemd/system/ssh.service", "[Unit]\n"),
        ("/usr/lib/systemd/system/getty@.service", "[Unit]\n"),
        ("/usr/lib/systemd/system/userconfig.service", "[Unit]\n"),
        ("/usr/lib/systemd/system/systemd-timesyncd.service", "[Unit]\n"),
        ("/etc/timezone", "Europe/London\n"),
        ("/etc/locale.gen", "# Comment\n# de_DE.UTF-8 UTF-8\n# de_AT.UTF-8 UTF-8\nen_GB.UTF-8 UTF-8\n"),
        (
            "/etc/default/keyboard",
            "# KEYBOARD CONFIGURATION FILE\nXKBMODEL=\"pc105\"\nXKBLAYOUT=\"gb\"\nXKBVARIANT=\"\"\nXKBOPTIONS=\"\"\nBACKSPACE=\"guess\"\n",
        ),
        ("/etc/console-setup/cached_setup_keyboard.sh", "#!/bin/sh\n"),
        ("/etc/console-setup/remap.inc", ""),
        (
            "/usr/share/X11/xkb/rules/base.lst",
            "! model\n  pc104           Generic 104-key PC\n  pc105           Generic 105-key PC\n\n\
             ! layout\n  us              English (US)\n  gb              English (UK)\n  de              German\n\n\
             ! variant\n  chr             us: Cherokee\n  nodeadkeys      de: German (no dead keys)\n\n\
             ! option\n  ctrl                 Ctrl position\n  ctrl:nocaps          Caps Lock as Ctrl\n",
        ),
        ("/usr/share/zoneinfo/Europe/London", "TZif2"),
        ("/usr/share/zoneinfo/Europe/Berlin", "TZif2"),
        ("/usr/share/zoneinfo/Etc/UTC", "TZif2"),
        ("/usr/share/zoneinfo/zone.tab", "# a table\n"),
    ] {
        stock = put(stock, at, content);
    }
    for folder in ["/etc/systemd/system", "/var/lib/systemd"] {
        stock = stock.directory(Partition::Root, &path(folder), Mode::EXECUTABLE, Owner::ROOT);
    }
    stock = put_as(stock, "/etc/shadow", &shadow, 0o640, SHADOW);
    stock = put_as(stock, "/etc/gshadow", gshadow, 0o640, SHADOW);
    stock = put_as(stock, "/home/pi/.bashrc", "# bash\n", 0o644, USER);
    stock = stock.directory(Partition::Root, &path("/home/pi"), Mode::PRIVATE_DIRECTORY, USER);
    stock = stock.symlink(Partition::Root, &path("/etc/localtime"), "/usr/share/zoneinfo/Europe/London");
    stock = stock.symlink(Partition::Root, &path("/etc/os-release"), "../usr/lib/os-release");
    put_boot(stock, "/config.txt", "dtparam=audio=on\n\n[cm4]\notg_mode=1\n\n[all]\n")
}

fn installed(packages: &[&str], architecture: &str) -> String {
    let paragraph = |name: &&str| {
        format!("Package: {name}\nStatus: install ok installed\nArchitecture: {architecture}\n\n")
    };
    packages.iter().map(paragraph).collect()
}

/// Trixie lite for 64 bits, of October 2026.
pub(crate) fn trixie() -> MemoryStock {
    let mut stock = common("/usr/sbin/nologin", "!");
    for (at, content) in [
        ("/usr/lib/os-release", "NAME=\"Debian GNU/Linux\"\nID=debian\nVERSION_CODENAME=trixie\n"),
        (
            "/etc/rpi-issue",
            "Raspberry Pi reference 2026-10-06\nGenerated using pi-gen, https://github.com/RPi-Distro/pi-gen, 0a1b2c, stage2\n",
        ),
        (
            "/etc/fstab",
            "proc /proc proc defaults 0 0\nPARTUUID=1-01  /boot/firmware  vfat defaults 0 2\nPARTUUID=1-02  /  ext4 defaults,noatime 0 1\n",
        ),
        ("/etc/machine-id", "uninitialized\n"),
        (
            "/var/lib/dpkg/status",
            &installed(&["dpkg", "cloud-init", "network-manager", "raspberrypi-sys-mods"], "arm64"),
        ),
        ("/etc/cloud/cloud.cfg", "users: []\n"),
        ("/etc/locale.conf", "LANG=en_GB.UTF-8\n"),
        ("/usr/lib/systemd/system/NetworkManager.service", "[Unit]\n"),
        (
            "/usr/lib/systemd/system/cloud-init-local.service",
            "[Unit]\nConditionPathExists=!/etc/cloud/cloud-init.disabled\n",
        ),
        ("/usr/lib/systemd/system/cloud-init.target", "[Unit]\n"),
    ] {
        stock = put(stock, at, content);
    }
    stock = stock.symlink(Partition::Root, &path("/etc/default/locale"), "../locale.conf");
    stock = put_network_manager(stock);
    put_boot(
        stock,
        "/cmdline.txt",
        "console=serial0,115200 console=tty1 root=PARTUUID=1-02 rootfstype=ext4 fsck.repair=yes rootwait resize\n",
    )
}

/// Bookworm with a desktop, for 64 bits.
pub(crate) fn bookworm() -> MemoryStock {
    let mut stock = common("/bin/bash", "*");
    for (at, content) in [
        ("/usr/lib/os-release", "ID=debian\nVERSION_CODENAME=bookworm\n"),
        (
            "/etc/rpi-issue",
            "Raspberry Pi reference 2025-05-06\nGenerated using pi-gen, https://github.com/RPi-Distro/pi-gen, 0a1b2c, stage4\n",
        ),
        ("/etc/fstab", "PARTUUID=1-01  /boot/firmware  vfat defaults 0 2\n"),
        ("/etc/machine-id", ""),
        ("/var/lib/dpkg/status", &installed(&["dpkg", "network-manager", "raspberrypi-sys-mods"], "arm64")),
        ("/etc/default/locale", "LANG=en_GB.UTF-8\n"),
        ("/etc/fake-hwclock.data", "2025-05-06 10:00:00\n"),
    ] {
        stock = put(stock, at, content);
    }
    stock = put_network_manager(put_passwordless_sudo(put_desktop(stock)));
    put_boot(
        stock,
        "/cmdline.txt",
        "console=tty1 root=PARTUUID=1-02 rootwait quiet init=/usr/lib/raspberrypi-sys-mods/firstboot\n",
    )
}

/// Bullseye lite for 32 bits.
pub(crate) fn bullseye() -> MemoryStock {
    let mut stock = common("/bin/bash", "*");
    for (at, content) in [
        ("/usr/lib/os-release", "ID=raspbian\nVERSION_CODENAME=bullseye\n"),
        (
            "/etc/rpi-issue",
            "Raspberry Pi reference 2023-05-03\nGenerated using pi-gen, https://github.com/RPi-Distro/pi-gen, 0a1b2c, stage2\n",
        ),
        ("/etc/fstab", "PARTUUID=1-01  /boot  vfat defaults 0 2\n"),
        ("/etc/machine-id", ""),
        ("/var/lib/dpkg/status", &installed(&["dpkg", "dhcpcd5", "raspberrypi-sys-mods"], "armhf")),
        ("/etc/default/locale", "LANG=en_GB.UTF-8\n"),
        ("/etc/dhcpcd.conf", "hostname\n#interface eth0\n#static ip_address=192.168.0.10/24\n"),
        ("/etc/fake-hwclock.data", "2023-05-03 10:00:00\n"),
    ] {
        stock = put(stock, at, content);
    }
    put_boot(
        put_passwordless_sudo(stock),
        "/cmdline.txt",
        "console=tty1 root=PARTUUID=1-02 rootwait quiet init=/usr/lib/raspberrypi-sys-mods/firstboot\n",
    )
}

/// Adds what a desktop image has for the questions of its first boot: `rename-user -f` of userconf-pi, and
/// what raspi-config does for it.
pub(crate) fn put_desktop(stock: MemoryStock) -> MemoryStock {
    const WIZARD: &str = "rpi-first-boot-wizard";
    const OWNER: Owner = Owner { uid: 109, gid: 65534 };
    let known = |at: &str| {
        let read = Draft::new(&stock, TIME).read_text(Partition::Root, &path(at)).unwrap();
        read.unwrap_or_else(|| panic!("no {at}"))
    };
    let passwd = known("/etc/passwd") + &format!("{WIZARD}:x:109:65534:,,,,:/home/{WIZARD}:/bin/bash\n");
    let shadow = known("/etc/shadow") + &format!("{WIZARD}:*:19000:0:99999:7:::\n");
    // Groups that users are added to: alone in one, beside the first user in another.
    let group = known("/etc/group")
        .replace("adm:x:4:pi\n", &format!("adm:x:4:pi\nvideo:x:44:pi,{WIZARD}\nnetdev:x:107:{WIZARD}\n"));
    let gshadow = known("/etc/gshadow")
        .replace("adm:*::pi\n", &format!("adm:*::pi\nvideo:*::pi,{WIZARD}\nnetdev:!::{WIZARD}\n"));
    let ids = |at: &str| known(at) + &format!("{WIZARD}:165536:65536\n");
    let console =
        format!("[Service]\nExecStart=\nExecStart=-/sbin/agetty --autologin {WIZARD} --noclear %I $TERM\n");
    let files = [
        ("/etc/passwd", passwd),
        ("/etc/group", group),
        ("/etc/subuid", ids("/etc/subuid")),
        ("/etc/subgid", ids("/etc/subgid")),
        ("/etc/systemd/system/getty@tty1.service.d/autologin.conf", console),
        ("/etc/xdg/autostart/piwiz.desktop", "[Desktop Entry]\n".to_owned()),
        (
            "/etc/lightdm/lightdm.conf",
            format!("[Seat:*]\ngreeter-session=pi-greeter\nautologin-user={WIZARD}\n"),
        ),
        ("/var/lib/userconf-pi/autologin", String::new()),
    ];
    let mut stock = stock;
    for (at, content) in files {
        stock = put(stock, at, &content);
    }
    for (at, content) in [("/etc/shadow", shadow), ("/etc/gshadow", gshadow)] {
        stock = put_as(stock, at, &content, 0o640, SHADOW);
    }
    let rule = format!("{WIZARD} ALL=(ALL) NOPASSWD: ALL\n");
    stock = put_as(stock, "/etc/sudoers.d/010_wiz-nopasswd", &rule, 0o440, Owner::ROOT);
    for folder in ["", "/.config", "/.config/labwc"] {
        let at = path(&format!("/home/{WIZARD}{folder}"));
        stock = stock.directory(Partition::Root, &at, Mode::PRIVATE_DIRECTORY, OWNER);
    }
    stock
}

fn put_network_manager(stock: MemoryStock) -> MemoryStock {
    let folder = path("/etc/NetworkManager/system-connections");
    stock.directory(Partition::Root, &folder, Mode::PRIVATE_DIRECTORY, Owner::ROOT)
}

fn put_passwordless_sudo(stock: MemoryStock) -> MemoryStock {
    put_as(stock, "/etc/sudoers.d/010_pi-nopasswd", "pi ALL=(ALL) NOPASSWD: ALL\n", 0o440, Owner::ROOT)
}

/// The patch that `change` makes to `stock`.
pub(crate) fn patch(stock: &MemoryStock, change: impl FnOnce(&mut Draft<'_>)) -> Patch {
    let mut draft = Draft::new(stock, TIME);
    change(&mut draft);
    draft.finish()
}

/// `stock` with a patch applied, for seeing that a second time changes nothing.
pub(crate) fn applied(mut stock: MemoryStock, patch: &Patch) -> MemoryStock {
    for Edit { partition, path, action, .. } in &patch.edits {
        stock = match action {
            Action::File { content, mode, owner, .. } => {
                let text = std::str::from_utf8(content.bytes().unwrap()).unwrap();
                stock.file(*partition, path, *mode, *owner, text)
            }
            Action::Directory { mode, owner } => stock.directory(*partition, path, *mode, *owner),
            Action::Symlink { target } => stock.symlink(*partition, path, target),
            Action::Remove => stock.without(*partition, path),
            Action::Rename { .. } => panic!("tests of renames do not apply twice"),
        };
    }
    stock
}

/// The edit of `at`.
pub(crate) fn edit<'patch>(patch: &'patch Patch, at: &str) -> &'patch Edit {
    let found = patch.edits.iter().find(|edit| edit.path.as_str() == at);
    found.unwrap_or_else(|| panic!("no edit of {at} among {:?}", paths(patch)))
}

/// The text that `at` gets.
pub(crate) fn text(patch: &Patch, at: &str) -> String {
    match &edit(patch, at).action {
        Action::File { content, .. } => String::from_utf8(content.bytes().unwrap().to_vec()).unwrap(),
        other => panic!("{at}: {other:?}"),
    }
}

/// Mode, owner and sensitivity that `at` gets.
pub(crate) fn attributes(patch: &Patch, at: &str) -> (u16, Owner, Sensitivity) {
    match &edit(patch, at).action {
        Action::File { mode, owner, sensitivity, .. } => (mode.bits(), *owner, *sensitivity),
        Action::Directory { mode, owner } => (mode.bits(), *owner, Sensitivity::Plain),
        other => panic!("{at}: {other:?}"),
    }
}

/// Returns the target of the link at `at`.
pub(crate) fn link(patch: &Patch, at: &str) -> String {
    match &edit(patch, at).action {
        Action::Symlink { target } => target.clone(),
        other => panic!("{at}: {other:?}"),
    }
}

/// The paths that are edited, in order.
pub(crate) fn paths(patch: &Patch) -> Vec<&str> {
    patch.edits.iter().map(|edit| edit.path.as_str()).collect()
}

/// Returns `true` if `at` is removed.
pub(crate) fn removed(patch: &Patch, at: &str) -> bool {
    patch.edits.iter().any(|edit| edit.path.as_str() == at && edit.action == Action::Remove)
}
