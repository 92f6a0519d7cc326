//! HTML that is written piece by piece.
//!
//! The markup is part of the program (`&'static str`), and all else passes through [`Html::text`] or an attribute, which
//! escape it: there is no way to write a text of somebody else's as markup.

use crate::types::escape::escaped;
use std::fmt::Display;

/// The attributes of an element.
pub(super) type Attributes<'page> = &'page [(&'static str, &'page dyn Display)];

/// HTML as far as it is written.
#[derive(Default)]
pub(super) struct Html(String);

impl Html {
    /// Returns the document: HTML with the type that has browsers keep to the standard.
    pub(super) fn into_document(self) -> String {
        format!("<!DOCTYPE html>\n{}\n", self.0)
    }

    /// Writes an element with what `content` writes inside it.
    pub(super) fn element(
        &mut self,
        name: &'static str,
        attributes: Attributes<'_>,
        content: impl FnOnce(&mut Self),
    ) {
        self.empty(name, attributes);
        content(self);
        self.markup("</");
        self.markup(name);
        self.markup(">");
    }

    /// Writes an element that holds nothing but a text.
    pub(super) fn text_element(
        &mut self,
        name: &'static str,
        attributes: Attributes<'_>,
        text: impl Display,
    ) {
        self.element(name, attributes, |html| html.text(text));
    }

    /// Writes an element that has no end (HTML, section 13.1.2, "void elements"), or the beginning of another one.
    pub(super) fn empty(&mut self, name: &'static str, attributes: Attributes<'_>) {
        self.markup("<");
        self.markup(name);
        for (key, value) in attributes {
            self.markup(" ");
            self.markup(key);
            self.markup("=\"");
            self.text(value);
            self.markup("\"");
        }
        self.markup(">");
    }

    /// Writes a text. Characters that act on a terminal, or on the order in which a line is read, are shown and not obeyed.
    pub(super) fn text(&mut self, text: impl Display) {
        for character in escaped(&text.to_string()).chars() {
            match character {
                '&' => self.0.push_str("&amp;"),
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '"' => self.0.push_str("&quot;"),
                '\'' => self.0.push_str("&#39;"),
                character => self.0.push(character),
            }
        }
    }

    /// Writes a text of the program as it is: markup, or a style sheet.
    pub(super) fn markup(&mut self, markup: &'static str) {
        self.0.push_str(markup);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_stays_a_text_wherever_it_is_written() {
        let hostile = "</title><script>alert('1')</script>\" onload=\"x & y\u{202e}\n";
        let mut html = Html::default();
        html.element("p", &[("title", &hostile), ("data-n", &7)], |html| html.text(hostile));
        let shown = "&lt;/title&gt;&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;&quot; onload=&quot;x &amp; y\\u{202e}\\n";
        assert_eq!(
            html.into_document(),
            format!("<!DOCTYPE html>\n<p title=\"{shown}\" data-n=\"7\">{shown}</p>\n")
        );
    }
}
