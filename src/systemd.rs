//! systemd's units in an image: finding them, switching them on and off, and adding new ones.
//!
//! Switching off means masking. The first boot of trixie runs presets, and Debian's presets enable
//! whatever is merely disabled; a masked unit they leave alone (systemd.preset(5)).

use crate::patch::{Draft, Partition, PatchError, Stock};
use crate::types::{ImagePath, errors, image_path};

/// The directories in which systemd looks for units, the most important first (systemd.unit(5)). Up to bullseye
/// the second /lib is not always a link to /usr/lib.
pub const UNIT_DIRECTORIES: [ImagePath; 3] =
    [CONFIGURATION, image_path!("/usr/lib/systemd/system"), image_path!("/lib/systemd/system")];

/// The administrator's units, their drop-ins, and the links that enable and mask units.
pub const CONFIGURATION: ImagePath = image_path!("/etc/systemd/system");

/// The target of an ordinary boot.
pub const MULTI_USER: &str = "multi-user.target";

/// The target of the link that masks a unit.
const MASK: &str = "/dev/null";

errors! {
    /// An error of changing a unit.
    #[derive(Debug, thiserror::Error)]
    pub enum UnitError {
        /// The stock image cannot be read, or has something in the way.
        #[error(transparent)]
        Patch(#[from] PatchError),
        /// A unit that has to be there is not.
        #[error("the stock image has no systemd unit `{unit}`")]
        Missing { unit: String } => "Start from an unmodified image as Raspberry Pi publishes it",
    }
}

/// Returns the path of a unit, or `None` where the image has none; of an instance such as `getty@tty1.service`,
/// the path of its template. A mask is no unit.
///
/// # Errors
/// When the stock image cannot be read.
pub fn find(draft: &Draft<'_>, unit: &str) -> Result<Option<ImagePath>, PatchError> {
    for directory in UNIT_DIRECTORIES {
        let path = directory.join(&file_name(unit))?;
        let masked = draft.read_link(&path)?.as_deref() == Some(MASK);
        if !masked && draft.exists(Partition::Root, &path)? {
            return Ok(Some(path));
        }
    }
    Ok(None)
}

/// Returns the path of a unit that has to be there.
///
/// # Errors
/// When the image has no such unit, or cannot be read.
pub fn require(draft: &Draft<'_>, unit: &str) -> Result<ImagePath, UnitError> {
    find(draft, unit)?.ok_or_else(|| UnitError::Missing { unit: unit.to_owned() })
}

/// Returns `true` if a stock image has the file of a unit, or a mask in its place.
///
/// # Errors
/// When the stock image cannot be read.
pub fn in_stock(stock: &dyn Stock, unit: &str) -> Result<bool, PatchError> {
    for directory in UNIT_DIRECTORIES {
        if stock.metadata(Partition::Root, &directory.join(unit)?)?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Returns the name of a unit's file: `getty@.service` for `getty@tty1.service`.
fn file_name(unit: &str) -> String {
    match (unit.split_once('@'), unit.rsplit_once('.')) {
        (Some((template, _)), Some((_, kind))) => format!("{template}@.{kind}"),
        _ => unit.to_owned(),
    }
}

/// Masks a unit, so that nothing starts it, where the image has it.
///
/// # Errors
/// When the stock image cannot be read.
pub fn mask(draft: &mut Draft<'_>, unit: &str) -> Result<(), PatchError> {
    if find(draft, unit)?.is_none() {
        tracing::debug!("{unit} is not in the image and needs no mask");
        return Ok(());
    }
    draft.symlink(&CONFIGURATION.join(unit)?, MASK)
}

/// Has `target` start a unit, as `systemctl enable` does; a mask in its way is taken off.
///
/// # Errors
/// When the image has no such unit.
pub fn enable(draft: &mut Draft<'_>, unit: &str, target: &str) -> Result<(), UnitError> {
    let path = require(draft, unit)?;
    let mask = CONFIGURATION.join(unit).map_err(PatchError::from)?;
    if draft.read_link(&mask)?.as_deref() == Some(MASK) {
        draft.remove(Partition::Root, &mask)?;
    }
    Ok(link(draft, &format!("{target}.wants/{unit}"), &path)?)
}

/// Gives a unit a second name, as `Alias=` does when it is enabled.
///
/// # Errors
/// When the image has no such unit.
pub fn alias(draft: &mut Draft<'_>, unit: &str, alias: &str) -> Result<(), UnitError> {
    let path = require(draft, unit)?;
    Ok(link(draft, alias, &path)?)
}

/// Writes the file of a new unit.
///
/// # Errors
/// When the stock image cannot be read or has a directory there.
pub fn write(draft: &mut Draft<'_>, unit: &str, text: impl Into<String>) -> Result<(), PatchError> {
    draft.text(&CONFIGURATION.join(unit)?, text.into())
}

/// Writes a new unit and has [`MULTI_USER`] start it.
///
/// # Errors
/// When the stock image cannot be read or has a directory there.
pub fn install(draft: &mut Draft<'_>, unit: &str, text: impl Into<String>) -> Result<(), UnitError> {
    write(draft, unit, text)?;
    enable(draft, unit, MULTI_USER)
}

/// Links to a unit, unless the stock image has a link to a unit of that name: the directory may be spelled another
/// way, /lib being /usr/lib.
fn link(draft: &mut Draft<'_>, name: &str, unit: &ImagePath) -> Result<(), PatchError> {
    let link = CONFIGURATION.join(name)?;
    let found = draft.read_link(&link)?;
    if found.is_some_and(|target| target.rsplit('/').next() == Some(unit.name())) {
        return Ok(());
    }
    draft.symlink(&link, unit.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::patch::MemoryStock;
    use crate::raspios::test_stock::{applied, attributes, link, patch, path, paths, put, removed, trixie};

    const WANTED: &str = "/etc/systemd/system/multi-user.target.wants/ssh.service";

    #[test]
    fn a_unit_is_enabled_where_the_image_has_it() {
        let ssh_enabled =
            |stock: &MemoryStock| patch(stock, |draft| enable(draft, "ssh.service", MULTI_USER).unwrap());
        assert_eq!(link(&ssh_enabled(&trixie()), WANTED), "/usr/lib/systemd/system/ssh.service");
        let old = put(MemoryStock::new(), "/lib/systemd/system/ssh.service", "");
        assert_eq!(link(&ssh_enabled(&old), WANTED), "/lib/systemd/system/ssh.service");
    }

    #[test]
    fn an_instance_is_enabled_through_its_template() {
        let stock = trixie();
        let patch = patch(&stock, |draft| enable(draft, "getty@tty1.service", "getty.target").unwrap());
        assert_eq!(
            link(&patch, "/etc/systemd/system/getty.target.wants/getty@tty1.service"),
            "/usr/lib/systemd/system/getty@.service"
        );
    }

    #[test]
    fn a_unit_enabled_by_another_spelling_of_its_folder_is_left_alone() {
        let stock = trixie().symlink(Partition::Root, &path(WANTED), "/lib/systemd/system/ssh.service");
        let patch = patch(&stock, |draft| enable(draft, "ssh.service", MULTI_USER).unwrap());
        assert_eq!(paths(&patch), <[&str; 0]>::default());
    }

    #[test]
    fn enabling_takes_a_mask_off() {
        let masked = path("/etc/systemd/system/ssh.service");
        let stock = trixie().symlink(Partition::Root, &masked, "/dev/null");
        let patch = patch(&stock, |draft| enable(draft, "ssh.service", MULTI_USER).unwrap());
        assert!(removed(&patch, masked.as_str()));
        assert_eq!(link(&patch, WANTED), "/usr/lib/systemd/system/ssh.service");
    }

    #[test]
    fn a_unit_that_is_not_there_is_neither_enabled_nor_masked() {
        let stock = MemoryStock::new();
        let patch = patch(&stock, |draft| {
            let error = enable(draft, "ssh.service", MULTI_USER).unwrap_err();
            assert!(matches!(error, UnitError::Missing { .. }));
            mask(draft, "userconfig.service").unwrap();
        });
        assert_eq!(paths(&patch), <[&str; 0]>::default());
    }

    #[test]
    fn masking_makes_the_one_link_that_presets_respect() {
        let stock = trixie();
        let first = patch(&stock, |draft| mask(draft, "userconfig.service").unwrap());
        assert_eq!(link(&first, "/etc/systemd/system/userconfig.service"), "/dev/null");
        let again = patch(&applied(stock, &first), |draft| mask(draft, "userconfig.service").unwrap());
        assert_eq!(paths(&again), <[&str; 0]>::default());
    }

    #[test]
    fn a_new_unit_is_written_and_wanted() {
        let stock = trixie();
        let patch = patch(&stock, |draft| {
            install(draft, "new.service", "[Unit]\n").unwrap();
        });
        assert_eq!(attributes(&patch, "/etc/systemd/system/new.service").0, 0o644);
        assert_eq!(
            link(&patch, "/etc/systemd/system/multi-user.target.wants/new.service"),
            "/etc/systemd/system/new.service"
        );
    }
}
