//! The header of a backup, which anybody can read and nobody can change.

use super::BackupError;
use crate::io::plain_file;
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read as _};
use std::path::Path;

/// The first line of version 1, without its end.
pub(super) const MAGIC: &str = "cardwright-backup 1";

/// More than the two lines of a header.
const LONGEST: u64 = 4096;

/// The datastore of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Datastore {
    /// That of a single server.
    Sqlite,
    /// That of several.
    Etcd,
}

impl std::fmt::Display for Datastore {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::Sqlite => "sqlite",
            Self::Etcd => "etcd",
        })
    }
}

/// What a backup is of. None of it is secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// The name of the cluster.
    pub cluster: String,
    /// The name of the server.
    pub node: String,
    /// The fingerprint of the secret that it is encrypted to.
    pub secret: String,
    /// The version of k3s that wrote the datastore.
    pub k3s: String,
    /// The datastore.
    pub datastore: Datastore,
    /// The time at which it was made, in UTC: `2026-11-28T14:23:10Z`.
    pub time: String,
    /// The number that the key is derived from, beside the secret: 32 hexadecimal digits.
    pub salt: String,
}

impl Header {
    /// Reads the header of the backup at `path`, which need not be whole.
    ///
    /// # Errors
    /// Fails when there is none, or a later version of it.
    pub fn read(path: &Path) -> Result<Self, BackupError> {
        Ok(OpenedBackup::open(path)?.header)
    }

    /// Returns the header as it is at the beginning of a file.
    #[expect(clippy::expect_used, reason = "a header has only keys and values that are text")]
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let json = serde_json::to_string(self).expect("texts can be written as JSON");
        format!("{MAGIC}\n{json}\n").into_bytes()
    }
}

/// A backup of which the header was read.
pub(super) struct OpenedBackup {
    pub(super) header: Header,
    /// The header as it is in the file.
    pub(super) bytes: Vec<u8>,
    /// The rest.
    pub(super) rest: BufReader<File>,
}

impl OpenedBackup {
    pub(super) fn open(path: &Path) -> Result<Self, BackupError> {
        let unreadable = |source| BackupError::Unreadable { path: path.to_owned(), source };
        let refused = || BackupError::NotABackup { path: path.to_owned() };
        let mut rest = BufReader::new(plain_file::open(path).map_err(unreadable)?);
        let first = line(&mut rest).map_err(unreadable)?;
        if first != MAGIC.as_bytes() {
            let version = first.strip_prefix(b"cardwright-backup ").map(String::from_utf8_lossy);
            let is_version =
                |version: &str| !version.is_empty() && version.bytes().all(|byte| byte.is_ascii_digit());
            return Err(match version.filter(|version| is_version(version)) {
                Some(version) => BackupError::Later { path: path.to_owned(), version: version.into_owned() },
                None => refused(),
            });
        }
        let second = line(&mut rest).map_err(unreadable)?;
        let header = serde_json::from_slice(&second).map_err(|_| refused())?;
        let bytes = [first, second].iter().flat_map(|line| line.iter().chain(b"\n")).copied().collect();
        Ok(Self { header, bytes, rest })
    }
}

/// Reads a line, without its end, of no more bytes than a header has.
fn line(from: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let mut line = Vec::new();
    from.take(LONGEST).read_until(b'\n', &mut line)?;
    line.pop_if(|last| *last == b'\n');
    Ok(line)
}
