//! /etc/rancher/node/password: how a server knows that a node of a known name is that node.
//!
//! k3s makes one where none is, and a card written again would be refused as a "duplicate hostname"
//! until somebody deletes the old one's secret (pkg/nodepassword). Derived from the cluster's secret it
//! is the same after every writing.

use super::Target;
use crate::patch::{Draft, PatchError};
use crate::types::image_path;

pub(super) fn write(draft: &mut Draft<'_>, target: &Target<'_>) -> Result<(), PatchError> {
    let password = target.secret.node_password(target.node.name.as_str());
    draft.secret(&image_path!("/etc/rancher/node/password"), format!("{}\n", *password))
}
