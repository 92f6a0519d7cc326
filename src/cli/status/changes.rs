//! What is new since the last look, for readers that are no terminal: a line a change.

use super::{problem_lines, table};
use crate::cli::paint::{BOLD, DIM, Line, paint};
use cardwright::status::{NodeState, NodeStatus, Outlook};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// What was said already.
#[derive(Default)]
pub(super) struct Changes {
    states: BTreeMap<String, (NodeState, String)>,
    problems: BTreeSet<(String, &'static str)>,
}

impl Changes {
    /// Returns a line for every node that is another than before, and its problems where they are new.
    pub(super) fn lines(&mut self, statuses: &[NodeStatus], elapsed: Duration) -> Vec<Line> {
        let mut lines = Vec::new();
        for status in statuses.iter().filter(|status| status.state != NodeState::Looking) {
            let now = (status.state, words(status));
            if self.states.get(&status.node) == Some(&now) {
                continue;
            }
            lines.push(Line::of([
                paint(DIM, format!("{:>5}  ", table::clock(elapsed))),
                paint(BOLD, &status.node),
                "  ".into(),
                table::state(status.state, 0),
                format!("  {}", status.detail).into(),
            ]));
            self.states.insert(status.node.clone(), now);
        }
        lines.extend(self.problems(statuses));
        lines
    }

    /// Returns the problems that are new, with what to do. Of a node that is on its way there is nothing to be said yet.
    pub(super) fn problems(&mut self, statuses: &[NodeStatus]) -> Vec<Line> {
        let mut lines = Vec::new();
        for status in statuses {
            let urgent = status.problems.iter().filter(|problem| problem.outlook() != Outlook::Unfinished);
            let new = urgent.filter(|problem| self.problems.insert((status.node.clone(), problem.name())));
            let new = NodeStatus { problems: new.cloned().collect(), ..status.clone() };
            lines.extend(problem_lines(&new));
        }
        lines
    }
}

/// The words of a state, without the age, which is another every minute.
fn words(status: &NodeStatus) -> String {
    if status.is_ready() { String::new() } else { status.detail.clone() }
}
