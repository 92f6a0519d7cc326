//! A plan as a person or a program reads it: without anything secret.

use crate::patch::{Action, Edit, Partition, Patch, PatchError, Sensitivity, Stock};
use crate::types::{ByteCount, Digest, ImagePath, Mode, Owner};
use serde::Serialize;
use similar::TextDiff;

/// Longer texts are not compared line by line: no file that cardwright edits comes near.
const LONGEST_DIFF: usize = 1 << 20;

/// One edit, as it may be shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PlannedEdit {
    /// The partition.
    pub partition: Partition,
    /// The path.
    pub path: ImagePath,
    /// The kind of the edit.
    pub change: PlannedChange,
    /// The size of a file, in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<ByteCount>,
    /// The permission bits of a file or directory, on the root partition.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<Mode>,
    /// The owner of a file or directory, on the root partition.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<Owner>,
    /// The target of a link or of a move.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// It is the same on every node, and lies in the layer that all share.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub shared: bool,
    /// The content is secret: neither it nor its hash nor a diff is shown.
    pub secret: bool,
    /// The SHA-256 of a file that is not secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha256: Option<Digest>,
    /// The changes in a text file of the stock image: a unified diff.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub diff: Option<String>,
}

/// The kind of an edit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum PlannedChange {
    /// Something is made where nothing was.
    Create,
    /// Something takes the place of what was there, or gets other attributes.
    Change,
    /// It is removed.
    Remove,
    /// It is moved.
    Move,
}

/// Returns a patch as it may be shown; what it has in common with the patches of all other nodes is marked.
///
/// # Errors
/// When a stock file that is edited cannot be read.
pub fn report(patch: &Patch, common: &Patch, stock: &dyn Stock) -> Result<Vec<PlannedEdit>, PatchError> {
    let edits = patch.edits.iter().map(|edit| {
        let shared = common.edits.contains(edit);
        Ok(PlannedEdit { shared, ..planned(edit, patch, stock)? })
    });
    edits.collect()
}

fn planned(edit: &Edit, patch: &Patch, stock: &dyn Stock) -> Result<PlannedEdit, PatchError> {
    let mut planned = PlannedEdit {
        partition: edit.partition,
        path: edit.path.clone(),
        change: if edit.replaces_stock { PlannedChange::Change } else { PlannedChange::Create },
        size: None,
        mode: None,
        owner: None,
        target: None,
        shared: false,
        secret: false,
        sha256: None,
        diff: None,
    };
    let on_root = edit.partition == Partition::Root;
    match &edit.action {
        Action::File { content, mode, owner, sensitivity } => {
            planned.size = Some(content.size());
            planned.mode = on_root.then_some(*mode);
            planned.owner = on_root.then_some(*owner);
            planned.secret = *sensitivity == Sensitivity::Secret;
            if !planned.secret {
                planned.sha256 = content.digest();
                if let (true, Some(after)) = (edit.replaces_stock, content.bytes()) {
                    let before = stock.read(edit.partition, &before_renames(patch, edit))?;
                    planned.diff = before.and_then(|before| diff(&before, after));
                }
            }
        }
        Action::Directory { mode, owner } => {
            planned.mode = on_root.then_some(*mode);
            planned.owner = on_root.then_some(*owner);
        }
        Action::Symlink { target } => planned.target = Some(target.clone()),
        Action::Remove => planned.change = PlannedChange::Remove,
        Action::Rename { to } => {
            planned.change = PlannedChange::Move;
            planned.target = Some(to.as_str().to_owned());
        }
    }
    Ok(planned)
}

/// Longer texts are not shown whole.
const LONGEST_TEXT: usize = 16 << 10;

/// Returns the text that an edit writes, with the key of a Wi-Fi taken out; `None` where it is no text, or long, or
/// another secret.
pub fn text_of(edit: &Edit) -> Option<String> {
    const CONNECTIONS: &str = "/etc/NetworkManager/system-connections";
    let Action::File { content, sensitivity, .. } = &edit.action else { return None };
    let text = content.bytes().filter(|bytes| bytes.len() <= LONGEST_TEXT)?;
    let text = std::str::from_utf8(text).ok().filter(|text| !text.contains('\0'))?;
    if *sensitivity == Sensitivity::Plain {
        return Some(text.to_owned());
    }
    // The key is the one secret in such a file (nm-settings-keyfile(5)).
    let is_connection = edit.partition == Partition::Root && edit.path.as_str().starts_with(CONNECTIONS);
    let shown =
        |line: &str| if line.starts_with("psk=") { "psk=(secret)\n".to_owned() } else { line.to_owned() };
    is_connection.then(|| text.split_inclusive('\n').map(shown).collect())
}

/// Returns the path at which the stock image has what an edit replaces.
fn before_renames(patch: &Patch, edit: &Edit) -> ImagePath {
    patch.edits_of(edit.partition).fold(edit.path.clone(), |path, other| match &other.action {
        Action::Rename { to } => path.after_rename(to, &other.path),
        _ => path,
    })
}

/// Returns the changes between two texts, as `diff -u` shows them without its two header lines.
fn diff(before: &[u8], after: &[u8]) -> Option<String> {
    if before.len().max(after.len()) > LONGEST_DIFF {
        return None;
    }
    let (before, after) = (std::str::from_utf8(before).ok()?, std::str::from_utf8(after).ok()?);
    let diff = TextDiff::from_lines(before, after);
    let text = diff.unified_diff().context_radius(1).to_string();
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::patch::{Draft, MemoryStock};
    use crate::types::UnixTime;

    fn path(text: &str) -> ImagePath {
        ImagePath::new(text).unwrap()
    }

    fn nothing() -> Patch {
        Patch { time: UnixTime::new(1), edits: Vec::new() }
    }

    fn stock(at: &str, mode: Mode, content: &str) -> MemoryStock {
        MemoryStock::new().file(Partition::Root, &path(at), mode, Owner::ROOT, content)
    }

    #[test]
    fn a_secret_is_named_and_not_shown() {
        let stock = stock("/etc/x", Mode::SECRET, "old secret");
        let mut draft = Draft::new(&stock, UnixTime::new(1));
        draft.secret(&path("/etc/x"), "new secret").unwrap();
        let json = serde_json::to_string(&report(&draft.finish(), &nothing(), &stock).unwrap()).unwrap();
        assert!(json.contains("\"/etc/x\"") && json.contains("\"secret\":true"), "{json}");
        assert!(!json.contains("old") && !json.contains("new"), "{json}");
        assert!(!json.contains(&Digest::of(b"new secret").to_string()), "{json}");
    }

    #[test]
    fn a_text_is_shown_without_its_secret_or_not_at_all() {
        let stock = MemoryStock::new();
        let mut draft = Draft::new(&stock, UnixTime::new(1));
        draft.text(&path("/etc/x"), "plain\n").unwrap();
        draft.text(&path("/etc/long"), "x".repeat(LONGEST_TEXT + 1)).unwrap();
        draft.secret(&path("/etc/y"), "psk=hunter2\n").unwrap();
        let wifi = "[wifi]\nssid=IEEE\n[wifi-security]\npsk=hunter2\n[ipv4]\n";
        draft.secret(&path("/etc/NetworkManager/system-connections/wlan0.nmconnection"), wifi).unwrap();
        let patch = draft.finish();
        let shown: Vec<_> =
            patch.edits.iter().filter_map(|edit| Some((edit.path.as_str(), text_of(edit)?))).collect();
        let wifi = wifi.replace("hunter2", "(secret)");
        assert_eq!(
            shown,
            [
                ("/etc/x", "plain\n".to_owned()),
                ("/etc/NetworkManager/system-connections/wlan0.nmconnection", wifi)
            ]
        );
    }

    #[test]
    fn a_changed_text_is_shown_as_a_diff() {
        let stock = stock("/etc/hostname", Mode::FILE, "raspberrypi\n");
        let mut draft = Draft::new(&stock, UnixTime::new(1));
        draft.file(Partition::Root, &path("/etc/hostname"), "north\n", Mode::FILE, Owner::ROOT).unwrap();
        let report = report(&draft.finish(), &nothing(), &stock).unwrap();
        assert_eq!(report[0].change, PlannedChange::Change);
        assert_eq!(report[0].diff.as_deref(), Some("@@ -1 +1 @@\n-raspberrypi\n+north\n"));
    }
}
