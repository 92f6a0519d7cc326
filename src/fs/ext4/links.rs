//! Symbolic links in the directories of a path: /lib is a link to /usr/lib on every current release.

use crate::fs::{FsError, ImagePath};

/// As many links as Linux follows in one path (`MAXSYMLINKS`).
const MOST_LINKS: usize = 40;
/// The longest target of a link (`PATH_MAX`).
pub(super) const LONGEST_TARGET: u64 = 4096;

/// What stands in the directory part of a path.
pub(super) enum Part {
    Directory,
    Link(String),
    /// Nothing, or something that nothing can lie below.
    Other,
}

/// The same path with no links in its directory part, or `None` where that part leads nowhere.
///
/// `look` says what stands at a path that has no links in its own directory part.
pub(super) fn without_links(
    path: &ImagePath,
    mut look: impl FnMut(&ImagePath) -> Result<Part, FsError>,
) -> Result<Option<ImagePath>, FsError> {
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
        let Ok(next) = resolved.join(&part) else { return Ok(None) };
        if parts.is_empty() {
            return Ok(Some(next));
        }
        match look(&next)? {
            Part::Directory => resolved = next,
            Part::Other => return Ok(None),
            Part::Link(target) => {
                followed += 1;
                if followed > MOST_LINKS {
                    return Err(FsError::Damaged(format!("the links at `{next}` lead in a circle")));
                }
                if target.starts_with('/') {
                    resolved = ImagePath::root();
                }
                parts.extend(target.rsplit('/').map(str::to_owned));
            }
        }
    }
    Ok(Some(resolved))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(path: &str) -> Option<String> {
        let looked = without_links(&ImagePath::new(path).unwrap(), |path| {
            Ok(match path.as_str() {
                "/lib" => Part::Link("usr/lib".to_owned()),
                "/usr/lib/modules" => Part::Link("/var/./modules".to_owned()),
                "/var/up" => Part::Link("../../../etc".to_owned()),
                "/var/dangling" => Part::Link("../nothing/../etc".to_owned()),
                "/loop" => Part::Link("loop".to_owned()),
                "/usr" | "/usr/lib" | "/var" | "/var/modules" | "/etc" => Part::Directory,
                _ => Part::Other,
            })
        });
        looked.unwrap().map(|path| path.as_str().to_owned())
    }

    #[test]
    fn links_in_the_directories_are_followed_and_the_last_one_is_not() {
        assert_eq!(resolve("/lib/systemd").as_deref(), Some("/usr/lib/systemd"));
        assert_eq!(resolve("/lib/modules/x").as_deref(), Some("/var/modules/x"));
        assert_eq!(resolve("/lib").as_deref(), Some("/lib"));
        assert_eq!(resolve("/").as_deref(), Some("/"));
    }

    #[test]
    fn no_link_leads_out_of_the_image() {
        assert_eq!(resolve("/var/up/passwd").as_deref(), Some("/etc/passwd"));
    }

    #[test]
    fn below_what_is_not_there_is_nothing() {
        assert_eq!(resolve("/nothing/x"), None);
        assert_eq!(resolve("/var/dangling/passwd"), None);
    }

    #[test]
    fn a_circle_of_links_is_an_error() {
        let path = ImagePath::new("/loop/x").unwrap();
        assert!(without_links(&path, |_| Ok(Part::Link("loop".to_owned()))).is_err());
    }
}
