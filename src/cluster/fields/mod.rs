//! Readers of the fields of nodes.yaml, a file for each of its sections.

mod boot;
pub(crate) mod files;
pub(crate) mod image;
pub(crate) mod k3s;
pub(crate) mod network;
pub(crate) mod node;
pub(crate) mod size;
mod source;
mod system;
mod user;
