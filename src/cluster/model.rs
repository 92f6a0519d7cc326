//! A cluster as nodes.yaml describes it: valid by construction.

use crate::cluster::k3s_flags::{DATA_DIR, PORT, given};
use crate::cluster::user::refuses_login;
use crate::cluster::{
    ClusterName, Diagnostic, FieldSpan, Grow, ImageSource, InvalidCluster, K3s, Node, NodeK3s, Output, Role,
    Secret, User,
};
use crate::types::Digest;
use std::net::IpAddr;
use std::path::PathBuf;

/// A whole cluster, as nodes.yaml describes it.
///
/// [`load`](Self::load) and [`parse`](Self::parse) return valid ones. Its fields are public, so that a caller can change
/// the image, the output or a node; the checks across nodes are not made again then.
#[derive(Debug, Clone, PartialEq)]
pub struct Cluster {
    /// Its name: in file names, the kubeconfig and the card's own record.
    pub name: ClusterName,
    /// The file it was read from; relative paths in it were resolved from that file's folder.
    pub source: PathBuf,
    /// The SHA-256 of the text it was read from, and of those of the files that it includes.
    pub source_digest: Digest,
    /// The text it was read from: messages show its lines.
    pub source_text: Secret,
    /// The files that it includes, and their texts.
    pub included: Vec<(PathBuf, Secret)>,
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

impl Cluster {
    /// Returns the error of a nodes.yaml that is valid by itself, and does not fit the stock image.
    pub fn unfit(&self, mut problems: Vec<Diagnostic>) -> InvalidCluster {
        problems.sort_by(|one, other| (one.place(), &one.message).cmp(&(other.place(), &other.message)));
        // What the top of the file says is wrong for every node.
        problems.dedup();
        let text = self.source_text.reveal().to_owned();
        let included = self.included.iter().map(|(path, text)| (path.clone(), text.reveal().to_owned()));
        InvalidCluster { file: self.source.clone(), text, included: included.collect(), problems }
    }

    /// Returns the folder in which k3s keeps what it has, the same on all nodes.
    pub fn k3s_data_dir(&self) -> &str {
        let mut nodes = self.nodes.iter().filter_map(|node| node.k3s.as_ref());
        nodes.next().map_or(DATA_DIR, NodeK3s::data_dir)
    }

    /// Returns the port at which servers answer nodes that join, and kubectl.
    ///
    /// # Panics
    /// When `https-listen-port` of a configuration is no port; that of a nodes.yaml was checked.
    #[expect(clippy::expect_used, reason = "the flag is checked when nodes.yaml is read")]
    pub fn supervisor_port(&self) -> u16 {
        let config = self.first_server().and_then(|server| server.k3s.as_ref()).map(|k3s| &k3s.config);
        let given = config.map_or_else(Vec::new, |config| given(config, "https-listen-port"));
        given.first().map_or(PORT, |port| port.parse().expect("a checked flag holds a port"))
    }

    /// Returns the node of that name.
    pub fn node(&self, name: &str) -> Option<&Node> {
        self.nodes.iter().find(|node| node.name.as_str() == name)
    }
}

impl Node {
    /// Returns the host that others find the node at: its address where it is known beforehand, or else its name,
    /// which it announces itself (RFC 6762; avahi-daemon is part of Raspberry Pi OS).
    pub fn host(&self) -> String {
        match self.network.main.addresses().next() {
            Some(address) => address.to_string(),
            None => format!("{}.local", self.name),
        }
    }

    /// Returns the same host for an address of the web, where one of IPv6 stands in brackets (RFC 3986, 3.2.2).
    pub fn host_in_url(&self) -> String {
        match self.network.main.addresses().next() {
            Some(IpAddr::V6(address)) => format!("[{address}]"),
            _ => self.host(),
        }
    }

    /// Returns the role of this node in k3s.
    pub fn role(&self) -> Option<Role> {
        self.k3s.as_ref().map(|k3s| k3s.role)
    }
}

impl Node {
    /// Returns all users: the first one, and those beside it.
    pub fn all_users(&self) -> impl Iterator<Item = &User> {
        std::iter::once(&self.user).chain(&self.users)
    }

    /// Returns the user to log in as over SSH: the first one, unless nobody logs in as it.
    pub fn ssh_user(&self) -> &User {
        let lets_in = |user: &&User| {
            let has_password = self.ssh.password_login && user.password_hash.is_some();
            user.login
                && !refuses_login(&user.shell)
                && (has_password || !user.ssh_authorized_keys.is_empty())
        };
        // Where no key is named for the first user, the cluster's own is used.
        let added = if self.user.login { None } else { self.users.iter().find(lets_in) };
        added.unwrap_or(&self.user)
    }
}
