//! `cardwright status`

mod changes;
mod report;
mod table;

use super::arguments::StatusArguments;
#[cfg(feature = "progress")]
use super::bar::Rows;
#[cfg(not(feature = "progress"))]
use super::no_bar::NoRows as Rows;
use super::paint::{self, CYAN, GREEN, Line, RED, paint, spans};
use super::{Failure, ssh};
use cardwright::access;
use cardwright::cluster::{Cluster, Node};
use cardwright::pipeline::{self, Error};
use cardwright::status::{self, NodeStatus, Outlook, Verdict, Watch};
use cardwright::types::{Hint as _, shell};
use changes::Changes;
use report::Report;
use std::io::{self, IsTerminal as _, stderr, stdout};
use std::time::{Duration, Instant};

/// The time after which a table is drawn anew though nothing happened: it shows how long it has been.
const TICK: Duration = Duration::from_secs(1);

pub(super) fn run(arguments: &StatusArguments) -> Result<(), Failure> {
    let cluster = ssh::load(&arguments.cluster)?;
    let named: Vec<&Node> =
        arguments.nodes.iter().map(|name| pipeline::named_node(&cluster, name)).collect::<Result<_, _>>()?;
    let nodes: Vec<&Node> = if named.is_empty() { cluster.nodes.iter().collect() } else { named };
    let mut watch = status::watch(&cluster, &nodes).map_err(Error::from)?;
    let began = Instant::now();
    let verdict = follow(&cluster, &mut watch, arguments, began)?;
    let statuses = watch.statuses();
    if arguments.json {
        paint::json(&Report::of(&cluster, &statuses))?;
    } else {
        if arguments.once || is_terminal() {
            table::lines(&statuses).into_iter().try_for_each(paint::line)?;
        }
        end(&cluster, &statuses, verdict, (!arguments.once).then(|| began.elapsed()))?;
    }
    if verdict == Verdict::Ready { Ok(()) } else { Err(Failure::Differs) }
}

/// Shows what is seen until the end: all are ready, nothing is to be waited for, or the time is over.
fn follow(
    cluster: &Cluster,
    watch: &mut Watch,
    arguments: &StatusArguments,
    began: Instant,
) -> Result<Verdict, Failure> {
    let is_live = !arguments.once && has_live_table(arguments.json);
    let rows = Rows::on_terminal(is_live);
    let mut changes = Changes::default();
    loop {
        let left = arguments.timeout.checked_sub(began.elapsed());
        watch.wait(left.map_or(Duration::ZERO, |left| left.min(TICK)));
        let statuses = watch.statuses();
        if let Some(rows) = &rows {
            changes.problems(&statuses).into_iter().for_each(super::progress::note_above);
            rows.show(&table::live(cluster, &statuses, began.elapsed()));
        } else if !arguments.once && !arguments.json {
            changes.lines(&statuses, began.elapsed()).into_iter().try_for_each(paint::line)?;
        }
        let verdict = watch.verdict();
        let is_over = if arguments.once { watch.has_looked() } else { verdict != Verdict::Open };
        if is_over || left.is_none() {
            return Ok(verdict);
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "nothing is written to it")]
fn is_terminal() -> bool {
    stdout().is_terminal()
}

/// Returns whether a table is drawn again and again.
fn has_live_table(json: bool) -> bool {
    #[expect(clippy::disallowed_methods, reason = "nothing is written to it")]
    let is_seen = stderr().is_terminal();
    is_seen && (json || is_terminal()) && std::env::var_os("CARDWRIGHT_NO_PROGRESS").is_none()
}

/// Shows how it ended, and what to do.
fn end(
    cluster: &Cluster,
    statuses: &[NodeStatus],
    verdict: Verdict,
    elapsed: Option<Duration>,
) -> io::Result<()> {
    let after = elapsed.map_or_else(String::new, |elapsed| format!(" after {}", table::clock(elapsed)));
    statuses.iter().flat_map(problem_lines).try_for_each(paint::line)?;
    let count = statuses.len();
    let ready = statuses.iter().filter(|status| status.is_ready()).count();
    if verdict != Verdict::Ready {
        let why =
            if verdict == Verdict::Lost && elapsed.is_some() { ", and waiting does not help" } else { "" };
        return paint::line(spans![paint(RED, format!("{ready} of {count} ready")), format!("{after}{why}")]);
    }
    paint::line(spans![paint(GREEN, format!("{ready} of {count} ready")), after])?;
    let Ok(kubeconfig) = access::kubeconfig_path(cluster) else { return Ok(()) };
    let path = shell::word(&kubeconfig.display().to_string());
    paint::line(spans!["  ", paint(CYAN, format!("kubectl --kubeconfig {path} get nodes"))])
}

/// Returns what is wrong with a node, and what to do.
fn problem_lines(status: &NodeStatus) -> Vec<Line> {
    let lines = status.problems.iter().flat_map(|problem| {
        let style = if problem.outlook() == Outlook::Lasting { RED } else { paint::YELLOW };
        let message = spans![paint(style, format!("{}:", status.node)), " ", problem];
        [message].into_iter().chain(problem.hint().map(|hint| paint::hint_line("  ", &hint)))
    });
    lines.collect()
}
