//! The user's own kubeconfig, which kubectl reads where none is named. That of a cluster is merged into it.
//!
//! A kubeconfig has three lists of entries with names: clusters, users, and contexts, each of which joins one of the
//! others. Whatever is not ours in the file stays as it is, in its order, with fields that nobody here knows. Comments
//! do not survive: the file is read and written anew, as kubectl itself does.

use super::error::AccessError;
use super::{AccessFile, KUBECONFIG};
use crate::cluster::Cluster;
use crate::identity::have_same_key;
use crate::io::ownership::{create_folder, home};
use crate::io::{AtomicFile, FileError};
use crate::k3s::yaml;
use base64ct::{Base64, Encoding as _};
use serde_json::{Map, Value, json};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

type Entry = Map<String, Value>;

/// The lists of a kubeconfig, each with the key of an entry's fields.
const LISTS: [(&str, &str); 3] = [("clusters", "cluster"), ("users", "user"), ("contexts", "context")];

/// The way in which a kubeconfig is merged.
#[derive(Debug, Clone, Copy, Default)]
pub struct MergeOptions {
    /// Replace entries of the same names that are another cluster's.
    pub force: bool,
    /// Make the context the current one, also where there is another.
    pub make_current: bool,
}

/// The result of merging a kubeconfig.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MergedKubeconfig {
    /// The user's file.
    pub path: PathBuf,
    /// The context of the cluster in it.
    pub context: String,
    /// Whether that is the current one.
    pub is_current: bool,
    /// The file as it was before; `None` where there was none, or nothing changed.
    pub backup: Option<PathBuf>,
    /// Whether the file is another than before.
    pub changed: bool,
    /// Whether the file had comments, which only the backup has now.
    pub lost_comments: bool,
}

/// Returns the kubeconfig among the results of a cluster.
///
/// # Errors
/// Fails when the cluster has none, or was not built.
pub fn kubeconfig_path(cluster: &Cluster) -> Result<PathBuf, AccessError> {
    if !AccessFile::of(cluster).contains(&AccessFile::Kubeconfig) {
        return Err(AccessError::NoK3s { cluster: cluster.name.to_string() });
    }
    let path = cluster.output.folder.join(KUBECONFIG);
    if path.is_file() { Ok(path) } else { Err(AccessError::NotBuilt { path }) }
}

/// The means to ask the API of a cluster: PEM texts of its kubeconfig.
pub struct ApiCredentials {
    /// The kubeconfig.
    pub path: PathBuf,
    /// The authority that servers are trusted by.
    pub authority: String,
    /// The certificate that they are asked with.
    pub certificate: String,
    /// Its key.
    pub private_key: Zeroizing<String>,
}

/// Returns the means to ask the API of a cluster, from the kubeconfig among its results.
///
/// # Errors
/// Fails when the cluster has none, was not built, or the file is another than `build` wrote.
pub fn api_credentials(cluster: &Cluster) -> Result<ApiCredentials, AccessError> {
    let path = kubeconfig_path(cluster)?;
    let context = cluster.name.to_string();
    let fields = read(&path)?.map(|read| read.fields);
    let found = fields.as_ref().and_then(|fields| {
        let Ours([(_, cluster), (_, user), _]) = Ours::find(fields, &context)?;
        let [certificate, key] = ["client-certificate-data", "client-key-data"].map(|key| pem(user, key));
        Some((authority(cluster)?, certificate?, Zeroizing::new(key?)))
    });
    let Some((authority, certificate, private_key)) = found else {
        return Err(AccessError::ChangedKubeconfig { path, context });
    };
    Ok(ApiCredentials { path, authority, certificate, private_key })
}

/// Puts the cluster, user and context of a cluster's kubeconfig into the user's own: `into`, or else the first file that
/// KUBECONFIG names, or else `~/.kube/config`. What it was before is kept beside it.
///
/// # Errors
/// Fails when an entry of the same name is another cluster's and `force` is not given, or when a file cannot be read
/// or written, or is no kubeconfig. Then nothing was changed.
pub fn merge_kubeconfig(
    cluster: &Cluster,
    into: Option<&Path>,
    options: MergeOptions,
) -> Result<MergedKubeconfig, AccessError> {
    let source = kubeconfig_path(cluster)?;
    let context = cluster.name.to_string();
    let ours = read(&source)?.map(|read| read.fields);
    let changed = || AccessError::ChangedKubeconfig { path: source.clone(), context: context.clone() };
    let ours = Ours::find(ours.as_ref().ok_or_else(changed)?, &context).ok_or_else(changed)?;

    let path = target(into)?;
    if fs::canonicalize(&source).is_ok_and(|source| source == path) {
        return Err(AccessError::IntoItself { path });
    }
    if let Some(folder) = path.parent() {
        create_folder(folder, true).map_err(FileError::write("making", folder)).map_err(AccessError::File)?;
    }
    // Between reading and writing kubectl changes nothing, as it takes the same lock.
    let _lock = ConfigLock::take(&path)?;
    let old = read(&path)?;
    let mut fields = old.as_ref().map_or_else(empty, |old| old.fields.clone());
    ours.merge_into(&mut fields, options, &path)?;
    let is_current = fields.get("current-context").and_then(Value::as_str) == Some(&context);
    let is_same = old.as_ref().is_some_and(|old| old.fields == fields);
    let mut merged =
        MergedKubeconfig { path, context, is_current, backup: None, changed: !is_same, lost_comments: false };
    if is_same {
        return Ok(merged);
    }
    if let Some(old) = &old {
        let backup = free_name(&merged.path);
        write(&backup, &old.text)?;
        merged.backup = Some(backup);
        merged.lost_comments = old.text.lines().any(|line| line.trim_start().starts_with('#'));
    }
    write(&merged.path, &text_of(&merged.path, &fields)?)?;
    Ok(merged)
}

/// A kubeconfig that was read.
struct Read {
    text: Zeroizing<String>,
    fields: Entry,
}

/// Reads a kubeconfig; `None` where there is none.
fn read(path: &Path) -> Result<Option<Read>, AccessError> {
    let text = match fs::read_to_string(path) {
        Ok(text) => Zeroizing::new(text),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(AccessError::File(FileError::write("reading", path)(error))),
    };
    // As kubectl reads it, with Go's YAML: numbers of YAML 1.1 and its words for truth values.
    let options = serde_yaml::options! { legacy_octal_numbers: true, with_snippet: false };
    let refused = |reason: String| AccessError::NotAKubeconfig { path: path.to_owned(), reason };
    let fields = match serde_yaml::from_str_with_options(&text, options) {
        Ok(Value::Object(fields)) => fields,
        Ok(Value::Null) => empty(),
        Ok(_) => return Err(refused("it holds no keys and values".to_owned())),
        // kubectl takes an empty file for a kubeconfig without entries.
        Err(_) if text.trim().is_empty() => empty(),
        Err(error) => return Err(refused(error.to_string())),
    };
    for (list, _) in LISTS {
        if !matches!(fields.get(list), None | Some(Value::Null | Value::Array(_))) {
            return Err(refused(format!("`{list}` is no list")));
        }
    }
    Ok(Some(Read { text, fields }))
}

/// Returns a kubeconfig without entries.
fn empty() -> Entry {
    [("apiVersion", "v1"), ("kind", "Config")]
        .map(|(key, value)| (key.to_owned(), json!(value)))
        .into_iter()
        .collect()
}

/// Returns the fields of an entry of one of the lists.
fn entry<'fields>(fields: &'fields Entry, (list, key): (&str, &str), name: &str) -> Option<&'fields Entry> {
    let entries = fields.get(list)?.as_array()?;
    let found = entries.iter().find(|entry| entry.get("name").and_then(Value::as_str) == Some(name))?;
    found.get(key)?.as_object()
}

/// What a cluster's kubeconfig holds: in the order of [`LISTS`], the name and the fields of each entry.
struct Ours<'fields>([(&'fields str, &'fields Entry); 3]);

impl<'fields> Ours<'fields> {
    fn find(fields: &'fields Entry, name: &'fields str) -> Option<Self> {
        let [clusters, users, contexts] = LISTS;
        let context = entry(fields, contexts, name)?;
        let (cluster, user) = (context.get("cluster")?.as_str()?, context.get("user")?.as_str()?);
        Some(Self([
            (cluster, entry(fields, clusters, cluster)?),
            (user, entry(fields, users, user)?),
            (name, context),
        ]))
    }

    /// Returns whether the entry of the same name in another kubeconfig is this cluster's; `None` where there is none.
    fn is_in(&self, theirs: &Entry, list: (&'static str, &'static str)) -> Option<bool> {
        let [(cluster, cluster_fields), (user, user_fields), (context, _)] = self.0;
        let is_cluster = |name: &str| {
            let theirs = entry(theirs, LISTS[0], name)?;
            have_same_key(&authority(theirs)?, &authority(cluster_fields)?)
        };
        match list.1 {
            "cluster" => entry(theirs, list, cluster).map(|_| is_cluster(cluster) == Some(true)),
            "user" => entry(theirs, list, user)
                .map(|theirs| theirs.get("client-key-data") == user_fields.get("client-key-data")),
            _ => entry(theirs, list, context).map(|theirs| {
                theirs.get("cluster").and_then(Value::as_str).and_then(is_cluster) == Some(true)
            }),
        }
    }

    fn merge_into(&self, theirs: &mut Entry, options: MergeOptions, path: &Path) -> Result<(), AccessError> {
        let known = LISTS.map(|list| self.is_in(theirs, list));
        for ((list, known), (name, fields)) in LISTS.into_iter().zip(known).zip(self.0) {
            if known == Some(false) && !options.force {
                let (path, name) = (path.to_owned(), name.to_owned());
                return Err(AccessError::OtherCluster { path, entry: list.1, name });
            }
            put(theirs, list, name, fields, known == Some(true));
        }
        let [_, _, (context, _)] = self.0;
        let current = theirs.get("current-context").and_then(Value::as_str);
        if options.make_current || current.is_none_or(str::is_empty) {
            theirs.insert("current-context".to_owned(), json!(context));
        }
        Ok(())
    }
}

/// Returns the PEM of the authority that a cluster's entry trusts.
fn authority(cluster: &Entry) -> Option<String> {
    pem(cluster, "certificate-authority-data")
}

/// Returns a PEM text of an entry, which is in base64 once more.
fn pem(fields: &Entry, key: &str) -> Option<String> {
    let data = fields.get(key)?.as_str()?;
    String::from_utf8(Base64::decode_vec(data.trim()).ok()?).ok()
}

/// Puts an entry into a list. What `is_ours` keeps what the user added to it, such as a namespace.
fn put(theirs: &mut Entry, (list, key): (&str, &str), name: &str, fields: &Entry, is_ours: bool) {
    let entries = theirs.entry(list).or_insert(Value::Null);
    let mut all = entries.as_array().cloned().unwrap_or_else(Vec::new);
    let new = json!({ "name": name, key: fields });
    match all.iter_mut().find(|entry| entry.get("name").and_then(Value::as_str) == Some(name)) {
        None => all.push(new),
        Some(entry) => match entry.get_mut(key).and_then(Value::as_object_mut).filter(|_| is_ours) {
            Some(known) => known.extend(fields.clone()),
            None => *entry = new,
        },
    }
    *entries = Value::Array(all);
}

/// Returns the user's kubeconfig, and where a link leads, the file that it leads to: the link stays.
fn target(into: Option<&Path>) -> Result<PathBuf, AccessError> {
    let named = || {
        let files = std::env::var_os("KUBECONFIG")?;
        std::env::split_paths(&files).find(|file| !file.as_os_str().is_empty())
    };
    let usual = || home().map(|home| home.join(".kube").join("config"));
    let path = into.map(Path::to_owned).or_else(named).or_else(usual).ok_or(AccessError::NoHome)?;
    let found = fs::canonicalize(&path).or_else(|error| match error.kind() {
        io::ErrorKind::NotFound if !path.is_symlink() => std::path::absolute(&path),
        _ => Err(error),
    });
    found.map_err(FileError::write("finding", &path)).map_err(AccessError::File)
}

/// The lock that kubectl takes, too: a file beside the kubeconfig (client-go, `clientcmd/loader.go`, `lockFile`).
struct ConfigLock(PathBuf);

impl ConfigLock {
    fn take(path: &Path) -> Result<Self, AccessError> {
        let lock = beside(path, ".lock");
        match File::create_new(&lock) {
            Ok(_) => Ok(Self(lock)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(AccessError::Locked { lock }),
            Err(error) => Err(AccessError::File(FileError::write("creating", &lock)(error))),
        }
    }
}

impl Drop for ConfigLock {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_file(&self.0) {
            tracing::debug!("the lock {} stays: {error}", self.0.display());
        }
    }
}

/// Returns a path with more at its end.
fn beside(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    name.into()
}

/// Returns the first name for a backup that is free: `config.bak`, `config.bak1`.
fn free_name(path: &Path) -> PathBuf {
    let mut name = beside(path, ".bak");
    for number in 1_u32.. {
        if !name.exists() && !name.is_symlink() {
            break;
        }
        name = beside(path, &format!(".bak{number}"));
    }
    name
}

fn text_of(path: &Path, fields: &Entry) -> Result<Zeroizing<String>, AccessError> {
    let refused =
        |error: yaml::Error| AccessError::NotAKubeconfig { path: path.to_owned(), reason: error.to_string() };
    yaml::document(fields).map(Zeroizing::new).map_err(refused)
}

fn write(path: &Path, text: &str) -> Result<(), AccessError> {
    AtomicFile::write_whole(path, text.as_bytes(), true).map_err(AccessError::File)
}
