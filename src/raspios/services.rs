//! systemd units: which the image has, switching them on and off, and adding new ones.
//!
//! Switching off means masking. The first boot of trixie runs presets, and Debian's presets enable
//! whatever is merely disabled; a masked unit they leave alone (systemd.preset(5)).

use super::RaspiosError;
use crate::patch::{Draft, Partition};
use crate::types::{ImagePath, Mode, Owner};

/// Where systemd looks for units, the most important first (systemd.unit(5)). Up to bullseye the second
/// /lib is not always a link to /usr/lib.
pub(super) const UNIT_FOLDERS: [&str; 3] =
    ["/etc/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system"];

/// Where the administrator's units live, and the links that enable and mask units.
const FOLDER: &str = "/etc/systemd/system";

/// What a masked unit is a link to.
const MASK: &str = "/dev/null";

/// Where the image has a unit, or `None` when it has none; the template of an instance such as
/// `getty@tty1.service`. A mask is no unit.
///
/// # Errors
/// When the stock image cannot be read.
pub fn unit_path(draft: &Draft<'_>, unit: &str) -> Result<Option<ImagePath>, RaspiosError> {
    for folder in UNIT_FOLDERS {
        let path = ImagePath::new(format!("{folder}/{}", file_name(unit)))?;
        let masked = draft.read_link(&path)?.as_deref() == Some(MASK);
        if !masked && draft.exists(Partition::Root, &path)? {
            return Ok(Some(path));
        }
    }
    Ok(None)
}

/// The file of a unit: `getty@.service` for `getty@tty1.service`.
fn file_name(unit: &str) -> String {
    match (unit.split_once('@'), unit.rsplit_once('.')) {
        (Some((template, _)), Some((_, kind))) => format!("{template}@.{kind}"),
        _ => unit.to_owned(),
    }
}

/// Sees to it that nothing starts a unit, where the image has it.
///
/// # Errors
/// When the stock image cannot be read.
pub fn mask_unit(draft: &mut Draft<'_>, unit: &str) -> Result<(), RaspiosError> {
    if unit_path(draft, unit)?.is_some() {
        draft.symlink(&ImagePath::new(format!("{FOLDER}/{unit}"))?, MASK)?;
    }
    Ok(())
}

/// Sees to it that `target` starts a unit, as `systemctl enable` does; a mask in its way is taken off.
///
/// # Errors
/// When the image has no such unit.
pub fn enable_unit(draft: &mut Draft<'_>, unit: &str, target: &str) -> Result<(), RaspiosError> {
    let path = required_unit(draft, unit)?;
    let mask = ImagePath::new(format!("{FOLDER}/{unit}"))?;
    if draft.read_link(&mask)?.as_deref() == Some(MASK) {
        draft.remove(Partition::Root, &mask)?;
    }
    link_to_unit(draft, &ImagePath::new(format!("{FOLDER}/{target}.wants/{unit}"))?, &path)
}

/// Gives a unit a second name, as `Alias=` does when it is enabled.
///
/// # Errors
/// When the image has no such unit.
pub fn alias_unit(draft: &mut Draft<'_>, unit: &str, alias: &str) -> Result<(), RaspiosError> {
    let path = required_unit(draft, unit)?;
    link_to_unit(draft, &ImagePath::new(format!("{FOLDER}/{alias}"))?, &path)
}

/// Writes a new unit and has `target` start it.
///
/// # Errors
/// When the stock image cannot be read.
pub fn install_unit(draft: &mut Draft<'_>, unit: &str, text: &str, target: &str) -> Result<(), RaspiosError> {
    let path = ImagePath::new(format!("{FOLDER}/{unit}"))?;
    draft.file(Partition::Root, &path, text, Mode::FILE, Owner::ROOT)?;
    enable_unit(draft, unit, target)
}

fn required_unit(draft: &Draft<'_>, unit: &str) -> Result<ImagePath, RaspiosError> {
    unit_path(draft, unit)?.ok_or_else(|| RaspiosError::MissingUnit { unit: unit.to_owned() })
}

/// Makes a link to a unit, unless the stock image has one that leads to a unit of that name: the folder
/// may be spelled another way, /lib being /usr/lib.
fn link_to_unit(draft: &mut Draft<'_>, link: &ImagePath, unit: &ImagePath) -> Result<(), RaspiosError> {
    let found = draft.read_link(link)?;
    let same_name = |target: &str| target.rsplit('/').next() == Some(unit.name());
    if !found.is_some_and(|target| same_name(&target)) {
        draft.symlink(link, unit.as_str())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::patch::MemoryStock;
    use crate::raspios::test_stock::{applied, attributes, link, patch, path, paths, put, removed, trixie};

    const WANTED: &str = "/etc/systemd/system/multi-user.target.wants/ssh.service";

    #[test]
    fn a_unit_is_enabled_where_the_image_has_it() {
        let ssh_enabled = |stock: &MemoryStock| {
            patch(stock, |draft| enable_unit(draft, "ssh.service", "multi-user.target").unwrap())
        };
        assert_eq!(link(&ssh_enabled(&trixie()), WANTED), "/usr/lib/systemd/system/ssh.service");
        let old = put(MemoryStock::new(), "/lib/systemd/system/ssh.service", "");
        assert_eq!(link(&ssh_enabled(&old), WANTED), "/lib/systemd/system/ssh.service");
    }

    #[test]
    fn an_instance_is_enabled_through_its_template() {
        let stock = trixie();
        let patch = patch(&stock, |draft| enable_unit(draft, "getty@tty1.service", "getty.target").unwrap());
        assert_eq!(
            link(&patch, "/etc/systemd/system/getty.target.wants/getty@tty1.service"),
            "/usr/lib/systemd/system/getty@.service"
        );
    }

    #[test]
    fn a_unit_enabled_by_another_spelling_of_its_folder_is_left_alone() {
        let stock = trixie().symlink(Partition::Root, &path(WANTED), "/lib/systemd/system/ssh.service");
        let patch = patch(&stock, |draft| enable_unit(draft, "ssh.service", "multi-user.target").unwrap());
        assert_eq!(paths(&patch), <[&str; 0]>::default());
    }

    #[test]
    fn enabling_takes_a_mask_off() {
        let mask = path("/etc/systemd/system/ssh.service");
        let stock = trixie().symlink(Partition::Root, &mask, "/dev/null");
        let patch = patch(&stock, |draft| enable_unit(draft, "ssh.service", "multi-user.target").unwrap());
        assert!(removed(&patch, mask.as_str()));
        assert_eq!(link(&patch, WANTED), "/usr/lib/systemd/system/ssh.service");
    }

    #[test]
    fn a_unit_that_is_not_there_is_neither_enabled_nor_masked() {
        let stock = MemoryStock::new();
        let patch = patch(&stock, |draft| {
            let error = enable_unit(draft, "ssh.service", "multi-user.target").unwrap_err();
            assert!(matches!(error, RaspiosError::MissingUnit { .. }));
            mask_unit(draft, "userconfig.service").unwrap();
        });
        assert_eq!(paths(&patch), <[&str; 0]>::default());
    }

    #[test]
    fn masking_makes_the_one_link_that_presets_respect() {
        let stock = trixie();
        let first = patch(&stock, |draft| mask_unit(draft, "userconfig.service").unwrap());
        assert_eq!(link(&first, "/etc/systemd/system/userconfig.service"), "/dev/null");
        let again = patch(&applied(stock, &first), |draft| mask_unit(draft, "userconfig.service").unwrap());
        assert_eq!(paths(&again), <[&str; 0]>::default());
    }

    #[test]
    fn a_new_unit_is_written_and_wanted() {
        let stock = trixie();
        let patch = patch(&stock, |draft| {
            install_unit(draft, "new.service", "[Unit]\n", "multi-user.target").unwrap();
        });
        assert_eq!(attributes(&patch, "/etc/systemd/system/new.service").0, 0o644);
        assert_eq!(
            link(&patch, "/etc/systemd/system/multi-user.target.wants/new.service"),
            "/etc/systemd/system/new.service"
        );
    }
}
