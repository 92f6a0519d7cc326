//! The problems of a nodes.yaml, each with its line and a mark below its place.

use super::paint::{BOLD, DIM, Line, RED, Span, YELLOW, hint_line, note, paint, source, spans};
use anstyle::Style;
use cardwright::cluster::{Cluster, Diagnostic, InvalidCluster};
use cardwright::types::escape::escaped_with_tabs;
use std::path::Path;

/// Shows all problems on standard error.
pub(super) fn show(invalid: &InvalidCluster) {
    for problem in &invalid.problems {
        let source = invalid.source_line(problem);
        lines(paint(RED, "error:"), &invalid.file, problem, source).into_iter().for_each(note);
        note("");
    }
    let count = invalid.problems.len();
    let things = if count == 1 { "1 problem".to_owned() } else { format!("{count} problems") };
    note(spans![paint(RED, "error:"), format!(" {things} in {}", invalid.file.display())]);
}

/// Shows what a valid nodes.yaml warns of on standard error.
pub(super) fn show_warnings(cluster: &Cluster) {
    let lines = |warning| lines(paint(YELLOW, "warning:"), &cluster.source, warning, None);
    cluster.warnings.iter().flat_map(lines).for_each(note);
}

fn lines(word: Span, file: &Path, found: &Diagnostic, source_line: Option<&str>) -> Vec<Line> {
    let file = found.file.as_deref().unwrap_or(file);
    let (file, line, column) = (file.display(), found.line, found.column);
    let place = if line == 0 { format!(" {file}") } else { format!(" {file}:{line}:{column}") };
    let mut lines =
        vec![spans![word, " ", paint(BOLD, &found.message)], spans!["  ", paint(DIM, "-->"), place]];
    if let Some(text) = source_line.filter(|_| line > 0) {
        let margin = " ".repeat(line.to_string().len());
        let before = blank(text, column.max(1) - 1);
        let rail = paint(DIM, format_args!("{margin} |"));
        lines.push(spans![rail.clone()]);
        lines.push(spans![paint(DIM, format_args!("{line} |")), " ", source(Style::new(), text)]);
        lines.push(spans![rail, " ", source(Style::new(), &before), paint(RED, "^")]);
    }
    lines.extend(found.hint.as_ref().map(|hint| hint_line("  ", hint)));
    lines
}

/// As much room as the first characters of a line take where it is shown. Tabs stay tabs, so that the mark
/// stands below its place whatever a tab is worth.
fn blank(line: &str, characters: usize) -> String {
    let before: String = line.chars().take(characters).collect();
    let shown = escaped_with_tabs(&before);
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
