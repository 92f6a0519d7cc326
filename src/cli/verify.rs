//! `cardwright verify`

use super::arguments::VerifyArguments;
use super::paint::spans;
use super::{Failure, paint, progress};
use cardwright::hint::Warning;
use cardwright::pipeline;
use cardwright::verify::{Verified, VerifyOptions, verify};
use std::sync::Arc;

/// How many differences are listed for people; `--json` lists all.
const MOST_LISTED: usize = 50;

/// What `--json` prints.
#[derive(serde::Serialize)]
struct Report<'verified> {
    #[serde(flatten)]
    verified: &'verified Verified,
    /// What people were warned of.
    warnings: Vec<Warning>,
}

pub(super) fn run(arguments: &VerifyArguments) -> Result<(), Failure> {
    let cluster = super::load(&arguments.nodes, &arguments.base)?;
    let scratch = super::scratch_folder();
    let stock = Arc::new(super::open_image(&cluster, &scratch)?);
    let base = super::open_base(&stock, &cluster, &arguments.base)?;
    // Never made here: an image cannot have been made from a secret that does not exist.
    let secret = super::open_secret(&cluster, true)?;
    let options = VerifyOptions {
        node: arguments.node.clone(),
        threads: pipeline::all_threads(),
        scratch,
        cache: super::cache(),
    };
    let bar = progress::Bar::new();
    let verified = verify(&cluster, &stock, &base, &secret, &arguments.card, &options, &bar)?;
    drop(bar);

    let (node, count) = (&verified.node, verified.differences.len());
    if arguments.json {
        let report = Report { verified: &verified, warnings: super::warnings() };
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
