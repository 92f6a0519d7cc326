//! The texts that a cluster is read from: nodes.yaml, and the files that it includes.

use crate::cluster::diagnostic::{Diagnostics, Finding, shown};
use crate::cluster::document::folders::{Folders, Included};
use crate::cluster::document::syntax::{self, YamlValue};
use crate::cluster::document::syntax_advice;
use crate::cluster::document::yaml_files;
use crate::cluster::ssh;
use std::path::Path;

/// Many more than a person keeps apart. It bounds how deep they include each other.
const MOST_FILES: usize = 100;

/// Returns the tree of a text; `None` where it is none, which is reported.
pub(crate) fn tree(text: &str, folders: &Folders, diagnostics: &Diagnostics) -> Option<YamlValue> {
    // A private key that was pasted without indentation is mostly a mistake of YAML, too.
    let secret = ssh::is_private_key(text);
    let document = match syntax::read(text) {
        Ok(document) => document,
        Err(mut syntax_error) => {
            if folders.include.is_some() && syntax_error.is_of_an_empty_file() {
                let hint = "Begin with `nodes:` and under it `- {name: north, address: 192.168.50.11}`, or take the file out of `include:`";
                hint.clone_into(&mut syntax_error.finding.hint);
            }
            syntax_advice::explain(&mut syntax_error, text);
            if secret {
                let hint =
                    "There is a private key in the file: take it out, and name the `.pub` file instead";
                hint.clone_into(&mut syntax_error.finding.hint);
            }
            syntax_error.report(secret, folders, diagnostics);
            return None;
        }
    };
    for syntax_error in document.syntax_errors {
        syntax_error.report(secret, folders, diagnostics);
    }
    Some(document.root)
}

/// Reads a file that another one includes: returns its text, and the folders that paths in it are relative to.
pub(crate) fn include(name: &str, folders: &Folders) -> Result<(String, Folders), Finding> {
    if name.contains(['*', '?']) && !folders.exists(name) {
        let hint = "Write the files one by one, like `[rack1.yaml, rack2.yaml]`";
        return Err(Finding::new(
            format!("{} is no file: signs for several do not work here", shown(name)),
            hint,
        ));
    }
    let path = folders.existing_file(name)?;
    let same = |other: &Path| {
        other == path
            || other
                .canonicalize()
                .ok()
                .is_some_and(|other| path.canonicalize().is_ok_and(|path| path == other))
    };
    let mut included = folders.included.borrow_mut();
    if same(&folders.main) || included.iter().any(|other| same(&other.path)) {
        let message = format!("{} is read already", shown(name));
        return Err(Finding::new(message, "Include each file once, and none in itself"));
    }
    if included.len() == MOST_FILES {
        return Err(Finding::new("there are too many files", format!("Include at most {MOST_FILES} files")));
    }
    let text = yaml_files::read_text(&path, &shown(&path.display().to_string()))?;
    included.push(Included { path: path.clone(), text: text.clone() });
    Ok((text, folders.of_included(&path)))
}
