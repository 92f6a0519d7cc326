//! Reads nodes.yaml into a [`Cluster`]: its text into a tree, that into a draft, which the rules check.

use crate::cluster::diagnostic::Diagnostics;
use crate::cluster::document::folders::Folders;
use crate::cluster::document::source;
use crate::cluster::document::value::FieldValue;
use crate::cluster::draft::ClusterDraft;
use crate::cluster::fields::LEVELS;
use crate::cluster::fields::cluster::CLUSTER;
use crate::cluster::{Cluster, Diagnostic, InvalidCluster, Position, Secret, rules};
use crate::types::Sha256;
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
                included: Vec::new(),
                problems: vec![Diagnostic {
                    file: None,
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
                _ if path.is_dir() => "It is a folder: name the file in it, like `nodes.yaml`",
                std::io::ErrorKind::NotFound => {
                    "Go to the folder of your nodes.yaml, or name the file; `cardwright init` makes a new one"
                }
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
        let included = folders.included.take().into_iter().map(|file| (file.path, file.text));
        if let (true, Some(cluster)) = (problems.is_empty(), cluster) {
            let source_text = Secret::new(text.to_owned());
            let included = included.map(|(path, text)| (path, Secret::new(text))).collect();
            return Ok(Cluster { warnings, source_text, included, named_paths: folders.named(), ..cluster });
        }
        let (file, text) = (path.to_path_buf(), text.to_owned());
        Err(InvalidCluster { file, text, included: included.collect(), problems })
    }
}

/// Reads a text; `None` where a mistake leaves no cluster.
fn read(text: &str, path: &Path, diagnostics: &Diagnostics, folders: &Folders) -> Option<Cluster> {
    let root = source::tree(text, folders, diagnostics)?;
    let fields = FieldValue::root(&root, diagnostics, folders, LEVELS).fields(&CLUSTER)?;
    let draft = ClusterDraft::read(&fields);
    rules::check(&draft, diagnostics);
    let mut texts = Sha256::new();
    texts.update(text);
    for file in &*folders.included.borrow() {
        // Between the files stands what is in no text.
        texts.update(b"\xff");
        texts.update(&file.text);
    }
    draft.finish(path, texts.finalize())
}
