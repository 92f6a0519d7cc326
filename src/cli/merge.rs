//! `cardwright merge`

use super::arguments::MergeArguments;
use super::{Failure, paint, problems, progress};
use cardwright::cache;
use cardwright::cluster::Cluster;
use cardwright::pipeline;

pub(super) fn run(arguments: &MergeArguments) -> Result<(), Failure> {
    let mut cluster = Cluster::load(&arguments.file)?;
    problems::show_warnings(&cluster);
    super::put_into(&mut cluster, arguments.output.as_deref())?;
    let (secret, cache) = (pipeline::existing_secret(&cluster)?, cache::folder());
    let folder = cluster.output.folder.clone();
    let shards = &arguments.shards;
    let threads = pipeline::all_threads();
    // The bar is gone before the result is shown.
    let merged = {
        let reporter = progress::Reporter::new();
        pipeline::merge(cluster, secret.as_ref(), shards, cache.as_deref(), threads, &reporter)?
    };
    let shown = if arguments.json {
        paint::json(&merged)
    } else {
        let (images, shards) = (merged.images.len(), shards.len());
        paint::line(format!("{}: {images} images of {shards} shards", folder.display()))
    };
    Ok(shown?)
}
