//! Putting a backup onto a card.

use super::BackupError;
use super::entries::{Entries, SNAPSHOT, StreamError, TOKEN};
use super::header::{Header, OpenedBackup};
use super::seal::Unsealer;
use crate::cluster::{Cluster, K3sVersion, Node, Role};
use crate::identity::{ClusterSecret, SecretFingerprint};
use crate::k3s::Restored;
use crate::patch::Content;
use crate::types::escape::escaped;
use crate::types::{Warning, hex};
use std::io::{self, BufReader};
use std::path::Path;

/// Has the server that the backup at `path` was made of go on with it.
///
/// # Errors
/// Fails when it is no backup, or its node is not in nodes.yaml or no server there. The rest of it is checked by
/// [`open`].
pub fn choose(cluster: &mut Cluster, path: &Path) -> Result<(), BackupError> {
    let header = Header::read(path)?;
    let first = cluster.first_server().map(|first| first.name.to_string());
    let Some(node) = cluster.nodes.iter_mut().find(|node| *node.name.as_str() == *header.node) else {
        return Err(BackupError::NoSuchNode { path: path.to_owned(), node: header.node });
    };
    match &mut node.k3s {
        Some(k3s) if k3s.role == Role::Server => k3s.restore = Some(path.to_owned()),
        _ => return Err(BackupError::NotAServer { node: header.node, first }),
    }
    Ok(())
}

/// Opens the backup at `path` for the card of a server. All of it is decrypted and checked before any of it is used, in
/// memory. Also returns a warning, where there is one.
///
/// # Errors
/// Fails when it is no backup of this node and this secret, is not whole, or is nothing for this version of k3s.
pub fn open(
    path: &Path,
    cluster: &Cluster,
    node: &Node,
    secret: &ClusterSecret,
) -> Result<(Restored, Option<Warning>), BackupError> {
    let OpenedBackup { header, bytes, rest } = OpenedBackup::open(path)?;
    if let Some(server) = cluster.joined_by(node) {
        let (node, server) = (node.name.to_string(), server.name.to_string());
        return Err(BackupError::Joins { node, server });
    }
    check_secret(path, &header, secret)?;
    if *header.node != *node.name.as_str() {
        let (theirs, node) = (header.node, node.name.to_string());
        return Err(BackupError::OtherNode { path: path.to_owned(), theirs, node });
    }
    let warning = compare_versions(path, &header, cluster)?;
    let damaged = |what| BackupError::Damaged { path: path.to_owned(), what };
    let mut salt = [0; 16];
    if !hex::decode_into(header.salt.as_bytes(), &mut salt) {
        return Err(damaged("header was changed"));
    }
    let files = files(Unsealer::new(rest, bytes, &salt, secret)).map_err(|error| match error {
        StreamError::Io(error) if error.kind() == io::ErrorKind::InvalidData => {
            damaged("bytes are not those that were written")
        }
        StreamError::Io(source) => BackupError::Unreadable { path: path.to_owned(), source },
        StreamError::Broken(_) | StreamError::Refused(_) => damaged("content is no list of files"),
    })?;
    check_token(path, &files, secret)?;
    let mut restored = Restored { time: header.time, files: Vec::new(), snapshot: None };
    for (name, content) in files {
        if name == SNAPSHOT {
            restored.snapshot = Some(content);
        } else {
            restored.files.push((name, content));
        }
    }
    Ok((restored, warning))
}

fn check_secret(path: &Path, header: &Header, secret: &ClusterSecret) -> Result<(), BackupError> {
    let ours = secret.fingerprint();
    if header.secret == ours.to_string() {
        return Ok(());
    }
    Err(BackupError::OtherSecret {
        path: path.to_owned(),
        cluster: header.cluster.clone(),
        theirs: SecretFingerprint::parse(&header.secret)
            .map_or_else(|| escaped(&header.secret), |theirs| theirs.short().to_owned()),
        ours: ours.short().to_owned(),
    })
}

/// Compares the k3s that made a backup with the one on the card. A higher one takes the datastore of a lower
/// (docs.k3s.io, "k3s etcd-snapshot", Restoring Snapshots); the other way round nobody promises anything.
fn compare_versions(path: &Path, header: &Header, cluster: &Cluster) -> Result<Option<Warning>, BackupError> {
    let Some(ours) = cluster.k3s.as_ref().map(|k3s| &k3s.version) else { return Ok(None) };
    let Ok(theirs) = K3sVersion::new(header.k3s.as_str()) else {
        return Ok(Some(Warning {
            message: format!(
                "which version of k3s made {} is not known: it calls itself `{}`",
                path.display(),
                header.k3s
            ),
            hint: Some(format!("Make sure that it is not later than {ours}")),
        }));
    };
    match theirs.numbers().cmp(&ours.numbers()) {
        std::cmp::Ordering::Equal => Ok(None),
        std::cmp::Ordering::Less => Ok(Some(Warning {
            message: format!(
                "the backup {} was made with k3s {theirs}: its first start with {ours} is an upgrade",
                path.display()
            ),
            hint: Some(format!(
                "To do one thing at a time, restore with `version: {theirs}`, and upgrade afterwards; no minor version may be left out"
            )),
        })),
        std::cmp::Ordering::Greater => {
            Err(BackupError::OlderK3s { path: path.to_owned(), theirs, ours: ours.clone() })
        }
    }
}

/// Checks that the token by which k3s encrypts a part of the datastore is that of the card's config.yaml. In the file it has
/// its full form, whose end is what counts (see `src/k3s/token.rs`).
fn check_token(path: &Path, files: &[(String, Content)], secret: &ClusterSecret) -> Result<(), BackupError> {
    let token = files.iter().find(|(name, _)| name == TOKEN).and_then(|(_, content)| content.bytes());
    let password = token.and_then(|token| token.trim_ascii().rsplit(|byte| *byte == b':').next());
    if password == Some(secret.server_token().as_bytes()) {
        return Ok(());
    }
    Err(BackupError::OtherToken { path: path.to_owned() })
}

/// Reads all files of a backup.
fn files(unsealed: Unsealer<impl io::BufRead>) -> Result<Vec<(String, Content)>, StreamError> {
    let files = Entries::new(BufReader::new(unsealed)).files()?.into_iter();
    Ok(files.map(|(path, content)| (path, Content::from(content))).collect())
}
