//! `cardwright backup`, and the advice to make one.

use super::arguments::BackupArguments;
use super::paint::{self, CYAN, Line, paint, spans};
use super::{Failure, ssh};
use cardwright::backup::{self, BackupError};
use cardwright::cluster::{Cluster, ImageSource, Node};
use cardwright::flash::CardLog;
use cardwright::pipeline::{self, Built, Error};
use cardwright::types::{UnixTime, shell};
use std::path::Path;

pub(super) fn run(arguments: &BackupArguments) -> Result<(), Failure> {
    let cluster = ssh::load(&arguments.cluster)?;
    let node = match &arguments.node {
        Some(name) => pipeline::named_node(&cluster, name)?,
        None => cluster
            .first_server()
            .ok_or_else(|| Error::from(BackupError::NoServer { cluster: cluster.name.to_string() }))?,
    };
    // Never made here: no node would have been made with it.
    let secret = super::open_secret(&cluster, true)?;
    pipeline::check_secret(&cluster, &cluster.output.folder, Some(&secret))?;
    let time = UnixTime::now();
    let to = arguments.to.clone().unwrap_or_else(|| backup::default_path(&cluster, time));
    let fetched = backup::fetch(&cluster, node, &secret, &to, time).map_err(Error::from)?;
    if arguments.json {
        return Ok(super::json_with_warnings(&fetched)?);
    }
    paint::line(spans![
        paint(paint::GREEN, to.display()),
        format!("  {}  {} of {}, k3s {}", fetched.size, fetched.datastore, fetched.node, fetched.k3s)
    ])?;
    paint::note(
        "It opens with cluster.secret alone: keep both, but not in one place. To make a card that goes on with it:",
    );
    paint::note(command(format!("cardwright build --restore {} {}", word(&to), fetched.node)));
    Ok(())
}

/// Returns the only server of a cluster, where nodes may know it already: it has a card, or an image that was built before.
pub(super) fn only_server(cluster: &Cluster) -> Result<Option<&Node>, Failure> {
    let mut servers = cluster.servers();
    let (Some(server), None) = (servers.next(), servers.next()) else { return Ok(None) };
    if server.k3s.as_ref().is_some_and(|k3s| k3s.restore.is_some()) {
        return Ok(None);
    }
    let log = CardLog::read(CardLog::path_beside(&cluster.source)).map_err(Error::from)?;
    let has_card = log.card_of(cluster.name.as_str(), server.name.as_str()).is_some();
    let has_image = cluster.image != ImageSource::Demo && pipeline::image_path(cluster, server).exists();
    Ok((has_card || has_image).then_some(server))
}

/// The advice for whoever built the card of the only server once more.
pub(super) fn advice(server: &Node, built: &Built) -> Vec<Line> {
    if !built.images.iter().any(|image| *image.node == *server.name.as_str()) {
        return Vec::new();
    }
    vec![
        format!("`{0}` is the only server: what is in the cluster is on its card alone. Flashing that again begins an empty cluster. To go on with the old one, fetch it first, and build with what that names:", server.name).into(),
        command("cardwright backup".to_owned()),
        command(format!("cardwright build --restore FILE {}", server.name)),
    ]
}

fn command(text: String) -> Line {
    spans!["  ", paint(CYAN, text)]
}

fn word(path: &Path) -> String {
    shell::word(&path.display().to_string())
}
