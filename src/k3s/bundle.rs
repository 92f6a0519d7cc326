//! k3s inside the card: the program, the archives of container images, and the wait before the first start.

use super::{FIRST_START, K3sError, Target, service};
use crate::first_start::Script;
use crate::patch::{Content, Draft, Partition};
use crate::types::{ImagePath, Mode, Owner, image_path};

/// The folder that k3s imports archives from, below its `data-dir`, on servers and agents alike (docs.k3s.io, "Air-Gap
/// Install").
const IMAGES: &str = "agent/images";

/// An empty file of this name lets k3s import every archive once, and not at every start; k3s does not make
/// it by itself (k3s#12243).
const IMPORT_CACHE: &str = ".cache.json";

/// The commands that k3s's own installer links to the program, but not where the system has such a command already.
const LINKS: [&str; 3] = ["kubectl", "crictl", "ctr"];
const FOLDERS_OF_COMMANDS: [&str; 3] = ["/usr/local/sbin", "/usr/bin", "/usr/sbin"];

/// Files that are put into the image of every node that runs k3s.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Artifacts {
    /// The program that k3s consists of, for the architecture of the cards.
    pub binary: Content,
    /// Archives of container images, and their names.
    pub images: Vec<(String, Content)>,
}

/// Writes the artifacts for a k3s that keeps its data in `data_dir`. They are the same on every node.
///
/// # Errors
/// When the stock image cannot be read or has something in the way.
pub fn write_artifacts(draft: &mut Draft<'_>, artifacts: &Artifacts, data_dir: &str) -> Result<(), K3sError> {
    let program = image_path!(service::PROGRAM);
    draft.file(Partition::Root, &program, artifacts.binary.clone(), Mode::EXECUTABLE, Owner::ROOT)?;
    for name in LINKS {
        let mut known = false;
        for folder in FOLDERS_OF_COMMANDS {
            known |= draft.exists(Partition::Root, &ImagePath::new(format!("{folder}/{name}"))?)?;
        }
        let link = ImagePath::new(format!("/usr/local/bin/{name}"))?;
        if !known && !draft.exists(Partition::Root, &link)? {
            draft.symlink(&link, program.name())?;
            // A convenience, as the installer's is.
            draft.leave_to_user(Partition::Root, &link)?;
        }
    }
    if artifacts.images.is_empty() {
        return Ok(());
    }
    for (name, content) in &artifacts.images {
        let path = ImagePath::new(format!("{data_dir}/{IMAGES}/{name}"))?;
        draft.text(&path, content.clone())?;
    }
    let cache = ImagePath::new(format!("{data_dir}/{IMAGES}/{IMPORT_CACHE}"))?;
    Ok(draft.text(&cache, "")?)
}

/// Makes k3s wait, before its first start, for what it cannot do without.
pub(super) fn wait_at_first_start(draft: &mut Draft<'_>, target: &Target<'_>) -> Result<(), K3sError> {
    let settings = [("version", target.k3s.version.to_string()), ("role", target.own.role.to_string())];
    let parts = [FIRST_START, include_str!("start-k3s.sh")];
    Ok(Script { name: "start-k3s", parts: &parts, settings: &settings }
        .write(draft, target.host.boot_mount)?)
}

/// The drop-in of the unit. The disk grows to the size of the card before images are unpacked onto it.
pub(super) const DROP_IN: &str = "\
# Written by cardwright: at the first start, what k3s cannot do without is waited for.
[Unit]
After=rpi-resize.service

[Service]
ExecStartPre=/usr/local/lib/cardwright/start-k3s
";
