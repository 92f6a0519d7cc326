//! `cardwright cache`

use super::arguments::CacheCommand;
use super::paint::{BOLD, DIM, line, paint, spans};
use super::{Failure, paint};
use cardwright::cache::{self, Bucket, Cleaned, Usage};
use cardwright::types::{ByteCount, UnixTime, Warning};
use serde_json::json;
use std::io;
use std::path::Path;

pub(super) fn run(command: &CacheCommand) -> Result<(), Failure> {
    let folder = cache::folder().ok_or_else(|| Failure::Advised {
        message: "there is no folder for the cache: the environment names no home".to_owned(),
        hint: "Set CARDWRIGHT_CACHE to a folder".to_owned(),
    })?;
    match command {
        CacheCommand::Dir => line(folder.display().to_string()),
        CacheCommand::List { json: true } => {
            paint::json(&json!({ "folder": folder, "buckets": cache::usage(&folder) }))
        }
        CacheCommand::List { json: false } => list(&folder),
        CacheCommand::Clean { buckets, json } => {
            let buckets = if buckets.is_empty() { &Bucket::ALL } else { buckets.as_slice() };
            let cleaned = cache::clean(&folder, buckets);
            cleaned.iter().filter(|cleaned| !cleaned.left.is_empty()).for_each(warn_of_left);
            let report = json!({ "folder": folder, "buckets": cleaned });
            if *json { paint::json(&report) } else { show_cleaned(&cleaned) }
        }
    }
    .map_err(Failure::from)
}

fn list(folder: &Path) -> io::Result<()> {
    line(spans![paint(BOLD, folder.display())])?;
    line(spans![paint(
        DIM,
        format!("  {:<10} {:>5}  {:>9}  {:<10}  at most", "bucket", "files", "size", "last used")
    )])?;
    for Usage { bucket, files, size, last_used, max_files, max_size, .. } in cache::usage(folder) {
        let used = last_used.map_or_else(|| "-".to_owned(), UnixTime::date);
        let (name, size) = (bucket.name(), size.to_string());
        line(format!("  {name:<10} {files:>5}  {size:>9}  {used:<10}  {max_files} files, {max_size}"))?;
        line(spans![paint(DIM, format!("    {}", bucket.properties().contents))])?;
    }
    Ok(())
}

fn warn_of_left(cleaned: &Cleaned) {
    paint::warning(&Warning {
        message: format!(
            "left {} in {}: in use by another run, or impossible to remove",
            files(cleaned.left.len()),
            cleaned.bucket.name()
        ),
        hint: Some("`-v` shows which, and why".to_owned()),
    });
}

fn show_cleaned(cleaned: &[Cleaned]) -> io::Result<()> {
    for Cleaned { bucket, files: count, size, .. } in cleaned {
        line(format!("{:<10} removed {}, {size}", bucket.name(), files(*count)))?;
    }
    let freed: ByteCount = cleaned.iter().map(|cleaned| cleaned.size).sum();
    line(spans!["freed ", paint(BOLD, freed)])
}

fn files(count: usize) -> String {
    format!("{count} file{}", if count == 1 { "" } else { "s" })
}
