//! `files:`, the files the user wants on the card.

use super::keys;
use super::reader::{Cursor, Fields, Located, Reader, Setting, Wrong, shown};
use super::{ExtraFile, FileOwner, FileSource};
use crate::escape;
use crate::fs::{ImagePath, Mode, Owner};
use crate::patch::Partition;

/// Reads the list; the same path twice in it is put down.
pub(super) fn read(value: &Cursor<'_>, reader: &mut Reader) -> Option<Vec<Located<ExtraFile>>> {
    let files = value.list(reader, read_one)?;
    for (index, file) in files.iter().enumerate() {
        let earlier = files.iter().take(index).find(|earlier| same_place(&earlier.value, &file.value));
        if let Some(earlier) = earlier {
            let message = format!("`{}` is written a second time", file.value.path);
            let hint = format!("Keep one of the two; the first is in line {}", earlier.spot.place.line);
            reader.report(&file.spot, Wrong::new(message, hint));
        }
    }
    Some(files)
}

/// Whether two files would be written to the same path. FAT takes capital letters for small ones.
pub(super) fn same_place(one: &ExtraFile, other: &ExtraFile) -> bool {
    one.partition == other.partition
        && match one.partition {
            Partition::Root => one.path == other.path,
            Partition::Boot => one.path.as_str().eq_ignore_ascii_case(other.path.as_str()),
        }
}

fn read_one(item: &Cursor<'_>, reader: &mut Reader) -> Option<Located<ExtraFile>> {
    let fields = item.fields(&keys::FILE, reader)?;
    let partition = fields.setting("partition", reader, |value, reader| {
        value.one_of(&[("root", Partition::Root), ("boot", Partition::Boot)], reader)
    });
    let on = match &partition {
        Setting::Absent => Partition::Root,
        Setting::Invalid => return None,
        Setting::Given(partition) => partition.value,
    };
    let path = fields
        .required("path", "/etc/motd", reader, |value, reader| value.parse(reader, |text| path(text, on)));
    let mode = fields.setting("mode", reader, |value, reader| value.parse_token(reader, mode));
    let owner = fields.setting("owner", reader, |value, reader| value.parse_token(reader, owner));
    for key in ["mode", "owner"] {
        if on == Partition::Boot
            && let Some(value) = fields.get(key)
        {
            let message =
                format!("`{key}` has no effect on the boot partition: FAT has neither modes nor owners");
            reader.report(&value.spot(), Wrong::new(message, "Remove it"));
        }
    }
    let content = content(&fields, reader);
    let wrong = matches!(mode, Setting::Invalid) || matches!(owner, Setting::Invalid);
    let path = path.given()?.clone();
    Some(Located {
        spot: path.spot,
        value: ExtraFile {
            partition: on,
            path: path.value,
            content: content.filter(|_| !wrong)?,
            mode: mode.value().unwrap_or(Mode::FILE),
            owner: owner.value().unwrap_or(FileOwner::Numeric(Owner::ROOT)),
        },
    })
}

fn content(fields: &Fields<'_>, reader: &mut Reader) -> Option<FileSource> {
    let folders = reader.folders.clone();
    match (fields.get("source"), fields.get("content")) {
        (Some(source), None) => {
            source.parse(reader, |text| folders.existing_file(text).map(FileSource::Path))
        }
        (None, Some(content)) => content.token(reader).map(|text| FileSource::Inline(text.to_owned())),
        (None, None) if fields.is_mistyped("source") || fields.is_mistyped("content") => None,
        (None, None) => {
            let hint = "Add `content:` with a text, or `source:` with a file";
            reader.report(&fields.spot(), Wrong::new("this file has no content", hint));
            None
        }
        (Some(_), Some(_)) => {
            let message = "this file has both `content` and `source`";
            reader.report(&fields.spot(), Wrong::new(message, "Keep one of the two"));
            None
        }
    }
}

/// What the system mounts something else over: a file there is never seen.
const COVERED: [&str; 5] = ["/proc", "/sys", "/dev", "/run", "/tmp"];

fn path(text: &str, partition: Partition) -> Result<ImagePath, Wrong> {
    let path = ImagePath::new(text).map_err(|error| {
        let hint = "Write the whole path on the card, like `/etc/motd`";
        Wrong::new(format!("{} is not a path on the card: {}", shown(text), error.reason), hint)
    })?;
    if text.contains(escape::is_control) {
        let message = format!("the path {} has a control character", shown(text));
        return Err(Wrong::new(message, "Choose another path"));
    }
    let below = |ancestor: &str| {
        text == ancestor || text.strip_prefix(ancestor).is_some_and(|rest| rest.starts_with('/'))
    };
    if text == "/" {
        return Err(Wrong::new("`/` is a directory", "Write the whole path of a file, like `/etc/motd`"));
    }
    match partition {
        Partition::Root => {
            if below("/boot") {
                let rest = text.strip_prefix("/boot/firmware").or_else(|| text.strip_prefix("/boot"));
                let rest = rest.filter(|rest| !rest.is_empty()).unwrap_or("/…");
                let message = format!("{} lies on the boot partition, which is mounted there", shown(text));
                let hint = match rest {
                    "/config.txt" | "/cmdline.txt" => {
                        "Write what you want to add under `boot:`, as `config:` or `cmdline:`".to_owned()
                    }
                    rest => format!("Write `partition: boot` and `path: {rest}`"),
                };
                return Err(Wrong::new(message, hint));
            }
            if let Some(covered) = COVERED.iter().find(|covered| below(covered)) {
                let message =
                    format!("`{covered}` is empty whenever the system starts; a file there is never seen");
                return Err(Wrong::new(message, "Choose another folder"));
            }
        }
        Partition::Boot => {
            if matches!(text.to_ascii_lowercase().as_str(), "/config.txt" | "/cmdline.txt") {
                let message = format!("{} is the stock image's own, which cardwright adds to", shown(text));
                return Err(Wrong::new(
                    message,
                    "Write what you want to add under `boot:`, as `config:` or `cmdline:`",
                ));
            }
            if below("/boot") {
                let message = format!("{} would be `/boot` on the boot partition itself", shown(text));
                return Err(Wrong::new(
                    message,
                    "Write the path as it is on the partition, without `/boot/firmware`",
                ));
            }
            // What VFAT does not allow in a name; its names are ASCII here, as code pages differ.
            if text.contains(|character: char| {
                !character.is_ascii() || r#"\:*?"<>|"#.contains(character) || character.is_control()
            }) {
                return Err(Wrong::new(
                    format!("{} has characters that FAT does not allow", shown(text)),
                    "Use letters, digits, `-`, `_` and `.`",
                ));
            }
        }
    }
    Ok(path)
}

/// Octal, as chmod reads it, whether YAML takes `0644` for a number or not.
fn mode(text: &str) -> Result<Mode, Wrong> {
    let digits = text.strip_prefix("0o").unwrap_or(text);
    let octal = (3..=5).contains(&digits.len()) && digits.bytes().all(|byte| matches!(byte, b'0'..=b'7'));
    octal.then(|| u16::from_str_radix(digits, 8).ok()).flatten().and_then(Mode::new).ok_or_else(|| {
        Wrong::new(
            format!("{} is not a mode", shown(text)),
            "Write the octal number that `chmod` takes, like `0644`",
        )
    })
}

fn owner(text: &str) -> Result<FileOwner, Wrong> {
    let number = |text: &str| {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        // 4294967295 means "unchanged" to chown(2).
        digits.then(|| text.parse::<u32>().ok()).flatten().filter(|number| *number < u32::MAX)
    };
    match text {
        "root" => return Ok(FileOwner::Numeric(Owner::ROOT)),
        "user" => return Ok(FileOwner::User),
        _ => {}
    }
    let (uid, gid) = text.split_once(':').unwrap_or((text, text));
    match (number(uid), number(gid)) {
        (Some(uid), Some(gid)) => Ok(FileOwner::Numeric(Owner { uid, gid })),
        _ => Err(Wrong::new(
            format!("{} is not an owner", shown(text)),
            "Write `root`, `user` for the node's user, or two numbers like `1000:1000`",
        )),
    }
}
