//! `cardwright build`

use super::advice::{Ending, System};
use super::arguments::BuildArguments;
use super::paint::spans;
use super::selection::Selection;
use super::{Failure, backup, fetch, paint, problems, progress};
use cardwright::cache;
use cardwright::cluster::{Cluster, ImageSource};
use cardwright::identity::{Creation, IdentityError};
use cardwright::io::FileError;
use cardwright::io::ownership::create_folder;
use cardwright::output::OutputError;
use cardwright::pipeline::{
    self, BuildOptions, Built, BuiltImage, Error, Imager, NodeChange, NodeState, Session,
};
use cardwright::plan::CardChange;
use cardwright::types::escape::escaped;
use std::path::PathBuf;

pub(super) fn run(arguments: &BuildArguments) -> Result<(), Failure> {
    let selection = Selection::of(&arguments.cluster)?;
    let mut cluster = cluster(arguments, &selection)?;
    let options = options(arguments, &selection, &cluster)?;
    // Before the folder, the secret or anything else is made: a wrong folder stays as it was. `build` checks once
    // more, as minutes may pass until then in which the stock image is downloaded. The cache is not made yet either.
    check(&cluster, arguments, options.only.as_deref())?;
    let only_server = backup::only_server(&cluster)?.cloned();
    fetch::prepare(&mut cluster, &arguments.stock, true)?;
    let folder = &cluster.output.folder;
    create_folder(folder, false).map_err(|source| {
        let (doing, path) = ("making the folder", folder.clone());
        Error::from(OutputError::from(FileError::Write { doing, path, source }))
    })?;

    let stock = super::open_stock_image(&cluster, &arguments.stock, folder)?;
    let secret = super::open_secret(&cluster, arguments.stock.locked)?;
    let session = Session::new(cluster, stock, secret, super::cache());
    let mut built = build(&session, &options)?;
    let pruned = if arguments.prune { session.prune()? } else { Vec::new() };
    for change in &mut built.changes {
        change.image.take_if(|image| pruned.contains(image));
    }
    if arguments.json {
        return Ok(super::json_with_warnings(&WithPruned { built: &built, pruned: &pruned })?);
    }
    show(&built)?;
    pruned.iter().try_for_each(|path| paint::line(format!("removed {}", path.display())))?;
    show_changes(&built.changes)?;
    if let Some(shard) = arguments.shard {
        let (part, all) = (built.images.len(), session.cluster().nodes.len());
        paint::line(format!("shard {shard}: {part} of {all} nodes"))?;
    }
    let is_known = !built.changes.is_empty() && session.cluster().image != ImageSource::Demo;
    if is_known {
        // Cards that stay, and what is changed where it runs, are not flashed.
        let flashed = |name: &str| {
            built.changes.iter().any(|change| change.node == name && change.card == CardChange::Flash)
        };
        built.images = built.images.iter().filter(|image| flashed(&image.node)).cloned().collect();
    }
    let ending = Ending {
        cluster: session.cluster(),
        built: &built,
        is_whole: !is_known
            && options.only.is_none()
            && arguments.rejoin.is_none()
            && arguments.through.is_none(),
        rejoin: arguments.rejoin.as_deref(),
        commands: super::commands(&selection.file, &arguments.stock, arguments.output.as_deref()),
    };
    let warned = only_server.iter().flat_map(|server| backup::advice(server, &built));
    let steps = built.undertakings.iter().flat_map(super::advice::steps);
    warned.chain(ending.advice(System::here())).chain(steps).for_each(paint::note);
    Ok(())
}

/// Checks that nothing is lost by the build, and moves aside what is of another cluster, where that is asked for.
fn check(cluster: &Cluster, arguments: &BuildArguments, only: Option<&[String]>) -> Result<(), Failure> {
    let (secret, cache) = (pipeline::existing_secret(cluster)?, cache::folder());
    if !arguments.new_cluster {
        return Ok(pipeline::check_outputs(cluster, secret.as_ref(), only, cache.as_deref())?);
    }
    if secret.is_none() && super::creation(arguments.stock.locked) == Creation::Forbidden {
        return Err(Error::from(IdentityError::Missing { path: pipeline::secret_path(cluster) }).into());
    }
    pipeline::check_strangers(cluster, secret.as_ref(), only, cache.as_deref())?;
    let Some(aside) = pipeline::begin_new_cluster(cluster, secret.as_ref())? else {
        let path = pipeline::secret_path(cluster);
        let path = path.display();
        return Err(Failure::Advised {
            message: format!("{path} is the secret of the cluster here, so this would be no new one"),
            hint: format!(
                "To begin another cluster, move {path} away first; otherwise build without `--new-cluster`"
            ),
        });
    };
    paint::note(format!(
        "moved what is of the old cluster to {0}; nodes that run with it are reached by ssh -F {0}/ssh_config NODE",
        aside.display()
    ));
    Ok(())
}

/// Returns the cluster of nodes.yaml, with what the arguments say instead of it.
fn cluster(arguments: &BuildArguments, selection: &Selection) -> Result<Cluster, Failure> {
    let mut cluster = super::load(&selection.file, &arguments.stock)?;
    problems::show_warnings(&cluster);
    selection.nodes_of(&cluster)?;
    super::rejoin(&mut cluster, arguments.rejoin.as_deref(), arguments.through.as_deref())?;
    super::restore(&mut cluster, &arguments.restore)?;
    // A new secret would be that of all results of this nodes.yaml, wherever this build puts its own.
    if arguments.output.is_some() && !arguments.new_cluster && pipeline::existing_secret(&cluster)?.is_none()
    {
        pipeline::check_secret(&cluster, &cluster.output.folder, None)?;
    }
    super::put_into(&mut cluster, arguments.output.as_deref())?;
    if let Some(format) = arguments.format {
        cluster.output.format = format;
    }
    Ok(cluster)
}

fn options(
    arguments: &BuildArguments,
    selection: &Selection,
    cluster: &Cluster,
) -> Result<BuildOptions, Failure> {
    let named = Some(selection.nodes.clone()).filter(|nodes| !nodes.is_empty());
    let only = match (arguments.shard, named) {
        (Some(shard), None) => Some(shard.nodes(cluster).iter().map(|node| node.name.to_string()).collect()),
        (Some(shard), Some(_)) => {
            return Err(Failure::usage(
                format!("both nodes and the part {shard} of all nodes are named"),
                "Name nodes, or one part with `--shard`",
            ));
        }
        (None, named) => named,
    };
    Ok(BuildOptions {
        threads: arguments.jobs.map_or_else(pipeline::all_threads, usize::from),
        only,
        compression: arguments.compression,
        checksums: !arguments.sidecars.no_checksums,
        bmap: arguments.sidecars.bmap,
        imager: arguments.sidecars.imager.then(|| Imager { base_url: arguments.sidecars.base_url.clone() }),
    })
}

/// Builds the images; the progress bar is gone afterwards.
fn build(session: &Session, options: &BuildOptions) -> Result<Built, Error> {
    let reporter = progress::Reporter::new();
    session.build(&session.plan(&reporter)?, options, &reporter)
}

/// The output of `--json`.
#[derive(serde::Serialize)]
struct WithPruned<'result> {
    #[serde(flatten)]
    built: &'result Built,
    pruned: &'result [PathBuf],
}

/// Writes to standard output what changed since the last build, a line a node.
fn show_changes(changes: &[NodeChange]) -> std::io::Result<()> {
    if changes.is_empty() {
        return Ok(());
    }
    paint::line("since the last build:")?;
    let widest = changes.iter().map(|change| change.node.len()).fold(0, usize::max);
    for change in changes {
        let why = change.why.join(", ");
        let said = match (change.state, change.card, &change.image) {
            (NodeState::Gone, _, Some(image)) => {
                format!("gone from nodes.yaml; `--prune` removes {}", image.display())
            }
            (NodeState::Gone, ..) => "gone from nodes.yaml".to_owned(),
            (NodeState::New, ..) => "new: flash its card".to_owned(),
            (_, CardChange::Stays, _) => "unchanged: its card stays as it is".to_owned(),
            (_, CardChange::Apply, _) => format!("{why}: can be changed where it runs"),
            (_, CardChange::Upgrade, _) => format!("{why}: `cardwright upgrade` where it runs"),
            (_, CardChange::Flash, _) => format!("{why}: flash its card again"),
        };
        paint::line(format!("  {:widest$}  {said}", change.node))?;
    }
    Ok(())
}

/// Writes a line a node to standard output.
fn show(built: &Built) -> std::io::Result<()> {
    let shown = |image: &BuiltImage| escaped(&image.path.display().to_string());
    let widest = built.images.iter().map(|image| shown(image).chars().count()).fold(0, usize::max);
    for image in &built.images {
        let (path, size, edits) = (format!("{:widest$}", shown(image)), image.size.to_string(), image.edits);
        let seconds = format!("{:.1} s", image.elapsed.as_secs_f64());
        paint::line(spans![
            paint::paint(paint::GREEN, path),
            format!("  {size:>8}  {edits} edits  "),
            paint::paint(paint::DIM, seconds)
        ])?;
    }
    Ok(())
}
