//! `cardwright verify`

use super::arguments::VerifyArguments;
use super::paint::spans;
use super::{Failure, paint, progress};
use cardwright::identity::{IdentityError, SECRET_ENVIRONMENT_VARIABLE};
use cardwright::pipeline::verify::Verified;
use cardwright::pipeline::{self, Error, Session};
use cardwright::types::Warning;

/// The number of differences that are listed for people; `--json` lists all.
const MOST_LISTED: usize = 50;

/// The output of `--json`.
#[derive(serde::Serialize)]
struct VerifyReport<'verified> {
    #[serde(flatten)]
    verified: &'verified Verified,
    /// All warnings of this run.
    warnings: Vec<Warning>,
}

pub(super) fn run(arguments: &VerifyArguments) -> Result<(), Failure> {
    let cluster = super::load(&arguments.nodes, &arguments.stock)?;
    let stock = super::open_stock_image(&cluster, &arguments.stock, &super::scratch_folder())?;
    stock.verify()?;
    // Never made here: an image cannot have been made from a secret that does not exist.
    let secret = super::open_secret(&cluster, true).map_err(|failure| without_secret(failure, arguments))?;
    let session = Session::new(cluster, stock, secret, super::cache());
    let (card, node) = (&arguments.card, arguments.node.as_deref());
    let verified = session.verify(card, node, pipeline::all_threads(), &progress::Reporter::new());
    let verified = verified.map_err(|error| {
        if !super::is_missing(&error) {
            return error.into();
        }
        let hint = "Name an image that `cardwright build` wrote, by its path from the current folder, like `images/north.img.xz`";
        Failure::Advised { message: error.to_string(), hint: hint.to_owned() }
    })?;

    let (node, count) = (&verified.node, verified.differences.len());
    if arguments.json {
        let report = VerifyReport { verified: &verified, warnings: super::warnings() };
        paint::json(&report).map_err(Failure::Output)?;
    } else if count == 0 {
        let line = spans![
            format!("{}: ", arguments.card.display()),
            paint::paint(paint::GREEN, "as planned"),
            format!(" for node `{node}`, and nothing else differs from the stock image"),
        ];
        paint::line(line).map_err(Failure::Output)?;
    } else {
        for difference in verified.differences.iter().take(MOST_LISTED) {
            paint::line(difference).map_err(Failure::Output)?;
        }
        if let Some(more @ 1..) = count.checked_sub(MOST_LISTED) {
            paint::note(format!("… and {more} more"));
        }
        let message = format!(
            "{} is not what the plan for node `{node}` makes of the stock image",
            arguments.card.display()
        );
        paint::error(
            message,
            Some(
                "Build it again, or name the nodes.yaml, cluster.secret and stock image that it was made from",
            ),
        );
    }
    if count == 0 { Ok(()) } else { Err(Failure::Differs) }
}

/// Adds what to do where the secret is missing: here nobody wanted it to be made.
fn without_secret(failure: Failure, arguments: &VerifyArguments) -> Failure {
    let Failure::Work(error) = failure else { return failure };
    match *error {
        Error::Identity(IdentityError::Missing { path }) => Failure::Advised {
            message: format!(
                "there is no `{}`, and without the secret of its cluster nobody can tell whether `{}` is as planned",
                path.display(),
                arguments.card.display()
            ),
            hint: format!(
                "Put the cluster.secret that it was built with beside nodes.yaml, or set {SECRET_ENVIRONMENT_VARIABLE} to what is in it"
            ),
        },
        other => other.into(),
    }
}
