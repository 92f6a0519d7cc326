//! Editing the small text files of a system: what several concerns share.

use super::RaspiosError;
use crate::patch::{Draft, Partition};
use crate::types::ImagePath;

const BEGIN: &str = "# cardwright: begin";
const END: &str = "# cardwright: end";

/// Changes the text of a file that has to be there.
///
/// # Errors
/// When it is not there, or is not text.
pub(super) fn edit_required(
    draft: &mut Draft<'_>,
    partition: Partition,
    path: &ImagePath,
    change: impl FnOnce(&str) -> String,
) -> Result<(), RaspiosError> {
    if !draft.exists(partition, path)? {
        return Err(RaspiosError::MissingFile { partition, path: path.clone() });
    }
    Ok(draft.edit_text(partition, path, change)?)
}

/// Returns the line end that a text uses.
pub(super) fn line_end(text: &str) -> &'static str {
    if text.contains("\r\n") { "\r\n" } else { "\n" }
}

/// Returns the text with exactly `lines` between cardwright's two marks: in the place of those that are there, or
/// at the end.
pub(super) fn with_block(text: &str, lines: &[String]) -> String {
    let end = line_end(text);
    let mut block = String::new();
    for line in [BEGIN].into_iter().chain(lines.iter().map(String::as_str)).chain([END]) {
        block.push_str(line);
        block.push_str(end);
    }
    match split_at_block(text) {
        Some((before, _, after)) => format!("{before}{block}{after}"),
        None => format!("{}{block}", with_last_line_ended(text)),
    }
}

/// Returns the text before the marks, between them and after them.
pub(super) fn split_at_block(text: &str) -> Option<(&str, &str, &str)> {
    let mut begin = None;
    let mut at = 0_usize;
    for line in text.split_inclusive('\n') {
        let next = at + line.len();
        match (line.trim_end(), begin) {
            (BEGIN, None) => begin = Some((at, next)),
            (END, Some((start, inside))) => {
                return Some((text.get(..start)?, text.get(inside..at)?, text.get(next..)?));
            }
            _ => {}
        }
        at = next;
    }
    None
}

/// Returns the text with an end to its last line.
pub(super) fn with_last_line_ended(text: &str) -> String {
    let end = if text.is_empty() || text.ends_with('\n') { "" } else { line_end(text) };
    format!("{text}{end}")
}

/// Returns the text with every line passed through `change`, which sees it without its end; a line for which it
/// returns `None` goes. Line ends stay what they are.
pub(super) fn map_lines(text: &str, mut change: impl FnMut(&str) -> Option<String>) -> String {
    let mut changed = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let body = line.trim_end_matches(['\r', '\n']);
        let end = line.split_at(body.len()).1;
        if let Some(body) = change(body) {
            changed.push_str(&body);
            changed.push_str(end);
        }
    }
    changed
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(lines: &[&str]) -> Vec<String> {
        lines.iter().map(|line| (*line).to_owned()).collect()
    }

    #[test]
    fn a_block_is_appended_once_and_replaced_afterwards() {
        let once = with_block("a", &lines(&["one"]));
        assert_eq!(once, "a\n# cardwright: begin\none\n# cardwright: end\n");
        assert_eq!(with_block(&once, &lines(&["one"])), once);
        let more = format!("{once}z\n");
        assert_eq!(
            with_block(&more, &lines(&["two"])),
            "a\n# cardwright: begin\ntwo\n# cardwright: end\nz\n"
        );
        assert_eq!(split_at_block(&once), Some(("a\n", "one\n", "")));
    }

    #[test]
    fn a_block_keeps_the_line_ends_of_its_file() {
        assert_eq!(
            with_block("a\r\n", &lines(&["one"])),
            "a\r\n# cardwright: begin\r\none\r\n# cardwright: end\r\n"
        );
    }

    #[test]
    fn a_block_without_end_is_no_block() {
        assert_eq!(split_at_block("# cardwright: begin\none\n"), None);
    }

    #[test]
    fn lines_keep_their_ends_while_they_change() {
        let text = map_lines("a\r\nb\nc", |line| (line != "b").then(|| line.to_uppercase()));
        assert_eq!(text, "A\r\nC");
        assert_eq!(map_lines("a\r\n\nb", |line| Some(line.to_owned())), "a\r\n\nb");
    }
}
