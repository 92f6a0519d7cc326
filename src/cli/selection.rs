//! The choice of a nodes.yaml, and of nodes in it, that a command line makes.

use super::Failure;
use super::arguments::ClusterSelection;
use super::node_names::NODES_YAML;
use cardwright::cluster::{Cluster, Node};
use cardwright::pipeline;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// The nodes.yaml and the nodes that the arguments name.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Selection {
    /// The nodes.yaml.
    pub(super) file: PathBuf,
    /// The nodes, in the order in which they are named; all are meant where there is none.
    pub(super) nodes: Vec<String>,
    /// The number of names, the first ones, that came without a flag and might have been meant as a file.
    words: usize,
}

impl Selection {
    /// Tells files from nodes.
    pub(super) fn of(arguments: &ClusterSelection) -> Result<Self, Failure> {
        let mut files: Vec<PathBuf> = arguments.file.iter().cloned().collect();
        let mut nodes = Vec::new();
        for word in &arguments.words {
            match word.to_str().filter(|word| !names_a_file(word)) {
                Some(node) => nodes.push(node.to_owned()),
                None => files.push(word.into()),
            }
        }
        let words = nodes.len();
        nodes.extend(arguments.only.iter().cloned());
        match files.as_slice() {
            [] => {
                let folder = nodes.iter().take(words).find(|word| Path::new(word).is_dir());
                if let Some(folder) = folder.filter(|_| !Path::new(NODES_YAML).exists()) {
                    let message = format!("`{folder}` is a folder, and there is no {NODES_YAML} in this one");
                    let hint = format!("Name the file: `{folder}/{NODES_YAML}`");
                    return Err(Failure::usage(message, hint));
                }
                Ok(Self { file: NODES_YAML.into(), nodes, words })
            }
            [file] => Ok(Self { file: file.clone(), nodes, words }),
            [first, second, ..] => Err(Failure::usage(
                format!(
                    "two files are named, `{}` and `{}`: a cluster is described in one nodes.yaml",
                    first.display(),
                    second.display()
                ),
                "Name one file; nodes are named as they are called in it, like `north`",
            )),
        }
    }

    /// The nodes that are meant.
    pub(super) fn nodes_of<'cluster>(
        &self,
        cluster: &'cluster Cluster,
    ) -> Result<Vec<&'cluster Node>, Failure> {
        if self.nodes.is_empty() {
            return Ok(cluster.nodes.iter().collect());
        }
        let named = self.nodes.iter().enumerate().map(|(number, name)| {
            pipeline::named_node(cluster, name).map_err(|error| {
                if number >= self.words {
                    return error.into();
                }
                let known: Vec<&str> = cluster.nodes.iter().map(|node| node.name.as_str()).collect();
                let first = known.first().unwrap_or(&"north");
                let hint = if name == "all" {
                    "All nodes are meant where none is named; `flash` wants `--all`".to_owned()
                } else if name.split(',').all(|name| known.contains(&name)) {
                    format!("Write spaces between them: `{}`; or `--only {name}`", name.replace(',', " "))
                } else {
                    format!("Its nodes are {}; for one node: `--only {first}`", known.join(", "))
                };
                let message =
                    format!("`{name}` is neither a file nor a node of `{}`", cluster.source.display());
                Failure::usage(message, hint)
            })
        });
        named.collect()
    }
}

/// Returns whether a word without a flag names a file: it is there, or cannot be a host's name.
fn names_a_file(word: &str) -> bool {
    let path = Path::new(OsStr::new(word));
    word.is_empty() || word.contains(['.', '/', '\\']) || (path.exists() && !path.is_dir())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selection(words: &[&str], file: Option<&str>, only: &[&str]) -> Option<(String, Vec<String>)> {
        let arguments = ClusterSelection {
            words: words.iter().map(Into::into).collect(),
            file: file.map(Into::into),
            only: only.iter().map(|&name| name.to_owned()).collect(),
        };
        Selection::of(&arguments).ok().map(|found| (found.file.display().to_string(), found.nodes))
    }

    #[test]
    fn files_and_nodes_are_told_apart_with_and_without_flags() {
        let found = |file: &str, nodes: &[&str]| {
            Some((file.to_owned(), nodes.iter().map(|&node| node.to_owned()).collect()))
        };
        assert_eq!(selection(&[], None, &[]), found("nodes.yaml", &[]));
        assert_eq!(selection(&["north"], None, &[]), found("nodes.yaml", &["north"]));
        assert_eq!(selection(&["nodes.yaml"], None, &[]), found("nodes.yaml", &[]));
        assert_eq!(
            selection(&["lab/cluster", "north"], None, &["east"]),
            found("lab/cluster", &["north", "east"])
        );
        assert_eq!(selection(&["north"], Some("lab"), &[]), found("lab", &["north"]));
        // The tests run in the folder of Cargo.toml and of the folder `src`.
        assert_eq!(selection(&["LICENSE-MIT"], None, &[]), found("LICENSE-MIT", &[]));
        assert_eq!(selection(&["src"], None, &[]), found("nodes.yaml", &["src"]));
        assert_eq!(selection(&["a.yaml"], Some("b.yaml"), &[]), None);
        assert_eq!(selection(&["a.yaml", "b.yaml"], None, &[]), None);
    }
}
