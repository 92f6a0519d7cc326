//! The language of a node.

use super::RaspiosError;
use super::text::map_lines;
use crate::patch::{Draft, Partition};
use crate::types::similar::most_similar;
use crate::types::{ImagePath, image_path};

const AVAILABLE: &str = "/etc/locale.gen";

/// Sets the locale: `LANG` in /etc/default/locale, and its line in /etc/locale.gen (locale.gen(5)).
///
/// Locales are compiled by programs of the image, which cannot run here: one that the stock image did not
/// compile needs the command returned to be run at the first boot.
///
/// # Errors
/// When the image has no such locale.
pub fn set_locale(draft: &mut Draft<'_>, locale: &str) -> Result<Option<&'static str>, RaspiosError> {
    // glibc brings these along.
    let is_new = !["C", "POSIX", "C.UTF-8"].contains(&locale) && select(draft, locale)?;
    tracing::debug!("the stock image has {locale} compiled: {}", !is_new);
    let path = settings_path(draft)?;
    let setting = format!("LANG={locale}");
    if draft.exists(Partition::Root, &path)? {
        draft.edit_text(Partition::Root, &path, |text| with_setting(text, &setting))?;
    } else {
        draft.text(&path, format!("{setting}\n"))?;
    }
    Ok(is_new.then_some("locale-gen"))
}

/// Takes the line of a locale out of its comment. What is not commented out in the stock image is what it
/// was made with; of another one, returns `true`: it has to be compiled.
fn select(draft: &mut Draft<'_>, locale: &str) -> Result<bool, RaspiosError> {
    let path = image_path!(AVAILABLE);
    let Some(text) = draft.read_text(Partition::Root, &path)? else {
        return Err(RaspiosError::MissingFile { partition: Partition::Root, path });
    };
    let is_wanted = |line: &str| line.split_whitespace().next() == Some(locale);
    if text.lines().any(is_wanted) {
        return Ok(false);
    }
    let mut found = false;
    let selected = map_lines(&text, |line| {
        let hidden = line.trim_start().strip_prefix('#').map(str::trim);
        match hidden.filter(|hidden| !found && is_wanted(hidden) && hidden.split_whitespace().count() == 2) {
            Some(hidden) => {
                found = true;
                Some(hidden.to_owned())
            }
            None => Some(line.to_owned()),
        }
    });
    if !found {
        let names = text.lines().filter_map(|line| line.trim_start_matches('#').split_whitespace().next());
        let locales = names.filter(|name| name.contains('_')).map(str::to_owned);
        return Err(RaspiosError::UnknownLocale {
            locale: locale.to_owned(),
            nearest: most_similar(locale, locales),
        });
    }
    draft.edit_text(Partition::Root, &path, |_| selected)?;
    Ok(true)
}

/// Returns the path of the file that says it: on trixie, /etc/default/locale is a link to systemd's /etc/locale.conf.
fn settings_path(draft: &Draft<'_>) -> Result<ImagePath, RaspiosError> {
    let path = image_path!("/etc/default/locale");
    match draft.read_link(&path)?.as_deref() {
        Some("../locale.conf" | "/etc/locale.conf") => Ok(image_path!("/etc/locale.conf")),
        _ => Ok(path),
    }
}

fn with_setting(text: &str, setting: &str) -> String {
    let mut found = false;
    let mut changed = map_lines(text, |line| {
        if !line.starts_with("LANG=") {
            return Some(line.to_owned());
        }
        let first = !found;
        found = true;
        first.then(|| setting.to_owned())
    });
    if !found {
        changed = format!("{}{setting}\n", super::text::with_last_line_ended(&changed));
    }
    changed
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::patch::{MemoryStock, Patch};
    use crate::raspios::test_stock::{applied, bookworm, patch, paths, text, trixie};
    use crate::types::Hint as _;

    fn set(stock: &MemoryStock, locale: &str) -> (Patch, Option<&'static str>) {
        let mut command = None;
        let patch = patch(stock, |draft| command = set_locale(draft, locale).unwrap());
        (patch, command)
    }

    #[test]
    fn a_locale_that_is_not_compiled_is_compiled_at_the_first_boot() {
        let (once, command) = set(&bookworm(), "de_DE.UTF-8");
        assert_eq!(command, Some("locale-gen"));
        assert_eq!(text(&once, "/etc/default/locale"), "LANG=de_DE.UTF-8\n");
        assert_eq!(
            text(&once, AVAILABLE),
            "# Comment\nde_DE.UTF-8 UTF-8\n# de_AT.UTF-8 UTF-8\nen_GB.UTF-8 UTF-8\n"
        );
        let (again, _) = set(&applied(bookworm(), &once), "de_DE.UTF-8");
        assert_eq!(paths(&again), <[&str; 0]>::default());
    }

    #[test]
    fn the_link_of_trixie_stays_a_link() {
        let (patch, _) = set(&trixie(), "de_DE.UTF-8");
        assert_eq!(paths(&patch), [AVAILABLE, "/etc/locale.conf"]);
    }

    #[test]
    fn what_the_stock_image_has_needs_nothing() {
        let (patch, command) = set(&trixie(), "en_GB.UTF-8");
        assert_eq!((paths(&patch), command), (Vec::new(), None));
        let (patch, command) = set(&trixie(), "C.UTF-8");
        assert_eq!((paths(&patch), command), (vec!["/etc/locale.conf"], None));
    }

    #[test]
    fn an_unknown_locale_is_refused_with_the_nearest() {
        let stock = trixie();
        let _ = patch(&stock, |draft| {
            let error = set_locale(draft, "de_DE").unwrap_err();
            assert_eq!(error.to_string(), "the stock image has no locale `de_DE`");
            assert!(error.hint().unwrap().starts_with("Did you mean `de_DE.UTF-8`"));
            assert!(set_locale(draft, "Comment").is_err());
        });
    }

    #[test]
    fn other_settings_stay() {
        assert_eq!(with_setting("A=1\nLANG=x\nLANG=y\nB=2", "LANG=z"), "A=1\nLANG=z\nB=2");
        assert_eq!(with_setting("A=1", "LANG=z"), "A=1\nLANG=z\n");
    }
}
