//! Fetching a backup from a running server, over the user's own ssh.

use super::BackupError;
use super::entries::{Entries, StreamError};
use super::header::{Datastore, Header, MAGIC};
use super::seal::Sealer;
use crate::access::{self, AccessError};
use crate::cluster::{Cluster, Node, Role};
use crate::identity::ClusterSecret;
use crate::io::ownership::create_folder;
use crate::io::{self, AtomicFile, FileError};
use crate::types::escape::escaped;
use crate::types::{ByteCount, UnixTime, hex, shell};
use std::io::{BufRead, BufReader, BufWriter, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

/// The folder of backups, beside nodes.yaml.
const FOLDER: &str = "backups";

/// The end of their names.
const ENDING: &str = ".cardwright-backup";

/// The command of the node: a shell of root's that takes the script from standard input, so that no shell on the way has to
/// be told of its quotes. The user's own shell may be any; it only has to find `sh`.
const AS_ROOT: &str = r#"sh -c 'if [ "$(id -u)" = 0 ]; then exec sh -s; else exec sudo -n sh -s; fi'"#;

/// A backup that was made.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Fetched {
    /// The file.
    pub path: PathBuf,
    /// The name of the server.
    pub node: String,
    /// The datastore of it.
    pub datastore: Datastore,
    /// The version of its k3s.
    pub k3s: String,
    /// The time at which it was made.
    pub time: String,
    /// The size of the file.
    pub size: ByteCount,
}

/// Returns the path for a backup that is made now: one that no other has.
pub fn default_path(cluster: &Cluster, time: UnixTime) -> PathBuf {
    let name = format!("{}-{}{ENDING}", cluster.name, time.utc().strftime("%Y-%m-%d-%H%M%S"));
    cluster.source.with_file_name(FOLDER).join(name)
}

/// Refuses a place where something else than an older backup is: a secret, a key, or a device.
fn refuse_to_replace(to: &Path) -> Result<(), BackupError> {
    let Ok(metadata) = std::fs::symlink_metadata(to) else { return Ok(()) };
    let mut start = vec![0; MAGIC.len()];
    let is_backup = metadata.is_file()
        && std::fs::File::open(to).and_then(|mut file| file.read_exact(&mut start)).is_ok()
        && start == MAGIC.as_bytes();
    if is_backup { Ok(()) } else { Err(BackupError::Occupied { path: to.to_owned() }) }
}

/// Fetches a backup of a server into the file `to`, which appears whole or not at all. Nothing of it is written here but
/// encrypted. `time` is the time now.
///
/// # Errors
/// Fails when the node is no server, cannot be logged in at, has no backup to give, or breaks off. What was in the place of the
/// file is untouched then.
pub fn fetch(
    cluster: &Cluster,
    node: &Node,
    secret: &ClusterSecret,
    to: &Path,
    time: UnixTime,
) -> Result<Fetched, BackupError> {
    let Some(k3s) = node.k3s.as_ref().filter(|k3s| k3s.role == Role::Server) else {
        let first = cluster.first_server().map(|first| first.name.to_string());
        return Err(BackupError::NotAServer { node: node.name.to_string(), first });
    };
    let mut ssh = access::log_in(cluster, node)?;
    ssh.arg(AS_ROOT).stdin(Stdio::piped()).stdout(Stdio::piped());
    let to = &std::path::absolute(to).unwrap_or_else(|_| to.to_owned());
    refuse_to_replace(to)?;
    if let Some(folder) = to.parent() {
        create_folder(folder, true).map_err(FileError::write("making the folder", folder))?;
    }
    sweep(to);
    let mut running = Running(ssh.spawn().map_err(|source| AccessError::Ssh { source })?);
    running.tell(&format!("data_dir={}\n{}", shell::quoted(k3s.data_dir()), include_str!("backup.sh")));
    let header = Header {
        cluster: cluster.name.to_string(),
        node: node.name.to_string(),
        secret: secret.fingerprint().to_string(),
        k3s: String::new(),
        datastore: Datastore::Sqlite,
        time: time.utc().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        salt: String::new(),
    };
    let received = running.answer().map(|answer| receive(answer, header, secret, to));
    let status = running.0.wait().map_err(|source| AccessError::Ssh { source })?;
    let name = || node.name.to_string();
    match received {
        Some(Ok((file, header))) if status.success() => {
            let size = file.file().metadata().map_err(FileError::write("measuring", to))?.len();
            file.publish()?;
            let Header { node, datastore, k3s, time, .. } = header;
            Ok(Fetched { path: to.clone(), node, datastore, k3s, time, size: ByteCount::new(size) })
        }
        Some(Err(ReceiveError::Stream(StreamError::Refused(reason)))) => {
            Err(BackupError::Refused { node: name(), reason: escaped(&reason) })
        }
        Some(Err(ReceiveError::Backup(error))) => Err(error),
        Some(Err(ReceiveError::Stream(StreamError::Broken(reason)))) if status.success() => {
            Err(BackupError::Broken { node: name(), reason: reason.to_owned() })
        }
        Some(Err(ReceiveError::Stream(StreamError::Io(error)))) => {
            Err(BackupError::Broken { node: name(), reason: format!("cannot be read: {error}") })
        }
        _ => Err(BackupError::NoAnswer { node: name(), status }),
    }
}

/// Removes what killed runs left beside a backup: each was to have a name of its own.
fn sweep(to: &Path) {
    let Some(folder) = to.parent() else { return };
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let names: Vec<_> = entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    let unfinished = names.iter().filter_map(|name| {
        let name = name.strip_prefix('.')?.strip_suffix(".partial")?;
        name.rsplit_once('.').map(|(name, _)| name).filter(|name| name.ends_with(ENDING))
    });
    io::sweep_all(folder, unfinished);
}

enum ReceiveError {
    Stream(StreamError),
    Backup(BackupError),
}

impl From<StreamError> for ReceiveError {
    fn from(error: StreamError) -> Self {
        Self::Stream(error)
    }
}

/// Encrypts what a node sends into a file that has no name yet. `header` is what is known before.
fn receive(
    stream: impl BufRead,
    header: Header,
    secret: &ClusterSecret,
    to: &Path,
) -> Result<(AtomicFile, Header), ReceiveError> {
    let mut entries = Entries::new(stream);
    let (k3s, datastore) = entries.begin()?;
    let salt = ClusterSecret::salt_of_backup().map_err(|error| ReceiveError::Backup(error.into()))?;
    let header = Header { k3s: escaped(&k3s), datastore, salt: hex::encode(&salt), ..header };
    let file = AtomicFile::create(to, true).map_err(|error| ReceiveError::Backup(error.into()))?;
    let failed = |error| ReceiveError::Backup(FileError::write("writing", to)(error).into());
    let mut sealer =
        Sealer::new(BufWriter::new(file.file()), header.to_bytes(), &salt, secret).map_err(failed)?;
    while let Some(entry) = entries.next()? {
        sealer.write_all(entry.line().as_bytes()).map_err(failed)?;
        let mut unwritten = None;
        let copied = entries.content(&entry, |piece| {
            sealer.write_all(piece).map_err(|error| {
                let kind = error.kind();
                unwritten = Some(error);
                kind.into()
            })
        });
        // Of an error on this side the reason is the disk, not what was sent.
        if let Some(error) = unwritten {
            return Err(failed(error));
        }
        copied?;
    }
    entries.end()?;
    let written = sealer.write_all(b"end\n").and_then(|()| sealer.finish()).and_then(|mut to| to.flush());
    written.map_err(failed)?;
    Ok((file, header))
}

/// An ssh that ends with this run.
struct Running(Child);

impl Running {
    /// Gives it the script. Where it does not listen, its exit code says so.
    fn tell(&mut self, script: &str) {
        let told = self.0.stdin.take().map(|mut stdin| stdin.write_all(script.as_bytes()));
        if let Some(Err(error)) = told {
            tracing::debug!("ssh took no script: {error}");
        }
    }

    fn answer(&mut self) -> Option<impl BufRead + use<>> {
        Some(BufReader::with_capacity(1 << 16, self.0.stdout.take()?))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Err(error) = self.0.kill() {
            tracing::debug!("ssh had ended: {error}");
        }
    }
}
