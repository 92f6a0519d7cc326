//! `cardwright build`

use super::arguments::BuildArguments;
use super::paint::{Line, spans};
use super::{Failure, paint, problems, progress};
use cardwright::cluster::Cluster;
use cardwright::emit::EmitError;
use cardwright::escape::{self, escaped};
use cardwright::format::ImageFormat;
use cardwright::hint::Warning;
use cardwright::ownership::create_folder;
use cardwright::papers;
use cardwright::pipeline::{self, BuildOptions, Built, BuiltImage, Error, Imager};
use std::path::Path;
use std::sync::Arc;

/// What `--json` prints.
#[derive(serde::Serialize)]
struct Report<'built> {
    #[serde(flatten)]
    built: &'built Built,
    /// What people were warned of.
    warnings: Vec<Warning>,
}

pub(super) fn run(arguments: &BuildArguments) -> Result<(), Failure> {
    if let Some(folder) = &arguments.output
        && folder.to_string_lossy().contains(escape::is_control)
    {
        return Err(Failure::Usage {
            message: format!("the folder `{}` has a control character in its name", folder.display()),
            hint: "Name another folder with `--output`".to_owned(),
        });
    }
    let mut cluster = super::load(&arguments.nodes, &arguments.base)?;
    problems::show_warnings(&cluster);
    super::rejoin(&mut cluster, arguments.rejoin.as_deref())?;
    if let Some(folder) = &arguments.output {
        cluster.output.folder.clone_from(folder);
    }
    if let Some(format) = arguments.format {
        cluster.output.format = format;
    }
    let mut options = BuildOptions {
        cache: super::cache(),
        only: arguments.only.clone(),
        checksums: !arguments.papers.no_checksums,
        bmap: arguments.papers.bmap,
        imager: arguments.papers.imager.then(|| Imager { base_url: arguments.papers.base_url.clone() }),
        ..BuildOptions::default()
    };
    // Before the folder, the secret or anything else is made: a wrong folder stays as it was.
    pipeline::check_outputs(&cluster, pipeline::existing_secret(&cluster)?.as_ref(), &options)?;
    let folder = &cluster.output.folder;
    let made = create_folder(folder, false);
    made.map_err(|source| {
        Error::from(EmitError::Write { doing: "making the folder", path: folder.clone(), source })
    })?;

    let image = Arc::new(super::open_unchecked(&cluster, folder)?);
    let base = super::open_base(&image, &cluster, &arguments.base);
    // What seems wrong with a stock image is of no interest when it is another one than was named.
    let base =
        base.map_err(|failure| image.check().err().map_or(failure, |error| Error::from(error).into()))?;
    let secret = super::open_secret(&cluster, arguments.base.locked)?;
    if let Some(jobs) = arguments.jobs {
        options.threads = usize::from(jobs);
    }
    let bar = progress::Bar::new();
    let built = pipeline::build(&cluster, &image, &base, &secret, &options, &bar)?;
    drop(bar);
    if arguments.json {
        let report = Report { built: &built, warnings: super::warnings() };
        return paint::json(&report).map_err(Failure::Output);
    }
    show(&built).map_err(Failure::Output)?;
    advise(&cluster, &built, arguments.rejoin.as_deref());
    Ok(())
}

/// Writes a line a node to standard output.
fn show(built: &Built) -> std::io::Result<()> {
    let shown = |image: &BuiltImage| escaped(&image.path.display().to_string()).to_string();
    let widest = built.images.iter().map(|image| shown(image).chars().count()).fold(0, usize::max);
    for image in &built.images {
        let (path, size, edits) = (format!("{:widest$}", shown(image)), image.size.to_string(), image.edits);
        let seconds = format!("{:.1} s", image.took.as_secs_f64());
        paint::line(spans![
            paint::paint(paint::GREEN, path),
            format!("  {size:>8}  {edits} edits  "),
            paint::paint(paint::DIM, seconds)
        ])?;
    }
    Ok(())
}

/// What to do next, on standard error.
fn advise(cluster: &Cluster, built: &Built, rejoin: Option<&str>) {
    let Some(first) = built.images.first() else { return };
    paint::note("");
    if let Some(manifest) = &built.manifest {
        paint::note("Flash one card per image with Raspberry Pi Imager, which lists them:");
        paint::note(command(&format!("rpi-imager --repo {}", shown(manifest))));
        paint::note(
            "For the next card choose the next image: \"write another\" keeps the same one. Or else:",
        );
    } else {
        paint::note(
            "Flash one card per image, with Raspberry Pi Imager (choose \"Use custom\", skip customisation) or with:",
        );
    }
    for image in &built.images {
        paint::note(command(&flash(cluster.output.format, image)));
    }
    if let Some(node) = rejoin {
        // etcd lets nobody in under a name that it still has a member of (k3s#4210).
        paint::note(format!("Before `{node}` is switched on, take the old one out of the cluster:"));
        paint::note(command(&format!("kubectl delete node {node}")));
    }
    paint::note("Then put the cards in, switch on, wait two minutes, and:");
    let papers = &built.papers;
    // The files that ssh_config names are found from the folder of nodes.yaml, where they are below it.
    let folder = cluster.source.parent().filter(|folder| !folder.as_os_str().is_empty());
    let ssh = match folder.and_then(|folder| Some((folder, papers.ssh_config.strip_prefix(folder).ok()?))) {
        Some((folder, below)) => format!("cd {} && ssh -F {} {}", shown(folder), shown(below), first.node),
        None => format!("ssh -F {} {}", shown(&papers.ssh_config), first.node),
    };
    paint::note(command(&ssh));
    if let Some(kubeconfig) = &papers.kubeconfig {
        let kubectl = format!("kubectl --kubeconfig {} get nodes", shown(kubeconfig));
        paint::note(command(&kubectl));
    }
}

/// A line with a command to be typed.
fn command(text: &str) -> Line {
    spans!["  ", paint::paint(paint::CYAN, text)]
}

/// How an image gets onto a card.
fn flash(format: ImageFormat, image: &BuiltImage) -> String {
    let path = shown(&image.path);
    let unpack = match format {
        _ if image.bmap.is_some() => return format!("sudo bmaptool copy {path} /dev/sdX"),
        ImageFormat::Img => return format!("sudo dd if={path} of=/dev/sdX bs=4M conv=fsync status=progress"),
        ImageFormat::ImgXz => "xz -dc -T0",
        ImageFormat::ImgZst => "zstd -dc",
        ImageFormat::ImgGz => "gzip -dc",
    };
    format!("{unpack} {path} | sudo dd of=/dev/sdX bs=4M iflag=fullblock conv=fsync status=progress")
}

/// A path as a shell takes it.
fn shown(path: &Path) -> String {
    papers::shell_word(&path.display().to_string())
}
