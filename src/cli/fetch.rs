//! `cardwright fetch`, and the downloads before other commands.

use super::arguments::{FetchArguments, ImageSelection, Sources};
use super::paint::{DIM, GREEN, line, paint, spans};
use super::progress::Reporter;
use super::{Failure, pins, problems};
use cardwright::cluster::Cluster;
use cardwright::fetch::{FetchError, FileLocation, fetch_all};
use cardwright::pins::downloads;
use cardwright::pipeline::Error;
use cardwright::types::ByteCount;
use cardwright::{cache, github_keys};
use serde_json::json;
use std::path::PathBuf;

/// A file that nodes.yaml needs, in the cache.
#[derive(serde::Serialize)]
struct FileReport {
    name: String,
    path: PathBuf,
    size: ByteCount,
    downloaded: bool,
}

pub(super) fn run(arguments: &FetchArguments) -> Result<(), Failure> {
    let mut cluster = Cluster::load(&arguments.file)?;
    problems::show_warnings(&cluster);
    let new = pins::settle(&mut cluster, &arguments.addresses, pins::how(arguments.locked, false))?;
    let cache = super::cache().ok_or_else(|| Failure::Advised {
        message: "there is no cache to download into".to_owned(),
        hint: "Set CARDWRIGHT_CACHE to a folder that you may write to and that has room".to_owned(),
    })?;
    let locations = downloads(&mut cluster);
    let is_new: Vec<bool> = locations.iter().map(|location| location.find(Some(&cache)).is_none()).collect();
    let locations: Vec<&FileLocation> = locations.into_iter().map(|location| &*location).collect();
    let mut files = Vec::new();
    {
        let reporter = Reporter::new();
        let fetched = fetch_all(&locations, &cache, &reporter).map_err(Error::from)?;
        for ((location, fetched), downloaded) in locations.iter().zip(&fetched).zip(is_new) {
            let size = std::fs::metadata(&fetched.path)?.len();
            let (name, path) = (location.file_name(), fetched.path.clone());
            files.push(FileReport { name, path, size: ByteCount::new(size), downloaded });
        }
        github_keys::fetch(&cluster, Some(&cache), &reporter).map_err(Error::from)?;
    }
    // What is pinned has the SHA-256 that the pin says.
    new.map_or(Ok(()), |new| new.write())?;
    if arguments.json {
        return Ok(super::json_with_warnings(&json!({ "files": files }))?);
    }
    if files.is_empty() {
        line(format!("{} names nothing that has to be downloaded", arguments.file.display()))?;
    }
    Ok(files.iter().try_for_each(show)?)
}

fn show(FileReport { name, size, downloaded, .. }: &FileReport) -> std::io::Result<()> {
    let how = if *downloaded { paint(GREEN, "downloaded") } else { paint(DIM, "there already") };
    line(spans![format!("{:>9}  ", size.to_string()), how, format!("  {name}")])
}

/// Names in the cluster what nodes.yaml names without an address, and downloads what is missing, several files at once.
pub(super) fn prepare(
    cluster: &mut Cluster,
    selection: &ImageSelection,
    writes: bool,
) -> Result<(), Failure> {
    let Sources { offline, addresses } = &selection.sources;
    let new = pins::settle(cluster, addresses, pins::how(selection.locked, *offline))?;
    // What the command line names instead is not pinned.
    let new = new.filter(|_| writes && selection.image.is_none());
    let folder = cache::folder();
    let mut missing: Vec<FileLocation> =
        downloads(cluster).into_iter().map(|location| location.clone()).collect();
    missing.retain(|location| location.find(folder.as_deref()).is_none());
    if *offline {
        let account = || github_keys::missing(cluster, folder.as_deref());
        let keys = || Some(format!("the keys of `{}` on GitHub", account()?));
        let first = missing.first().map(|location| format!("`{}`", location.file_name()));
        return first.or_else(keys).map_or(Ok(()), |what| {
            Err(Failure::Advised {
                message: format!("not in the cache, and nothing may be downloaded: {what}"),
                hint: "Run `cardwright fetch` once with a connection".to_owned(),
            })
        });
    }
    // One file is downloaded by whoever needs it, unless it is to be pinned: that is done when it has the SHA-256 of the pin.
    if missing.len() > usize::from(new.is_none())
        && let Some(cache) = super::cache()
    {
        match fetch_all(&missing.iter().collect::<Vec<_>>(), &cache, &Reporter::new()) {
            Ok(_) => {}
            Err(FetchError::Cache(error)) => {
                tracing::debug!("downloads do without the cache: {error}");
            }
            Err(error) => return Err(Error::from(error).into()),
        }
    }
    new.map_or(Ok(()), |new| new.write())
}
