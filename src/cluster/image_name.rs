//! The names of the images that Raspberry Pi publishes.

use crate::types::{Architecture, is_date};
use std::fmt;

/// A stock image by its name, such as `raspios-lite-arm64`, or `raspios-lite-arm64@2026-10-06` for the one of that day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageName {
    base: &'static str,
    date: Option<String>,
}

impl ImageName {
    /// The names without a day; the most used one first.
    pub const ALL: [&'static str; 6] = [
        "raspios-lite-arm64",
        "raspios-lite-armhf",
        "raspios-arm64",
        "raspios-armhf",
        "raspios-full-arm64",
        "raspios-full-armhf",
    ];

    /// Reads a name, with or without a day.
    pub fn parse(text: &str) -> Option<Self> {
        let (base, date) = match text.split_once('@') {
            Some((base, date)) if is_date(date) => (base, Some(date.to_owned())),
            Some(_) => return None,
            None => (text, None),
        };
        let base = Self::ALL.into_iter().find(|known| *known == base)?;
        Some(Self { base, date })
    }

    /// Returns the name without a day.
    pub fn base(&self) -> &'static str {
        self.base
    }

    /// Returns the day, where one is named.
    pub fn date(&self) -> Option<&str> {
        self.date.as_deref()
    }

    /// Returns the architecture of the programs in the image.
    pub fn architecture(&self) -> Architecture {
        if self.base.ends_with("armhf") { Architecture::Armhf } else { Architecture::Arm64 }
    }
}

impl fmt::Display for ImageName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.base)?;
        self.date.iter().try_for_each(|date| write!(formatter, "@{date}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_shown_as_they_are_read() {
        for name in ImageName::ALL {
            for text in [name.to_owned(), format!("{name}@2026-10-06")] {
                let name = ImageName::parse(&text).unwrap();
                assert_eq!(name.to_string(), text);
                assert_eq!(
                    name.architecture().to_string(),
                    text.split('@').next().unwrap().rsplit('-').next().unwrap()
                );
            }
        }
        for other in [
            "raspios",
            "raspios-lite",
            "raspios-arm64-lite",
            "raspios-arm64@",
            "raspios-arm64@trixie",
            "x@2026-10-06",
        ] {
            assert_eq!(ImageName::parse(other), None, "{other}");
        }
    }
}
