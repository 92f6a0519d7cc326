//! The table of nodes: name, address, state, and the state in more words.

use crate::cli::paint::{BOLD, CYAN, DIM, GREEN, Line, RED, Span, YELLOW, paint, spans};
use cardwright::cluster::Cluster;
use cardwright::status::{NodeState, NodeStatus};
use std::time::Duration;

/// The longest word for a state: columns that stay where they are while states change.
const STATES: usize = "installing".len();

/// Returns a line a node.
pub(super) fn lines(statuses: &[NodeStatus]) -> Vec<Line> {
    let width = |of: fn(&NodeStatus) -> &str| {
        statuses.iter().map(|status| of(status).chars().count()).max().unwrap_or(1)
    };
    let (names, hosts) = (width(|status| &status.node), width(|status| &status.host));
    let row = |status: &NodeStatus| {
        Line::of([
            paint(BOLD, format!("{:names$}", status.node)),
            paint(DIM, format!("  {:hosts$}  ", status.host)),
            state(status.state, STATES),
            format!("  {}", status.detail).into(),
        ])
    };
    statuses.iter().map(row).collect()
}

/// Returns the table with how long it has been, for as long as it changes.
pub(super) fn live(cluster: &Cluster, statuses: &[NodeStatus], elapsed: Duration) -> Vec<Line> {
    let ready = statuses.iter().filter(|status| status.is_ready()).count();
    let first = spans![
        paint(BOLD, &cluster.name),
        format!(
            ": {ready} of {} ready, {} (Ctrl-C ends the watch, and nothing else)",
            statuses.len(),
            clock(elapsed)
        ),
    ];
    [vec![first], lines(statuses)].concat()
}

/// Returns the word for a state in its colour.
pub(super) fn state(state: NodeState, width: usize) -> Span {
    let style = match state {
        NodeState::Ready => GREEN,
        NodeState::Wrong => RED,
        NodeState::Looking | NodeState::Silent => DIM,
        NodeState::NotReady => YELLOW,
        _ => CYAN,
    };
    paint(style, format!("{:width$}", state.word()))
}

/// Returns a duration as a clock shows it: `0:05`, `12:00`, `1:02:03`.
pub(super) fn clock(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 { format!("{hours}:{minutes:02}:{seconds:02}") } else { format!("{minutes}:{seconds:02}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_has_hours_where_there_are_any() {
        let said = [5, 60, 720, 3723].map(|seconds| clock(Duration::from_secs(seconds)));
        assert_eq!(said, ["0:05", "1:00", "12:00", "1:02:03"]);
    }
}
