//! A cluster as nodes.yaml describes it: plain data that is valid.

use crate::cluster::{
    AuthorizedKey, CaStartYear, ClusterName, Diagnostic, FieldSpan, Hostname, InterfaceName, InvalidCluster,
    K3sVersion, Lifetime, MacAddress, Position, TimeServer, UserName,
};
use crate::fetch::FileLocation;
use crate::formats::ImageFormat;
use crate::patch::Partition;
use crate::types::{ByteCount, Digest, ImagePath, InvalidPath, Mode, Owner};
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;
use zeroize::Zeroizing;

/// A whole cluster, as nodes.yaml describes it.
#[derive(Debug, Clone, PartialEq)]
pub struct Cluster {
    /// Its name: in file names, the kubeconfig and the card's own record.
    pub name: ClusterName,
    /// The file it was read from; relative paths in it were resolved from that file's folder.
    pub source: PathBuf,
    /// The SHA-256 of the text it was read from.
    pub source_digest: Digest,
    /// The text it was read from: messages show its lines.
    pub source_text: Secret,
    /// The place of `image:` in it.
    pub image_span: Option<FieldSpan>,
    /// Every path of this machine that the text names: files that are read, and the folder for the results.
    pub named_paths: Vec<PathBuf>,
    /// The stock image.
    pub image: ImageSource,
    /// The growth of the images beyond it.
    pub grow: Grow,
    /// The folder and format of the results.
    pub output: Output,
    /// The nodes, in the order of the file; at least one.
    pub nodes: Vec<Node>,
    /// k3s, where it is asked for.
    pub k3s: Option<K3s>,
    /// Warnings about valid values, in the order of the file.
    pub warnings: Vec<Diagnostic>,
}

/// A stock image.
#[derive(Debug, Clone, PartialEq)]
pub enum ImageSource {
    /// A file.
    File(FileLocation),
    /// The tiny one inside the program.
    Demo,
}

/// The growth of the root partition, and with it of the image, beyond the stock image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Grow {
    /// By as much as what is put on the cards does not fit; mostly not at all.
    #[default]
    Auto,
    /// Not at all.
    No,
    /// By so much.
    By(ByteCount),
}

/// The destination of the results.
#[derive(Debug, Clone, PartialEq)]
pub struct Output {
    /// The folder; made when it is missing.
    pub folder: PathBuf,
    /// The format of the images.
    pub format: ImageFormat,
}

/// One node, with everything it did not say itself filled in from the top of nodes.yaml.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// Its host name, which is also its name in Kubernetes and the name of its image.
    pub name: Hostname,
    /// Its wired network.
    pub network: Network,
    /// The user one logs in as.
    pub user: User,
    /// Logins with a password over SSH; off by default.
    pub ssh_password_login: bool,
    /// `Europe/Berlin`; the stock image's own where absent.
    pub timezone: Option<String>,
    /// `de_DE.UTF-8`; the stock image's own where absent.
    pub locale: Option<String>,
    /// The time servers that it asks, in order; the stock image's own where there are none.
    pub ntp: Vec<TimeServer>,
    /// Additions to the boot partition's configuration.
    pub boot: Boot,
    /// Its swap.
    pub swap: Swap,
    /// Extra files, in the order of nodes.yaml: the cluster's, then the node's.
    pub files: Vec<ExtraFile>,
    /// Shell commands run once as root at the first boot, when network and time are there: the cluster's, then
    /// the node's. One that fails is tried again until it succeeds.
    pub first_boot: Vec<String>,
    /// k3s on this node; `None` where it does not run.
    pub k3s: Option<NodeK3s>,
    /// The places of values that only a stock image can judge.
    pub spans: NodeSpans,
}

/// The places in nodes.yaml of a node's values that only a stock image can judge; `None` where it does not
/// have them. [`ExtraFile`]s know their own places.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NodeSpans {
    /// `timezone:`.
    pub timezone: Option<FieldSpan>,
    /// `locale:`.
    pub locale: Option<FieldSpan>,
    /// `name:` under `user:`.
    pub user_name: Option<FieldSpan>,
    /// `shell:` under `user:`.
    pub shell: Option<FieldSpan>,
    /// The words of `cmdline:` under `boot:`.
    pub cmdline: BTreeMap<String, FieldSpan>,
}

/// A wired network with a static address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Network {
    /// The interface that gets the address; `eth0` unless said otherwise.
    pub interface: Interface,
    /// The node's address.
    pub address: Ipv4Addr,
    /// The length of the network's prefix in bits: 1 to 30.
    pub prefix: u8,
    /// The way out; inside the subnet.
    pub gateway: Ipv4Addr,
    /// Name servers, in order; at least one (the gateway where nodes.yaml names none).
    pub dns: Vec<IpAddr>,
    /// Domains that are searched for short names.
    pub search: Vec<String>,
    /// IPv6, where it is asked for.
    pub ipv6: Option<Ipv6Network>,
}

/// A choice of one of a board's wired interfaces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Interface {
    /// By its name. Raspberry Pi OS has `eth0`, and `eth1` for an adapter on USB.
    Named(InterfaceName),
    /// By the address of its hardware, whatever its name.
    WithMac(MacAddress),
}

/// A static IPv6 address beside the IPv4 one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ipv6Network {
    /// The node's address.
    pub address: Ipv6Addr,
    /// The length of the network's prefix in bits: 1 to 126.
    pub prefix: u8,
    /// The way out, where there is one.
    pub gateway: Option<Ipv6Addr>,
}

/// The user one logs in as: the stock image's user 1000, renamed where asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct User {
    /// `pi` unless said otherwise.
    pub name: UserName,
    /// `/bin/bash` unless said otherwise.
    pub shell: ImagePath,
    /// A hash as crypt(3) makes it; without one there is no password at all.
    pub password_hash: Option<Secret>,
    /// The keys that may log in. Empty when nodes.yaml names none: then the cluster's own login key is used.
    pub authorized_keys: Vec<AuthorizedKey>,
    /// sudo without a password; on by default when the user has none.
    pub passwordless_sudo: bool,
}

/// A text that may not be shown. Wiped from memory when dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes a text.
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }
    /// Returns the text itself, for writing it where it belongs.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Secret(…)")
    }
}

/// Additions to config.txt and cmdline.txt.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Boot {
    /// Lines for the end of config.txt, under `[all]`.
    pub config: Vec<String>,
    /// Words for the one line of cmdline.txt.
    pub cmdline: Vec<String>,
    /// The page size of the kernel that a Raspberry Pi 5 starts.
    pub page_size: PageSize,
}

/// The pages of memory that a Raspberry Pi 5 works with; all other models have 4 KiB.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PageSize {
    /// Those of its own kernel: 16 KiB.
    #[default]
    Stock,
    /// 4 KiB, which some programs in containers need.
    FourKib,
}

/// The swap of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Swap {
    /// As in the stock image.
    #[default]
    Stock,
    /// None.
    Off,
}

/// A file the user wants on the card.
#[derive(Debug, Clone, PartialEq)]
pub struct ExtraFile {
    /// Its partition.
    pub partition: Partition,
    /// The path on it.
    pub path: FilePath,
    /// Its content.
    pub content: FileSource,
    /// Permission bits. Where absent, a file that is there keeps its own, and a new one gets 0644.
    pub mode: Option<Mode>,
    /// User and group. Where absent, a file that is there keeps its owner, and a new one gets that of the
    /// directory it goes into.
    pub owner: Option<FileOwner>,
    /// The place in nodes.yaml that names it; for messages.
    pub position: Option<Position>,
}

impl ExtraFile {
    /// Returns a file of the root partition with this text in it, at `/etc/motd`, or at `~/.bashrc` of the node's user.
    ///
    /// # Errors
    /// Fails when `path` is no path.
    pub fn text(path: &str, text: impl Into<String>) -> Result<Self, InvalidPath> {
        Self::with_content(path, FileSource::Inline(text.into()))
    }

    /// Does as [`text`](Self::text) with the content of a file of this machine. It is read when a node is planned.
    ///
    /// # Errors
    /// Fails when `path` is no path.
    pub fn copy_of(source: impl Into<PathBuf>, path: &str) -> Result<Self, InvalidPath> {
        Self::with_content(path, FileSource::Path(source.into()))
    }

    fn with_content(path: &str, content: FileSource) -> Result<Self, InvalidPath> {
        let path = match path.strip_prefix('~').filter(|rest| rest.starts_with('/')) {
            Some(rest) => FilePath::Home(ImagePath::new(rest)?),
            None => FilePath::Absolute(ImagePath::new(path)?),
        };
        Ok(Self { partition: Partition::Root, path, content, mode: None, owner: None, position: None })
    }

    /// Returns the same file with these permission bits.
    #[must_use]
    pub fn with_mode(self, mode: Mode) -> Self {
        Self { mode: Some(mode), ..self }
    }

    /// Returns the same file of this owner.
    #[must_use]
    pub fn with_owner(self, owner: FileOwner) -> Self {
        Self { owner: Some(owner), ..self }
    }
}

/// A path of an extra file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FilePath {
    /// From the top of the partition.
    Absolute(ImagePath),
    /// From the home directory of the node's user, which the stock image names: `/.bashrc` of `~/.bashrc`.
    Home(ImagePath),
}

impl FilePath {
    /// Returns the path on the card of a user whose home directory is `home`.
    ///
    /// # Errors
    /// Fails when the two together make no path.
    pub fn on_card(&self, home: &ImagePath) -> Result<ImagePath, InvalidPath> {
        match self {
            Self::Absolute(path) => Ok(path.clone()),
            Self::Home(path) => home.join(path.as_str().trim_start_matches('/')),
        }
    }
}

impl std::fmt::Display for FilePath {
    /// Writes it as nodes.yaml has it.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Absolute(path) => write!(formatter, "{path}"),
            Self::Home(path) => write!(formatter, "~{path}"),
        }
    }
}

/// The source of an extra file's content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileSource {
    /// A file of this machine. That it exists was checked.
    Path(PathBuf),
    /// The text in nodes.yaml itself.
    Inline(String),
}

/// The owner of an extra file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileOwner {
    /// By number.
    Numeric(Owner),
    /// The user of the node, whatever number it has in the stock image.
    User,
}

/// k3s for the whole cluster.
#[derive(Debug, Clone, PartialEq)]
pub struct K3s {
    /// The release, `v1.36.4+k3s1`.
    pub version: K3sVersion,
    /// The way that it gets onto the nodes.
    pub install: Install,
    /// The registries of container images, where nodes.yaml names some.
    pub registries: Option<Registries>,
    /// The manifests that it deploys by itself, in the order of nodes.yaml.
    pub manifests: Vec<Manifest>,
    /// Access to the cluster.
    pub access: Access,
}

/// The content of k3s's registries.yaml. Credentials may be in it: it may not be shown.
#[derive(Clone, PartialEq)]
pub enum Registries {
    /// The mapping in nodes.yaml itself.
    Inline(serde_json::Map<String, serde_json::Value>),
    /// The text of a file, which was checked and goes onto the cards as it is.
    File(Secret),
}

impl std::fmt::Debug for Registries {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Registries(…)")
    }
}

/// A file for k3s's folder of manifests. That it can be read, and holds Kubernetes objects, was checked.
#[derive(Clone, PartialEq, Eq)]
pub struct Manifest {
    /// Its name there; no two have the same name before their ending.
    pub file_name: String,
    /// Its whole text.
    pub text: String,
    /// Set when a Secret is in it: it may not be shown.
    pub holds_secrets: bool,
}

impl std::fmt::Debug for Manifest {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Manifest({})", self.file_name)
    }
}

/// The way that k3s gets onto a node.
#[derive(Debug, Clone, PartialEq)]
pub enum Install {
    /// At the first boot, from a release server.
    Download {
        /// The address that `/VERSION/k3s-arm64` is appended to; GitHub's release downloads unless said otherwise.
        base_url: String,
        /// The SHA-256 of the arm64 binary, where it is pinned.
        sha256_arm64: Option<Digest>,
        /// The SHA-256 of the armhf binary, where it is pinned.
        sha256_armhf: Option<Digest>,
    },
    /// Inside the cards.
    Bundled {
        /// The arm64 binary; this one or the other is there.
        arm64: Option<FileLocation>,
        /// The armhf binary.
        armhf: Option<FileLocation>,
        /// Archives of container images, under names that all differ.
        images: Vec<FileLocation>,
    },
}

/// k3s on a node.
#[derive(Debug, Clone, PartialEq)]
pub struct NodeK3s {
    /// Server or agent.
    pub role: Role,
    /// Extra keys for config.yaml: `k3s.config`, then `k3s.server` or `k3s.agent`'s `config`, then the node's own
    /// `config`; what comes later wins. `labels`, `taints` and `disable` are among them as k3s's own keys.
    pub config: serde_json::Map<String, serde_json::Value>,
    /// Set when this server joins a cluster that goes on without it, even the first server.
    pub rejoins: bool,
    /// The server that it joins instead of the first one.
    pub through: Option<Hostname>,
}

/// The two roles of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Runs the control plane, and workloads.
    Server,
    /// Runs workloads.
    Agent,
}

impl std::fmt::Display for Role {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::Server => "server",
            Self::Agent => "agent",
        })
    }
}

impl Cluster {
    /// Returns the error of a nodes.yaml that is valid by itself, and does not fit the stock image.
    pub fn unfit(&self, mut problems: Vec<Diagnostic>) -> InvalidCluster {
        problems.sort_by(|one, other| {
            (one.line, one.column, &one.message).cmp(&(other.line, other.column, &other.message))
        });
        // What the top of the file says is wrong for every node.
        problems.dedup();
        let text = self.source_text.reveal().to_owned();
        InvalidCluster { file: self.source.clone(), text, problems }
    }

    /// Returns the node of that name.
    pub fn node(&self, name: &str) -> Option<&Node> {
        self.nodes.iter().find(|node| node.name.as_str() == name)
    }
}

impl NodeK3s {
    /// The names of the links that k3s makes on a node, as patterns of fnmatch(3): the bridge, flannel's
    /// tunnels, and the outer ends of the pods' links. Whatever configures the network has to leave them alone.
    pub const LINKS: [&'static str; 3] = ["cni*", "flannel*", "veth*"];
}

impl Node {
    /// Returns the role of this node in k3s.
    pub fn role(&self) -> Option<Role> {
        self.k3s.as_ref().map(|k3s| k3s.role)
    }
}

/// The access to a k3s cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Access {
    /// The year that its certificate authorities count from.
    pub ca_start_year: CaStartYear,
    /// The lifetime of the kubeconfig.
    pub kubeconfig_lifetime: Lifetime,
    /// An address that whichever server is well answers at; inside the servers' subnet, and no node's own.
    pub virtual_address: Option<Ipv4Addr>,
}
