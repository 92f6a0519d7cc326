//! Paths inside an image.

use std::fmt;

/// An absolute path inside one filesystem of the image: `/etc/hostname`, or on FAT `/cmdline.txt`.
///
/// It has no `.`, no `..`, no empty part and no NUL, whatever machine cardwright runs on.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ImagePath(String);

/// A text that is no [`ImagePath`], and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{path}` is not a path inside the image: {reason}")]
pub struct InvalidPath {
    path: String,
    /// Why it is not.
    pub reason: &'static str,
}

/// ext4's limit for one name (`EXT4_NAME_LEN`), and VFAT's.
const LONGEST_NAME: usize = 255;

impl ImagePath {
    /// Checks and takes a path.
    ///
    /// # Errors
    /// Says which of the rules above it breaks.
    pub fn new(path: impl Into<String>) -> Result<Self, InvalidPath> {
        let path = path.into();
        let refused = |reason| Err(InvalidPath { path: path.clone(), reason });
        let Some(relative) = path.strip_prefix('/') else {
            return refused("it does not begin with `/`");
        };
        if relative.is_empty() {
            return Ok(Self(path));
        }
        for part in relative.split('/') {
            match part {
                "" => return refused("it has an empty part"),
                "." | ".." => return refused("it has a `.` or `..`"),
                _ if part.contains('\0') => return refused("it has a NUL"),
                _ if part.len() > LONGEST_NAME => return refused("a part is longer than 255 bytes"),
                _ => {}
            }
        }
        Ok(Self(path))
    }

    /// The root of the filesystem.
    pub fn root() -> Self {
        Self("/".to_owned())
    }

    /// The path as text, with its leading `/`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The last part; empty for the root.
    pub fn name(&self) -> &str {
        self.0.rsplit_once('/').map_or("", |(_, name)| name)
    }

    /// The directory that holds it, or `None` for the root.
    pub fn parent(&self) -> Option<Self> {
        let (parent, name) = self.0.rsplit_once('/')?;
        match (parent, name) {
            ("", "") => None,
            ("", _) => Some(Self::root()),
            (parent, _) => Some(Self(parent.to_owned())),
        }
    }

    /// The path of `relative` (one name or several) below this one.
    ///
    /// # Errors
    /// When the result is no path.
    pub fn join(&self, relative: &str) -> Result<Self, InvalidPath> {
        Self::new(format!("{}/{relative}", self.0.trim_end_matches('/')))
    }

    /// Whether this is `ancestor` or lies below it.
    pub fn starts_with(&self, ancestor: &Self) -> bool {
        self.0 == ancestor.0
            || ancestor.0 == "/"
            || self.0.strip_prefix(&ancestor.0).is_some_and(|rest| rest.starts_with('/'))
    }

    /// This path after `from` was renamed to `to`.
    #[must_use]
    pub fn after_rename(&self, from: &Self, to: &Self) -> Self {
        match self.0.strip_prefix(&from.0) {
            Some(rest) if self.starts_with(from) => Self(format!("{}{rest}", to.0)),
            _ => self.clone(),
        }
    }

    /// The path in small letters.
    #[must_use]
    pub fn to_lowercase(&self) -> Self {
        Self(self.0.to_lowercase())
    }

    /// The parts from the top down: `etc`, `hostname`.
    pub fn parts(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.0.split('/').filter(|part| !part.is_empty())
    }
}

impl fmt::Display for ImagePath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl fmt::Debug for ImagePath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:?}", self.0)
    }
}

impl serde::Serialize for ImagePath {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl std::str::FromStr for ImagePath {
    type Err = InvalidPath;
    fn from_str(path: &str) -> Result<Self, Self::Err> {
        Self::new(path)
    }
}

#[cfg(test)]
mod tests {
    use super::ImagePath;

    fn path(text: &str) -> ImagePath {
        ImagePath::new(text).unwrap()
    }

    #[test]
    fn what_could_leave_the_image_is_no_path() {
        for wrong in
            ["", "etc", "/etc/../shadow", "/./x", "//x", "/x/", "/a\0b", &format!("/{}", "x".repeat(256))]
        {
            assert!(ImagePath::new(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn parents_and_names() {
        assert_eq!(path("/etc/ssh/sshd_config").name(), "sshd_config");
        assert_eq!(path("/etc/ssh").parent(), Some(path("/etc")));
        assert_eq!(path("/etc").parent(), Some(ImagePath::root()));
        assert_eq!(ImagePath::root().parent(), None);
        assert_eq!(ImagePath::root().join("etc").unwrap(), path("/etc"));
    }

    #[test]
    fn a_rename_moves_what_lies_below_and_nothing_beside() {
        let (from, to) = (path("/home/pi"), path("/home/ann"));
        assert_eq!(path("/home/pi/.ssh").after_rename(&from, &to), path("/home/ann/.ssh"));
        assert_eq!(path("/home/pi").after_rename(&from, &to), to);
        assert_eq!(path("/home/pip").after_rename(&from, &to), path("/home/pip"));
    }
}
