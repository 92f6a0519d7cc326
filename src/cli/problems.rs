//! The problems of a nodes.yaml, each with its line and a mark below its place.

use super::paint::{BOLD, CYAN, DIM, Line, RED, YELLOW, note, paint, source, spans};
use anstyle::Style;
use cardwright::cluster::{Cluster, Diagnostic, InvalidCluster};
use cardwright::types::escape::escaped;

/// Shows all problems on standard error.
pub(super) fn show(invalid: &InvalidCluster) {
    for problem in &invalid.problems {
        for line in lines(invalid, problem) {
            note(line);
        }
        note("");
    }
    let count = invalid.problems.len();
    let things = if count == 1 { "1 problem".to_owned() } else { format!("{count} problems") };
    note(spans![paint(RED, "error:"), format!(" {things} in {}", invalid.file.display())]);
}

/// Shows what a valid nodes.yaml warns of on standard error.
pub(super) fn show_warnings(cluster: &Cluster) {
    let file = cluster.source.display();
    for warning in &cluster.warnings {
        note(spans![paint(YELLOW, "warning:"), " ", paint(BOLD, &warning.message)]);
        note(spans!["  ", paint(DIM, "-->"), format!(" {file}:{}:{}", warning.line, warning.column)]);
        if let Some(hint) = &warning.hint {
            note(spans!["  ", paint(CYAN, "hint:"), " ", hint]);
        }
    }
}

fn lines(invalid: &InvalidCluster, problem: &Diagnostic) -> Vec<Line> {
    let mut lines = vec![spans![paint(RED, "error:"), " ", paint(BOLD, &problem.message)]];
    let file = invalid.file.display();
    if problem.line == 0 {
        lines.push(spans!["  ", paint(DIM, "-->"), format!(" {file}")]);
    } else {
        let (line, column) = (problem.line, problem.column);
        lines.push(spans!["  ", paint(DIM, "-->"), format!(" {file}:{line}:{column}")]);
        if let Some(text) = invalid.source_line(problem) {
            let number = line.to_string();
            let margin = " ".repeat(number.len());
            let before = blank(text, column.max(1) - 1);
            lines.push(spans![paint(DIM, format_args!("{margin} |"))]);
            lines.push(spans![paint(DIM, format_args!("{number} |")), " ", source(Style::new(), text)]);
            lines.push(spans![
                paint(DIM, format_args!("{margin} |")),
                " ",
                source(Style::new(), &before),
                paint(RED, "^")
            ]);
        }
    }
    if let Some(hint) = &problem.hint {
        lines.push(spans!["  ", paint(CYAN, "hint:"), " ", hint]);
    }
    lines
}

/// As much room as the first characters of a line take where it is shown. Tabs stay tabs, so that the mark
/// stands below its place whatever a tab is worth.
fn blank(line: &str, characters: usize) -> String {
    let before: String = line.chars().take(characters).collect();
    let shown = escaped(&before).with_tabs().to_string();
    shown.chars().map(|character| if character == '\t' { '\t' } else { ' ' }).collect()
}

#[cfg(test)]
mod tests {
    use super::blank;

    #[test]
    fn the_mark_stands_below_its_place_behind_what_is_escaped() {
        assert_eq!(blank("\ta: x", 4), "\t   ");
        assert_eq!(blank("a\u{1b}: x", 3), " ".repeat(r"a\u{1b}:".len()));
    }
}
