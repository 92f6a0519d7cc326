//! What a backup puts onto the card of a server, so that the first start of its k3s goes on with the old cluster.
//!
//! A datastore of sqlite is a file, which k3s finds. Of etcd there is a snapshot, which k3s has to make a datastore of
//! before it starts: `k3s server --cluster-reset --cluster-reset-restore-path=FILE` does so and ends, without kubelet and
//! API server (k3s, pkg/cli/server/server.go), and the token in config.yaml opens what is encrypted in it. The other
//! servers join the cluster again with an empty `server/db`, as on cards that are made anew (docs.k3s.io,
//! "k3s etcd-snapshot", Restoring Snapshots).

use super::{FIRST_START, Host, K3sError, service};
use crate::cluster::{Node, Role};
use crate::first_start::Script;
use crate::patch::{Content, Draft, Partition};
use crate::systemd;
use crate::types::{ImagePath, Mode, Owner, image_path};

/// The path of the snapshot on the card, until it was restored.
const SNAPSHOT: &str = "/var/lib/cardwright/k3s-snapshot";

/// The files of a backup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    /// The time at which it was made, for people.
    pub time: String,
    /// Paths below the folder `server` of k3s, and contents.
    pub files: Vec<(String, Content)>,
    /// The snapshot of etcd, where that is the datastore.
    pub snapshot: Option<Content>,
}

/// Writes a backup onto the card of a server, over the authorities that it would have otherwise.
///
/// k3s runs as root, so that all of it may be root's alone; certificates may be seen as k3s's own may.
///
/// # Errors
/// Fails when the stock image cannot be read or has something in the way.
pub fn restore(
    draft: &mut Draft<'_>,
    node: &Node,
    host: &Host<'_>,
    restored: &Restored,
) -> Result<(), K3sError> {
    let Some(own) = &node.k3s else { return Ok(()) };
    let server = ImagePath::new(format!("{}/server", own.data_dir()))?;
    for (name, content) in &restored.files {
        let path = server.join(name)?;
        folders(draft, &server, &path)?;
        if path.name().rsplit('.').next() == Some("crt") {
            draft.text(&path, content.clone())?;
        } else {
            draft.secret(&path, content.clone())?;
        }
    }
    let Some(snapshot) = &restored.snapshot else { return Ok(()) };
    draft.secret(&image_path!(SNAPSHOT), snapshot.clone())?;
    let settings = [
        ("data_dir", own.data_dir().to_owned()),
        ("snapshot", SNAPSHOT.to_owned()),
        ("backup_time", restored.time.clone()),
    ];
    let parts = [FIRST_START, include_str!("restore-k3s.sh")];
    Script { name: "restore-k3s", parts: &parts, settings: &settings }.write(draft, host.boot_mount)?;
    // The last ExecStartPre, behind the wait for network and time.
    let drop_in =
        systemd::CONFIGURATION.join(&format!("{}.service.d/cardwright.conf", service::name(Role::Server)))?;
    Ok(draft.edit_text(Partition::Root, &drop_in, |text| format!("{text}{DROP_IN}"))?)
}

/// Makes the folders between that of the server and a file, with k3s's own mode.
fn folders(draft: &mut Draft<'_>, server: &ImagePath, path: &ImagePath) -> Result<(), K3sError> {
    let mut above = Vec::new();
    let mut next = path.parent();
    while let Some(folder) = next.filter(|folder| folder.starts_with(server)) {
        next = folder.parent();
        above.push(folder);
    }
    for folder in above.iter().rev() {
        draft.directory(Partition::Root, folder, Mode::PRIVATE_DIRECTORY, Owner::ROOT)?;
    }
    Ok(())
}

/// An addition to the drop-in of k3s's unit.
const DROP_IN: &str = "
[Service]
ExecStartPre=/usr/local/lib/cardwright/restore-k3s
";
