//! The keyboard on a node's console.

/// A keyboard, in the words of XKB (keyboard(5)): each a name, or several with commas between them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keyboard {
    /// The layout: `de`.
    pub layout: XkbNames,
    /// The model; the stock image's own where absent.
    pub model: Option<XkbNames>,
    /// The variant of the layout: `nodeadkeys`; none where absent.
    pub variant: Option<XkbNames>,
    /// Options: `ctrl:nocaps`; the stock image's own where absent.
    pub options: Option<XkbNames>,
}

/// Names of XKB with commas between them. An empty one leaves a place out, as in `,nodeadkeys`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct XkbNames(String);

impl XkbNames {
    /// Takes names of letters, digits, `_`, `-`, `:`, `.`, `+`, `(` and `)`: whatever else may be quoted in a shell's
    /// file is none.
    ///
    /// # Errors
    /// Says, in a clause that follows the quoted text, why it is none.
    pub fn new(text: &str) -> Result<Self, &'static str> {
        let fits = |letter: char| letter.is_ascii_alphanumeric() || "_-:.+(),".contains(letter);
        match text {
            _ if text.trim_matches(',').is_empty() => Err("is empty"),
            _ if text.chars().all(fits) => Ok(Self(text.to_owned())),
            _ => Err("has a character that no name of XKB has"),
        }
    }

    /// Returns the text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the names, an empty one where a place is left out.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.split(',')
    }
}

#[cfg(test)]
mod tests {
    use super::XkbNames;

    #[test]
    fn names_are_words_with_commas_between_them() {
        for right in ["de", "us,de", ",nodeadkeys", "ctrl:nocaps", "pc105"] {
            assert_eq!(XkbNames::new(right).unwrap().as_str(), right);
        }
        for wrong in ["", ",", "d e", "de\"; reboot", "$(x)", "é"] {
            assert!(XkbNames::new(wrong).is_err(), "{wrong}");
        }
    }
}
