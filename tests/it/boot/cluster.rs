//! A cluster for a test: a folder with a nodes.yaml, a login key, and the images cardwright builds from it.

use crate::boot::card::Card;
use crate::boot::command::run;
use crate::boot::login::login_key;
use crate::boot::machine::{Machine, Settings};
use crate::boot::wire::GATEWAY;
use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The four nodes of every cluster here, with the addresses they are given.
pub(crate) const NODES: [(&str, &str); 4] = [
    ("north", "192.168.50.11"),
    ("east", "192.168.50.12"),
    ("south", "192.168.50.13"),
    ("west", "192.168.50.14"),
];

/// The name servers of every cluster here.
pub(crate) const NAME_SERVERS: [&str; 2] = [GATEWAY, "192.168.50.2"];

/// A release of Raspberry Pi OS that there is a test image of.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Suite {
    Bullseye,
    Bookworm,
    #[default]
    Trixie,
    /// Trixie of 32 bits, on the kernel of 64 bits that Raspberry Pi OS has on a Raspberry Pi 4 or 5.
    TrixieArmhf,
}

impl Suite {
    /// Its name, as the scripts of the harness take it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Bullseye => "bullseye",
            Self::Bookworm => "bookworm",
            Self::Trixie => "trixie",
            Self::TrixieArmhf => "trixie-armhf",
        }
    }

    /// The bootable test image, made when it is not in the cache.
    pub(crate) fn test_image(self) -> PathBuf {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/harness/test-image.sh");
        run(Command::new(script).arg(self.name())).trim().into()
    }

    /// What k3s's releases call its architecture.
    pub(crate) fn k3s_architecture(self) -> &'static str {
        if self == Self::TrixieArmhf { "armhf" } else { "arm64" }
    }

    /// Where its cards mount the boot partition.
    pub(crate) fn boot_mount(self) -> &'static str {
        match self {
            Self::Bullseye => "/boot",
            Self::Bookworm | Self::Trixie | Self::TrixieArmhf => "/boot/firmware",
        }
    }
}

/// The family of the addresses that the nodes of a cluster are reached by.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Family {
    #[default]
    V4,
    V6,
}

impl Family {
    /// The address of this side of the wire.
    pub(crate) fn gateway(self) -> IpAddr {
        let gateway = match self {
            Self::V4 => GATEWAY,
            Self::V6 => "fd50::1",
        };
        gateway.parse().unwrap()
    }

    /// The address of the node in a place on the wire.
    pub(crate) fn address(self, port: usize) -> String {
        let (_, address) = NODES[port];
        match self {
            Self::V4 => address.to_owned(),
            Self::V6 => address.replace("192.168.50.", "fd50::"),
        }
    }

    /// The key of a node that has it.
    pub(crate) fn key(self) -> &'static str {
        match self {
            Self::V4 => "address",
            Self::V6 => "ipv6",
        }
    }
}

/// How the nodes of a cluster are connected.
#[derive(Debug, Clone)]
pub(crate) struct Uplink {
    /// The interface that has the node's address.
    pub(crate) interface: &'static str,
    /// What the nodes are reached by.
    pub(crate) family: Family,
    /// Whether the first node has a second adapter, on a wire of its own.
    pub(crate) has_second_wire: bool,
    /// The kinds of the connections in use, as NetworkManager names them, in the order of the alphabet.
    pub(crate) connections: &'static str,
    /// What nodes.yaml says of it.
    pub(crate) yaml: String,
}

impl Default for Uplink {
    /// On the wire, with static addresses.
    fn default() -> Self {
        let dns = NAME_SERVERS.join(", ");
        let yaml = format!("network: {{interface: eth0, prefix: 24, gateway: {GATEWAY}, dns: [{dns}]}}\n");
        Self {
            interface: "eth0",
            family: Family::V4,
            has_second_wire: false,
            connections: "802-3-ethernet",
            yaml,
        }
    }
}

/// A cluster whose images are built.
pub(crate) struct TestCluster {
    folder: PathBuf,
    key: PathBuf,
    /// What its images were made from.
    pub(crate) suite: Suite,
    /// How its nodes are connected.
    pub(crate) uplink: Uplink,
    /// The user of all its nodes.
    pub(crate) user: String,
    /// The password sudo asks for, where it does.
    pub(crate) sudo_password: Option<String>,
}

/// What a cluster is built from.
pub(crate) struct Recipe<'a> {
    /// The test image.
    pub(crate) suite: Suite,
    /// `grow:` of the image.
    pub(crate) grow: &'a str,
    /// The user of all nodes.
    pub(crate) user: &'a User,
    /// The network of all nodes.
    pub(crate) uplink: &'a Uplink,
    /// The nodes whose images are built: those that are booted.
    pub(crate) only: &'a [&'a str],
    /// Files beside nodes.yaml: name and content.
    pub(crate) beside: &'a [(&'a str, Vec<u8>)],
    /// What nodes.yaml has beside image, output, user and network: at least `nodes:`.
    pub(crate) rest: &'a str,
}

impl Recipe<'_> {
    /// Builds the images, in a folder that is named after the test.
    pub(crate) fn build(&self, test: &str) -> TestCluster {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("boot").join(test);
        if folder.exists() {
            fs::remove_dir_all(&folder).unwrap();
        }
        fs::create_dir_all(&folder).unwrap();
        let (key, public_key) = login_key(&folder);
        let Self { suite, grow, user, uplink, only, beside, rest } = self;
        let User { name, password, passwordless_sudo } = user;
        let sudo = if *passwordless_sudo { "passwordless" } else { "password" };
        let hash = run(Command::new("openssl").args(["passwd", "-6", "-salt", "boottest", password]));
        let image = suite.test_image();
        let nodes_yaml = format!(
            "cluster: compass\n\
             image: {{path: '{}', grow: {grow}}}\n\
             output: {{format: img}}\n\
             user:\n  name: {name}\n  sudo: {sudo}\n  password_hash: '{}'\n  ssh_authorized_keys: ['{public_key}']\n\
             {}{rest}",
            image.display(),
            hash.trim(),
            uplink.yaml,
        );
        let nodes_yaml_path = folder.join("nodes.yaml");
        fs::write(&nodes_yaml_path, nodes_yaml).unwrap();
        for (name, content) in *beside {
            fs::write(folder.join(name), content).unwrap();
        }
        let mut build = Command::new(env!("CARGO_BIN_EXE_cardwright"));
        build.arg("build").arg("--file").arg(&nodes_yaml_path).args(*only);
        // In CI a missing cluster.secret is not made; here it is meant to be.
        let printed = run(build.env_remove("CI").env_remove("CARDWRIGHT_SECRET"));
        eprintln!("{printed}");
        let sudo_password = (!passwordless_sudo).then(|| (*password).to_owned());
        let uplink = (*uplink).clone();
        TestCluster { folder, key, suite: *suite, uplink, user: (*name).to_owned(), sudo_password }
    }
}

impl TestCluster {
    /// A machine with a card on which the node's image was written.
    pub(crate) fn machine(&self, node: &str) -> Machine {
        self.machine_with(node, |_| ())
    }

    /// As [`machine`](Self::machine), with something about it changed.
    pub(crate) fn machine_with(&self, node: &str, change: impl FnOnce(&mut Settings)) -> Machine {
        let port = NODES.iter().position(|(name, _)| *name == node).expect("one of the four nodes");
        let mut settings = Settings {
            port,
            address: self.uplink.family.address(port),
            has_second_wire: self.uplink.has_second_wire && port == 0,
            user: self.user.clone(),
            key: self.key.clone(),
            sudo_password: self.sudo_password.clone(),
            boot_mount: self.suite.boot_mount(),
            kernel_words: String::new(),
            clock: None,
        };
        change(&mut settings);
        let folder = self.folder.join(node);
        fs::create_dir_all(&folder).unwrap();
        let card = Card::flash(&self.image(node), folder.join("card.img"));
        Machine::new(&folder, card, settings)
    }

    /// Runs a command on a node as somebody does who has the results of the build and the key, and gives
    /// what was printed: a host that is not the one of known_hosts is an error, and nothing is asked.
    pub(crate) fn ssh(&self, node: &str, command: &str) -> String {
        self.ssh_with(node, &[], command)
    }

    /// The host that ssh_config has ssh connect to for a node.
    pub(crate) fn ssh_host(&self, node: &str) -> String {
        let settings = self.ssh_with(node, &["-G"], "");
        settings.lines().find_map(|line| line.strip_prefix("hostname ")).unwrap_or_default().to_owned()
    }

    /// As [`ssh`](Self::ssh), with more options.
    pub(crate) fn ssh_with(&self, node: &str, options: &[&str], command: &str) -> String {
        let mut ssh = Command::new("ssh");
        ssh.current_dir(&self.folder).args(["-F", "images/ssh_config", "-o", "BatchMode=yes", "-i"]);
        ssh.arg(&self.key).args(options).args([node, command]).stdin(Stdio::null());
        let output = ssh.output().expect("ssh starts");
        [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).trim().to_owned()).concat()
    }

    /// The folder with nodes.yaml, for what else belongs to the test.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The image of a node.
    pub(crate) fn image(&self, node: &str) -> PathBuf {
        self.folder.join("images").join(format!("{node}.img"))
    }
}

/// The user of a cluster.
pub(crate) struct User {
    pub(crate) name: &'static str,
    pub(crate) password: &'static str,
    pub(crate) passwordless_sudo: bool,
}
