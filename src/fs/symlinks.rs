//! Symbolic link resolution, as the kernel does it: `/lib` is a link to `/usr/lib` on every current release.
//!
//! This is the only one. Nothing is read here: a [`LinkTree`] reports what is at a path, be it a filesystem, the
//! files of a stock image, or a patch that is not applied yet.

use super::{FsError, FsResult, damaged};
use crate::types::ImagePath;

/// The most links that Linux follows in one path (`MAXSYMLINKS`).
const MOST_LINKS: usize = 40;

/// A tree of files with symbolic links in it.
pub(crate) trait LinkTree {
    /// An error of reading the tree.
    type Error;

    /// Returns the way on from `path`, which has no links in its own directory part.
    fn step(&self, path: &ImagePath) -> Result<LinkStep, Self::Error>;
}

/// The treatment of a link at the very end of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LastLink {
    /// It is what the path means, as for lstat(2).
    Unfollowed,
    /// The path means what it points to, as for stat(2).
    Followed,
}

/// The way on from one part of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum LinkStep {
    /// The next part lies below it.
    Below,
    /// It is a link with this target.
    Link(String),
    /// Nothing can lie below it.
    Nowhere,
}

/// The end that a path leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Resolved {
    /// The same path without links in it.
    Path(ImagePath),
    /// Its directory part leads nowhere, or to a name that no path has.
    Nowhere,
    /// More than [`MOST_LINKS`] links are followed, the last of them at this path.
    Circle(ImagePath),
}

/// Resolves the links in a path.
///
/// # Errors
/// When the tree cannot be read.
pub(crate) fn resolve<T: LinkTree + ?Sized>(
    tree: &T,
    path: &ImagePath,
    last: LastLink,
) -> Result<Resolved, T::Error> {
    let mut resolved = ImagePath::root();
    // The next part is the last of the list.
    let mut parts: Vec<String> = path.parts().rev().map(str::to_owned).collect();
    let mut followed = 0;
    while let Some(part) = parts.pop() {
        match part.as_str() {
            "" | "." => continue,
            ".." => {
                // The directory above the root is the root: no link leads out of the image.
                resolved = resolved.parent().unwrap_or(resolved);
                continue;
            }
            _ => {}
        }
        let Ok(next) = resolved.join(&part) else { return Ok(Resolved::Nowhere) };
        if parts.is_empty() && last == LastLink::Unfollowed {
            return Ok(Resolved::Path(next));
        }
        match tree.step(&next)? {
            LinkStep::Below => resolved = next,
            LinkStep::Nowhere => return Ok(Resolved::Nowhere),
            LinkStep::Link(target) => {
                followed += 1;
                if followed > MOST_LINKS {
                    return Ok(Resolved::Circle(next));
                }
                if target.starts_with('/') {
                    resolved = ImagePath::root();
                }
                parts.extend(target.rsplit('/').map(str::to_owned));
            }
        }
    }
    Ok(Resolved::Path(resolved))
}

/// Returns the path without links in its directory part, or `None` where that part leads nowhere.
///
/// # Errors
/// When the filesystem cannot be read, or links lead in a circle.
pub(super) fn without_links(
    filesystem: &impl LinkTree<Error = FsError>,
    path: &ImagePath,
) -> FsResult<Option<ImagePath>> {
    match resolve(filesystem, path, LastLink::Unfollowed)? {
        Resolved::Path(path) => Ok(Some(path)),
        Resolved::Nowhere => Ok(None),
        Resolved::Circle(at) => Err(damaged(format!("the symbolic links at `{at}` lead in a circle"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::convert::Infallible;

    fn path(text: &str) -> ImagePath {
        ImagePath::new(text).unwrap()
    }

    /// A small image; `beyond` is the way on from what it does not have.
    struct Image<'a> {
        beyond: &'a LinkStep,
    }

    impl LinkTree for Image<'_> {
        type Error = Infallible;

        fn step(&self, path: &ImagePath) -> Result<LinkStep, Infallible> {
            let target = match path.as_str() {
                "/lib" => "usr/lib",
                "/usr/lib/modules" => "/var/./modules",
                "/var/run" => "/run",
                "/var/lock" => "../run/./lock",
                "/var/up" => "../../../etc",
                "/var/dangling" => "../nothing/../etc",
                "/var/odd" => "a\0b",
                "/etc/localtime" => "/usr/share/zoneinfo/Etc/UTC",
                "/loop" => "loop",
                "/usr" | "/usr/lib" | "/var" | "/var/modules" | "/etc" => return Ok(LinkStep::Below),
                _ => return Ok(self.beyond.clone()),
            };
            Ok(LinkStep::Link(target.to_owned()))
        }
    }

    fn resolved(text: &str, last: LastLink, beyond: &LinkStep) -> Resolved {
        resolve(&Image { beyond }, &path(text), last).unwrap()
    }

    #[test]
    fn links_in_the_directories_are_followed_and_the_last_one_is_not() {
        for (from, to) in [
            ("/lib/systemd", "/usr/lib/systemd"),
            ("/lib/modules/x", "/var/modules/x"),
            ("/lib", "/lib"),
            ("/etc/localtime", "/etc/localtime"),
            ("/", "/"),
        ] {
            assert_eq!(
                resolved(from, LastLink::Unfollowed, &LinkStep::Nowhere),
                Resolved::Path(path(to)),
                "{from}"
            );
        }
    }

    #[test]
    fn the_last_link_is_followed_where_that_is_wanted() {
        let zone = Resolved::Path(path("/usr/share/zoneinfo/Etc/UTC"));
        assert_eq!(resolved("/etc/localtime", LastLink::Followed, &LinkStep::Below), zone);
    }

    #[test]
    fn no_link_leads_out_of_the_image() {
        let passwd = Resolved::Path(path("/etc/passwd"));
        assert_eq!(resolved("/var/up/passwd", LastLink::Unfollowed, &LinkStep::Nowhere), passwd);
    }

    #[test]
    fn below_what_is_not_there_is_what_the_caller_says() {
        for from in ["/nothing/x", "/var/dangling/passwd"] {
            assert_eq!(resolved(from, LastLink::Unfollowed, &LinkStep::Nowhere), Resolved::Nowhere, "{from}");
        }
        for (from, to) in [("/var/run/nothing/x", "/run/nothing/x"), ("/var/lock/x", "/run/lock/x")] {
            assert_eq!(
                resolved(from, LastLink::Unfollowed, &LinkStep::Below),
                Resolved::Path(path(to)),
                "{from}"
            );
        }
    }

    #[test]
    fn a_target_with_a_name_that_no_path_has_leads_nowhere() {
        assert_eq!(resolved("/var/odd/x", LastLink::Unfollowed, &LinkStep::Below), Resolved::Nowhere);
    }

    #[test]
    fn a_circle_of_links_is_found() {
        assert_eq!(
            resolved("/loop/x", LastLink::Unfollowed, &LinkStep::Below),
            Resolved::Circle(path("/loop"))
        );
    }
}
