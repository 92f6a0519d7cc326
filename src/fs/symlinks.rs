//! Symbolic link resolution, as the kernel does it: `/lib` is a link to `/usr/lib` on every current release.
//!
//! Nothing is read here. Whoever knows what stands at a path of the image says so, be it a filesystem or a patch
//! that is not applied yet.

use crate::types::ImagePath;

/// The most links that Linux follows in one path (`MAXSYMLINKS`).
pub(crate) const MOST_LINKS: usize = 40;

/// The treatment of a link at the very end of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LastLink {
    /// It is what the path means, as for lstat(2).
    Kept,
    /// The path means what it points to, as for stat(2).
    Followed,
}

/// The way on from one part of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
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

/// Resolves the links in a path. `look` gets paths that have no links in their own directory part.
///
/// # Errors
/// Those of `look`.
pub(crate) fn resolve<E>(
    path: &ImagePath,
    last: LastLink,
    mut look: impl FnMut(&ImagePath) -> Result<Step, E>,
) -> Result<Resolved, E> {
    let mut resolved = ImagePath::root();
    // The next part is the last of the list.
    let mut parts: Vec<String> = path.parts().rev().map(str::to_owned).collect();
    let mut followed = 0;
    while let Some(part) = parts.pop() {
        match part.as_str() {
            "" | "." => continue,
            ".." => {
                resolved = resolved.parent().unwrap_or(resolved);
                continue;
            }
            _ => {}
        }
        let Ok(next) = resolved.join(&part) else { return Ok(Resolved::Nowhere) };
        if parts.is_empty() && last == LastLink::Kept {
            return Ok(Resolved::Path(next));
        }
        match look(&next)? {
            Step::Below => resolved = next,
            Step::Nowhere => return Ok(Resolved::Nowhere),
            Step::Link(target) => {
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::convert::Infallible;

    fn path(text: &str) -> ImagePath {
        ImagePath::new(text).unwrap()
    }

    /// Resolves a path in a small image; `beyond` is the way on from what it does not have.
    fn resolved(text: &str, last: LastLink, beyond: &Step) -> Resolved {
        let look = |path: &ImagePath| {
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
                "/usr" | "/usr/lib" | "/var" | "/var/modules" | "/etc" => return Ok(Step::Below),
                _ => return Ok(beyond.clone()),
            };
            Ok::<_, Infallible>(Step::Link(target.to_owned()))
        };
        resolve(&path(text), last, look).unwrap()
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
            assert_eq!(resolved(from, LastLink::Kept, &Step::Nowhere), Resolved::Path(path(to)), "{from}");
        }
    }

    #[test]
    fn the_last_link_is_followed_where_that_is_wanted() {
        let zone = Resolved::Path(path("/usr/share/zoneinfo/Etc/UTC"));
        assert_eq!(resolved("/etc/localtime", LastLink::Followed, &Step::Below), zone);
    }

    #[test]
    fn no_link_leads_out_of_the_image() {
        let passwd = Resolved::Path(path("/etc/passwd"));
        assert_eq!(resolved("/var/up/passwd", LastLink::Kept, &Step::Nowhere), passwd);
    }

    #[test]
    fn below_what_is_not_there_is_what_the_caller_says() {
        for from in ["/nothing/x", "/var/dangling/passwd"] {
            assert_eq!(resolved(from, LastLink::Kept, &Step::Nowhere), Resolved::Nowhere, "{from}");
        }
        for (from, to) in [("/var/run/nothing/x", "/run/nothing/x"), ("/var/lock/x", "/run/lock/x")] {
            assert_eq!(resolved(from, LastLink::Kept, &Step::Below), Resolved::Path(path(to)), "{from}");
        }
    }

    #[test]
    fn a_target_with_a_name_that_no_path_has_leads_nowhere() {
        assert_eq!(resolved("/var/odd/x", LastLink::Kept, &Step::Below), Resolved::Nowhere);
    }

    #[test]
    fn a_circle_of_links_is_found() {
        assert_eq!(resolved("/loop/x", LastLink::Kept, &Step::Below), Resolved::Circle(path("/loop")));
    }
}
