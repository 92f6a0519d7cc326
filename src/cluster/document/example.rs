//! A nodes.yaml with every key in a comment, made of the tables.
//!
//! A row is written where it is met first. The example of a key that holds a mapping, or a list of them, gives values to the
//! keys in it:
//!
//! ```text
//! # Wired interfaces beside the main one.                 the help of the row
//! #interfaces:                                            a key: without the `#`, it is set
//!   #- interface: eth1                                    from the example, `[{interface: eth1, …}]`
//!   # The interface by its MAC address.
//!     ##mac: b8:27:eb:12:34:57                            another way to say the same
//! ```

use crate::cluster::document::keys::{Level, Levels, Row};
use crate::cluster::document::reference::{references, remarks};
use crate::types::absent::OrEmpty as _;

/// The longest line of a comment.
const WIDTH: usize = 100;

/// Returns the text.
pub(crate) fn example(levels: Levels) -> String {
    let text = "\
# Every key of nodes.yaml, with an example. Without the `#` before it, a key is set, where those above it are.
# Behind `##` stands another way to say what is above it: keep one of the two.
#
# Made of the tables in `src/cluster/fields` by `UPDATE_DOCS=1 cargo test --test it reference`.
";
    let mut example = Example { text: text.to_owned(), levels, written: Vec::new() };
    if let Some(file) = levels.first() {
        example.mapping(file, "", LinePlace { column: 0, marks: 1, begins_item: false });
    }
    example.text
}

struct Example {
    text: String,
    levels: Levels,
    /// The rows until now, by key and help: several levels may have one.
    written: Vec<(&'static str, &'static str)>,
}

/// The place of a key.
#[derive(Clone, Copy)]
struct LinePlace {
    column: usize,
    /// The number of `#` before it.
    marks: usize,
    /// Set for the first key of an item of a list.
    begins_item: bool,
}

impl LinePlace {
    /// Returns the place of the keys below one.
    fn below(self, begins_item: bool) -> Self {
        let own = self.column + if self.begins_item { 2 } else { 0 };
        Self { column: own + 2, begins_item, ..self }
    }

    fn next(self) -> Self {
        Self { column: self.column + if self.begins_item { 2 } else { 0 }, begins_item: false, ..self }
    }
}

impl Example {
    /// Writes the keys of a mapping: those that `values` has, as `{key: value}`, and those that are new.
    fn mapping(&mut self, level: &'static Level, values: &str, mut place: LinePlace) {
        let values = pairs(values);
        let value_of = |key: &str| values.iter().find(|(known, _)| *known == key).map(|(_, value)| *value);
        let rows: Vec<&Row> = level.rows().filter(|row| !row.former).collect();
        let mut known = Vec::new();
        for (index, row) in rows.iter().enumerate() {
            if value_of(row.key).is_none() && self.is_written(row) {
                known.push(format!("`{}`", row.key));
                continue;
            }
            // Of several ways to say one thing, that in the example is the main one.
            let first = |row: &Row| if row.instead_of.is_empty() { row.key } else { row.instead_of };
            let mut ways = rows.iter().filter(|other| first(other) == first(row)).map(|other| other.key);
            let main = ways.find(|key| value_of(key).is_some()).unwrap_or(first(row));
            let later = rows.get(index + 1..).into_iter().flatten();
            let comes_again = |name: &String| later.clone().any(|other| references(other).contains(name));
            let below = references(row).into_iter().find(|name| !comes_again(name));
            let below = below.and_then(|name| self.levels.iter().find(|level| level.name == name).copied());
            let below = below.filter(|below| below.rows().any(|row| !self.is_written(row)));
            let marks = place.marks + usize::from(main != row.key);
            let value = value_of(row.key).unwrap_or(row.example);
            self.help(row, level, main, place);
            self.key(row, value, below, LinePlace { marks, ..place });
            place = place.next();
        }
        if !known.is_empty() {
            self.comment(&format!("As above: {}.", known.join(", ")), place);
        }
    }

    fn is_written(&self, row: &Row) -> bool {
        self.written.contains(&(row.key, row.help))
    }

    fn help(&mut self, row: &Row, level: &Level, main: &str, place: LinePlace) {
        let mut remarks = remarks(row, level);
        if main != row.key && !row.help.contains(&format!("nstead of `{main}`")) {
            remarks.push(format!("Instead of `{main}`."));
        }
        if place.column == 0 {
            self.text.push('\n');
        }
        self.comment(&remarks.join(" "), place);
        self.written.push((row.key, row.help));
    }

    /// Writes a key with its value, or with the keys of the mapping that it holds.
    fn key(&mut self, row: &Row, value: &str, below: Option<&'static Level>, place: LinePlace) {
        let is_list = value.starts_with('[');
        match below {
            Some(level) if value.starts_with('{') || value.starts_with("[{") => {
                self.line(&format!("{}:", row.key), place);
                self.mapping(level, value, place.below(is_list));
            }
            Some(level) => {
                self.line(&format!("{}: {value}", row.key), place);
                let place = LinePlace { marks: place.marks + 1, ..place.next() };
                self.line(&format!("{}:", row.key), place);
                self.mapping(level, "", place.below(is_list));
            }
            None => self.line(&format!("{}: {value}", row.key), place),
        }
    }

    fn line(&mut self, line: &str, LinePlace { column, marks, begins_item }: LinePlace) {
        let item = if begins_item { "- " } else { "" };
        self.text.extend([&*" ".repeat(column), &*"#".repeat(marks), item, line, "\n"]);
    }

    fn comment(&mut self, text: &str, place: LinePlace) {
        let (indentation, mut line) = (" ".repeat(place.column), String::new());
        for word in text.split(' ') {
            if place.column + line.len() + word.len() + 3 > WIDTH {
                self.text.extend([&*indentation, "#", &*std::mem::take(&mut line), "\n"]);
            }
            line.push(' ');
            line += word;
        }
        self.text.extend([&*indentation, "#", &*line, "\n"]);
    }
}

/// Returns the keys and values of an example that is a mapping, or a list of one.
fn pairs(example: &str) -> Vec<(&str, &str)> {
    let item = example.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(example);
    let inner = item.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).or_empty();
    let (mut depth, mut is_quoted) = (0_usize, false);
    let parts = inner.split(move |letter: char| {
        match letter {
            '"' => is_quoted = !is_quoted,
            '{' | '[' if !is_quoted => depth += 1,
            '}' | ']' if !is_quoted => depth -= 1,
            _ => {}
        }
        letter == ',' && depth == 0 && !is_quoted
    });
    parts.filter_map(|part| part.trim().split_once(": ")).collect()
}
