//! /var/lib/rancher/k3s/server/manifests: what k3s deploys by itself, on the card of the server that founds
//! the cluster; the folders of several servers are not kept alike (docs.k3s.io, "Auto-Deploying Manifests").

use super::K3sError;
use crate::cluster::Manifest;
use crate::patch::{Draft, ImagePath, Mode, Owner, Partition};

const SERVER: &str = "/var/lib/rancher/k3s/server";

pub(super) fn write(draft: &mut Draft<'_>, manifests: &[Manifest]) -> Result<(), K3sError> {
    if manifests.is_empty() {
        return Ok(());
    }
    let folder = format!("{SERVER}/manifests");
    for folder in [SERVER, &folder] {
        draft.directory(Partition::Root, &ImagePath::new(folder)?, Mode::PRIVATE_DIRECTORY, Owner::ROOT)?;
    }
    for Manifest { file_name, text, holds_secrets } in manifests {
        let path = ImagePath::new(format!("{folder}/{file_name}"))?;
        if *holds_secrets {
            draft.secret(&path, text.as_str())?;
        } else {
            // As k3s writes its own.
            draft.file(Partition::Root, &path, text.as_str(), Mode::SECRET, Owner::ROOT)?;
        }
    }
    Ok(())
}
