//! Reads nodes.yaml into a [`Cluster`]: its text into a tree, that into a draft, which the rules check.

use crate::cluster::diagnostic::Diagnostics;
use crate::cluster::document::folders::Folders;
use crate::cluster::document::syntax;
use crate::cluster::document::value::FieldValue;
use crate::cluster::draft::ClusterDraft;
use crate::cluster::fields::LEVELS;
use crate::cluster::fields::cluster::CLUSTER;
use crate::cluster::{Cluster, Diagnostic, InvalidCluster, Position, Secret, rules, ssh};
use crate::types::Digest;
use std::io::Read as _;
use std::path::Path;

/// Longer files are no nodes.yaml: a thousand nodes fit into a tenth of it.
const LONGEST_FILE: u64 = 1024 * 1024;

impl Cluster {
    /// Reads and checks a nodes.yaml.
    ///
    /// # Errors
    /// Every mistake in it, at once.
    pub fn load(path: &Path) -> Result<Self, InvalidCluster> {
        let refused =
            |message: String, hint: &str, position: Option<Position>, text: String| InvalidCluster {
                file: path.to_path_buf(),
                text,
                problems: vec![Diagnostic {
                    line: position.map_or(0, |position| position.line),
                    column: position.map_or(0, |position| position.column),
                    at: String::new(),
                    message,
                    hint: Some(hint.to_owned()),
                    hide_source: true,
                }],
            };
        let mut bytes = Vec::new();
        let read =
            std::fs::File::open(path).and_then(|file| file.take(LONGEST_FILE + 1).read_to_end(&mut bytes));
        if let Err(error) = read {
            let hint = match error.kind() {
                std::io::ErrorKind::NotFound => "Go to the folder of your nodes.yaml, or name the file",
                _ => "Name a file that you may read",
            };
            return Err(refused(format!("the file cannot be read: {error}"), hint, None, String::new()));
        }
        if bytes.len() as u64 > LONGEST_FILE {
            let hint = "Check that this is the nodes.yaml that you mean";
            return Err(refused("the file is larger than 1 MiB".to_owned(), hint, None, String::new()));
        }
        match String::from_utf8(bytes) {
            Ok(text) => Self::parse(&text, path),
            Err(error) => {
                let (valid, _) = error.as_bytes().split_at(error.utf8_error().valid_up_to());
                let valid = String::from_utf8_lossy(valid).into_owned();
                let position = Position {
                    line: valid.matches('\n').count() + 1,
                    column: valid.rsplit_once('\n').map_or(&*valid, |(_, line)| line).chars().count() + 1,
                };
                let hint = "Save the file as UTF-8";
                Err(refused("this character is not UTF-8".to_owned(), hint, Some(position), valid))
            }
        }
    }

    /// Checks the text of a nodes.yaml; relative paths are resolved from the folder of `path`, which need not exist.
    ///
    /// # Errors
    /// Every mistake in it, at once.
    pub fn parse(text: &str, path: &Path) -> Result<Self, InvalidCluster> {
        let (diagnostics, folders) = (Diagnostics::default(), Folders::of(path));
        let cluster = read(text, path, &diagnostics, &folders);
        let (problems, warnings) = diagnostics.into_sorted();
        if let (true, Some(cluster)) = (problems.is_empty(), cluster) {
            let source_text = Secret::new(text.to_owned());
            return Ok(Cluster { warnings, source_text, named_paths: folders.named(), ..cluster });
        }
        Err(InvalidCluster { file: path.to_path_buf(), text: text.to_owned(), problems })
    }
}

/// Reads a text; `None` where a mistake leaves no cluster.
fn read(text: &str, path: &Path, diagnostics: &Diagnostics, folders: &Folders) -> Option<Cluster> {
    // A private key that was pasted without indentation is mostly a mistake of YAML, too.
    let secret = ssh::is_private_key(text);
    let document = match syntax::read(text) {
        Ok(document) => document,
        Err(mut syntax_error) => {
            if secret {
                let hint =
                    "There is a private key in the file: take it out, and name the `.pub` file instead";
                hint.clone_into(&mut syntax_error.finding.hint);
            }
            syntax_error.report(secret, diagnostics);
            return None;
        }
    };
    for syntax_error in document.syntax_errors {
        syntax_error.report(secret, diagnostics);
    }
    let fields = FieldValue::root(&document.root, diagnostics, folders, LEVELS).fields(&CLUSTER)?;
    let draft = ClusterDraft::read(&fields);
    rules::check(&draft, diagnostics);
    draft.finish(path, Digest::of(text.as_bytes()))
}
