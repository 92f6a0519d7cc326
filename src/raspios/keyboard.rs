//! The keyboard on a node's console.

use super::RaspiosError;
use super::text::{map_lines, with_last_line_ended};
use crate::cluster::{Keyboard, XkbNames};
use crate::patch::{Draft, Partition, PatchResult, Stock};
use crate::types::image_path;
use crate::types::similar::most_similar;

/// The list of XKB's rules.
const LIST: &str = "/usr/share/X11/xkb/rules/base.lst";

/// Returns `true` if the image says which keyboards there are.
///
/// # Errors
/// Fails when the stock image cannot be read.
pub fn lists_keyboards(stock: &dyn Stock) -> PatchResult<bool> {
    Ok(stock.metadata(Partition::Root, &image_path!(LIST))?.is_some())
}

/// Sets the keyboard: /etc/default/keyboard (keyboard(5)). What setupcon keeps of the one before goes, so that it reads
/// the new one at the first boot.
///
/// # Errors
/// Fails when the image has no such keyboard.
pub fn set_keyboard(draft: &mut Draft<'_>, keyboard: &Keyboard) -> Result<(), RaspiosError> {
    check(draft, keyboard)?;
    // A variant is one of a layout: that of the stock image's does not stay.
    let variant = Some(keyboard.variant.as_ref().map_or("", XkbNames::as_str));
    let settings = [
        ("XKBMODEL", keyboard.model.as_ref().map(XkbNames::as_str)),
        ("XKBLAYOUT", Some(keyboard.layout.as_str())),
        ("XKBVARIANT", variant),
        ("XKBOPTIONS", keyboard.options.as_ref().map(XkbNames::as_str)),
    ];
    let path = image_path!("/etc/default/keyboard");
    if !draft.exists(Partition::Root, &path)? {
        draft.text(&path, "XKBMODEL=\"pc105\"\nXKBOPTIONS=\"\"\nBACKSPACE=\"guess\"\n")?;
    }
    draft.edit_text(Partition::Root, &path, |text| {
        let given = settings.into_iter().filter_map(|(key, value)| Some((key, value?)));
        given.fold(text.to_owned(), |text, (key, value)| with_setting(&text, key, value))
    })?;
    let folder = image_path!("/etc/console-setup");
    for name in draft.list_stock(Partition::Root, &folder)? {
        if name.starts_with("cached_") {
            draft.remove(Partition::Root, &folder.join(&name)?)?;
        }
    }
    Ok(())
}

/// Returns the text of a shell's file with a variable set, in the place of its line or at the end.
fn with_setting(text: &str, key: &str, value: &str) -> String {
    let mut found = false;
    let changed = map_lines(text, |line| {
        if line.split('=').next() != Some(key) {
            return Some(line.to_owned());
        }
        found = true;
        Some(format!("{key}=\"{value}\""))
    });
    if found { changed } else { format!("{}{key}=\"{value}\"\n", with_last_line_ended(&changed)) }
}

/// Checks the names against the list of XKB's rules, where the image has it.
fn check(draft: &Draft<'_>, keyboard: &Keyboard) -> Result<(), RaspiosError> {
    let Some(list) = draft.read_text(Partition::Root, &image_path!(LIST))? else { return Ok(()) };
    let Keyboard { layout, model, variant, options } = keyboard;
    let parts = [
        ("layout", Some(layout)),
        ("model", model.as_ref()),
        ("variant", variant.as_ref()),
        ("option", options.as_ref()),
    ];
    for (section, names) in parts {
        let known = section_of(&list, section);
        // Behind a variant stands the layout that it is one of: `mac  de: German (Macintosh)`.
        let layouts: Vec<&str> = layout.names().collect();
        let fits = |rest: &str| {
            section != "variant" || rest.split(':').next().is_some_and(|of| layouts.contains(&of.trim()))
        };
        let known = || known.iter().filter(|(_, rest)| fits(rest)).map(|(name, _)| *name);
        let mut names = names.into_iter().flat_map(XkbNames::names).filter(|name| !name.is_empty());
        if let Some(unknown) = names.find(|name| !known().any(|known| known == *name)) {
            let nearest = most_similar(unknown, known().map(str::to_owned));
            return Err(RaspiosError::UnknownKeyboard { part: section, name: unknown.to_owned(), nearest });
        }
    }
    Ok(())
}

/// Returns the names of a section, each with the text behind it.
fn section_of<'list>(list: &'list str, section: &str) -> Vec<(&'list str, &'list str)> {
    let lines = list.lines().skip_while(|line| line.strip_prefix("! ") != Some(section)).skip(1);
    let lines = lines.take_while(|line| !line.starts_with('!'));
    lines.filter_map(|line| line.trim().split_once(' ').map(|(name, rest)| (name, rest.trim()))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::patch::{MemoryStock, Patch};
    use crate::raspios::test_stock::{applied, bookworm, bullseye, patch, paths, put, removed, text, trixie};
    use crate::types::Hint as _;

    const PATH: &str = "/etc/default/keyboard";

    fn names(text: &str) -> XkbNames {
        XkbNames::new(text).unwrap()
    }

    fn keyboard(layout: &str) -> Keyboard {
        Keyboard { layout: names(layout), model: None, variant: None, options: None }
    }

    fn set(stock: &MemoryStock, keyboard: &Keyboard) -> Patch {
        patch(stock, |draft| set_keyboard(draft, keyboard).unwrap())
    }

    #[test]
    fn the_layout_takes_the_place_of_the_stock_images() {
        for stock in [trixie(), bookworm(), bullseye()] {
            let once = set(&stock, &keyboard("de"));
            assert_eq!(
                text(&once, PATH),
                "# KEYBOARD CONFIGURATION FILE\nXKBMODEL=\"pc105\"\nXKBLAYOUT=\"de\"\nXKBVARIANT=\"\"\n\
                 XKBOPTIONS=\"\"\nBACKSPACE=\"guess\"\n"
            );
            assert!(removed(&once, "/etc/console-setup/cached_setup_keyboard.sh"));
            assert_eq!(paths(&once).len(), 2, "{:?}", paths(&once));
            assert_eq!(paths(&set(&applied(stock, &once), &keyboard("de"))), <[&str; 0]>::default());
        }
    }

    #[test]
    fn what_is_said_is_set() {
        let all = Keyboard {
            model: Some(names("pc104")),
            variant: Some(names(",nodeadkeys")),
            options: Some(names("ctrl:nocaps")),
            ..keyboard("us,de")
        };
        let text = text(&set(&trixie(), &all), PATH);
        for line in [
            "XKBMODEL=\"pc104\"",
            "XKBLAYOUT=\"us,de\"",
            "XKBVARIANT=\",nodeadkeys\"",
            "XKBOPTIONS=\"ctrl:nocaps\"",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}: {text}");
        }
    }

    #[test]
    fn an_image_without_the_file_gets_one() {
        let text = text(&set(&put(MemoryStock::new(), "/etc/other", ""), &keyboard("de")), PATH);
        assert_eq!(
            text,
            "XKBMODEL=\"pc105\"\nXKBOPTIONS=\"\"\nBACKSPACE=\"guess\"\nXKBLAYOUT=\"de\"\nXKBVARIANT=\"\"\n"
        );
    }

    #[test]
    fn what_the_image_does_not_know_is_refused_with_the_nearest() {
        let with = |change: fn(&mut Keyboard)| {
            let mut keyboard = keyboard("de");
            change(&mut keyboard);
            keyboard
        };
        for (wrong, message, hint) in [
            (keyboard("dee"), "the stock image has no keyboard layout `dee`", "Did you mean `de`"),
            (keyboard("us,xx"), "the stock image has no keyboard layout `xx`", "Write a layout as `de`"),
            (
                with(|all| all.variant = Some(names("nodeadkey"))),
                "the stock image has no keyboard variant `nodeadkey`",
                "Did you mean `nodeadkeys`",
            ),
            (
                with(|all| all.variant = Some(names("chr"))),
                "the stock image has no keyboard variant `chr`",
                "Write a layout as `de`",
            ),
            (
                with(|all| all.model = Some(names("pc106"))),
                "the stock image has no keyboard model `pc106`",
                "Did you mean `pc104`",
            ),
            (
                with(|all| all.options = Some(names("ctrl:nocap"))),
                "the stock image has no keyboard option `ctrl:nocap`",
                "Did you mean `ctrl:nocaps`",
            ),
        ] {
            let stock = trixie();
            let _ = patch(&stock, |draft| {
                let error = set_keyboard(draft, &wrong).unwrap_err();
                assert!(error.is_about_nodes_yaml());
                assert_eq!(error.to_string(), message);
                assert!(error.hint().unwrap().starts_with(hint), "{:?}", error.hint());
            });
        }
        // Without a list, nothing is known to be wrong.
        let unknown = put(MemoryStock::new(), "/etc/other", "");
        assert!(text(&set(&unknown, &keyboard("dee")), PATH).contains("dee"));
    }
}
