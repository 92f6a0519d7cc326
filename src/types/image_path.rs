//! Paths inside an image.

use std::borrow::Cow;
use std::fmt;

/// An absolute path inside one filesystem of the image: `/etc/hostname`, or on FAT `/cmdline.txt`.
///
/// It has no `.`, no `..`, no empty part and no NUL, whatever machine cardwright runs on.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(transparent)]
pub struct ImagePath(Cow<'static, str>);

/// The error of a text that is not an [`ImagePath`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{path}` is not a path inside the image: {reason}")]
pub struct InvalidPath {
    path: String,
    /// The rule that it breaks: a clause.
    pub reason: &'static str,
}

/// ext4's limit for one name (`EXT4_NAME_LEN`), and VFAT's.
const LONGEST_NAME: usize = 255;

impl ImagePath {
    /// Checks and takes a path.
    ///
    /// # Errors
    /// When it breaks one of the rules above.
    pub fn new(path: impl Into<String>) -> Result<Self, InvalidPath> {
        let path = path.into();
        match broken_rule(path.as_bytes()) {
            None => Ok(Self(Cow::Owned(path))),
            Some(reason) => Err(InvalidPath { path, reason }),
        }
    }

    /// Takes a path that is written in the program; [`image_path!`](crate::image_path) checks it while it is compiled.
    ///
    /// # Panics
    /// When it breaks one of the rules above.
    pub const fn literal(path: &'static str) -> Self {
        assert!(broken_rule(path.as_bytes()).is_none(), "not a path inside an image");
        Self(Cow::Borrowed(path))
    }

    /// Returns the root of the filesystem.
    pub const fn root() -> Self {
        Self(Cow::Borrowed("/"))
    }

    /// Returns the path as text, with its leading `/`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the last part; empty for the root.
    pub fn name(&self) -> &str {
        self.0.rsplit_once('/').map_or("", |(_, name)| name)
    }

    /// Returns the directory that holds it, or `None` for the root.
    pub fn parent(&self) -> Option<Self> {
        let (parent, name) = self.0.rsplit_once('/')?;
        match (parent, name) {
            ("", "") => None,
            ("", _) => Some(Self::root()),
            (parent, _) => Some(Self(Cow::Owned(parent.to_owned()))),
        }
    }

    /// Returns the path of `relative` (one name or several) below this one.
    ///
    /// # Errors
    /// When the result is not a path.
    pub fn join(&self, relative: &str) -> Result<Self, InvalidPath> {
        Self::new(format!("{}/{relative}", self.0.trim_end_matches('/')))
    }

    /// Returns `true` if this is `ancestor` or lies below it.
    pub fn starts_with(&self, ancestor: &Self) -> bool {
        self.0 == ancestor.0
            || ancestor.0 == "/"
            || self.0.strip_prefix(&*ancestor.0).is_some_and(|rest| rest.starts_with('/'))
    }

    /// Returns this path after `from` was renamed to `to`.
    #[must_use]
    pub fn after_rename(&self, from: &Self, to: &Self) -> Self {
        match self.0.strip_prefix(&*from.0) {
            Some(rest) if self.starts_with(from) => Self(Cow::Owned(format!("{}{rest}", to.0))),
            _ => self.clone(),
        }
    }

    /// Returns the path in lower case.
    #[must_use]
    pub fn to_lowercase(&self) -> Self {
        Self(Cow::Owned(self.0.to_lowercase()))
    }

    /// Returns the parts from the top down: `etc`, `hostname`.
    pub fn parts(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.0.split('/').filter(|part| !part.is_empty())
    }
}

/// Returns the rule that a path breaks, if it breaks one. It goes byte by byte, as the compiler can: no byte of
/// a longer UTF-8 sequence equals one of those it looks for.
const fn broken_rule(path: &[u8]) -> Option<&'static str> {
    let [b'/', relative @ ..] = path else { return Some("it does not begin with `/`") };
    let mut rest = relative;
    let mut name = 0;
    let mut dots = 0;
    while let [byte, behind @ ..] = rest {
        match *byte {
            0 => return Some("it has a NUL"),
            b'/' if name == 0 => return Some("it has an empty part"),
            b'/' if name == dots && dots <= 2 => return Some("it has a `.` or `..`"),
            b'/' => (name, dots) = (0, 0),
            b'.' => (name, dots) = (name + 1, dots + 1),
            _ => name += 1,
        }
        if name > LONGEST_NAME {
            return Some("a part is longer than 255 bytes");
        }
        rest = behind;
    }
    match name {
        0 if !relative.is_empty() => Some("it has an empty part"),
        1 | 2 if name == dots => Some("it has a `.` or `..`"),
        _ => None,
    }
}

/// Makes an [`ImagePath`](crate::types::ImagePath) of a literal or a constant, checked while it is compiled.
///
/// ```
/// use cardwright::types::image_path;
/// assert_eq!(image_path!("/etc/hostname").name(), "hostname");
/// ```
///
/// ```compile_fail
/// cardwright::types::image_path!("/etc/../shadow");
/// ```
#[macro_export]
macro_rules! image_path {
    ($path:expr) => {
        const { $crate::types::ImagePath::literal($path) }
    };
}
pub use image_path;

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

#[cfg(test)]
mod tests {
    use super::ImagePath;

    fn path(text: &str) -> ImagePath {
        ImagePath::new(text).unwrap()
    }

    #[test]
    fn what_could_leave_the_image_is_no_path() {
        for wrong in [
            "",
            "etc",
            "/etc/../shadow",
            "/./x",
            "//x",
            "/x/",
            "/a\0b",
            "/a/..",
            "/.",
            "/a/./b",
            &format!("/{}", "x".repeat(256)),
        ] {
            assert!(ImagePath::new(wrong).is_err(), "{wrong:?}");
        }
        for fine in ["/", "/...", "/.a", "/a.", "/a/..b", "/a..", &format!("/{}", "x".repeat(255))] {
            assert!(ImagePath::new(fine).is_ok(), "{fine:?}");
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
