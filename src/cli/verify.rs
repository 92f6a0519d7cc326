//! `cardwright verify`

use super::arguments::VerifyArguments;
use super::paint::spans;
use super::{Failure, fetch, paint, progress};
use cardwright::identity::{IdentityError, SECRET_ENVIRONMENT_VARIABLE};
use cardwright::pipeline::verify::{Difference, Verified, VerifiedFile};
use cardwright::pipeline::{self, Error, Session};
use cardwright::types::Hint as _;
use std::io;
use std::path::{Path, PathBuf};

/// The number of differences that are listed for people; `--json` lists all.
const MOST_LISTED: usize = 50;

/// An image in the output of `--all --json`.
#[derive(serde::Serialize)]
struct ImageReport<'verified> {
    path: &'verified Path,
    node: &'verified str,
    #[serde(skip_serializing_if = "Option::is_none")]
    differences: Option<&'verified [Difference]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

impl<'verified> ImageReport<'verified> {
    fn of(file: &'verified VerifiedFile) -> Self {
        let (differences, error) = match &file.result {
            Ok(verified) => (Some(&*verified.differences), None),
            Err(error) => (None, Some(error.to_string())),
        };
        Self { path: &file.path, node: &file.node, differences, error }
    }
}

/// The output of `--all --json`.
#[derive(serde::Serialize)]
struct AllReport<'verified> {
    images: Vec<ImageReport<'verified>>,
}

pub(super) fn run(arguments: &VerifyArguments) -> Result<(), Failure> {
    let mut cluster = super::load(&arguments.nodes, &arguments.stock)?;
    super::restore(&mut cluster, &arguments.restore)?;
    // Of an image it counts what it lies beside.
    let beside = arguments.card.as_deref().map(|card| if arguments.all { card } else { folder_of(card) });
    let secret = pipeline::existing_secret(&cluster)?;
    pipeline::check_secret(&cluster, beside.unwrap_or(&cluster.output.folder), secret.as_ref())?;
    fetch::prepare(&mut cluster, &arguments.stock, false)?;
    let stock = super::open_stock_image(&cluster, &arguments.stock, &super::scratch_folder())?;
    // Never made here: an image cannot have been made from a secret that does not exist.
    let secret = super::open_secret(&cluster, true).map_err(|failure| without_secret(failure, arguments))?;
    let session =
        Session::new(cluster, stock, secret, super::cache()).reading_every_file(arguments.every_file);
    match &arguments.card {
        Some(image) if !arguments.all => verify_one(&session, image, arguments),
        folder => verify_all(&session, folder.as_ref(), arguments.json),
    }
}

fn folder_of(file: &Path) -> &Path {
    file.parent().unwrap_or(Path::new(""))
}

fn verify_one(session: &Session, image: &Path, arguments: &VerifyArguments) -> Result<(), Failure> {
    let node = arguments.node.as_deref();
    let verified = session.verify(image, node, pipeline::all_threads(), &progress::Reporter::new());
    let verified = verified.map_err(|error| {
        Failure::of_image(error, || "Name an image that `cardwright build` wrote, by its path from the current folder, like `images/north.img.xz`".to_owned())
    })?;
    if arguments.json {
        super::json_with_warnings(&verified)?;
    } else {
        show(image, &verified, "")?;
    }
    if verified.differences.is_empty() { Ok(()) } else { Err(Failure::Differs) }
}

fn verify_all(session: &Session, folder: Option<&PathBuf>, json: bool) -> Result<(), Failure> {
    let cluster = session.cluster();
    let folder = folder.unwrap_or(&cluster.output.folder);
    let verified = session.verify_all(folder, pipeline::all_threads(), &progress::Reporter::new())?;
    if verified.is_empty() {
        return Err(Failure::Advised {
            message: format!("there is no image of a node of `{}` in `{}`", cluster.name, folder.display()),
            hint: "Run `cardwright build`, or name the folder that the images are in".to_owned(),
        });
    }
    if json {
        super::json_with_warnings(&AllReport { images: verified.iter().map(ImageReport::of).collect() })?;
    } else {
        for VerifiedFile { path, result, .. } in &verified {
            match result {
                Ok(found) => show(path, found, &format!("{}: ", path.display()))?,
                Err(error) => paint::error(error, error.hint().as_deref()),
            }
        }
    }
    let is_as_planned =
        |file: &VerifiedFile| file.result.as_ref().is_ok_and(|verified| verified.differences.is_empty());
    if verified.iter().all(is_as_planned) { Ok(()) } else { Err(Failure::Differs) }
}

/// Shows the findings about an image; each difference behind `prefix`.
fn show(image: &Path, verified: &Verified, prefix: &str) -> io::Result<()> {
    let (node, count) = (&verified.node, verified.differences.len());
    if count == 0 {
        return paint::line(spans![
            format!("{}: ", image.display()),
            paint::paint(paint::GREEN, "as planned"),
            format!(" for node `{node}`, and nothing else differs from the stock image"),
        ]);
    }
    for difference in verified.differences.iter().take(MOST_LISTED) {
        paint::line(format!("{prefix}{difference}"))?;
    }
    if let Some(more @ 1..) = count.checked_sub(MOST_LISTED) {
        paint::note(format!("… and {more} more"));
    }
    paint::error(
        format!("{} is not what the plan for node `{node}` makes of the stock image", image.display()),
        Some("Build it again, or name the nodes.yaml, cluster.secret and stock image that it was made from"),
    );
    Ok(())
}

/// Adds what to do where the secret is missing: here nobody wanted it to be made.
fn without_secret(failure: Failure, arguments: &VerifyArguments) -> Failure {
    let Failure::Work(error) = failure else { return failure };
    match *error {
        Error::Identity(IdentityError::Missing { path }) => Failure::Advised {
            message: format!(
                "there is no `{}`, and without the secret of its cluster nobody can tell whether {} is as planned",
                path.display(),
                arguments.card.as_ref().map_or("an image".to_owned(), |card| format!("`{}`", card.display()))
            ),
            hint: format!(
                "Put the cluster.secret that it was built with beside nodes.yaml, or set {SECRET_ENVIRONMENT_VARIABLE} to what is in it"
            ),
        },
        other => other.into(),
    }
}
