//! Arguments in, one command out, and how it ended: 0 done, 1 failed, 2 wrong usage or an invalid nodes.yaml.

mod advice;
mod arguments;
mod backup;
#[cfg(feature = "progress")]
mod bar;
mod build;
mod cache;
mod check;
mod completions;
mod fetch;
mod flash;
mod init;
mod inspect;
mod interrupt;
mod kubeconfig;
mod log;
mod map;
mod merge;
#[cfg(not(feature = "progress"))]
mod no_bar;
mod node_names;
mod paint;
mod person;
mod pins;
mod plan;
mod problems;
mod progress;
mod selection;
mod ssh;
mod status;
mod upgrade;
mod verify;

use arguments::{Arguments, Command, ImageSelection, RestoreArgument};
use cardwright::cluster::{self, Cluster, ImageName, ImageSource, InvalidCluster};
use cardwright::fetch::FileLocation;
use cardwright::identity::{ClusterSecret, Creation};
use cardwright::pipeline::{self, Commands, Error, OccupiedOutputs, OpenedImage};
use cardwright::raspios;
use cardwright::stock_image::StockImageError;
use cardwright::stock_system::OpenOptions;
use cardwright::types::{Hint, UnixTime, Warning, escape, shell};
use clap::Parser as _;
use std::env::VarError;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Mutex, OnceLock, PoisonError};

/// A failure of a command.
enum Failure {
    /// nodes.yaml is not valid.
    Invalid(Box<InvalidCluster>),
    /// An argument or environment variable makes no sense.
    Usage { message: String, hint: String },
    /// The work failed.
    Work(Box<Error>),
    /// The work failed, and what to do depends on the command, or on where its subject was named.
    Advised { message: String, hint: String },
    /// The output could not be written.
    Output(io::Error),
    /// The person ended it at a question; what that means is said.
    Interrupted(&'static str),
    /// The command did its work, and its result is a no: it has been shown already.
    Differs,
}

impl Failure {
    fn usage(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::Usage { message: message.into(), hint: hint.into() }
    }

    /// Returns the failure of opening an image; `hint` is for one that is not there.
    fn of_image(error: Error, hint: impl FnOnce() -> String) -> Self {
        match &error {
            Error::Disk(StockImageError::Open { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                Self::Advised { message: error.to_string(), hint: hint() }
            }
            _ => error.into(),
        }
    }
}

impl From<InvalidCluster> for Failure {
    fn from(error: InvalidCluster) -> Self {
        Self::Invalid(Box::new(error))
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error {
            Error::Unfit(invalid) => Self::Invalid(invalid),
            error => Self::Work(Box::new(error)),
        }
    }
}

/// Commands do no other input or output of their own.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

/// Runs the command that the arguments name.
pub(crate) fn run() -> ExitCode {
    completions::answer_shell();
    interrupt::clean_up_at_signals();
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            let code = u8::try_from(error.exit_code()).unwrap_or(2);
            return paint::usage(error).map_or_else(|error| end(Failure::Output(error)), |()| code.into());
        }
    };
    log::show(arguments.verbose);
    cardwright::io::limits::allow_many_files();
    let result = match &arguments.command {
        Command::Build(arguments) => build::run(arguments),
        Command::Merge(arguments) => merge::run(arguments),
        Command::Check(arguments) => check::run(arguments),
        Command::Init(arguments) => init::run(arguments),
        Command::Images(arguments) => pins::images(arguments),
        Command::Fetch(arguments) => fetch::run(arguments),
        Command::Update(arguments) => pins::update(arguments),
        Command::Plan(arguments) => plan::run(arguments),
        Command::Inspect(arguments) => inspect::run(arguments),
        Command::Verify(arguments) => verify::run(arguments),
        Command::Flash(arguments) => flash::run(arguments),
        Command::Status(arguments) => status::run(arguments),
        Command::Ssh(arguments) => ssh::run(arguments),
        Command::Logs(arguments) => ssh::logs(arguments),
        Command::Backup(arguments) => backup::run(arguments),
        Command::Kubeconfig(arguments) => kubeconfig::run(arguments),
        Command::Upgrade(arguments) => upgrade::run(arguments),
        Command::Cache(command) => cache::run(command),
        Command::Completions(arguments) => completions::run(arguments),
        Command::Manual(arguments) => completions::manual(arguments),
        Command::Schema => paint::json(&cluster::json_schema()).map_err(Failure::Output),
    };
    result.map_or_else(end, |()| ExitCode::SUCCESS)
}

fn end(failure: Failure) -> ExitCode {
    let code = match failure {
        Failure::Invalid(_) | Failure::Usage { .. } => 2,
        // As a shell says of a program that SIGINT ended.
        Failure::Interrupted(_) => 130,
        _ => 1,
    };
    match failure {
        Failure::Invalid(invalid) => problems::show(&invalid),
        Failure::Usage { message, hint } | Failure::Advised { message, hint } => {
            paint::error(message, Some(&hint));
        }
        Failure::Work(error) => match &*error {
            Error::Occupied(occupied) => {
                paint::error_list(
                    format!("{}:", OccupiedOutputs::SUMMARY),
                    occupied.lines(),
                    error.hint().as_deref(),
                );
            }
            Error::OtherSecret(mismatch) => {
                paint::error_list(mismatch.summary(), mismatch.lines(), error.hint().as_deref());
            }
            error => paint::error(error, error.hint().as_deref()),
        },
        // Whoever reads our output has read enough, as `head` does.
        Failure::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => return ExitCode::SUCCESS,
        Failure::Output(error) => paint::error(format!("writing the output failed: {error}"), None),
        Failure::Interrupted(what) => {
            paint::note("");
            paint::note(format!("interrupted: {what}"));
        }
        Failure::Differs => {}
    }
    ExitCode::from(code)
}

/// The cluster that the arguments name, with what they say instead of nodes.yaml.
fn load(nodes: &Path, selection: &ImageSelection) -> Result<Cluster, Failure> {
    let mut cluster = Cluster::load(nodes)?;
    if let Some(image) = &selection.image {
        cluster.image = match (image.as_str(), ImageName::parse(image)) {
            ("demo", _) => ImageSource::Demo,
            (_, Some(name)) => ImageSource::Named(name),
            (path, None) => ImageSource::File(FileLocation::Path { path: PathBuf::from(path), sha256: None }),
        };
    }
    Ok(cluster)
}

/// Returns the commands that mean the same cluster, stock image and results as the arguments.
fn commands(nodes: &Path, selection: &ImageSelection, output: Option<&Path>) -> Commands {
    let flag = |flag: &str, value: &str| format!(" {flag} {}", shell::word(value));
    let file = Some(nodes).filter(|nodes| *nodes != Path::new(node_names::NODES_YAML));
    let file = file.map_or_else(String::new, |file| flag("-f", &file.display().to_string()));
    let image = selection.image.as_deref().map(|image| flag("--image", image));
    let output = output.map(|output| flag("-o", &output.display().to_string()));
    Commands {
        stock: [file.clone()].into_iter().chain(image).collect(),
        results: [file].into_iter().chain(output).collect(),
    }
}

/// Has the results go into the folder that the arguments name.
fn put_into(cluster: &mut Cluster, output: Option<&Path>) -> Result<(), Failure> {
    let Some(folder) = output else { return Ok(()) };
    if folder.to_string_lossy().contains(escape::is_control) {
        return Err(Failure::usage(
            format!("the folder `{}` has a control character in its name", folder.display()),
            "Name another folder with `--output`",
        ));
    }
    folder.clone_into(&mut cluster.output.folder);
    Ok(())
}

/// Has the server that the arguments name rejoin the cluster, and nodes join it through another than the first.
fn rejoin(cluster: &mut Cluster, node: Option<&str>, through: Option<&str>) -> Result<(), Failure> {
    let rejoined = node.map_or(Ok(()), |node| cluster.rejoin(node));
    let joined = rejoined.and_then(|()| through.map_or(Ok(()), |server| cluster.join_through(server)));
    joined.map_err(|error| Error::from(error).into())
}

/// Has the server that a backup was made of go on with it.
fn restore(cluster: &mut Cluster, argument: &RestoreArgument) -> Result<(), Failure> {
    let chosen = argument.restore.as_ref().map_or(Ok(()), |path| cardwright::backup::choose(cluster, path));
    chosen.map_err(|error| Error::from(error).into())
}

/// Opens the stock image of a cluster, and says what may disappoint about it. Whether it has the right SHA-256 is for
/// `build` to find out.
fn open_stock_image(
    cluster: &Cluster,
    selection: &ImageSelection,
    scratch: &Path,
) -> Result<OpenedImage, Failure> {
    let options =
        OpenOptions { force_release: selection.force_release, source_date_epoch: source_date_epoch()? };
    let opened =
        pipeline::open_image(&cluster.image, scratch, cache().as_deref(), &progress::Reporter::new());
    let image = opened.map_err(|error| match &cluster.image {
        ImageSource::File(location @ FileLocation::Path { .. }) => Failure::of_image(error, || {
            let named = match &selection.image {
                Some(_) => "Check `--image`; paths start at the current folder",
                None => "Check `image:`; paths start at the folder of nodes.yaml",
            };
            let from = raspios::download_address(&location.file_name());
            let from = from.unwrap_or_else(|| raspios::DOWNLOAD_PAGE.to_owned());
            format!("{named}. If it is not there yet, download it, and leave it compressed: {from}")
        }),
        _ => error.into(),
    })?;
    let stock = OpenedImage::new(image, cluster, options)?;
    stock.warnings().into_iter().for_each(warn);
    Ok(stock)
}

/// Every warning that people were told, for programs to be told as well.
static WARNINGS: Mutex<Vec<Warning>> = Mutex::new(Vec::new());

/// Tells people of something that may disappoint.
fn warn(warning: Warning) {
    paint::warning(&warning);
    WARNINGS.lock().unwrap_or_else(PoisonError::into_inner).push(warning);
}

/// Returns the warnings that were given until now.
fn warnings() -> Vec<Warning> {
    WARNINGS.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

/// The cache, where it can be used; the first time, says why it cannot.
fn cache() -> Option<PathBuf> {
    static CACHE: OnceLock<Option<PathBuf>> = OnceLock::new();
    let open = || {
        let folder = cardwright::cache::folder()?;
        if let Some(trouble) = cardwright::cache::trouble(&folder) {
            warn(cardwright::cache::cache_warning(&trouble));
            return None;
        }
        pipeline::writable_warning(&folder).into_iter().for_each(warn);
        Some(folder)
    };
    CACHE.get_or_init(open).clone()
}

/// The time that files get, where the environment sets it: <https://reproducible-builds.org/specs/source-date-epoch/>.
fn source_date_epoch() -> Result<Option<UnixTime>, Failure> {
    let text = match std::env::var("SOURCE_DATE_EPOCH") {
        // As most programs take it: a Makefile that exports what it does not set leaves it empty.
        Ok(text) if text.is_empty() => return Ok(None),
        Ok(text) => text,
        Err(VarError::NotPresent) => return Ok(None),
        Err(VarError::NotUnicode(text)) => text.to_string_lossy().into_owned(),
    };
    match text.trim().parse().map(UnixTime::new) {
        Ok(time) if UnixTime::OF_FILES.contains(&time) => Ok(Some(time)),
        _ => Err(Failure::usage(
            format!("SOURCE_DATE_EPOCH is `{text}`, which is no time between 1980 and 2038"),
            "Set it to seconds since 1970, as `git log -1 --format=%ct` prints them, or unset it",
        )),
    }
}

/// The output of `--json`, with all warnings of this run.
#[derive(serde::Serialize)]
struct WithWarnings<'result, T> {
    #[serde(flatten)]
    result: &'result T,
    warnings: Vec<Warning>,
}

/// Writes the result of a command as JSON, with all warnings of this run.
fn json_with_warnings(result: &impl serde::Serialize) -> io::Result<()> {
    paint::json(&WithWarnings { result, warnings: warnings() })
}

/// Checks that the secret of a cluster is the one that its results and cards were made with.
fn check_secret(cluster: &Cluster) -> Result<(), Failure> {
    let secret = pipeline::existing_secret(cluster)?;
    Ok(pipeline::check_secret(cluster, &cluster.output.folder, secret.as_ref())?)
}

/// Returns whether a missing secret may be made here.
fn creation(locked: bool) -> Creation {
    Creation::of(locked, std::env::var_os("CI").as_deref())
}

/// The secret of a cluster; says so when it was made.
fn open_secret(cluster: &Cluster, locked: bool) -> Result<ClusterSecret, Failure> {
    let (secret, made) = pipeline::open_secret(cluster, creation(locked))?;
    if made {
        let path = pipeline::secret_path(cluster);
        paint::note(format!(
            "made {}, from which every key of this cluster is derived: keep it, and keep it secret",
            path.display()
        ));
    }
    Ok(secret)
}

/// The secret of a cluster, for a command that makes nothing: where there is none yet, one that is gone
/// afterwards. Says so, and returns whether it is one.
fn secret_to_look_at(cluster: &Cluster, locked: bool) -> Result<(ClusterSecret, bool), Failure> {
    if let Some(secret) = pipeline::existing_secret(cluster)? {
        return Ok((secret, false));
    }
    if creation(locked) == Creation::Forbidden {
        return Ok((open_secret(cluster, locked)?, false));
    }
    let path = pipeline::secret_path(cluster);
    paint::note(format!(
        "there is no {} yet; `cardwright build` makes it. All keys come from it: files that hold a public key will have another SHA-256 than the one shown",
        path.display()
    ));
    Ok((ClusterSecret::throwaway().map_err(Error::from)?, true))
}

/// A folder for large temporary files: the cache, which is on a real disk, or else the system's own.
fn scratch_folder() -> PathBuf {
    cache().unwrap_or_else(std::env::temp_dir)
}
