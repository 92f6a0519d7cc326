//! The access files beside the images, with which the owner gets in: without a question asked, a fingerprint accepted
//! or a kubeconfig copied.
//!
//! They hold nothing that is not derived, so they are there before any node was switched on, and are the
//! same after a node was flashed again.

mod error;
mod known_hosts;
mod kubeconfig;
mod login;
mod ssh_config;
mod user_kubeconfig;

pub use error::AccessError;
pub use known_hosts::host_keys;
pub use login::{JournalPart, log_in, logs};
pub(crate) use ssh_config::moved as moved_ssh_config;
pub use user_kubeconfig::{
    ApiCredentials, MergeOptions, MergedKubeconfig, api_credentials, kubeconfig_path, merge_kubeconfig,
};

use crate::cluster::{CaStartYear, Cluster};
use crate::identity::{
    Authority, ClusterSecret, SecretFingerprint, SshFingerprint, SshKeyPair, SshPublicKey,
};
use crate::io::{AtomicFile, FileError};
use crate::plan;
use crate::types::UnixTime;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{fs, io};
use zeroize::Zeroizing;

/// Reads a file of the results, which only a build writes.
fn read_result(path: &Path) -> Result<String, AccessError> {
    fs::read_to_string(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => AccessError::NotBuilt { path: path.to_owned() },
        _ => AccessError::File(FileError::write("reading", path)(error)),
    })
}

const PUBLIC_LOGIN_KEY: &str = "id_ed25519.pub";
const KUBECONFIG: &str = "kubeconfig";
const FINGERPRINT: &str = "secret.fingerprint";

/// One of the access files of a cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AccessFile {
    KnownHosts,
    SshConfig,
    LoginKey,
    PublicLoginKey,
    Kubeconfig,
    /// The fingerprint of the secret that the others were made with.
    Fingerprint,
}

impl AccessFile {
    /// Those that every build writes.
    pub(crate) const ALWAYS: [Self; 2] = [Self::KnownHosts, Self::SshConfig];

    /// All that there are.
    pub(crate) const ALL: [Self; 6] = [
        Self::KnownHosts,
        Self::SshConfig,
        Self::LoginKey,
        Self::PublicLoginKey,
        Self::Kubeconfig,
        Self::Fingerprint,
    ];

    /// Returns those that a cluster has.
    pub(crate) fn of(cluster: &Cluster) -> Vec<Self> {
        let mut files = vec![Self::KnownHosts, Self::SshConfig, Self::Fingerprint];
        if needs_login_key(cluster) {
            files.extend([Self::LoginKey, Self::PublicLoginKey]);
        }
        if cluster.k3s.is_some() && cluster.first_server().is_some() {
            files.push(Self::Kubeconfig);
        }
        files
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::KnownHosts => known_hosts::NAME,
            Self::SshConfig => ssh_config::NAME,
            Self::LoginKey => ssh_config::LOGIN_KEY,
            Self::PublicLoginKey => PUBLIC_LOGIN_KEY,
            Self::Kubeconfig => KUBECONFIG,
            Self::Fingerprint => FINGERPRINT,
        }
    }

    /// Returns who wrote such a file that is there already. The version before wrote no other markers, so its
    /// files are known, too. Without a secret, what was made with one is another's.
    pub(crate) fn author(self, text: &str, cluster: &Cluster, secret: Option<&ClusterSecret>) -> Author {
        let made_with = |is_ours: bool, is_same: &dyn Fn(&ClusterSecret) -> bool| match (is_ours, secret) {
            (true, Some(secret)) if is_same(secret) => Author::Us,
            (true, _) => Author::OtherSecret,
            (false, _) => Author::Stranger,
        };
        match self {
            Self::SshConfig if ssh_config::is_ours(text) => Author::Us,
            Self::SshConfig => Author::Stranger,
            Self::KnownHosts => {
                made_with(known_hosts::is_ours(text), &|secret| known_hosts::are_keys_of(text, secret))
            }
            Self::Kubeconfig => match kubeconfig::authority_of(text) {
                Some(pem) => made_with(true, &|secret| {
                    // The key is the same whenever its certificate ends.
                    let end = CaStartYear::default().authorities_end();
                    let authority = secret.authority(Authority::Server, end);
                    authority.is_ok_and(|authority| authority.is_key_of(&pem) == Some(true))
                }),
                None => Author::Stranger,
            },
            Self::Fingerprint => match SecretFingerprint::parse(text.trim_end()) {
                Some(found) => made_with(true, &|secret| secret.fingerprint() == found),
                None => Author::Stranger,
            },
            Self::LoginKey | Self::PublicLoginKey => {
                let Some(found) = SshPublicKey::find(text) else { return Author::Stranger };
                let known = secret.and_then(|secret| plan::login_key(cluster, secret).ok());
                let known = known.and_then(|known| SshPublicKey::find(&known.public));
                let is_known = known.is_some_and(|known| known.key == found.key);
                let is_ours = is_known || found.comment.starts_with(plan::LOGIN_KEY_COMMENT);
                made_with(is_ours, &|_| is_known)
            }
        }
    }
}

/// The author of a file in the place of an access file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Author {
    /// This program, with the secret of the cluster.
    Us,
    /// This program, with another secret: nodes made with it may be running.
    OtherSecret,
    /// Somebody else, or somebody changed it.
    Stranger,
}

/// Returns `true` if nodes.yaml names no key for some node.
fn needs_login_key(cluster: &Cluster) -> bool {
    cluster.nodes.iter().any(|node| node.user.login && node.user.ssh_authorized_keys.is_empty())
}

/// The texts of the access files.
#[derive(Debug)]
pub struct AccessFiles {
    /// known_hosts: the key of each node, under its name and its addresses.
    pub known_hosts: String,
    /// ssh_config, for `ssh -F`.
    pub ssh_config: String,
    /// The cluster's own login key, where nodes.yaml names none for some node.
    pub login_key: Option<SshKeyPair>,
    /// The kubeconfig, where there is k3s.
    pub kubeconfig: Option<Kubeconfig>,
    /// The fingerprint of the secret that all of them are made with.
    pub fingerprint: SecretFingerprint,
}

/// A kubeconfig: whoever has it may do everything in the cluster.
pub struct Kubeconfig(pub Zeroizing<String>);

impl std::fmt::Debug for Kubeconfig {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Kubeconfig(…)")
    }
}

/// The paths of the access files.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct WrittenAccessFiles {
    /// The keys of the nodes, as ssh knows them.
    pub known_hosts: PathBuf,
    /// The ways to the nodes, for `ssh -F`.
    pub ssh_config: PathBuf,
    /// The private key to log in with, where nodes.yaml names no public one.
    pub login_key: Option<PathBuf>,
    /// The kubeconfig, where there is k3s.
    pub kubeconfig: Option<PathBuf>,
}

impl AccessFiles {
    /// Makes the access files of a cluster. `time` is the time that files on the nodes get: what ends, is counted
    /// from there.
    ///
    /// # Errors
    /// Fails when a key or certificate cannot be made, or ssh_config cannot name the folder of the results.
    pub fn new(cluster: &Cluster, secret: &ClusterSecret, time: UnixTime) -> Result<Self, AccessError> {
        Ok(Self {
            known_hosts: known_hosts::text_of(cluster, secret)?,
            ssh_config: ssh_config::text_of(cluster)?,
            login_key: needs_login_key(cluster).then(|| plan::login_key(cluster, secret)).transpose()?,
            kubeconfig: kubeconfig::text_of(cluster, secret, time)?.map(Kubeconfig),
            fingerprint: secret.fingerprint(),
        })
    }

    /// Reads those of a shard of a build. ssh_config is made anew: it names the folder of the results, which is another.
    ///
    /// # Errors
    /// Fails when one is missing, or ssh_config cannot name the folder of the results.
    pub(crate) fn of_shard(cluster: &Cluster, shard: &Path) -> Result<Self, AccessError> {
        let read = |file: AccessFile| {
            let path = shard.join(file.name());
            fs::read_to_string(&path).map(Zeroizing::new).map_err(FileError::write("reading", &path))
        };
        let files = AccessFile::of(cluster);
        let login_key = || -> Result<_, FileError> {
            let public = read(AccessFile::PublicLoginKey)?.trim_end().to_owned();
            Ok(SshKeyPair { public, private: read(AccessFile::LoginKey)? })
        };
        let kubeconfig = || read(AccessFile::Kubeconfig).map(Kubeconfig);
        let fingerprint = read(AccessFile::Fingerprint)?;
        let no_fingerprint = || {
            let error = io::Error::new(io::ErrorKind::InvalidData, "it holds no fingerprint of a secret");
            FileError::write("reading", &shard.join(FINGERPRINT))(error)
        };
        Ok(Self {
            known_hosts: read(AccessFile::KnownHosts)?.to_string(),
            ssh_config: ssh_config::text_of(cluster)?,
            login_key: files.contains(&AccessFile::LoginKey).then(login_key).transpose()?,
            kubeconfig: files.contains(&AccessFile::Kubeconfig).then(kubeconfig).transpose()?,
            fingerprint: SecretFingerprint::parse(fingerprint.trim_end()).ok_or_else(no_fingerprint)?,
        })
    }

    /// Returns the fingerprints of the nodes' keys, by the names of the nodes.
    pub(crate) fn host_keys(&self) -> BTreeMap<&str, SshFingerprint> {
        known_hosts::fingerprints(&self.known_hosts)
    }

    /// Returns whether they are made with the same secret, for the same time.
    pub(crate) fn are_same(&self, other: &Self) -> bool {
        let key = |files: &Self| files.login_key.as_ref().map(|key| key.private.clone());
        let kubeconfig = |files: &Self| files.kubeconfig.as_ref().map(|kubeconfig| kubeconfig.0.clone());
        self.known_hosts == other.known_hosts
            && key(self) == key(other)
            && kubeconfig(self) == kubeconfig(other)
    }

    /// Writes the files into the folder of the results.
    ///
    /// # Errors
    /// When that cannot be written to.
    pub fn write(&self, cluster: &Cluster) -> Result<WrittenAccessFiles, FileError> {
        let write = |name: &str, text: &str, private: bool| {
            let path = cluster.output.folder.join(name);
            AtomicFile::write_whole(&path, text.as_bytes(), private).map(|()| path)
        };
        let login_key = self.login_key.as_ref().map(|key| {
            write(PUBLIC_LOGIN_KEY, &format!("{}\n", key.public), false)?;
            write(ssh_config::LOGIN_KEY, &key.private, true)
        });
        write(FINGERPRINT, &format!("{}\n", self.fingerprint), false)?;
        Ok(WrittenAccessFiles {
            known_hosts: write(known_hosts::NAME, &self.known_hosts, false)?,
            ssh_config: write(ssh_config::NAME, &self.ssh_config, false)?,
            login_key: login_key.transpose()?,
            kubeconfig: self.kubeconfig.as_ref().map(|text| write(KUBECONFIG, &text.0, true)).transpose()?,
        })
    }

    /// Returns the paths of the files, where the folder of the results has them as they are here.
    pub(crate) fn written(&self, cluster: &Cluster) -> Option<WrittenAccessFiles> {
        let path = |name: &str| cluster.output.folder.join(name);
        let there = Self::of_shard(cluster, &cluster.output.folder);
        let is_there = there.is_ok_and(|there| self.are_same(&there))
            && fs::read_to_string(path(ssh_config::NAME)).is_ok_and(|text| text == self.ssh_config);
        is_there.then(|| WrittenAccessFiles {
            known_hosts: path(known_hosts::NAME),
            ssh_config: path(ssh_config::NAME),
            login_key: self.login_key.as_ref().map(|_| path(ssh_config::LOGIN_KEY)),
            kubeconfig: self.kubeconfig.as_ref().map(|_| path(KUBECONFIG)),
        })
    }
}
