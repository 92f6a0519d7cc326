//! Following symbolic links of an image, as far as there is something to follow.

use super::{Partition, PatchError};
use crate::fs::ImagePath;

/// The most links that are followed before they count as a circle; the kernel's own limit is 40.
pub(super) const MOST_LINKS: usize = 40;

/// The treatment of a link at the very end of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LastLink {
    /// It is what the path means, as for lstat(2).
    Kept,
    /// The path means what it points to, as for stat(2).
    Followed,
}

/// Returns the path without the links in it. Where nothing stands, names are taken as they are: of
/// `/var/run/x` that is `/run/x`, whether or not there is a `/run`.
///
/// `look` says where the link at a path points to that has no links in its own directory part.
pub(super) fn follow(
    partition: Partition,
    path: &ImagePath,
    last: LastLink,
    mut look: impl FnMut(&ImagePath) -> Result<Option<String>, PatchError>,
) -> Result<ImagePath, PatchError> {
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
        let Ok(next) = resolved.join(&part) else {
            // A target with a name that no path has leads nowhere.
            return Ok(path.clone());
        };
        if parts.is_empty() && last == LastLink::Kept {
            return Ok(next);
        }
        match look(&next)? {
            None => resolved = next,
            Some(target) => {
                followed += 1;
                if followed > MOST_LINKS {
                    return Err(PatchError::LinkCircle { partition, path: path.clone() });
                }
                if target.starts_with('/') {
                    resolved = ImagePath::root();
                }
                parts.extend(target.rsplit('/').map(str::to_owned));
            }
        }
    }
    Ok(resolved)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn followed(path: &str, last: LastLink) -> String {
        let path = ImagePath::new(path).unwrap();
        let look = |path: &ImagePath| {
            Ok(match path.as_str() {
                "/lib" => Some("usr/lib".to_owned()),
                "/var/run" => Some("/run".to_owned()),
                "/var/lock" => Some("../run/./lock".to_owned()),
                "/etc/localtime" => Some("/usr/share/zoneinfo/Etc/UTC".to_owned()),
                "/var/up" => Some("../../../etc".to_owned()),
                _ => None,
            })
        };
        follow(Partition::Root, &path, last, look).unwrap().to_string()
    }

    #[test]
    fn links_are_followed_as_far_as_there_is_something() {
        for (path, expected) in [
            ("/lib/systemd/system/x", "/usr/lib/systemd/system/x"),
            ("/var/run/nothing/x", "/run/nothing/x"),
            ("/var/lock/x", "/run/lock/x"),
            ("/var/up/passwd", "/etc/passwd"),
            ("/etc/localtime", "/etc/localtime"),
            ("/", "/"),
        ] {
            assert_eq!(followed(path, LastLink::Kept), expected);
        }
        assert_eq!(followed("/etc/localtime", LastLink::Followed), "/usr/share/zoneinfo/Etc/UTC");
    }

    #[test]
    fn a_circle_of_links_is_an_error() {
        let path = ImagePath::new("/loop/x").unwrap();
        let circle = follow(Partition::Root, &path, LastLink::Kept, |_| Ok(Some("loop".to_owned())));
        assert!(matches!(circle, Err(PatchError::LinkCircle { .. })));
    }
}
