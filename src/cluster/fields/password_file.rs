//! Passwords, where they stand: in a file of their own, or in nodes.yaml.

use crate::cluster::diagnostic::{Finding, shown};
use crate::cluster::document::folders;
use crate::cluster::document::value::FieldValue;
use crate::io::ownership::mode_if_open_to_others;
use crate::io::plain_file;
use crate::types::shell;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use zeroize::Zeroizing;

/// A password with the name of the file that it is in, as messages have it.
pub(crate) struct PasswordInFile {
    pub(crate) password: Zeroizing<String>,
    pub(crate) name: String,
}

/// Reads the file that a value names, of which no more than `longest` bytes and the end of a line are of interest. Gone
/// is what programs put around a text: the byte order mark of Windows, and the end of the line. Blanks may belong
/// to a password, and are warned of.
pub(crate) fn read(value: &FieldValue<'_>, longest: usize) -> Option<PasswordInFile> {
    value.parse(|text| {
        let folders = value.folders();
        if !folders.exists(text) {
            // It may be the password itself.
            let hint =
                "Paths are relative to the folder of nodes.yaml; the password itself does not belong here";
            return Err(Finding::new("there is no file of this name", hint).secret());
        }
        let path = folders.existing_file(text)?;
        let name = shown(text);
        let file = plain_file::open(&path).map_err(|error| folders::unreadable(&path, &name, &error))?;
        warn_if_open_to_others(&file, &path, value, text);
        let mut content = Zeroizing::new(Vec::new());
        file.take(longest as u64 + 6)
            .read_to_end(&mut content)
            .map_err(|error| folders::unreadable(&path, &name, &error))?;
        let Ok(text) = std::str::from_utf8(&content) else {
            let hint = "Save the file as UTF-8, with the password alone";
            return Err(Finding::new(format!("{name} is not UTF-8"), hint));
        };
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let line = text.strip_suffix('\n').map_or(text, |line| line.strip_suffix('\r').unwrap_or(line));
        if line.starts_with(' ') || line.ends_with(' ') {
            let message = format!("the password in {name} begins or ends with a blank, which belongs to it");
            value.warn(Finding::new(message, "Take the blank out of the file, unless it is meant"));
        }
        Ok(PasswordInFile { password: Zeroizing::new(line.to_owned()), name })
    })
}

/// Warns where others may read the file that this password itself stands in.
pub(crate) fn warn_if_in_the_open(value: &FieldValue<'_>) {
    let path = value.folders().own_file();
    if let (Ok(file), Some(name)) = (File::open(path), path.file_name()) {
        warn_if_open_to_others(&file, path, value, &name.to_string_lossy());
    }
}

fn warn_if_open_to_others(file: &File, path: &Path, value: &FieldValue<'_>, called: &str) {
    if let Ok(Some(mode)) = mode_if_open_to_others(file) {
        let message =
            format!("others than you may read the password in {}: its mode is {mode:04o}", shown(called));
        let inside = path == value.folders().own_file();
        let instead = if inside { ", or name a file of its own: `password_file:`" } else { "" };
        let hint = format!("Run {}{instead}", shown(&format!("chmod 600 {}", shell::word(called))));
        value.warn(Finding::new(message, hint));
    }
}
