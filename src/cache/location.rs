//! The folder of the cache.

use super::CacheError;
use super::bucket::in_the_making;
use crate::io::ownership::{PRIVATE, create_folder, home};
use crate::io::temporary::TemporaryFile;
use crate::types::Warning;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// Returns the folder of the cache: `CARDWRIGHT_CACHE`, else the folder `cardwright` in `XDG_CACHE_HOME` or `~/.cache`;
/// on macOS in `~/Library/Caches`; on Windows `%LOCALAPPDATA%\cardwright\cache`. `None` where there is no home.
pub fn folder() -> Option<PathBuf> {
    folder_of(std::env::consts::OS, |name| match name {
        "HOME" => home().map(PathBuf::into_os_string),
        name => std::env::var_os(name),
    })
}

fn folder_of(system: &str, variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let folder = |name| variable(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    // Where relative paths lead depends on where a program is started; XDG says to ignore them.
    let absolute = |name| folder(name).filter(|folder| folder.is_absolute());
    folder("CARDWRIGHT_CACHE").or_else(|| {
        Some(match system {
            "windows" => absolute("LOCALAPPDATA")?.join("cardwright").join("cache"),
            "macos" => absolute("HOME")?.join("Library/Caches/cardwright"),
            _ => absolute("XDG_CACHE_HOME")
                .or_else(|| absolute("HOME").map(|home| home.join(".cache")))?
                .join("cardwright"),
        })
    })
}

/// Creates the folder of a cache where it is missing. Returns the reason why it cannot be used; `None` where it can.
pub fn trouble(cache: &Path) -> Option<CacheError> {
    let tried = create_folder(cache, true)
        .and_then(|()| TemporaryFile::create(cache, in_the_making(), PRIVATE).map(drop));
    tried.err().map(CacheError::when("writing to", cache))
}

/// Returns the warning that the cache cannot be used.
pub fn cache_warning(error: &dyn std::fmt::Display) -> Warning {
    Warning {
        message: format!(
            "the cache cannot be used, so the next build will take as long as this one: {error}"
        ),
        hint: Some("Set CARDWRIGHT_CACHE to a folder that you may write to and that has room".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cache_is_where_each_system_keeps_caches() {
        let root = std::env::temp_dir();
        let home = root.join("home");
        let with = |system: &str, variables: &[(&str, &Path)]| {
            folder_of(system, |name| {
                let found = variables.iter().find(|(known, _)| *known == name);
                found.map(|(_, value)| value.as_os_str().to_owned())
            })
        };
        let linux = |variables: &[(&str, &Path)]| with("linux", variables);
        assert_eq!(linux(&[("HOME", &home)]), Some(home.join(".cache/cardwright")));
        assert_eq!(linux(&[("HOME", &home), ("XDG_CACHE_HOME", &root)]), Some(root.join("cardwright")));
        let relative = Path::new("relative");
        assert_eq!(
            linux(&[("HOME", &home), ("XDG_CACHE_HOME", relative)]),
            Some(home.join(".cache/cardwright"))
        );
        assert_eq!(linux(&[("HOME", &home), ("CARDWRIGHT_CACHE", relative)]), Some(relative.to_owned()));
        assert_eq!(
            linux(&[("HOME", &home), ("CARDWRIGHT_CACHE", Path::new(""))]),
            Some(home.join(".cache/cardwright"))
        );
        assert_eq!(linux(&[]), None);
        assert_eq!(with("macos", &[("HOME", &home)]), Some(home.join("Library/Caches/cardwright")));
        assert_eq!(with("windows", &[("LOCALAPPDATA", &root)]), Some(root.join("cardwright").join("cache")));
    }
}
