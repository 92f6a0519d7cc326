//! `manifests:` of `k3s:`, what the cluster is to run from the start.

use crate::cluster::Manifest;
use crate::cluster::diagnostic::{Finding, shown};
use crate::cluster::document::value::{FieldValue, Spanned};
use crate::cluster::document::yaml_files;
use crate::cluster::document::yaml_files::{OtherDocument, called};
use crate::cluster::fields::k3s::kubernetes_names;
use crate::cluster::names::is_label;
use crate::types::absent::OrEmpty as _;
use serde_json::Value;
use std::path::{Path, PathBuf};

/// The endings of files that k3s reads in its folder of manifests.
const ENDINGS: [&str; 3] = ["yaml", "yml", "json"];

/// The files k3s writes there itself at every start (docs.k3s.io, "Packaged Components").
const PACKAGED: [&str; 7] =
    ["ccm", "coredns", "local-storage", "metrics-server", "rolebindings", "runtimes", "traefik"];

/// Reads the list: files, and folders of files.
pub(crate) fn read(value: &FieldValue<'_>) -> Option<Vec<Spanned<Manifest>>> {
    let mut manifests: Vec<Spanned<Manifest>> = Vec::new();
    let mut complete = true;
    for item in value.items()? {
        let folders = value.folders();
        let files = item.parse(|text| {
            let path = folders.resolve(text)?;
            if path.is_dir() {
                return files_in(&path);
            }
            if text.contains("://") {
                let message = format!("{} is an address, and manifests are files", shown(text));
                return Err(Finding::new(message, "Download it beside nodes.yaml, and name the file"));
            }
            if !path.exists() && !path.is_symlink() {
                let message = format!("there is no file or folder {}", called(&path));
                return Err(Finding::new(message, hint_for_missing(text)));
            }
            Ok(vec![folders.existing_file(text)?])
        });
        files.iter().flatten().for_each(|path| folders.note(path));
        complete &= files.is_some();
        for path in files.into_iter().flatten() {
            match read_one(&path, &manifests) {
                Ok(manifest) => manifests.push(item.spanned(manifest)),
                Err(findings) => {
                    for finding in findings {
                        item.report(finding);
                    }
                    complete = false;
                }
            }
        }
    }
    complete.then_some(manifests)
}

/// Returns what to do about a manifest that is not there, mostly since nodes.yaml alone was copied from the example.
fn hint_for_missing(text: &str) -> String {
    match Path::new(text).parent().and_then(Path::to_str).filter(|folder| !folder.is_empty()) {
        Some(folder) if !text.starts_with(['/', '~']) => format!(
            "Paths are relative to the folder of nodes.yaml: copy {} there too, or remove this from `manifests:`",
            shown(&format!("{folder}/"))
        ),
        _ => "Paths are relative to the folder of nodes.yaml; check the spelling, or remove this from `manifests:`"
            .to_owned(),
    }
}

/// The manifests in a folder, by name. What else is in it is none of k3s's business.
fn files_in(folder: &Path) -> Result<Vec<PathBuf>, Finding> {
    let listed = std::fs::read_dir(folder).and_then(|entries| {
        entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<Vec<_>, _>>()
    });
    let mut files = listed.map_err(|error| {
        Finding::new(format!("{} cannot be read: {error}", called(folder)), "Make the folder readable")
    })?;
    // A link that leads nowhere, or a pipe, is not left out without a word: reading it says so.
    files.retain(|path| ending(path).is_some() && !path.is_dir());
    files.sort();
    if files.is_empty() {
        let message = format!("{} holds no file that ends in `.yaml`, `.yml` or `.json`", called(folder));
        return Err(Finding::new(message, "Name the folder that holds your manifests"));
    }
    Ok(files)
}

/// The ending of a manifest's name.
fn ending(path: &Path) -> Option<&'static str> {
    let ending = path.extension()?.to_str()?;
    ENDINGS.into_iter().find(|known| *known == ending)
}

/// Everything that is wrong with one, or it.
fn read_one(path: &Path, earlier: &[Spanned<Manifest>]) -> Result<Manifest, Vec<Finding>> {
    let (manifest, documents) = read_file(path, earlier).map_err(|finding| vec![finding])?;
    let called = called(path);
    let mut findings = Vec::new();
    for document in &documents {
        kubernetes_names::check(&document.value, &format!("{called}, line {}", document.line), &mut findings);
    }
    if findings.is_empty() { Ok(manifest) } else { Err(findings) }
}

fn read_file(path: &Path, earlier: &[Spanned<Manifest>]) -> Result<(Manifest, Vec<OtherDocument>), Finding> {
    let file_name = path.file_name().map(|name| name.to_string_lossy().into_owned()).or_empty();
    let called = called(path);
    let Some(ending) = ending(path) else {
        return Err(Finding::new(
            format!("{called} is no manifest by its name"),
            "Give it a name that ends in `.yaml`, `.yml` or `.json`",
        ));
    };
    let base_name = file_name.strip_suffix(ending).and_then(|name| name.strip_suffix('.')).or_empty();
    check_name(base_name, ending, &called)?;
    if let Some(other) = earlier.iter().map(|other| &other.value).find(|other| other.base_name() == base_name)
    {
        let message = format!("{called} has the name of another manifest, `{}`", other.file_name);
        return Err(Finding::new(
            message,
            "Rename one of the two: k3s tells them apart by their names alone",
        ));
    }
    let text = yaml_files::read_text(path, &called)?;
    let documents = if ending == "json" {
        vec![yaml_files::json(&text, &called)?]
    } else {
        yaml_files::documents(&text, &called)?
    };
    if documents.is_empty() {
        return Err(Finding::new(format!("{called} is empty"), "Remove it from `manifests:`"));
    }
    let holds_secrets = documents.iter().any(|document| mentions_secret(&document.value));
    Ok((Manifest { file_name, text, holds_secrets }, documents))
}

/// k3s makes an object of every file, whose name is the file's: a DNS subdomain (RFC 1123).
fn check_name(base_name: &str, ending: &str, called: &str) -> Result<(), Finding> {
    if base_name.len() > 253 || !base_name.split('.').all(is_label) {
        let candidate = base_name.to_lowercase().replace(['_', ' '], "-");
        let hint = if candidate.split('.').all(is_label) {
            format!("Rename it to `{candidate}.{ending}`")
        } else {
            "Rename it, with letters a to z, digits, `-` and `.`, like `it-works.yaml`".to_owned()
        };
        return Err(Finding::new(format!("{called} has a name that k3s does not take"), hint));
    }
    if PACKAGED.contains(&base_name) {
        let message = format!("{called} has the name of a manifest that k3s writes itself, over yours");
        return Err(Finding::new(message, format!("Rename it, like `my-{base_name}.{ending}`")));
    }
    Ok(())
}

/// Returns `true` if there is a Secret in it, be it in a list.
fn mentions_secret(value: &Value) -> bool {
    let is_secret = value.get("kind").and_then(Value::as_str) == Some("Secret");
    let items = value.get("items").and_then(Value::as_array);
    is_secret || items.is_some_and(|items| items.iter().any(mentions_secret))
}

impl Manifest {
    /// Its file name without `.yaml`, which is what k3s knows it by.
    pub(crate) fn base_name(&self) -> &str {
        self.file_name.rsplit_once('.').map_or(self.file_name.as_str(), |(base, _)| base)
    }
}
