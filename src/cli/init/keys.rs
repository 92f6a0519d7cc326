//! The public keys that are at hand: in `~/.ssh`, and in the user's agent.

use super::answers::KeyAnswer;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The name of the key that is derived from the cluster's secret.
const CLUSTERS: &str = "own";

/// Lists the keys, each with what a person knows it by: the strongest kind of file first, then those of the agent.
pub(super) fn known() -> Vec<(KeyAnswer, String)> {
    let mut files: Vec<PathBuf> = home_ssh().map_or_else(Vec::new, |folder| public_keys(&folder));
    files.sort_by_key(|path| (kind(path), path.clone()));
    let texts: Vec<String> = files.iter().filter_map(|path| std::fs::read_to_string(path).ok()).collect();
    let of_files = files.iter().filter_map(|path| {
        let name = path.file_name()?.to_string_lossy();
        Some((KeyAnswer::Own(format!("~/.ssh/{name}")), format!("~/.ssh/{name}")))
    });
    let of_files: Vec<_> = of_files.collect();
    let of_agent = agent().into_iter().filter(|line| !texts.iter().any(|text| text.contains(body(line))));
    let of_agent = of_agent.map(|line| {
        let comment = line.splitn(3, ' ').nth(2).unwrap_or("without a comment").to_owned();
        (KeyAnswer::Own(line), format!("of the agent: {comment}"))
    });
    of_files.into_iter().chain(of_agent).collect()
}

/// Reads a key that a flag names: a file, a key, or the cluster's own.
///
/// A path begins at the current folder, and one in nodes.yaml at the folder of that: a relative one is written out where the
/// two are not the same.
pub(super) fn given(text: &str, folder: &Path) -> Result<KeyAnswer, String> {
    if text == CLUSTERS {
        return Ok(KeyAnswer::Clusters);
    }
    let path = Path::new(text);
    if path.is_file() && path.is_relative() && folder != Path::new("") {
        let whole = std::path::absolute(path).map_err(|error| error.to_string())?;
        return Ok(KeyAnswer::Own(whole.display().to_string()));
    }
    if text.contains(' ') || path.is_file() {
        return Ok(KeyAnswer::Own(text.to_owned()));
    }
    let below_home = text.strip_prefix("~/.ssh/").and_then(|name| Some(home_ssh()?.join(name)));
    match below_home {
        Some(path) if path.is_file() => Ok(KeyAnswer::Own(text.to_owned())),
        _ => Err(format!("there is no such file; `{CLUSTERS}` is a key of the cluster's own")),
    }
}

fn home_ssh() -> Option<PathBuf> {
    let home = std::env::var_os(if cfg!(windows) { "USERPROFILE" } else { "HOME" })?;
    Some(PathBuf::from(home).join(".ssh"))
}

fn public_keys(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let is_key = |path: &PathBuf| path.extension().is_some_and(|end| end == "pub") && path.is_file();
    paths.filter(is_key).collect()
}

/// Returns the place of a file among others: by the kind of key that ssh-keygen names it after.
fn kind(path: &Path) -> usize {
    let kinds = ["id_ed25519", "id_ecdsa", "id_rsa"];
    let stem = path.file_stem().map(|stem| stem.to_string_lossy());
    kinds.iter().position(|kind| stem.as_deref() == Some(*kind)).unwrap_or(kinds.len())
}

/// Returns the key itself, without its kind and comment.
fn body(line: &str) -> &str {
    line.split(' ').nth(1).unwrap_or(line)
}

/// Lists the keys of the user's agent.
fn agent() -> Vec<String> {
    if std::env::var_os("SSH_AUTH_SOCK").is_none() && !cfg!(windows) {
        return Vec::new();
    }
    let output = Command::new("ssh-add").arg("-L").stdin(Stdio::null()).stderr(Stdio::null()).output();
    match output {
        Ok(output) if output.status.success() => {
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            text.lines().filter(|line| line.contains(' ')).map(str::to_owned).collect()
        }
        other => {
            tracing::debug!("ssh-add: {other:?}");
            Vec::new()
        }
    }
}
