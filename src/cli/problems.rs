//! What is wrong with a nodes.yaml, each with its line and a mark below its place.

use super::paint::{BOLD, CYAN, DIM, RED, YELLOW, note, paint};
use cardwright::cluster::{Cluster, InvalidCluster, Problem};
use std::fmt::Write as _;

/// Shows all problems on standard error.
pub(super) fn show(invalid: &InvalidCluster) {
    for problem in &invalid.problems {
        note(&one(invalid, problem));
    }
    let count = invalid.problems.len();
    let things = if count == 1 { "1 problem".to_owned() } else { format!("{count} problems") };
    note(&format!("{} {things} in {}", paint(RED, "error:"), invalid.file.display()));
}

/// Shows what a valid nodes.yaml warns of on standard error.
pub(super) fn show_warnings(cluster: &Cluster) {
    let file = cluster.source.display();
    for warning in &cluster.warnings {
        note(&format!("{} {}", paint(YELLOW, "warning:"), paint(BOLD, &warning.message)));
        note(&format!("  {} {file}:{}:{}", paint(DIM, "-->"), warning.line, warning.column));
        if let Some(hint) = &warning.hint {
            note(&format!("  {} {hint}", paint(CYAN, "hint:")));
        }
    }
}

fn one(invalid: &InvalidCluster, problem: &Problem) -> String {
    let mut text = format!("{} {}\n", paint(RED, "error:"), paint(BOLD, &problem.message));
    let file = invalid.file.display();
    if problem.line == 0 {
        let _ = writeln!(text, "  {} {file}", paint(DIM, "-->"));
    } else {
        let (line, column) = (problem.line, problem.column);
        let _ = writeln!(text, "  {} {file}:{line}:{column}", paint(DIM, "-->"));
        if let Some(source) = invalid.source_line(problem) {
            let number = line.to_string();
            let margin = " ".repeat(number.len());
            // Tabs stay tabs, so that the mark stands below its place whatever a tab is worth.
            let before: String = source
                .chars()
                .take(column.saturating_sub(1))
                .map(|c| if c == '\t' { '\t' } else { ' ' })
                .collect();
            let _ = writeln!(text, "{}", paint(DIM, format_args!("{margin} |")));
            let _ = writeln!(text, "{} {source}", paint(DIM, format_args!("{number} |")));
            let _ = writeln!(text, "{} {before}{}", paint(DIM, format_args!("{margin} |")), paint(RED, "^"));
        }
    }
    if let Some(hint) = &problem.hint {
        let _ = writeln!(text, "  {} {hint}", paint(CYAN, "hint:"));
    }
    text
}
