//! /etc/rancher/k3s/registries.yaml: where images come from, with credentials perhaps.

use super::{K3sError, Target};
use crate::cluster::Registries;
use crate::patch::Draft;
use crate::types::image_path;

pub(super) fn write(draft: &mut Draft<'_>, target: &Target<'_>) -> Result<(), K3sError> {
    let path = image_path!("/etc/rancher/k3s/registries.yaml");
    match &target.k3s.registries {
        None => Ok(()),
        Some(Registries::File(text)) => Ok(draft.secret(&path, text.reveal())?),
        Some(Registries::Inline(keys)) => target.write_yaml(draft, &path, keys),
    }
}
