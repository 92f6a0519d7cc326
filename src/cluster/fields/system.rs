//! Fields of the system: `timezone:`, `locale:`, `ntp:`, `first_boot:`.

use crate::cluster::TimeServer;
use crate::cluster::diagnostic::{Finding, shown};

/// A name of the tz database, as /usr/share/zoneinfo has it. Whether it is there the image has to say.
pub(crate) fn timezone(text: &str) -> Result<String, Finding> {
    let part = |part: &str| {
        !part.is_empty()
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'+'))
    };
    if text.split('/').all(part) {
        Ok(text.to_owned())
    } else {
        Err(Finding::new(
            format!("{} is not a time zone", shown(text)),
            "Write it like `Europe/Berlin` or `Etc/UTC`",
        ))
    }
}

pub(crate) fn time_server(text: &str) -> Result<TimeServer, Finding> {
    TimeServer::new(text).map_err(|reason| {
        Finding::new(
            format!("{} is no time server: it {reason}", shown(text)),
            "Write its name or its address, like `ntp.example.org` or `192.168.50.1`",
        )
    })
}

/// `language_COUNTRY.UTF-8`, with an optional `@variant`, or `C.UTF-8`.
pub(crate) fn locale(text: &str) -> Result<String, Finding> {
    let (name, variant) = text.split_once('@').unwrap_or((text, "x"));
    let (language, charset) = name.split_once('.').unwrap_or((name, ""));
    let known = language == "C"
        || language.split_once('_').is_some_and(|(language, country)| {
            (2..=3).contains(&language.len())
                && language.bytes().all(|byte| byte.is_ascii_lowercase())
                && (2..=3).contains(&country.len())
                && country.bytes().all(|byte| byte.is_ascii_uppercase())
        });
    let message = format!("{} is not a locale", shown(text));
    if !known || variant.is_empty() || !variant.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Err(Finding::new(message, "Write it like `de_DE.UTF-8`"));
    }
    if charset != "UTF-8" {
        let hint = format!("Write `{language}.UTF-8`");
        return Err(Finding::new(format!("{message} in UTF-8"), hint));
    }
    Ok(text.to_owned())
}

pub(crate) fn command(text: &str) -> Result<String, Finding> {
    if text.trim().is_empty() {
        return Err(Finding::new("this command is empty", "Write a shell command, or remove the item"));
    }
    if text.contains('\0') {
        return Err(Finding::new("this command has a NUL", "Remove it"));
    }
    Ok(text.trim_end().to_owned())
}
