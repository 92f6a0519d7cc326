//! `cardwright init`: a nodes.yaml and what belongs beside it, from a few questions.

mod answers;
mod keys;
mod network;
mod questions;
mod template;

use super::arguments::InitArguments;
use super::paint::{CYAN, note, paint, spans};
use super::{Failure, problems};
use answers::Answers;
use cardwright::cluster::Cluster;
use cardwright::identity::{ClusterSecret, Creation};
use cardwright::io::ownership::create_folder;
use cardwright::io::{AtomicFile, FileError};
use cardwright::pipeline::Error;
use cardwright::types::shell;
use questions::Interview;
use std::path::{Path, PathBuf};

/// The file with the password of the Wi-Fi.
const WIFI_PASSWORD: &str = "wifi.password";

/// The manifest of the example.
const IT_WORKS: &str = include_str!("../../../manifests/it-works.yaml");

/// The files that git leaves alone: images are large and hold the cluster's keys.
const IGNORED: &str = "/images/\n/backups/\ncluster.secret\nwifi.password\n";

/// A file that is to be written.
struct InitFile {
    path: PathBuf,
    content: zeroize::Zeroizing<String>,
    is_secret: bool,
}

pub(super) fn run(arguments: &InitArguments) -> Result<(), Failure> {
    // So that names of files stand alone in messages.
    let is_here = arguments.folder == Path::new(".");
    let folder = if is_here { PathBuf::new() } else { arguments.folder.clone() };
    check_places(&folder, arguments.force)?;
    let network = network::detect();
    let answers = Interview::new(arguments).answers(&folder, network.as_ref())?;
    let router = answers.router.address;
    let files = files(&folder, &answers);
    for parent in files.iter().filter_map(|file| file.path.parent()).filter(|parent| *parent != Path::new(""))
    {
        create_folder(parent, false).map_err(failed("making the folder", parent))?;
    }
    let backups = keep_backups(&files)?;
    for InitFile { path, content, is_secret } in &files {
        let path =
            if path.parent() == Some(Path::new("")) { Path::new(".").join(path) } else { path.clone() };
        AtomicFile::write_whole(&path, content.as_bytes(), *is_secret)
            .map_err(|error| not_written(&error))?;
    }
    let secret = folder.join("cluster.secret");
    // What was just written is read as every other command reads it.
    let cluster = Cluster::load(&folder.join("nodes.yaml")).map_err(Failure::from);
    let made = cluster.and_then(|cluster| {
        let (_, is_new) = ClusterSecret::open(&secret, Creation::Allowed).map_err(Error::from)?;
        Ok((cluster, is_new))
    });
    let (cluster, is_new) = match made {
        Ok(made) => made,
        Err(failure) => {
            undo(&files, &backups);
            return Err(failure);
        }
    };
    problems::show_warnings(&cluster);
    let written = files.iter().map(|file| &file.path).chain(is_new.then_some(&secret));
    written.for_each(|path| note(format!("wrote {}", path.display())));
    for (path, backup) in backups {
        note(format!("kept the former {} as {}", path.display(), backup.display()));
    }
    if !is_new {
        note(format!("left {} as it is: it is what the cluster's keys are derived from", secret.display()));
    }
    show_nodes(&cluster);
    if arguments.router.is_none()
        && let Some(network) = &network
        && network.router == router
    {
        note(format!("The router {router} is a guess: this machine's own. Where the boards are in"));
        note("another network, begin anew with `--router ADDRESS/PREFIX --force`.");
    }
    next(&folder);
    Ok(())
}

/// Removes files that were just written, and puts those back that they replaced.
fn undo(files: &[InitFile], backups: &[(PathBuf, PathBuf)]) {
    for path in files.iter().map(|file| &file.path) {
        let restored = match backups.iter().find(|(replaced, _)| replaced == path) {
            Some((_, backup)) => std::fs::rename(backup, path),
            None => std::fs::remove_file(path),
        };
        if let Err(error) = restored {
            note(format!("{} stays as it was just written: {error}", path.display()));
        }
    }
}

/// Returns the files of a new cluster. What must not be replaced is not among them where it is there.
fn files(folder: &Path, answers: &Answers) -> Vec<InitFile> {
    let file = |name: &str, content: &str| InitFile {
        path: folder.join(name),
        content: zeroize::Zeroizing::new(content.to_owned()),
        is_secret: false,
    };
    let mut files = vec![file("nodes.yaml", &template::nodes_yaml(answers))];
    if answers.k3s.is_some() && !is_same(&folder.join("manifests/it-works.yaml"), IT_WORKS) {
        files.push(file("manifests/it-works.yaml", IT_WORKS));
    }
    let ignore = folder.join(".gitignore");
    match std::fs::read_to_string(&ignore) {
        Err(_) => files.push(file(".gitignore", IGNORED)),
        Ok(known) => {
            let missing: Vec<&str> =
                IGNORED.lines().filter(|line| !known.lines().any(|known| known == *line)).collect();
            if !missing.is_empty() {
                note(format!("left {} as it is: add {} to it", ignore.display(), missing.join(", ")));
            }
        }
    }
    if let Some(password) = answers.wifi.as_ref().and_then(|wifi| wifi.password.as_ref()) {
        let file = file(WIFI_PASSWORD, &format!("{}\n", password.as_str()));
        files.push(InitFile { is_secret: true, ..file });
    }
    files
}

fn is_same(path: &Path, content: &str) -> bool {
    std::fs::read_to_string(path).is_ok_and(|known| known == content)
}

/// Refuses to go where there is a cluster already, before anything is asked.
fn check_places(folder: &Path, force: bool) -> Result<(), Failure> {
    let taken: Vec<PathBuf> = ["nodes.yaml", "manifests/it-works.yaml"]
        .into_iter()
        .map(|name| folder.join(name))
        .filter(|path| path.symlink_metadata().is_ok() && !is_same(path, IT_WORKS))
        .collect();
    if force || taken.is_empty() {
        return Ok(());
    }
    let names: Vec<String> = taken.iter().map(|path| path.display().to_string()).collect();
    Err(Failure::Advised {
        message: format!("{} is there already, and nothing was written", names.join(" and ")),
        hint: "Name another folder, or keep a copy of what is there and begin anew with `--force`".to_owned(),
    })
}

/// Renames what is in the place of new files. Returns the old and the new paths.
fn keep_backups(files: &[InitFile]) -> Result<Vec<(PathBuf, PathBuf)>, Failure> {
    let taken = files.iter().map(|file| &file.path).filter(|path| path.symlink_metadata().is_ok());
    let keep = |path: &PathBuf| {
        let name = |number: usize| {
            let end = if number == 0 { ".bak".to_owned() } else { format!(".bak{number}") };
            let mut name = path.as_os_str().to_owned();
            name.push(end);
            PathBuf::from(name)
        };
        let mut number = 0;
        while name(number).symlink_metadata().is_ok() {
            number += 1;
        }
        let backup = name(number);
        std::fs::rename(path, &backup).map_err(failed("renaming", path))?;
        Ok((path.clone(), backup))
    };
    taken.map(keep).collect()
}

fn failed(doing: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Failure {
    let path = path.to_owned();
    move |source| not_written(&FileError::Write { doing, path, source })
}

fn not_written(error: &FileError) -> Failure {
    Failure::Advised {
        message: error.to_string(),
        hint: "Name a folder that you may write to and that has room: `cardwright init FOLDER`".to_owned(),
    }
}

fn show_nodes(cluster: &Cluster) {
    note("");
    for node in &cluster.nodes {
        let role = node.role().map_or_else(String::new, |role| format!("  k3s {role}"));
        note(format!("  {:<16} {}{role}", node.name.as_str(), node.network.main));
    }
}

/// Shows the next command.
fn next(folder: &Path) {
    let is_here = folder == Path::new("");
    let enter = if is_here {
        String::new()
    } else {
        format!("cd {} && ", shell::word(&folder.display().to_string()))
    };
    note("");
    note("Look at nodes.yaml, then build the images; what they need is downloaded:");
    note(spans!["  ", paint(CYAN, format!("{enter}cardwright build"))]);
}
