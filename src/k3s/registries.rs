//! /etc/rancher/k3s/registries.yaml: where images come from, with credentials perhaps.

use super::{K3sError, yaml};
use crate::cluster::{Node, Registries};
use crate::patch::Draft;
use crate::types::image_path;

const PATH: &str = "/etc/rancher/k3s/registries.yaml";

pub(super) fn write(draft: &mut Draft<'_>, node: &Node, registries: &Registries) -> Result<(), K3sError> {
    let text = match registries {
        Registries::File(text) => text.reveal().to_owned(),
        Registries::Inline(mapping) => yaml::document(mapping).map_err(|error| K3sError::Yaml {
            file: "registries.yaml",
            node: node.name.to_string(),
            reason: error.to_string(),
        })?,
    };
    draft.secret(&image_path!(PATH), text)?;
    Ok(())
}
