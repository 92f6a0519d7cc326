//! The values of a cluster: plain data that is valid.

use crate::cluster::{
    CaStartYear, FieldSpan, Hostname, ImageName, InterfaceName, K3sVersion, Lifetime, MacAddress,
};
use crate::fetch::FileLocation;
use crate::formats::ImageFormat;
use crate::patch::Partition;
use crate::types::{ByteCount, Digest, ImagePath, InvalidPath, Mode, Owner};
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use zeroize::Zeroizing;

/// A stock image.
#[derive(Debug, Clone, PartialEq)]
pub enum ImageSource {
    /// A file.
    File(FileLocation),
    /// One that Raspberry Pi publishes, by its name: [`pins`](crate::pins) finds out which file that is.
    Named(ImageName),
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

/// The places in nodes.yaml of a node's values, for mistakes that only a stock image shows. [`ExtraFile`]s know
/// their own places.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NodeSpans {
    /// By the value's key with those above it: `user.shell`.
    keys: BTreeMap<String, FieldSpan>,
    /// The words of `cmdline:` under `boot:`.
    pub cmdline: BTreeMap<String, FieldSpan>,
}

impl NodeSpans {
    /// Returns the place of a value that nodes.yaml names, by its key with those above it: `user.shell`.
    pub fn of(&self, key: &str) -> Option<&FieldSpan> {
        self.keys.get(key)
    }

    pub(crate) fn add(&mut self, path: &str, key: &str, span: Option<&FieldSpan>) {
        self.keys.extend(span.map(|span| (format!("{path}{key}"), span.clone())));
    }
}

/// A choice of one of a board's interfaces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Interface {
    /// By its name. Raspberry Pi OS has `eth0` and `wlan0`, and `eth1` for an adapter on USB.
    Named(InterfaceName),
    /// By the address of its hardware, whatever its name.
    WithMac(MacAddress),
}

impl Interface {
    /// Returns its name, where it was chosen by that.
    pub fn name(&self) -> Option<&InterfaceName> {
        match self {
            Self::Named(name) => Some(name),
            Self::WithMac(_) => None,
        }
    }
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
    pub span: Option<FieldSpan>,
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
        Ok(Self { partition: Partition::Root, path, content, mode: None, owner: None, span: None })
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
    /// Inside the cards, as k3s publishes it: [`pins`](crate::pins) finds out which files these are.
    Published,
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
    /// The backup with which its first start goes on.
    pub restore: Option<PathBuf>,
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

impl NodeK3s {
    /// The names of the links that k3s makes on a node, as patterns of fnmatch(3): the bridge, flannel's
    /// tunnels, and the outer ends of the pods' links. Whatever configures the network has to leave them alone.
    pub const LINKS: [&'static str; 3] = ["cni*", "flannel*", "veth*"];
}

/// The access to a k3s cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Access {
    /// The year that its certificate authorities count from.
    pub ca_start_year: CaStartYear,
    /// The lifetime of the kubeconfig.
    pub kubeconfig_lifetime: Lifetime,
    /// An address that whichever server is well answers at; inside the servers' subnet, and no node's own.
    pub virtual_address: Option<VirtualAddress>,
}

/// An address that agents and kubectl reach the servers of a cluster at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VirtualAddress {
    /// The address.
    pub address: Ipv4Addr,
    /// The program that answers there.
    pub by: Answerer,
}

impl From<VirtualAddress> for IpAddr {
    fn from(virtual_address: VirtualAddress) -> Self {
        Self::V4(virtual_address.address)
    }
}

/// The program that has a virtual address answered.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub enum Answerer {
    /// One that the user deploys, or a load balancer outside the cluster.
    #[default]
    Other,
    /// kube-vip, deployed by a manifest that cardwright puts on the first server's card.
    KubeVip,
}

impl Answerer {
    /// The name, without its ending, of the manifest that deploys kube-vip.
    pub(crate) const MANIFEST: &str = "kube-vip";
}
