//! Marks of other tools on an image: settings for the first boot that would contradict those of nodes.yaml.
//!
//! A tool that prepares a card leaves its wishes in a few well-known places, and most of them are read *after*
//! everything that cardwright writes: the card would come up with another name, user and key than the
//! cluster knows. Which of them act depends on the release, and on what cardwright switches off anyway.

use super::packages::Packages;
use super::{Codename, Release};
use crate::patch::{Partition, PatchError, Stock};
use crate::systemd;
use crate::types::absent::OrEmpty as _;
use crate::types::{ImagePath, image_path};
use serde::Serialize;

/// Something that another tool left on an image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Customisation {
    /// The tool that leaves such a thing: `Raspberry Pi Imager`.
    pub tool: &'static str,
    /// The thing and its place: "`firstrun.sh` on the boot partition".
    pub found: String,
    /// Its effect on a card.
    pub effect: Effect,
    /// The same for people, as a clause.
    pub means: &'static str,
}

/// The effect of a customisation on a card.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Effect {
    /// It contradicts what nodes.yaml sets: no card can be made from such an image.
    Contradicts,
    /// It does something of its own, beside what cardwright sets up.
    Runs,
    /// Nothing on the card reads it.
    Unread,
    /// It asks for what every card has anyway.
    Agrees,
}

/// Finds what other tools left on an image, in a fixed order.
///
/// # Errors
/// Fails when the image cannot be read.
pub fn customisations(stock: &dyn Stock, release: &Release) -> Result<Vec<Customisation>, PatchError> {
    let mut search = Search { stock, release, packages: Packages::read(stock)?, found: Vec::new() };
    search.imager()?;
    search.settings_on_the_boot_partition()?;
    search.cloud_init_seeds()?;
    search.other_builders()?;
    search.rc_local()?;
    Ok(search.found)
}

struct Search<'stock> {
    stock: &'stock dyn Stock,
    release: &'stock Release,
    packages: Packages,
    found: Vec<Customisation>,
}

impl Search<'_> {
    fn add(&mut self, tool: &'static str, found: impl Into<String>, effect: Effect, means: &'static str) {
        self.found.push(Customisation { tool, found: found.into(), effect, means });
    }

    /// Finds Raspberry Pi Imager, version 1 (init format `systemd`): a script that systemd runs instead of the
    /// ordinary boot (systemd-run-generator(8)), and that the script's own last lines take out again.
    fn imager(&mut self) -> Result<(), PatchError> {
        let cmdline = self.stock.read_lossy(Partition::Boot, &image_path!("/cmdline.txt"))?.or_empty();
        for word in cmdline.split_ascii_whitespace() {
            let found = format!("`{word}` in cmdline.txt");
            if word.starts_with("systemd.run=") {
                let (tool, means) = if word.ends_with("/firstrun.sh") {
                    (
                        "Raspberry Pi Imager",
                        "the first boot runs that script, which sets host name, user and key anew",
                    )
                } else {
                    ("another tool", "the first boot runs that instead of starting the services of the card")
                };
                self.add(tool, found, Effect::Contradicts, means);
            } else if word == "cloud-init=enabled" {
                // The word wins over /etc/cloud/cloud-init.disabled (cloud-init-generator).
                let means = "it switches cloud-init on, which cardwright switches off";
                self.add("cloud-init", found, Effect::Contradicts, means);
            } else if word.starts_with("ds=") || word.starts_with("cloud-config-url=") {
                let imager = word.contains("rpi-imager-");
                let tool = if imager { "Raspberry Pi Imager" } else { "cloud-init" };
                self.add(tool, found, Effect::Unread, self.no_cloud_init());
            }
        }
        if self.stock.exists(Partition::Boot, &image_path!("/firstrun.sh"))? {
            let means = "it is a script for the first boot, which sets host name, user and key anew";
            self.add("Raspberry Pi Imager", on_boot("firstrun.sh"), Effect::Contradicts, means);
        }
        Ok(())
    }

    /// Files that programs of Raspberry Pi OS itself look for on the boot partition.
    fn settings_on_the_boot_partition(&mut self) -> Result<(), PatchError> {
        const OWN: &str = "Raspberry Pi OS's own way to prepare a card";
        const NOT_READ: &str = "this release does not read it";
        let codename = self.release.codename;
        let if_read = |is_read: bool, means: &'static str| {
            if is_read { (Effect::Contradicts, means) } else { (Effect::Unread, NOT_READ) }
        };
        // raspberrypi-sys-mods: its `firstboot` applies the file and deletes it, up to bookworm.
        let custom =
            if_read(codename < Codename::Trixie, "the first boot takes host name, user and key from it");
        let preseed = if_read(
            self.packages.has("rpi-preseed") || systemd::in_stock(self.stock, "rpi-preseed.service")?,
            "the first boot takes host name, user and network from it",
        );
        // raspberrypi-net-mods copies it into /etc; NetworkManager's releases have no use for it.
        let wireless = if_read(
            codename == Codename::Bullseye,
            "the first boot sets up a second, wireless network from it",
        );
        // userconfig.service, which cardwright masks, would read it: either way one of both wishes is lost.
        let user = (Effect::Contradicts, "it asks for a user and a password, which nodes.yaml says");
        // sshswitch.service enables ssh.service and deletes the file.
        let ssh = (Effect::Agrees, "every card lets its owner in by SSH anyway");
        for (name, tool, (effect, means)) in [
            ("custom.toml", OWN, custom),
            ("rpi-preseed.toml", "Raspberry Pi Imager", preseed),
            ("userconf", OWN, user),
            ("userconf.txt", OWN, user),
            ("wpa_supplicant.conf", OWN, wireless),
            ("ssh", OWN, ssh),
            ("ssh.txt", OWN, ssh),
        ] {
            if self.stock.exists(Partition::Boot, &ImagePath::root().join(name)?)? {
                self.add(tool, on_boot(name), effect, means);
            }
        }
        Ok(())
    }

    /// Finds the seeds of cloud-init's NoCloud. Stock images of trixie carry some that hold comments only.
    fn cloud_init_seeds(&mut self) -> Result<(), PatchError> {
        for name in ["user-data", "network-config", "meta-data", "vendor-data"] {
            let Some(text) = self.stock.read_lossy(Partition::Boot, &ImagePath::root().join(name)?)? else {
                continue;
            };
            if !is_stock_seed(&text) {
                let imager = text.contains("rpi-imager");
                let tool = if imager { "Raspberry Pi Imager" } else { "cloud-init" };
                self.add(tool, on_boot(name), Effect::Unread, self.no_cloud_init());
            }
        }
        Ok(())
    }

    fn no_cloud_init(&self) -> &'static str {
        if self.release.cloud_init {
            "cardwright switches cloud-init off, so that nothing reads it"
        } else {
            "cloud-init, which would read it, is not installed"
        }
    }

    /// Tools that build images from Raspberry Pi OS, and have a first boot of their own.
    fn other_builders(&mut self) -> Result<(), PatchError> {
        let means = "its own first boot sets host name, user, locale and network";
        if systemd::in_stock(self.stock, "sdm-firstboot.service")? {
            self.add("sdm", "`sdm-firstboot.service`", Effect::Contradicts, means);
        } else if self.stock.exists(Partition::Root, &image_path!("/etc/sdm"))? {
            let means = "the image is not the one that Raspberry Pi publishes";
            self.add("sdm", "`/etc/sdm`", Effect::Runs, means);
        }
        if systemd::in_stock(self.stock, "dietpi-firstboot.service")? {
            self.add("DietPi", "`dietpi-firstboot.service`", Effect::Contradicts, means);
        }
        Ok(())
    }

    /// Finds commands that are run at the end of every boot (rc-local.service; systemd-rc-local-generator(8)).
    fn rc_local(&mut self) -> Result<(), PatchError> {
        let Some(text) = self.stock.read_lossy(Partition::Root, &image_path!("/etc/rc.local"))? else {
            return Ok(());
        };
        // The names of its two functions; one of them is in every version of it.
        if ["do_expand_rootfs", "raspi_config_expand"].iter().any(|name| text.contains(name)) {
            let means = "it changes the partition table and restarts in the middle of the first boot";
            self.add("PiShrink", "`/etc/rc.local`", Effect::Contradicts, means);
        } else if !is_stock_rc_local(&text) {
            let means = "every boot runs its commands, which no plan knows of";
            self.add("another tool", "`/etc/rc.local`", Effect::Runs, means);
        }
        Ok(())
    }
}

fn on_boot(name: &str) -> String {
    format!("`{name}` on the boot partition")
}

/// Returns `true` if a seed says nothing: comments, and the two lines of pi-gen's own meta-data
/// (stage2/04-cloud-init/files).
fn is_stock_seed(text: &str) -> bool {
    text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')).all(|line| {
        let field = line.split_once(':').map(|(key, value)| (key.trim(), value.trim()));
        matches!(field, Some(("dsmode", "local") | ("instance_id" | "instance-id", "rpios-image")))
    })
}

/// Returns `true` for the /etc/rc.local of the stock images up to bookworm: comments, and the address
/// printed.
fn is_stock_rc_local(text: &str) -> bool {
    const STOCK: [&str; 5] = [
        "_IP=$(hostname -I) || true",
        r#"if [ "$_IP" ]; then"#,
        r#"printf "My IP address is %s\n" "$_IP""#,
        "fi",
        "exit 0",
    ];
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.all(|line| STOCK.contains(&line))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::patch::MemoryStock;
    use crate::raspios::detect;
    use crate::raspios::test_stock::{bookworm, bullseye, put, put_boot, trixie};

    fn found(stock: &MemoryStock) -> Vec<(&'static str, String, Effect)> {
        let release = detect(stock).unwrap();
        let found = customisations(stock, &release).unwrap();
        found.into_iter().map(|found| (found.tool, found.found, found.effect)).collect()
    }

    /// The one customisation of an image with this file on its boot partition.
    fn effect_of(stock: MemoryStock, name: &str, text: &str) -> (&'static str, Effect) {
        let found = found(&put_boot(stock, &format!("/{name}"), text));
        let [(tool, what, effect)] = found.as_slice() else { panic!("{name}: {found:?}") };
        assert_eq!(*what, format!("`{name}` on the boot partition"));
        (tool, *effect)
    }

    #[test]
    fn stock_images_have_none() {
        // As pi-gen's trixie has them since November 2025.
        let seeded = put_boot(trixie(), "/user-data", "#cloud-config\n\n# hostname: raspberrypi\n");
        let seeded = put_boot(seeded, "/network-config", "# network:\n#   version: 2\n");
        let seeded = put_boot(seeded, "/meta-data", "# Comment\ndsmode: local\n\ninstance_id: rpios-image\n");
        let with_rc_local = put(
            bookworm(),
            "/etc/rc.local",
            "#!/bin/sh -e\n# rc.local\n\n_IP=$(hostname -I) || true\nif [ \"$_IP\" ]; then\n  \
             printf \"My IP address is %s\\n\" \"$_IP\"\nfi\n\nexit 0\n",
        );
        for stock in [trixie(), bookworm(), bullseye(), seeded, with_rc_local] {
            assert_eq!(found(&stock), []);
        }
    }

    #[test]
    fn the_script_of_imager_is_found_in_both_its_places() {
        let cmdline = "console=tty1 root=PARTUUID=1-02 rootwait quiet \
             init=/usr/lib/raspberrypi-sys-mods/firstboot systemd.run=/boot/firmware/firstrun.sh \
             systemd.run_success_action=reboot systemd.unit=kernel-command-line.target\n";
        let stock = put_boot(bookworm(), "/cmdline.txt", cmdline);
        let stock = put_boot(stock, "/firstrun.sh", "#!/bin/bash\n");
        assert_eq!(
            found(&stock),
            [
                (
                    "Raspberry Pi Imager",
                    "`systemd.run=/boot/firmware/firstrun.sh` in cmdline.txt".to_owned(),
                    Effect::Contradicts
                ),
                (
                    "Raspberry Pi Imager",
                    "`firstrun.sh` on the boot partition".to_owned(),
                    Effect::Contradicts
                ),
            ]
        );
    }

    #[test]
    fn a_file_counts_by_what_the_release_does_with_it() {
        let own = "Raspberry Pi OS's own way to prepare a card";
        for (stock, name, tool, effect) in [
            (bullseye(), "custom.toml", own, Effect::Contradicts),
            (bookworm(), "custom.toml", own, Effect::Contradicts),
            (trixie(), "custom.toml", own, Effect::Unread),
            (bullseye(), "wpa_supplicant.conf", own, Effect::Contradicts),
            (bookworm(), "wpa_supplicant.conf", own, Effect::Unread),
            (trixie(), "wpa_supplicant.conf", own, Effect::Unread),
            (trixie(), "userconf.txt", own, Effect::Contradicts),
            (bookworm(), "userconf", own, Effect::Contradicts),
            (trixie(), "ssh", own, Effect::Agrees),
            (trixie(), "rpi-preseed.toml", "Raspberry Pi Imager", Effect::Unread),
            (trixie(), "firstrun.sh", "Raspberry Pi Imager", Effect::Contradicts),
        ] {
            assert_eq!(effect_of(stock, name, "x\n"), (tool, effect), "{name}");
        }
        let preseed = put(trixie(), "/usr/lib/systemd/system/rpi-preseed.service", "[Unit]\n");
        assert_eq!(effect_of(preseed, "rpi-preseed.toml", "").1, Effect::Contradicts);
    }

    #[test]
    fn what_cloud_init_would_read_is_no_more_than_a_wish() {
        let user_data = "#cloud-config\nhostname: other\nusers: []\n";
        assert_eq!(effect_of(trixie(), "user-data", user_data), ("cloud-init", Effect::Unread));
        assert_eq!(effect_of(bookworm(), "user-data", user_data), ("cloud-init", Effect::Unread));
        let meta_data = "instance-id: rpi-imager-1700000000000\n";
        assert_eq!(effect_of(trixie(), "meta-data", meta_data), ("Raspberry Pi Imager", Effect::Unread));
        let line = "console=tty1 root=PARTUUID=1-02 rootwait resize";
        for (word, tool, effect) in [
            ("ds=nocloud;i=rpi-imager-1700000000000", "Raspberry Pi Imager", Effect::Unread),
            ("cloud-init=enabled", "cloud-init", Effect::Contradicts),
        ] {
            let stock = put_boot(trixie(), "/cmdline.txt", &format!("{line} {word}\n"));
            assert_eq!(found(&stock), [(tool, format!("`{word}` in cmdline.txt"), effect)]);
        }
    }

    #[test]
    fn hooks_of_other_tools_are_named() {
        for (path, text, tool, effect) in [
            ("/etc/systemd/system/sdm-firstboot.service", "[Unit]\n", "sdm", Effect::Contradicts),
            ("/etc/sdm/cparams", "host:x\n", "sdm", Effect::Runs),
            ("/etc/systemd/system/dietpi-firstboot.service", "[Unit]\n", "DietPi", Effect::Contradicts),
            ("/etc/rc.local", "#!/bin/bash\ndo_expand_rootfs() {\n}\n", "PiShrink", Effect::Contradicts),
            ("/etc/rc.local", "#!/bin/sh\n/opt/thing/start &\nexit 0\n", "another tool", Effect::Runs),
        ] {
            let found = found(&put(bookworm(), path, text));
            let [(by, _, does)] = found.as_slice() else { panic!("{path}: {found:?}") };
            assert_eq!((*by, *does), (tool, effect), "{path}");
        }
    }
}
