//! The time zone of a node.

use super::RaspiosError;
use crate::fs::FileKind;
use crate::patch::{Draft, Partition};
use crate::types::similar::most_similar;
use crate::types::{ImagePath, image_path};

const ZONES: &str = "/usr/share/zoneinfo";

/// The first bytes of every compiled time zone (tzfile(5), RFC 8536).
const MAGIC: &[u8] = b"TZif";

/// Sets the time zone: the link /etc/localtime (localtime(5)), and /etc/timezone where the image has it.
///
/// # Errors
/// When the image has no such zone.
pub fn set_timezone(draft: &mut Draft<'_>, zone: &str) -> Result<(), RaspiosError> {
    if !is_zone(draft, zone)? {
        let zones = zones(draft)?;
        let city = |zone: &str| zone.rsplit('/').next().map(str::to_lowercase);
        let of_city: Vec<_> =
            zones.iter().filter(|known| city(known) == city(zone)).take(3).cloned().collect();
        let nearest = if of_city.is_empty() { most_similar(zone, zones) } else { of_city };
        return Err(RaspiosError::UnknownTimezone { zone: zone.to_owned(), nearest });
    }
    let localtime = image_path!("/etc/localtime");
    let target = format!("{ZONES}/{zone}");
    // The usual link has the whole path; a stock image may have one relative to /etc as well.
    let relative = format!("..{target}");
    if draft.read_link(&localtime)?.as_deref() != Some(&relative) {
        draft.symlink(&localtime, &target)?;
    }
    let timezone = image_path!("/etc/timezone");
    if draft.exists(Partition::Root, &timezone)? {
        draft.text(&timezone, format!("{zone}\n"))?;
    }
    Ok(())
}

fn is_zone(draft: &Draft<'_>, zone: &str) -> Result<bool, RaspiosError> {
    let Ok(path) = ImagePath::new(format!("{ZONES}/{zone}")) else { return Ok(false) };
    match draft.kind(Partition::Root, &path)? {
        // A link leads to the zone by its other name.
        Some(FileKind::File | FileKind::Symlink) => {
            let content = draft.read(Partition::Root, &path)?;
            Ok(content.is_some_and(|bytes| bytes.starts_with(MAGIC)))
        }
        _ => Ok(false),
    }
}

/// Lists the names of all zones; `America/Argentina/Ushuaia` is as deep as they go.
fn zones(draft: &Draft<'_>) -> Result<Vec<String>, RaspiosError> {
    const DEPTH: usize = 3;
    let root = image_path!(ZONES);
    let mut zones = Vec::new();
    let mut level = vec![String::new()];
    for _ in 0..DEPTH {
        let mut below = Vec::new();
        for folder in level {
            let path = if folder.is_empty() { root.clone() } else { root.join(&folder)? };
            for name in draft.list_stock(Partition::Root, &path)? {
                let zone = if folder.is_empty() { name } else { format!("{folder}/{name}") };
                match draft.kind(Partition::Root, &root.join(&zone)?)? {
                    // Other ways to count leap seconds, under the same names.
                    Some(FileKind::Directory) if !["posix", "right"].contains(&zone.as_str()) => {
                        below.push(zone);
                    }
                    Some(FileKind::File | FileKind::Symlink) if !zone.contains('.') => zones.push(zone),
                    _ => {}
                }
            }
        }
        level = below;
    }
    Ok(zones)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::patch::MemoryStock;
    use crate::raspios::test_stock::{applied, link, patch, path, paths, text, trixie};
    use crate::types::Hint as _;

    #[test]
    fn a_zone_is_a_link_and_a_name() {
        let stock = trixie();
        let once = patch(&stock, |draft| set_timezone(draft, "Europe/Berlin").unwrap());
        assert_eq!(link(&once, "/etc/localtime"), "/usr/share/zoneinfo/Europe/Berlin");
        assert_eq!(text(&once, "/etc/timezone"), "Europe/Berlin\n");
        let again = patch(&applied(stock, &once), |draft| set_timezone(draft, "Europe/Berlin").unwrap());
        assert_eq!(paths(&again), <[&str; 0]>::default());
    }

    #[test]
    fn the_stock_zone_is_left_alone_and_no_file_is_invented() {
        let stock = trixie().without(Partition::Root, &path("/etc/timezone"));
        let patch = |zone: &str| patch(&stock, |draft| set_timezone(draft, zone).unwrap());
        assert_eq!(paths(&patch("Europe/London")), <[&str; 0]>::default());
        assert_eq!(paths(&patch("Etc/UTC")), ["/etc/localtime"]);
    }

    #[test]
    fn a_zone_that_the_image_does_not_know_is_refused_with_the_nearest() {
        for (wrong, hint) in [
            ("Europe/Berln", "Did you mean `Europe/Berlin`"),
            ("europe/london", "Did you mean `Europe/London`"),
            ("Europe", "Did you mean `Europe/"),
            ("Berlin", "Did you mean `Europe/Berlin`?"),
            ("Germany/berlin", "Did you mean `Europe/Berlin`?"),
            ("zone.tab", "Write a zone as `Europe/Berlin`"),
            ("../passwd", "Write a zone as `Europe/Berlin`"),
        ] {
            let stock = trixie();
            let _ = patch(&stock, |draft| {
                let error = set_timezone(draft, wrong).unwrap_err();
                assert!(matches!(error, RaspiosError::UnknownTimezone { .. }));
                let found = error.hint().unwrap();
                assert!(found.starts_with(hint), "{wrong}: {found}");
            });
        }
        let empty = MemoryStock::new();
        let _ = patch(&empty, |draft| assert!(set_timezone(draft, "Europe/Berlin").is_err()));
    }
}
