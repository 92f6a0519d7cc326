//! A machine with a card in it, under QEMU.
//!
//! It is QEMU's `virt` board and not a Raspberry Pi, but it starts as one does: at every start kernel,
//! initramfs and command line are read from the card's boot partition, which the first boot rewrites.

use crate::boot::card::Card;
use crate::boot::login::{Connection, ssh_command};
use crate::boot::wire::{SECOND, Wire};
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// How long anything here may take before it is given up: four boots at once on two busy cores took 320 s.
pub(crate) const PATIENCE: Duration = Duration::from_secs(1200);

/// What a machine writes to its console when it will not come up any more.
const LAST_WORDS: [&str; 3] = ["Kernel panic", "You are in emergency mode", "Give root password"];

/// The hardware address of the machine in a place on the wire, of the Raspberry Pi Foundation's block.
pub(crate) fn hardware_address(port: usize) -> String {
    format!("b8:27:eb:00:00:{port:02x}")
}

/// The hardware address of a machine's second adapter.
pub(crate) const SECOND_ADAPTER: &str = "b8:27:eb:00:01:00";

/// What differs from machine to machine.
#[derive(Clone)]
pub(crate) struct Settings {
    /// Its place on the wire.
    pub(crate) port: usize,
    /// The address it is expected to have.
    pub(crate) address: String,
    /// Who logs in.
    pub(crate) user: String,
    /// The private key.
    pub(crate) key: PathBuf,
    /// The password that sudo asks for, where it does.
    pub(crate) sudo_password: Option<String>,
    /// Where it mounts the boot partition.
    pub(crate) boot_mount: &'static str,
    /// Whether it has a second adapter, on the second wire.
    pub(crate) has_second_wire: bool,
    /// More words for the kernel's command line.
    pub(crate) kernel_words: String,
    /// What the hardware clock says at the start; the time where absent.
    pub(crate) clock: Option<&'static str>,
}

/// A machine. Its power is cut when dropped; its folder, with the serial log, stays.
pub(crate) struct Machine {
    settings: Settings,
    folder: PathBuf,
    card: Card,
    qemu: Option<Child>,
    connection: Option<Connection>,
    starts: usize,
}

impl Machine {
    /// Puts `card` into a machine that keeps its logs in `folder`. It is off.
    pub(crate) fn new(folder: &Path, card: Card, settings: Settings) -> Self {
        fs::create_dir_all(folder).unwrap();
        Self { settings, folder: folder.to_owned(), card, qemu: None, connection: None, starts: 0 }
    }

    /// The card, for a look at it from outside.
    pub(crate) fn card(&self) -> &Card {
        &self.card
    }

    /// The file in which its card tells how far the first start is.
    pub(crate) fn status_file(&self) -> String {
        format!("{}/cardwright-status.txt", self.settings.boot_mount)
    }

    /// Switches it on.
    pub(crate) fn power_on(&mut self) {
        self.starts += 1;
        let firmware = self.card.firmware(&self.folder);
        let settings = &self.settings;
        let drive = format!(
            "if=none,id=card,format=raw,cache=unsafe,discard=unmap,file={}",
            self.card.path.display()
        );
        let netdev = format!("tap,id=wire,ifname={},script=no,downscript=no", Wire::port(settings.port));
        let mut qemu = Command::new("qemu-system-aarch64");
        qemu.args(["-M", "virt", "-cpu", "cortex-a72", "-smp", "2", "-m", "1024"])
            .args([
                "-accel",
                "tcg,thread=multi,tb-size=256",
                "-display",
                "none",
                "-no-reboot",
                "-qmp",
                "stdio",
            ])
            .arg("-serial")
            .arg(format!("file:{}", self.serial_log().display()))
            .args(["-rtc", &format!("base={}", settings.clock.unwrap_or("utc"))])
            .args(["-drive", &drive, "-device", "virtio-blk-pci,drive=card", "-device", "virtio-rng-pci"])
            .args(["-netdev", &netdev, "-device"])
            .arg(format!("virtio-net-pci,netdev=wire,romfile=,mac={}", hardware_address(settings.port)));
        if settings.has_second_wire {
            qemu.args(["-netdev", &format!("tap,id=second,ifname={SECOND},script=no,downscript=no")]);
            qemu.args(["-device", &format!("virtio-net-pci,netdev=second,romfile=,mac={SECOND_ADAPTER}")]);
        }
        qemu.arg("-kernel")
            .arg(&firmware.kernel)
            .arg("-initrd")
            .arg(&firmware.initramfs)
            .arg("-append")
            .arg(format!("{} console=ttyAMA0 {}", firmware.command_line, settings.kernel_words))
            .stdin(Stdio::piped())
            .stdout(File::create(self.events()).unwrap())
            .stderr(File::create(self.folder.join("qemu.log")).unwrap());
        self.qemu = Some(qemu.spawn().expect("qemu-system-aarch64 starts"));
        self.tell_qemu("qmp_capabilities");
    }

    /// Waits until a login works, through the restarts that a first boot makes.
    pub(crate) fn wait_for_login(&mut self) {
        let began = Instant::now();
        while !self.ssh("true").status.success() {
            if self.qemu_has_ended() {
                assert!(self.was_reset(), "the machine switched itself off\n{}", self.last_words());
                self.power_on();
            }
            assert!(
                !LAST_WORDS.iter().any(|words| self.serial_log_has(words)),
                "the machine does not come up\n{}",
                self.last_words()
            );
            assert!(
                began.elapsed() < PATIENCE,
                "nobody can log in after {PATIENCE:?}\n{}",
                self.last_words()
            );
            sleep(Duration::from_secs(2));
        }
        self.connection = Some(Connection::open(self.ssh_with_key(), &self.login()));
        eprintln!("{}: a login after {} s", self.folder.display(), began.elapsed().as_secs());
    }

    /// Runs a command as the user.
    pub(crate) fn ssh(&self, command: &str) -> Output {
        let mut ssh = self.ssh_with_key();
        if let Some(connection) = &self.connection {
            connection.lend(&mut ssh);
        }
        ssh.args([&self.login(), command]).output().expect("ssh starts")
    }

    fn ssh_with_key(&self) -> Command {
        let mut ssh = ssh_command();
        ssh.args(["-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes", "-i"]).arg(&self.settings.key);
        ssh
    }

    fn login(&self) -> String {
        format!("{}@{}", self.settings.user, self.settings.address)
    }

    /// Runs a command as the user and gives what it printed, whether or not it succeeded.
    pub(crate) fn ask(&self, command: &str) -> String {
        let output = self.ssh(command);
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
            .trim()
            .to_owned()
    }

    /// As [`ask`](Self::ask), as root.
    pub(crate) fn ask_as_root(&self, command: &str) -> String {
        let quoted = command.replace('\'', r"'\''");
        match &self.settings.sudo_password {
            None => self.ask(&format!("sudo -n sh -c '{quoted}'")),
            Some(password) => self.ask(&format!("echo {password} | sudo -S -p '' sh -c '{quoted}'")),
        }
    }

    /// Waits until a command of root's prints `expected`.
    pub(crate) fn wait_until(&mut self, command: &str, expected: &str) {
        let began = Instant::now();
        loop {
            let said = self.ask_as_root(command);
            if said == expected {
                return;
            }
            assert!(began.elapsed() < PATIENCE, "`{command}` still says `{said}`\n{}", self.last_words());
            assert!(!self.qemu_has_ended(), "the machine switched itself off\n{}", self.last_words());
            sleep(Duration::from_secs(3));
        }
    }

    /// Restarts it the clean way.
    pub(crate) fn reboot(&mut self) {
        self.ask_as_root("systemctl reboot");
        self.wait_for_end();
        assert!(self.was_reset(), "the machine was to restart\n{}", self.last_words());
        self.power_on();
        self.wait_for_login();
    }

    /// Switches it off the clean way.
    pub(crate) fn power_off(&mut self) {
        self.tell_qemu("system_powerdown");
        self.wait_for_end();
    }

    /// Switches it off as a pulled plug does.
    pub(crate) fn cut_power(&mut self) {
        self.connection = None;
        if let Some(mut qemu) = self.qemu.take() {
            qemu.kill().unwrap();
            qemu.wait().unwrap();
        }
    }

    /// Plugs the network cable in, or pulls it out.
    pub(crate) fn set_link(&mut self, up: bool) {
        self.tell_qemu_with("set_link", &format!(r#"{{"name":"wire","up":{up}}}"#));
    }

    /// Whether the machine, in its present or last start, wrote this to the serial console.
    fn serial_log_has(&self, text: &str) -> bool {
        fs::read(self.serial_log()).is_ok_and(|log| String::from_utf8_lossy(&log).contains(text))
    }

    fn wait_for_end(&mut self) {
        let began = Instant::now();
        while !self.qemu_has_ended() {
            assert!(began.elapsed() < PATIENCE, "the machine does not stop\n{}", self.last_words());
            sleep(Duration::from_millis(500));
        }
        self.connection = None;
    }

    fn qemu_has_ended(&mut self) -> bool {
        self.qemu.as_mut().is_none_or(|qemu| qemu.try_wait().unwrap().is_some())
    }

    /// Whether QEMU ended because the guest asked for a restart.
    fn was_reset(&self) -> bool {
        fs::read_to_string(self.events()).unwrap().contains("guest-reset")
    }

    fn tell_qemu(&mut self, command: &str) {
        self.tell_qemu_with(command, "{}");
    }

    fn tell_qemu_with(&mut self, command: &str, arguments: &str) {
        let stdin = self.qemu.as_mut().and_then(|qemu| qemu.stdin.as_mut()).expect("the machine is on");
        writeln!(stdin, r#"{{"execute":"{command}","arguments":{arguments}}}"#).unwrap();
    }

    fn events(&self) -> PathBuf {
        self.folder.join("events.json")
    }

    fn serial_log(&self) -> PathBuf {
        self.folder.join(format!("serial-{}.log", self.starts))
    }

    fn last_words(&self) -> String {
        let qemu = fs::read_to_string(self.folder.join("qemu.log")).unwrap_or_default();
        let log = fs::read(self.serial_log()).unwrap_or_default();
        let log = String::from_utf8_lossy(&log).into_owned();
        let lines: Vec<&str> = log.lines().collect();
        let last = lines.len().saturating_sub(30);
        format!(
            "{}:\n{qemu}{}",
            self.serial_log().display(),
            lines.get(last..).unwrap_or_default().join("\n")
        )
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        if let Some(mut qemu) = self.qemu.take() {
            let _ = qemu.kill();
            let _ = qemu.wait();
        }
    }
}
