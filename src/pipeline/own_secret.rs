//! The secret of a folder: which one its files were made with, so that no other takes its place unseen.
//!
//! A cluster whose secret is lost, or exchanged for another, would be founded a second time: with other keys, while the nodes of
//! the first one run and know those alone. So every command that needs the secret compares it with what earlier runs
//! left:
//!
//! - secret.fingerprint and build.json among the results, and cards.json beside nodes.yaml, say its fingerprint;
//! - known_hosts, the login key and the kubeconfig hold keys that are derived from it. They are held against it in any case:
//!   versions before left no fingerprint, and a file can be copied.

use super::image_names::image_names;
use super::{Error, secret_path};
use crate::access::{AccessFile, Author, moved_ssh_config};
use crate::cluster::Cluster;
use crate::flash::CardLog;
use crate::identity::{ClusterSecret, SECRET_ENVIRONMENT_VARIABLE, SecretFingerprint};
use crate::io::ownership::create_folder;
use crate::io::sync::flush_folder;
use crate::io::{AtomicFile, FileError};
use crate::output::OutputError;
use crate::output::sidecar::build_json;
use crate::types::Hint;
use crate::types::escape::escaped;
use std::collections::BTreeSet;
use std::fmt;
use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// Longer texts are none of this program's: the build.json of a thousand nodes has half a megabyte.
const LONGEST_TEXT: u64 = 16 << 20;

/// Files that were made with another secret than the one at hand, or with one that is not there.
#[derive(Debug)]
pub struct SecretMismatch {
    /// The file that the secret belongs into.
    pub secret: PathBuf,
    /// The fingerprint of the secret at hand, where there is one.
    pub present: Option<SecretFingerprint>,
    /// The files that were made with a secret, each with what it says of it.
    pub files: Vec<(PathBuf, MadeWith)>,
}

/// The secret that a file was made with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MadeWith {
    /// The one at hand.
    Present,
    /// The one with this fingerprint.
    Known(SecretFingerprint),
    /// Another one than that at hand.
    Other,
}

impl SecretMismatch {
    /// Returns the sentence before the [lines](Self::lines).
    pub fn summary(&self) -> String {
        match &self.present {
            None => format!("there is no {}, and these files were made with one:", self.secret.display()),
            Some(present) => {
                format!("the secret at hand is {}, and these files were made with another:", present.short())
            }
        }
    }

    /// Returns a line a file: its path as it is, and the secret, as far as that is known.
    pub fn lines(&self) -> impl Iterator<Item = String> {
        self.files.iter().map(|(path, made_with)| {
            let path = path.display();
            match made_with {
                MadeWith::Present => format!("{path}: with the one at hand"),
                MadeWith::Known(fingerprint) => format!("{path}: with {}", fingerprint.short()),
                MadeWith::Other if self.present.is_none() => path.to_string(),
                MadeWith::Other => format!("{path}: with another"),
            }
        })
    }
}

impl fmt::Display for SecretMismatch {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.summary())?;
        self.lines().try_for_each(|line| write!(formatter, "\n  {}", escaped(&line)))
    }
}

impl std::error::Error for SecretMismatch {}

impl Hint for SecretMismatch {
    fn hint(&self) -> Option<String> {
        Some(format!(
            "Put that secret back, into {} or {SECRET_ENVIRONMENT_VARIABLE}: nodes that were made with it know no other. For \
             another cluster, run `cardwright build --new-cluster`, which first moves login key, known_hosts and kubeconfig aside; \
             or choose another folder with `--output`",
            self.secret.display()
        ))
    }
}

/// Checks that a secret, or none, is the one that files of the cluster in `folder` and the log of its cards were made with.
///
/// # Errors
/// When they were made with another one, and when the log of cards cannot be read.
pub fn check_secret(cluster: &Cluster, folder: &Path, secret: Option<&ClusterSecret>) -> Result<(), Error> {
    let files = made_with(cluster, folder, secret)?;
    if files.iter().all(|(_, made_with)| *made_with == MadeWith::Present) {
        return Ok(());
    }
    let present = secret.map(ClusterSecret::fingerprint);
    Err(SecretMismatch { secret: secret_path(cluster), present, files }.into())
}

/// Returns the files that were made with a secret, as far as they say so, each with which one.
fn made_with(
    cluster: &Cluster,
    folder: &Path,
    secret: Option<&ClusterSecret>,
) -> Result<Vec<(PathBuf, MadeWith)>, Error> {
    let present = secret.map(ClusterSecret::fingerprint);
    let of = |fingerprint: Option<SecretFingerprint>| match fingerprint {
        Some(found) if Some(&found) == present.as_ref() => MadeWith::Present,
        Some(found) => MadeWith::Known(found),
        None => MadeWith::Other,
    };
    let mut files = Vec::new();
    let statement = folder.join(build_json::NAME);
    let said = read_text(&statement).and_then(|text| build_json::secret_of(&text));
    if let Some(fingerprint) = said.and_then(|said| SecretFingerprint::parse(&said)) {
        files.push((statement, of(Some(fingerprint))));
    }
    for file in AccessFile::of(cluster) {
        let path = folder.join(file.name());
        let Some(text) = read_text(&path).filter(|text| !text.is_empty()) else { continue };
        match (file, file.author(&text, cluster, secret)) {
            // It holds nothing that is derived.
            (AccessFile::SshConfig, _) | (_, Author::Stranger) => {}
            (AccessFile::Fingerprint, _) => files.push((path, of(SecretFingerprint::parse(text.trim_end())))),
            (_, Author::Us) => files.push((path, MadeWith::Present)),
            (_, Author::OtherSecret) => files.push((path, MadeWith::Other)),
        }
    }
    let log = CardLog::path_beside(&cluster.source);
    let cards = CardLog::read(log.clone())?;
    let secrets: BTreeSet<_> =
        cards.cards_of(cluster.name.as_str()).map(|card| card.secret.as_deref()).collect();
    let parsed = secrets.into_iter().map(|secret| secret.and_then(SecretFingerprint::parse));
    // Versions before did not say what a card was made with: without a secret it is still known that there was one.
    let told = parsed.filter(|fingerprint| fingerprint.is_some() || present.is_none());
    files.extend(told.map(|fingerprint| (log.clone(), of(fingerprint))));
    Ok(files)
}

/// Moves what was made with another secret than the one at hand out of the way of a new cluster: the access files, build.json and
/// the log of cards go into a new folder among the results, whose path is returned. The ssh_config in it leads there. `None`
/// where all is of the secret at hand, and nothing is moved.
///
/// Files that are somebody's own stay: [`check_outputs`](super::check_outputs) reports those.
///
/// # Errors
/// When a file cannot be moved. Then each is in one of the two folders, and another try goes on.
pub fn begin_new_cluster(
    cluster: &Cluster,
    secret: Option<&ClusterSecret>,
) -> Result<Option<PathBuf>, Error> {
    let folder = &cluster.output.folder;
    match check_secret(cluster, folder, secret) {
        Err(Error::OtherSecret(_)) => {}
        other => return other.map(|()| None),
    }
    let aside = new_folder(folder)?;
    let shift = |name: &str| {
        let (from, to) = (folder.join(name), aside.join(name));
        fs::rename(&from, &to).map_err(OutputError::write("moving", &from))
    };
    for file in AccessFile::ALL {
        let Some(text) = read_text(&folder.join(file.name())) else { continue };
        match (file, file.author(&text, cluster, secret)) {
            (_, Author::Stranger) => {}
            (AccessFile::SshConfig, _) => {
                shift(file.name())?;
                let text = moved_ssh_config(&text, cluster, &aside)?;
                let path = aside.join(file.name());
                AtomicFile::write_whole(&path, text.as_bytes(), false).map_err(OutputError::from)?;
            }
            (_, Author::Us) => {}
            (_, Author::OtherSecret) => shift(file.name())?,
        }
    }
    let said = read_text(&folder.join(build_json::NAME)).and_then(|text| build_json::secret_of(&text));
    let present = secret.map(|secret| secret.fingerprint().to_string());
    if said.is_some() && said != present {
        shift(build_json::NAME)?;
    }
    // As long as the old nodes run, these are the last source of their cards.
    for image in image_names(cluster) {
        if folder.join(&image).is_file() {
            shift(&image)?;
        }
    }
    set_cards_aside(cluster, &aside, present.as_deref())?;
    flush_folder(&aside).map_err(OutputError::write("moving files into", &aside))?;
    flush_folder(folder).map_err(OutputError::write("moving files out of", folder))?;
    Ok(Some(aside))
}

/// Makes the first folder `old-cluster-1`, `old-cluster-2`, … that is not there yet.
#[expect(clippy::expect_used, reason = "no folder has so many entries")]
fn new_folder(results: &Path) -> Result<PathBuf, OutputError> {
    let mut numbered = (1_u32..).map(|number| results.join(format!("old-cluster-{number}")));
    let free = numbered.find(|path| !path.exists() && !path.is_symlink());
    let folder = free.expect("one of four billion names is free");
    create_folder(&folder, true).map_err(OutputError::write("making the folder", &folder))?;
    Ok(folder)
}

/// Copies the log of cards, and takes the cards of the cluster out of it that were made with another secret.
fn set_cards_aside(cluster: &Cluster, aside: &Path, present: Option<&str>) -> Result<(), Error> {
    let log = CardLog::path_beside(&cluster.source);
    let mut cards = CardLog::read(log.clone())?;
    if cards
        .cards_of(cluster.name.as_str())
        .all(|card| card.secret.is_some() && card.secret.as_deref() == present)
    {
        return Ok(());
    }
    let text = fs::read(&log).map_err(FileError::write("reading", &log)).map_err(OutputError::from)?;
    AtomicFile::write_whole(&CardLog::path_beside(&aside.join("nodes.yaml")), &text, false)
        .map_err(OutputError::from)?;
    Ok(cards.withdraw_others(cluster.name.as_str(), present)?)
}

/// Returns the text of a file; `None` where it cannot be read, is no text, or too long for one of ours. It may
/// hold a private key.
pub(super) fn read_text(path: &Path) -> Option<Zeroizing<String>> {
    let mut text = Zeroizing::new(String::new());
    let length = File::open(path).ok()?.take(LONGEST_TEXT + 1).read_to_string(&mut text).ok()?;
    (length as u64 <= LONGEST_TEXT).then_some(text)
}
