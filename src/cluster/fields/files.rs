//! `files:`, the files the user wants on the card.

use crate::cluster::claimed::ClaimedBy;
use crate::cluster::diagnostic::{Diagnostics, Finding, shown};
use crate::cluster::document::folders::Folders;
use crate::cluster::document::table::{added, keys};
use crate::cluster::document::types::{by, required, token, words};
use crate::cluster::document::value::{Field, FieldValue, Spanned};
use crate::cluster::fields::size;
use crate::cluster::{ExtraFile, FieldSpan, FileOwner, FilePath, FileSource, claimed};
use crate::patch::Partition;
use crate::types::{ByteCount, ImagePath, Mode, Owner, escape};
use serde_json::json;
use std::collections::BTreeMap;

keys! {
    level FILE: "file", "in a file, under `files:`",
        "An extra file on the card. What cardwright itself writes (names, network, keys, units) is not replaced.",
        schema || json!({"oneOf": [{"required": ["content"]}, {"required": ["source"]}]});
    draft FileFields;

    key path: String = required("/etc/motd", by(|value| value.text().map(str::to_owned))); {
        help: "Where, from the top of the partition; `~/…` is the home of the node's user.",
        example: "/etc/motd",
        schema: || json!({"type": "string", "pattern": "^(/|~/)"}),
        here: "to dest destination target filename",
    }
    key content: FileSource = by(|value| value.token().map(|text| FileSource::Inline(text.to_owned()))); {
        help: "What is in it.",
        example: "Welcome",
        schema: || json!({"type": ["string", "number", "boolean"]}),
        here: "contents text data body",
        others: "contents",
    }
    key source: String = by(|value| value.text().map(str::to_owned)); {
        help: "A file of this machine to copy, relative to nodes.yaml's folder; instead of `content`.",
        example: "motd",
        schema: || json!({"type": "string"}),
        others: "src local from",
        instead_of: "content",
    }
    key partition: Partition = words([("root", Partition::Root), ("boot", Partition::Boot)]); {
        help: "On which partition.",
        example: "root",
        schema: || json!({"default": "root"}),
    }
    key mode: Mode = token(mode); {
        help: "Permissions in octal, as chmod takes them. Without it a file that is there keeps its own, and a \
              new one gets 0644.",
        example: "0644",
        schema: || json!({"anyOf": [{"type": "string", "pattern": "^(0o)?[0-7]{3,5}$"}, {"type": "integer"}]}),
        others: "permissions chmod perm perms",
    }
    key owner: FileOwner = token(owner); {
        help: "`root`, `user` for the node's user, or numbers like \"1000:1000\". Without it a file that is \
              there keeps its owner, and a new one gets that of its directory.",
        example: "root",
        schema: || json!({"anyOf": [{"type": "string", "pattern": "^(root|user|\\d+(:\\d+)?)$"}, {"type": "integer"}]}),
        here: "chown user group",
    }
}

/// Reads the list; the same path twice in it is put down.
pub(crate) fn read(value: &FieldValue<'_>) -> Option<Vec<Spanned<ExtraFile>>> {
    let files = value.list_of_mappings(&FILE, read_one)?;
    for (index, file) in files.iter().enumerate() {
        let earlier = files.iter().take(index).find(|earlier| same_target(&earlier.value, &file.value));
        if let Some(earlier) = earlier {
            report_second(file, &earlier.span, value.diagnostics());
        }
    }
    Some(files)
}

/// Merges lists: the cluster's first, then the node's, without those of the cluster's that the node's take the place of.
pub(crate) fn by_path(
    own: &Field<Vec<Spanned<ExtraFile>>>,
    cluster: &Field<Vec<Spanned<ExtraFile>>>,
) -> Field<Vec<Spanned<ExtraFile>>> {
    let mut others = cluster.clone();
    if let (Field::Given(others), Field::Given(own)) = (&mut others, own) {
        others.value.retain(|file| !own.value.iter().any(|own| same_target(&own.value, &file.value)));
    }
    added(own, &others)
}

/// Tells whether two files would be written to the same path.
fn same_target(one: &ExtraFile, other: &ExtraFile) -> bool {
    one.partition == other.partition
        && match (&one.path, &other.path) {
            (FilePath::Absolute(path), FilePath::Absolute(other)) => {
                one.partition.one_spelling(path) == one.partition.one_spelling(other)
            }
            (path, other) => path == other,
        }
}

/// Holds the files of one node, its own above the cluster's, against each other and against what cardwright
/// itself writes.
pub(crate) fn check_node(
    files: &[Spanned<ExtraFile>],
    user: &str,
    runs_k3s: bool,
    diagnostics: &Diagnostics,
) {
    // As every Raspberry Pi OS has it. What another image has is seen when it is planned.
    let Ok(home) = ImagePath::new(format!("/home/{user}")) else { return };
    let mut known: BTreeMap<(Partition, ImagePath), &FieldSpan> = BTreeMap::new();
    let placed: Vec<_> = files
        .iter()
        .filter_map(|file| {
            let on = file.value.partition;
            let path = on.one_spelling(&file.value.path.on_card(&home).ok()?);
            Some(((on, path), file))
        })
        .collect();
    for (target, file) in &placed {
        if let Some(first) = known.get(target)
            && list_of(first) == list_of(&file.span)
        {
            report_second(file, first, diagnostics);
        }
        known.insert(target.clone(), &file.span);
    }
    for ((on, path), file) in &placed {
        let mut above = path.parent();
        while let Some(path) = above {
            above = path.parent();
            if let Some(other) = known.get(&(*on, path.clone())) {
                let message = format!("`{}` would lie below `{path}`, which is a file", file.value.path);
                let hint = format!("Change one of the two; the other is in {}", other.line_from(&file.span));
                diagnostics.report(&file.span, Finding::new(message, hint));
            }
        }
        let claimed = match on {
            Partition::Root => claimed::find(path, &home),
            Partition::Boot => claimed::find_on_boot(path),
        };
        let claimed = claimed.filter(|claimed| match claimed.by {
            ClaimedBy::EveryPlan | ClaimedBy::Reserved => true,
            ClaimedBy::EveryK3s => runs_k3s,
            ClaimedBy::SomePlans => false,
        });
        if let Some(claimed) = claimed {
            let message = match on {
                Partition::Root => {
                    format!("`{}` is written by cardwright itself: {}", file.value.path, claimed.what)
                }
                Partition::Boot => {
                    format!("`{}` on the boot partition is reserved: {}", file.value.path, claimed.what)
                }
            };
            diagnostics.report(&file.span, Finding::new(message, claimed.instead));
        }
    }
}

/// The list that an item is in: `nodes[2].files` of `nodes[2].files[0].path`.
fn list_of(span: &FieldSpan) -> &str {
    span.path.rsplit_once('[').map_or("", |(list, _)| list)
}

fn report_second(file: &Spanned<ExtraFile>, first: &FieldSpan, diagnostics: &Diagnostics) {
    let message = format!("`{}` is written a second time", file.value.path);
    let hint = format!("Keep one of the two; the first is in {}", first.line_from(&file.span));
    diagnostics.report(&file.span, Finding::new(message, hint));
}

fn read_one(item: &FieldValue<'_>) -> Option<Spanned<ExtraFile>> {
    let fields = item.fields(&FILE)?;
    let FileFields { path: text, content, source, partition, mode, owner, .. } = FileFields::read(&fields);
    let partition = match partition {
        Field::Absent => Partition::Root,
        Field::Invalid => return None,
        Field::Given(partition) => partition.value,
    };
    let path = text.parse(item.diagnostics(), |text| path(text, partition));
    if partition == Partition::Boot {
        let mode = ("mode", mode.given().map(|mode| &mode.span));
        for (key, span) in [mode, ("owner", owner.given().map(|owner| &owner.span))] {
            let Some(span) = span else { continue };
            let message =
                format!("`{key}` has no effect on the boot partition: FAT has neither modes nor owners");
            item.diagnostics().report(span, Finding::new(message, "Remove it"));
        }
    }
    let content = match (content, source) {
        (Field::Absent, Field::Absent) => {
            let hint = "Add `content:` with a text, or `source:` with a file";
            item.report(Finding::new("this file has no content", hint));
            None
        }
        (content, Field::Absent) => content.value(),
        (Field::Absent, source) => {
            source.parse(item.diagnostics(), |text| source_file(text, item.folders())).value()
        }
        _ => {
            let message = "this file has both `content` and `source`";
            item.report(Finding::new(message, "Keep one of the two"));
            None
        }
    };
    let invalid = mode.is_invalid() || owner.is_invalid();
    let Field::Given(Spanned { value: path, span }) = path else { return None };
    let content = content.filter(|_| !invalid)?;
    let (mode, owner) = (mode.value(), owner.value());
    let value = ExtraFile { partition, path, content, mode, owner, span: Some(span.clone()) };
    Some(Spanned { value, span })
}

/// A file of this machine that some card has room for. Holes count: on a card they are zeros like others. What the
/// cards of this cluster have room for is known with the stock image.
fn source_file(text: &str, folders: &Folders) -> Result<FileSource, Finding> {
    let path = folders.existing_file(text)?;
    let found = std::fs::metadata(&path).map_err(|error| {
        let message = format!("{} cannot be looked at: {error}", shown(text));
        Finding::new(message, "Make the file readable")
    })?;
    if found.len() >= size::LARGEST {
        let message = format!(
            "{} has {}, holes included: no partition of a card is that large",
            shown(text),
            ByteCount::new(found.len())
        );
        return Err(Finding::new(
            message,
            format!("Name a file of less than {}", ByteCount::new(size::LARGEST)),
        ));
    }
    Ok(FileSource::Path(path))
}

/// Directories that the system mounts something else over, so that a file there is never seen, and the links
/// that lead there on every release (hier(7); base-files' `/var/run`, tmpfiles' `/var/lock`).
const COVERED: [(&str, &str); 7] = [
    ("/proc", "/proc"),
    ("/sys", "/sys"),
    ("/dev", "/dev"),
    ("/run", "/run"),
    ("/tmp", "/tmp"),
    ("/var/run", "/run"),
    ("/var/lock", "/run/lock"),
];

fn path(text: &str, partition: Partition) -> Result<FilePath, Finding> {
    match (text.strip_prefix('~'), partition) {
        (None, partition) => absolute_path(text, partition).map(FilePath::Absolute),
        (Some(_), Partition::Boot) => {
            let message = format!("{} is on the root partition, where the users' homes are", shown(text));
            Err(Finding::new(message, "Remove `partition: boot`, or write a path on the boot partition"))
        }
        (Some(rest), Partition::Root) if rest.starts_with('/') && rest != "/" => {
            image_path(rest, text).map(FilePath::Home)
        }
        (Some("" | "/"), Partition::Root) => {
            let message = format!("{} is a directory", shown(text));
            Err(Finding::new(message, "Write the whole path of a file, like `~/.bashrc`"))
        }
        (Some(_), Partition::Root) => {
            let message = format!("{} means the home of somebody else", shown(text));
            Err(Finding::new(
                message,
                "Begin with `~/`, the home of the node's user, or write the whole path",
            ))
        }
    }
}

/// The path `path`, which `text` means.
fn image_path(path: &str, text: &str) -> Result<ImagePath, Finding> {
    let path = ImagePath::new(path).map_err(|error| {
        let hint = "Write the whole path on the card, like `/etc/motd` or `~/.bashrc`";
        Finding::new(format!("{} is not a path on the card: {}", shown(text), error.reason), hint)
    })?;
    if text.contains(escape::is_control) {
        let message = format!("the path {} has a control character", shown(text));
        return Err(Finding::new(message, "Choose another path"));
    }
    Ok(path)
}

fn absolute_path(text: &str, partition: Partition) -> Result<ImagePath, Finding> {
    let path = image_path(text, text)?;
    if text == "/" {
        return Err(Finding::new("`/` is a directory", "Write the whole path of a file, like `/etc/motd`"));
    }
    match partition {
        Partition::Root => check_root_path(text)?,
        Partition::Boot => check_boot_path(text, &path)?,
    }
    Ok(path)
}

/// Returns `true` for a folder and all that is in it.
fn is_in(text: &str, folder: &str) -> bool {
    text.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn stock_file(text: &str) -> Finding {
    let message = format!("{} is the stock image's own, which cardwright adds to", shown(text));
    Finding::new(message, "Write what you want to add under `boot:`, as `config:` or `cmdline:`")
}

fn check_root_path(text: &str) -> Result<(), Finding> {
    // What else is below /boot is judged when the release is known: up to bullseye, all of it is the boot
    // partition, later /boot/firmware alone. These two only say there where the settings are.
    let in_boot = text.strip_prefix("/boot/firmware").or_else(|| text.strip_prefix("/boot"));
    if matches!(in_boot, Some("/config.txt" | "/cmdline.txt")) {
        return Err(stock_file(text));
    }
    let Some((folder, covered)) = COVERED.iter().find(|(folder, _)| is_in(text, folder)) else {
        return Ok(());
    };
    let link =
        if folder == covered { String::new() } else { format!("`{folder}` leads to `{covered}`, and ") };
    let message =
        format!("{link}`{covered}` is empty whenever the system starts; a file there is never seen");
    Err(Finding::new(message, "Choose another folder"))
}

/// Refuses what VFAT does not allow, and what it would not keep apart from other names.
fn check_boot_path(text: &str, path: &ImagePath) -> Result<(), Finding> {
    if matches!(text.to_ascii_lowercase().as_str(), "/config.txt" | "/cmdline.txt") {
        return Err(stock_file(text));
    }
    if is_in(text, "/boot") {
        let message = format!("{} would be `/boot` on the boot partition itself", shown(text));
        return Err(Finding::new(
            message,
            "Write the path as it is on the partition, without `/boot/firmware`",
        ));
    }
    // Names are ASCII here: VFAT keeps others a second time, in a code page, and code pages differ.
    let complaint = if !text.is_ascii() {
        Some("has characters beyond ASCII, which cardwright does not write on FAT")
    } else if text.contains(|character: char| r#"\:*?"<>|"#.contains(character) || character.is_control()) {
        Some("has characters that FAT does not allow")
    } else {
        None
    };
    if let Some(complaint) = complaint {
        return Err(Finding::new(
            format!("{} {complaint}", shown(text)),
            "Use the letters a to z and A to Z, digits, `-`, `_` and `.`",
        ));
    }
    if let Some(name) = path.parts().find(|name| name.ends_with(['.', ' '])) {
        let message = format!("{} ends in a dot or a space, which FAT's drivers drop", shown(name));
        return Err(Finding::new(message, format!("Write {}", shown(name.trim_end_matches(['.', ' '])))));
    }
    if let Some(name) = path.parts().find(|name| is_short_alias(name)) {
        let message = format!("{} is a name as FAT makes them up for files with long names", shown(name));
        return Err(Finding::new(message, "Choose a name without `~` and a number"));
    }
    Ok(())
}

/// Tells whether a name is of the form that FAT gives a file beside its long name: `CONFIG~1.TXT`. Which file gets
/// which of them hangs on the order in which they were written, so that a name of this form may be another file's.
fn is_short_alias(name: &str) -> bool {
    let (stem, extension) = name.split_once('.').unwrap_or((name, ""));
    let number = stem.rsplit_once('~').map(|(_, number)| number);
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    stem.len() <= 8 && extension.len() <= 3 && !extension.contains('.') && number.is_some_and(is_number)
}

/// Octal, as chmod reads it, whether YAML takes `0644` for a number or not.
fn mode(text: &str) -> Result<Mode, Finding> {
    let digits = text.strip_prefix("0o").unwrap_or(text);
    let octal = (3..=5).contains(&digits.len()) && digits.bytes().all(|byte| matches!(byte, b'0'..=b'7'));
    octal.then(|| u16::from_str_radix(digits, 8).ok()).flatten().and_then(Mode::new).ok_or_else(|| {
        Finding::new(
            format!("{} is not a mode", shown(text)),
            "Write the octal number that `chmod` takes, like `0644`",
        )
    })
}

fn owner(text: &str) -> Result<FileOwner, Finding> {
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
        _ => Err(Finding::new(
            format!("{} is not an owner", shown(text)),
            "Write `root`, `user` for the node's user, or two numbers like `1000:1000`",
        )),
    }
}
