//! /var/lib/rancher/k3s/server/manifests: what k3s deploys by itself, on the card of the first
//! server; the folders of several servers are not kept alike (docs.k3s.io, "Auto-Deploying Manifests").

use super::{Target, kube_vip};
use crate::cluster::Manifest;
use crate::patch::{Draft, Partition, PatchError};
use crate::types::{ImagePath, Mode, Owner};

pub(super) fn write(draft: &mut Draft<'_>, target: &Target<'_>) -> Result<(), PatchError> {
    let manifests: Vec<Manifest> =
        target.k3s.manifests.iter().cloned().chain(kube_vip::manifest(target)).collect();
    if manifests.is_empty() {
        return Ok(());
    }
    let server = format!("{}/server", target.own.data_dir());
    let folder = format!("{server}/manifests");
    for folder in [&server, &folder] {
        draft.directory(Partition::Root, &ImagePath::new(folder)?, Mode::PRIVATE_DIRECTORY, Owner::ROOT)?;
    }
    for Manifest { file_name, text, holds_secrets } in &manifests {
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
